"""A bucket as reconciling and reloading need it: list a prefix, read, and how long it keeps things."""

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

GZIP_MAGIC = b"\x1f\x8b"
_NONE = "NoSuchLifecycleConfiguration"
_TAKEN = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
"""S3 User Guide, "How to prevent object overwrites with conditional writes": 412 for a key that is there, 409 while
another write to it is under way."""


class Stored(NamedTuple):
    """An object as it is listed."""

    key: str
    size: int
    modified: datetime


def put_once(s3: "S3Client", bucket: str, key: str, body: bytes, content_type: str = "application/x-ndjson") -> bool:
    """Write an object; False when the key is taken."""
    try:
        s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type, IfNoneMatch="*")
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in _TAKEN:
            return False
        raise
    return True


@dataclass(frozen=True, slots=True)
class Objects:
    """One bucket. botocore's errors go through."""

    s3: "S3Client"
    bucket: str

    def listed(self, prefix: str) -> Iterator[Stored]:
        """The objects below a prefix, by key."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        for page in pages:
            for entry in page.get("Contents", ()):
                yield Stored(entry["Key"], entry["Size"], entry["LastModified"])

    def read(self, key: str) -> bytes | None:
        """An object's bytes, unpacked if they are whole gzip; None when there is no such object."""
        try:
            body = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in {"NoSuchKey", "404"}:
                return None
            raise
        if not body.startswith(GZIP_MAGIC):
            return body
        try:
            return gzip.decompress(body)
        except (OSError, EOFError, zlib.error):
            return body

    def stored(self, key: str) -> Stored | None:
        """One object as it is listed; None when there is none."""
        return next((each for each in self.listed(key) if each.key == key), None)

    def write_once(self, key: str, body: bytes, content_type: str = "application/x-ndjson") -> bool:
        """Write an object; False when the key is taken."""
        return put_once(self.s3, self.bucket, key, body, content_type)

    def keeps_days(self, prefix: str) -> int | None:
        """The days after which the bucket removes what is below `prefix`; None if it does not."""
        try:
            rules = self.s3.get_bucket_lifecycle_configuration(Bucket=self.bucket).get("Rules", ())
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == _NONE:
                return None
            raise
        days = [
            rule["Expiration"]["Days"]
            for rule in rules
            if rule["Status"] == "Enabled"
            and "Days" in rule.get("Expiration", {})
            and prefix.startswith(rule.get("Filter", {}).get("Prefix", rule.get("Prefix", "")))
        ]
        return min(days, default=None)
