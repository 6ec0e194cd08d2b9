"""What a running pipeline holds, read from its stores themselves: the buckets in the engine, the tables."""

import gzip
import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from local_pipeline.engine import REGION
from local_pipeline.warehouse import connect
from tests.support.aws import ErrorObject, StreamLine, parse_record
from tests.support.local_pipeline import LocalPipeline, eventually
from tests.support.transports import Headers, Response, UvicornClient

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

READERS = 4
QUERY_SECONDS = 60
REQUEST_ID_LENGTH = 36


@dataclass
class WayIn:
    """A gateway below a path: `UvicornClient` for the HTTP API's URLs too."""

    url: str
    name: str

    def request(self, method: str, path: str, body: bytes = b"", headers: Headers | None = None) -> Response:
        root, _, below = self.url.partition("/_aws/")
        return UvicornClient(root, 0, timeout=60).request(
            method, f"/_aws/{below}{path}" if below else path, body, headers
        )


def under_uvicorn(pipeline: LocalPipeline) -> WayIn:
    """The gateway itself."""
    return WayIn(pipeline.url, "uvicorn")


def behind_http_api(pipeline: LocalPipeline) -> WayIn:
    """The engine's HTTP API, then the Lambda handler."""
    return WayIn(pipeline.api_url, "http api")


class Stores:
    """Readers of one pipeline's stores, for one thread."""

    def __init__(self, pipeline: LocalPipeline) -> None:
        self.pipeline = pipeline
        self.deployed: Mapping[str, str] = pipeline.deployed()

    @cached_property
    def s3(self) -> "S3Client":
        session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
        config = Config(connect_timeout=5, read_timeout=30, max_pool_connections=READERS)
        return session.client("s3", endpoint_url=self.pipeline.engine_url, config=config)

    @cached_property
    def sqs(self) -> "SQSClient":
        session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
        return session.client("sqs", endpoint_url=self.pipeline.engine_url)

    def landing_files(self) -> dict[str, bytes]:
        """The files that Snowpipe is told of, by key, as they stand in the bucket."""
        return self._objects(self.deployed["landing_bucket"], self.landing_keys())

    def landing_keys(self) -> list[str]:
        """Their keys, sorted."""
        return self._keys(self.deployed["landing_bucket"], self.deployed["landing_prefix"])

    def landing_lines(self) -> Iterator[StreamLine]:
        """Every line of every landing file, taken apart by its exact form."""
        for key, body in self.landing_files().items():
            yield from parse_record(gzip.decompress(body) if key.endswith(".gz") else body, "", key)

    def error_objects(self, request_id: str = "", area: str = "rejected/") -> list[ErrorObject]:
        """The objects of rejected records, all or those of one request; or those of another area of the bucket."""
        bucket = self.deployed["error_bucket"]
        keys = [key for key in self._keys(bucket, area) if request_id in key]
        return [_error_object(key, body) for key, body in self._objects(bucket, keys).items()]

    def spilled_keys(self) -> list[str]:
        """The keys of what waits for the stream."""
        return self._keys(self.deployed["error_bucket"], "spill/")

    def select(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """The rows of a query; names without a schema are those of SLUICE.RAW."""
        url = str(self.pipeline.processes()["warehouse"]["url"])
        with closing(connect(url, QUERY_SECONDS)) as connection, connection.cursor() as cursor:
            cursor.execute("USE SCHEMA SLUICE.RAW")
            cursor.execute(statement, parameters or None)
            return list(cursor.fetchall())

    def ids_in(self, table: str, request_ids: Collection[str]) -> Counter[str]:
        """How many rows of RAW_RECORDS or RECORDS each ingest_id of these requests has."""
        marks = ", ".join("?" * len(request_ids))
        statement = f"SELECT ingest_id FROM {table} WHERE LEFT(ingest_id, {REQUEST_ID_LENGTH}) IN ({marks})"  # noqa: S608
        return Counter(ingest_id for (ingest_id,) in self.select(statement, *request_ids))

    def wait_for_rows(self, ingest_ids: Collection[str], seconds: float = 30) -> None:
        """Return when every one of them is in RAW_RECORDS."""
        request_ids = {ingest_id[:REQUEST_ID_LENGTH] for ingest_id in ingest_ids}

        def missing() -> set[str]:
            return set(ingest_ids).difference(self.ids_in("RAW_RECORDS", request_ids))

        eventually(missing, lambda left: not left, seconds, pause=0.3)

    def _keys(self, bucket: str, prefix: str = "") -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def _objects(self, bucket: str, keys: Sequence[str]) -> dict[str, bytes]:
        def read(key: str) -> bytes:
            return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

        assert self.s3  # made before threads share it
        with ThreadPoolExecutor(READERS) as readers:
            return dict(zip(keys, readers.map(read, keys), strict=True))


def _error_object(key: str, body: bytes) -> ErrorObject:
    assert body.endswith(b"\n"), "every error line is ended by a newline"
    return ErrorObject(key, body, [json.loads(line) for line in body[:-1].split(b"\n")])
