"""What outlives its stack: found by the stage's tag or by the name that CloudFormation gave it, and removed.

The names that CloudFormation makes are the stack's, the logical id and a random part, with hyphens between; templates
leave out the logical id. The tag decides where there is one: the stage `dev` must not take what belongs to a stage
`dev-storage`.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import ClientError

from ops.deploy.errors import DeployError
from ops.deploy.names import STAGE_TAG
from ops.deploy.there import AnyClient, is_there, says_gone
from ops.stacks import BOOTSTRAP, STACKS

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

COUNTED_OBJECTS = 100_000
BUCKET_TRIES = 3
"""S3 delivers access logs hours late: one may come between the emptying and the deletion."""
KEY_WAITS_DAYS = 30
"""7 to 30 are allowed (KMS API, ScheduleKeyDeletion); until then the deletion can be cancelled."""


class TaggedPages(Protocol):
    """What is used of the paginator of GetResources; its types are not among the installed ones."""

    def paginate(self, **wanted: object) -> Iterable[Mapping[str, Any]]: ...


class TaggingClient(Protocol):
    """What is used of a resourcegroupstaggingapi client."""

    def get_paginator(self, operation_name: str, /) -> TaggedPages: ...


class Services(Protocol):
    """Clients of the services that keep data."""

    @property
    def s3(self) -> "S3Client": ...
    @property
    def kinesis(self) -> "KinesisClient": ...
    @property
    def logs(self) -> "CloudWatchLogsClient": ...
    @property
    def kms(self) -> "KMSClient": ...
    @property
    def iam(self) -> "IAMClient": ...
    @property
    def tagging(self) -> "TaggingClient": ...
    def client(self, service: str) -> AnyClient: ...


@dataclass(frozen=True, slots=True)
class Kept:
    """One thing that holds data.

    Attributes:
        about: how much, in words.
        remove: removes it; what came of it, in words.
    """

    kind: str
    name: str
    about: str
    remove: Callable[[], str]


@dataclass(frozen=True, slots=True)
class LeftOver:
    """What carries the stage's tag or a role's name, a line each.

    Attributes:
        there: its own service says so.
        listed: only the index of tags says so.
    """

    there: list[str]
    listed: list[str]


def belongs(stage: str, name: str, tags: Mapping[str, str]) -> bool:
    """Whether a resource is the stage's."""
    if STAGE_TAG in tags:
        return tags[STAGE_TAG] == stage
    stacks = "|".join((BOOTSTRAP, *STACKS))
    made = re.compile(rf"sluice-{re.escape(stage)}-({stacks})(?!-({stacks})-)(-[a-z0-9]+){{1,2}}", re.IGNORECASE)
    return any(made.fullmatch(part) for part in name.split("/"))


def kept(services: Services, stage: str) -> list[Kept]:
    """All of it, in the order in which it is to be removed: the key last, and the access logs after what they log."""
    buckets = sorted(_buckets(services.s3, stage), key=lambda bucket: "accesslog" in bucket.name)
    return [
        *buckets,
        *_streams(services.kinesis, stage),
        *_log_groups(services.logs, stage),
        *_keys(services, stage),
    ]


def left_over(services: Services, stage: str) -> LeftOver:
    """What the stage has left; keys that wait for their deletion aside.

    The index of tags lists "tagged or previously tagged resources" and lags behind
    (https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html).
    """
    found = {arn: is_there(services, arn) for arn in _tagged(services, stage)}
    return LeftOver(
        [arn for arn, there in found.items() if there] + [f"role {name}" for name in _roles(services.iam, stage)],
        [arn for arn, there in found.items() if there is None],
    )


def _buckets(s3: "S3Client", stage: str) -> Iterator[Kept]:
    for bucket in s3.list_buckets()["Buckets"]:
        name = bucket["Name"]
        if not name.startswith(f"sluice-{stage}-"):
            continue
        tags = _bucket_tags(s3, name)
        if tags is not None and belongs(stage, name, tags):
            yield Kept("bucket", name, _size(s3, name), partial(_remove_bucket, s3, name))


def _bucket_tags(s3: "S3Client", name: str) -> dict[str, str] | None:
    """None if it is gone: a bucket that was just deleted may still be listed (S3 User Guide, "Deleting a bucket")."""
    try:
        return {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=name)["TagSet"]}
    except ClientError as error:
        if error.response["Error"].get("Code") == "NoSuchTagSet":
            return {}
        if says_gone(error):
            return None
        raise


def _size(s3: "S3Client", name: str) -> str:
    count = size = 0
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
        versions = page.get("Versions", [])
        count += len(versions)
        size += sum(version["Size"] for version in versions)
        if count >= COUNTED_OBJECTS:
            return f"more than {count:,} objects, {_human(size)}"
    return f"{count:,} objects, {_human(size)}"


def _remove_bucket(s3: "S3Client", name: str) -> str:
    for unfinished in s3.get_paginator("list_multipart_uploads").paginate(Bucket=name):
        for upload in unfinished.get("Uploads", []):
            s3.abort_multipart_upload(Bucket=name, Key=upload["Key"], UploadId=upload["UploadId"])
    count = 0
    for tries_left in reversed(range(BUCKET_TRIES)):
        count += _empty(s3, name)
        try:
            s3.delete_bucket(Bucket=name)
        except ClientError as error:
            if error.response["Error"].get("Code") != "BucketNotEmpty" or not tries_left:
                raise
        else:
            break
    return f"emptied of {count:,} objects and deleted"


def _empty(s3: "S3Client", name: str) -> int:
    count = 0
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
        listed = [(each["Key"], each["VersionId"]) for each in page.get("Versions", [])]
        listed += [(each["Key"], each["VersionId"]) for each in page.get("DeleteMarkers", [])]
        _delete(s3, name, [{"Key": key, "VersionId": version} for key, version in listed])
        count += len(listed)
    return count


def _delete(s3: "S3Client", bucket: str, objects: "Sequence[ObjectIdentifierTypeDef]") -> None:
    """At most 1,000, as a page of a listing has."""
    if not objects:
        return
    failed = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True}).get("Errors", [])
    if failed:
        raise DeployError(f"bucket {bucket}: {len(failed)} objects cannot be deleted ({failed[0].get('Code')})")


def _roles(iam: "IAMClient", stage: str) -> Iterator[str]:
    """The tagging API does not know them."""
    for page in iam.get_paginator("list_roles").paginate():
        for name in (role["RoleName"] for role in page["Roles"] if role["RoleName"].startswith(f"sluice-{stage}-")):
            tags = {tag["Key"]: tag["Value"] for tag in iam.list_role_tags(RoleName=name)["Tags"]}
            if belongs(stage, name, tags):
                yield name


def _streams(kinesis: "KinesisClient", stage: str) -> Iterator[Kept]:
    for page in kinesis.get_paginator("list_streams").paginate():
        for name in page["StreamNames"]:
            if not name.startswith(f"sluice-{stage}-"):
                continue
            tags = {tag["Key"]: tag.get("Value", "") for tag in kinesis.list_tags_for_stream(StreamName=name)["Tags"]}
            if belongs(stage, name, tags):
                summary = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
                if summary["StreamStatus"] != "DELETING":
                    about = f"the records of {summary['RetentionPeriodHours']} hours"
                    yield Kept("stream", name, about, partial(_remove_stream, kinesis, name))


def _remove_stream(kinesis: "KinesisClient", name: str) -> str:
    kinesis.delete_stream(StreamName=name, EnforceConsumerDeletion=True)
    kinesis.get_waiter("stream_not_exists").wait(StreamName=name, WaiterConfig={"Delay": 2, "MaxAttempts": 60})
    return "deleted"


def _log_groups(logs: "CloudWatchLogsClient", stage: str) -> Iterator[Kept]:
    for page in logs.get_paginator("describe_log_groups").paginate(logGroupNamePattern=f"sluice-{stage}-"):
        for group in page["logGroups"]:
            name = group["logGroupName"]
            tags = logs.list_tags_for_resource(resourceArn=group["arn"].removesuffix(":*")).get("tags", {})
            if belongs(stage, name, tags):
                about = _human(group.get("storedBytes", 0))
                yield Kept("log group", name, about, partial(_remove_log_group, logs, name))


def _remove_log_group(logs: "CloudWatchLogsClient", name: str) -> str:
    logs.delete_log_group(logGroupName=name)
    return "deleted"


def _keys(services: Services, stage: str) -> Iterator[Kept]:
    for arn in _tagged(services, stage, "kms:key"):
        if is_there(services, arn):
            about = "with it goes everything that it encrypts, snapshots and copies too"
            yield Kept("key", arn.rpartition("/")[2], about, partial(_remove_key, services.kms, arn))


def _remove_key(kms: "KMSClient", arn: str) -> str:
    kms.schedule_key_deletion(KeyId=arn, PendingWindowInDays=KEY_WAITS_DAYS)
    return f"will be deleted in {KEY_WAITS_DAYS} days; until then: aws kms cancel-key-deletion --key-id {arn}"


def _tagged(services: Services, stage: str, kind: str | None = None) -> list[str]:
    """ARNs that have, or had, the stage's tag."""
    wanted: dict[str, Any] = {"TagFilters": [{"Key": STAGE_TAG, "Values": [stage]}]}
    if kind:
        wanted["ResourceTypeFilters"] = [kind]
    pages = services.tagging.get_paginator("get_resources").paginate(**wanted)
    return sorted(each["ResourceARN"] for page in pages for each in page["ResourceTagMappingList"])


def _human(size: float) -> str:
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"
