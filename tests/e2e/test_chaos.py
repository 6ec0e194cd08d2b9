"""A small run of `make chaos`: every promise is kept while faults come and go."""

from pathlib import Path

import pytest

from tests.chaos import report
from tests.chaos.run import run
from tests.chaos.schedule import make_plan

pytestmark = pytest.mark.e2e
SEED, RECORDS, FAULTS = 443, 5_000, 9  # of this seed the faults of the stream and the bucket overlap, and it replays


def test_nothing_is_lost_and_nothing_is_made_up_while_faults_come_and_go(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        print()
        outcome = run(make_plan(SEED, RECORDS, FAULTS), tmp_path / "home", print)
    assert len(outcome.seen.records) > RECORDS * 0.9
    assert len(outcome.begun) == FAULTS
    assert outcome.seen.replayed
    assert not outcome.breaches, "\n".join(report.breach_lines(outcome.breaches, 5))
