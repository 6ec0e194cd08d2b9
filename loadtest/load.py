"""One process's share of a run: its clock, its clients, its counts. Pure but for the clock passed in."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from random import Random

from loadtest.arrivals import due_times
from loadtest.posts import Client
from loadtest.records import Records
from loadtest.scenarios.base import Scenario
from loadtest.skew import Zipf
from loadtest.tally import Tally


@dataclass(frozen=True)
class Plan:
    """What all processes of a run have to know.

    Attributes:
        rate: requests a second of all `users` together.
        schema: `name/version` for the share of requests that name one; empty for none.
        run_id: new for each run, so that the same seed makes new Idempotency-Keys.
        api_keys: of the sources that send; empty for AUTH=none.
    """

    scenario: Scenario
    rate: float
    users: int
    seed: str
    schema: str
    run_id: str
    api_keys: tuple[str, ...] = field(default=(), repr=False)


@dataclass
class Turn:
    """What one user does: what it sends, when, and as whom."""

    name: str
    client: Client
    due: Iterator[float]
    api_key: str | None = field(repr=False)
    bytes_per_second: float | None


@dataclass
class Load:
    """A process's users take their turns from here and count into its tally.

    Attributes:
        process: this process's number among the run's workers.
    """

    plan: Plan
    process: int
    clock: Callable[[], float]
    tally: Tally = field(default_factory=Tally)

    def __post_init__(self) -> None:
        self._began = self.clock()
        self._records = Records(self.plan.seed, self.plan.scenario.ids)
        self._numbers = count()

    def now(self) -> float:
        """Seconds since the run began."""
        return self.clock() - self._began

    def next_turn(self) -> Turn:
        """A new user's part; the n-th of a process is the same in each run with the same seed."""
        plan, number = self.plan, next(self._numbers)
        name = f"{self.process}-{number}"
        seed = f"{plan.seed}:{plan.scenario.name}:{name}"
        arrivals = due_times(Random(f"{seed}:arrivals"), plan.rate / plan.users, plan.scenario.burst, self.now())
        client = Client(plan.scenario, self._records, plan.schema, f"{seed}:posts")
        return Turn(name, client, arrivals, self._api_key(seed), self._speed(number))

    def take_tally(self) -> Tally:
        """What was counted since the last call."""
        taken, self.tally = self.tally, Tally()
        return taken

    def _api_key(self, seed: str) -> str | None:
        keys = self.plan.api_keys
        return keys[Zipf(len(keys)).draw(Random(f"{seed}:key"), 1)[0]] if keys else None

    def _speed(self, number: int) -> float | None:
        """Every second, third … user is slow, as the share says."""
        slow = self.plan.scenario.slow
        if slow is None or int((number + 1) * slow.share) == int(number * slow.share):
            return None
        return slow.bytes_per_second
