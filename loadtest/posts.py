"""Requests: what one client of a scenario sends, the same for the same seed but for its Idempotency-Keys. Pure."""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random

from loadtest import bad_records
from loadtest.records import Records
from loadtest.scenarios.base import Scenario

NDJSON, JSON = "application/x-ndjson", "application/json"


@dataclass(frozen=True)
class Post:
    """One request to POST /records.

    Attributes:
        rejected: the reasons of the records that have to be rejected, by index.
        resend: whether it is to be sent a second time.
    """

    body: bytes = field(repr=False)
    content_type: str
    records: int
    schema: str | None = None
    is_gzip: bool = False
    rejected: Mapping[int, str] = field(default_factory=dict)
    resend: bool = False

    @property
    def path(self) -> str:
        """Path and query."""
        return "/records" if self.schema is None else f"/records?schema={self.schema}"

    def headers(self, idempotency_key: str, api_key: str | None = None) -> dict[str, str]:
        """All that the request says about itself."""
        found = {"Content-Type": self.content_type, "Idempotency-Key": idempotency_key}
        if self.is_gzip:
            found["Content-Encoding"] = "gzip"
        if api_key:
            found["Authorization"] = f"Bearer {api_key}"
        return found


class Client:
    """Writes the requests of one client."""

    def __init__(self, scenario: Scenario, records: Records, schema: str, seed: str) -> None:
        """`schema` is what requests with one name, empty for none; `seed` is this client's own."""
        self._scenario = scenario
        self._records = records
        self._schema = schema
        self._rng = Random(seed)

    def next(self) -> Post:
        """The next request."""
        scenario, rng = self._scenario, self._rng
        count = scenario.batch.draw(rng)
        schema = self._schema if self._schema and rng.random() < scenario.schema_share else None
        post = self._bad_body(count) or self._batch(count, schema)
        if not post.is_gzip and rng.random() < scenario.gzip_share:
            post = replace(post, body=gzip.compress(post.body, 1, mtime=0), is_gzip=True)
        return replace(post, resend=rng.random() < scenario.resend_share)

    def _batch(self, count: int, schema: str | None) -> Post:
        lines = self._records.draw(self._rng, count)
        rejected = self._spoil(lines, with_schema=schema is not None)
        if rejected or self._rng.random() < 0.5:  # in an array one malformed record would be the whole body
            return Post(b"\n".join(lines) + b"\n", NDJSON, count, schema, rejected=rejected)
        body = lines[0] if count == 1 else b"[" + b",".join(lines) + b"]"
        return Post(body, JSON, count, schema)

    def _spoil(self, lines: list[bytes], *, with_schema: bool) -> dict[int, str]:
        rejected = {}
        share = self._scenario.bad.record_share if self._scenario.bad else 0.0
        for index in range(len(lines)) if share else ():
            if self._rng.random() < share:
                lines[index], rejected[index] = bad_records.line(self._rng, with_schema=with_schema)
        return rejected

    def _bad_body(self, count: int) -> Post | None:
        """A request that is bad as a whole, when its turn has come."""
        bad = self._scenario.bad
        if bad is None:
            return None
        shares = dict.fromkeys(bad_records.BODIES, bad.body_share) | {"too_large": bad.too_large_share}
        drawn = self._rng.random()
        for reason, share in shares.items():
            if drawn < share:
                return self._rejected_whole(reason, count)
            drawn -= share
        return None

    def _rejected_whole(self, reason: str, count: int) -> Post:
        lines = self._records.draw(self._rng, count)
        if reason == "undecodable_body":
            body = bad_records.broken_gzip(b"\n".join(lines))
            return Post(body, NDJSON, 1, is_gzip=True, rejected={0: reason})
        if reason == "malformed_json":
            return Post(b"[" + b",".join(lines), JSON, 1, rejected={0: reason})
        if reason == "too_large":
            return Post(bad_records.too_large(self._rng.randrange(1_000_000)), JSON, 1, rejected={0: reason})
        everything = dict.fromkeys(range(count), reason)
        return Post(b"\n".join(lines), NDJSON, count, bad_records.UNKNOWN_SCHEMA, rejected=everything)
