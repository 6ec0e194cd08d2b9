"""A pipe as Snowflake documents it, with its bucket and their clock; no thread, no sleep.

- S3 sends an event for each file, some time after it landed; the channel is the bucket's and outlives a pipe.
- A message can wait in the channel; SYSTEM$PIPE_STATUS counts those (numOutstandingMessagesOnChannel), not their age.
- Snowflake hands what is in the channel to the pipe that is there. A running pipe puts it into its queue. A paused pipe
  keeps it until it is resumed, and goes on loading what was queued before the pause (…PIPE_STATUS, pendingFileCount).
- A pipe loads a file name once (its history). A replaced pipe starts without queue, kept events and history.
- REFRESH queues the bucket's files that were modified after a moment, at most 7 days ago, and are not in the history.

https://docs.snowflake.com/en/user-guide/data-load-snowpipe-manage, …/sql-reference/sql/alter-pipe,
…/sql-reference/functions/system_pipe_status
"""

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from ops.snowflake_pipe_seen import ShownPipe

START = datetime(2026, 11, 23, tzinfo=UTC)


class ConnectionLostError(Exception):
    """The client is gone; what it had asked for was done."""


@dataclass(frozen=True)
class Landing:
    """A file that lands `at` seconds after START.

    Attributes:
        delay: seconds until its event reaches the channel.
        waits: seconds that the event is in the channel until Snowflake hands it on.
    """

    name: str
    at: int
    delay: int = 0
    waits: int = 0

    @property
    def told(self) -> int:
        """When the pipe hears of it."""
        return self.at + self.delay + self.waits


@dataclass
class Pipe:
    """What a pipe knows."""

    definition: str
    comment: str
    paused: bool = False
    queue: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    history: set[str] = field(default_factory=set)


@dataclass
class FakeSnowflake:
    """Answers the statements of a roll-out.

    Attributes:
        seconds_a_file: how long loading one takes.
        seconds_a_call: what passes before each statement, in turn; the last one again and again.
        paused_when_made: whether a pipe that replaces a paused one is paused; Snowflake does not say.
        lost_after: the connection is lost after so many statements.
        raw: file names in RAW_RECORDS; each file stands for one record.
    """

    pipe: Pipe
    landings: list[Landing]
    seconds_a_file: int = 1
    seconds_a_call: list[int] = field(default_factory=lambda: [10])
    paused_when_made: bool = False
    lost_after: int | None = None
    now: int = 0
    raw: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    _told: set[str] = field(default_factory=set)
    _spent: int = 0

    def advance(self, seconds: int) -> None:
        """Let time pass, second by second where something can happen."""
        for _ in range(seconds):
            self.now += 1
            self._tell()
            self._load()

    def ask(self, sql: str) -> str | None:
        """Run one statement; the first value of its first row."""
        self.advance(self.seconds_a_call[min(len(self.asked), len(self.seconds_a_call) - 1)])
        self.asked.append(sql)
        answer = self._run(sql)
        if self.lost_after is not None and len(self.asked) >= self.lost_after:
            self.lost_after = None
            raise ConnectionLostError(sql)
        return answer

    def show(self) -> ShownPipe:
        """The row of SHOW PIPES."""
        return ShownPipe(
            "SLUICE", "RAW", "RECORDS_PIPE", self.pipe.definition, self.pipe.comment, "SLUICE_ERRORS", "arn"
        )

    def status(self) -> str:
        """The answer of SYSTEM$PIPE_STATUS."""
        state = "PAUSED" if self.pipe.paused else "RUNNING"
        waiting = [each for each in self.landings if each.at + each.delay <= self.now < each.told]
        return json.dumps(
            {
                "executionState": state,
                "pendingFileCount": len(self.pipe.queue),
                "numOutstandingMessagesOnChannel": len(waiting),
            }
        )

    def clock(self) -> datetime:
        """Now."""
        return START + timedelta(seconds=self.now)

    def records(self) -> list[str]:
        """What the view RECORDS shows."""
        return sorted(set(self.raw))

    def _tell(self) -> None:
        for landing in self.landings:
            if landing.name not in self._told and landing.told <= self.now:
                self._told.add(landing.name)
                (self.pipe.kept if self.pipe.paused else self.pipe.queue).append(landing.name)

    def _load(self) -> None:
        self._spent += 1
        if self.pipe.queue and self._spent >= self.seconds_a_file:
            self._spent = 0
            name = self.pipe.queue.pop(0)
            if name not in self.pipe.history:
                self.pipe.history.add(name)
                self.raw.append(name)

    def _run(self, sql: str) -> str | None:
        if sql.startswith("SELECT SYSTEM$PIPE_STATUS('SLUICE.RAW.RECORDS_PIPE')"):
            return self.status()
        if made := re.match(
            r"CREATE OR REPLACE PIPE SLUICE\.RAW\.RECORDS_PIPE\s.*COMMENT = '(.*?)'.*?\sAS\s(.*)", sql, re.DOTALL
        ):
            self.pipe = Pipe(made[2], made[1], paused=self.paused_when_made and self.pipe.paused)
            return None
        if re.fullmatch(r"ALTER PIPE SLUICE\.RAW\.RECORDS_PIPE REFRESH", sql):
            self._refresh(self.clock() - timedelta(days=7))
            return None
        altered = re.fullmatch(r"ALTER PIPE SLUICE\.RAW\.RECORDS_PIPE (SET|REFRESH) (\w+) = (.*)", sql)
        assert altered, sql
        self._alter(altered[2], altered[3].strip("'"))
        return None

    def _alter(self, what: str, value: str) -> None:
        if what == "COMMENT":
            self.pipe.comment = value
        elif what == "PIPE_EXECUTION_PAUSED":
            self.pipe.paused = value == "TRUE"
            if not self.pipe.paused:
                self.pipe.queue += self.pipe.kept
                self.pipe.kept = []
        else:
            assert what == "MODIFIED_AFTER"
            self._refresh(max(datetime.fromisoformat(value), self.clock() - timedelta(days=7)))

    def _refresh(self, since: datetime) -> None:
        self.pipe.queue += [
            each.name
            for each in self.landings
            if each.at <= self.now and START + timedelta(seconds=each.at) > since
            if each.name not in self.pipe.history
        ]
