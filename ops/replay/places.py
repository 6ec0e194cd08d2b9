"""Where the stream and the error bucket are: named, a stage's, or those of the pipeline that runs here."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from ops.replay.errors import ReplayError
from ops.stacks import stack_name
from ops.trace import PROJECT

LOCAL_REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class Places:
    """A stream and a bucket, and how to reach them. `endpoint` is None for AWS's own, or AWS_ENDPOINT_URL."""

    session: boto3.Session
    stream: str
    bucket: str
    endpoint: str | None = None


def find_places(stream: str | None, bucket: str | None, stage: str | None) -> Places:
    """The places that the user names.

    Raises:
        ReplayError: half of it is missing, or there is none.
    """
    if stage is not None:
        return _of_stage(stage)
    if stream and bucket:
        return Places(_session(), stream, bucket)
    if stream or bucket:
        raise ReplayError("--stream and --bucket go together")
    return _of_local_pipeline()


def _session() -> boto3.Session:
    return boto3.Session(region_name=os.environ.get("AWS_REGION") or None)  # botocore reads AWS_DEFAULT_REGION only


def _of_stage(stage: str) -> Places:
    session, name = _session(), stack_name(stage, "storage")
    try:
        [stack] = session.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        return Places(session, outputs["StreamName"], outputs["ErrorBucketName"])
    except (ClientError, BotoCoreError) as error:
        raise ReplayError(f"stack {name}: {error}") from None
    except (KeyError, ValueError):
        raise ReplayError(f"stack {name} does not name a stream and an error bucket") from None


def _of_local_pipeline() -> Places:
    home = Path(os.environ.get("SLUICE_HOME") or PROJECT / ".sluice")
    try:
        deployed, running = _json(home / "deployed.json"), _json(home / "run.json")
        endpoint = running["processes"]["engine"]["url"]
        stream, bucket = deployed["stream_name"], deployed["error_bucket"]
    except (OSError, ValueError, KeyError):
        raise ReplayError(
            f"no pipeline runs in {home}; start one with: make run; or name --stage, or --stream and --bucket"
        ) from None
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=LOCAL_REGION)  # noqa: S106
    return Places(session, stream, bucket, endpoint)


def _json(file: Path) -> Any:  # noqa: ANN401
    return json.loads(file.read_text(encoding="utf-8"))
