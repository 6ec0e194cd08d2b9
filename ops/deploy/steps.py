"""A step, the list as it is shown, and the run of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

from ops.deploy.errors import DeployError
from ops.deploy.surroundings import Deployment
from ops.parameters import ParametersError
from ops.snowflake_pipe_seen import RollOutError
from ops.snowflake_sql import ShippedSqlError
from ops.stacks import StackError

CAUSES = (DeployError, ParametersError, StackError, ShippedSqlError, RollOutError, BotoCoreError, ClientError, OSError)
"""What a step may fail by; anything else is a fault of ours and shows its traceback."""
SIGN_ON = (
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
EXPIRED = {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"}
"""Codes by which AWS refuses credentials, whatever is asked for."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do, which can be done again.

    Attributes:
        name: for `--from` and `--only`.
        does: one line.
        details: parameter values, SQL files.
        run: does it; what came of it in a few words.
        if_it_fails: what to do next.
        resume_at: the step to begin with then, itself if empty: what it takes from another step is not kept.
        in_snowflake: it asks Snowflake.
    """

    name: str
    does: str
    run: Callable[[Deployment], str]
    if_it_fails: str
    details: tuple[str, ...] = ()
    resume_at: str = ""
    in_snowflake: bool = False


def describe(steps: Sequence[Step], *, details: bool) -> list[str]:
    """The list for people."""
    width = max(len(step.name) for step in steps)
    lines = []
    for number, step in enumerate(steps, start=1):
        lines.append(f"{number:3}  {step.name:<{width}}  {step.does}")
        if details:
            lines += [f"{'':{width + 7}}{detail}" for detail in step.details]
    return lines


def chosen(steps: Sequence[Step], first: str | None, only: str | None) -> list[Step]:
    """The steps from `first` on, or `only` one; all when both are None.

    Raises:
        DeployError: there is no such step.
    """
    names = [step.name for step in steps]
    wanted = only or first
    if wanted is None:
        return list(steps)
    if wanted not in names:
        raise DeployError(f"there is no step {wanted}; the steps are {', '.join(names)}")
    start = names.index(wanted)
    return [steps[start]] if only else list(steps[start:])


def run_steps(
    steps: Sequence[Step],
    deployment: Deployment,
    again: str | None,
    after: Callable[[Step], None] = lambda _: None,
) -> bool:
    """Run them in their order, saying what happens; False when one failed, which ends it.

    Args:
        again: the command that would run them again, without `--from`; None if there is none that takes `--from`.
        after: called after each step that went well.
    """
    for number, step in enumerate(steps, start=1):
        where = f"[{number}/{len(steps)}] {step.name}"
        deployment.say(f"{where}: {step.does}")
        began = deployment.clock.monotonic()
        try:
            came_of_it = step.run(deployment)
        except CAUSES as error:
            deployment.say(f"{where} failed: {one_line(error)}")
            deployment.say(f"    What to do: {step.if_it_fails}")
            if again:
                deployment.say(f"    Then go on with: {again} --from {step.resume_at or step.name}")
            return False
        deployment.say(f"    {came_of_it} ({deployment.clock.monotonic() - began:.1f} s)")
        after(step)
    return True


def one_line(error: BaseException) -> str:
    """An error's message without its line breaks, and what to do where it does not say so itself."""
    message = " ".join(str(error).split()) or type(error).__name__
    code = error.response["Error"].get("Code") if isinstance(error, ClientError) else None
    if isinstance(error, SIGN_ON) or code in EXPIRED:
        return f"{message.removesuffix('.')}: set AWS_PROFILE or sign on with `aws sso login` (docs/deployment.md)"
    return message
