"""What the steps do. Each learns what it needs from `deployment.known` and puts there what later steps need."""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from ops.deploy.errors import DeployError, SnowflakeError
from ops.deploy.names import sql_variables
from ops.deploy.notification_tests import remove_test_events
from ops.deploy.surroundings import Deployment
from ops.deploy.templates import read_template
from ops.snowflake_pipe_seen import HOOK_UP_MARK
from ops.snowflake_pipe_text import PipeText
from ops.snowflake_sql import creates_pipe, read_statements
from ops.stacks import BOOTSTRAP, STACKS, deploy, stack_name

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackTypeDef

TRUST_SECONDS = 180.0
TRUST_PAUSE_SECONDS = 5.0


def look_up(deployment: Deployment) -> None:
    """Learn the outputs of the stacks that are there already, so that a run can begin anywhere."""
    for stack in (BOOTSTRAP, *STACKS):
        deployment.known |= existing_outputs(deployment.aws.cloudformation(stack), stack_name(deployment.stage, stack))


def existing_outputs(cloudformation: "CloudFormationClient", name: str) -> dict[str, str]:
    """The outputs of a stack; none if it does not exist."""
    stack = find_stack(cloudformation, name)
    outputs = stack.get("Outputs", []) if stack else []
    return {output["OutputKey"]: output["OutputValue"] for output in outputs}


def changed_at(cloudformation: "CloudFormationClient", name: str) -> datetime | None:
    """When a stack was last created or updated; None if it does not exist."""
    stack = find_stack(cloudformation, name)
    return stack.get("LastUpdatedTime", stack["CreationTime"]) if stack else None


def find_stack(cloudformation: "CloudFormationClient", name: str) -> "StackTypeDef | None":
    """The stack, in whatever state; None if it does not exist."""
    try:
        (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    return None if stack["StackStatus"] == "DELETE_COMPLETE" else stack


def deploy_one(deployment: Deployment, stack: str) -> str:
    """Deploy one stack with what is known by now; the user's values win over outputs."""
    cloudformation, name = deployment.aws.cloudformation(stack), stack_name(deployment.stage, stack)
    before = changed_at(cloudformation, name)
    declared = read_template(deployment.templates / f"{stack}.yaml").parameters
    values = {**deployment.known, **deployment.parameters}
    outputs = deploy(
        cloudformation,
        deployment.stage,
        {key: value for key, value in values.items() if key in declared},
        (stack,),
        templates=deployment.templates,
        role_arn=None if stack == BOOTSTRAP else deployment.known.get("CloudFormationRoleArn"),
    )
    deployment.known |= outputs
    if before is None:
        return "created"
    return "no change" if changed_at(cloudformation, name) == before else "updated"


def deploy_storage(deployment: Deployment) -> str:
    """Deploy what holds data, and take out of the dead letters what S3 puts there to try a changed notification."""
    came_of_it = deploy_one(deployment, "storage")
    if came_of_it != "no change":
        remove_test_events(deployment.aws.sqs, need(deployment, "DeliveryFailuresQueueName", "storage"))
    return came_of_it


def deploy_monitoring(deployment: Deployment) -> str:
    """Deploy the alarms, if there is what they watch of Snowflake's side."""
    if "PipeErrorsQueueName" not in deployment.known:
        return "left out: it watches queues of snowflake-access too, which needs Snowflake"
    return deploy_one(deployment, "monitoring")


def publish_image(deployment: Deployment) -> str:
    """Build and push the image."""
    if deployment.publisher is None:
        raise DeployError("no image can be built here; say --image URI@sha256:…")
    uri = deployment.publisher.publish(need(deployment, "RepositoryUri", BOOTSTRAP), deployment.say)
    deployment.known["ImageUri"] = uri
    return uri


def run_sql(deployment: Deployment, files: Sequence[Path]) -> str:
    """Run the statements of some files.

    A pipe that is made is to be refreshed, and its COMMENT says so from its first moment on.
    """
    variables = variables_of(deployment)
    count = 0
    for path in files:
        for statement in read_statements(path, variables):
            marked = PipeText(statement).with_comment(HOOK_UP_MARK) if creates_pipe(statement) else statement
            try:
                deployment.snowflake.execute(marked)
            except SnowflakeError as error:
                raise SnowflakeError(f"{path.name}: {error}") from error
            count += 1
    return f"{count} statements"


def read_trust(deployment: Deployment) -> str:
    """Learn from DESC INTEGRATION whom the AWS roles must trust."""
    variables = variables_of(deployment)
    wanted = (
        (variables["integration"], "STORAGE_AWS_IAM_USER_ARN", "SnowflakeUserArn"),
        (variables["integration"], "STORAGE_AWS_EXTERNAL_ID", "SnowflakeExternalId"),
        (variables["error_integration"], "SF_AWS_IAM_USER_ARN", "SnowflakeErrorsUserArn"),
        (variables["error_integration"], "SF_AWS_EXTERNAL_ID", "SnowflakeErrorsExternalId"),
    )
    deployment.snowflake.execute("USE ROLE ACCOUNTADMIN")
    described = {
        name: {
            row["property"]: row["property_value"] for row in deployment.snowflake.execute(f"DESC INTEGRATION {name}")
        }
        for name, _, _ in wanted
    }
    for integration, field, parameter in wanted:
        value = described[integration].get(field)
        if not value:
            raise SnowflakeError(f"DESC INTEGRATION {integration} has no {field}")
        deployment.known[parameter] = value
    return f"Snowflake comes as {deployment.known['SnowflakeUserArn']}"


def wait_for_trust(deployment: Deployment) -> str:
    """Wait until Snowflake can list the bucket: "IAM is eventually consistent".

    SYSTEM$VALIDATE_STORAGE_INTEGRATION answers JSON with a `status`; its action `list` needs no file
    (https://docs.snowflake.com/en/sql-reference/functions/system_validate_storage_integration).
    """
    variables = variables_of(deployment)
    location = f"s3://{variables['landing_bucket']}/{variables['landing_prefix']}"
    name = variables["integration"].upper()  # "names are case-sensitive" here, and unquoted ones are upper case
    question = f"SELECT SYSTEM$VALIDATE_STORAGE_INTEGRATION('{name}', '{location}', 'x', 'list')"
    deployment.snowflake.execute("USE ROLE ACCOUNTADMIN")
    last = "no answer"

    def look() -> bool | None:
        nonlocal last
        try:
            (row,) = deployment.snowflake.execute(f"{question} AS validated")
            answer = json.loads(row["validated"])
        except (SnowflakeError, ValueError) as error:
            last = str(error)
            return None
        last = str(answer.get("message") or answer)
        return True if answer.get("status") == "success" else None

    deployment.wait_for(
        look,
        TRUST_SECONDS,
        TRUST_PAUSE_SECONDS,
        lambda: f"Snowflake could not list {location} within {TRUST_SECONDS:.0f} s: {last}",
    )
    return f"Snowflake lists {location}"


def variables_of(deployment: Deployment) -> dict[str, str]:
    """The values of the SQL files' variables, from what is deployed."""
    need(deployment, "LandingBucketName", "storage")
    return sql_variables(deployment.stage, deployment.aws.account(), deployment.known, deployment.overrides)


def need(deployment: Deployment, output: str, stack: str) -> str:
    """An output that a step cannot do without.

    Raises:
        DeployError: it is not known; names the stack that has it.
    """
    if output not in deployment.known:
        raise DeployError(f"the output {output} is not known: the stack {stack} is not deployed")
    return deployment.known[output]
