"""What a workload asks of each service in a month. Pure arithmetic; no prices."""

from dataclasses import dataclass
from math import ceil, inf

from ops.cost.errors import WorkloadError
from ops.cost.packing import KIB, Sent, packed, unpacked
from ops.cost.price_list import GB
from ops.cost.sizes import (
    ACCESS_LOG_BYTES,
    DRAIN_LINE_BYTES,
    PLATFORM_LOG_BYTES,
    answer_bytes,
    error_line_bytes,
    line_bytes,
    receipt_bytes,
)
from ops.cost.workload import PROVISIONED, Setup, Workload

MONTH_HOURS = 730.0
MONTH_SECONDS = MONTH_HOURS * 3600
MONTH_DAYS = MONTH_HOURS / 24
HTTP_UNIT_BYTES = 512 * KIB
"""A request is billed in steps of 512 KB (API Gateway pricing page, HTTP APIs)."""
SHARD_BYTES, SHARD_RECORDS = 1024 * KIB, 1_000
"""What a shard takes in a second (Kinesis developer guide, "Quotas and limits")."""
FREE_STREAM_HOURS = 24
KEY_ROTATIONS = 12
"""An hour: "Kinesis Data Streams calls AWS KMS approximately every five minutes", for each set of credentials (Kinesis
developer guide, "Costs, Regions, and performance considerations")."""
BUCKET_KEY_SHARE = 0.01
"""Of S3 requests, those that reach KMS: a bucket key saves "up to 99 percent" (S3 user guide, "Reducing the cost of
SSE-KMS with Amazon S3 Bucket Keys"). An assumption."""
SECRET_READS = 60
"""An hour and container: the API keys are read again once they are 60 s old."""
LOG_COMPRESSION = 0.15
"""Of ingested logs, what is stored (CloudWatch pricing page, its examples). An assumption."""
DRAIN_MILLISECONDS = 100
"""Of a run of the drain that finds nothing: one LIST, with the third of a CPU that 512 MiB bring, on a connection that
S3 may have closed since the last run. An assumption."""
LIST_PAGE = 1_000
"""Keys a LIST; a run that finds nothing makes one all the same."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What is used in a month; rates are a second's.

    Attributes:
        records: that came, rejected or not.
        http_units, gb_seconds, containers: of the HTTP API and the function.
        stream: Kinesis records of the month.
        shards: of a provisioned stream, standing.
        shards_needed: that the mean alone would fill, not rounded.
        file_seconds: from one landing file to the next.
        error_objects, spill_objects: S3 objects of the month.
        drain_runs, drain_gb_seconds, drain_lists: of the drain's function, on its schedule.
        *_gb: gigabytes of 2**30 bytes.
    """

    records: float
    requests: float
    http_units: float
    gb_seconds: float
    containers: int
    stream: Sent
    shards: int
    shards_needed: float
    file_seconds: float
    files: float
    landed_gb: float
    stored_landing_gb: float
    error_objects: float
    stored_errors_gb: float
    spill_objects: float
    drain_runs: float
    drain_gb_seconds: float
    drain_lists: float
    logs_gb: float
    stored_logs_gb: float
    answers_gb: float

    @property
    def file_bytes(self) -> float:
        """The mean size of a landing file, before compression."""
        return self.landed_gb * GB / self.files if self.files else 0.0


def demand(workload: Workload, setup: Setup) -> Demand:
    """What `workload` asks of a stage set up so.

    Raises:
        WorkloadError: more than the shards that were asked for can take.
    """
    requests = workload.requests * MONTH_SECONDS
    line = line_bytes(workload.source, workload.schema, workload.size, workload.batch)
    if setup.packing:
        stream = packed(workload.batch, line, setup.lanes, 1 - workload.rejected) * requests
    else:
        stream = unpacked(workload.batch * (1 - workload.rejected), line) * requests
    needed = max(stream.throughput_bytes / SHARD_BYTES, stream.records / SHARD_RECORDS) / MONTH_SECONDS
    shards = max(1, ceil(needed * workload.peak - 1e-9))
    if setup.mode == PROVISIONED and setup.shards is not None:
        if shards > setup.shards:
            raise WorkloadError(f"{setup.shards} shards are too few: the peak needs {shards:,}; leave --shards out")
        shards = setup.shards
    landed_gb = stream.payload_bytes / GB
    file_seconds = _file_seconds(stream, setup)
    files = MONTH_SECONDS / file_seconds
    error_objects = requests * workload.share_of_requests_with_rejected
    error_bytes = requests * workload.batch * workload.rejected * _error_line(workload)
    milliseconds = ceil(setup.milliseconds + setup.milliseconds_per_record * workload.batch)
    runs = MONTH_SECONDS / 60 / setup.drain_minutes
    spill_objects = requests * workload.spilled
    logs_gb = (requests * _log_bytes(workload) + runs * (DRAIN_LINE_BYTES + PLATFORM_LOG_BYTES)) / GB
    return Demand(
        records=workload.rate * MONTH_SECONDS,
        requests=requests,
        http_units=requests * max(1, ceil(workload.body_bytes / HTTP_UNIT_BYTES)),
        gb_seconds=requests * milliseconds / 1000 * setup.memory_mib / 1024,
        containers=max(1, ceil(workload.requests * milliseconds / 1000)),
        stream=stream,
        shards=shards,
        shards_needed=needed,
        file_seconds=file_seconds,
        files=files,
        landed_gb=landed_gb,
        stored_landing_gb=landed_gb / setup.compression * setup.landing_days / MONTH_DAYS,
        error_objects=error_objects,
        stored_errors_gb=error_bytes / GB * setup.rejected_days / MONTH_DAYS,
        spill_objects=spill_objects,
        drain_runs=runs,
        drain_gb_seconds=runs * DRAIN_MILLISECONDS / 1000 * setup.drain_memory_mib / 1024,
        drain_lists=runs + spill_objects / LIST_PAGE,
        logs_gb=logs_gb,
        stored_logs_gb=logs_gb * LOG_COMPRESSION * setup.log_days / MONTH_DAYS,
        answers_gb=requests * answer_bytes(workload.batch * workload.rejected) / GB if workload.over_internet else 0.0,
    )


def _file_seconds(stream: Sent, setup: Setup) -> float:
    """Until the buffer is full, or its seconds after the first record that came: one file a buffer.

    The smallest buffer, 1 MiB, holds the largest record, so there are never more files than records.
    """
    if not stream.records:
        return inf
    until_full = setup.buffer_mib * KIB * KIB / (stream.payload_bytes / MONTH_SECONDS)
    until_first = MONTH_SECONDS / stream.records
    return min(until_full, setup.buffer_seconds + until_first)


def _error_line(workload: Workload) -> int:
    return error_line_bytes(workload.source, workload.schema, workload.size)


def _log_bytes(workload: Workload) -> float:
    """A request's: receipt, Lambda's own lines and the access log."""
    share = workload.share_of_requests_with_rejected
    clean = receipt_bytes(workload.source, workload.schema, workload.batch, 0)
    if not share:
        return clean + PLATFORM_LOG_BYTES + ACCESS_LOG_BYTES
    rejected = min(workload.batch, max(1, round(workload.batch * workload.rejected / share)))
    with_rejected = receipt_bytes(workload.source, workload.schema, workload.batch, rejected)
    return (1 - share) * clean + share * with_rejected + PLATFORM_LOG_BYTES + ACCESS_LOG_BYTES
