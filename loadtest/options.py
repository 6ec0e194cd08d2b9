"""The options that Locust gets from us, and what they mean together with the scenario's own figures."""

from argparse import ArgumentParser, Namespace
from typing import Any

from loadtest.scenarios import SCENARIOS
from loadtest.scenarios.base import Scenario
from loadtest.verdict import Limits

API_KEYS = "SLUICE_LOADTEST_KEYS"
"""Environment variable: API keys with commas between them. No option, or every `ps` would show them."""


def add_limits(parser: ArgumentParser | Any) -> None:  # noqa: ANN401  Locust's parser is ConfigArgParse's
    """The limits, shared by our command and Locust's."""
    hidden: dict[str, Any] = {"include_in_web_ui": False} if type(parser) is not ArgumentParser else {}
    for name, meaning in (
        ("error-share", "most requests that may go wrong, 0 to 1"),
        ("p99-ms", "highest 99th percentile from due to answered, in milliseconds"),
        ("throttled-share", "most requests that may be answered 429, 0 to 1"),
    ):
        text = f"{meaning}; the scenario's own unless said"
        parser.add_argument(f"--max-{name}", type=float, default=None, metavar="N", help=text, **hidden)


def add_to_locust(parser: Any) -> None:  # noqa: ANN401
    """Our options on Locust's command line; the first two are on its page too."""
    parser.add_argument("--scenario", choices=list(SCENARIOS), default="steady", help="what is sent")
    parser.add_argument("--rate", type=float, default=0.0, help="requests/s of all users together; 0: the scenario's")
    for name, default, text in (
        ("--seed", "1", "records and arrivals are made from it"),
        ("--schema", "order/1", "what requests with a schema name; empty: none do"),
        ("--report-dir", "loadtest-reports/last", "where verdict.json goes"),
    ):
        parser.add_argument(name, default=default, help=text, include_in_web_ui=False)
    parser.add_argument("--seconds", type=float, default=30.0, help="how long, if headless", include_in_web_ui=False)
    parser.add_argument("--headless-seconds", action="store_true", help="end after --seconds", include_in_web_ui=False)
    add_limits(parser)


def scenario_of(options: Namespace) -> Scenario:
    """The scenario asked for."""
    return SCENARIOS[options.scenario]


def rate_of(options: Namespace) -> float:
    """Requests a second of all users together."""
    return float(options.rate) or scenario_of(options).rate


def limits_of(options: Namespace, scenario: Scenario) -> Limits:
    """The scenario's limits with what was asked for instead."""
    own = scenario.limits
    return Limits(
        own.error_share if options.max_error_share is None else options.max_error_share,
        own.p99_ms if options.max_p99_ms is None else options.max_p99_ms,
        own.throttled_share if options.max_throttled_share is None else options.max_throttled_share,
    )
