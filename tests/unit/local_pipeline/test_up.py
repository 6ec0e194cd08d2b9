"""`sluice up` with what it cannot work with: one line, exit status 1."""

from pathlib import Path

import pytest

from ops.cli import main


@pytest.mark.parametrize("port", ["abc", "", "-1", "65536", "8000 8001", "\u0668"])
def test_a_port_that_is_none(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["up", f"--port={port}"]) == 1
    assert capsys.readouterr().err == f"sluice: the port is a number from 0 to 65535, not {port!r}\n"


def test_a_home_that_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path / "file"))
    (tmp_path / "file").touch()
    assert main(["up", "--port=0"]) == 1
    assert capsys.readouterr().out.startswith(f"sluice: cannot keep the state in {tmp_path / 'file'} (")
