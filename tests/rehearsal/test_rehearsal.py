"""`make rehearse`: a stage from nothing to a row to nothing, by the steps that a user runs."""

import subprocess
import sys
from pathlib import Path

from tests.support.local_pipeline import processes_of
from tests.support.processes import ROOT, clean_environment

LIMIT_SECONDS = 300


def test_deploy_deploy_again_destroy(tmp_path: Path) -> None:
    home = tmp_path / "home"
    rehearsed = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "local_pipeline.rehearsal", "--home", str(home)],
        cwd=ROOT,
        env=clean_environment({}),
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    said = rehearsed.stdout
    assert rehearsed.returncode == 0, said + rehearsed.stderr
    assert said.count("its row was there after") == 2
    assert said.count("    created") == 6
    assert said.count("    no change") == 7  # storage twice
    assert "No stack was changed." in said
    assert "Nothing in AWS carries the name or the tag of stage rehearsal any more." in said
    assert "Engine and warehouse hold nothing of the stage." in said
    assert processes_of(home) == []
