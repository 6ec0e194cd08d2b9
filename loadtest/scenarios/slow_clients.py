"""Slow clients: half of the users send over a slow line, and the others must not notice.

- 93,750 bytes a second: the 750 kbit/s upload of Lighthouse's "Slow 4G", the slowest quarter of 4G connections
  (GoogleChrome/lighthouse, docs/throttling.md).
- Batches of 200 are 69 KB and take such a client 0.7 s. With a request every two seconds from each of 40 users some
  seven bodies are on their way at any time.
- A slow request's latency counts from its last byte, so all latencies tell what the gateway made its client wait.
- An HTTP API takes in the whole body before it calls Lambda, so there this shows the HTTP API; uvicorn takes the body
  as it comes.
- p99 under 1 s, for fast and slow ones together.
"""

from loadtest.scenarios.base import Scenario, Slow
from loadtest.skew import Choice

SLOW_CLIENTS = Scenario(
    name="slow-clients",
    about=__doc__,
    rate=20,
    users=40,
    batch=Choice((200,), (1,)),
    gzip_share=0,
    slow=Slow(share=0.5, bytes_per_second=750_000 / 8),
)
