"""Burst: the steady load's clients, all waking at once.

- 4 times the rate: an on-demand stream takes at once twice the highest rate of its last 30 days (Kinesis Developer
  Guide, "Choosing the Data Stream Capacity Mode"), and a burst should be more than that. Polar's load test notes a
  peak minute of 2.5 times its mean (747 events against 300), so seconds of 4 times are not far-fetched.
- For 5 s: longer than a request tries to store its records (SLUICE_DELIVERY_TIMEOUT_SECONDS is 4), so a burst cannot
  be sat out by retries.
- Every 20 s: three quiet parts to each burst, in which breakers close and queues drain, or are seen not to.
- 40 requests a second on average are 23 between bursts and 91 within: still under stage dev's ThrottleRate of 100.
- p99 under 1 s: a burst may queue, but not beyond what a person waits for.
"""

from loadtest.arrivals import Burst
from loadtest.scenarios.base import Scenario
from loadtest.scenarios.steady import STEADY
from loadtest.verdict import Limits

BURST = Scenario(
    name="burst",
    about=__doc__,
    rate=40,
    users=100,
    batch=STEADY.batch,
    burst=Burst(ratio=4, seconds=5, period=20),
    limits=Limits(p99_ms=1_000),
)
