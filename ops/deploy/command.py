"""`sluice deploy` and `sluice destroy`: their arguments. What they do is imported when it is asked for."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def register(commands: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands to the parser."""
    _register_deploy(commands.add_parser("deploy", help="deploy a stage to AWS and Snowflake, or change it"))
    _register_destroy(commands.add_parser("destroy", help="remove a stage, and its data if you say so"))


def add_common(parser: argparse.ArgumentParser) -> None:
    """What every command on a stage takes."""
    parser.add_argument("--stage", required=True, help="its name, such as dev or prod")
    add_snowflake(parser)


def add_snowflake(parser: argparse.ArgumentParser) -> None:
    """What every command takes that asks a stage's Snowflake."""
    parser.add_argument(
        "--connection", metavar="NAME", help="of Snowflake's connections.toml (default: sluice-STAGE, else its default)"
    )
    parser.add_argument(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        type=_pair,
        metavar="NAME=VALUE",
        help="a <%% variable %%> of the SQL files instead of the stage's own, such as database=ANALYTICS",
    )


def run_deploy(arguments: argparse.Namespace) -> int:
    """Deploy; the exit status."""
    from ops.deploy.main import deploy  # noqa: PLC0415 - no other command needs it

    return deploy(arguments)


def run_destroy(arguments: argparse.Namespace) -> int:
    """Destroy; the exit status."""
    from ops.deploy.main import destroy  # noqa: PLC0415 - no other command needs it

    return destroy(arguments)


def _register_deploy(parser: argparse.ArgumentParser) -> None:
    add_common(parser)
    parser.add_argument("--plan", action="store_true", help="say what would be done, ask nobody, change nothing")
    parser.add_argument("--parameters", type=Path, metavar="FILE", help="instead of the stage's own parameter file")
    images = parser.add_mutually_exclusive_group()
    images.add_argument("--image", metavar="URI", help="an image that is there, by digest (…@sha256:…): build none")
    images.add_argument(
        "--rebuild", action="store_true", help="build the image though its content is there: on the newest base image"
    )
    parser.add_argument("--builder", choices=("docker", "podman", "buildah"), help="what builds the image")
    parser.add_argument("--skip-snowflake", action="store_true", help="AWS only")
    steps = parser.add_mutually_exclusive_group()
    steps.add_argument("--from", dest="first", metavar="STEP", help="go on with this step")
    steps.add_argument("--only", metavar="STEP", help="this step alone")
    parser.add_argument("--yes", action="store_true", help="do not ask before it begins")
    parser.set_defaults(run=run_deploy)


def _register_destroy(parser: argparse.ArgumentParser) -> None:
    add_common(parser)
    parser.epilog = (
        "Exit status: 0 when all is gone but what you kept by answering no; 1 when something failed, is left over, was "
        "not agreed to at all, or was asked about where no terminal was to answer at."
    )
    parser.add_argument("--yes", action="store_true", help="do not ask before the stacks are removed")
    parser.add_argument(
        "--delete-data", metavar="STAGE", help="for scripts: the answer to the question about AWS's data"
    )
    snowflake = parser.add_mutually_exclusive_group()
    snowflake.add_argument("--skip-snowflake", action="store_true", help="AWS only")
    snowflake.add_argument(
        "--delete-snowflake", metavar="STAGE", help="for scripts: the answer to the question about Snowflake's data"
    )
    parser.set_defaults(run=run_destroy)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"NAME=VALUE, not {text!r}")
    return name, value
