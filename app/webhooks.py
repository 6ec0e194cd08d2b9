"""Webhooks that are signed by the Standard Webhooks scheme: a signature over the body names the source.

Source: github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md (August 2026), symmetric signatures.
What is signed is `webhook-id.webhook-timestamp.body`: neither the media type nor the query.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from standardwebhooks import Webhook, WebhookVerificationError

from app.exceptions import Unauthorized

HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")
SECRET_PREFIX = "whsec_"  # noqa: S105 - what a secret begins with
MAX_BYTES = 1024 * 1024
"""Of a body that nobody has vouched for yet, and that every secret is tried on. Senders are advised to stay under 20 KB
("Payload size")."""
MAX_SIGNATURES = 10
"""In one header: a sender that rotates its secret sends two."""
_ID = re.compile(r"[\x21-\x2d\x2f-\x7e]{1,128}")
"""As an Idempotency-Key, but without the full stop: an id with one could be cut elsewhere ("Signature scheme")."""
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_SIGNATURE = re.compile(r"v1,[A-Za-z0-9+/]{43}=")
"""32 bytes of HMAC-SHA256; others, such as v1a, are for other receivers."""
_BYTES_A_TURN = 256 * 1024
"""A body larger than this is checked against one secret at a time, each of which costs some milliseconds."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What the three headers say, not verified yet.

    Attributes:
        webhook_id: the same for every attempt to send this webhook.
        headers: as the library takes them, with only the signatures that it can tell.
    """

    webhook_id: str
    headers: dict[str, str]


def parse_signature(values: Sequence[Sequence[str]]) -> Signature | None:
    """The signature in the values of each of HEADERS; None when there is none of them.

    Raises:
        Unauthorized: one is missing, twice there or of another form.
    """
    if not any(values):
        return None
    if any(len(each) != 1 for each in values):
        raise Unauthorized(f"A webhook has one header each of {', '.join(HEADERS)}.")
    [[webhook_id], [timestamp], [signatures]] = values
    known = [each for each in signatures.split(" ") if _SIGNATURE.fullmatch(each)]
    if not _ID.fullmatch(webhook_id) or not _TIMESTAMP.fullmatch(timestamp) or not 0 < len(known) <= MAX_SIGNATURES:
        raise Unauthorized(
            "The headers are not those of Standard Webhooks: an id of 1 to 128 visible ASCII characters without a "
            f"full stop, seconds since 1970, and 1 to {MAX_SIGNATURES} signatures of the form v1,BASE64."
        )
    return Signature(webhook_id, dict(zip(HEADERS, (webhook_id, timestamp, " ".join(known)), strict=True)))


class SigningSecrets:
    """The secrets that sources sign with. Does not change."""

    def __init__(self, secrets: Mapping[str, Sequence[str]]) -> None:
        """
        Args:
            secrets: `whsec_` and base64, by source.
        """
        self._webhooks = [(Webhook(secret), source) for source, its in secrets.items() for secret in its]

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._webhooks)

    async def signer_of(self, signature: Signature, body: str) -> str | None:
        """The source that signed `body` within the last five minutes, the library's tolerance.

        The library compares with hmac.compare_digest, in constant time.
        """
        for webhook, source in self._webhooks:
            if _has_signed(webhook, signature, body):
                return source
            if len(body) > _BYTES_A_TURN:
                await asyncio.sleep(0)
        return None


def _has_signed(webhook: Webhook, signature: Signature, body: str) -> bool:
    try:
        webhook.verify(body, signature.headers, json_parse=False)
    except WebhookVerificationError:
        return False
    return True
