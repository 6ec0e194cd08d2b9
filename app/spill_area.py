"""The spill area in S3, as the drain sees it."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from app.draining import Spilled
from app.sinks.aws import Answer, AttemptFailed, attempt
from app.sinks.backoff import full_jitter
from app.sinks.error_bucket import SPILL_AREA

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef, ListObjectsV2OutputTypeDef

_GONE = frozenset({"NoSuchKey", "404"})
_DENIED = "AccessDenied"
TRIES = 4


class S3SpillArea:
    """Objects below ``spill/``, in the order of their keys: by the hour, and for UUIDv7 by the millisecond, they came.

    A call that fails in a way that passes is made TRIES times: among the thousands that a drain makes one meets S3's
    503 or a cut connection (S3 User Guide, "Best practices design patterns"), and a drain ends with the first failure.

    Args:
        page: keys a listing call, 1,000 at the most (S3 API reference, ListObjectsV2).
    """

    def __init__(
        self, make_client: "Callable[[], S3Client]", bucket: str, connections: int, *, page: int = 1_000
    ) -> None:
        self._make_client = make_client
        self._bucket = bucket
        self._connections = connections
        self._page = page

    def open(self) -> None:
        """Make the client and the threads its calls run in."""
        self._client = self._make_client()
        self._executor = ThreadPoolExecutor(self._connections, thread_name_prefix="spill-area")

    async def objects(self, deadline: float) -> AsyncGenerator[Spilled, None]:
        """All of them, a page at a time (S3 lists keys in UTF-8 order: API reference, ListObjectsV2)."""
        token: str | None = None
        while True:
            page = await self._ask(deadline, self._list, token=token)
            for listed in page.get("Contents", ()):
                yield Spilled(listed["Key"], listed["Size"], listed["LastModified"])
            token = page.get("NextContinuationToken")
            if not token:
                return

    async def read(self, key: str, deadline: float) -> bytes | None:
        """The object's bytes, None if it is gone.

        To a role that may list a prefix only, S3 denies an object that is gone (API reference, GetObject: 404 is for
        who may list the bucket, and s3:prefix is no part of this request): the listing of its key tells the two apart.
        """
        try:
            return await self._ask(deadline, self._read, key=key)
        except AttemptFailed as failure:
            if failure.code in _GONE:
                return None
            if failure.code == _DENIED and not await self._ask(deadline, self._is_listed, key=key):
                return None
            raise

    async def remove(self, key: str, deadline: float) -> None:
        """Remove it; one that is gone is success (S3 API reference, DeleteObject)."""
        await self._ask(deadline, self._client.delete_object, Bucket=self._bucket, Key=key)

    def close(self) -> None:
        """Let go of the connections."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    async def _ask(self, deadline: float, call: Callable[..., Answer], **arguments: Any) -> Answer:  # noqa: ANN401
        for tried in range(TRIES - 1):
            try:
                return await attempt(self._executor, deadline, call, **arguments)
            except AttemptFailed as failure:
                if not failure.retryable or failure.code in _GONE:
                    raise
            await asyncio.sleep(full_jitter(tried))
        return await attempt(self._executor, deadline, call, **arguments)

    def _list(self, token: str | None) -> "ListObjectsV2OutputTypeDef":
        onward: dict[str, Any] = {} if token is None else {"ContinuationToken": token}
        prefix = f"{SPILL_AREA}/"
        return self._client.list_objects_v2(Bucket=self._bucket, Prefix=prefix, MaxKeys=self._page, **onward)

    def _is_listed(self, key: str) -> bool:
        listed = self._client.list_objects_v2(Bucket=self._bucket, Prefix=key, MaxKeys=1).get("Contents", ())
        return any(each["Key"] == key for each in listed)

    def _read(self, key: str) -> bytes:
        answer: GetObjectOutputTypeDef = self._client.get_object(Bucket=self._bucket, Key=key)
        return answer["Body"].read()
