"""Deploy the shipped stacks into the engine, and say where everything is: run once at every start, by the supervisor.

What Snowflake would have made is made here first: the queue of the pipe. delivery.yaml is not deployed: the
engine's own delivery stream writes one object per record and slows the stream down, so `local_pipeline.firehose`
reads that template itself.
"""

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from local_pipeline.deployed import STAGE, Deployed
from local_pipeline.engine import REGION, STACK_PARAMETERS, EngineError, wait_until_healthy
from local_pipeline.home import Home
from ops.stacks import StackError, deploy

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

STACKS = ("storage", "snowflake-access", "gateway")
QUEUE = f"sluice-{STAGE}-snowpipe"
# Stand-ins of what the real deployment gets from ECR and from Snowflake; nothing is fetched from them here.
GIVEN = {
    "ImageUri": f"000000000000.dkr.ecr.{REGION}.amazonaws.com/sluice@sha256:{'0' * 64}",
    "AuthMode": "none",
    "SnowflakeUserArn": "arn:aws:iam::000000000000:user/snowflake-local",
    "SnowflakeExternalId": "local",
    "SnowflakeErrorsUserArn": "arn:aws:iam::000000000000:user/snowflake-local",
    "SnowflakeErrorsExternalId": "local",
}


def provision(home: Home, templates: Path) -> Deployed:
    """Deploy into the engine that AWS_ENDPOINT_URL names.

    Raises:
        StackError: a template is broken or does not deploy.
    """
    sqs = boto3.client("sqs")
    queue_url, queue_arn = _snowpipe_queue(sqs)
    outputs = deploy(
        boto3.client("cloudformation"),
        STAGE,
        {**GIVEN, **STACK_PARAMETERS, "SnowpipeQueueArn": queue_arn},
        STACKS,
        templates=templates,
        timeout=60,
    )
    deployed = Deployed(
        stream_name=outputs["StreamName"],
        stream_arn=outputs["StreamArn"],
        landing_bucket=outputs["LandingBucketName"],
        landing_bucket_arn=outputs["LandingBucketArn"],
        landing_prefix=outputs["LandingPrefix"],
        error_bucket=outputs["ErrorBucketName"],
        api_id=outputs["ApiId"],
        function_name=outputs["FunctionName"],
        queue_url=queue_url,
        data_key_arn=outputs["DataKeyArn"],
    )
    home.deployed.write_text(json.dumps(asdict(deployed), indent=2) + "\n", encoding="utf-8")
    return deployed


def _snowpipe_queue(sqs: "SQSClient") -> tuple[str, str]:
    """URL and ARN of the queue that stands for the pipe's; S3 may send to it, as Snowflake lets it."""
    url = sqs.create_queue(QueueName=QUEUE)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    return url, arn


def main() -> int:
    """Exit status 1 with one line when it cannot be done. The argument is the directory of the templates."""
    try:
        wait_until_healthy(os.environ["AWS_ENDPOINT_URL"], is_running=lambda: True, seconds=30)
        provision(Home.from_environment(), Path(sys.argv[1]))
    except (EngineError, StackError, BotoCoreError, ClientError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyError as error:
        sys.stderr.write(f"The templates give no output {error}, which the local pipeline needs\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
