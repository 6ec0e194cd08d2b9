"""One child process: ready, failing, stubborn; and a home that only one may hold."""

import asyncio
import signal
import sys
import time
from pathlib import Path

import pytest

from local_pipeline.home import Home, HomeError, HomeLock, HomeTakenError, Running
from local_pipeline.probes import Probe, never
from local_pipeline.processes import Child, Command, StartError
from local_pipeline.supervisor import listen


def command(script: str, *, ready: Probe = never, grace_seconds: float = 0.5) -> Command:
    """A Python script as a process of the pipeline."""
    return Command("worker", [sys.executable, "-c", script], {}, ready, grace_seconds=grace_seconds)


def file_exists(path: Path) -> Probe:
    """Yes once `path` is there."""

    async def probe() -> bool:
        return path.exists()  # noqa: ASYNC240 - one stat of a local file

    return probe


def test_a_child_is_ready_when_its_probe_says_so_and_ends_on_sigterm(tmp_path: Path) -> None:
    marker = tmp_path / "ready"
    script = f"import pathlib, time; pathlib.Path({str(marker)!r}).touch(); time.sleep(60)"

    async def scenario() -> int:
        child = await Child.start(command(script, ready=file_exists(marker), grace_seconds=20), tmp_path / "log")
        await child.wait_until_ready(20)
        child.check_alive()
        await child.stop(time.monotonic() + 20)
        return await child.wait()

    assert asyncio.run(scenario()) == -signal.SIGTERM


def test_a_child_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    marker = tmp_path / "ready"
    script = (
        "import pathlib, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        f"pathlib.Path({str(marker)!r}).touch(); time.sleep(60)"
    )

    async def scenario() -> int:
        child = await Child.start(command(script, ready=file_exists(marker)), tmp_path / "log")
        await child.wait_until_ready(20)
        await child.stop(time.monotonic() + 20)
        return await child.wait()

    assert asyncio.run(scenario()) == -signal.SIGKILL


def test_a_child_that_fails_says_its_last_line(tmp_path: Path) -> None:
    async def scenario() -> None:
        child = await Child.start(command("import sys; sys.exit('no such template\\n')"), tmp_path / "log")
        await child.wait()
        child.check_alive()

    with pytest.raises(StartError, match=r"^worker did not start: no such template \(log: .*\)$"):
        asyncio.run(scenario())


def test_the_log_of_the_run_before_is_kept(tmp_path: Path) -> None:
    async def run_once(text: str, *, anew: bool) -> None:
        child = await Child.start(command(f"print({text!r})"), tmp_path / "worker.log", anew=anew)
        await child.wait()

    for text, anew in (("first", True), ("second", True), ("second again", False)):
        asyncio.run(run_once(text, anew=anew))

    assert (tmp_path / "worker.log.1").read_text() == "first\n"
    assert (tmp_path / "worker.log").read_text() == "second\nsecond again\n"


def test_a_home_is_held_once(tmp_path: Path) -> None:
    first, second = HomeLock(Home(tmp_path)), HomeLock(Home(tmp_path))
    first.acquire()
    with pytest.raises(HomeTakenError, match="already runs"):
        second.acquire()
    first.release()
    second.acquire()
    second.release()


def test_a_home_that_is_a_file_is_one_clear_line(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(HomeError, match=rf"^cannot keep the state in {file} \(Not a directory\); .*SLUICE_HOME$"):
        HomeLock(Home(file)).acquire()


def test_each_reset_asked_for_is_carried_out_once_by_each(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert (home.wanted_reset(), home.done_reset("firehose")) == (0, 0)
    assert [home.ask_for_reset(), home.ask_for_reset()] == [1, 2]
    home.reset_is_done("firehose", 2)
    assert (home.wanted_reset(), home.done_reset("firehose"), home.done_reset("snowpipe")) == (2, 2, 0)
    home.reset.write_text("nonsense")
    assert home.wanted_reset() == 0


def test_run_json_is_read_as_it_was_written(tmp_path: Path) -> None:
    home = Home(tmp_path)
    processes = {"engine": Running(1, "http://127.0.0.1:1"), "firehose": Running(2)}
    assert home.running() == {}
    home.write_running(processes)
    assert home.running() == processes


def test_a_taken_port_names_itself() -> None:
    with listen(0) as taken:
        port = taken.getsockname()[1]
        another = port + 1 if port < 65535 else 8001
        told = rf"port {port} on 127.0.0.1 cannot be used \(.*\); choose another: make run PORT={another}$"
        with pytest.raises(StartError, match=told):
            listen(port)


def test_the_port_suggested_can_be_had() -> None:
    with pytest.raises(StartError, match=r"PORT=8001$"):
        listen(65536)
