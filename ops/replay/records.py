"""Rejected records as the error bucket has them. Pure."""

import base64
import re
from dataclasses import dataclass
from datetime import datetime

import orjson

from app.envelope import Origin
from app.sinks.error_bucket import REJECTED_AREA

ERROR_KEY = re.compile(
    rf"{REJECTED_AREA}/dt=\d{{4}}-\d\d-\d\d/hr=\d\d/(?P<request_id>[0-9a-f-]{{36}})\.[0-9a-f]+\.ndjson"
)
LOAD_FAILED = "load_failed"
"""The reason of a record that the gateway accepted and Snowflake refused: `sluice reload` writes such lines."""
_INGEST_ID = re.compile(r"(?P<request_id>[0-9a-f-]{36})-(?P<index>0|[1-9][0-9]{0,8})")


class UnreadableLine(ValueError):
    """No error line of ours; the message says why, without its content."""


@dataclass(frozen=True, slots=True)
class RejectedRecord:
    """One line of an error object.

    Attributes:
        key: the error object.
        attempts: how often it had been judged when the line was written.
        payload: the bytes as they came.
        written: when the object was, in seconds since the epoch.
    """

    key: str
    origin: Origin
    index: int
    reason: str
    attempts: int
    payload: bytes
    written: float = 0.0

    @property
    def ingest_id(self) -> str:
        """The id that it keeps."""
        return self.origin.ingest_id(self.index)


def request_id_of(key: str) -> str | None:
    """Whose error object this is; None for a key that is no error object's."""
    match = ERROR_KEY.fullmatch(key)
    return None if match is None else match["request_id"]


def read_error_line(key: str, line: bytes, written: float = 0.0) -> RejectedRecord:
    """The record of a line.

    Raises:
        UnreadableLine: a member is missing or not what `app.envelope.error_line` writes.
    """
    try:
        members = orjson.loads(line)
        request_id, index = _identity(key, members["ingest_id"])
        payload = members.get("payload")
        origin = Origin(
            request_id=request_id,
            received_at=_moment(members["received_at"]),
            source=_text(members["source"]),
            schema=None if members["schema"] is None else _text(members["schema"]),
            content_type=None if members["content_type"] is None else _text(members["content_type"]),
        )
        return RejectedRecord(
            key=key,
            origin=origin,
            index=index,
            reason=_text(members["reason"]),
            attempts=int(members["attempts"]),
            payload=base64.b64decode(members["payload_base64"], validate=True) if payload is None else payload.encode(),
            written=written,
        )
    except UnreadableLine:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableLine(f"no error line ({type(error).__name__})") from None


def _identity(key: str, ingest_id: str) -> tuple[str, int]:
    match = _INGEST_ID.fullmatch(ingest_id)
    if match is None or match["request_id"] != request_id_of(key):
        raise UnreadableLine("its ingest_id is not of this object's request")
    return match["request_id"], int(match["index"])


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise UnreadableLine("received_at is without a time zone")
    return moment


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise UnreadableLine("a member is not text")
    return value
