"""The shipped templates, deployed by the deploy code into an empty engine."""

import json
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from local_pipeline.engine import REGION
from ops.parameters import read_parameters
from ops.stacks import BOOTSTRAP, STACKS, TEMPLATES, StackError, delete_stack, deploy, stack_name
from tests.support.engine import IMAGE, RunningEngine, eventually, running_engine

ALL_BUT_DELIVERY = tuple(stack for stack in STACKS if stack != "delivery")
ROLE = "arn:aws:iam::123456789012:role/sluice-test-cloudformation"
SMALL = """
Parameters: {Stage: {Type: String}, Seconds: {Type: Number, Default: 30}}
Resources: {Queue: {Type: "AWS::SQS::Queue", Properties: {VisibilityTimeout: !Ref Seconds}}}
"""
GIVEN = {
    "ImageUri": IMAGE,
    "AuthMode": "none",
    "SnowflakeUserArn": "arn:aws:iam::123456789012:user/snowflake",
    "SnowflakeExternalId": "SLUICE_SFCRole=2_abc=",
    "SnowflakeErrorsUserArn": "arn:aws:iam::123456789012:user/snowflake",
    "SnowflakeErrorsExternalId": "SLUICE_SFCRole=2_def=",
    # Output of the delivery stack, which this engine does without.
    "DeliveryStreamName": "sluice-test-delivery",
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
    given = GIVEN | {"SnowpipeQueueArn": queue_arn}
    return deploy(engine.cloudformation, "test", given, ALL_BUT_DELIVERY)


def notified_queues(engine: RunningEngine, bucket: str) -> dict[str, str]:
    """Prefix by the queue that is told of it."""
    found = engine.s3.get_bucket_notification_configuration(Bucket=bucket).get("QueueConfigurations", [])
    return {entry["QueueArn"]: entry["Filter"]["Key"]["FilterRules"][0]["Value"] for entry in found}


def keys_told(engine: RunningEngine, queue: str) -> list[str]:
    """Keys of the objects that the queue's next messages tell of."""
    url = engine.sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    messages = engine.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    bodies = [json.loads(message["Body"]) for message in messages]
    return [record["s3"]["object"]["key"] for body in bodies for record in body.get("Records", [])]


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
    assert notified_queues(engine, outputs["LandingBucketName"]) == {
        queue_arn: "records/",
        outputs["DeliveryFailuresQueueArn"]: "delivery-errors/",
    }
    assert outputs["SnowflakeRoleArn"].endswith(":role/sluice-test-snowflake")
    assert outputs["SnowflakeErrorsRoleArn"].endswith(":role/sluice-test-snowflake-errors")
    assert outputs["PipeErrorsTopicArn"].endswith(":sluice-test-pipe-errors")


@pytest.mark.parametrize("repository", ["", "owner/name", "owner@123456/name@456789"])
def test_the_bootstrap_deploys(engine: RunningEngine, repository: str) -> None:
    provider = "arn:aws:iam::000000000000:oidc-provider/token.actions.githubusercontent.com"
    given = {"GitHubRepository": repository, "GitHubOidcProviderArn": provider}
    outputs = deploy(engine.cloudformation, "boot", given, (BOOTSTRAP,))
    assert outputs["RepositoryName"] == "sluice-boot"
    assert outputs["CloudFormationRoleArn"].endswith(":role/sluice-boot-cloudformation")
    assert ("DeployRoleArn" in outputs) == bool(repository)


def test_the_key_encrypts_what_the_engine_lets_it(engine: RunningEngine, outputs: dict[str, str]) -> None:
    """The engine drops the encryption of streams and buckets; tests/infra checks these in the template."""
    alias = engine.session.client("kms", endpoint_url=engine.engine.url).describe_key(KeyId="alias/sluice-test")
    assert alias["KeyMetadata"]["Arn"] == outputs["DataKeyArn"]
    for queue in (outputs["DeliveryFailuresQueueName"], outputs["PipeErrorsQueueName"]):
        url = engine.sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        attributes = engine.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["KmsMasterKeyId"])["Attributes"]
        assert attributes["KmsMasterKeyId"] == outputs["DataKeyArn"]


def test_every_alarm_goes_to_the_topic(engine: RunningEngine, outputs: dict[str, str]) -> None:
    cloudwatch = engine.session.client("cloudwatch", endpoint_url=engine.engine.url)
    alarms = cloudwatch.describe_alarms(AlarmNamePrefix="sluice-test-")["MetricAlarms"]
    assert len(alarms) == 21
    assert {action for alarm in alarms for action in alarm["AlarmActions"]} == {outputs["AlarmTopicArn"]}
    watched = {alarm["AlarmName"]: alarm["Dimensions"][0]["Value"] for alarm in alarms if alarm["Dimensions"]}
    assert watched["sluice-test-pipe-errors"] == outputs["PipeErrorsQueueName"]
    assert watched["sluice-test-gateway-errors"] == outputs["FunctionName"]
    assert watched["sluice-test-drain-errors"] == outputs["DrainFunctionName"]
    assert watched["sluice-test-drain-dead-letters"] == outputs["DrainDeadLettersQueueName"]
    body = json.loads(cloudwatch.get_dashboard(DashboardName=outputs["DashboardName"])["DashboardBody"])
    assert outputs["StreamName"] in json.dumps(body)


def test_the_gateway_s_log_is_searched_for_keys_that_were_not_read(
    engine: RunningEngine, outputs: dict[str, str]
) -> None:
    logs = engine.session.client("logs", endpoint_url=engine.engine.url)
    [found] = logs.describe_metric_filters(logGroupName=outputs["GatewayLogGroupName"])["metricFilters"]
    [metric] = found["metricTransformations"]
    assert (metric["metricNamespace"], metric["metricName"]) == ("Sluice/test", "ApiKeysUnread")


def test_a_pipe_error_reaches_its_queue(engine: RunningEngine, outputs: dict[str, str]) -> None:
    engine.session.client("sns", endpoint_url=engine.engine.url).publish(
        TopicArn=outputs["PipeErrorsTopicArn"], Message='{"pipeName":"RECORDS_PIPE"}'
    )
    url = engine.sqs.get_queue_url(QueueName=outputs["PipeErrorsQueueName"])["QueueUrl"]
    (message,) = eventually(lambda: engine.sqs.receive_message(QueueUrl=url).get("Messages"))
    assert message["Body"] == '{"pipeName":"RECORDS_PIPE"}'


def test_the_api_keys_begin_empty_and_outlive_a_deployment(engine: RunningEngine, outputs: dict[str, str]) -> None:
    secrets = engine.session.client("secretsmanager", endpoint_url=engine.engine.url)
    arn = outputs["ApiKeysSecretArn"]
    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == "{}"
    secrets.put_secret_value(SecretId=arn, SecretString='{"shop":[]}')
    wired = {name: outputs[name] for name in ("StreamName", "StreamArn", "ErrorBucketName", "ErrorBucketArn")}
    given = {"ImageUri": IMAGE, "AuthMode": "none", "DataKeyArn": outputs["DataKeyArn"], "ThrottleRate": "7"}
    deploy(engine.cloudformation, "test", wired | given, ("gateway",))
    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == '{"shop":[]}'


def test_the_function_is_wired_to_the_storage(engine: RunningEngine, outputs: dict[str, str]) -> None:
    function = engine.functions.get_function_configuration(FunctionName=outputs["FunctionName"])
    assert function["Environment"]["Variables"] == {
        "SLUICE_STREAM_NAME": outputs["StreamName"],
        "SLUICE_ERROR_BUCKET": outputs["ErrorBucketName"],
        "SLUICE_AUTH": "none",
        "SLUICE_API_KEYS_SECRET_ARN": outputs["ApiKeysSecretArn"],
        "SLUICE_METRICS": "cloudwatch",
        "SLUICE_STREAM_LANES": "8",
        "SLUICE_REQUEST_TIMEOUT_SECONDS": "29",
        "SLUICE_STAGE": "test",
    }
    assert function["Timeout"] == 29


def test_the_drain_is_wired_to_the_storage_and_runs_on_a_schedule(
    engine: RunningEngine, outputs: dict[str, str]
) -> None:
    gateway, drain = (
        engine.functions.get_function(FunctionName=outputs[name]) for name in ("FunctionName", "DrainFunctionName")
    )
    function = drain["Configuration"]
    assert function["Environment"]["Variables"] == {
        "SLUICE_STREAM_NAME": outputs["StreamName"],
        "SLUICE_ERROR_BUCKET": outputs["ErrorBucketName"],
        "SLUICE_STREAM_LANES": "8",
        "SLUICE_STAGE": "test",
    }
    assert function["Role"].rpartition("/")[2] != gateway["Configuration"]["Role"].rpartition("/")[2]
    assert drain["Code"]["ImageUri"] == gateway["Code"]["ImageUri"] == IMAGE
    assert function["ImageConfigResponse"]["ImageConfig"]["Command"] == ["app.drain.handler"]

    events = engine.session.client("events", endpoint_url=engine.engine.url)
    rule = events.describe_rule(Name="sluice-test-drain")
    assert (rule["ScheduleExpression"], rule["State"]) == ("rate(1 minute)", "ENABLED")
    [target] = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
    assert target["Arn"] == function["FunctionArn"]
    [statement] = json.loads(engine.functions.get_policy(FunctionName=outputs["DrainFunctionName"])["Policy"])[
        "Statement"
    ]
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert rule["Arn"] in json.dumps(statement["Condition"])

    runs = engine.functions.get_function_event_invoke_config(
        FunctionName=outputs["DrainFunctionName"], Qualifier="$LATEST"
    )
    assert (runs["MaximumRetryAttempts"], runs["MaximumEventAgeInSeconds"]) == (2, 300)
    given_up = runs["DestinationConfig"]["OnFailure"]["Destination"]
    assert given_up.rpartition(":")[2] == outputs["DrainDeadLettersQueueName"]


def test_a_run_of_the_drain_that_fails_is_a_dead_letter(engine: RunningEngine, outputs: dict[str, str]) -> None:
    """The engine has no image to run, so every run fails; it tries again after seconds, Lambda after minutes."""
    url = engine.sqs.get_queue_url(QueueName=outputs["DrainDeadLettersQueueName"])["QueueUrl"]
    engine.functions.invoke(
        FunctionName=outputs["DrainFunctionName"], InvocationType="Event", Payload=b'{"source":"aws.events"}'
    )
    (message,) = eventually(lambda: engine.sqs.receive_message(QueueUrl=url).get("Messages"))
    letter = json.loads(message["Body"])
    assert letter["requestContext"]["condition"] == "RetriesExhausted"
    assert letter["requestPayload"] == {"source": "aws.events"}


def test_the_schedule_follows_its_parameter(engine: RunningEngine, outputs: dict[str, str]) -> None:
    wired = ("StreamName", "StreamArn", "ErrorBucketName", "ErrorBucketArn", "DataKeyArn")
    given = {name: outputs[name] for name in wired} | {"ImageUri": IMAGE}
    events = engine.session.client("events", endpoint_url=engine.engine.url)
    for minutes, said in (("5", "rate(5 minutes)"), ("1", "rate(1 minute)")):
        deploy(engine.cloudformation, "test", given | {"DrainMinutes": minutes}, ("drain",))
        assert events.describe_rule(Name="sluice-test-drain")["ScheduleExpression"] == said


@pytest.mark.usefixtures("outputs")
def test_deploying_again_changes_nothing(engine: RunningEngine, outputs: dict[str, str], queue_arn: str) -> None:
    again = deploy(engine.cloudformation, "test", GIVEN | {"SnowpipeQueueArn": queue_arn}, ALL_BUT_DELIVERY)
    assert again == outputs


def test_an_update_that_does_not_mention_the_queue_keeps_it(
    engine: RunningEngine, outputs: dict[str, str], queue_arn: str
) -> None:
    deploy(engine.cloudformation, "test", {"RejectedRetentionDays": "7"}, ("storage",))
    assert notified_queues(engine, outputs["LandingBucketName"])[queue_arn] == "records/"


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


def test_an_image_without_a_digest_is_refused(engine: RunningEngine, outputs: dict[str, str]) -> None:
    wired = {name: outputs[name] for name in ("StreamName", "StreamArn", "ErrorBucketName", "ErrorBucketArn")}
    given = wired | {"DataKeyArn": outputs["DataKeyArn"], "ImageUri": IMAGE.partition("@")[0] + ":latest"}
    with pytest.raises(StackError, match="a tag is not enough"):
        deploy(engine.cloudformation, "tagged", given, ("gateway",))


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


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_the_stage_s_parameters_deploy(engine: RunningEngine, stage: str) -> None:
    values = read_parameters(TEMPLATES / "parameters" / f"{stage}.yaml")
    buffers = {name for name in values if name.startswith(("Buffer", "Compression"))}
    given = {name: value for name, value in values.items() if name not in buffers}
    outputs = deploy(engine.cloudformation, stage, GIVEN | given, ALL_BUT_DELIVERY)
    summary = engine.kinesis.describe_stream_summary(StreamName=outputs["StreamName"])["StreamDescriptionSummary"]
    assert summary["StreamModeDetails"]["StreamMode"] == values["StreamMode"]
    assert summary["RetentionPeriodHours"] == int(values["StreamRetentionHours"])


def test_a_deleted_stage_leaves_what_holds_data(engine: RunningEngine) -> None:
    outputs = deploy(engine.cloudformation, "gone", GIVEN, ALL_BUT_DELIVERY)
    for stack in reversed(STACKS):
        delete_stack(engine.cloudformation, stack_name("gone", stack))
    left = {bucket["Name"] for bucket in engine.s3.list_buckets()["Buckets"]}
    assert {outputs[name] for name in ("LandingBucketName", "ErrorBucketName", "AccessLogBucketName")} <= left
    assert outputs["StreamName"] in engine.kinesis.list_streams()["StreamNames"]
    functions = [function["FunctionName"] for function in engine.functions.list_functions()["Functions"]]
    assert not {outputs["FunctionName"], outputs["DrainFunctionName"]} & set(functions)
    rules = engine.session.client("events", endpoint_url=engine.engine.url).list_rules()["Rules"]
    assert "sluice-gone-drain" not in [rule["Name"] for rule in rules]
    delete_stack(engine.cloudformation, stack_name("gone", "storage"))


def test_cloudformation_takes_the_role_that_is_given(endpoint: str, tmp_path: Path) -> None:
    """By moto: the engine drops the role."""
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
    cloudformation = session.client("cloudformation", endpoint_url=endpoint)
    (tmp_path / "storage.yaml").write_text(SMALL)
    for parameters in ({}, {"Seconds": "60"}):
        deploy(cloudformation, "role", parameters, ("storage",), templates=tmp_path, role_arn=ROLE)
        (stack,) = cloudformation.describe_stacks(StackName="sluice-role-storage")["Stacks"]
        assert stack["RoleARN"] == ROLE
    delete_stack(cloudformation, "sluice-role-storage")
    delete_stack(cloudformation, "sluice-role-storage")


def test_a_delivered_file_reaches_the_queue(engine: RunningEngine, outputs: dict[str, str], queue_arn: str) -> None:
    engine.s3.put_object(Bucket=outputs["LandingBucketName"], Key="delivery-errors/x.json", Body=b"{}")
    engine.s3.put_object(Bucket=outputs["LandingBucketName"], Key="records/dt=2026-11-23/x.json", Body=b"{}")
    assert eventually(lambda: keys_told(engine, queue_arn.rpartition(":")[2])) == ["records/dt%3D2026-11-23/x.json"]
    assert eventually(lambda: keys_told(engine, outputs["DeliveryFailuresQueueName"])) == ["delivery-errors/x.json"]


def stream_data(engine: RunningEngine, stream: str) -> Iterator[bytes]:
    for shard in engine.kinesis.list_shards(StreamName=stream)["Shards"]:
        iterator = engine.kinesis.get_shard_iterator(
            StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )
        records = engine.kinesis.get_records(ShardIterator=iterator["ShardIterator"])["Records"]
        yield from (record["Data"] for record in records)
