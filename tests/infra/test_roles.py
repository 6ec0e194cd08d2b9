"""The roles of Firehose and Snowflake allow what is written down from their documentation: no less and no more."""

import pytest

from tests.infra import checks
from tests.infra.roles import FIREHOSE, SNOWFLAKE, SNOWFLAKE_ERRORS, Allowed, allowed, trusted

ROLES = [
    ("delivery", "DeliveryRole", FIREHOSE),
    ("snowflake-access", "SnowflakeRole", SNOWFLAKE),
    ("snowflake-access", "SnowflakeErrorsRole", SNOWFLAKE_ERRORS),
]
CHANGED = [
    ("delivery", "DeliveryRole", "              - kinesis:ListShards\n", "", FIREHOSE),
    ("delivery", "DeliveryRole", "- s3:PutObject", "- s3:PutObject\n              - s3:DeleteObject", FIREHOSE),
    ("delivery", "DeliveryRole", "/${LandingPrefix}*", "/*", FIREHOSE),
    ("delivery", "DeliveryRole", 'ViaService: !Sub "kinesis.', 'ViaService: !Sub "sqs.', FIREHOSE),
    ("snowflake-access", "SnowflakeRole", "${LandingBucketArn}/${LandingPrefix}*", "${LandingBucketArn}/*", SNOWFLAKE),
    ("snowflake-access", "SnowflakeRole", "s3:prefix: !Sub", "s3:delimiter: !Sub", SNOWFLAKE),
    ("snowflake-access", "SnowflakeErrorsRole", "Action: sns:Publish", "Action: sns:Subscribe", SNOWFLAKE_ERRORS),
]
TRUST = [
    ("delivery", "DeliveryRole", "Service firehose.amazonaws.com", 'StringEquals aws:SourceAccount "AWS::AccountId"'),
    ("snowflake-access", "SnowflakeRole", "AWS SnowflakeUserArn", 'StringEquals sts:ExternalId "SnowflakeExternalId"'),
    (
        "snowflake-access",
        "SnowflakeErrorsRole",
        "AWS SnowflakeErrorsUserArn",
        'StringEquals sts:ExternalId "SnowflakeErrorsExternalId"',
    ),
]


@pytest.mark.parametrize(("stack", "role", "documented"), ROLES)
def test_a_role_allows_exactly_what_is_documented(stack: str, role: str, documented: set[Allowed]) -> None:
    assert allowed(checks.read()[stack], role) == documented


@pytest.mark.parametrize(("stack", "role", "principal", "condition"), TRUST)
def test_a_role_trusts_exactly_one(stack: str, role: str, principal: str, condition: str) -> None:
    assert trusted(checks.read()[stack], role) == (principal, "sts:AssumeRole", condition)


@pytest.mark.parametrize(("stack", "role", "old", "new", "documented"), CHANGED)
def test_a_changed_role_differs(stack: str, role: str, old: str, new: str, documented: set[Allowed]) -> None:
    assert allowed(checks.weakened(stack, old, new)[stack], role) != documented


def test_no_other_role_is_anybody_else_s() -> None:
    """The functions' roles are held against recorded calls; the bootstrap's are CloudFormation's and CI's."""
    roles = {(stack, name) for stack, name, _ in checks.resources(checks.read(), "AWS::IAM::Role")}
    held = {(stack, role) for stack, role, _ in ROLES}
    assert roles - held == {
        ("gateway", "GatewayRole"),
        ("drain", "DrainRole"),
        ("bootstrap", "CloudFormationRole"),
        ("bootstrap", "DeployRole"),
    }
