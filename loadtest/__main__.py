"""`make loadtest`: starts Locust for a scenario, with its rate and users unless others are asked for."""

import argparse
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from loadtest.options import API_KEYS, add_limits
from loadtest.scenarios import SCENARIOS

LOCUSTFILE = Path(__file__).with_name("locustfile.py")
HEALTH_SECONDS = 10.0
STOP_SECONDS = 40
"""For the last answers of a run that is stopped before its time. Workers wait as long before they start anew."""


def main(arguments: Sequence[str]) -> int:
    """Check that there is a gateway, then become Locust."""
    options, others = parser().parse_known_args(arguments)
    if options.list:
        for each in SCENARIOS.values():
            sys.stdout.write(f"{each.name}: {each.rate:g} requests/s, {each.users} users\n{each.about}\n")
        return 0
    host = options.host.rstrip("/")
    problem = _not_a_gateway(host)
    if problem:
        sys.stderr.write(f"loadtest: {host}/health: {problem}; start one with make run, or say HOST=https://…\n")
        return 2
    directory = options.report_dir or _new_directory(options.scenario)
    command = locust_command(options, host, directory, others)
    return os.execv(sys.executable, [sys.executable, *command])  # noqa: S606


def locust_command(options: argparse.Namespace, host: str, directory: str, others: Sequence[str]) -> list[str]:
    """What to give to Python. Locust's own CSV and HTML go beside our verdict."""
    scenario = SCENARIOS[options.scenario]
    users = str(options.users or scenario.users)
    command = ["-m", "locust", "--locustfile", str(LOCUSTFILE), "--host", host, "--loglevel", "WARNING"]
    command += ["--users", users, "--spawn-rate", users, "--stop-timeout", str(STOP_SECONDS)]
    command += ["--csv", f"{directory}/locust", "--html", f"{directory}/report.html", "--report-dir", directory]
    command += ["--scenario", scenario.name, "--rate", str(options.rate or (0 if options.web else scenario.rate))]
    command += ["--seed", options.seed, "--schema", options.schema]
    for name in ("max_error_share", "max_p99_ms", "max_throttled_share"):
        value = getattr(options, name)
        command += [] if value is None else [f"--{name.replace('_', '-')}", str(value)]
    if options.web:
        command += ["--web-host", "127.0.0.1", "--run-time", f"{options.seconds:.0f}s"]
    else:
        command += ["--headless", "--only-summary", "--headless-seconds", "--seconds", str(options.seconds)]
    if options.workers:
        command += ["--processes", str(options.workers), "--master-bind-host", "127.0.0.1"]
    return [*command, *others]


def parser() -> argparse.ArgumentParser:
    """The command's own options; others go to Locust."""
    found = argparse.ArgumentParser(
        prog="python -m loadtest",
        description=f"Load a gateway. API keys come from {API_KEYS}. Options not listed here are Locust's.",
    )
    found.add_argument("--scenario", choices=list(SCENARIOS), default="steady")
    found.add_argument("--host", default="http://localhost:8000", help="base URL of the gateway")
    found.add_argument(
        "--users", type=_count, default=0, help="clients with a connection each; the scenario's unless said"
    )
    found.add_argument("--rate", type=_amount, default=0, help="requests/s of all together; the scenario's unless said")
    found.add_argument("--seconds", type=_amount, default=30, help="how long requests are due")
    found.add_argument("--web", action="store_true", help="Locust's page at http://127.0.0.1:8089 instead of headless")
    found.add_argument("--workers", type=_count, default=0, help="processes that make the load, on this machine")
    found.add_argument("--seed", default="1", help="records and arrivals are made from it")
    found.add_argument("--schema", default="order/1", help="what requests with a schema name; empty: none do")
    found.add_argument("--report-dir", default="", help="loadtest-reports/<scenario>-<time> unless said")
    found.add_argument("--list", action="store_true", help="show the scenarios and where their figures come from")
    add_limits(found)
    return found


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text}: 1 or more")
    return number


def _amount(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text}: more than 0")
    return number


def _new_directory(scenario: str) -> str:
    return f"loadtest-reports/{scenario}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"


def _not_a_gateway(host: str) -> str | None:
    if urlsplit(host).scheme not in ("http", "https"):
        return "no http:// or https:// address"
    try:
        with urllib.request.urlopen(f"{host}/health", timeout=HEALTH_SECONDS):  # noqa: S310  the scheme was checked
            return None
    except urllib.error.HTTPError as error:
        return f"answers {error.code}"
    except OSError as error:  # URLError and timeouts
        return str(getattr(error, "reason", error))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
