"""The bootstrap stack: an administrator's, so that whoever may not change it is not asked to where nothing changed."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from ops.deploy.actions import deploy_one, existing_outputs, find_stack
from ops.deploy.errors import DeployError
from ops.deploy.surroundings import Deployment
from ops.deploy.templates import read_template
from ops.stacks import BOOTSTRAP, StackError, stack_name

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

DENIED = {"AccessDenied", "AccessDeniedException"}


def deploy_bootstrap(deployment: Deployment) -> str:
    """Deploy it, unless it is as its template and the parameters say.

    Raises:
        DeployError: it is to be made or changed, and these credentials may not.
    """
    cloudformation, name = deployment.aws.cloudformation(BOOTSTRAP), stack_name(deployment.stage, BOOTSTRAP)
    if _is_as_it_should_be(deployment, cloudformation, name):
        deployment.known |= existing_outputs(cloudformation, name)
        return "no change"
    try:
        return deploy_one(deployment, BOOTSTRAP)
    except (ClientError, StackError) as error:
        cause = error if isinstance(error, ClientError) else error.__cause__
        if isinstance(cause, ClientError) and cause.response["Error"].get("Code") in DENIED:
            raise DeployError(
                f"stack {name} is to be made or changed, and that takes an administrator's credentials: {error}"
            ) from error
        raise


def _is_as_it_should_be(deployment: Deployment, cloudformation: "CloudFormationClient", name: str) -> bool:
    """What UpdateStack would find too, with rights to read only."""
    stack = find_stack(cloudformation, name)
    if stack is None or stack["StackStatus"] not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
        return False
    path = deployment.templates / f"{BOOTSTRAP}.yaml"
    declared = read_template(path).parameters
    given = {**deployment.known, **deployment.parameters, "Stage": deployment.stage}
    wanted = {key: given.get(key, default) for key, default in declared.items() if key in given or default}
    current = {each["ParameterKey"]: each["ParameterValue"] for each in stack.get("Parameters", [])}
    if any(current.get(key) != value for key, value in wanted.items()):
        return False
    body = cloudformation.get_template(StackName=name, TemplateStage="Original")["TemplateBody"]
    return _as_told(str(body)) == _as_told(path.read_text(encoding="utf-8"))


def _as_told(template: str) -> str:
    """CloudFormation tells a template with ? for each character beyond ASCII.

    https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/814
    """
    return template.encode("ascii", "replace").decode().strip()
