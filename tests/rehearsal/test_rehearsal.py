"""`make rehearse`: a stage from nothing to a row to nothing, by the steps that a user runs."""

import signal
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
    assert said.count("    created") == 7
    assert said.count("    no change") == 8  # storage twice
    assert said.count(" is in the stream.") == 1, "by the drain's function, as deployed"
    assert "No stack was changed." in said
    assert "Nothing in AWS carries the name or the tag of stage rehearsal any more." in said
    assert "Engine and warehouse hold nothing of the stage." in said
    assert processes_of(home) == []


def test_ctrl_c_is_one_line_and_leaves_no_process(tmp_path: Path) -> None:
    home = tmp_path / "home"
    rehearsing = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "local_pipeline.rehearsal", "--home", str(home)],
        cwd=ROOT,
        env=clean_environment({}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert rehearsing.stdout is not None
    begun = next(line for line in rehearsing.stdout if line.startswith("[3/"))
    assert "storage" in begun
    rehearsing.send_signal(signal.SIGINT)
    said, complaints = rehearsing.communicate(timeout=LIMIT_SECONDS)
    assert rehearsing.returncode == 130
    assert said.splitlines()[-1] == "sluice: interrupted; run it again"
    assert "--from" not in said
    assert complaints == ""
    assert processes_of(home) == []
