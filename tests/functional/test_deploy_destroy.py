"""Removal against the engine: what is asked, what stays, what goes, and that it can be run again."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pytest

from ops.deploy.aws import Clients
from ops.deploy.destroy import Removal
from ops.deploy.notification_tests import remove_test_events
from ops.deploy.surroundings import Deployment
from ops.stacks import deploy
from tests.support.engine import RunningEngine, running_engine
from tests.unit.ops.fake_deployment import FakeHttp, FakePerson, FakeSnowflake

STAGE, OTHER = "dev", "dev-storage"  # one's name begins as the other's resources do


ACCOUNT = "us-east-1:000000000000"
GONE = [
    "arn:aws:apigateway:us-east-1::/apis/abcdef",
    "arn:aws:apigateway:us-east-1::/apis/abcdef/stages/$default",
    f"arn:aws:cloudwatch:{ACCOUNT}:alarm:sluice-dev-delivery-stale",
    f"arn:aws:ecr:{ACCOUNT}:repository/sluice-dev",
    f"arn:aws:events:{ACCOUNT}:rule/sluice-dev-drain",
    f"arn:aws:firehose:{ACCOUNT}:deliverystream/sluice-dev-delivery",
    f"arn:aws:kinesis:{ACCOUNT}:stream/sluice-dev-storage-Stream-1",
    f"arn:aws:kms:{ACCOUNT}:key/3f1c1b1e-0000-4000-8000-000000000000",
    f"arn:aws:lambda:{ACCOUNT}:function:sluice-dev-gateway",
    f"arn:aws:logs:{ACCOUNT}:log-group:/aws/vendedlogs/sluice-dev-gateway",
    "arn:aws:s3:::sluice-dev-storage-landingbucket-1",
    f"arn:aws:secretsmanager:{ACCOUNT}:secret:sluice-dev-api-keys-AbCdEf",
    f"arn:aws:sns:{ACCOUNT}:sluice-dev-pipe-errors",
    f"arn:aws:sqs:{ACCOUNT}:sluice-dev-storage-DeliveryFailures-1",
]
"""One of each kind that the templates tag."""
UNKNOWN = f"arn:aws:states:{ACCOUNT}:stateMachine:sluice-dev-machine"


class LaggingIndex(Clients):
    """The index of tags also lists `ghosts`."""

    ghosts: tuple[str, ...] = ()

    @property
    def tagging(self) -> "LaggingIndex":
        return self

    def get_paginator(self, operation_name: str, /) -> "LaggingIndex":
        assert operation_name == "get_resources"
        return self

    def paginate(self, **wanted: object) -> Iterable[Mapping[str, Any]]:
        yield from super().tagging.get_paginator("get_resources").paginate(**wanted)
        kinds: Any = wanted.get("ResourceTypeFilters", [""])
        services = [kind.partition(":")[0] for kind in kinds]
        listed = [arn for arn in self.ghosts if arn.split(":")[2] in services or services == [""]]
        yield {"ResourceTagMappingList": [{"ResourceARN": arn} for arn in listed]}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEngine]:
    with running_engine(tmp_path_factory.mktemp("engine")) as running:
        yield running


@pytest.fixture
def aws(engine: RunningEngine) -> Clients:
    return Clients(engine.session, engine.engine.url)


@pytest.fixture
def outputs(aws: Clients) -> dict[str, str]:
    """The storage of a stage, with a record in the landing bucket."""
    made = deploy(aws.cloudformation("storage"), STAGE, {}, ("storage",))
    aws.s3.put_object(Bucket=made["LandingBucketName"], Key="records/a.json", Body=b"{}\n")
    return made


def remove(
    aws: Clients, person: FakePerson, snowflake: FakeSnowflake | None = None, stage: str = STAGE
) -> tuple[bool, list[str]]:
    said: list[str] = []
    deployment = Deployment(
        stage=stage,
        parameters={},
        aws=aws,
        connect=lambda: snowflake or FakeSnowflake(),
        http=FakeHttp([(0, b"")]),
        say=said.append,
    )
    return Removal(deployment, aws, person, with_snowflake=snowflake is not None).run(), said


def buckets(aws: Clients) -> set[str]:
    return {bucket["Name"] for bucket in aws.s3.list_buckets()["Buckets"]}


def test_only_the_test_message_of_changed_notifications_is_taken_out(aws: Clients, outputs: dict[str, str]) -> None:
    queue = outputs["DeliveryFailuresQueueName"]
    key = "delivery-errors/processing-failed/a"
    aws.s3.put_object(Bucket=outputs["LandingBucketName"], Key=key, Body=b"{}\n")
    url = aws.sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    aws.sqs.send_message(QueueUrl=url, MessageBody="not of S3")

    assert remove_test_events(aws.sqs, queue) >= 1

    left = [message["Body"] for message in aws.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]]
    assert len(left) == 2
    assert "not of S3" in left
    assert json.loads(next(body for body in left if body != "not of S3"))["Records"][0]["s3"]["object"]["key"] == key
    assert remove_test_events(aws.sqs, queue) == 0
    aws.s3.delete_object(Bucket=outputs["LandingBucketName"], Key=key)


def test_a_no_changes_nothing(aws: Clients, outputs: dict[str, str]) -> None:
    gone, said = remove(aws, FakePerson(agreed=False))
    assert not gone
    assert said[-1] == "Nothing was removed."
    assert f"  bucket {outputs['LandingBucketName']}: 1 objects, 3 bytes" in said
    assert outputs["LandingBucketName"] in buckets(aws)
    assert aws.cloudformation("storage").describe_stacks(StackName="sluice-dev-storage")["Stacks"]


def test_the_data_stays_until_the_stages_name_is_typed_and_is_found_without_its_stack(
    aws: Clients, outputs: dict[str, str]
) -> None:
    gone, said = remove(aws, FakePerson(typed="yes"))
    assert gone, "what is left was kept on purpose"
    assert "The data stays." in said
    assert said[said.index("Still there of stage dev:") :][1:]
    assert aws.s3.get_object(Bucket=outputs["LandingBucketName"], Key="records/a.json")["Body"].read() == b"{}\n"

    other = deploy(aws.cloudformation("storage"), OTHER, {}, ("storage",))
    gone, said = remove(aws, FakePerson(typed=STAGE))
    assert gone
    assert "It has no stacks." in said
    assert said[-1] == "Nothing in AWS carries the name or the tag of stage dev any more."
    assert {other["LandingBucketName"], other["ErrorBucketName"], other["AccessLogBucketName"]} == buckets(aws)
    assert aws.kinesis.list_streams()["StreamNames"] == [other["StreamName"]]

    remove(aws, FakePerson(typed=OTHER), stage=OTHER)
    assert buckets(aws) == set()


def test_again_on_nothing(aws: Clients) -> None:
    person = FakePerson(typed=STAGE)
    gone, said = remove(aws, person)
    assert gone
    assert person.asked == []
    assert said[-1].startswith("Nothing in AWS")


def test_what_only_the_index_lists_is_gone(engine: RunningEngine) -> None:
    aws = LaggingIndex(engine.session, engine.engine.url)
    aws.ghosts = tuple(GONE)
    gone, said = remove(aws, FakePerson(typed=STAGE))
    assert gone, said
    assert said[-1].startswith("Nothing in AWS")


def test_a_bucket_that_is_listed_after_its_deletion_is_gone(engine: RunningEngine) -> None:
    aws = Clients(engine.session, engine.engine.url)
    listed = {"Buckets": [{"Name": "sluice-dev-storage-landingbucket-1"}]}
    aws.s3.meta.events.register("after-call.s3.ListBuckets", lambda parsed, **_: parsed.update(listed))
    gone, said = remove(aws, FakePerson(typed=STAGE))
    assert gone, said


def test_what_cannot_be_looked_up_is_said_and_is_no_failure(engine: RunningEngine) -> None:
    aws = LaggingIndex(engine.session, engine.engine.url)
    aws.ghosts = (*GONE, UNKNOWN)
    gone, said = remove(aws, FakePerson(typed=STAGE))
    assert gone
    assert said[-2:] == ["AWS's index of tags still lists these, which may be gone:", f"  {UNKNOWN}"]


def test_what_is_there_is_a_failure(engine: RunningEngine) -> None:
    aws = LaggingIndex(engine.session, engine.engine.url)
    made: dict[str, Callable[[Any], Any]] = {
        "sqs": lambda client: client.create_queue(QueueName="sluice-dev-left"),
        "sns": lambda client: client.create_topic(Name="sluice-dev-left"),
        "secretsmanager": lambda client: client.create_secret(Name="sluice-dev-left", SecretString="{}"),
        "ecr": lambda client: client.create_repository(repositoryName="sluice-dev-left"),
        "events": lambda client: client.put_rule(Name="sluice-dev-left", ScheduleExpression="rate(1 day)"),
    }
    answers = {service: make(aws.client(service)) for service, make in made.items()}
    there = (
        f"arn:aws:ecr:{ACCOUNT}:repository/sluice-dev-left",
        answers["events"]["RuleArn"],
        answers["secretsmanager"]["ARN"],
        answers["sns"]["TopicArn"],
        f"arn:aws:sqs:{ACCOUNT}:sluice-dev-left",
    )
    aws.ghosts = (*GONE, *there)
    gone, said = remove(aws, FakePerson(typed=STAGE))
    assert not gone
    assert said[-6:] == ["Still there of stage dev:", *(f"  {arn}" for arn in there)]
    aws.client("sqs").delete_queue(QueueUrl=answers["sqs"]["QueueUrl"])
    aws.client("sns").delete_topic(TopicArn=answers["sns"]["TopicArn"])
    aws.client("secretsmanager").delete_secret(SecretId=answers["secretsmanager"]["ARN"], RecoveryWindowInDays=7)
    aws.client("events").delete_rule(Name="sluice-dev-left")
    aws.client("ecr").delete_repository(repositoryName="sluice-dev-left")
    assert remove(aws, FakePerson(typed=STAGE))[0]


def test_snowflake_is_asked_about_separately(aws: Clients) -> None:
    snowflake = FakeSnowflake()
    person = FakePerson(typed="no")
    remove(aws, person, snowflake)
    assert snowflake.asked == []
    assert [question.partition(":")[0] for question in person.asked] == ["delete_snowflake"]
    remove(aws, FakePerson(typed=STAGE), snowflake)
    assert "DROP DATABASE IF EXISTS SLUICE_DEV" in snowflake.asked
    assert "DROP INTEGRATION IF EXISTS SLUICE_DEV_ERRORS" in snowflake.asked


def test_versions_and_delete_markers_go_too(aws: Clients, outputs: dict[str, str]) -> None:
    bucket = outputs["ErrorBucketName"]
    aws.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for body in (b"1", b"2"):
        aws.s3.put_object(Bucket=bucket, Key="spill/x", Body=body)
    aws.s3.delete_object(Bucket=bucket, Key="spill/x")
    gone, _ = remove(aws, FakePerson(typed=STAGE))
    assert gone
    assert bucket not in buckets(aws)
