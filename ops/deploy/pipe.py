"""The pipe of a stage: looked at, and rolled out."""

from ops.deploy.actions import shown_pipe, variables_of
from ops.deploy.surroundings import Confirm, Deployment
from ops.snowflake_pipe import NOW, PipeStatus, pipe_differs, read_now, roll_out, run_steps, status_query
from ops.snowflake_sql import pipe_statement

SHOWN_FAILURES = 10
POLL_SECONDS = 5.0


def pipe_status(deployment: Deployment) -> None:
    """Say how the pipe is, how it differs from its file, and which files it did not load."""
    variables = variables_of(deployment)
    statement = pipe_statement(deployment.sql, variables)
    shown = shown_pipe(deployment)
    status = PipeStatus.from_json(_ask(deployment, status_query(statement)))
    trouble = f" ({status.reason})" if status.reason else ""
    deployment.say(f"{shown.name}: {status.state or 'not to be seen'}{trouble}, {status.pending_files} files pending")
    differences = pipe_differs(shown, statement)
    for difference in differences:
        deployment.say(f"  differs from its file: {difference}")
    if not differences:
        deployment.say("  as its file says")
    _say_failures(deployment, variables)


def pipe_roll_out(deployment: Deployment, confirm: Confirm) -> bool:
    """Make the pipe what its file says, if the user agrees; whether it is.

    Raises:
        RollOutError: not now; the message says why.
    """
    statement = pipe_statement(deployment.sql, variables_of(deployment))
    shown = shown_pipe(deployment)
    status = PipeStatus.from_json(_ask(deployment, status_query(statement)))
    steps = roll_out(statement, shown, status, read_now(_ask(deployment, NOW)))
    if not steps:
        deployment.say("The pipe is as its file says.")
        return True
    for difference in pipe_differs(shown, statement):
        deployment.say(f"  {difference}")
    deployment.say("To roll it out:")
    for step in steps:
        deployment.say(f"  {step.say}")
    if not confirm.agrees("Nothing is lost meanwhile: files wait in the bucket. Begin?"):
        deployment.say("Nothing was done.")
        return False
    run_steps(
        steps,
        lambda sql: _ask(deployment, sql),
        pause=lambda: deployment.clock.sleep(POLL_SECONDS),
        say=lambda text: deployment.say(f"  {text}"),
    )
    deployment.say("Rolled out. What was loaded on both sides of it is in the raw table twice and in RECORDS once.")
    return True


def _say_failures(deployment: Deployment, variables: dict[str, str]) -> None:
    deployment.snowflake.execute(f"USE ROLE {variables['monitor_role']}")
    deployment.snowflake.execute(f"USE WAREHOUSE {variables['warehouse']}")
    columns = "file_name, first_error_message, first_error_line_number, failed_at"
    view = f"{variables['database']}.MONITORING.FAILED_LOADS"
    failed = deployment.snowflake.execute(
        f"SELECT {columns} FROM {view} ORDER BY failed_at DESC LIMIT {SHOWN_FAILURES}"  # noqa: S608 - names of ours
    )
    deployment.say(f"Files that were not loaded, of the last 13 days: {'the newest' if failed else 'none'}")
    for row in failed:
        where = f"line {row['first_error_line_number']}: {row['first_error_message']}"
        deployment.say(f"  {row['failed_at']} {row['file_name']} {where}")


def _ask(deployment: Deployment, sql: str) -> str | None:
    """The first value of the first row as text."""
    rows = deployment.snowflake.execute(sql)
    value = next(iter(rows[0].values()), None) if rows else None
    return None if value is None else str(value)
