"""Whether a resource is there, asked of its own service: the index of tags goes on listing what was deleted."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias

from botocore.exceptions import ClientError

GONE = {
    "404",
    "AWS.SimpleQueueService.NonExistentQueue",
    "NoSuchBucket",
    "NotFound",
    "NotFoundException",
    "QueueDoesNotExist",
    "RepositoryNotFoundException",
    "ResourceNotFoundException",
}
"""Error codes by which the services below say that there is no such thing."""

AnyClient: TypeAlias = Any
"""A client of a service known at run time only."""


class Makes(Protocol):
    """Makes a client of a service by its SDK name."""

    def client(self, service: str) -> AnyClient: ...


def says_gone(error: ClientError) -> bool:
    """Whether a service says that there is no such thing."""
    return error.response["Error"].get("Code") in GONE


def is_there(services: Makes, arn: str) -> bool | None:
    """Whether the resource is there; None when that cannot be told: no right to ask, or a service not known here.

    What waits for its deletion, as keys and secrets do for days, is not there.
    """
    _, _, service, _, _, resource = arn.split(":", 5)
    if service not in _ASK:
        return None
    name = re.split("[:/]", resource, maxsplit=1)[-1].removesuffix(":*")
    try:
        return _ASK[service](services.client(_SDK_NAMES.get(service, service)), name, arn)
    except ClientError as error:
        if says_gone(error):
            return False
        if error.response["Error"].get("Code") in {"403", "AccessDenied", "AccessDeniedException"}:
            return None
        raise


def _api(apigatewayv2: AnyClient, name: str, _: str) -> bool:
    """`name` as in apis/ID or apis/ID/stages/NAME."""
    return bool(apigatewayv2.get_api(ApiId=name.split("/")[1]))


def _log_group(logs: AnyClient, name: str, _: str) -> bool:
    groups = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    return any(group["logGroupName"] == name for group in groups)


_SDK_NAMES = {"apigateway": "apigatewayv2"}
_ASK: Mapping[str, Callable[[AnyClient, str, str], bool]] = {
    "apigateway": _api,
    "cloudwatch": lambda client, name, _: bool(client.describe_alarms(AlarmNames=[name])["MetricAlarms"]),
    "ecr": lambda client, name, _: bool(client.describe_repositories(repositoryNames=[name])),
    "events": lambda client, name, _: bool(client.describe_rule(Name=name)),
    "firehose": lambda client, name, _: bool(client.describe_delivery_stream(DeliveryStreamName=name)),
    "kinesis": lambda client, name, _: bool(client.describe_stream_summary(StreamName=name)),
    "kms": lambda client, name, _: client.describe_key(KeyId=name)["KeyMetadata"]["KeyState"] != "PendingDeletion",
    "lambda": lambda client, name, _: bool(client.get_function_configuration(FunctionName=name)),
    "logs": _log_group,
    "s3": lambda client, name, _: bool(client.head_bucket(Bucket=name)),
    "secretsmanager": lambda client, _, arn: "DeletedDate" not in client.describe_secret(SecretId=arn),
    "sns": lambda client, _, arn: bool(client.get_topic_attributes(TopicArn=arn)),
    "sqs": lambda client, name, _: bool(client.get_queue_url(QueueName=name)),
}
