"""The shipped templates, deployed by the deploy code into an empty engine."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.stacks import TEMPLATES, StackError, deploy
from tests.support.engine import IMAGE, RunningEngine, eventually, running_engine

ALL_BUT_DELIVERY = ("storage", "snowflake-access", "gateway")
GIVEN = {
    "ImageUri": IMAGE,
    "AuthMode": "none",
    "SnowflakeUserArn": "arn:aws:iam::123456789012:user/snowflake",
    "SnowflakeExternalId": "SLUICE_SFCRole=2_abc=",
}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEngine]:
    with running_engine(tmp_path_factory.mktemp("engine")) as running:
        yield running


@pytest.fixture(scope="module")
def queue_arn(engine: RunningEngine) -> str:
    url = engine.sqs.create_queue(QueueName="snowpipe")["QueueUrl"]
    return engine.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


@pytest.fixture(scope="module")
def outputs(engine: RunningEngine, queue_arn: str) -> dict[str, str]:
    return deploy(engine.cloudformation, "test", GIVEN | {"SnowpipeQueueArn": queue_arn}, ALL_BUT_DELIVERY)


def notified_queues(engine: RunningEngine, bucket: str) -> list[tuple[str, list[str]]]:
    found = engine.s3.get_bucket_notification_configuration(Bucket=bucket).get("QueueConfigurations", [])
    return [(entry["QueueArn"], [rule["Value"] for rule in entry["Filter"]["Key"]["FilterRules"]]) for entry in found]


def edited(tmp_path: Path, stack: str, old: str, new: str) -> Path:
    """A copy of the templates in which one says something else."""
    for template in TEMPLATES.glob("*.yaml"):
        text = template.read_text()
        if template.stem == stack:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / template.name).write_text(text)
    return tmp_path


def test_all_but_the_delivery_stream_deploy(engine: RunningEngine, outputs: dict[str, str], queue_arn: str) -> None:
    shards = engine.kinesis.describe_stream_summary(StreamName=outputs["StreamName"])["StreamDescriptionSummary"]
    assert shards["OpenShardCount"] == 2
    assert notified_queues(engine, outputs["LandingBucketName"]) == [(queue_arn, ["records/"])]
    assert outputs["SnowflakeRoleArn"].endswith(":role/sluice-test-snowflake")


def test_the_function_is_wired_to_the_storage(engine: RunningEngine, outputs: dict[str, str]) -> None:
    function = engine.functions.get_function_configuration(FunctionName=outputs["FunctionName"])
    assert function["Environment"]["Variables"] == {
        "SLUICE_STREAM_NAME": outputs["StreamName"],
        "SLUICE_ERROR_BUCKET": outputs["ErrorBucketName"],
        "SLUICE_AUTH": "none",
    }
    assert function["Timeout"] == 29


@pytest.mark.usefixtures("outputs")
def test_deploying_again_changes_nothing(engine: RunningEngine, outputs: dict[str, str], queue_arn: str) -> None:
    again = deploy(engine.cloudformation, "test", GIVEN | {"SnowpipeQueueArn": queue_arn}, ALL_BUT_DELIVERY)
    assert again == outputs


def test_an_update_that_does_not_mention_the_queue_keeps_it(
    engine: RunningEngine, outputs: dict[str, str], queue_arn: str
) -> None:
    deploy(engine.cloudformation, "test", {"RejectedRetentionDays": "7"}, ("storage",))
    assert notified_queues(engine, outputs["LandingBucketName"]) == [(queue_arn, ["records/"])]


def test_a_changed_default_in_the_template_is_deployed(
    engine: RunningEngine, outputs: dict[str, str], tmp_path: Path
) -> None:
    templates = edited(tmp_path, "storage", "Default: 24\n    MinValue: 24", "Default: 48\n    MinValue: 24")
    deploy(engine.cloudformation, "test", {}, ("storage",), templates=templates)
    summary = engine.kinesis.describe_stream_summary(StreamName=outputs["StreamName"])["StreamDescriptionSummary"]
    assert summary["RetentionPeriodHours"] == 48


def test_a_parameter_that_no_template_has_is_an_error(engine: RunningEngine) -> None:
    with pytest.raises(StackError, match="No template has the parameter StreamShards"):
        deploy(engine.cloudformation, "typo", {"StreamShards": "1"}, ("storage",))


def test_a_broken_template_is_one_line(engine: RunningEngine, tmp_path: Path) -> None:
    templates = edited(tmp_path, "storage", "AWSTemplateFormatVersion", "]: AWSTemplateFormatVersion")
    with pytest.raises(StackError, match="storage") as raised:
        deploy(engine.cloudformation, "broken", {}, ("storage",), templates=templates)
    assert "\n" not in str(raised.value)


def test_keys_are_needed_unless_none_is_said(engine: RunningEngine, outputs: dict[str, str]) -> None:
    wired = {name: outputs[name] for name in ("StreamName", "StreamArn", "ErrorBucketName", "ErrorBucketArn")}
    with pytest.raises(StackError, match="ApiKeys must be given"):
        deploy(engine.cloudformation, "keyless", wired | {"ImageUri": IMAGE}, ("gateway",))


def test_a_failing_resource_gives_its_reason_and_the_next_deploy_works(engine: RunningEngine) -> None:
    missing = "arn:aws:sqs:us-east-1:000000000000:no-such-queue"
    with pytest.raises(StackError, match=r"LandingBucket \(AWS::S3::Bucket\).*no-such-queue"):
        deploy(engine.cloudformation, "failing", {"SnowpipeQueueArn": missing}, ("storage",))
    assert deploy(engine.cloudformation, "failing", {}, ("storage",))["LandingPrefix"] == "records/"


def test_stacks_and_data_outlive_the_engine(tmp_path: Path) -> None:
    with running_engine(tmp_path) as engine:
        outputs = deploy(engine.cloudformation, "test", GIVEN, ALL_BUT_DELIVERY)
        engine.kinesis.put_record(StreamName=outputs["StreamName"], Data=b"line\n", PartitionKey="1")
        engine.s3.put_object(Bucket=outputs["LandingBucketName"], Key="records/a.json", Body=b"{}\n")
        engine.stop()
        engine.start()
        assert deploy(engine.cloudformation, "test", GIVEN, ALL_BUT_DELIVERY) == outputs
        assert engine.s3.get_object(Bucket=outputs["LandingBucketName"], Key="records/a.json")["Body"].read() == b"{}\n"
        assert list(stream_data(engine, outputs["StreamName"])) == [b"line\n"]

        engine.s3.put_object(Bucket=outputs["LandingBucketName"], Key="records/b.json", Body=b"{}\n")
        engine.kill()
        engine.start()
        assert deploy(engine.cloudformation, "test", GIVEN, ALL_BUT_DELIVERY) == outputs
        listed = engine.s3.list_objects_v2(Bucket=outputs["LandingBucketName"])["Contents"]
        assert [entry["Key"] for entry in listed] == ["records/a.json", "records/b.json"]


def test_the_delivery_stream_deploys_into_an_engine_of_its_own(tmp_path: Path) -> None:
    with running_engine(tmp_path) as engine:
        outputs = deploy(engine.cloudformation, "test", {}, ("storage", "delivery"))
        firehose = engine.session.client("firehose", endpoint_url=engine.engine.url)
        described = firehose.describe_delivery_stream(DeliveryStreamName=outputs["DeliveryStreamName"])
    stream = described["DeliveryStreamDescription"]
    destination = stream["Destinations"][0]["ExtendedS3DestinationDescription"]
    assert stream["Source"]["KinesisStreamSourceDescription"]["KinesisStreamARN"] == outputs["StreamArn"]
    assert destination["BucketARN"] == outputs["LandingBucketArn"]
    # The engine gives numbers of a template back as text.
    hints = destination["BufferingHints"]
    assert (int(hints["SizeInMBs"]), int(hints["IntervalInSeconds"])) == (1, 5)
    assert destination["Prefix"] == "records/dt=!{timestamp:yyyy-MM-dd}/hr=!{timestamp:HH}/"


def test_the_parameter_file_fits_the_templates(engine: RunningEngine) -> None:
    values = json.loads((TEMPLATES / "parameters" / "dev.json").read_text())
    stage = values.pop("Stage")
    declared = {
        item["ParameterKey"]
        for template in TEMPLATES.glob("*.yaml")
        for item in engine.cloudformation.get_template_summary(TemplateBody=template.read_text())["Parameters"]
    }
    assert set(values) <= declared
    storage = {name: value for name, value in values.items() if name.startswith(("Stream", "Rejected"))}
    assert deploy(engine.cloudformation, stage, storage, ("storage",))["LandingPrefix"] == "records/"


def test_a_delivered_file_reaches_the_queue(engine: RunningEngine, outputs: dict[str, str], queue_arn: str) -> None:
    url = engine.sqs.get_queue_url(QueueName=queue_arn.rpartition(":")[2])["QueueUrl"]
    engine.s3.put_object(Bucket=outputs["LandingBucketName"], Key="delivery-errors/x.json", Body=b"{}")
    engine.s3.put_object(Bucket=outputs["LandingBucketName"], Key="records/dt=2026-11-23/x.json", Body=b"{}")

    def keys() -> list[str]:
        messages = engine.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        bodies = [json.loads(message["Body"]) for message in messages]
        return [record["s3"]["object"]["key"] for body in bodies for record in body.get("Records", [])]

    assert eventually(keys) == ["records/dt%3D2026-11-23/x.json"]


def stream_data(engine: RunningEngine, stream: str) -> Iterator[bytes]:
    for shard in engine.kinesis.list_shards(StreamName=stream)["Shards"]:
        iterator = engine.kinesis.get_shard_iterator(
            StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )
        records = engine.kinesis.get_records(ShardIterator=iterator["ShardIterator"])["Records"]
        yield from (record["Data"] for record in records)
