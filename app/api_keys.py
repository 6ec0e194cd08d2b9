"""What clients identify themselves with: keys, known by their hashes only, and webhook secrets. They are given in the
settings, or read from a secret."""

import asyncio
import hmac
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Protocol

from pydantic import TypeAdapter, ValidationError

from app.exceptions import KeysUnavailable
from app.settings import Credentials
from app.sinks.aws import AttemptFailed
from app.webhooks import SECRET_PREFIX, Signature, SigningSecrets

logger = logging.getLogger(__name__)
REFRESH_SECONDS = 60.0
"""How long a revoked key goes on working; a container in steady use then reads 1,440 times a day, at $0.05 per 10,000
calls (AWS Secrets Manager pricing)."""
UNKNOWN_KEY_SECONDS = 5.0
"""A key that is not known may be a new one: keys older than this are read again for it, so a stranger who tries keys
causes a read in five seconds and no more."""
PAUSE_SECONDS = 10.0
"""After a refresh that failed, how long the keys that are known do alone: requests that wait for a secret that does not
answer are few."""
FIRST_READ_PAUSE_SECONDS = 1.0
"""The same as long as no keys are known and requests can only be refused."""


class ApiKeys(Protocol):
    """Tells whose key a key is, and whose signature a signature."""

    async def source_of(self, digest: bytes) -> str | None:
        """The source whose key has the SHA-256 `digest`.

        Raises:
            KeysUnavailable: the keys are not known yet.
        """

    async def take_webhooks(self) -> bool:
        """Whether any source has a webhook secret. Raises as `source_of` does."""

    async def signer_of(self, signature: Signature, body: str) -> str | None:
        """The source that signed `body`. Raises as `source_of` does."""

    async def check(self, deadline: float) -> bool:
        """Whether keys are known, or become so by `deadline`, in seconds of the loop's clock."""

    async def close(self) -> None:
        """Let go of connections."""


class SecretReader(Protocol):
    """Where the secret is."""

    async def read(self) -> str:
        """Its text as it is now.

        Raises:
            AttemptFailed: it cannot be had.
        """

    async def close(self) -> None:
        """Let go of connections."""


class KeyRing:
    """Every key's hash and every webhook secret with its source. Does not change."""

    def __init__(self, credentials: Mapping[str, Sequence[str]]) -> None:
        secrets = {
            source: [each for each in its if each.startswith(SECRET_PREFIX)] for source, its in credentials.items()
        }
        self._keys = [
            (bytes.fromhex(each), source)
            for source, its in credentials.items()
            for each in its
            if not each.startswith(SECRET_PREFIX)
        ]
        self.signing = SigningSecrets(secrets)

    def source_of(self, digest: bytes) -> str | None:
        """Compared with every hash in constant time, so the time taken tells nothing of how near a guess was."""
        sources = [source for known, source in self._keys if hmac.compare_digest(known, digest)]
        return sources[0] if sources else None


class GivenKeys:
    """Keys that stand in the settings."""

    def __init__(self, credentials: Mapping[str, Sequence[str]]) -> None:
        self._ring = KeyRing(credentials)

    async def source_of(self, digest: bytes) -> str | None:
        """The source whose key it is."""
        return self._ring.source_of(digest)

    async def take_webhooks(self) -> bool:
        """Whether any source has a webhook secret."""
        return bool(self._ring.signing)

    async def signer_of(self, signature: Signature, body: str) -> str | None:
        """The source that signed."""
        return await self._ring.signing.signer_of(signature, body)

    async def check(self, deadline: float) -> bool:  # noqa: ARG002  the protocol's
        """They are always known."""
        return True

    async def close(self) -> None:
        """Nothing to close."""


class SecretKeys:
    """Keys that stand in a secret.

    Whoever needs them reads them when they are too old, and the requests that come meanwhile wait for the same read:
    between the invocations of a Lambda container nothing runs that could do it for them. A read goes on when those who
    wait for it give up, so a secret that hangs is noted as such and asked for no more often than one that fails. Keys
    that were read once are used until newer ones are.
    """

    def __init__(self, reader: SecretReader, clock: Callable[[], float]) -> None:
        """
        Args:
            clock: wall time in seconds; nothing promises that another clock goes on while a container is frozen.
        """
        self._reader = reader
        self._clock = clock
        self._ring: KeyRing | None = None
        self._read_at = 0.0
        self._failed_at: float | None = None
        self._reading: asyncio.Task[None] | None = None

    async def source_of(self, digest: bytes) -> str | None:
        """The source whose key it is, looked up anew if the key is unknown and may be a fresh one."""
        await self._refresh(REFRESH_SECONDS)
        ring = self._known()
        source = ring.source_of(digest)
        if source is None and await self._has_newer(ring):
            source = self._known().source_of(digest)
        return source

    async def take_webhooks(self) -> bool:
        """Whether any source has a webhook secret, looked up anew if none has."""
        await self._refresh(REFRESH_SECONDS)
        ring = self._known()
        return bool(ring.signing) or (await self._has_newer(ring) and bool(self._known().signing))

    async def signer_of(self, signature: Signature, body: str) -> str | None:
        """The source that signed, looked up anew if none did: its secret may be a fresh one."""
        await self._refresh(REFRESH_SECONDS)
        ring = self._known()
        source = await ring.signing.signer_of(signature, body)
        if source is None and await self._has_newer(ring):
            source = await self._known().signing.signer_of(signature, body)
        return source

    async def check(self, deadline: float) -> bool:
        """Whether keys are known, or become so by `deadline`."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                await self._refresh(REFRESH_SECONDS)
        return self._ring is not None

    async def close(self) -> None:
        """Let go of the connections, and of a read under way."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])
        await self._reader.close()

    def _known(self) -> KeyRing:
        if self._ring is None:
            raise KeysUnavailable("The gateway cannot read its API keys at the moment; nothing is stored. Try again.")
        return self._ring

    async def _has_newer(self, tried: KeyRing) -> bool:
        """Whether there are newer keys than those tried: read now, or by another request meanwhile."""
        await self._refresh(UNKNOWN_KEY_SECONDS)
        return self._ring is not tried

    async def _refresh(self, max_age: float) -> None:
        if not self._is_due(max_age):
            return
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())
        await asyncio.shield(self._reading)

    def _is_due(self, max_age: float) -> bool:
        now = self._clock()
        pause = FIRST_READ_PAUSE_SECONDS if self._ring is None else PAUSE_SECONDS
        if self._failed_at is not None and _is_within(pause, self._failed_at, now):
            return False
        return self._ring is None or not _is_within(max_age, self._read_at, now)

    async def _read(self) -> None:
        asked_at = self._clock()
        try:
            self._ring = KeyRing(parse(await self._reader.read()))
        except AttemptFailed as failure:
            self._failed(failure.code)
        except MalformedSecret as malformed:
            self._failed(str(malformed))
        else:
            self._read_at, self._failed_at = asked_at, None
        finally:
            self._reading = None

    def _failed(self, failure: str) -> None:
        self._failed_at = self._clock()
        logger.warning("the API keys were not read", extra={"failure": failure, "kept": self._ring is not None})


def _is_within(seconds: float, since: float, now: float) -> bool:
    """False too when the clock was set back."""
    return 0 <= now - since < seconds


class MalformedSecret(Exception):
    """The secret does not hold keys. The message says why, without what it holds."""


def parse(text: str) -> dict[str, list[str]]:
    """Credentials by source, from the JSON of a secret; there may be none.

    Raises:
        MalformedSecret: it is something else.
    """
    try:
        return _form().validate_json(text)
    except (
        ValidationError
    ) as error:  # where it is wrong is left out too: names of members may be keys put there by mistake
        problems = {problem["msg"] for problem in error.errors(include_input=False, include_context=False)}
        raise MalformedSecret("; ".join(sorted(problems))) from None


@cache
def _form() -> TypeAdapter[dict[str, list[str]]]:
    return TypeAdapter(Credentials)
