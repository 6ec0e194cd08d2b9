"""The fix that the chaos run replays with helps all that it is for, and is told from any other."""

from pathlib import Path

from app.envelope import Origin, StreamLines
from app.validation import Accepted, judge
from ops.replay.fix import Fact
from ops.replay.fix_file import read_fix
from tests.chaos.bodies import body_of
from tests.chaos.replays import FIX, REASON, is_mended
from tests.chaos.schedule import make_plan
from tests.support.rejected import FIRST

ORIGIN = Origin("0" * 36, FIRST, "anonymous", None, None)
FACTS = {Fact.INGEST_ID: "an-id", Fact.RECEIVED_AT: "2026-11-20T21:59:58.123456Z", Fact.SOURCE: "anonymous"}


def test_it_mends_every_record_of_its_reason(tmp_path: Path) -> None:
    (tmp_path / "fix.json").write_text(FIX)
    fix = read_fix(tmp_path / "fix.json")
    rejected = [
        record for step in make_plan(1, 20_000).steps for record in body_of(step).records if record.reason == REASON
    ]
    assert len(rejected) > 20
    for record in rejected:
        mended = fix.apply(record.payload, FACTS)
        assert isinstance(judge(mended, StreamLines(ORIGIN).room(0), None), Accepted)
        assert is_mended(mended, "an-id", record.payload)
        assert not is_mended(record.payload, "an-id", record.payload)
        assert not is_mended(mended, "another-id", record.payload)
