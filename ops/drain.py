"""`sluice drain`: spilled records back into the stream, now."""

import argparse
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import _SubParsersAction
    from collections.abc import Iterator

    import boto3

    from app.draining import DrainReport

PROJECT = Path(__file__).resolve().parents[1]
MOST_SHOWN = 20


class DrainError(Exception):
    """It is not known what to drain; the message is one line for the user."""


@dataclass(frozen=True, slots=True)
class Target:
    """What to drain into what; `endpoint` of the local pipeline's engine, else None."""

    bucket: str
    stream: str
    endpoint: str | None = None


def register(commands: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("drain", help="put spilled records back into the stream")
    parser.add_argument("--stage", help="of this stage, found by its storage stack")
    parser.add_argument("--bucket", help="the error bucket, with --stream; default: the pipeline that runs here")
    parser.add_argument("--stream", help="the stream, with --bucket")
    parser.add_argument("--seconds", type=float, default=600.0, help="how long at the most (600)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Drain once; exit status 1 when something is left."""
    import asyncio  # noqa: PLC0415 - no other command needs these

    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        session, target = find(arguments)
        report = asyncio.run(_drain(session, target, arguments.seconds))
    except (DrainError, BotoCoreError, ClientError) as error:
        sys.stderr.write(f"sluice: {error}\n")
        return 1
    for line in describe(report):
        print(line)
    return 0 if report.is_clean else 1


def find(arguments: argparse.Namespace) -> "tuple[boto3.Session, Target]":
    """What the arguments name, and credentials for it.

    Raises:
        DrainError: they name nothing, or too much.
    """
    import boto3  # noqa: PLC0415

    if bool(arguments.bucket) != bool(arguments.stream) or (arguments.stage and arguments.bucket):
        raise DrainError("give --stage, or --bucket and --stream, or none of them for the pipeline that runs here")
    if arguments.bucket:
        return boto3.Session(), Target(arguments.bucket, arguments.stream)
    if arguments.stage:
        session = boto3.Session()
        return session, _of_stage(session, arguments.stage)
    # The engine takes any credentials, and none of a real account's may reach it.
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")  # noqa: S106
    return session, _running_here()


def describe(report: "DrainReport") -> "Iterator[str]":
    """What was done, and what is left and why."""
    yield f"drained: {report.records} records of {report.objects} objects"
    for why, keys in (("left as they are, for they hold no stream lines", report.malformed), ("kept", report.kept)):
        if keys:
            yield f"{why}: {len(keys)} objects"
            yield from (f"  {key}" for key in keys[:MOST_SHOWN])
    if report.stopped:
        yield f"stopped before the end: {report.stopped}"


async def _drain(session: "boto3.Session", target: Target, seconds: float) -> "DrainReport":
    from app.drain import Drain  # noqa: PLC0415

    drain = Drain(session, target.stream, target.bucket, endpoint=target.endpoint)
    await drain.open()
    try:
        return await drain.once(seconds)
    finally:
        await drain.close()


def _of_stage(session: "boto3.Session", stage: str) -> Target:
    from ops.stacks import stack_name  # noqa: PLC0415

    [stack] = session.client("cloudformation").describe_stacks(StackName=stack_name(stage, "storage"))["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    return Target(outputs["ErrorBucketName"], outputs["StreamName"])


def _running_here() -> Target:
    home = Path(os.environ.get("SLUICE_HOME") or PROJECT / ".sluice")
    try:
        processes = json.loads((home / "run.json").read_text(encoding="utf-8"))["processes"]
        deployed = json.loads((home / "deployed.json").read_text(encoding="utf-8"))
        return Target(deployed["error_bucket"], deployed["stream_name"], processes["engine"]["url"])
    except (FileNotFoundError, KeyError):
        raise DrainError(f"no pipeline runs in {home}; start one with: make run") from None
