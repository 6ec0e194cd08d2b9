"""Mixed bad: good records with bad ones among them, of every reason that costs the gateway something.

- 5% of the records: five times the 1% of this project's benchmarks, as when a release breaks one of twenty producers.
  In batches of 20 that leaves a good request in three: the others all write an object to the error bucket.
- 1% of the requests each are a body with broken compression, a body that is no JSON, and one that names an unknown
  schema: rare in production, but each is a path of its own. One in 500 is a record of a megabyte (`too_large`): 20
  KB/s at this rate.
- 20 requests a second: as many records as the steady load in fewer requests, since most of them cost two writes
  instead of one.
- A rejection for the expected reason is what should happen; any other, and any missing, counts as an error.
- p99 under 1 s: S3 is slower than Kinesis, and finding the place of an error slower than finding none.
"""

from loadtest.scenarios.base import Bad, Scenario
from loadtest.skew import Choice

MIXED_BAD = Scenario(
    name="mixed-bad",
    about=__doc__,
    rate=20,
    users=40,
    batch=Choice((20,), (1,)),
    schema_share=0.5,
    bad=Bad(record_share=0.05, body_share=0.01, too_large_share=0.002),
)
