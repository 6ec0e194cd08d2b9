"""What Locust loads: `python -m loadtest` starts it with the right options."""

from typing import Any

from locust import events
from locust.env import Environment

from loadtest.options import add_to_locust
from loadtest.session import Session
from loadtest.user import GatewayUser

__all__ = ["GatewayUser"]


@events.init_command_line_parser.add_listener
def _add_options(parser: Any, **_: object) -> None:  # noqa: ANN401
    add_to_locust(parser)


@events.init.add_listener
def _begin(environment: Environment, **_: object) -> None:
    Session(environment)
