"""A request as its server hands it over."""

from collections.abc import Mapping, Sequence

from starlette.datastructures import QueryParams
from starlette.types import Receive, Scope

_READ = frozenset(
    {
        b"authorization",
        b"content-encoding",
        b"content-length",
        b"content-type",
        b"idempotency-key",
        b"transfer-encoding",
        b"webhook-id",
        b"webhook-signature",
        b"webhook-timestamp",
        b"x-api-key",
    }
)
_NONE: Sequence[str] = ()


class Incoming:
    """What its head says, and how far its body was read.

    Attributes:
        declared_length: bytes that the body is said to have, 0 if that is not said.
        body_by: when the body has to be there, in seconds of the loop's clock; 0.0 if nobody has asked for it.
        body_is_unread: whether the client may still be sending.
    """

    __slots__ = ("_headers", "body_by", "body_is_unread", "declared_length", "receive", "scope")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope = scope
        self.receive = receive
        headers: dict[bytes, list[str]] = {}
        for name, value in scope["headers"]:
            if name in _READ:
                headers.setdefault(name, []).append(value.decode("latin-1"))
        self._headers: Mapping[bytes, Sequence[str]] = headers
        self.body_by = 0.0
        length = headers.get(b"content-length", ("",))[0]
        self.declared_length = int(length) if length.isdecimal() else 0
        self.body_is_unread = self.declared_length > 0 or b"transfer-encoding" in headers

    def header(self, name: bytes) -> Sequence[str]:
        """The values of a header that the gateway reads, in their order."""
        return self._headers.get(name, _NONE)

    def parameter(self, name: str) -> Sequence[str]:
        """The values of a parameter of the query, in their order."""
        query = self.scope["query_string"]
        return QueryParams(query).getlist(name) if query else _NONE
