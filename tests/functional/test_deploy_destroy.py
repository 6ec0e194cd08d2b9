"""Removal against the engine: what is asked, what stays, what goes, and that it can be run again."""

import json
from collections.abc import Iterator

import pytest

from ops.deploy.aws import Clients
from ops.deploy.destroy import Removal
from ops.deploy.notification_tests import remove_test_events
from ops.deploy.surroundings import Deployment
from ops.stacks import deploy
from tests.support.engine import RunningEngine, running_engine
from tests.unit.ops.fake_deployment import FakeHttp, FakePerson, FakeSnowflake

STAGE, OTHER = "dev", "dev-storage"  # one's name begins as the other's resources do


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
