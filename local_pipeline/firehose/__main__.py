"""The Firehose stand-in as a process. AWS is where the environment says (AWS_ENDPOINT_URL, AWS_DEFAULT_REGION)."""

import argparse
import logging
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import boto3
from botocore.config import Config

from local_pipeline.firehose.checkpoint import Checkpoint
from local_pipeline.firehose.delivery import Delivery
from local_pipeline.firehose.keys import evaluate
from local_pipeline.firehose.reader import StreamReader
from local_pipeline.home import Home
from local_pipeline.template import DELIVERY_TEMPLATE, DeliverySettings, TemplateError, read_delivery

# One attempt a call: the delivery itself tries again, for ever and with its own pauses.
CLIENT_CONFIG = Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 1}, tcp_keepalive=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Deliver until SIGTERM or SIGINT; 0 then, 2 for a template or parameter that cannot be followed."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("botocore").setLevel(logging.WARNING)
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        settings = _settings(options.parameter, options.template)
    except TemplateError as error:
        print(f"firehose: {error}", file=sys.stderr)
        return 2
    home = Home(options.home) if options.home else Home.from_environment()
    checkpoint = Checkpoint(home.path / "firehose" / "checkpoint.json", settings.stream_arn)
    reader = StreamReader.after(
        boto3.client("kinesis", config=CLIENT_CONFIG), settings.stream_arn, checkpoint.positions
    )
    s3 = boto3.client("s3", config=CLIENT_CONFIG)
    Delivery(settings, s3, reader, checkpoint, home, stop).run()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local_pipeline.firehose")
    parser.add_argument("--home", type=Path, help="state directory (SLUICE_HOME, else .sluice)")
    parser.add_argument("--template", type=Path, default=DELIVERY_TEMPLATE, help="the delivery template")
    parser.add_argument("--parameter", action="append", default=[], metavar="NAME=VALUE", help="of the template")
    return parser


def _settings(parameters: Sequence[str], template: Path) -> DeliverySettings:
    """The template's settings, with prefixes that are known to evaluate."""
    settings = read_delivery(dict(parameter.split("=", 1) for parameter in parameters), template)
    now = datetime.now(UTC)
    evaluate(settings.prefix, now)
    evaluate(settings.error_prefix, now, "processing-failed")
    return settings


if __name__ == "__main__":
    sys.exit(main())
