"""A landing bucket with its queue, an embedded Snowflake behind it, and Snowpipe stand-ins between the two."""

import json
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local_pipeline.shipped_sql import SNOWFLAKE_DIRECTORY
from local_pipeline.warehouse import LoadedRow, connect, loaded_since, rows
from tests.support.aws import free_port
from tests.support.engine import RunningEngine, eventually
from tests.support.processes import start, stop

PREFIX = "records/"
RECEIVED_AT = "2026-11-23T02:17:14.123456Z"


def stream_line(
    ingest_id: str, payload: bytes = b'{"id":1}', *, source: str = "anonymous", schema: str | None = None
) -> bytes:
    """A stream line without its newline."""
    head = {"ingest_id": ingest_id, "received_at": RECEIVED_AT, "source": source, "schema": schema}
    return json.dumps(head, separators=(",", ":")).encode()[:-1] + b',"payload":' + payload + b"}"


@dataclass
class Warehouse:
    """A server process on one port and one directory; it can be killed and started again."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def command(self) -> list[str]:
        command = [sys.executable, "-m", "local_pipeline.warehouse_server", "--port", str(self.port)]
        return [*command, "--db-path", str(self.folder / "warehouse")]

    def start(self) -> None:
        with (self.folder / "warehouse.log").open("ab") as log:
            self.process = start(self.command, {}, log)
        eventually(self._is_healthy)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def fetch(self, statement: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with connect(self.url) as connection, connection.cursor() as cursor:
            cursor.execute(statement, tuple(parameters) or None)
            return list(cursor.fetchall())

    def _is_healthy(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "warehouse.log").read_text()
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=2) as answer:  # noqa: S310 - loopback http
                return bool(answer.status == 200)
        except OSError:
            return False


@contextmanager
def running_warehouse(folder: Path) -> Iterator[Warehouse]:
    """A new warehouse whose database is below `folder`; ended with the block."""
    warehouse = Warehouse(folder)
    warehouse.start()
    try:
        yield warehouse
    finally:
        if warehouse.process:
            stop(warehouse.process)


@dataclass
class Landing:
    """A bucket that notifies a queue, and the stand-ins that read it. Every name in it occurs nowhere else."""

    engine: RunningEngine
    warehouse: Warehouse
    home: Path
    name: str = field(default_factory=lambda: f"landing-{uuid.uuid4().hex[:12]}")
    sql: Path = SNOWFLAKE_DIRECTORY
    _processes: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    def __post_init__(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        self.s3, self.sqs = self.engine.s3, self.engine.sqs
        self.s3.create_bucket(Bucket=self.name)
        self.queue_url = self.sqs.create_queue(QueueName=self.name)["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=["QueueArn"])["Attributes"][
            "QueueArn"
        ]
        self.s3.put_bucket_notification_configuration(
            Bucket=self.name,
            NotificationConfiguration={"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]},
        )

    @property
    def log(self) -> str:
        return (self.home / "snowpipe.log").read_text()

    def start(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "local_pipeline.snowpipe", "--warehouse", self.warehouse.url]
        command += ["--queue-url", self.queue_url, "--bucket", self.name, "--prefix", PREFIX, "--sql", str(self.sql)]
        environment = {**self.engine.engine.client_environment, "SLUICE_HOME": str(self.home)}
        with (self.home / "snowpipe.log").open("ab") as log:
            process = start(command, environment, log)
        self._processes.append(process)
        return process

    def stop_all(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                stop(process)

    def ingest_ids(self, count: int) -> list[str]:
        """Ids of a request of its own."""
        request_id = uuid.uuid4()
        return [f"{request_id}-{index}" for index in range(count)]

    def put(self, lines: Sequence[bytes], *, key: str | None = None, body: bytes | None = None) -> str:
        """Put a file; its key."""
        key = key or f"{PREFIX}dt=2026-11-23/hr=02/{uuid.uuid4()}.json"
        self.s3.put_object(
            Bucket=self.name, Key=key, Body=b"".join(line + b"\n" for line in lines) if body is None else body
        )
        return key

    def rows_of(self, ingest_id: str) -> list[dict[str, Any]]:
        with connect(self.warehouse.url) as connection:
            return rows(connection, 10, ingest_id)

    def loaded_from(self, keys: set[str]) -> list[LoadedRow]:
        with connect(self.warehouse.url) as connection:
            return [row for row in loaded_since(connection) if row.file_name in keys]

    def history_of(self, key: str) -> list[dict[str, Any]]:
        """The entries of a file in COPY_HISTORY."""
        columns = ("STATUS", "ROW_COUNT", "ROW_PARSED", "ERROR_COUNT", "FIRST_ERROR_LINE_NUMBER", "FIRST_ERROR_MESSAGE")
        statement = f"SELECT {', '.join(columns)} FROM SLUICE.SNOWPIPE.COPY_HISTORY WHERE FILE_NAME = ?"  # noqa: S608
        found = self.warehouse.fetch(statement, (key.removeprefix(PREFIX),))
        return [dict(zip(columns, row, strict=True)) for row in found]

    def wait_for_history(self, key: str) -> dict[str, Any]:
        """The only entry of a file, once there is one."""
        entries = eventually(lambda: self.history_of(key))
        assert len(entries) == 1, entries
        return entries[0]
