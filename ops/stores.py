"""Everything behind the gateway, of the pipeline that runs here or of a stage: for commands that look at all of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from botocore.config import Config

from ops.objects import Objects
from ops.places import Places, aws_session, outputs_of, running_here
from ops.warehouse import Warehouse, of_local_pipeline, of_stage

THREADS = 8
CONFIG = Config(
    connect_timeout=10,
    read_timeout=60,
    max_pool_connections=2 * THREADS,
    retries={"mode": "standard", "total_max_attempts": 8},
)


@dataclass(frozen=True, slots=True)
class Stores:
    """What holds records.

    Attributes:
        places: the stream.
        landing_prefix: ends with a slash.
        receipts: a file, or the name of a log group.
        stage: None for the pipeline that runs here.
        reset_at: when that one was told to forget everything; its stream goes on keeping what it held.
    """

    places: Places
    errors: Objects
    landing: Objects
    landing_prefix: str
    warehouse: Warehouse
    receipts: Path | str
    stage: str | None
    reset_at: datetime | None = None


def open_stores(stage: str | None, connection: str | None, overrides: Mapping[str, str]) -> Stores:
    """Find them and log in to Snowflake.

    Args:
        connection: a name in connections.toml.
        overrides: variables of the SQL files that are not the stage's own.

    Raises:
        PlacesError: there is no such stage, or nothing runs here.
        DeployError: no connection to Snowflake, or a value that cannot be one.
    """
    return _running_here() if stage is None else _of_stage(stage, connection, overrides)


def _running_here() -> Stores:
    from ops.deploy.snowflake import connect_here  # noqa: PLC0415 - what a stage needs is not loaded, and vice versa

    running = running_here()
    places, prefix = running.places(), running.deployed["landing_prefix"]
    s3 = places.session.client("s3", endpoint_url=places.endpoint, config=CONFIG)
    return Stores(
        places=places,
        errors=Objects(s3, places.bucket),
        landing=Objects(s3, running.deployed["landing_bucket"]),
        landing_prefix=prefix,
        warehouse=of_local_pipeline(connect_here(running.urls["warehouse"]), prefix),
        receipts=running.home / "receipts.ndjson",
        stage=None,
        reset_at=_written(running.home / "reset"),
    )


def _written(file: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(file.stat().st_mtime, UTC)
    except FileNotFoundError:
        return None


def _of_stage(stage: str, connection: str | None, overrides: Mapping[str, str]) -> Stores:
    from ops.deploy.main import checked_stage  # noqa: PLC0415
    from ops.deploy.names import snowflake_names  # noqa: PLC0415
    from ops.deploy.snowflake import connect  # noqa: PLC0415
    from ops.deploy.values import check_overrides  # noqa: PLC0415
    from ops.snowflake_sql import SNOWFLAKE_DIRECTORY  # noqa: PLC0415

    check_overrides(overrides, SNOWFLAKE_DIRECTORY)
    session = aws_session()
    storage = outputs_of(session, checked_stage(stage), "storage")
    s3, prefix = session.client("s3", config=CONFIG), storage["LandingPrefix"]
    return Stores(
        places=Places(session, storage["StreamName"], storage["ErrorBucketName"]),
        errors=Objects(s3, storage["ErrorBucketName"]),
        landing=Objects(s3, storage["LandingBucketName"]),
        landing_prefix=prefix,
        receipts=outputs_of(session, stage, "gateway")["GatewayLogGroupName"],
        warehouse=of_stage(connect(stage, connection), {**snowflake_names(stage), **overrides}, prefix),
        stage=stage,
    )
