"""Pass or fail, from what was counted. Pure."""

from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any

from loadtest.tally import Tally

PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "p99.9": 0.999}
MIN_RATE_SHARE = 0.9
"""Of the requests that were due; and beyond three standard deviations of a Poisson process, so not by chance."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may show and still pass.

    Attributes:
        error_share: of the requests; a rejection that was expected is no error, nor is a 429.
        p99_ms: from when a request was due to its answer.
        throttled_share: of the requests, turned away with 429.
    """

    error_share: float = 0.001
    p99_ms: float = 1_000.0
    throttled_share: float = 1.0


@dataclass(frozen=True, slots=True)
class Run:
    """What was asked for: the scenario, where to, and how much.

    Attributes:
        due: requests that should have left, on average over all seeds.
        seconds: how long requests were due.
    """

    scenario: str
    host: str
    users: int
    due: float
    seconds: float
    seed: str
    schema: str
    started_at: str
    locust: str
    is_generator_busy: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """The run, its figures, and what is wrong with them."""

    run: Run
    limits: Limits
    tally: Tally
    failures: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Nothing is over its limit and every record is accounted for."""
        return not self.failures

    def document(self) -> dict[str, Any]:
        """For verdict.json."""
        tally = self.tally
        counts = {name: tally.counts[name] for name in Tally.NAMES}
        return {
            "passed": self.passed,
            "failures": list(self.failures),
            "notes": list(self.notes),
            "run": asdict(self.run),
            "limits": asdict(self.limits),
            "requests_per_second": _rate(self),
            "records_per_second": round(tally.counts["sent"] / max(self.run.seconds, 1e-9), 1),
            "error_share": tally.error_share,
            "throttled_share": tally.throttled_share,
            "errors": dict(tally.errors.most_common()),
            "counts": {**counts, "unaccounted": tally.unaccounted},
            "milliseconds_since_due": _percentiles(tally, "latencies"),
            "milliseconds_of_service": _percentiles(tally, "service"),
        }

    def table(self) -> str:
        """A few lines for people."""
        counts, run, limits, errors = self.tally.counts, self.run, self.limits, self.tally.errors.most_common(5)
        due, service = _percentiles(self.tally, "latencies"), _percentiles(self.tally, "service")
        asked = f"{_rate(self)}/s ({run.due / max(run.seconds, 1e-9):.1f}/s asked)"
        fates = (*((name, counts[name]) for name in Tally.FATES), ("unaccounted", self.tally.unaccounted))
        rows = [
            ("scenario", f"{run.scenario}, {run.users} users, {run.seconds:.1f} s, seed {run.seed}, {run.host}"),
            (
                "requests",
                f"{counts['requests']:,}, {asked}, {counts['late']:,} left late, {counts['resends']:,} resent",
            ),
            ("records", f"{counts['sent']:,} sent = " + " + ".join(f"{count:,} {name}" for name, count in fates)),
            ("since due", f"{_in_a_row(due)} (p99 limit {limits.p99_ms:g} ms)"),
            ("service", _in_a_row(service)),
            ("errors", f"{self.tally.error_share:.3%} (limit {limits.error_share:.3%})"),
            *(("", f"{count:,} times: {what}") for what, count in errors),
            ("429", f"{self.tally.throttled_share:.3%} (limit {limits.throttled_share:.3%})"),
            *(("note", note) for note in self.notes),
            *(("FAILED", failure) for failure in self.failures),
        ]
        if self.passed:
            rows.append(("PASSED", "every limit was kept and every record is accounted for"))
        return "\n".join(f"  {name:<10}{text}" for name, text in rows)


def judge(run: Run, limits: Limits, tally: Tally) -> Verdict:
    """Hold what was counted against the limits."""
    failures, notes = [], []
    p99 = tally.latencies.percentile(0.99)
    if not tally.latencies.count:
        failures.append(f"no request was answered: is there a gateway at {run.host}?")
    if tally.unaccounted:
        failures.append(f"{tally.unaccounted:,} records are not accounted for")
    if tally.error_share > limits.error_share:
        failures.append(f"errors: {tally.error_share:.3%} of the requests, limit {limits.error_share:.3%}")
    if p99 > limits.p99_ms:
        failures.append(f"p99: {p99:,.0f} ms since due, limit {limits.p99_ms:g} ms")
    if tally.throttled_share > limits.throttled_share:
        failures.append(f"429: {tally.throttled_share:.3%} of the requests, limit {limits.throttled_share:.3%}")
    first_attempts = tally.counts["requests"] - tally.counts["resends"]
    if first_attempts < min(MIN_RATE_SHARE * run.due, run.due - 3 * sqrt(run.due)):
        notes.append(
            f"only {first_attempts:,} of about {run.due:,.0f} requests left: the gateway or this load generator is at "
            "its limit; try more USERS or WORKERS"
        )
    if run.is_generator_busy:
        notes.append("the load generator's CPU was over 90% busy, so part of the latency is its own; try WORKERS")
    if tally.counts["throttled_requests"]:
        notes.append("429: the HTTP API's or a source's own limit, not the gateway's speed")
    return Verdict(run, limits, tally, tuple(failures), tuple(notes))


def _rate(verdict: Verdict) -> float:
    return round(verdict.tally.counts["requests"] / max(verdict.run.seconds, 1e-9), 1)


def _percentiles(tally: Tally, which: str) -> dict[str, float]:
    latencies = tally.latencies if which == "latencies" else tally.service
    return {name: round(latencies.percentile(share), 1) for name, share in PERCENTILES.items()}


def _in_a_row(percentiles: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:,.0f} ms" for name, value in percentiles.items())
