"""What is noted in a pipe's COMMENT and said by its status, and when that forbids a roll-out."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from local_pipeline.shipped_sql import DEFAULT_VARIABLES
from ops.snowflake_pipe import MARGIN, pipe_differs, roll_out
from ops.snowflake_pipe_seen import HOOK_UP_MARK, ROLL_OUT_MARK, PipeStatus, RollOutError, ShownPipe, read_time
from ops.snowflake_sql import SNOWFLAKE_DIRECTORY, pipe_statement
from tests.unit.ops.fake_pipe import START

FILE = pipe_statement(SNOWFLAKE_DIRECTORY, DEFAULT_VARIABLES)
COPY = FILE[FILE.index("COPY INTO") :]
OLD_COPY = COPY.replace("$1:schema::VARCHAR", "$1:schema")
COMMENT = "Landing bucket to raw table"
SAME = ShownPipe("SLUICE", "RAW", "RECORDS_PIPE", COPY, COMMENT, "SLUICE_ERRORS", "arn:aws:sqs:…")
RUNNING = PipeStatus("RUNNING", 0)


@pytest.mark.parametrize(
    ("noted", "moment"),
    [
        ("2026-11-23T00:00:00+00:00", START),
        ("2026-11-23T00:00:00", START),
        ("2026-11-23 01:00:00+01:00 ", START),
        ("2026-11-23", START),
    ],
)
def test_a_note_that_a_person_wrote(noted: str, moment: datetime) -> None:
    steps = roll_out(FILE, replace(SAME, comment=ROLL_OUT_MARK + noted), PipeStatus("PAUSED", 0), START + MARGIN)
    assert f"MODIFIED_AFTER = '{moment.isoformat()}'" in steps[0].sql


@pytest.mark.parametrize("noted", ["yesterday", "", "<a later moment>", "2026-13-01", "9" * 30])
def test_a_note_without_a_time_is_told_with_an_example(noted: str) -> None:
    with pytest.raises(RollOutError, match=r"such as 'Sluice roll-out.*2026-11-23T12:00:00"):
        pipe_differs(replace(SAME, comment=ROLL_OUT_MARK + noted), FILE)


def test_a_note_of_the_future_would_refresh_nothing() -> None:
    later = ROLL_OUT_MARK + (START + MARGIN).isoformat()
    with pytest.raises(RollOutError, match="still to come"):
        roll_out(FILE, replace(SAME, comment=later), PipeStatus("PAUSED", 0), START)


def test_what_snowflake_gives_as_a_time() -> None:
    seconds = int(START.timestamp())
    assert {read_time(text) for text in (str(seconds), f"{seconds}000", "2026-11-23T00:00:00.000Z")} == {START}


def test_a_pipe_that_was_not_refreshed_yet_is_the_same_and_not_rolled_out() -> None:
    """Its note would go, and with it what landed before it was hooked up."""
    fresh = replace(SAME, comment=HOOK_UP_MARK)
    assert pipe_differs(fresh, FILE) == []
    for changed in ({"definition": OLD_COPY}, {"error_integration": ""}):
        with pytest.raises(RollOutError, match="Finish the deployment first"):
            roll_out(FILE, replace(fresh, **changed), RUNNING, START)


@pytest.mark.parametrize(
    ("status", "margin", "refused"),
    [
        (PipeStatus("RUNNING", 0, outstanding=1), None, "1 messages wait"),
        (PipeStatus("RUNNING", 0, outstanding=1), MARGIN, None),
        (PipeStatus("RUNNING", 1, oldest_queued="2026-11-22T23:30:00Z"), None, None),
        (PipeStatus("RUNNING", 2, oldest_queued="2026-11-22T22:30:00Z"), None, "of 2 pending .* margin of 1 h"),
        (PipeStatus("RUNNING", 1, oldest_queued="2026-11-22T22:30:00Z"), timedelta(hours=2), None),
        (PipeStatus("RUNNING", 1, oldest_queued="2026-11-22T20:30:00Z"), timedelta(hours=2), "margin of 2 h"),
        (PipeStatus("RUNNING", 1, oldest_queued="soon"), None, "no time in oldestFileTimestamp"),
    ],
)
def test_a_pipe_that_is_behind(status: PipeStatus, margin: timedelta | None, refused: str | None) -> None:
    changed = replace(SAME, definition=OLD_COPY)
    if refused is None:
        assert roll_out(FILE, changed, status, START, margin)
        return
    with pytest.raises(RollOutError, match=refused):
        roll_out(FILE, changed, status, START, margin)
