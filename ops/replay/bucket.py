"""The error bucket as replaying needs it: list, read, write once."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from ops.objects import put_once
from ops.replay.selection import ErrorObject, Selection

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Bucket:
    """One bucket. botocore's errors go through."""

    def __init__(self, s3: "S3Client", name: str) -> None:
        self._s3 = s3
        self.name = name

    def selected(self, selection: Selection) -> list[ErrorObject]:
        """The error objects that can hold what is meant, by key."""
        found = self.listed(selection.first_prefix(), selection.last_prefix())
        return [listed for listed in found if selection.takes_key(listed.key)]

    def listed(self, first: str, last: str) -> Iterator[ErrorObject]:
        """Objects of the area that `first` is in, by key: from behind `first` to the last that starts with `last`."""
        area = first.partition("/")[0] + "/"
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=area, StartAfter=first)
        for page in pages:
            for entry in page.get("Contents", ()):
                if entry["Key"][: len(last)] > last:
                    return
                yield ErrorObject(entry["Key"], entry["Size"], entry["LastModified"].timestamp())

    def read_if_there(self, key: str) -> bytes | None:
        """An object's bytes; None when there is no such object."""
        try:
            return self._s3.get_object(Bucket=self.name, Key=key)["Body"].read()
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "NoSuchKey":
                return None
            raise

    def write_once(self, key: str, body: bytes) -> bool:
        """Write an object; False when the key is taken."""
        return put_once(self._s3, self.name, key, body)
