"""How the engine is started: alone, on loopback, and without anything that points at a real account."""

import subprocess
import sys
from pathlib import Path

import pytest

from local_pipeline.engine import Engine, EngineError, is_healthy, wait_until_healthy
from tests.support.aws import free_port


def test_nothing_of_a_real_account_is_handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA")
    monkeypatch.setenv("MINISTACK_HOST", "example.org")
    environment = Engine(4711, tmp_path / "engine").environment
    assert not [name for name in environment if name.startswith("AWS_")]
    assert (environment["BIND_HOST"], environment["MINISTACK_HOST"]) == ("127.0.0.1", "127.0.0.1")


def test_everything_it_keeps_is_in_its_home(tmp_path: Path) -> None:
    environment = Engine(4711, tmp_path / "engine").environment
    for name in ("STATE_DIR", "S3_DATA_DIR", "TMPDIR"):
        assert Path(environment[name]).is_relative_to(tmp_path / "engine"), name


def test_functions_are_told_by_name(tmp_path: Path) -> None:
    engine = Engine(4711, tmp_path, functions={"sluice-dev-gateway": "http://127.0.0.1:4712/"})
    assert engine.environment["MINISTACK_LAMBDA_PROXY_sluice-dev-gateway"] == "http://127.0.0.1:4712/"


def test_an_engine_that_is_not_installed_is_one_clear_line(tmp_path: Path) -> None:
    engine = Engine(4711, tmp_path, python=tmp_path / "nowhere" / "python")
    with pytest.raises(EngineError, match=r"not installed: .*nowhere/python is missing\. Run: make install"):
        _ = engine.command


def test_an_engine_that_ends_is_not_waited_for() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait(10)
    with pytest.raises(EngineError, match="ended while starting"):
        wait_until_healthy(f"http://127.0.0.1:{free_port()}", lambda: process.poll() is None)


def test_an_engine_that_says_nothing_is_given_up() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    assert not is_healthy(url)
    with pytest.raises(EngineError, match="did not answer"):
        wait_until_healthy(url, lambda: True, seconds=0.1)
