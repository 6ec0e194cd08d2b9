"""`kill -9` of the Firehose and Snowpipe stand-ins under load: nothing lost, and the view shows each record once."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.copies import sooner_delivered
from tests.support.load import load
from tests.support.local_pipeline import LocalPipeline, eventually
from tests.support.stores import Stores

pytestmark = pytest.mark.e2e
CONNECTIONS, LINES = 2, 20
CAUGHT_UP_SECONDS = 90.0


@dataclass(frozen=True)
class Moment:
    """When to kill a process: this long after `words` are logged, by it or by the one before it."""

    victim: str
    log: str
    words: str
    seconds_later: float = 0


MOMENTS = (
    Moment("firehose", "firehose.log", " wrote "),  # a file is in S3, its checkpoint may not be on disk
    Moment("snowpipe", "snowpipe.log", " loaded, "),  # rows are committed, their message is still in the queue
    Moment("firehose", "firehose.log", " wrote ", 0.6),  # records wait in the buffer
    Moment("snowpipe", "firehose.log", " wrote ", 0.05),  # a file is on its way
)
KILLS = MOMENTS + MOMENTS[:2]


def kill_at(pipeline: LocalPipeline, moment: Moment) -> None:
    """Kill, and wait until another process has taken its place."""
    with (pipeline.home / "logs" / moment.log).open() as said:
        said.seek(0, os.SEEK_END)
        eventually(said.read, lambda new: moment.words in new, 30, pause=0.001)
    time.sleep(moment.seconds_later)
    killed = pipeline.kill(moment.victim)
    eventually(lambda: pipeline.pid(moment.victim), lambda pid: pid != killed, 20)


def test_nothing_is_lost_and_the_view_has_each_once(
    start_pipeline: Callable[..., LocalPipeline], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Files every second give the kills many moments to hit.
    pipeline = start_pipeline("--templates", str(sooner_delivered(tmp_path)))
    stores = Stores(pipeline)

    began = time.monotonic()
    with load(pipeline, CONNECTIONS, LINES) as accepted:
        for moment in KILLS:
            kill_at(pipeline, moment)
    loaded_for = time.monotonic() - began

    wanted = dict.fromkeys(accepted, 1)
    assert len(wanted) == len(accepted) > len(KILLS) * LINES
    counts = eventually(pipeline.summary, lambda found: found["loaded"] >= len(wanted), CAUGHT_UP_SECONDS, pause=0.5)
    caught_up = time.monotonic() - began - loaded_for
    assert counts == {
        "accepted": len(wanted), "rejected": 0, "spilled": 0,
        "streamed": len(wanted), "landed": len(wanted), "loaded": len(wanted),
    }  # fmt: skip
    landed = [line.ingest_id for line in stores.landing_lines()]
    rows = [ingest_id for (ingest_id,) in stores.select("SELECT ingest_id FROM RAW_RECORDS")]
    records = [ingest_id for (ingest_id,) in stores.select("SELECT ingest_id FROM RECORDS")]
    assert set(landed) == set(rows) == wanted.keys()
    assert sorted(records) == sorted(wanted)
    assert pipeline.printed().count("ended (signal 9)") == len(KILLS)
    with capsys.disabled():
        print(
            f"\nkills: {len(KILLS)} in {loaded_for:.1f} s of load, {len(wanted):,} records accepted; caught up "
            f"{caught_up:.1f} s later with {len(landed) - len(wanted)} lines landed twice and "
            f"{len(rows) - len(wanted)} rows too many, none of them in the view"
        )
