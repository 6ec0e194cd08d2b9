"""The pipe of a stage: looked at, and rolled out."""

from datetime import timedelta
from typing import Any

from ops.deploy.actions import variables_of
from ops.deploy.pipe_actions import shown_pipe
from ops.deploy.surroundings import Confirm, Deployment
from ops.snowflake_pipe import NOW, pipe_differs, read_now, replaces_pipe, roll_out, run_steps, status_query
from ops.snowflake_pipe_seen import PipeStatus, RollOutError
from ops.snowflake_sql import pipe_statement

SHOWN_FAILURES = 10
POLL_SECONDS = 5.0
ONCE = "each record is once in RECORDS; it may be twice in RAW_RECORDS"


def pipe_status(deployment: Deployment) -> None:
    """Say how the pipe is, how it differs from its file, and which files it did not load."""
    statement = pipe_statement(deployment.sql, variables_of(deployment))
    shown = shown_pipe(deployment)
    status = PipeStatus.from_json(_ask(deployment, status_query(statement)))
    trouble = f" ({status.reason})" if status.reason else ""
    deployment.say(f"{shown.name}: {status.state or 'not to be seen'}{trouble}, {status.pending_files} files pending")
    if status.oldest_queued:
        deployment.say(f"  the oldest of them since {status.oldest_queued}")
    deployment.say(f"  {status.outstanding} messages outstanding, the last received: {status.last_message or 'none'}")
    differences = pipe_differs(shown, statement)
    for difference in differences:
        deployment.say(f"  differs from its file: {difference}")
    if not differences:
        deployment.say("  as its file says")
    if shown.awaits_refresh:
        deployment.say("  what landed before it was hooked up is not loaded yet: deploy the stage again")
    failed = _failures(deployment)
    deployment.say(
        f"Files that were not loaded, of the last 13 days and since the pipe was made ({shown.created or 'when?'}): "
        f"{_how_many(failed)}"
    )
    _say_failures(deployment, failed)


def pipe_roll_out(
    deployment: Deployment, confirm: Confirm, margin: timedelta | None = None, *, forget_failures: bool = False
) -> bool:
    """Make the pipe what its file says, if the user agrees; whether it is.

    Args:
        margin: as for `roll_out`.
        forget_failures: replace the pipe although files were skipped, whose record goes with it.

    Raises:
        RollOutError: not now; the message says why.
    """
    statement = pipe_statement(deployment.sql, variables_of(deployment))
    shown = shown_pipe(deployment)
    status = PipeStatus.from_json(_ask(deployment, status_query(statement)))
    steps = roll_out(statement, shown, status, read_now(_ask(deployment, NOW)), margin)
    if not steps:
        deployment.say("The pipe is as its file says.")
        return True
    for difference in pipe_differs(shown, statement):
        deployment.say(f"  {difference}")
    if replaces_pipe(steps):
        _check_failures(deployment, forget=forget_failures)
    deployment.say("To roll it out:")
    for step in steps:
        deployment.say(f"  {step.say}")
    if not confirm.agrees(f"Files that arrive meanwhile wait in the bucket; {ONCE}. Begin?"):
        deployment.say("Nothing was done.")
        return False
    run_steps(
        steps,
        lambda sql: _ask(deployment, sql),
        pause=lambda: deployment.clock.sleep(POLL_SECONDS),
        say=lambda text: deployment.say(f"  {text}"),
    )
    deployment.say(f"Rolled out: {ONCE}.")
    return True


def _check_failures(deployment: Deployment, *, forget: bool) -> None:
    failed = _failures(deployment)
    if not failed:
        return
    deployment.say(f"Files that were not loaded, which a replaced pipe has no record of: {_how_many(failed)}")
    _say_failures(deployment, failed)
    if not forget:
        raise RollOutError(
            "The record of the files above goes with the pipe. Reload them (sluice reload FILE), or note them down "
            "(SELECT * FROM …MONITORING.FAILED_LOADS; snowflake/README.md, the way back), then say --forget-failures."
        )


def _failures(deployment: Deployment) -> list[dict[str, Any]]:
    """The newest, and in each row how many there are; the session has the loader role again afterwards."""
    variables = variables_of(deployment)
    deployment.snowflake.execute(f"USE ROLE {variables['monitor_role']}")
    deployment.snowflake.execute(f"USE WAREHOUSE {variables['warehouse']}")
    columns = "file_name, first_error_message, first_error_line_number, failed_at, COUNT(*) OVER () AS of_all"
    view = f"{variables['database']}.MONITORING.FAILED_LOADS"
    failed = deployment.snowflake.execute(
        f"SELECT {columns} FROM {view} ORDER BY failed_at DESC LIMIT {SHOWN_FAILURES}"  # noqa: S608 - names of ours
    )
    deployment.snowflake.execute(f"USE ROLE {variables['loader_role']}")
    return failed


def _how_many(failed: list[dict[str, Any]]) -> str:
    if not failed:
        return "none"
    count = int(failed[0]["of_all"])
    return f"{count}, the newest {len(failed)}" if count > len(failed) else str(count)


def _say_failures(deployment: Deployment, failed: list[dict[str, Any]]) -> None:
    for row in failed:
        where = f"line {row['first_error_line_number']}: {row['first_error_message']}"
        deployment.say(f"  {row['failed_at']} {row['file_name']} {where}")


def _ask(deployment: Deployment, sql: str) -> str | None:
    """The first value of the first row as text."""
    rows = deployment.snowflake.execute(sql)
    value = next(iter(rows[0].values()), None) if rows else None
    return None if value is None else str(value)
