"""`python -m loadtest`: what it gives to Locust, and what it refuses."""

import os
import subprocess
import sys

import pytest

from loadtest.__main__ import locust_command, main, parser
from loadtest.options import limits_of
from loadtest.scenarios import SCENARIOS
from loadtest.verdict import Limits
from tests.support.aws import free_port
from tests.support.processes import ROOT


def command(*arguments: str) -> dict[str, str]:
    """Locust's options by name; a flag's value is empty."""
    options, others = parser().parse_known_args(arguments)
    found: dict[str, str] = {}
    for each in locust_command(options, "http://gateway", "reports", others):
        if each.startswith("--"):
            found[each] = ""
        elif found:
            found[list(found)[-1]] = each
    return found


def test_a_scenario_brings_its_own_figures() -> None:
    found = command("--scenario", "heavy")
    assert (found["--users"], found["--rate"], found["--seconds"]) == ("8", "1", "30")
    assert "--headless" in found
    assert "--max-p99-ms" not in found


def test_others_can_be_asked_for() -> None:
    found = command("--users", "3", "--rate", "2.5", "--seconds", "60", "--workers", "2", "--max-error-share", "0")
    assert (found["--users"], found["--rate"], found["--seconds"]) == ("3", "2.5", "60.0")
    assert (found["--processes"], found["--max-error-share"]) == ("2", "0.0")


def test_the_page_listens_on_this_machine_only() -> None:
    found = command("--web", "--web-port", "8090")
    assert (found["--web-host"], found["--web-port"]) == ("127.0.0.1", "8090")
    assert "--headless" not in found
    assert found["--rate"] == "0"  # so that another scenario chosen there has its own


def test_limits_are_the_scenarios_unless_said() -> None:
    scenario = SCENARIOS["heavy"]
    assert limits_of(parser().parse_args([]), scenario) == scenario.limits
    said = parser().parse_args(["--max-error-share", "0", "--max-p99-ms", "7", "--max-throttled-share", "0.5"])
    assert limits_of(said, scenario) == Limits(0, 7, 0.5)


@pytest.mark.parametrize(
    "arguments", [["--users", "0"], ["--rate", "-1"], ["--seconds", "nan"], ["--scenario", "calm"]]
)
def test_nonsense_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(arguments)
    assert arguments[0] in capsys.readouterr().err


@pytest.mark.parametrize("host", ["gateway.example", "file:///etc/passwd", ""], ids=["name", "file", "nothing"])
def test_a_host_is_an_http_address(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--host", host]) == 2
    assert "no http:// or https:// address" in capsys.readouterr().err


def test_no_gateway_no_load(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--host", f"http://127.0.0.1:{free_port()}"]) == 2
    assert "make run" in capsys.readouterr().err


def test_the_list_shows_every_scenario(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    shown = capsys.readouterr().out
    assert all(f"{name}: " in shown for name in SCENARIOS)


def test_all_but_three_modules_do_without_locust_and_the_gateway() -> None:
    program = (
        "import sys, loadtest.__main__, loadtest.load, loadtest.delivery, loadtest.slow_body;"
        "loaded = {name.split('.')[0] for name in sys.modules};"
        "print(sorted(loaded & {'locust', 'gevent', 'app', 'ops', 'boto3', 'orjson'}))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)  # noqa: S603
    assert ran.stdout.strip() == "[]"
