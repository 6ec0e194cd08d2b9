"""Whether the pipe in the account is the one in its file, and how a changed one is rolled out. I/O is passed in.

For whoever has a connection (`ask` runs one statement and returns its first value as text):

    shown = ShownPipe.from_row(row)         # row: {column: value} of SHOW_PIPE.format(…), lower-case names
    if pipe_differs(shown, statement):      # statement: ops.snowflake_sql.pipe_statement(…); [] if they are the same
        status = PipeStatus.from_json(ask(status_query(statement)))
        now = read_now(ask(NOW))            # Snowflake's clock, not ours
        run_steps(roll_out(statement, shown, status, now), ask, pause=lambda: time.sleep(5), say=print)

All of it runs as the loader role, which owns the pipe. snowflake/README.md, "Changing the pipe", has the table of what
happens to a file that arrives in each gap; tests/unit/ops/test_snowflake_pipe.py plays it.

Replacing a pipe forgets which files it loaded and which it was told of, so REFRESH puts what was modified since the
pause into the new one's queue. The moment from which on stands in the pipe's COMMENT until that is done: a roll-out
that broke off anywhere is seen by `pipe_differs`, and `roll_out` goes on with the same moment.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import zip_longest

from ops.snowflake_pipe_seen import ROLL_OUT_MARK, PipeStatus, RollOutError, ShownPipe, read_time
from ops.snowflake_pipe_text import PipeText, words_of

NOW = """SELECT TO_CHAR(SYSDATE(), 'YYYY-MM-DD"T"HH24:MI:SS') || '+00:00'"""

REFRESH_REACHES = timedelta(days=7)
"""https://docs.snowflake.com/en/sql-reference/sql/alter-pipe, MODIFIED_AFTER: the default and the most."""
MARGIN = timedelta(hours=1)
"""How long before the pause a file can have been modified and yet be unknown to the paused pipe.

S3 events take seconds, "but can sometimes take a minute or longer" (https://docs.aws.amazon.com/AmazonS3/latest/userguide/
EventNotifications.html), and a multipart upload is dated by its start (https://docs.aws.amazon.com/AmazonS3/latest/userguide/
UsingMetadata.html). Longer costs rows that are in the raw table twice, shorter could cost records.
"""
POLLS = 360


@dataclass(frozen=True, slots=True)
class Step:
    """One statement of a roll-out.

    Attributes:
        say: what it does, for the user.
        wait_for: asks the same statement, a SYSTEM$PIPE_STATUS, again until this is true of the answer.
    """

    sql: str
    say: str
    wait_for: Callable[[PipeStatus], bool] | None = None


def pipe_differs(shown: ShownPipe, statement: str) -> list[str]:
    """What is different between the pipe in the account and the CREATE PIPE of its file, a line each; [] if nothing.

    Blanks, comments, the case of unquoted words and the pipe's own database and schema before a name do not count.
    """
    file = PipeText(statement)
    found = [*_replaced_for(shown, file)]
    if shown.error_integration.upper() != file.option("ERROR_INTEGRATION").upper():
        found.append(
            f"ERROR_INTEGRATION is {shown.error_integration!r}, the file says {file.option('ERROR_INTEGRATION')}"
        )
    if (since := shown.unfinished_since) is not None:
        found.append(f"a roll-out was not finished: what was modified after {since} is to be refreshed")
    elif not shown.awaits_refresh and shown.comment != file.option("COMMENT"):
        found.append("the COMMENT is another")
    return found


def roll_out(
    statement: str, shown: ShownPipe, status: PipeStatus, now: datetime, margin: timedelta | None = None
) -> list[Step]:
    """The statements that make the pipe in the account the one in the file, in order; [] if it already is.

    Args:
        statement: the file's CREATE PIPE, rendered.
        status: of the pipe now.
        now: by Snowflake's clock.
        margin: MARGIN if None, and then no message may be outstanding: nobody knows its age. Whoever gives one says
            that no message is older than that.

    Raises:
        RollOutError: the pipe is not running and nobody knows since when; it is behind, by more than the margin or by
            an unknown time; it was not refreshed yet; or what is to be loaded is older than REFRESH reaches.
    """
    file = PipeText(statement)
    if not pipe_differs(shown, statement):
        return []
    if shown.awaits_refresh:
        raise RollOutError(
            "The pipe was hooked up to the bucket, and what landed before that is not loaded yet. Finish the "
            "deployment first (make deploy), then roll out."
        )
    replaced_for, since = _replaced_for(shown, file), shown.unfinished_since
    if not replaced_for and since is None:
        return [_set(file, f"ERROR_INTEGRATION = {file.option('ERROR_INTEGRATION')}"), _set_comment(file)]
    if since is None:
        span = MARGIN if margin is None else margin
        _refuse_if_behind(file, status, now, span, guessed=margin is None)
        since = now - span
    if since > now:
        raise RollOutError(
            f"The pipe's COMMENT notes {since.isoformat()}, which is still to come. Set an earlier time."
        )
    if now - since > REFRESH_REACHES:
        raise RollOutError(
            f"What was modified after {since.isoformat()} is to be loaded, and REFRESH reaches back "
            f"{REFRESH_REACHES.days} days. Load the older files with a COPY INTO by hand, then set the pipe's COMMENT "
            f"to '{ROLL_OUT_MARK}<a later moment>'."
        )
    return [*(_replace(file, since) if replaced_for else ()), *_refresh(file, since)]


def replaces_pipe(steps: Sequence[Step]) -> bool:
    """Whether the pipe's load history goes, and with it what COPY_HISTORY says of files that were skipped."""
    return any(step.sql.startswith(PipeText.REPLACES) for step in steps)


def status_query(statement: str) -> str:
    """SYSTEM$PIPE_STATUS of the pipe that `statement` creates."""
    return f"SELECT SYSTEM$PIPE_STATUS('{PipeText(statement).name}')"


def read_now(text: str | None) -> datetime:
    """The answer to NOW."""
    if text is None:
        raise RollOutError("Snowflake did not say what time it is")
    return read_time(text)


def run_steps(
    steps: Sequence[Step],
    ask: Callable[[str], str | None],
    pause: Callable[[], None],
    say: Callable[[str], None],
    polls: int = POLLS,
) -> None:
    """Run the steps in order.

    Args:
        ask: runs one statement; the first value of its first row as text, None without one.
        pause: waits between two looks at the pipe.

    Raises:
        RollOutError: the pipe was not as it should be after `polls` looks. Nothing is lost: running again goes on.
    """
    for step in steps:
        say(step.say)
        answer = ask(step.sql)
        if step.wait_for is None:
            continue
        left = polls
        while not step.wait_for(status := PipeStatus.from_json(answer)):
            left -= 1
            if left == 0:
                raise RollOutError(f"{step.say}: still {status}. Nothing is lost; run the roll-out again.")
            pause()
            answer = ask(step.sql)


def _refuse_if_behind(file: PipeText, status: PipeStatus, now: datetime, margin: timedelta, *, guessed: bool) -> None:
    if status.state != "RUNNING":
        what = status.state or "not to be seen by this role"
        raise RollOutError(
            f"The pipe is {what}, not RUNNING ({status.reason or 'since when is unknown'}). Resume it (ALTER PIPE "
            f"{file.name} SET PIPE_EXECUTION_PAUSED = FALSE), let it load what is pending, and roll out then."
        )
    if status.outstanding and guessed:
        raise RollOutError(
            f"{status.outstanding} messages wait in the pipe's channel, nobody knows since when, and one that is older "
            f"than the margin ({_hours(margin)}) could cost its file. Try again when none waits; on a busy bucket say "
            "--margin HOURS, more than any of them can have waited."
        )
    try:
        oldest = read_time(status.oldest_queued) if status.oldest_queued else None
    except ValueError as error:
        raise RollOutError(f"SYSTEM$PIPE_STATUS gives no time in oldestFileTimestamp: {error}") from error
    if oldest is not None and now - oldest > margin:
        raise RollOutError(
            f"The pipe is behind: of {status.pending_files} pending files the oldest waits since {oldest.isoformat()}, "
            f"longer than the margin of {_hours(margin)}. Let it catch up, or say --margin HOURS, more than that."
        )


def _hours(span: timedelta) -> str:
    return f"{span / timedelta(hours=1):g} h"


def _replace(file: PipeText, since: datetime) -> list[Step]:
    mark = ROLL_OUT_MARK + since.isoformat()
    return [
        _set(file, f"COMMENT = '{mark}'", f"note in the pipe's comment from when on to refresh: {since.isoformat()}"),
        _set(file, "PIPE_EXECUTION_PAUSED = TRUE", "pause the pipe"),
        Step(file.status, "wait until the paused pipe has loaded what was queued", _drained),
        Step(file.as_replacement(mark), "replace the pipe"),
    ]


def _refresh(file: PipeText, since: datetime) -> list[Step]:
    return [
        Step(
            f"ALTER PIPE {file.name} REFRESH MODIFIED_AFTER = '{since.isoformat()}'",
            "queue what was modified since then; what the new pipe has loaded already is left out",
        ),
        # Whether a pipe that replaces a paused one is paused is not documented; on a running pipe this changes nothing.
        _set(file, "PIPE_EXECUTION_PAUSED = FALSE", "resume the pipe"),
        Step(file.status, "wait until the pipe is running", _running),
        _set_comment(file),
    ]


def _drained(status: PipeStatus) -> bool:
    return status.state == "PAUSED" and status.pending_files == 0


def _running(status: PipeStatus) -> bool:
    return status.state == "RUNNING"


def _set(file: PipeText, what: str, say: str = "") -> Step:
    return Step(f"ALTER PIPE {file.name} SET {what}", say or f"set {what}")


def _set_comment(file: PipeText) -> Step:
    return _set(file, f"COMMENT = '{file.option('COMMENT')}'", "set the pipe's comment to the file's: it is rolled out")


def _replaced_for(shown: ShownPipe, file: PipeText) -> list[str]:
    """The differences that only CREATE OR REPLACE can remove: https://docs.snowflake.com/en/user-guide/data-load-snowpipe-manage"""
    found = []
    mine = words_of(shown.definition, shown.database, shown.schema)
    for number, (there, here) in enumerate(zip_longest(mine, file.copy), start=1):
        if there != here:
            found.append(
                f"the COPY differs at its word {number}: {there or 'nothing'}, the file says {here or 'nothing'}"
            )
            break
    if bool(shown.channel) != (file.option("AUTO_INGEST").upper() == "TRUE"):
        found.append(f"AUTO_INGEST is {str(bool(shown.channel)).upper()}, the file says {file.option('AUTO_INGEST')}")
    return found
