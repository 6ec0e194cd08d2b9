"""Hot id: one id has a third of all records, and all of its lines go to one shard.

- 35% for the first: the share of the largest customer in Polar's production, as its load test has it
  (polarsource/polar, server/load_tests/common/distribution.py). The other ids follow Zipf's law with YCSB's exponent.
- 50 requests of 20 records a second are 1,000 records: half of what two shards take, and the hot id's 350 with half
  of the rest stay under the 1,000 a second (or 1 MB) of one shard. With RATE=80 that shard gets 1,080 lines and,
  where each is a Kinesis record of its own, has to throttle: what is then spilled or `retry` must still be accounted
  for.
- p99 under 1 s: a shard near its limit makes its requests wait, though not others'.
"""

from loadtest.scenarios.base import Scenario
from loadtest.skew import Choice, Zipf

HOT_ID = Scenario(
    name="hot-id",
    about=__doc__,
    rate=50,
    users=50,
    batch=Choice((20,), (1,)),
    ids=Zipf(hot_share=0.35),
)
