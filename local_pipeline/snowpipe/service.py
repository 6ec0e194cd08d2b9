"""The loop: messages in, files loaded, messages deleted once what became of their files is committed."""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError
from snowflake.connector.errors import Error as SnowflakeError
from snowflake.connector.errors import ProgrammingError

from local_pipeline.copy_statement import CopyStatement
from local_pipeline.home import Home
from local_pipeline.snowpipe.files import parse_file
from local_pipeline.snowpipe.history import History, Load
from local_pipeline.snowpipe.loading import Loader
from local_pipeline.snowpipe.notifications import NotificationError, ObjectCreated, parse
from local_pipeline.stage import Stage

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef
    from snowflake.connector import SnowflakeConnection

NAME = "snowpipe"
WAIT_SECONDS = 1  # a long poll; also how soon a reset is seen
VISIBILITY_SECONDS = 10  # how long a message waits for its next try, and for a stand-in that was killed
REFRESH_REACH = timedelta(days=7)  # ALTER PIPE … REFRESH: files staged within the previous 7 days
RETRY_SECONDS = 0.5
TICK = timedelta(microseconds=1)
GONE = ("NoSuchKey", "404")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pipe:
    """What is loaded from where: the shipped COPY, the shipped stage and the queue of the stage's notifications."""

    statement: CopyStatement
    stage: Stage
    queue_url: str

    def path(self, bucket: str, key: str) -> str | None:
        """The file's name for the pipe; None if the pipe does not load this object."""
        path = self.stage.relative_path(bucket, key)
        if path is None or (self.statement.pattern and not self.statement.pattern.fullmatch(path)):
            return None
        return path


class Snowpipe:
    """One pipe. `run` ends only by an exception: the process may end at any moment, nothing needs to be put away."""

    def __init__(
        self, pipe: Pipe, sqs: "SQSClient", s3: "S3Client", connect: Callable[[], "SnowflakeConnection"], home: Home
    ) -> None:
        self._pipe = pipe
        self._sqs = sqs
        self._s3 = s3
        self._connect = connect
        self._home = home
        self._events_from = datetime.min.replace(tzinfo=UTC)
        self._missed: deque[str] = deque()

    def run(self) -> None:
        """Load until the process ends. A failure of a service or of the warehouse is logged and tried again."""
        refreshed = False
        while True:
            try:
                with closing(self._connect()) as connection:
                    session = self._session(connection)
                    if not self._carry_out_reset(session) and not refreshed:
                        self._missed.extend(self._staged())
                    refreshed = True
                    while True:
                        self._carry_out_reset(session)
                        self._load_messages(session)
                        self._load_missed(session)
            except (SnowflakeError, BotoCoreError, ClientError, OSError) as error:
                log.warning("trying again after %s", _name(error))
                time.sleep(RETRY_SECONDS)

    def _session(self, connection: "SnowflakeConnection") -> "_Session":
        history = History(connection)
        return _Session(
            history=history,
            loader=Loader(connection, self._pipe.statement, history),
            known=history.known(datetime.now(UTC)),
            newest=history.newest(),
        )

    def _load_messages(self, session: "_Session") -> None:
        answer = self._sqs.receive_message(
            QueueUrl=self._pipe.queue_url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=0 if self._missed else WAIT_SECONDS,
            VisibilityTimeout=VISIBILITY_SECONDS,
        )
        for message in answer.get("Messages", ()):
            done = [self._try_load(session, created.bucket, created.key) for created in self._objects(message)]
            if all(done):
                self._sqs.delete_message(QueueUrl=self._pipe.queue_url, ReceiptHandle=message["ReceiptHandle"])

    def _objects(self, message: "MessageTypeDef") -> Iterator[ObjectCreated]:
        try:
            created = parse(message["Body"])
        except NotificationError as error:
            log.error("message %s: %s", message.get("MessageId"), error)  # noqa: TRY400 - one line is enough
            return
        yield from (each for each in created if each.event_time >= self._events_from)

    def _staged(self) -> list[str]:
        """The keys in the stage, oldest first: their messages can be lost with the engine's memory."""
        stage = self._pipe.stage
        since = datetime.now(UTC) - REFRESH_REACH
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=stage.bucket, Prefix=stage.prefix)
        staged = [(each["LastModified"], each["Key"]) for page in pages for each in page.get("Contents", ())]
        return [key for modified, key in sorted(staged) if modified >= since]

    def _load_missed(self, session: "_Session") -> None:
        """As far as it goes; what fails stands at the end of the line for the next time."""
        for _ in range(len(self._missed)):
            key = self._missed.popleft()
            if not self._try_load(session, self._pipe.stage.bucket, key):
                self._missed.append(key)
                time.sleep(RETRY_SECONDS)
                return

    def _try_load(self, session: "_Session", bucket: str, key: str) -> bool:
        """Whether it is known what became of the file; a statement that failed leaves the connection usable."""
        try:
            self._load(session, bucket, key, received_at=datetime.now(UTC))
        except ProgrammingError as error:
            log.error("%s: %s, trying again later", key, _name(error))  # noqa: TRY400 - its text quotes values
            return False
        return True

    def _load(self, session: "_Session", bucket: str, key: str, received_at: datetime) -> None:
        path = self._pipe.path(bucket, key)
        if path is None or path in session.known:
            return
        body = self._body(bucket, key)
        if body is None:
            log.warning("%s is gone, not loaded", key)
            return
        file = parse_file(body, self._pipe.stage.compression)
        load = Load(
            file_name=path,
            stage_location=self._pipe.stage.url,
            loaded_at=session.next_moment(),
            received_at=received_at,
            file_size=len(body),
            row_parsed=file.parsed,
            row_count=len(file.lines),
            table=self._pipe.statement.table,
            pipe=self._pipe.statement.pipe,
        )
        if file.error:
            load = replace(
                load, error_message=file.error.message, error_line=file.error.line, error_count=file.error.count
            )
        written = session.loader.refuse(load) if file.error else session.loader.load(file.lines, load, key)
        session.known.add(path)
        if written.error_count:
            log.error("%s skipped: line %s: %s", key, written.error_line, written.error_message)
        else:
            log.info("%s loaded, %d rows", key, written.row_count)

    def _body(self, bucket: str, key: str) -> bytes | None:
        try:
            return self._s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"].get("Code") in GONE:
                return None
            raise

    def _carry_out_reset(self, session: "_Session") -> bool:
        """Forget everything when the reset file asks for a generation that has not been carried out."""
        wanted = self._home.wanted_reset()
        if wanted <= self._home.done_reset(NAME):
            return False
        self._events_from = datetime.now(UTC)
        self._sqs.purge_queue(QueueUrl=self._pipe.queue_url)
        session.history.forget()
        session.known.clear()
        self._missed.clear()
        self._home.reset_is_done(NAME, wanted)
        return True


@dataclass
class _Session:
    """What belongs to one connection; a new connection reads it anew, so it cannot be at odds with the database."""

    history: History
    loader: Loader
    known: set[str]
    newest: datetime

    def next_moment(self) -> datetime:
        """Now, but later than every moment before, so that reading on by `loaded_at` misses nothing."""
        self.newest = max(datetime.now(UTC), self.newest + TICK)
        return self.newest


def _name(error: Exception) -> str:
    """The kind of error and its number: messages can quote a client's values."""
    number = getattr(error, "errno", None) or getattr(error, "response", {}).get("Error", {}).get("Code", "")
    return f"{type(error).__name__} {number}".strip()
