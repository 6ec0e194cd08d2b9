"""An AWS of one's own for a test session: Kinesis and S3 served by moto over loopback HTTP, and what they hold.

Differs from the real services: moto neither throttles nor fails, checks no signature and no permission, its stream has
no limit on the size of a record, and calls are served one at a time (moto's shards are "not safe for concurrency": two
calls at once would lose records).
"""

import base64
import json
import logging
import re
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.config import Config
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

REGION: Final = "eu-west-1"
ONE_TRY = Config(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=10)
PREFIX = re.compile(
    rb'\{"ingest_id":"(?P<ingest_id>[0-9a-f-]{36}-\d+)",'
    rb'"received_at":"(?P<received_at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)",'
    rb'"source":"(?P<source>(?:[^"\\]|\\.)*)",'
    rb'"schema":(?P<schema>null|"[^"]*"),'
    rb'"payload":'
)


@dataclass(frozen=True, slots=True)
class StreamLine:
    """One line of a Kinesis record, taken apart by its exact form; anything else is an AssertionError."""

    ingest_id: str
    received_at: str
    source: str
    schema: str | None
    payload: bytes
    partition_key: str
    shard: str

    @property
    def request_id(self) -> str:
        return self.ingest_id.rsplit("-", 1)[0]

    @property
    def index(self) -> int:
        return int(self.ingest_id.rsplit("-", 1)[1])


@dataclass(frozen=True, slots=True)
class ErrorObject:
    """One object of the error bucket: its key, its bytes and its lines as JSON values."""

    key: str
    body: bytes
    lines: list[dict[str, Any]]


def payload_of(error_line: dict[str, Any]) -> bytes:
    """The bytes that an error line keeps, from whichever of the two members is there."""
    assert ("payload" in error_line) != ("payload_base64" in error_line), "exactly one of the two forms"
    if "payload" in error_line:
        assert isinstance(error_line["payload"], str)
        return error_line["payload"].encode()
    return base64.b64decode(error_line["payload_base64"], validate=True)


def parse_record(data: bytes, partition_key: str, shard: str) -> list[StreamLine]:
    """The lines of one Kinesis record; each is whole and ended by a newline."""
    assert data.endswith(b"\n"), data[-80:]
    lines = []
    for line in data[:-1].split(b"\n"):
        head = PREFIX.match(line)
        assert head, line[:200]
        assert line.endswith(b"}"), line[-80:]
        lines.append(
            StreamLine(
                ingest_id=head["ingest_id"].decode(),
                received_at=head["received_at"].decode(),
                source=json.loads(b'"' + head["source"] + b'"'),
                schema=json.loads(head["schema"]),
                payload=line[head.end() : -1],
                partition_key=partition_key,
                shard=shard,
            )
        )
    return lines


@dataclass
class Aws:
    """One stream and one error bucket behind an endpoint, with readers that see only what these two hold."""

    endpoint: str
    stream: str
    bucket: str
    kinesis: "KinesisClient" = field(repr=False)
    s3: "S3Client" = field(repr=False)
    shards: list[str]
    _iterators: dict[str, str] = field(default_factory=dict, repr=False)
    _lines: list[StreamLine] = field(default_factory=list, repr=False)

    def environment(self, endpoint: str | None = None) -> dict[str, str]:
        """What a gateway process needs to find this stream and bucket, optionally through a proxy."""
        return {
            "SLUICE_STREAM_NAME": self.stream,
            "SLUICE_STREAM_CALLS": "1",  # moto loses records of two PutRecords calls at a time
            "SLUICE_ERROR_BUCKET": self.bucket,
            "AWS_ENDPOINT_URL": endpoint or self.endpoint,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def lines(self) -> list[StreamLine]:
        """Every line that the stream holds, in the order of each shard; reads on from where it stopped."""
        for shard in self.shards:
            behind = 1
            while behind:
                answer = self.kinesis.get_records(ShardIterator=self._iterator(shard))
                self._iterators[shard] = answer["NextShardIterator"]
                for record in answer["Records"]:
                    self._lines += parse_record(record["Data"], record["PartitionKey"], shard)
                behind = answer["MillisBehindLatest"]
        return list(self._lines)

    def _iterator(self, shard: str) -> str:
        if shard not in self._iterators:
            self._iterators[shard] = self.kinesis.get_shard_iterator(
                StreamName=self.stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
        return self._iterators[shard]

    def record_sizes(self) -> list[int]:
        """Bytes of every record that the stream holds."""
        sizes = []
        for shard in self.shards:
            iterator = self.kinesis.get_shard_iterator(
                StreamName=self.stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            behind = 1
            while behind:
                answer = self.kinesis.get_records(ShardIterator=iterator)
                iterator, behind = answer["NextShardIterator"], answer["MillisBehindLatest"]
                sizes += [len(record["Data"]) for record in answer["Records"]]
        return sizes

    def lines_of(self, request_id: str) -> list[StreamLine]:
        """The stream lines of one request by index; one that was stored twice appears twice."""
        return sorted((line for line in self.lines() if line.request_id == request_id), key=lambda line: line.index)

    def error_keys(self, prefix: str = "") -> list[str]:
        """The keys in the error bucket, sorted."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def spilled(self, request_id: str) -> dict[str, bytes]:
        """The spilled objects of one request, or of all with an empty id, by key."""
        keys = [key for key in self.error_keys("spill/") if request_id in key]
        return {key: self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read() for key in keys}

    def error_objects(self, request_id: str) -> list[ErrorObject]:
        """The error objects of one request."""
        found = []
        for key in self.error_keys("rejected/"):
            if request_id in key:
                body = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
                assert body.endswith(b"\n"), "every error line is ended by a newline"
                found.append(ErrorObject(key, body, [json.loads(line) for line in body[:-1].split(b"\n")]))
        return found

    def error_lines(self, request_id: str) -> list[dict[str, Any]]:
        """The lines of the one error object of a request; none if there is no object, an error if there are two."""
        objects = self.error_objects(request_id)
        assert len(objects) <= 1, [found.key for found in objects]
        return objects[0].lines if objects else []

    def forget_errors(self) -> None:
        """Empty the error bucket, so that listing it stays cheap."""
        for start in range(0, len(keys := self.error_keys()), 1_000):
            batch: list[ObjectIdentifierTypeDef] = [{"Key": key} for key in keys[start : start + 1_000]]
            self.s3.delete_objects(Bucket=self.bucket, Delete={"Objects": batch, "Quiet": True})

    @contextmanager
    def nothing_stored(self) -> Iterator[None]:
        """What happens inside leaves neither a line in the stream nor an object in the bucket."""
        before = (len(self.lines()), len(self.error_keys()))
        yield
        assert (len(self.lines()), len(self.error_keys())) == before


def free_port() -> int:
    """A loopback port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def moto_endpoint() -> Iterator[str]:
    """A moto server of this process on a free loopback port; its address."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto, turn = DomainDispatcherApplication(create_backend_app), threading.Lock()

    def one_at_a_time(environ: Any, start_response: Any) -> Any:
        with turn:
            return moto(environ, start_response)

    server = make_server("127.0.0.1", 0, one_at_a_time, threaded=True)
    thread = threading.Thread(target=server.serve_forever, name="moto", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@cache
def session() -> boto3.Session:
    """Credentials that no real account has. One session, for each loads botocore's models anew."""
    return boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)


def make_aws(endpoint: str, shards: int = 2) -> Aws:
    """A new stream and a new error bucket with names of their own."""
    name = f"sluice-test-{uuid.uuid4().hex[:12]}"
    kinesis = session().client("kinesis", endpoint_url=endpoint, config=ONE_TRY)
    s3 = session().client("s3", endpoint_url=endpoint, config=ONE_TRY)
    kinesis.create_stream(StreamName=name, ShardCount=shards)
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    found = kinesis.list_shards(StreamName=name)["Shards"]
    return Aws(endpoint, name, name, kinesis, s3, [shard["ShardId"] for shard in found])
