"""What comes in, and how the stage that takes it is set up."""

from dataclasses import dataclass

from app.sinks.batching import DEFAULT_LANES
from ops.cost.errors import WorkloadError

MAX_BODY_BYTES = 4 * 1024 * 1024
"""The gateway's default; tested against its settings."""
MAX_RECORDS = 10_000
"""As above."""
MAX_PAYLOAD_BYTES = 1_000_000
"""Near the gateway's limit for a stream line, 1,000 KiB with its envelope."""
MOST_SHARE = 0.99
"""Of rejected or spilled records: without any good one there is no pipeline to price."""
PROVISIONED, ON_DEMAND = "provisioned", "on-demand"
MODES = (PROVISIONED, ON_DEMAND)
ARCHITECTURES = ("x86_64", "arm64")
EDITIONS = ("standard", "enterprise", "business_critical")


@dataclass(frozen=True, slots=True)
class Workload:
    """What comes in.

    Attributes:
        rate: records a second, the mean of the month.
        size: bytes of a record as sent.
        batch: records a request.
        rejected: the share of records that is rejected, spread evenly over all requests.
        spilled: the share of requests that is spilled, whole, for spilling comes in spells.
        peak: the busiest seconds bring so many times the mean.
        source, schema: what the envelope says; None is no schema.
        over_internet: answers leave AWS's region.
    """

    rate: float
    size: int = 300
    batch: int = 1
    rejected: float = 0.0
    spilled: float = 0.0
    peak: float = 2.0
    source: str = "shop"
    schema: str | None = None
    over_internet: bool = True

    def __post_init__(self) -> None:
        _range("--rate", self.rate, 1e-6, 1e9)
        _range("--size", self.size, 1, MAX_PAYLOAD_BYTES)
        _range("--batch", self.batch, 1, MAX_RECORDS)
        _range("--rejected", self.rejected, 0, MOST_SHARE)
        _range("--spilled", self.spilled, 0, MOST_SHARE)
        _range("--peak", self.peak, 1, 10_000)
        if self.body_bytes > MAX_BODY_BYTES:
            fits = MAX_BODY_BYTES // (self.size + 1)
            raise WorkloadError(
                f"a request of {self.batch:,} records of {self.size:,} bytes is over the gateway's "
                f"{MAX_BODY_BYTES:,} bytes; at most {fits:,} fit: lower --batch"
            )

    @property
    def body_bytes(self) -> int:
        """A request's body as NDJSON."""
        return self.batch * (self.size + 1)

    @property
    def requests(self) -> float:
        """A second."""
        return self.rate / self.batch

    @property
    def accepted(self) -> float:
        """Records a second, the spilled included: they reach the stream later."""
        return self.rate * (1 - self.rejected)

    @property
    def share_of_requests_with_rejected(self) -> float:
        """Each of these writes one error object."""
        return 1.0 - (1.0 - self.rejected) ** self.batch


@dataclass(frozen=True, slots=True)
class Setup:
    """How the stage is set up.

    Memory, the drain's minutes and how long errors and logs are kept are those of parameters/prod.yaml by default, the
    drain's memory is its template's; the rest is a plain stage.

    Attributes:
        mode: of the stream.
        shards: of a provisioned stream; None is as many as the peak needs.
        packing: lines share Kinesis records.
        lanes: that lines are packed in.
        compression: how many times smaller the landing files are than what is in them.
        stream_hours: retention of the stream.
        landing_days, rejected_days, log_days: how long files, error objects and logs are kept.
        memory_mib, milliseconds, milliseconds_per_record: of the function; a request takes the one and for each of its
            records the other. Assumptions, until you have measured yours.
        drain_minutes, drain_memory_mib: how often the drain's function runs, whether or not anything was spilled.
        edition: of Snowflake.
    """

    mode: str = PROVISIONED
    shards: int | None = None
    packing: bool = True
    lanes: int = DEFAULT_LANES
    buffer_mib: int = 64
    buffer_seconds: int = 60
    compression: float = 1.0
    stream_hours: int = 24
    landing_days: float = 30
    rejected_days: float = 90
    log_days: float = 90
    architecture: str = "x86_64"
    memory_mib: int = 1769
    milliseconds: float = 15.0
    milliseconds_per_record: float = 0.02
    drain_minutes: int = 1
    drain_memory_mib: int = 512
    edition: str = "standard"

    def __post_init__(self) -> None:
        _range("--lanes", self.lanes, 1, 1024)
        _range("--buffer-mb", self.buffer_mib, 1, 128)
        _range("--buffer-seconds", self.buffer_seconds, 0, 900)
        _range("--compression", self.compression, 1, 100)
        _range("--stream-hours", self.stream_hours, 24, 168)
        _range("--landing-days", self.landing_days, 0, 36_500)
        _range("--rejected-days", self.rejected_days, 1, 3_650)
        _range("--log-days", self.log_days, 1, 3_653)
        _range("--memory", self.memory_mib, 128, 10_240)
        _range("--lambda-ms", self.milliseconds, 1, 29_000)
        _range("--lambda-ms-per-record", self.milliseconds_per_record, 0, 1_000)
        _range("--drain-minutes", self.drain_minutes, 1, 10)
        _range("--drain-memory", self.drain_memory_mib, 512, 10_240)
        if self.shards is not None:
            _range("--shards", self.shards, 1, 100_000)


def _range(option: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise WorkloadError(f"{option} is {least:,g} to {most:,g}, not {value:,g}")
