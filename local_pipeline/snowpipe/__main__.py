"""`python -m local_pipeline.snowpipe`: the Snowpipe stand-in as a process. AWS is where AWS_ENDPOINT_URL says."""

import argparse
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import boto3
from botocore.config import Config

from local_pipeline.copy_statement import read_pipe
from local_pipeline.deployed import Deployed
from local_pipeline.home import Home
from local_pipeline.shipped_sql import DEFAULT_VARIABLES, SNOWFLAKE_DIRECTORY, ShippedSqlError
from local_pipeline.snowpipe.service import Pipe, Snowpipe
from local_pipeline.stage import read_stage
from local_pipeline.warehouse import DATABASE, connect


def main(arguments: Sequence[str] | None = None) -> int:
    """Load until SIGTERM or SIGINT, which may cut a load short: what is not committed is loaded by the next process."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _end)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for chatty in ("snowflake.connector", "botocore", "sqlglot"):
        logging.getLogger(chatty).setLevel(logging.CRITICAL)
    home = Home.from_environment()
    bucket, prefix = options.bucket, options.prefix
    if bucket is None or prefix is None:
        deployed = Deployed.read(home)
        bucket, prefix = bucket or deployed.landing_bucket, prefix or deployed.landing_prefix
    variables = {**DEFAULT_VARIABLES, "database": DATABASE, "landing_bucket": bucket, "landing_prefix": prefix}
    try:
        pipe = Pipe(read_pipe(options.sql, variables), read_stage(options.sql, variables), options.queue_url)
    except ShippedSqlError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    config = Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 2})
    snowpipe = Snowpipe(
        pipe,
        sqs=boto3.client("sqs", config=config),
        s3=boto3.client("s3", config=config),
        connect=lambda: connect(options.warehouse),
        home=home,
    )
    try:
        snowpipe.run()
    except KeyboardInterrupt:
        return 0
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local_pipeline.snowpipe", description=__doc__)
    parser.add_argument("--warehouse", required=True, help="its URL")
    parser.add_argument("--queue-url", required=True)
    parser.add_argument("--bucket", help="the landing bucket (default: as deployed in this home)")
    parser.add_argument("--prefix", help="the landing prefix (default: as deployed in this home)")
    parser.add_argument("--sql", type=Path, default=SNOWFLAKE_DIRECTORY, help="directory of the numbered files")
    return parser


def _end(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)


if __name__ == "__main__":
    sys.exit(main())
