"""Steady: many clients that send small batches at one rate all day.

- 7 records a request: Polar's load test of its event ingestion has 18,000 events in 2,700 requests an hour of one
  customer's production (polarsource/polar, server/load_tests/scenarios/event_ingestion.py). Sizes are geometric with
  that mean: a client flushes whatever it has when its turn comes.
- 50 requests a second: half of what stage dev's HTTP API lets through (ThrottleRate 100 in
  infra/cloudformation/parameters/dev.yaml), and with 7 records each a sixth of what its two shards take (2,000 a
  second).
- Ids by Zipf's law with YCSB's exponent (loadtest/skew.py); arrivals are Poisson (loadtest/arrivals.py).
- A quarter compressed, a quarter with a schema, 2% sent twice with one Idempotency-Key: choices, so that none of the
  gateway's ways goes unused and none rules.
- p99 under 500 ms: a choice, some five times what a gateway alone on two cores shows.
"""

from loadtest.scenarios.base import Scenario
from loadtest.skew import Geometric
from loadtest.verdict import Limits

RECORDS_A_REQUEST = 18_000 / 2_700
STEADY = Scenario(
    name="steady",
    about=__doc__,
    rate=50,
    users=50,
    batch=Geometric(mean=RECORDS_A_REQUEST, most=100),
    limits=Limits(p99_ms=500),
)
