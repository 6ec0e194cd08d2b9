"""Deploys the CloudFormation templates, each wired to the outputs of those before it.

Create or update, wait, outputs. The client is passed in: the same code deploys to AWS and into the embedded engine.

Wiring: a parameter has the value of the same name in what the caller gives, else in the outputs of the stacks before.
What is in neither takes the template's default; where that is empty or missing, it keeps the value the stack has: an
update that does not mention Snowpipe's queue must not unhook it.

The bootstrap stack is an administrator's and comes first; its output CloudFormationRoleArn is the role for the others.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import (
        CreateStackInputTypeDef,
        ParameterTypeDef,
        StackEventTypeDef,
        StackTypeDef,
        UpdateStackInputTypeDef,
    )

TEMPLATES = Path(__file__).resolve().parent.parent / "infra" / "cloudformation"
BOOTSTRAP = "bootstrap"
STACKS = ("storage", "delivery", "snowflake-access", "gateway", "drain", "monitoring")
FIRST_POLL_SECONDS = 0.05
LONGEST_POLL_SECONDS = 5.0


class StackError(Exception):
    """A stack could not be deployed; the message is one line with the failing resource's own reason."""


def stack_name(stage: str, stack: str) -> str:
    """`sluice-<stage>-<stack>`."""
    return f"sluice-{stage}-{stack}"


def deploy(  # noqa: PLR0913
    cloudformation: "CloudFormationClient",
    stage: str,
    parameters: Mapping[str, str],
    stacks: Sequence[str] = STACKS,
    *,
    templates: Path = TEMPLATES,
    timeout: float = 1800,
    role_arn: str | None = None,
) -> dict[str, str]:
    """Deploy `stacks` in their order.

    Args:
        parameters: values by parameter name, for every template that has a parameter of that name.
        timeout: seconds for each stack.
        role_arn: the role that CloudFormation takes; without one it acts as the caller.

    Returns:
        The outputs of all of them.

    Raises:
        StackError: a template is broken, a parameter is in no template, or a stack failed and was rolled back.
    """
    given = dict(parameters) | {"Stage": stage}
    bodies = {stack: _read(templates / f"{stack}.yaml") for stack in stacks}
    declared = {stack: _declared(cloudformation, stack, body) for stack, body in bodies.items()}
    if unknown := sorted(set(given) - set().union(*declared.values())):
        raise StackError(f"No template has the parameter {', '.join(unknown)}.")
    outputs: dict[str, str] = {}
    for stack in stacks:
        values = {name: value for name, value in (outputs | given).items() if name in declared[stack]}
        name = stack_name(stage, stack)
        outputs |= deploy_stack(
            cloudformation, name, bodies[stack], declared[stack], values, timeout=timeout, role_arn=role_arn
        )
    return outputs


def deploy_stack(  # noqa: PLR0913
    cloudformation: "CloudFormationClient",
    name: str,
    body: str,
    declared: Mapping[str, str],
    values: Mapping[str, str],
    *,
    timeout: float,
    role_arn: str | None = None,
) -> dict[str, str]:
    """Create or update one stack and wait; its outputs. "No updates" is success.

    Args:
        body: the template's text.
        declared: default value by parameter name, empty if there is none.
        values: what to set.
        role_arn: as for `deploy`.

    Raises:
        StackError: as for `deploy`.
    """
    deadline = time.monotonic() + timeout
    stack = _find(cloudformation, name)
    if stack is not None and stack["StackStatus"] == "ROLLBACK_COMPLETE":
        # A first deploy that failed leaves an empty stack which can only be deleted.
        cloudformation.delete_stack(StackName=name)
        stack = _settled(cloudformation, name, deadline)
    elif stack is not None and stack["StackStatus"].endswith("_IN_PROGRESS"):
        raise StackError(f"Stack {name} is busy ({stack['StackStatus']}); try again when it is done.")
    if stack is None or stack["StackStatus"] == "DELETE_COMPLETE":
        request = _request(name, body, _arguments(values, ()), role_arn)
        settled = _create(cloudformation, request, deadline)
    else:
        kept = {parameter["ParameterKey"] for parameter in stack.get("Parameters", [])}
        keep = sorted(key for key, default in declared.items() if not default and key not in values and key in kept)
        settled = _update(cloudformation, _request(name, body, _arguments(values, keep), role_arn), deadline)
    return {output["OutputKey"]: output["OutputValue"] for output in settled.get("Outputs", [])}


def delete_stack(cloudformation: "CloudFormationClient", name: str, timeout: float = 1800) -> None:
    """Delete one stack and wait; one that is not there is success. What it retains stays.

    Raises:
        StackError: a resource could not be deleted, or it took longer than `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    stack = _find(cloudformation, name)
    if stack is None:
        return
    # By its id, for a stack that is gone is found by nothing else.
    stack_id = stack["StackId"]
    events = _events(cloudformation, stack_id)
    try:
        cloudformation.delete_stack(StackName=stack_id)
    except ClientError as error:
        raise StackError(f"Stack {name}: {_message(error)}") from error
    settled = _settled(cloudformation, stack_id, deadline)
    if settled is not None and settled["StackStatus"] != "DELETE_COMPLETE":
        since = events[0]["EventId"] if events else None
        why = _reason(_events(cloudformation, stack_id), since)
        raise StackError(f"Stack {name} was not deleted ({settled['StackStatus']}): {why}")


def _request(
    name: str, body: str, arguments: "Sequence[ParameterTypeDef]", role_arn: str | None
) -> "UpdateStackInputTypeDef":
    """What CreateStack and UpdateStack have in common."""
    request: UpdateStackInputTypeDef = {
        "StackName": name,
        "TemplateBody": body,
        "Parameters": arguments,
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
    }
    return request if role_arn is None else {**request, "RoleARN": role_arn}


def _create(
    cloudformation: "CloudFormationClient", request: "UpdateStackInputTypeDef", deadline: float
) -> "StackTypeDef":
    name = request["StackName"]
    try:
        cloudformation.create_stack(**cast("CreateStackInputTypeDef", {**request, "OnFailure": "ROLLBACK"}))
    except ClientError as error:
        raise StackError(f"Stack {name}: {_message(error)}") from error
    return _succeeded(cloudformation, name, deadline, "CREATE_COMPLETE", since=None)


def _update(
    cloudformation: "CloudFormationClient", request: "UpdateStackInputTypeDef", deadline: float
) -> "StackTypeDef":
    name = request["StackName"]
    events = _events(cloudformation, name)
    since = events[0]["EventId"] if events else None
    try:
        cloudformation.update_stack(**request)
    except ClientError as error:
        if "No updates are to be performed" not in _message(error):
            raise StackError(f"Stack {name}: {_message(error)}") from error
        unchanged = _find(cloudformation, name)
        assert unchanged is not None  # noqa: S101 - it was there a moment ago
        return unchanged
    return _succeeded(cloudformation, name, deadline, "UPDATE_COMPLETE", since)


def _succeeded(
    cloudformation: "CloudFormationClient", name: str, deadline: float, wanted: str, since: str | None
) -> "StackTypeDef":
    stack = _settled(cloudformation, name, deadline)
    if stack is not None and stack["StackStatus"] == wanted:
        return stack
    status = stack["StackStatus"] if stack else "gone"
    raise StackError(f"Stack {name} failed ({status}): {_reason(_events(cloudformation, name), since)}")


def _settled(cloudformation: "CloudFormationClient", name: str, deadline: float) -> "StackTypeDef | None":
    pause = FIRST_POLL_SECONDS
    while True:
        stack = _find(cloudformation, name)
        # UPDATE_COMPLETE_CLEANUP_IN_PROGRESS has the new resources already, but takes no further update.
        if stack is None or not stack["StackStatus"].endswith("_IN_PROGRESS"):
            return stack
        if time.monotonic() > deadline:
            raise StackError(f"Stack {name} is still {stack['StackStatus']}; it goes on without being waited for.")
        time.sleep(pause)
        pause = min(pause * 1.5, LONGEST_POLL_SECONDS)


def _find(cloudformation: "CloudFormationClient", name: str) -> "StackTypeDef | None":
    try:
        return cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in _message(error):
            return None
        raise StackError(f"Stack {name}: {_message(error)}") from error


def _events(cloudformation: "CloudFormationClient", name: str) -> "list[StackEventTypeDef]":
    """The newest first, as CloudFormation lists them."""
    return cloudformation.describe_stack_events(StackName=name)["StackEvents"]


def _reason(events: "Iterable[StackEventTypeDef]", since: str | None) -> str:
    """The first resource that failed and why; those cancelled because of it say nothing."""
    first = "no resource says why"
    for event in events:
        if event["EventId"] == since:
            break
        why = event.get("ResourceStatusReason", "")
        if event.get("ResourceStatus", "").endswith("_FAILED") and "cancelled" not in why.lower():
            first = f"{event.get('LogicalResourceId')} ({event.get('ResourceType')}): {why}"
    return first


def _declared(cloudformation: "CloudFormationClient", stack: str, body: str) -> dict[str, str]:
    try:
        summary = cloudformation.get_template_summary(TemplateBody=body)
    except ClientError as error:
        raise StackError(f"Template {stack}.yaml: {_message(error)}") from error
    return {item["ParameterKey"]: item.get("DefaultValue", "") for item in summary.get("Parameters", [])}


def _arguments(values: Mapping[str, str], keep: Iterable[str]) -> "list[ParameterTypeDef]":
    set_now: list[ParameterTypeDef] = [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()]
    return set_now + [{"ParameterKey": key, "UsePreviousValue": True} for key in keep]


def _read(template: Path) -> str:
    try:
        return template.read_text(encoding="utf-8")
    except OSError as error:
        raise StackError(f"Template {template}: {error.strerror}.") from error


def _message(error: ClientError) -> str:
    return " ".join(error.response.get("Error", {}).get("Message", str(error)).split())
