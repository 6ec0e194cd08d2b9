"""Keys in a secret with all that they depend on in hand: the secret, and the clock."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import TypeVar

from app.api_keys import SecretKeys
from app.sinks.aws import AttemptFailed
from app.webhooks import HEADERS, parse_signature
from tests.support import webhooks
from tests.support.webhooks import signed

T = TypeVar("T")
A_MOMENT = 0.01
BODY = '{"id":1}'


def hash_of(key: str) -> str:
    return sha256(key.encode()).hexdigest()


def digest(key: str) -> bytes:
    return sha256(key.encode()).digest()


def secret(**keys: str) -> str:
    """A secret with one key for each source."""
    return json.dumps({source: [hash_of(key)] for source, key in keys.items()})


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_795_400_000.0

    def __call__(self) -> float:
        return self.now


class FakeReader:
    """A secret; the next read fails with `failure` if there is one, and waits while `answers` is not set."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.failure: str | None = None
        self.reads = 0
        self.closed = False
        self.answers = asyncio.Event()
        self.answers.set()

    async def read(self) -> str:
        self.reads += 1
        await self.answers.wait()
        if self.failure is not None:
            raise AttemptFailed(self.failure, retryable=True)
        return self.text

    async def close(self) -> None:
        self.closed = True


class Keys:
    """SecretKeys with all that they depend on in hand."""

    def __init__(self, text: str) -> None:
        self.reader, self.clock = FakeReader(text), Clock()
        self.keys = SecretKeys(self.reader, self.clock)

    async def who(self, key: str) -> str | None:
        return await self.keys.source_of(digest(key))

    async def signer(self, name: str, body: str = BODY) -> str | None:
        headers = signed(body.encode(), webhooks.secret(name))
        signature = parse_signature([[headers[each]] for each in HEADERS])
        assert signature is not None
        return await self.keys.signer_of(signature, body)


def with_keys(text: str, scenario: Callable[[Keys], Awaitable[T]]) -> T:
    async def run() -> T:
        return await scenario(Keys(text))

    return asyncio.run(run())
