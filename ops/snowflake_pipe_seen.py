"""The pipe as Snowflake shows it: SHOW PIPES, SYSTEM$PIPE_STATUS, and what a COMMENT notes of unfinished work. Pure.

Two notes can stand in a pipe's COMMENT instead of the file's: ROLL_OUT_MARK with a moment, while a roll-out is not
finished, and HOOK_UP_MARK, from when the pipe is made or is to get another bucket's events until it was refreshed. They
are there rather than here because they must outlive a run that breaks off.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

SHOW_PIPE = "SHOW PIPES LIKE 'RECORDS_PIPE' IN SCHEMA {database}.RAW"
ROLL_OUT_MARK = "Sluice roll-out, not finished: to refresh what was modified after "
HOOK_UP_MARK = "Sluice hook-up, not finished: to refresh once the notification reaches this pipe"
EXAMPLE = "2026-11-23T12:00:00+00:00"
MILLISECONDS_FROM = 10**11  # as seconds, the year 5138


class RollOutError(Exception):
    """The pipe cannot be rolled out now, or did not get where it should; the message says what to do."""


@dataclass(frozen=True, slots=True)
class ShownPipe:
    """A row of SHOW PIPES (https://docs.snowflake.com/en/sql-reference/sql/show-pipes).

    Attributes:
        definition: the COPY, as it was written.
        channel: ARN of the queue it listens to; empty without AUTO_INGEST.
        created: when it was made or last replaced, as Snowflake writes it.
    """

    database: str
    schema: str
    name: str
    definition: str
    comment: str
    error_integration: str
    channel: str
    created: str = ""

    @classmethod
    def from_row(cls, row: Mapping[str, object]) -> "ShownPipe":
        """From columns by lower-case name."""

        def text(name: str) -> str:
            return "" if row.get(name) is None else str(row[name])

        return cls(
            database=text("database_name"),
            schema=text("schema_name"),
            name=text("name"),
            definition=text("definition"),
            comment=text("comment"),
            error_integration=text("error_integration"),
            channel=text("notification_channel"),
            created=text("created_on"),
        )

    @property
    def unfinished_since(self) -> datetime | None:
        """The moment to refresh from, if a roll-out began and was not finished.

        Raises:
            RollOutError: the note in the COMMENT was written by hand and has no time.
        """
        if not self.comment.startswith(ROLL_OUT_MARK):
            return None
        try:
            return read_time(self.comment.removeprefix(ROLL_OUT_MARK))
        except ValueError as error:
            raise RollOutError(
                f"The pipe's COMMENT notes a roll-out that is not finished, without a time that can be read: "
                f"{self.comment!r}. Set it to the note with a time in ISO 8601, such as '{ROLL_OUT_MARK}{EXAMPLE}'."
            ) from error

    @property
    def awaits_refresh(self) -> bool:
        """Whether files landed that no event told it of: it is new, or was given another bucket's queue."""
        return self.comment == HOOK_UP_MARK


@dataclass(frozen=True, slots=True)
class PipeStatus:
    """https://docs.snowflake.com/en/sql-reference/functions/system_pipe_status

    Attributes:
        pending_files: files in the pipe's queue; of a paused pipe, those queued before the pause and not loaded yet.
        reason: what Snowflake says is wrong, empty if nothing is.
        outstanding: messages in the channel that were not received yet, for whichever pipe.
        oldest_queued: when the oldest pending file was put into the pipe's queue, as Snowflake writes it; empty if
            there is none.
        last_message: when a message was last received from the channel, as Snowflake writes it.
    """

    state: str
    pending_files: int
    reason: str = ""
    outstanding: int = 0
    oldest_queued: str = ""
    last_message: str = ""

    @classmethod
    def from_json(cls, text: str | None) -> "PipeStatus":
        """From what SYSTEM$PIPE_STATUS returns; it returns NULL to a role that may not see the pipe."""
        found = json.loads(text or "{}")
        return cls(
            state=str(found.get("executionState", "")),
            pending_files=int(found.get("pendingFileCount", 0)),
            reason="; ".join(str(found[name]) for name in ("error", "fault") if found.get(name)),
            outstanding=int(found.get("numOutstandingMessagesOnChannel", 0)),
            oldest_queued=str(found.get("oldestFileTimestamp") or ""),
            last_message=str(found.get("lastReceivedMessageTimestamp") or ""),
        )


def read_time(text: str) -> datetime:
    """ISO 8601, in UTC if it names no zone; or seconds or milliseconds since 1970.

    Raises:
        ValueError: it is neither.
    """
    text = text.strip()
    if text.isascii() and text.isdigit():
        number = int(text)
        try:
            return datetime.fromtimestamp(number / 1000 if number >= MILLISECONDS_FROM else number, UTC)
        except (OverflowError, OSError) as error:
            raise ValueError(text) from error
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
