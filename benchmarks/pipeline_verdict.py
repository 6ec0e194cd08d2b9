"""What a run has shown, and whether it is enough. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.figures import percentile
from benchmarks.pipeline_load import HEADROOM, Answer, ingest_ids

STAGES = ("accepted", "streamed", "landed", "loaded")
ALLOWED_SECONDS = 3.0
"""Of lag at p95, beyond the buffer interval (issue 5)."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found once everything had come to rest.

    Attributes:
        answers: every request sent in the measured time.
        file_of: by ingest_id, the file that its row came from.
        visible_at: by file, when its rows were seen, seconds since the epoch.
        rows: of the raw table, copies counted; `before` of them were there before the measured time.
        summary: /pipeline/summary.
        reconciled: exit status of `sluice reconcile`; None where it was not asked.
        settled: whether as many rows as were accepted had been seen when looking ended.
        cpu: seconds by process, over the measured time.
        busy: CPU seconds that the machine spent in that time, on whatever it was.
    """

    answers: Sequence[Answer]
    file_of: Mapping[str, str]
    visible_at: Mapping[str, float]
    rows: int
    before: int
    summary: Mapping[str, int]
    reconciled: int | None
    settled: bool
    cpu: Mapping[str, float]
    busy: float
    memory: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Lag:
    """Seconds from the answer to the visible row. `quarters` are p95 of each quarter of the run: it must not grow."""

    p50: float
    p95: float
    p99: float
    highest: float
    quarters: Sequence[float]


@dataclass(frozen=True, slots=True)
class Result:
    """The figures of a run."""

    records: int
    requests: int
    seconds: float
    rate: float
    rate_wanted: float
    unconfirmed: int
    problems: Mapping[str, int]
    lost: int
    unseen: int
    settled: bool
    duplicates: int
    counts: Mapping[str, int]
    reconciled: int | None
    lag: Lag | None
    lag_allowed: float
    cpu_seconds: Mapping[str, float]
    cpu_us_per_record: Mapping[str, float]
    others_cpu_share: float
    memory_mib: Mapping[str, float]
    rows_before: int

    def failures(self) -> Iterator[str]:
        """What is wrong with it, in a line each."""
        if self.lost:
            yield f"{self.lost:,} accepted records have no row"
        if self.unseen:
            yield f"{self.unseen:,} rows were never seen to come, so their lag is not known"
        if not self.settled:
            yield "looking ended before as many rows were seen as were accepted"
        if self.unconfirmed:
            yield f"{self.unconfirmed:,} records were not confirmed"
        if self.duplicates:
            yield f"{self.duplicates:,} rows are copies, though nothing failed"
        expected = self.records - self.unconfirmed + self.rows_before
        if wrong := {stage: self.counts[stage] for stage in STAGES if self.counts[stage] != expected}:
            yield f"accepted {expected:,}, but counted otherwise: {wrong}"
        if self.reconciled:
            yield f"sluice reconcile ended with {self.reconciled}"
        if self.rate < self.rate_wanted:
            yield f"{self.rate:,.0f} records/s, {self.rate_wanted:,.0f} wanted"
        if self.lag is None or self.lag.p95 > self.lag_allowed:
            yield f"lag at p95 {self.lag.p95 if self.lag else float('nan'):.2f} s, {self.lag_allowed:.2f} s allowed"

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {**asdict(self), "failures": list(self.failures())}


def judge(seen: Seen, rate_wanted: float, buffer_seconds: float) -> Result:
    """The figures of what was seen."""
    began = min(answer.sent_at for answer in seen.answers)
    records = sum(answer.due.records for answer in seen.answers)
    sending = records / rate_wanted / HEADROOM
    seconds = max(sending, max(answer.answered_at for answer in seen.answers) - began)
    accepted = list(ingest_ids(list(seen.answers)))
    lags = [
        (answered_at, seen.visible_at[file] - answered_at)
        for ingest_id, answered_at in accepted
        if (file := seen.file_of.get(ingest_id)) is not None and file in seen.visible_at
    ]
    problems: dict[str, int] = {}
    for answer in seen.answers:
        if answer.problem:
            problems[answer.problem] = problems.get(answer.problem, 0) + 1
    used = sum(seen.cpu.values())
    return Result(
        records=records,
        requests=len(seen.answers),
        seconds=seconds,
        rate=len(accepted) / seconds,
        rate_wanted=rate_wanted,
        unconfirmed=records - len(accepted),
        problems=problems,
        lost=sum(ingest_id not in seen.file_of for ingest_id, _ in accepted),
        unseen=sum(ingest_id in seen.file_of for ingest_id, _ in accepted) - len(lags),
        settled=seen.settled,
        duplicates=seen.rows - len(seen.file_of),
        counts={stage: seen.summary[stage] for stage in STAGES},
        reconciled=seen.reconciled,
        lag=_lag(lags, began, seconds) if lags else None,
        lag_allowed=buffer_seconds + ALLOWED_SECONDS,
        cpu_seconds=seen.cpu,
        cpu_us_per_record={name: each / records * 1e6 for name, each in seen.cpu.items()},
        others_cpu_share=max(0.0, seen.busy - used) / seen.busy if seen.busy else 0.0,
        memory_mib=seen.memory,
        rows_before=seen.before,
    )


def _lag(lags: Sequence[tuple[float, float]], began: float, seconds: float) -> Lag:
    every = sorted(lag for _, lag in lags)
    quarters: list[list[float]] = [[], [], [], []]
    for at, lag in lags:
        quarters[min(3, int(4 * (at - began) / seconds))].append(lag)
    return Lag(
        p50=percentile(every, 0.5),
        p95=percentile(every, 0.95),
        p99=percentile(every, 0.99),
        highest=every[-1],
        quarters=[percentile(sorted(quarter), 0.95) for quarter in quarters if quarter],
    )


def describe(result: Result) -> Iterator[str]:
    """The figures, as text."""
    sent = f"{result.records:,} records in {result.requests:,} requests over {result.seconds:.1f} s"
    yield f"{sent}: {result.rate:,.0f} records/s"
    if result.problems:
        yield f"  answers other than accepted: {dict(result.problems)}"
    counts = ", ".join(f"{name} {count:,}" for name, count in result.counts.items())
    yield f"  {counts}; lost {result.lost:,}, copies {result.duplicates:,}, not confirmed {result.unconfirmed:,}"
    if lag := result.lag:
        quarters = " ".join(f"{each:.2f}" for each in lag.quarters)
        yield (
            f"  lag from answer to visible row: p50 {lag.p50:.2f} s, p95 {lag.p95:.2f} s, p99 {lag.p99:.2f} s, "
            f"at most {lag.highest:.2f} s; allowed at p95 {result.lag_allowed:.2f} s; p95 by quarter {quarters}"
        )
    yield "  CPU by process, seconds and µs a record:"
    for name, used in sorted(result.cpu_seconds.items(), key=lambda item: -item[1]):
        memory = f", {result.memory_mib[name]:,.0f} MiB" if name in result.memory_mib else ""
        yield f"    {name:<10} {used:7.1f} s {result.cpu_us_per_record[name]:7.1f} µs{memory}"
    total = sum(result.cpu_seconds.values())
    yield f"    together   {total:7.1f} s {total / result.records * 1e6:7.1f} µs"
    yield f"  of the CPU time that the machine used meanwhile, {result.others_cpu_share:.0%} was others'"
    failures = list(result.failures())
    yield from (f"FAILED: {each}" for each in failures)
    if not failures:
        yield "Held: nothing lost, rate and lag as wanted."
