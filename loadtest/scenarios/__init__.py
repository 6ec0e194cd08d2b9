"""The scenarios, by name."""

from loadtest.scenarios.base import Scenario
from loadtest.scenarios.burst import BURST
from loadtest.scenarios.heavy import HEAVY
from loadtest.scenarios.hot_id import HOT_ID
from loadtest.scenarios.mixed_bad import MIXED_BAD
from loadtest.scenarios.slow_clients import SLOW_CLIENTS
from loadtest.scenarios.steady import STEADY

SCENARIOS: dict[str, Scenario] = {each.name: each for each in (STEADY, BURST, HEAVY, HOT_ID, MIXED_BAD, SLOW_CLIENTS)}
