"""The rehearsal itself: deploy, drain, deploy again, destroy; and what must be true after each."""

import hashlib
import json
import uuid
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import boto3

from app.envelope import Origin, StreamLines
from app.sinks.error_bucket import SPILL_AREA
from local_pipeline.engine import REGION
from local_pipeline.rehearsal.processes import Processes
from local_pipeline.rehearsal.snowflake import Account, RehearsedSnowflake, schemas
from local_pipeline.snowpipe.history import History
from local_pipeline.warehouse import DATABASE, connect
from ops.deploy.actions import changed_at, look_up
from ops.deploy.aws import Clients, UrllibHttp
from ops.deploy.destroy import Removal
from ops.deploy.names import Account as AwsAccount
from ops.deploy.plan import Options, plan
from ops.deploy.snowflake import ConnectorSession
from ops.deploy.steps import Step, describe, run_steps
from ops.deploy.surroundings import Deployment
from ops.deploy.templates import read_template
from ops.deploy.terminal import Answers
from ops.stacks import BOOTSTRAP, STACKS, TEMPLATES, stack_name

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

STAGE = "rehearsal"
GATEWAY = f"sluice-{STAGE}-gateway"
DRAIN = f"sluice-{STAGE}-drain"
DRAIN_HANDLER = "app.drain.handler"
DRAINED_SECONDS = 30.0
DELIVERY = "delivery"
QUEUE = "snowflake-pipe-queue"  # Snowflake's, so without the stage's name
OVERRIDES = {"database": DATABASE}  # the stand-ins know this one


class RehearsalError(Exception):
    """Something is not as it must be; the message is one line."""


class Rehearsal:
    """One stage, from nothing to nothing."""

    def __init__(self, processes: Processes, parameters: Mapping[str, str], say: Callable[[str], None]) -> None:
        self._processes = processes
        self._say = say
        self._session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)  # noqa: S106
        self._aws = Clients(self._session, processes.engine.url, {DELIVERY: processes.delivery_engine.url})
        self._sqs: SQSClient = self._session.client("sqs", endpoint_url=processes.engine.url)
        self._snowflake = Account()
        self._parameters = parameters
        self._deployment = Deployment(
            stage=STAGE,
            parameters=self._parameters,
            aws=self._aws,
            connect=self._connect,
            http=_ThroughTheEngine(processes),
            say=say,
            publisher=_MadeUpImage(self._aws),
            overrides=OVERRIDES,
        )

    def run(self) -> None:
        """All of it.

        Raises:
            RehearsalError: a step failed, the second deployment changed something, or something was left over.
        """
        self._deploy("Deploying a stage into an empty account")
        self._drain()
        before = self._stacks()
        self._deploy("Deploying it again, which must change nothing")
        if (after := self._stacks()) != before:
            changed = [name for name in after if after[name] != before.get(name)]
            raise RehearsalError(f"deploying again changed {', '.join(changed)}")
        self._say("No stack was changed.")
        self._destroy()

    def _deploy(self, title: str) -> None:
        self._say(f"\n=== {title}")
        steps = plan(Options(STAGE, AwsAccount("000000000000", REGION), self._parameters, overrides=OVERRIDES))
        for line in describe(steps, details=False):
            self._say(line)
        look_up(self._deployment)
        if not run_steps(steps, self._deployment, None, self._after):
            raise RehearsalError("a step failed")

    def _after(self, step: Step) -> None:
        """Start the stand-ins of what the step made."""
        known = self._deployment.known
        if step.name == DELIVERY and not self._processes.is_running("firehose"):
            declared = read_template(TEMPLATES / "delivery.yaml").parameters
            given = {**known, **self._parameters, "Stage": STAGE}
            self._processes.start_firehose({name: value for name, value in given.items() if name in declared})
        if step.name == "gateway" and not self._processes.is_running("lambda"):
            self._processes.start_lambda_host("lambda", known["FunctionName"])
        if step.name == "drain" and not self._processes.is_running("drain"):
            self._processes.start_lambda_host("drain", known["DrainFunctionName"], DRAIN_HANDLER)

    def _drain(self) -> None:
        """Spill a record by hand and begin a run of the drain, as its schedule would some minutes later."""
        self._say("\n=== Draining a spilled record")
        bucket = self._deployment.known["ErrorBucketName"]
        origin = Origin(str(uuid.uuid4()), datetime.now(UTC), "sluice-rehearsal", None, None)
        key = f"{SPILL_AREA}/{origin.received_at:dt=%Y-%m-%d/hr=%H}/{origin.request_id}.0.ndjson"
        self._aws.s3.put_object(Bucket=bucket, Key=key, Body=StreamLines(origin).line(0, b'{"id":"spilled"}'))
        functions = self._session.client("lambda", endpoint_url=self._processes.engine.url)
        functions.invoke(FunctionName=self._deployment.known["DrainFunctionName"], InvocationType="Event")
        self._deployment.wait_for(
            lambda: None if self._aws.s3.list_objects_v2(Bucket=bucket, Prefix=key).get("Contents") else True,
            DRAINED_SECONDS,
            0.2,
            lambda: f"the drain did not take {key} within {DRAINED_SECONDS:.0f} s",
        )
        self._say(f"{key} is in the stream.")

    def _destroy(self) -> None:
        self._say("\n=== Destroying it, data included")
        for name in ("lambda", "drain", "firehose"):
            self._processes.stop(name)
        typed = {"delete_data": STAGE, "delete_snowflake": STAGE}
        gone = Removal(self._deployment, self._aws, Answers(yes=True, typed=typed), with_snowflake=True).run()
        left = self._left()
        if not gone or left:
            raise RehearsalError(f"left over: {', '.join(left) or 'see above'}")
        self._say("Engine and warehouse hold nothing of the stage.")

    def _left(self) -> list[str]:
        """What an empty engine and an empty account do not have, looked for by other means than the removal's."""
        session, engine = self._session, self._processes.engine.url
        found = self._snowflake.left()
        with closing(self._embedded()) as embedded:
            found += [f"schema {name}" for name in schemas(embedded, DATABASE)]
        found += [f"bucket {each['Name']}" for each in self._aws.s3.list_buckets()["Buckets"]]
        found += [f"stream {name}" for name in self._aws.kinesis.list_streams()["StreamNames"]]
        found += [f"queue {url}" for url in self._sqs.list_queues().get("QueueUrls", [])]
        topics = session.client("sns", endpoint_url=engine).list_topics()["Topics"]
        found += [f"topic {each['TopicArn']}" for each in topics]
        found += [f"role {each['RoleName']}" for each in self._aws.iam.list_roles()["Roles"]]
        secrets = session.client("secretsmanager", endpoint_url=engine).list_secrets()["SecretList"]
        found += [f"secret {each['Name']}" for each in secrets]
        functions = session.client("lambda", endpoint_url=engine).list_functions()["Functions"]
        found += [f"function {each['FunctionName']}" for each in functions]
        rules = session.client("events", endpoint_url=engine).list_rules()["Rules"]
        found += [f"rule {each['Name']}" for each in rules]
        apis = session.client("apigatewayv2", endpoint_url=engine).get_apis()["Items"]
        found += [f"API {each['Name']}" for each in apis]
        found += [f"log group {each['logGroupName']}" for each in self._aws.logs.describe_log_groups()["logGroups"]]
        found += [
            f"repository {each['repositoryName']}" for each in self._aws.ecr.describe_repositories()["repositories"]
        ]
        alarms = session.client("cloudwatch", endpoint_url=engine).describe_alarms()["MetricAlarms"]
        return found + [f"alarm {each['AlarmName']}" for each in alarms]

    def _stacks(self) -> dict[str, datetime | None]:
        """When each stack was last changed."""
        names = {stack: stack_name(STAGE, stack) for stack in (BOOTSTRAP, *STACKS)}
        return {name: changed_at(self._aws.cloudformation(stack), name) for stack, name in names.items()}

    def _connect(self) -> RehearsedSnowflake:
        return RehearsedSnowflake(self._snowflake, self._embedded(), self._aws.iam, self._make_pipe, self._drop_pipe)

    def _embedded(self) -> ConnectorSession:
        return ConnectorSession(connect(self._processes.warehouse_url))

    def _make_pipe(self) -> str:
        """What Snowflake makes of a pipe: a queue that S3 may send to, and somebody who reads it."""
        url = self._sqs.create_queue(QueueName=QUEUE)["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "s3.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self._sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        connection = connect(self._processes.warehouse_url)
        History(connection).set_up()
        connection.close()
        known = self._deployment.known
        self._processes.start_snowpipe(url, known["LandingBucketName"], known["LandingPrefix"])
        return arn

    def _drop_pipe(self) -> None:
        self._processes.stop("snowpipe")
        self._sqs.delete_queue(QueueUrl=self._sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"])


class _MadeUpImage:
    """Puts an image into the repository that is nothing but its manifest."""

    def __init__(self, aws: Clients) -> None:
        self._aws = aws

    def publish(self, repository_uri: str, say: Callable[[str], None]) -> str:
        """Its URI, in the form that ECR gives and the engine does not."""
        say("    (rehearsal: the image is made up, the function runs in the Lambda host)")
        repository = repository_uri.rpartition("/")[2]
        manifest = '{"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json"}'
        if not self._aws.ecr.list_images(repositoryName=repository)["imageIds"]:
            self._aws.ecr.put_image(repositoryName=repository, imageManifest=manifest, imageTag="rehearsal")
        digest = hashlib.sha256(manifest.encode()).hexdigest()
        account = self._aws.account()
        return f"{account.id}.dkr.ecr.{account.region}.amazonaws.com/{repository}@sha256:{digest}"


class _ThroughTheEngine:
    """Posts to the engine what is meant for the HTTP API's own host name."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self._http = UrllibHttp()

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """Status and body."""
        _, _, rest = url.partition("://")
        host, _, path = rest.partition("/")
        base = self._processes.engine.api_url(host.partition(".")[0])
        return self._http.post(f"{base}/{path}", headers, body)
