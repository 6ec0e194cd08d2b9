"""Figures by part, case, subject and round; kept as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.figures import Spread, difference, ratio, spread

CPU, RATE, P50, P99, P999 = "cpu_us", "per_second", "p50_ms", "p99_ms", "p999_ms"
RESIDENT, PEAK = "resident_mib", "peak_mib"
COLD, FIRST, LATER = "cold_ms", "first_ms", "later_ms"


@dataclass(frozen=True, slots=True)
class Sample:
    """One round of one subject.

    Attributes:
        figures: by the names above; CPU is microseconds a record, RATE requests a second.
    """

    part: str
    case: str
    subject: str
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Check:
    """What one subject put in a checking run, in which every answer was read and every call looked into.

    Attributes:
        accepted: records in the answers, as many as were put.
        entries: Kinesis records.
        units: provisioned PUT payload units.
    """

    part: str
    case: str
    subject: str
    accepted: int
    entries: int
    units: int


@dataclass
class Results:
    """All of a run.

    Attributes:
        about: machine, versions, command, plan.
    """

    about: dict[str, Any]
    samples: list[Sample] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)

    def values(self, part: str, case: str, subject: str, figure: str) -> list[float]:
        """Round by round."""
        return [
            sample.figures[figure]
            for sample in self.samples
            if (sample.part, sample.case, sample.subject) == (part, case, subject) and figure in sample.figures
        ]

    def spread(self, part: str, case: str, subject: str, figure: str) -> Spread | None:
        """None when it was not measured."""
        values = self.values(part, case, subject, figure)
        return spread(values) if values else None

    def ratio(self, one: Sequence[str], other: Sequence[str]) -> Spread | None:
        """Of two (part, case, subject, figure), round by round; None when either was not measured."""
        ours, theirs = self.values(*one), self.values(*other)
        return ratio(ours, theirs) if ours and theirs else None

    def difference(self, one: Sequence[str], other: Sequence[str]) -> Spread | None:
        """As `ratio`."""
        ours, theirs = self.values(*one), self.values(*other)
        return difference(ours, theirs) if ours and theirs else None

    def cases(self, part: str) -> list[str]:
        """In the order in which they were measured."""
        return list(dict.fromkeys(sample.case for sample in self.samples if sample.part == part))

    def subjects(self, part: str, case: str) -> list[str]:
        """As `cases`."""
        return list(dict.fromkeys(s.subject for s in self.samples if (s.part, s.case) == (part, case)))

    def save(self, path: Path) -> None:
        """As JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> "Results":
        """What `save` wrote."""
        members = json.loads(path.read_text())
        samples, checks = members["samples"], members["checks"]
        return cls(members["about"], [Sample(**each) for each in samples], [Check(**each) for each in checks])
