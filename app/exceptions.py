"""What the gateway can refuse, as one tree. `exception_handlers` turns it into answers; nothing else does.

SluiceError                        status  reason                     retryable
├── ConfigurationError             (start-up: no answer)
├── RequestRefused                 (nothing of the request is stored)
│   ├── Unauthorized               401     unauthorized               no
│   ├── KeysUnavailable            503     keys_unavailable           yes
│   ├── RateLimited                429     rate_limited               yes
│   ├── UnsupportedMedia           415     unsupported_media          no
│   ├── InvalidIdempotencyKey      400     invalid_idempotency_key    no
│   ├── ContentTooLarge            413     content_too_large          no
│   ├── BodyTimeout                408     body_timeout               yes
│   ├── Overloaded                 503     overloaded                 yes
│   └── EmptyBody                  400     empty                      no
├── BodyRejected                   (the body as a whole is kept in the error bucket)
│   ├── MalformedBody              400     malformed_json             no
│   └── UndecodableBody            400     undecodable_body           no
├── SchemaNotFound                 404     unknown_schema             no
└── NotReady                       503     not_ready                  yes
"""

from typing import ClassVar


class SluiceError(Exception):
    """Base of all. The message says what is wrong and what to do, and never quotes a payload or a key."""


class ConfigurationError(SluiceError):
    """The settings do not make a gateway; raised at start-up."""


class HttpError(SluiceError):
    """An error with an HTTP answer."""

    status: ClassVar[int] = 500
    reason: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Internal error"
    retry_after: ClassVar[int | None] = None

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail

    @property
    def headers(self) -> dict[str, str]:
        """Headers that belong to this answer."""
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}


class RequestRefused(HttpError):
    """The request is refused before a record is judged; nothing is stored."""


class Unauthorized(RequestRefused):
    """No credentials, unknown ones, two that differ, or a signature that does not hold."""

    status = 401
    reason = "unauthorized"
    title = "Not authorized"

    @property
    def headers(self) -> dict[str, str]:
        """RFC 9110, 11.6.1: a 401 names a scheme that would do."""
        return {"WWW-Authenticate": 'Bearer realm="sluice"'}


class KeysUnavailable(RequestRefused):
    """The API keys could not be read yet, so nobody can be told from anybody."""

    status = 503
    reason = "keys_unavailable"
    title = "API keys unavailable"
    retry_after = 1


class RateLimited(RequestRefused):
    """The source sends more requests than it may."""

    status = 429
    reason = "rate_limited"
    title = "Too many requests"

    def __init__(self, detail: str, retry_after_seconds: int) -> None:
        super().__init__(detail)
        self._retry_after_seconds = retry_after_seconds

    @property
    def headers(self) -> dict[str, str]:
        """When a request will be taken again."""
        return {"Retry-After": str(self._retry_after_seconds)}


class UnsupportedMedia(RequestRefused):
    """A media type, charset or content encoding that is not taken."""

    status = 415
    reason = "unsupported_media"
    title = "Unsupported media type"


class InvalidIdempotencyKey(RequestRefused):
    """The Idempotency-Key is not 1-128 visible ASCII characters, or not the id of the webhook that it comes with."""

    status = 400
    reason = "invalid_idempotency_key"
    title = "Invalid Idempotency-Key"


class ContentTooLarge(RequestRefused):
    """The body is over a limit: as received, decoded, or in records."""

    status = 413
    reason = "content_too_large"
    title = "Content too large"


class BodyTimeout(RequestRefused):
    """The body was not there in time."""

    status = 408
    reason = "body_timeout"
    title = "Body not received in time"

    @property
    def headers(self) -> dict[str, str]:
        """RFC 9110, 15.5.9: the server does not wait for the rest."""
        return {"Connection": "close"}


class Overloaded(RequestRefused):
    """The gateway has as much at hand as it may, or came to this request too late to store it in time."""

    status = 503
    reason = "overloaded"
    title = "Overloaded"
    retry_after = 1


class EmptyBody(RequestRefused):
    """The body holds no record."""

    status = 400
    reason = "empty"
    title = "No records"


class BodyRejected(HttpError):
    """The body cannot be told apart into records; it is kept in the error bucket whole, as one record.

    Attributes:
        offset: the byte of the body at which it goes wrong, where known.
    """

    status = 400

    def __init__(self, detail: str, offset: int | None = None) -> None:
        super().__init__(detail)
        self.offset = offset


class MalformedBody(BodyRejected):
    """An application/json body that is no JSON as a whole."""

    reason = "malformed_json"
    title = "The body is not JSON"


class UndecodableBody(BodyRejected):
    """The body's compression is broken."""

    reason = "undecodable_body"
    title = "The body cannot be decoded"


class SchemaNotFound(HttpError):
    """No schema of that name and version."""

    status = 404
    reason = "unknown_schema"
    title = "No such schema"


class NotReady(HttpError):
    """A place that records must go to cannot be reached."""

    status = 503
    reason = "not_ready"
    title = "Not ready"
    retry_after = 1
