"""What the headers say of a body: its media type, its encoding. Pure."""

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from app.exceptions import UnsupportedMedia

_NDJSON_TYPES = frozenset({"application/x-ndjson", "application/jsonl", "application/x-jsonlines"})
PARAMETER = re.compile(r'([^;="]*)(?:=\s*("(?:[^"\\]|\\.)*"|[^;]*)|[;"]|$)')
"""RFC 9110, 5.6.6. What stands before a separator is read once, whatever it is: a header may have 64 KiB."""
_SUFFIXED_JSON = re.compile(r"application/(?=.{6,127}$)[a-z0-9][a-z0-9!#$&^_.+-]*\+json")
"""RFC 6838, 4.2: what a subtype is made of, and that it has 127 characters at the most."""
KNOWN_HEADERS = 64
"""Values of a header that are not read again. Clients send few different ones, and each has 16 KiB at the most."""
_UTF8_NAMES = frozenset({"utf-8", "utf8"})


class Framing(Enum):
    """How records stand in a body."""

    JSON = "json"
    NDJSON = "ndjson"


class Encoding(Enum):
    """How a body is compressed."""

    IDENTITY = "identity"
    GZIP = "gzip"
    ZSTD = "zstd"


@dataclass(frozen=True, slots=True)
class MediaType:
    """A media type without its parameters, lower case; empty when none was sent."""

    name: str
    framing: Framing


@lru_cache(maxsize=KNOWN_HEADERS)
def parse_content_type(header: str | None) -> MediaType:
    """Raises UnsupportedMedia for a type that holds no records, or a charset other than UTF-8."""
    essence, _, parameters = (header or "").partition(";")
    name = essence.strip().lower()
    for key, value in PARAMETER.findall(parameters):
        if key.lower().split()[-1:] == ["charset"] and value.strip().strip('"').lower() not in _UTF8_NAMES:
            raise UnsupportedMedia("Only UTF-8 is taken: send the body as UTF-8 and leave the charset out.")
    if name in _NDJSON_TYPES:
        return MediaType(name, Framing.NDJSON)
    if not name or name == "application/json" or _SUFFIXED_JSON.fullmatch(name):
        return MediaType(name, Framing.JSON)
    raise UnsupportedMedia(
        "Send Content-Type application/json for an object or an array, or application/x-ndjson for one record a line."
    )


@lru_cache(maxsize=KNOWN_HEADERS)
def parse_content_encoding(header: str | None) -> Encoding:
    """Raises UnsupportedMedia for anything but one of identity, gzip, zstd (RFC 9110, 8.4.1.3: x-gzip is gzip)."""
    name = (header or "identity").strip().lower()
    try:
        return Encoding("gzip" if name == "x-gzip" else name or "identity")
    except ValueError:
        raise UnsupportedMedia("Send Content-Encoding gzip or zstd, or leave it out.") from None
