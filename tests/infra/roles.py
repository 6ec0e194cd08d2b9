"""What Firehose and Snowflake may do, written down from their own documentation, to be held against the templates.

Nothing here runs them, so nobody's calls can be recorded: these lists are the only judge.
"""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.infra.checks import Template, actions_of


class Allowed(NamedTuple):
    """One action on one resource, as the template names it, under one condition ("" is none)."""

    action: str
    resource: str
    condition: str = ""


def _via(service: str) -> str:
    """Only for what this service was asked to do by the role (AWS KMS Developer Guide, kms:ViaService)."""
    return f'StringEquals kms:ViaService "{service}.${{AWS::Region}}.${{AWS::URLSuffix}}"'


_LANDED = "${LandingBucketArn}/${LandingPrefix}*"
_FAILED = "${LandingBucketArn}/${DeliveryErrorPrefix}*"

FIREHOSE = {
    # Amazon Data Firehose Developer Guide, "Grant Firehose access to an Amazon S3 destination": s3:PutObject and the
    # five beside it, on the bucket or on its objects; logs:PutLogEvents on the log stream; and for a bucket with a
    # customer key kms:Decrypt and kms:GenerateDataKey, ViaService s3.
    # https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html#using-iam-s3
    Allowed("s3:GetBucketLocation", "LandingBucketArn"),
    Allowed("s3:ListBucket", "LandingBucketArn"),
    Allowed("s3:ListBucketMultipartUploads", "LandingBucketArn"),
    *(
        Allowed(f"s3:{action}", prefix)
        for action in ("AbortMultipartUpload", "GetObject", "PutObject")
        for prefix in (_LANDED, _FAILED)
    ),
    Allowed(
        "logs:PutLogEvents",
        "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}"
        ":log-group:${DeliveryLogs}:log-stream:${DeliveryLogStream}",
    ),
    Allowed("kms:Decrypt", "DataKeyArn", _via("s3")),
    Allowed("kms:GenerateDataKey", "DataKeyArn", _via("s3")),
    # The same page: a Kinesis data stream as the source, encrypted with a customer key.
    Allowed("kinesis:DescribeStream", "StreamArn"),
    Allowed("kinesis:GetRecords", "StreamArn"),
    Allowed("kinesis:GetShardIterator", "StreamArn"),
    Allowed("kinesis:ListShards", "StreamArn"),
    Allowed("kms:Decrypt", "DataKeyArn", _via("kinesis")),
}

SNOWFLAKE = {
    # Snowflake, "Configuring a Snowflake storage integration to access Amazon S3", step 1: the read-only policy (loads,
    # no unloading, no PURGE).
    # https://docs.snowflake.com/en/user-guide/data-load-s3-config-storage-integration
    Allowed("s3:GetObject", _LANDED),
    Allowed("s3:GetObjectVersion", _LANDED),
    Allowed("s3:ListBucket", "LandingBucketArn", 'StringLike s3:prefix "${LandingPrefix}*"'),
    Allowed("s3:GetBucketLocation", "LandingBucketArn"),
    # Amazon S3 User Guide, "Using server-side encryption with AWS KMS keys": to read such an object takes kms:Decrypt.
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
    Allowed("kms:Decrypt", "DataKeyArn", _via("s3")),
}

SNOWFLAKE_ERRORS = {
    # Snowflake, "Enabling Snowpipe error notifications for Amazon SNS", step 2.
    # https://docs.snowflake.com/en/user-guide/data-load-snowpipe-errors-sns
    Allowed("sns:Publish", "PipeErrorsTopic"),
    # Amazon SNS Developer Guide, "Key management": a publisher to an encrypted topic.
    # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
    Allowed("kms:Decrypt", "DataKeyArn", _via("sns")),
    Allowed("kms:GenerateDataKey", "DataKeyArn", _via("sns")),
}


def allowed(template: Template, role: str) -> set[Allowed]:
    """All that the policies of one role allow.

    Raises:
        AssertionError: a statement is not of the plain form that can be compared.
    """
    return {
        Allowed(action, resource, _condition(statement))
        for statement in _statements(template, role)
        for action in actions_of(statement)
        for resource in _resources(statement["Resource"])
    }


def trusted(template: Template, role: str) -> tuple[str, str, str]:
    """Principal, action and condition of the role's only statement of trust."""
    document = template["Resources"][role]["Properties"]["AssumeRolePolicyDocument"]
    (statement,) = document["Statement"]
    ((kind, principal),) = statement["Principal"].items()
    return f"{kind} {_text(principal)}", statement["Action"], _condition(statement)


def _statements(template: Template, role: str) -> Iterator[dict[str, Any]]:
    properties = template["Resources"][role]["Properties"]
    assert "ManagedPolicyArns" not in properties
    documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
    documents += [
        resource["Properties"]["PolicyDocument"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::IAM::Policy" and {"Ref": role} in resource["Properties"]["Roles"]
    ]
    for document in documents:
        for statement in document["Statement"]:
            assert statement["Effect"] == "Allow"
            assert not {"NotAction", "NotResource"} & set(statement)
            yield statement


def _resources(resource: object) -> list[str]:
    return [_text(item) for item in (resource if isinstance(resource, list) else [resource])]


def _condition(statement: dict[str, Any]) -> str:
    if "Condition" not in statement:
        return ""
    ((operator, test),) = statement["Condition"].items()
    ((key, value),) = test.items()
    return f"{operator} {key} {json.dumps(_text(value))}"


def _text(value: Any) -> str:
    """A plain value, or what a Ref, Sub or GetAtt names."""
    if isinstance(value, str):
        return value
    ((function, argument),) = value.items()
    assert function in {"Ref", "Fn::Sub", "Fn::GetAtt"}, function
    return ".".join(argument) if isinstance(argument, list) else str(argument)
