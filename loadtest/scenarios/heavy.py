"""Heavy: few clients that send large batches, as agents and exports do.

- 500 records are one PutRecords call (its limit), 2,000 are four, 8,000 come near the gateway's 10,000 records and,
  at 345 bytes on average, to 2.8 of its 4 MiB. They are drawn 16 : 4 : 1, so each size carries the same number of
  records.
- Half are compressed: clients that compress at all do so from about 10 KB (botocore's
  request_min_compression_size_bytes is 10,240), which all of these are over.
- 1 request a second of 1,143 records on average: a little more than half of what two shards take (2,000 a second).
  The largest batch alone brings two shards four seconds' worth; a gateway gives the stream half of 4 s, so there part
  of it is expected to be spilled, and is `accepted` all the same.
- p99 under 5 s: what a gateway may take to store (SLUICE_DELIVERY_TIMEOUT_SECONDS is 4) and a second for the way.
"""

from loadtest.scenarios.base import Scenario
from loadtest.skew import Choice
from loadtest.verdict import Limits

HEAVY = Scenario(
    name="heavy",
    about=__doc__,
    rate=1,
    users=8,
    batch=Choice((500, 2_000, 8_000), (16, 4, 1)),
    gzip_share=0.5,
    limits=Limits(p99_ms=5_000),
)
