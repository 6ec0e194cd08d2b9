"""What is missing is said in a line; `python -m benchmarks` ends with status 2 then."""

import sys
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import functions, machine, node
from benchmarks.installing import NotInstalled, do

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the benchmark needs Linux")
FAILS = [sys.executable, "-c", "import sys; sys.exit('no network')"]


def test_a_command_that_works_says_nothing(tmp_path: Path) -> None:
    do("nothing", [sys.executable, "-c", "open('made', 'w')"], cwd=tmp_path)
    assert (tmp_path / "made").exists()


def test_one_that_fails_is_told_with_what_it_printed() -> None:
    with pytest.raises(NotInstalled, match="npm ci ended with 1\nno network"):
        do("npm ci", FAILS)


def test_one_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotInstalled, match=r"pip: .*No such file"):
        do("pip", [str(tmp_path / "pip")])


@pytest.fixture
def installs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was to be installed, which fails."""
    tried: list[str] = []

    def fail() -> None:
        tried.append("npm ci")
        do("npm ci", FAILS)

    monkeypatch.setattr(node, "install", fail)
    monkeypatch.setattr(functions, "install", fail)
    monkeypatch.setattr(machine, "about", lambda command: {"command": command})
    return tried


def test_a_failed_install_is_a_message_and_exit_status_2(
    installs: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(machine, "load_now", lambda: (0.0, 0.0))
    assert command.main([]) == 2
    assert "npm ci ended with 1\nno network" in capsys.readouterr().err
    assert installs == ["npm ci"]


def test_a_busy_machine_is_told_before_anything_is_installed(
    installs: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(machine, "load_now", lambda: (4.0, 0.9))
    assert command.main([]) == 1
    assert "90% of all cores are busy" in capsys.readouterr().err
    assert installs == []
