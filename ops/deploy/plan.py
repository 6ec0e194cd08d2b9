"""Which steps a deployment has: made from values, without asking anybody."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ops.deploy import actions, pipe_actions
from ops.deploy.bootstrap import deploy_bootstrap
from ops.deploy.errors import DeployError
from ops.deploy.names import Account, sql_variables
from ops.deploy.smoke import smoke_test
from ops.deploy.sql_files import SqlFiles, used_variables
from ops.deploy.steps import Step
from ops.deploy.templates import read_template
from ops.deploy.terminal import stage_command
from ops.deploy.values import check_parameters
from ops.snowflake_sql import SNOWFLAKE_DIRECTORY
from ops.stacks import BOOTSTRAP, STACKS, TEMPLATES, stack_name

SMOKE_TEST = "smoke-test"
PRODUCED = {
    "ImageUri": "the image's URI by digest",
    "SnowflakeUserArn": "from DESC of the storage integration",
    "SnowflakeExternalId": "from DESC of the storage integration",
    "SnowflakeErrorsUserArn": "from DESC of the error integration",
    "SnowflakeErrorsExternalId": "from DESC of the error integration",
    "SnowpipeQueueArn": "from SHOW PIPES; kept as it is until then",
}


@dataclass(frozen=True, slots=True)
class Options:
    """What decides which steps there are.

    Attributes:
        parameters: of the stage's file.
        image: URI by digest of an image that is there already: then neither the repository nor an image is made.
        skip_snowflake: AWS only.
        overrides: values of `<% variables %>` instead of the stage's own.
    """

    stage: str
    account: Account
    parameters: Mapping[str, str]
    image: str | None = None
    skip_snowflake: bool = False
    overrides: Mapping[str, str] = field(default_factory=dict)
    templates: Path = TEMPLATES
    sql: Path = SNOWFLAKE_DIRECTORY

    @property
    def architecture(self) -> str:
        """What the image is built for: as the function will be configured."""
        default = read_template(self.templates / "gateway.yaml").parameters["Architecture"]
        return self.parameters.get("Architecture") or default or ""


def plan(options: Options) -> list[Step]:
    """The steps in their order.

    Raises:
        DeployError: a value that the user gives cannot be (ops.deploy.values), one that a template needs is not to be
            had, or a shipped file cannot be read.
    """
    stacks = _Stacks(options)
    steps = _image_steps(options, stacks)
    steps += [_storage_step(stacks), stacks.step("delivery")]
    if not options.skip_snowflake:
        steps += _snowflake_steps(options, stacks)
    of_the_image = "" if options.image else "image"
    steps += [replace(stacks.step(stack), resume_at=of_the_image) for stack in ("gateway", "drain")]
    monitoring = stacks.step("monitoring")
    steps.append(replace(monitoring, run=actions.deploy_monitoring) if options.skip_snowflake else monitoring)
    return [*steps, _smoke_step(options)]


def _storage_step(stacks: "_Stacks") -> Step:
    return replace(stacks.step("storage"), run=actions.deploy_storage)


def _image_steps(options: Options, stacks: "_Stacks") -> list[Step]:
    if options.image:
        return []
    publish = Step(
        "image",
        "build the gateway's image and push it, unless the repository has one of the same content",
        actions.publish_image,
        "see what the build said above; with an image that is there already, say --image URI@sha256:…",
        (f"repository sluice-{options.stage}, tag: hash of what goes into the image",),
    )
    return [replace(stacks.step(BOOTSTRAP), run=deploy_bootstrap), publish]


def _snowflake_steps(options: Options, stacks: "_Stacks") -> list[Step]:
    files = SqlFiles(options.sql)
    outputs = {"LandingBucketName": "<output LandingBucketName>", "LandingPrefix": "<output LandingPrefix>"}
    outputs["LandingPrefix"] = options.parameters.get("LandingPrefix", outputs["LandingPrefix"])
    variables = sql_variables(options.stage, options.account, outputs, options.overrides)
    steps = [
        Step(
            "snowflake-account",
            "run the SQL up to the integrations, which name AWS roles that need not exist yet",
            lambda deployment: actions.run_sql(deployment, files.account_part),
            "the user needs ACCOUNTADMIN, SYSADMIN and USERADMIN; docs/deployment.md says how to give them",
            _sql_details(files.account_part, variables),
        ),
        Step(
            "trust",
            "ask Snowflake who it is: DESC both integrations",
            actions.read_trust,
            "the integrations must exist: run from snowflake-account",
        ),
        replace(stacks.step("snowflake-access"), resume_at="trust"),
        Step(
            "assume-role",
            "wait until Snowflake can take the AWS role and list the landing bucket",
            actions.wait_for_trust,
            "compare the role's trust policy with DESC INTEGRATION; an integration that was replaced has a new "
            "external id: run from trust",
            (f"at most {actions.TRUST_SECONDS:.0f} s: IAM takes a while to know a new role everywhere",),
        ),
        Step(
            "snowflake-database",
            "run the rest of the SQL: stage, table, views, grants, pipe, monitoring",
            lambda deployment: actions.run_sql(deployment, files.database_part),
            "correct the statement that was refused, or the rights of the user",
            _sql_details(files.database_part, variables),
        ),
        Step(
            "pipe",
            "compare the pipe with its file; it was created once and is not replaced",
            pipe_actions.compare_pipe,
            "the pipe must exist (else run from snowflake-database), and its COMMENT be the file's or a note of ours",
        ),
        Step(
            "pipe-queue",
            "ask for the pipe's queue: SHOW PIPES, column notification_channel",
            pipe_actions.read_queue,
            "the pipe must exist and have AUTO_INGEST: run from snowflake-database",
        ),
        replace(
            _storage_step(stacks),
            name="notification",
            does="hook the landing bucket's notification to that queue: the storage stack once more",
            details=("SnowpipeQueueArn = <from SHOW PIPES>",),
            resume_at="pipe-queue",
        ),
        Step(
            "refresh",
            "if the notification is new, have the pipe load what landed before: ALTER PIPE … REFRESH (7 days back)",
            pipe_actions.refresh_pipe,
            f"the pipe must run: {_pipe_status(options)}",
        ),
    ]
    return [replace(step, in_snowflake=True) for step in steps]


def _pipe_status(options: Options) -> str:
    return stage_command("pipe", options.stage, options.overrides, "status")


def _sql_details(files: tuple[Path, ...], variables: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(path.name for path in files) + used_variables(files, variables)


def _smoke_step(options: Options) -> Step:
    wait = "" if options.skip_snowflake else ", wait for its row in RECORDS"
    return Step(
        SMOKE_TEST,
        f"post one record with a key of its own (source sluice-smoke, removed again){wait}",
        lambda deployment: smoke_test(deployment, row=not options.skip_snowflake),
        "see how far it came: no file in the landing bucket, look at Firehose (docs/operations.md, delivery-stale); "
        f"a file and no row, at the pipe: {_pipe_status(options)}",
        in_snowflake=not options.skip_snowflake,
    )


class _Stacks:
    """Steps that deploy a stack, with the value of each of its parameters and where it comes from."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._templates = {stack: read_template(options.templates / f"{stack}.yaml") for stack in (BOOTSTRAP, *STACKS)}
        learnt = {**PRODUCED, "ImageUri": "from the step image, or --image"}
        if options.skip_snowflake:
            del learnt["SnowpipeQueueArn"]  # nobody asks for it: whoever runs the SQL by hand gives it
        check_parameters(options.parameters, self._templates, learnt)

    def step(self, stack: str) -> Step:
        """The step that deploys `stack`."""
        title = stack_name(self._options.stage, stack)
        return Step(
            stack,
            f"deploy stack {title}",
            lambda deployment: actions.deploy_one(deployment, stack),
            f"see the stack's events: aws cloudformation describe-stack-events --stack-name {title}",
            tuple(f"{key} = {self._value(stack, key, default)}" for key, default in self._parameters(stack)),
        )

    def _parameters(self, stack: str) -> Sequence[tuple[str, str | None]]:
        return [(key, default) for key, default in self._templates[stack].parameters.items() if key != "Stage"]

    def _value(self, stack: str, key: str, default: str | None) -> str:
        if key in self._options.parameters:
            return self._options.parameters[key]
        if key == "ImageUri" and self._options.image:
            return self._options.image
        if source := next((each for each in self._before(stack) if key in self._templates[each].outputs), None):
            return f"<output of {source}>"
        if key in PRODUCED:
            return f"<{PRODUCED[key]}>"
        if default is None:
            raise DeployError(f"{stack}.yaml needs a value for {key}: set it in the parameter file")
        return f"{default} (default)" if default else "(empty, or as it is)"

    def _before(self, stack: str) -> Sequence[str]:
        order = (BOOTSTRAP, *STACKS)
        return order[: order.index(stack)]
