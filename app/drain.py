"""The drain put together, and its Lambda function: ``app.drain.handler`` on a schedule, in the gateway's image."""

import asyncio
import sys
import time
from functools import cache
from typing import Any

import boto3
import orjson

from app.draining import DrainReport, Stopped, drain_once
from app.metrics import DRAINED, NAMESPACE
from app.observability import configure_logging
from app.settings import DrainSettings
from app.sinks.aws import PATIENT_CALL_SECONDS, client_config
from app.sinks.batching import DEFAULT_PACKING, Packing
from app.sinks.kinesis import KinesisSink
from app.sinks.stream_in_threads import StreamInThreads
from app.spill_area import S3SpillArea

CONNECTIONS = 8
SPARE_SECONDS = 5.0
"""Of a function's time, what is left for ending well: at the deadline the objects in work may just have been read, and
taking one of 9 MiB apart is a tenth of a second of a whole CPU, of which a function with 512 MiB has a third."""


class DrainFailedError(Exception):
    """The spill area cannot be listed, read or written; the function's invocation fails with it."""


class Drain:
    """From one bucket's spill area into one stream, with clients that are made once.

    Args:
        endpoint: where AWS's SDK is not to find it by itself.
        packing: as the gateway's.
    """

    def __init__(
        self,
        session: boto3.Session,
        stream_name: str,
        bucket: str,
        *,
        endpoint: str | None = None,
        packing: Packing = DEFAULT_PACKING,
    ) -> None:
        config = client_config(session.region_name, CONNECTIONS, patient=True)
        stream = StreamInThreads(
            lambda: session.client("kinesis", config=config, endpoint_url=endpoint),
            stream_name,
            CONNECTIONS,
            packing.lanes,
            PATIENT_CALL_SECONDS,
        )
        self._stream = KinesisSink(stream, calls=CONNECTIONS, packing=packing)
        self._area = S3SpillArea(
            lambda: session.client("s3", config=config, endpoint_url=endpoint), bucket, CONNECTIONS
        )

    async def open(self) -> None:
        """Make the clients."""
        await self._stream.open()
        self._area.open()

    async def once(self, seconds: float) -> DrainReport:
        """Drain for at most `seconds`."""
        return await drain_once(self._area, self._stream, asyncio.get_running_loop().time() + seconds)

    async def close(self) -> None:
        """Let the clients go."""
        await self._stream.close()
        self._area.close()


def report_line(report: DrainReport, now: float, stage: str | None = None) -> bytes:
    """What a drain did as one line of JSON; with a stage, as CloudWatch's embedded metrics too.

    The age is left out where it is not known: no object was seen, and not because there is none.

    Args:
        now: seconds since the epoch.
    """
    members: dict[str, Any] = {
        "event": "drain",
        "objects": report.objects,
        "records": report.records,
        "malformed": len(report.malformed),  # the log names each; CloudWatch drops a line of 100,000 keys
        "kept": len(report.kept),
        "stopped": report.stopped,
        "oldest": report.oldest,
    }
    if stage is not None:
        values: dict[str, float] = {"RecordsDrained": report.records}
        if report.oldest is not None:
            values["SpillAgeSeconds"] = max(0.0, round(now - report.oldest.timestamp(), 3))
        elif report.stopped is None:
            values["SpillAgeSeconds"] = 0
        metrics = [{"Name": name, "Unit": DRAINED[name].unit} for name in values]
        directive = {"Namespace": NAMESPACE, "Dimensions": DRAINED["RecordsDrained"].dimensions, "Metrics": metrics}
        members["_aws"] = {"Timestamp": int(now * 1000), "CloudWatchMetrics": [directive]}
        members |= {"Stage": stage, **values}
    return orjson.dumps(members, option=orjson.OPT_APPEND_NEWLINE)


def handler(_event: object, context: Any) -> dict[str, int]:  # noqa: ANN401  the runtime's own class
    """Drain once, in the time that the function has.

    Raises:
        DrainFailedError: the bucket failed; what the stream or the time left behind waits for the next run.
    """
    settings, loop, drain = _of_this_container()
    seconds = context.get_remaining_time_in_millis() / 1000 - SPARE_SECONDS
    report = loop.run_until_complete(drain.once(seconds))
    sys.stdout.buffer.write(report_line(report, time.time(), settings.stage))
    sys.stdout.flush()
    if report.stopped is Stopped.BUCKET:
        raise DrainFailedError("the spill area cannot be listed, read or written: see the log")
    return {"objects": report.objects, "records": report.records}


@cache
def _of_this_container() -> tuple[DrainSettings, asyncio.AbstractEventLoop, Drain]:
    configure_logging()
    settings = DrainSettings()
    loop = asyncio.new_event_loop()
    drain = Drain(
        boto3.Session(region_name=settings.aws_region),
        settings.stream_name,
        settings.error_bucket,
        packing=Packing(settings.stream_lanes, settings.packing),
    )
    loop.run_until_complete(drain.open())
    return settings, loop, drain
