"""S3 event notifications as they come out of the queue."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus


class NotificationError(ValueError):
    """A message that is no S3 event notification."""


@dataclass(frozen=True, slots=True)
class ObjectCreated:
    """An object that was put, by its decoded key."""

    bucket: str
    key: str
    event_time: datetime


def parse(body: str) -> list[ObjectCreated]:
    """The objects that a message tells of; none for S3's test event and for events other than ObjectCreated.

    Their form: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html. Keys are
    encoded as in an HTML form ("red+flower.jpg").

    Raises:
        NotificationError: the message is something else.
    """
    try:
        message = json.loads(body)
        if message.get("Event") == "s3:TestEvent":
            return []
        return [_object(record) for record in message["Records"] if _name(record).startswith("ObjectCreated:")]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotificationError(f"no S3 event notification: {type(error).__name__}") from error


def _name(record: dict[str, Any]) -> str:
    return str(record["eventName"]).removeprefix("s3:")


def _object(record: dict[str, Any]) -> ObjectCreated:
    return ObjectCreated(
        bucket=record["s3"]["bucket"]["name"],
        key=unquote_plus(record["s3"]["object"]["key"]),
        event_time=datetime.fromisoformat(record["eventTime"]).astimezone(UTC),
    )
