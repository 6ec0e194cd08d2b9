"""What the steps do that look at the pipe: compared, hooked up to the bucket, refreshed once."""

from ops.deploy.actions import find_stack, variables_of
from ops.deploy.errors import DeployError, SnowflakeError
from ops.deploy.names import PIPE, RAW_SCHEMA
from ops.deploy.surroundings import Deployment
from ops.deploy.terminal import stage_command
from ops.snowflake_pipe import pipe_differs
from ops.snowflake_pipe_seen import HOOK_UP_MARK, SHOW_PIPE, ShownPipe
from ops.snowflake_pipe_text import PipeText
from ops.snowflake_sql import pipe_statement
from ops.stacks import stack_name

QUEUE_PARAMETER = "SnowpipeQueueArn"


def compare_pipe(deployment: Deployment) -> str:
    """Say how the pipe differs from its file; the deployment goes on all the same."""
    differences = pipe_differs(shown_pipe(deployment), pipe_statement(deployment.sql, variables_of(deployment)))
    if not differences:
        return "the pipe is as its file says"
    deployment.say("    The pipe differs from its file, whose change is not in effect:")
    for difference in differences:
        deployment.say(f"      {difference}")
    deployment.say(f"    To roll it out: {_roll_out_command(deployment)}")
    return f"{len(differences)} differences"


def read_queue(deployment: Deployment) -> str:
    """Learn the ARN of the queue that Snowflake listens to for the pipe.

    If the bucket's notification does not go there yet, the pipe's COMMENT notes that it is to be refreshed: the step
    `refresh` must know it in whichever run it comes to it.

    Raises:
        SnowflakeError: the pipe has no queue.
        DeployError: the notification is to change while a roll-out is not finished, whose note is in that COMMENT.
    """
    shown = shown_pipe(deployment)
    if not shown.channel:
        raise SnowflakeError(f"the pipe {shown.name} has no notification_channel: it was made without AUTO_INGEST")
    if shown.channel != _hooked_up_to(deployment):
        if shown.unfinished_since is not None:
            raise DeployError(
                "the bucket's notification is to change, and a roll-out of the pipe is not finished: finish that "
                f"first, with {_roll_out_command(deployment)}"
            )
        _set_comment(deployment, HOOK_UP_MARK)
    deployment.known[QUEUE_PARAMETER] = shown.channel
    return shown.channel


def refresh_pipe(deployment: Deployment) -> str:
    """Have the pipe look for files once after it was hooked up; those in its load history are not loaded again.

    Not otherwise: a replaced pipe has no history of what the one before loaded, and a roll-out refreshes by itself.
    """
    shown = shown_pipe(deployment)
    if shown.unfinished_since is not None:
        return "left out: a roll-out is not finished, and refreshes by itself"
    if not shown.awaits_refresh:
        return "not needed: the notification was hooked up before"
    deployment.snowflake.execute(f"ALTER PIPE {_file(deployment).name} REFRESH")
    _set_comment(deployment, _file(deployment).option("COMMENT"))
    return "asked for"


def shown_pipe(deployment: Deployment) -> ShownPipe:
    """The pipe as it is in the account; the session has the loader role afterwards.

    Raises:
        SnowflakeError: there is none.
    """
    variables = variables_of(deployment)
    deployment.snowflake.execute(f"USE ROLE {variables['loader_role']}")
    pipes = deployment.snowflake.execute(SHOW_PIPE.format(**variables))
    if len(pipes) != 1:
        raise SnowflakeError(f"there is no pipe {PIPE} in {variables['database']}.{RAW_SCHEMA}")
    return ShownPipe.from_row(pipes[0])


def _hooked_up_to(deployment: Deployment) -> str:
    """The queue that the landing bucket tells of its files; empty if none."""
    stack = find_stack(deployment.aws.cloudformation("storage"), stack_name(deployment.stage, "storage"))
    given = stack.get("Parameters", []) if stack else []
    return next((each["ParameterValue"] for each in given if each["ParameterKey"] == QUEUE_PARAMETER), "")


def _roll_out_command(deployment: Deployment) -> str:
    return stage_command("pipe", deployment.stage, deployment.overrides, "roll-out")


def _set_comment(deployment: Deployment, comment: str) -> None:
    deployment.snowflake.execute(f"ALTER PIPE {_file(deployment).name} SET COMMENT = '{comment}'")


def _file(deployment: Deployment) -> PipeText:
    return PipeText(pipe_statement(deployment.sql, variables_of(deployment)))
