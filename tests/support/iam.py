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
    "s3.DeleteObject": "s3:DeleteObject",
    "s3.GetObject": "s3:GetObject",
    "s3.HeadBucket": "s3:ListBucket",
    "s3.ListObjectsV2": "s3:ListBucket",
    "s3.PutObject": "s3:PutObject",
    "secretsmanager.GetSecretValue": "secretsmanager:GetSecretValue",
}
"""The action of each call: Service Authorization Reference, "Actions, resources, and condition keys" for Kinesis Data
Streams, S3 and Secrets Manager; for HeadBucket and ListObjectsV2, S3 User Guide, "Required permissions for Amazon S3
API operations". An If-None-Match on PutObject needs no more (same guide, "How to prevent object overwrites with
conditional writes")."""

HEADER_ACTIONS = {
    "x-amz-acl": "s3:PutObjectAcl",
    "x-amz-tagging": "s3:PutObjectTagging",
    "x-amz-object-lock-legal-hold": "s3:PutObjectLegalHold",
    "x-amz-object-lock-mode": "s3:PutObjectRetention",
}
"""What PutObject needs besides, with these headers (the same page of the S3 User Guide)."""

KEY_ACTIONS = {
    "kinesis:PutRecords": "kms:GenerateDataKey",
    "s3:GetObject": "kms:Decrypt",
    "s3:PutObject": "kms:GenerateDataKey",
    "secretsmanager:GetSecretValue": "kms:Decrypt",
}
"""What a service asks of KMS in the caller's name where a customer key encrypts what the call is about, which no proxy
can see: Kinesis Data Streams Developer Guide, "Permissions to use user-generated KMS keys"; S3 User Guide, "Using
server-side encryption with AWS KMS keys"; Secrets Manager User Guide, "Secret encryption and decryption"."""

LIMITS = {("StringEquals", "kms:ViaService"): "via", ("StringLike", "s3:prefix"): "prefix"}
"""Conditions that are known, by the member of a Permission that they are."""

LOG_ACTIONS = ("logs:CreateLogStream", "logs:PutLogEvents")
"""What Lambda does in the role's name with what a function prints: AWSLambdaBasicExecutionRole (Lambda Developer Guide,
"Defining Lambda function permissions with an execution role") less CreateLogGroup, for the template makes the group."""


@dataclass(frozen=True, slots=True, order=True)
class Permission:
    """One action on one resource.

    Attributes:
        resource: an ARN; objects by the first folder of their keys, ``…/rejected/*``.
        via: the only service that may do it in the role's name, as kms:ViaService has it; empty for no such limit.
        prefix: of the keys that may be listed, as s3:prefix has it, by their first folder too; empty for no such limit.
    """

    action: str
    resource: str
    via: str = ""
    prefix: str = ""


def assert_exact(
    calls: Iterable[Call], templates: Mapping[str, Template], stack: str, role: str, values: Values
) -> None:
    """The policies of `role` in the template of `stack` allow what these calls need, and nothing else."""
    given, wanted = allowed(templates[stack], role, values), needed(calls, templates, stack, values)
    assert not wanted - given, "missing"
    assert not given - wanted, "unused"


def needed(calls: Iterable[Call], templates: Mapping[str, Template], stack: str, values: Values) -> set[Permission]:
    """What the calls need, what they imply, and what Lambda does in the name of the role of the function of `stack`."""
    permissions = used(calls, values)
    keys = customer_keys(templates["storage"], templates[stack], values)
    return permissions | implied(permissions, keys, values) | of_lambda(templates[stack], values)


def used(calls: Iterable[Call], values: Values) -> set[Permission]:
    """What the calls themselves need; a KeyError names a call that ACTIONS does not have."""
    permissions = set()
    for call in calls:
        resource = _arn(call, values)
        folder = call.prefix.partition("/")[0]
        permissions.add(Permission(ACTIONS[call.operation], resource, prefix=f"{folder}/*" if folder else ""))
        permissions |= {Permission(HEADER_ACTIONS[name], resource) for name in call.headers if name in HEADER_ACTIONS}
    return permissions


def implied(permissions: Iterable[Permission], keys: Mapping[str, str], values: Values) -> set[Permission]:
    """What these permissions need besides.

    Args:
        keys: ARN of the customer key by service, for the services whose resource has one.
    """
    found = set()
    for permission in permissions:
        service = permission.action.partition(":")[0]
        if permission.action in KEY_ACTIONS and service in keys:
            via = f"{service}.{values['AWS::Region']}.{values['AWS::URLSuffix']}"
            found.add(Permission(KEY_ACTIONS[permission.action], keys[service], via))
    return found


def of_lambda(template: Template, values: Values) -> set[Permission]:
    """What Lambda does in the name of the role of the template's function: it writes the log, and sends to the
    destination of asynchronous invocations (Lambda Developer Guide, "Capturing records of Lambda asynchronous
    invocations"; a queue with SQS's own key asks for no more)."""
    found = set()
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Lambda::Function":
            log = values[f"{resource['Properties']['LoggingConfig']['LogGroup']['Ref']}.Arn"]
            found |= {Permission(action, log) for action in LOG_ACTIONS}
        if resource["Type"] == "AWS::Lambda::EventInvokeConfig":
            [(_, destination)] = resource["Properties"]["DestinationConfig"].items()
            found.add(Permission("sqs:SendMessage", resolve(destination["Destination"], values)))
    return found


def customer_keys(storage: Template, template: Template, values: Values) -> dict[str, str]:
    """The customer keys of what a function uses, by service."""
    stream, bucket = (storage["Resources"][name]["Properties"] for name in ("Stream", "ErrorBucket"))
    rules = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    given = {
        "kinesis": stream.get("StreamEncryption", {}).get("KeyId"),
        "s3": rules[0]["ServerSideEncryptionByDefault"].get("KMSMasterKeyID"),
        "secretsmanager": template["Resources"].get("ApiKeysSecret", {"Properties": {}})["Properties"].get("KmsKeyId"),
    }
    return {service: resolve(key, values) for service, key in given.items() if key is not None}


def allowed(template: Template, role: str, values: Values) -> set[Permission]:
    """All that the policies of `role` allow. An AssertionError for what this cannot tell: managed policies, refusals,
    conditions other than kms:ViaService and s3:prefix."""
    return {
        Permission(action, resolve(resource, values), **limit)
        for statement in _statements(template, role)
        for action in _listed(statement["Action"])
        for resource in _listed(statement["Resource"])
        for limit in _limits(statement.get("Condition"), values)
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


def _limits(condition: Any, values: Values) -> list[dict[str, str]]:
    """For each value of the condition the member of a Permission that it is."""
    if condition is None:
        return [{}]
    [(operator, test)] = condition.items()
    [(key, value)] = test.items()
    assert (operator, key) in LIMITS, condition
    return [{LIMITS[operator, key]: resolve(each, values)} for each in _listed(value)]


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
