"""What the load generator is told to do, and what it tells of it: one line of JSON each way."""

import json
from dataclasses import asdict, dataclass, field

from benchmarks.bodies import Shape


@dataclass(frozen=True, slots=True)
class Job:
    """One round of load.

    Attributes:
        port: of the gateway, on 127.0.0.1.
        pid: of the gateway's process, whose CPU time is read.
        stub: process id of the stub, likewise.
        seconds: how long answers are counted, after `warm_up` seconds in which they are not.
        rate: requests a second that are due, whatever the answers do; 0: each connection sends when it was answered.
        limit: stop after so many requests, if that is before the time is up; 0: never.
        is_check: read what the answers say.
    """

    port: int
    pid: int
    stub: int
    shape: Shape
    connections: int
    seconds: float
    warm_up: float = 0.0
    rate: float = 0.0
    limit: int = 0
    is_check: bool = False
    status: int = 202

    def line(self) -> str:
        """For the generator's standard input."""
        return json.dumps(asdict(self)) + "\n"

    @classmethod
    def read(cls, line: str) -> "Job":
        """What `line` made."""
        members = json.loads(line)
        return cls(**{**members, "shape": Shape(**members["shape"])})


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of a round.

    Attributes:
        sent: requests that left, warm-up included.
        answered: with the status that was expected, warm-up included.
        told: records that the answers say are accepted; of a check only.
        counted: requests answered while counting.
        cpu: seconds of the gateway's process while counting.
        milliseconds: p50, p99, p99.9 and max, of those counted; where a rate is given, of all that were due meanwhile.
        generator: cores that the generator took while counting, 1 at most.
        stub: cores that the stub took.
        others: cores that every other process on this machine took.
        errors: how often what went wrong.
    """

    sent: int
    answered: int
    told: int
    counted: int
    seconds: float
    cpu: float
    milliseconds: dict[str, float]
    generator: float
    stub: float
    others: float
    errors: dict[str, int] = field(default_factory=dict)

    def line(self) -> str:
        """For the generator's standard output."""
        return json.dumps(asdict(self)) + "\n"

    @classmethod
    def read(cls, line: str) -> "Tally":
        """What `line` made."""
        return cls(**json.loads(line))
