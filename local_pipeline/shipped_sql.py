"""The Snowflake SQL as it is shipped, with the values it has on this machine; ops.snowflake_sql reads it."""

from collections.abc import Mapping
from types import MappingProxyType

from ops.snowflake_sql import (
    ALERT_DEFAULTS,
    PIPE_FILE,
    SNOWFLAKE_DIRECTORY,
    ShippedSqlError,
    pipe_statement,
    read_statements,
    setup_files,
)

__all__ = [
    "DEFAULT_VARIABLES",
    "PIPE_FILE",
    "SNOWFLAKE_DIRECTORY",
    "ShippedSqlError",
    "pipe_statement",
    "read_statements",
    "setup_files",
]

DEFAULT_VARIABLES: Mapping[str, str] = MappingProxyType(
    {
        "database": "SLUICE",
        "warehouse": "SLUICE_WH",
        "owner_role": "SLUICE_OWNER",
        "loader_role": "SLUICE_LOADER",
        "reader_role": "SLUICE_READER",
        "monitor_role": "SLUICE_MONITOR",
        "integration": "SLUICE_S3",
        "snowflake_role_arn": "arn:aws:iam::000000000000:role/sluice-local",
        "error_integration": "SLUICE_ERRORS",
        "error_topic_arn": "arn:aws:sns:us-east-1:000000000000:sluice-local-pipe-errors",
        "error_role_arn": "arn:aws:iam::000000000000:role/sluice-local-errors",
        "landing_bucket": "sluice-local-landing",
        "landing_prefix": "records/",
        **ALERT_DEFAULTS,
    }
)
"""Values for one machine; the real ones are given to `snow sql -D`."""
