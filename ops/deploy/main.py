"""A real run of `sluice deploy` and `sluice destroy`: the arguments, AWS, Snowflake and the person at the terminal."""

import argparse
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import boto3

from ops.deploy import snowflake
from ops.deploy.actions import look_up
from ops.deploy.aws import Clients, UrllibHttp
from ops.deploy.destroy import Removal
from ops.deploy.errors import DeployError
from ops.deploy.image import BuilderPublisher
from ops.deploy.names import STAGE_PATTERN, Account
from ops.deploy.pipe import pipe_roll_out, pipe_status
from ops.deploy.plan import SMOKE_TEST, Options, plan
from ops.deploy.steps import CAUSES, Step, chosen, describe, one_line, run_steps
from ops.deploy.surroundings import Deployment
from ops.deploy.terminal import Answers, say, stage_command
from ops.deploy.values import check_overrides
from ops.parameters import read_parameters
from ops.snowflake_sql import SNOWFLAKE_DIRECTORY
from ops.stacks import TEMPLATES

BY_DIGEST = r"[0-9]{12}[.]dkr[.]ecr[.][a-z0-9-]+[.]amazonaws[.]com([.]cn)?/[a-z0-9._/-]+@sha256:[0-9a-f]{64}"
UNKNOWN_ACCOUNT = Account("<account>", "<region>")


def deploy(arguments: argparse.Namespace) -> int:
    """Plan, ask, run the steps; 1 when one fails or the user says no."""
    return _told(lambda: _deploy(arguments))


def destroy(arguments: argparse.Namespace) -> int:
    """Show, ask, remove; 1 when something fails, is left over or the user says no."""
    return _told(lambda: _destroy(arguments))


def pipe(arguments: argparse.Namespace) -> int:
    """Say how the pipe is, or roll its file out; 1 when it cannot be done or the user says no."""
    return _told(lambda: _pipe(arguments))


def parameters_of(stage: str, file: Path | None) -> Mapping[str, str]:
    """The values of the stage's parameter file, or of `file`.

    Raises:
        DeployError: there is no such file.
    """
    path = file or TEMPLATES / "parameters" / f"{stage}.yaml"
    if not path.exists():
        raise DeployError(f"there is no {path}: make one like dev.yaml, or say --parameters FILE")
    return read_parameters(path)


def checked_stage(stage: str) -> str:
    """`stage`, if it can be one.

    Raises:
        DeployError: it cannot.
    """
    if not re.fullmatch(STAGE_PATTERN, stage):
        raise DeployError(
            f"a stage is 1 to 12 lower-case letters, digits and hyphens, starting with a letter, not {stage!r}"
        )
    return stage


def again_with(arguments: argparse.Namespace) -> str:
    """The command line that runs a deployment again, without the choice of steps."""
    words = []
    for name in ("parameters", "image", "builder"):
        if value := getattr(arguments, name):
            words += [f"--{name}", str(value)]
    words += ["--rebuild"] if arguments.rebuild else []
    return _again("deploy", arguments, words)


def _again(name: str, arguments: argparse.Namespace, words: Sequence[str] = ()) -> str:
    skip = ["--skip-snowflake"] if arguments.skip_snowflake else []
    overrides = dict(arguments.overrides)
    return stage_command(name, arguments.stage, overrides, *words, *skip, connection=arguments.connection)


def _deploy(arguments: argparse.Namespace) -> int:
    options = _options(arguments)
    steps = chosen(plan(options), arguments.first, arguments.only)
    say(f"Deploying stage {options.stage}:")
    for line in describe(steps, details=arguments.plan):
        say(line)
    if options.skip_snowflake:
        say("Snowflake stays as it is. In a new stage records wait in the landing bucket, and there are no alarms.")
    if arguments.plan:
        return 0
    aws = _aws()
    say(f"In AWS account {aws.account().id}, region {aws.account().region}.")
    deployment = _deployment(arguments, aws, options.parameters)
    rebuilt_at = datetime.now(UTC) if arguments.rebuild else None
    deployment.publisher = BuilderPublisher(aws.ecr, options.architecture, arguments.builder, rebuilt_at=rebuilt_at)
    try:
        if any(step.in_snowflake for step in steps):
            deployment.log_in()
        if not Answers(yes=arguments.yes).agrees("Begin?"):
            say("Nothing was done.")
            return 1
        return 0 if _run(arguments, options, steps, deployment) else 1
    finally:
        deployment.close()


def _run(arguments: argparse.Namespace, options: Options, steps: Sequence[Step], deployment: Deployment) -> bool:
    look_up(deployment)
    if options.image:
        deployment.known["ImageUri"] = options.image
    if not run_steps(steps, deployment, again_with(arguments)):
        return False
    say(ending(options.stage, steps, deployment.known))
    return True


def ending(stage: str, steps: Sequence[Step], known: Mapping[str, str]) -> str:
    """What a run that went well ends with: the smoke test is what a stage is deployed by."""
    if steps[-1].name != SMOKE_TEST:
        return f"Done: {', '.join(step.name for step in steps)}."
    return f"Stage {stage} is deployed: POST {known['ApiEndpoint']}/records"


def _destroy(arguments: argparse.Namespace) -> int:
    checked_stage(arguments.stage)
    given = {"delete_data": arguments.delete_data, "delete_snowflake": arguments.delete_snowflake}
    typed = {subject: word for subject, word in given.items() if word is not None}
    if wrong := [subject for subject, word in typed.items() if word != arguments.stage]:
        raise DeployError(f"{_option(wrong[0])} takes the stage's name, {arguments.stage}; nothing was removed")
    aws = _aws()
    deployment = _deployment(arguments, aws, {})
    say(f"In AWS account {aws.account().id}, region {aws.account().region}:")
    answers = Answers(yes=arguments.yes, typed=typed)
    try:
        gone = Removal(deployment, aws, answers, with_snowflake=not arguments.skip_snowflake).run()
    except CAUSES as error:
        say(f"It stopped: {one_line(error)}")
        say(f"What is gone is gone. When that is mended, go on where it stopped with: {_again('destroy', arguments)}")
        return 1
    finally:
        deployment.close()
    for subject in answers.unanswered:
        say(f"Nobody was there to answer: to remove it too, say {_option(subject)} {arguments.stage}")
    return 0 if gone and not answers.unanswered else 1


def _option(subject: str) -> str:
    return f"--{subject.replace('_', '-')}"


def _pipe(arguments: argparse.Namespace) -> int:
    checked_stage(arguments.stage)
    deployment = _deployment(arguments, _aws(), {})
    look_up(deployment)
    try:
        if arguments.what == "status":
            pipe_status(deployment)
            return 0
        answers, forget = Answers(yes=arguments.yes), arguments.forget_failures
        return 0 if pipe_roll_out(deployment, answers, arguments.margin, forget_failures=forget) else 1
    finally:
        deployment.close()


def _aws() -> Clients:
    """As the AWS SDK finds them; it does not read AWS_REGION, which the other tools set."""
    return Clients(boto3.Session(region_name=os.environ.get("AWS_REGION")))


def _deployment(arguments: argparse.Namespace, aws: Clients, parameters: Mapping[str, str]) -> Deployment:
    return Deployment(
        stage=arguments.stage,
        parameters=parameters,
        aws=aws,
        connect=lambda: snowflake.connect(arguments.stage, arguments.connection),
        http=UrllibHttp(),
        say=say,
        overrides=_overrides(arguments),
    )


def _options(arguments: argparse.Namespace) -> Options:
    if arguments.image and not re.fullmatch(BY_DIGEST, arguments.image):
        raise DeployError("--image takes ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME@sha256:DIGEST, not a tag")
    return Options(
        stage=checked_stage(arguments.stage),
        account=UNKNOWN_ACCOUNT,
        parameters=parameters_of(arguments.stage, arguments.parameters),
        image=arguments.image,
        skip_snowflake=arguments.skip_snowflake,
        overrides=_overrides(arguments),
    )


def _overrides(arguments: argparse.Namespace) -> dict[str, str]:
    overrides = dict(arguments.overrides)
    check_overrides(overrides, SNOWFLAKE_DIRECTORY)
    return overrides


def _told(work: Callable[[], int]) -> int:
    try:
        return work()
    except BrokenPipeError:
        raise  # nobody reads what is printed: ops.cli ends quietly
    except CAUSES as error:
        sys.stderr.write(f"sluice: {one_line(error)}\n")
        return 1
