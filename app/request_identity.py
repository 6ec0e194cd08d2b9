"""Who a request is: an id that is new each time, or the same for the same request sent again."""

import hashlib
import re
import secrets
import uuid
from collections.abc import Sequence
from datetime import datetime

from app.exceptions import InvalidIdempotencyKey

_VISIBLE_ASCII = re.compile(r"[\x21-\x7e]{1,128}")
_VARIANT = {digit: "89ab"[number % 4] for number, digit in enumerate("0123456789abcdef")}
_NAMESPACE = uuid.UUID("6f8a1f0e-2f55-5d8c-9f0a-5b1f4d1c7e21")


def parse_idempotency_key(values: Sequence[str]) -> str | None:
    """The key that the request carries, if any.

    Raises:
        InvalidIdempotencyKey: more than one header, or not 1-128 visible ASCII characters.
    """
    if not values:
        return None
    if len(values) > 1 or not _VISIBLE_ASCII.fullmatch(values[0]):
        raise InvalidIdempotencyKey("Send one Idempotency-Key of 1 to 128 visible ASCII characters, such as a UUID.")
    return values[0]


def new_request_id(moment: datetime) -> str:
    """A UUIDv7 (RFC 9562, 5.7): 48 bits of milliseconds, then random bits."""
    time = f"{int(moment.timestamp() * 1000):012x}"
    random = secrets.token_hex(10)
    variant = _VARIANT[random[18]]
    return f"{time[:8]}-{time[8:]}-7{random[:3]}-{variant}{random[3:6]}-{random[6:18]}"


def repeatable_request_id(source: str, key: str, media_type: str, schema: str | None, body: bytes) -> str:
    """A UUIDv5 over all that makes two requests the same, each part behind its length.

    Args:
        schema: the schema parameter as sent; None and an empty one differ.
        body: decoded; as received when it cannot be decoded.
    """
    parts = (source.encode(), key.encode(), media_type.encode(), b"" if schema is None else b"=" + schema.encode())
    name = b"".join(b"%d:%b" % (len(part), part) for part in (*parts, hashlib.sha256(body).digest()))
    digest = hashlib.sha1(_NAMESPACE.bytes + name, usedforsecurity=False).digest()
    return str(uuid.UUID(bytes=digest[:16], version=5))
