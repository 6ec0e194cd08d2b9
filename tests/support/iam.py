"""What AWS asks of a role for calls that were seen, and what a role of the templates allows: both as permissions."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.faults import Call

Template = Mapping[str, Any]
Values = Mapping[str, str]
"""What names of a template stand for where it is deployed: parameters, `Resource.Attribute`, pseudo parameters."""

ACTIONS = {
    "kinesis.DescribeStreamSummary": "kinesis:DescribeStreamSummary",
    "kinesis.PutRecords": "kinesis:PutRecords",
    "s3.HeadBucket": "s3:ListBucket",
    "s3.PutObject": "s3:PutObject",
    "secretsmanager.GetSecretValue": "secretsmanager:GetSecretValue",
}
"""The action of each call: Service Authorization Reference, "Actions, resources, and condition keys" for Kinesis Data
Streams, S3 and Secrets Manager; for HeadBucket, S3 User Guide, "Required permissions for Amazon S3 API operations". An
If-None-Match on PutObject needs no more (same guide, "How to prevent object overwrites with conditional writes")."""

HEADER_ACTIONS = {
    "x-amz-acl": "s3:PutObjectAcl",
    "x-amz-tagging": "s3:PutObjectTagging",
    "x-amz-object-lock-legal-hold": "s3:PutObjectLegalHold",
    "x-amz-object-lock-mode": "s3:PutObjectRetention",
}
"""What PutObject needs besides, with these headers (the same page of the S3 User Guide)."""

KEY_ACTIONS = {
    "kinesis:PutRecords": "kms:GenerateDataKey",
    "s3:PutObject": "kms:GenerateDataKey",
    "secretsmanager:GetSecretValue": "kms:Decrypt",
}
"""What a service asks of KMS in the caller's name where a customer key encrypts what the call is about, which no proxy
can see: Kinesis Data Streams Developer Guide, "Permissions to use user-generated KMS keys"; S3 User Guide, "Using
server-side encryption with AWS KMS keys"; Secrets Manager User Guide, "Secret encryption and decryption"."""

LOG_ACTIONS = ("logs:CreateLogStream", "logs:PutLogEvents")
"""What Lambda does in the role's name with what a function prints: AWSLambdaBasicExecutionRole (Lambda Developer Guide,
"Defining Lambda function permissions with an execution role") less CreateLogGroup, for the template makes the group."""


@dataclass(frozen=True, slots=True, order=True)
class Permission:
    """One action on one resource.

    Attributes:
        resource: an ARN; objects by the first folder of their keys, ``…/rejected/*``.
        via: the only service that may do it in the role's name, as kms:ViaService has it; empty for no such limit.
    """

    action: str
    resource: str
    via: str = ""


def used(calls: Iterable[Call], values: Values) -> set[Permission]:
    """What the calls themselves need; a KeyError names a call that ACTIONS does not have."""
    permissions = set()
    for call in calls:
        resource = _arn(call, values)
        permissions.add(Permission(ACTIONS[call.operation], resource))
        permissions |= {Permission(HEADER_ACTIONS[name], resource) for name in call.headers if name in HEADER_ACTIONS}
    return permissions


def implied(permissions: Iterable[Permission], keys: Mapping[str, str], values: Values) -> set[Permission]:
    """What these permissions need besides, and what Lambda needs for the logs.

    Args:
        keys: ARN of the customer key by service, for the services whose resource has one.
    """
    found = {Permission(action, values["GatewayLogs.Arn"]) for action in LOG_ACTIONS}
    for permission in permissions:
        service = permission.action.partition(":")[0]
        if permission.action in KEY_ACTIONS and service in keys:
            via = f"{service}.{values['AWS::Region']}.{values['AWS::URLSuffix']}"
            found.add(Permission(KEY_ACTIONS[permission.action], keys[service], via))
    return found


def customer_keys(storage: Template, gateway: Template, values: Values) -> dict[str, str]:
    """The customer keys of what the gateway uses, by service."""
    stream, bucket = (storage["Resources"][name]["Properties"] for name in ("Stream", "ErrorBucket"))
    rules = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    given = {
        "kinesis": stream.get("StreamEncryption", {}).get("KeyId"),
        "s3": rules[0]["ServerSideEncryptionByDefault"].get("KMSMasterKeyID"),
        "secretsmanager": gateway["Resources"]["ApiKeysSecret"]["Properties"].get("KmsKeyId"),
    }
    return {service: resolve(key, values) for service, key in given.items() if key is not None}


def allowed(template: Template, role: str, values: Values) -> set[Permission]:
    """All that the policies of `role` allow. An AssertionError for what this cannot tell: managed policies, refusals,
    conditions other than kms:ViaService."""
    return {
        Permission(action, resolve(resource, values), via)
        for statement in _statements(template, role)
        for action in _listed(statement["Action"])
        for resource in _listed(statement["Resource"])
        for via in _services(statement.get("Condition"), values)
    }


def resolve(value: Any, values: Values) -> str:
    """A property in long form as text; a KeyError names what `values` lacks."""
    if isinstance(value, str):
        return value
    [(function, argument)] = value.items()
    match function:
        case "Ref":
            return values[argument]
        case "Fn::GetAtt":
            return values[argument if isinstance(argument, str) else ".".join(argument)]
        case "Fn::Sub":
            return re.sub(r"\$\{([^}]+)\}", lambda name: values[name[1]], argument)
    raise AssertionError(f"no rule for {function}")


def _statements(template: Template, role: str) -> Iterator[Mapping[str, Any]]:
    properties = template["Resources"][role]["Properties"]
    assert not properties.get("ManagedPolicyArns"), "managed policies change without us"
    attached = [
        resource["Properties"]
        for resource in template["Resources"].values()
        if resource["Type"] in {"AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"}
        and {"Ref": role} in resource["Properties"].get("Roles", [])
    ]
    for policy in [*properties.get("Policies", []), *attached]:
        for statement in policy["PolicyDocument"]["Statement"]:
            assert statement.keys() <= {"Sid", "Effect", "Action", "Resource", "Condition"}, statement
            assert statement["Effect"] == "Allow", statement
            yield statement


def _services(condition: Any, values: Values) -> list[str]:
    if condition is None:
        return [""]
    assert condition.keys() == {"StringEquals"}, condition
    assert condition["StringEquals"].keys() == {"kms:ViaService"}, condition
    return [resolve(service, values) for service in _listed(condition["StringEquals"]["kms:ViaService"])]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _arn(call: Call, values: Values) -> str:
    service = call.operation.partition(".")[0]
    if service == "s3":
        bucket, _, key = call.resource.partition("/")
        return f"arn:{values['AWS::Partition']}:s3:::{bucket}" + (f"/{key.partition('/')[0]}/*" if key else "")
    if service == "kinesis" and not call.resource.startswith("arn:"):
        return f"{values['StreamArn'].rpartition('/')[0]}/{call.resource}"
    return call.resource
