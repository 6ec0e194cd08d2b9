"""The shipped SQL in two parts: what the trust with AWS needs first, and the rest."""

from collections.abc import Mapping
from pathlib import Path

from ops.deploy.errors import DeployError
from ops.snowflake_sql import ERROR_INTEGRATION_FILE, STORAGE_INTEGRATION_FILE, setup_files, variables_of

LAST_OF_ACCOUNT_PART = max(STORAGE_INTEGRATION_FILE, ERROR_INTEGRATION_FILE)


class SqlFiles:
    """The numbered files of a directory.

    Attributes:
        account_part: up to both integrations.
        database_part: what uses them.
    """

    def __init__(self, directory: Path) -> None:
        files = setup_files(directory)
        self.account_part = tuple(path for path in files if path.name <= LAST_OF_ACCOUNT_PART)
        self.database_part = tuple(path for path in files if path.name > LAST_OF_ACCOUNT_PART)
        if not self.account_part or not self.database_part:
            raise DeployError(f"{directory} does not hold the numbered SQL files")


def used_variables(files: tuple[Path, ...], variables: Mapping[str, str]) -> tuple[str, ...]:
    """`name = value` for each variable that the files use.

    Raises:
        DeployError: one has no value.
    """
    used = sorted(set().union(*(variables_of(path.read_text(encoding="utf-8")) for path in files)))
    if missing := [name for name in used if name not in variables]:
        raise DeployError(f"no value for <% {missing[0]} %> of the SQL files: say --set {missing[0]}=VALUE")
    return tuple(f"{name} = {variables[name]}" for name in used)
