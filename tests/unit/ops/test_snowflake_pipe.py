"""The pipe in the account against the one in its file, and roll-outs while files arrive."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local_pipeline.shipped_sql import DEFAULT_VARIABLES
from ops.snowflake_pipe import MARGIN, Step, pipe_differs, read_now, roll_out, run_steps, status_query
from ops.snowflake_pipe_seen import PipeStatus, RollOutError, ShownPipe
from ops.snowflake_sql import SNOWFLAKE_DIRECTORY, ShippedSqlError, pipe_statement
from tests.unit.ops.fake_pipe import START, ConnectionLostError, FakeSnowflake, Landing, Pipe

FILE = pipe_statement(SNOWFLAKE_DIRECTORY, DEFAULT_VARIABLES)
COPY = FILE[FILE.index("COPY INTO") :]
OLD_COPY = COPY.replace("$1:schema::VARCHAR", "$1:schema")
COMMENT = "Landing bucket to raw table"
SAME = ShownPipe("SLUICE", "RAW", "RECORDS_PIPE", COPY, COMMENT, "SLUICE_ERRORS", "arn:aws:sqs:…")
RUNNING = PipeStatus("RUNNING", 0)
HOUR = 3600


def test_the_same_pipe_in_other_words_is_the_same() -> None:
    assert pipe_differs(SAME, FILE) == []
    loud = (
        re.sub(r"(?m)^\s+", "", COPY).replace("COPY INTO", "copy  into").replace("SELECT", "-- a word\nselect") + " ;"
    )
    assert pipe_differs(replace(SAME, definition=loud, error_integration="sluice_errors"), FILE) == []
    near = COPY.replace("SLUICE.RAW.", "")
    assert pipe_differs(replace(SAME, definition=near), FILE) == []
    assert roll_out(FILE, SAME, RUNNING, START) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"definition": OLD_COPY}, "the COPY differs at its word [0-9]+: ,, the file says ::"),
        ({"definition": COPY.replace("gz", "GZ")}, "the COPY differs"),
        ({"definition": COPY.replace("SLUICE.RAW.RAW_RECORDS", "SLUICE.OTHER.RAW_RECORDS")}, "the COPY differs"),
        ({"definition": COPY + " FORCE = TRUE"}, "the COPY differs at its word [0-9]+: FORCE, the file says nothing"),
        ({"definition": COPY.replace("ON_ERROR = SKIP_FILE", "")}, "nothing, the file says ON_ERROR"),
        ({"channel": ""}, "AUTO_INGEST is FALSE, the file says TRUE"),
        ({"error_integration": ""}, "ERROR_INTEGRATION is '', the file says SLUICE_ERRORS"),
        ({"comment": "mine"}, "the COMMENT is another"),
    ],
)
def test_a_pipe_that_differs(changed: dict[str, str], said: str) -> None:
    (found,) = pipe_differs(replace(SAME, **changed), FILE)

    assert re.search(said, found), found


def test_rows_of_show_pipes() -> None:
    row = {
        "database_name": "SLUICE",
        "schema_name": "RAW",
        "name": "RECORDS_PIPE",
        "definition": COPY,
        "comment": COMMENT,
        "error_integration": "SLUICE_ERRORS",
        "notification_channel": "arn:aws:sqs:…",
    }
    assert ShownPipe.from_row(row) == SAME
    assert ShownPipe.from_row({**row, "error_integration": None}) == replace(SAME, error_integration="")


@pytest.mark.parametrize(
    "wrong", ["CREATE TABLE t (a INT)", FILE.replace("IF NOT EXISTS ", ""), FILE.partition("AS\n")[0]]
)
def test_a_file_that_makes_no_pipe_once(wrong: str) -> None:
    with pytest.raises(ShippedSqlError, match="no CREATE PIPE IF NOT EXISTS"):
        pipe_differs(SAME, wrong)


def test_a_roll_out_needs_a_comment_to_write_into() -> None:
    with pytest.raises(ShippedSqlError, match="no COMMENT"):
        roll_out(FILE.replace(f"COMMENT = '{COMMENT}'", ""), replace(SAME, definition=OLD_COPY), RUNNING, START)


def test_the_status() -> None:
    assert PipeStatus.from_json('{"executionState":"STALLED_EXECUTION_ERROR","pendingFileCount":3,"error":"x"}') == (
        PipeStatus("STALLED_EXECUTION_ERROR", 3, "x")
    )
    behind = {
        "executionState": "RUNNING",
        "pendingFileCount": 2,
        "oldestFileTimestamp": 1795392000,
        "numOutstandingMessagesOnChannel": 4,
        "lastReceivedMessageTimestamp": "2026-11-23T00:00:00.000Z",
    }
    assert PipeStatus.from_json(json.dumps(behind)) == (
        PipeStatus("RUNNING", 2, "", 4, "1795392000", "2026-11-23T00:00:00.000Z")
    )
    assert PipeStatus.from_json(None) == PipeStatus("", 0)
    assert status_query(FILE) == "SELECT SYSTEM$PIPE_STATUS('SLUICE.RAW.RECORDS_PIPE')"
    assert read_now("2026-11-23T00:00:00+00:00") == START


def test_what_alter_can_set_replaces_nothing() -> None:
    steps = roll_out(FILE, replace(SAME, error_integration="", comment="old"), RUNNING, START)

    assert [step.sql for step in steps] == [
        "ALTER PIPE SLUICE.RAW.RECORDS_PIPE SET ERROR_INTEGRATION = SLUICE_ERRORS",
        f"ALTER PIPE SLUICE.RAW.RECORDS_PIPE SET COMMENT = '{COMMENT}'",
    ]


def test_the_replacement_is_the_file_but_for_its_note() -> None:
    (made,) = [
        step.sql for step in roll_out(FILE, replace(SAME, definition=OLD_COPY), RUNNING, START) if "CREATE" in step.sql
    ]

    note = "Sluice roll-out, not finished: to refresh what was modified after 2026-11-22T23:00:00+00:00"
    assert made == FILE.replace("CREATE PIPE IF NOT EXISTS", "CREATE OR REPLACE PIPE").replace(COMMENT, note)


@pytest.mark.parametrize("state", ["PAUSED", "STOPPED_MISSING_TABLE", ""])
def test_a_pipe_that_does_not_run_is_not_rolled_out(state: str) -> None:
    """Nobody knows since when it has not loaded, so nobody knows from when on to refresh."""
    with pytest.raises(RollOutError, match="not RUNNING"):
        roll_out(FILE, replace(SAME, definition=OLD_COPY), PipeStatus(state, 0), START)


def test_what_refresh_does_not_reach_is_said_before_anything_is_done() -> None:
    noted = (
        roll_out(FILE, replace(SAME, definition=OLD_COPY), RUNNING, START)[0].sql.partition("COMMENT = ")[2].strip("'")
    )

    with pytest.raises(RollOutError, match="COPY INTO by hand"):
        roll_out(FILE, replace(SAME, comment=noted), PipeStatus("PAUSED", 0), START + timedelta(days=8))


@pytest.mark.parametrize(("hours", "lost"), [(1, ["waiting"]), (3, [])])
def test_a_message_that_waits_longer_than_the_margin_costs_its_file(hours: int, lost: list[str]) -> None:
    begins = 3 * HOUR
    waiting = Landing("waiting", begins - 2 * HOUR, waits=2 * HOUR + 25)
    snowflake = FakeSnowflake(Pipe(OLD_COPY, COMMENT), [waiting])
    snowflake.advance(begins)
    with pytest.raises(RollOutError, match="1 messages wait"):
        perform(snowflake, margin=None)

    perform(snowflake, margin=timedelta(hours=hours))

    snowflake.advance(HOUR)
    assert [name for name in ["waiting"] if name not in snowflake.records()] == lost


def test_a_pipe_that_never_drains_is_given_up() -> None:
    snowflake = FakeSnowflake(Pipe(OLD_COPY, COMMENT), [])
    snowflake.pipe.queue = ["stuck"]
    snowflake.seconds_a_file = 10**9

    with pytest.raises(RollOutError, match="still PipeStatus"):
        run_steps(
            roll_out(FILE, snowflake.show(), RUNNING, START), snowflake.ask, lambda: None, lambda _: None, polls=3
        )
    assert snowflake.pipe.comment.startswith("Sluice roll-out")


def perform(
    snowflake: FakeSnowflake, edit: Callable[[list[Step]], list[Step]] = list, margin: timedelta | None = MARGIN
) -> None:
    """What a deploy does when it finds the pipe different."""
    shown, status = snowflake.show(), PipeStatus.from_json(snowflake.status())
    if pipe_differs(shown, FILE):
        steps = edit(roll_out(FILE, shown, status, snowflake.clock(), margin))
        run_steps(steps, snowflake.ask, lambda: snowflake.advance(60), lambda _: None)


LANDINGS = st.lists(
    st.builds(lambda at, delay: (at, delay), st.integers(0, 3 * HOUR), st.integers(0, 50 * 60)), min_size=1, max_size=12
).map(lambda found: [Landing(f"f{number}", at, delay) for number, (at, delay) in enumerate(found)])


SNOWFLAKES = st.builds(
    lambda landings, **more: FakeSnowflake(Pipe(OLD_COPY, COMMENT), landings, **more),
    LANDINGS,
    seconds_a_file=st.sampled_from([1, 60, 900]),
    seconds_a_call=st.lists(st.integers(0, 900), min_size=1, max_size=9),
    paused_when_made=st.booleans(),
    lost_after=st.none() | st.integers(1, 9),
)


@settings(max_examples=120, deadline=None)
@given(SNOWFLAKES, st.integers(HOUR, 2 * HOUR), st.integers(0, HOUR))
def test_whenever_files_arrive_and_wherever_it_breaks_off_nothing_is_lost(
    snowflake: FakeSnowflake, begins: int, back_after: int
) -> None:
    snowflake.advance(begins)
    noted = snowflake.clock() - MARGIN
    try:
        perform(snowflake)
    except ConnectionLostError:
        snowflake.advance(back_after)
        perform(snowflake)

    assert pipe_differs(snowflake.show(), FILE) == []
    snowflake.advance(8 * HOUR)
    assert snowflake.records() == sorted(each.name for each in snowflake.landings)
    twice = [each for each in snowflake.landings if snowflake.raw.count(each.name) > 1]
    assert all(START + timedelta(seconds=each.at) > noted for each in twice), "older than what is refreshed"


def no_refresh(steps: list[Step]) -> list[Step]:
    return [step for step in steps if "REFRESH" not in step.sql]


def no_wait(steps: list[Step]) -> list[Step]:
    return [replace(step, wait_for=None) for step in steps]


def refresh_first(steps: list[Step]) -> list[Step]:
    refresh = next(step for step in steps if "REFRESH" in step.sql)
    rest = no_refresh(steps)
    made = next(number for number, step in enumerate(rest) if "CREATE" in step.sql)
    return [*rest[:made], refresh, *rest[made:]]


def no_pause(steps: list[Step]) -> list[Step]:
    return [step for step in no_wait(steps) if "PAUSED" not in step.sql]


def no_resume(steps: list[Step]) -> list[Step]:
    return [step for step in no_wait(steps) if "PAUSED = FALSE" not in step.sql]


@pytest.mark.parametrize(
    ("edit", "margin", "lost"),
    [
        (list, MARGIN, []),
        (no_refresh, MARGIN, ["late", "while paused"]),
        (no_wait, MARGIN, ["queued 1", "queued 2"]),
        (refresh_first, MARGIN, ["late", "while paused"]),
        (no_pause, MARGIN, ["queued 1", "queued 2"]),
        (list, timedelta(0), ["late"]),
    ],
)
def test_each_part_of_a_roll_out_is_needed(
    edit: Callable[[list[Step]], list[Step]], margin: timedelta, lost: list[str]
) -> None:
    begins = 3 * HOUR
    landings = [
        Landing("loaded", 0),
        Landing("queued 0", begins - 2 * HOUR),
        Landing("queued 1", begins - 2 * HOUR),
        Landing("queued 2", begins - 2 * HOUR),
        Landing("late", begins - 300, delay=400),
        Landing("while paused", begins + 100),
        Landing("after", begins + 3 * HOUR),
    ]
    snowflake = FakeSnowflake(Pipe(OLD_COPY, COMMENT), landings, seconds_a_file=HOUR + 60, seconds_a_call=[40])
    snowflake.advance(begins)

    perform(snowflake, edit, margin)

    snowflake.advance(12 * HOUR)
    assert sorted({each.name for each in landings} - set(snowflake.records())) == lost


def test_a_pipe_that_is_not_resumed_loads_nothing_if_it_was_made_paused() -> None:
    snowflake = FakeSnowflake(Pipe(OLD_COPY, COMMENT), [Landing("after", HOUR)], paused_when_made=True)

    perform(snowflake, no_resume)

    snowflake.advance(2 * HOUR)
    assert snowflake.records() == []
