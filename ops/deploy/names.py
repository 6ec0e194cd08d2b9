"""Names that a stage has before anything of it exists: pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from ops.snowflake_sql import ALERT_DEFAULTS

STAGE_PATTERN = "[a-z][a-z0-9-]{0,11}"
STAGE_TAG = "sluice:stage"
RAW_SCHEMA = "RAW"
PIPE = "RECORDS_PIPE"


@dataclass(frozen=True, slots=True)
class Account:
    """An AWS account and region. `partition` is the second part of its ARNs."""

    id: str
    region: str
    partition: str = "aws"


def snowflake_names(stage: str) -> dict[str, str]:
    """Names of the Snowflake objects by variable of the SQL files: each stage has its own, in upper case."""
    base = f"SLUICE_{stage.upper().replace('-', '_')}"
    return {
        "database": base,
        "warehouse": f"{base}_WH",
        "owner_role": f"{base}_OWNER",
        "loader_role": f"{base}_LOADER",
        "reader_role": f"{base}_READER",
        "monitor_role": f"{base}_MONITOR",
        "integration": f"{base}_S3",
        "error_integration": f"{base}_ERRORS",
    }


def arns(stage: str, account: Account) -> dict[str, str]:
    """ARNs that snowflake-access.yaml will give its roles and its topic, by variable of the SQL files."""
    iam = f"arn:{account.partition}:iam::{account.id}:role"
    sns = f"arn:{account.partition}:sns:{account.region}:{account.id}"
    return {
        "snowflake_role_arn": f"{iam}/sluice-{stage}-snowflake",
        "error_role_arn": f"{iam}/sluice-{stage}-snowflake-errors",
        "error_topic_arn": f"{sns}:sluice-{stage}-pipe-errors",
    }


def sql_variables(
    stage: str, account: Account, outputs: Mapping[str, str], overrides: Mapping[str, str]
) -> dict[str, str]:
    """The value of every `<% variable %>`.

    Args:
        outputs: of the storage stack.
        overrides: variables that the user set.
    """
    storage = {"landing_bucket": outputs["LandingBucketName"], "landing_prefix": outputs["LandingPrefix"]}
    return {**ALERT_DEFAULTS, **snowflake_names(stage), **arns(stage, account), **storage, **overrides}
