"""Where a pipeline is: the one that runs here, a stage's, or what the user names. For every command that asks.

The pipeline that runs here is told by two files of its home (SLUICE_HOME, else `.sluice` of this project): run.json has
its processes, deployed.json what its stacks made. A stage is told by its stacks' outputs.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ops.stacks import stack_name

if TYPE_CHECKING:
    import boto3

PROJECT = Path(__file__).resolve().parents[1]
LOCAL_REGION = "us-east-1"


class PlacesError(Exception):
    """It is not known where; the message is one line for the user."""


@dataclass(frozen=True, slots=True)
class Places:
    """A stream and an error bucket, and how to reach them.

    Attributes:
        endpoint: None for AWS's own, or AWS_ENDPOINT_URL.
        lanes: of the stream; None where nobody says.
    """

    session: "boto3.Session"
    stream: str
    bucket: str
    endpoint: str | None = None
    lanes: int | None = None


@dataclass(frozen=True, slots=True)
class Running:
    """The pipeline that runs here.

    Attributes:
        urls: by the name of the process; only those that have one.
        deployed: the names of what its stacks made.
    """

    home: Path
    urls: Mapping[str, str]
    deployed: Mapping[str, str]

    def session(self) -> "boto3.Session":
        """Credentials for its engine, which takes any: none of a real account's may reach it."""
        import boto3  # noqa: PLC0415 - takes a while, and `sluice trace` does without

        return boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=LOCAL_REGION)  # noqa: S106

    def places(self) -> Places:
        """Its stream and error bucket."""
        return Places(
            self.session(), self.deployed["stream_name"], self.deployed["error_bucket"], endpoint=self.urls["engine"]
        )


def running_here() -> Running:
    """The pipeline that runs in SLUICE_HOME, or in `.sluice` of this project.

    Raises:
        PlacesError: none runs there.
    """
    home = Path(os.environ.get("SLUICE_HOME") or PROJECT / ".sluice")
    nothing = f"no pipeline runs in {home}; start one with: make run; or name --stage"
    try:
        processes = json.loads((home / "run.json").read_text(encoding="utf-8"))["processes"]
        deployed = json.loads((home / "deployed.json").read_text(encoding="utf-8"))
        urls = {name: process["url"] for name, process in processes.items() if process.get("url")}
    except (OSError, ValueError, KeyError):
        raise PlacesError(nothing) from None
    return Running(home, _Known(urls, nothing), _Known(deployed, nothing))


def find_places(stream: str | None, bucket: str | None, stage: str | None) -> Places:
    """The stream and the error bucket that the user names.

    Raises:
        PlacesError: they name half of it, or too much, or there is none.
    """
    if bool(stream) != bool(bucket) or (stage and stream):
        raise PlacesError("give --stage, or --stream and --bucket together, or none of them for what runs here")
    if stage is not None:
        session = aws_session()
        outputs = outputs_of(session, stage, "storage")
        lanes = outputs.get("StreamLanes")
        return Places(
            session, outputs["StreamName"], outputs["ErrorBucketName"], lanes=None if lanes is None else int(lanes)
        )
    if stream and bucket:
        return Places(aws_session(), stream, bucket)
    return running_here().places()


def aws_session() -> "boto3.Session":
    """The user's credentials and region; botocore reads AWS_DEFAULT_REGION only."""
    import boto3  # noqa: PLC0415 - see Running.session

    return boto3.Session(region_name=os.environ.get("AWS_REGION") or None)


def outputs_of(session: "boto3.Session", stage: str, stack: str) -> Mapping[str, str]:
    """The outputs of one of a stage's stacks; one that is missing is a PlacesError.

    Raises:
        PlacesError: the stack is not there, or may not be seen.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - see Running.session

    name = stack_name(stage, stack)
    try:
        [found] = session.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    except (ClientError, BotoCoreError) as error:
        raise PlacesError(f"stack {name}: {error}") from None
    outputs = {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", ())}
    return _Known(outputs, f"stack {name} does not name all that is needed; deploy the stage")


class _Known(dict[str, str]):
    """What is known by name; what is not is one line for the user."""

    def __init__(self, known: Mapping[str, str], otherwise: str) -> None:
        super().__init__(known)
        self._otherwise = otherwise

    def __missing__(self, key: str) -> str:
        raise PlacesError(self._otherwise)
