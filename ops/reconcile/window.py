"""Which records are meant: those received in a span of whole minutes. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app.envelope import timestamp

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
CLOCKS = MINUTE
"""How far the gateway's clock may be before those of the stream, the buckets and the log."""
LONGEST = timedelta(days=31)
_UNITS = {"s": timedelta(seconds=1), "m": MINUTE, "h": HOUR, "d": timedelta(days=1)}
_SPAN = re.compile(r"(\d{1,6})([smhd])")


@dataclass(frozen=True, slots=True)
class Window:
    """Records received at `since` or later and before `until`; both UTC, whole minutes.

    Attributes:
        settle: what moved less than this ago may still be on its way.
        source: of this source only; None for all.
        drain_within: how long records may wait in spill/.
    """

    since: datetime
    until: datetime
    settle: timedelta
    source: str | None = None
    drain_within: timedelta = HOUR

    @property
    def first(self) -> bytes:
        """`since` as stored lines have it; such times sort as text."""
        return timestamp(self.since).encode()

    @property
    def behind(self) -> bytes:
        """`until`, likewise."""
        return timestamp(self.until).encode()


def make_window(
    since: datetime, until: datetime, settle: timedelta, source: str | None, drain_within: timedelta = HOUR
) -> Window:
    """A window that holds all of the span: begun minutes count whole.

    Raises:
        ValueError: it would be empty, or longer than LONGEST.
    """
    try:
        since, until = since.astimezone(UTC), until.astimezone(UTC)
        end = _minute(until + MINUTE - timedelta.resolution)
    except OverflowError:
        raise ValueError("--from or --to is no time that there is") from None
    window = Window(_minute(since), end, settle, source, drain_within)
    if window.since >= window.until:
        raise ValueError(f"--from ({timestamp(since)}) has to be before --to ({timestamp(until)})")
    if window.until - window.since > LONGEST + MINUTE:
        raise ValueError(f"--from and --to are more than {LONGEST.days} days apart; take one part after the other")
    return window


def parse_span(text: str) -> timedelta:
    """`90s`, `10m`, `2h`, `1d`.

    Raises:
        ValueError: it is none.
    """
    match = _SPAN.fullmatch(text)
    if match is None:
        raise ValueError(f"a span such as 90s, 10m, 2h or 1d, not {text!r}")
    return int(match[1]) * _UNITS[match[2]]


def parse_moment(text: str, now: datetime) -> datetime:
    """ISO 8601, UTC unless it says otherwise; or a span before `now`, such as `-2h`.

    Raises:
        ValueError: it is neither.
    """
    try:
        return now - parse_span(text.removeprefix("-"))
    except (ValueError, OverflowError):
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"a time such as 2026-11-23T08:00Z, or -2h, not {text!r}") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def hours(since: datetime, until: datetime) -> Iterator[datetime]:
    """The hours, UTC, that hold a moment from `since` up to and with `until`."""
    hour = since.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    while hour <= until:
        yield hour
        hour += HOUR


def hour_prefix(area: str, hour: datetime) -> str:
    """`<area>dt=YYYY-MM-DD/hr=HH/`: Firehose's in delivery.yaml, and the gateway's own (app.sinks.error_bucket)."""
    return f"{area}{hour.astimezone(UTC):dt=%Y-%m-%d/hr=%H}/"


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
