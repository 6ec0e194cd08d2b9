"""The checks before a record is looked at, in the contract's order."""

from app.arrival import Arrival
from app.body import read_body, too_large
from app.content import Encoding, Framing, MediaType, parse_content_encoding, parse_content_type
from app.decompression import GZIP_MAGIC
from app.exceptions import InvalidIdempotencyKey, UnsupportedMedia
from app.gateway import Gateway
from app.incoming import Incoming
from app.intake import Submission
from app.observability import Receipt
from app.request_identity import parse_idempotency_key
from app.webhooks import HEADERS, MAX_BYTES, Signature

_WEBHOOK = [name.encode() for name in HEADERS]


async def let_in(incoming: Incoming, gateway: Gateway, arrival: Arrival, receipt: Receipt) -> Submission:
    """Who sends, whether they may, and the body.

    A webhook's body is read before it is known whose it is, so the limit on webhooks comes before that 401; all other
    checks come after it, as for a key. Whether there is room is asked last before a body is read: what is wrong with a
    request is told even when all are busy, and what is refused for want of room has cost next to nothing.

    Raises:
        RequestRefused: nothing is stored.
        ClientDisconnect: the client went away.
    """
    body = None
    authorization, x_api_key = incoming.header(b"authorization"), incoming.header(b"x-api-key")
    webhook = [incoming.header(name) for name in _WEBHOOK]
    signature = await gateway.authenticator.signature([*authorization, *x_api_key], webhook) if any(webhook) else None
    if signature is None:
        source = await gateway.authenticator.identify(authorization, x_api_key)
    else:
        body = await read_body(incoming, min(MAX_BYTES, gateway.settings.max_body_bytes), arrival, gateway.bodies)
        receipt.received_bytes = len(body)
        source = await gateway.authenticator.verify(signature, body)
    receipt.source = source
    gateway.rate_limiter.admit(source)
    media_type = parse_content_type(", ".join(incoming.header(b"content-type")))
    encoding = parse_content_encoding(", ".join(incoming.header(b"content-encoding")))
    if signature is not None:
        _check_webhook(media_type, encoding)
    idempotency_key = _idempotency_key(incoming, signature)
    max_bytes = gateway.settings.body_limit_of(source)
    if body is None:
        body = await read_body(incoming, max_bytes, arrival, gateway.bodies)
    elif len(body) > max_bytes:
        raise too_large(max_bytes)
    receipt.received_bytes = len(body)
    arrival.place.work()
    if encoding is Encoding.GZIP and _decoded_by_front_door(incoming, body):
        encoding = Encoding.IDENTITY
    return Submission(
        arrival=arrival,
        source=source,
        media_type=media_type,
        encoding=encoding,
        idempotency_key=idempotency_key,
        schema=incoming.parameter("schema"),
        body=body,
        is_webhook=signature is not None,
    )


def _check_webhook(media_type: MediaType, encoding: Encoding) -> None:
    """Headers that are not signed must leave one reading of the body, or one index would name two records."""
    if media_type.framing is not Framing.JSON or encoding is not Encoding.IDENTITY:
        raise UnsupportedMedia("A webhook is JSON and not compressed: send Content-Type application/json.")


def _idempotency_key(incoming: Incoming, signature: Signature | None) -> str | None:
    key = parse_idempotency_key(incoming.header(b"idempotency-key"))
    if signature is None:
        return key
    if key not in {None, signature.webhook_id}:
        raise InvalidIdempotencyKey("A webhook's id is its Idempotency-Key: leave the header out.")
    return signature.webhook_id


def _decoded_by_front_door(incoming: Incoming, body: bytes) -> bool:
    """Some front doors of Lambda hand a gzip body over decoded, with the header left in place."""
    return "aws.event" in incoming.scope and not body.startswith(GZIP_MAGIC)
