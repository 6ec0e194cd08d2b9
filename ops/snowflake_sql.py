"""The Snowflake SQL as it is shipped: read, rendered and taken apart into statements. No I/O but reading the files.

`snow sql -f FILE -D name=value` renders the same text (tests/infra/test_snowflake_rendering.py).
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import sqlglot
from sqlglot import TokenType
from sqlglot.errors import SqlglotError

SNOWFLAKE_DIRECTORY = Path(__file__).resolve().parents[1] / "snowflake"
PIPE_FILE = "11_pipe.sql"
STORAGE_INTEGRATION_FILE = "05_storage_integration.sql"
ERROR_INTEGRATION_FILE = "06_error_integration.sql"
TEARDOWN_FILE = "99_teardown.sql"

ALERT_DEFAULTS: Mapping[str, str] = MappingProxyType(
    {"alert_minutes": "15", "alert_pending_minutes": "30", "alert_quiet_hours": "24"}
)
"""How often the alerts look, how long a file may wait, how long nothing may be loaded; snowflake/README.md."""

_VARIABLE = re.compile(r"<%\s*(\w+)\s*%>")
_CREATE_PIPE = re.compile(r"CREATE\s+PIPE\b", re.IGNORECASE)


class ShippedSqlError(Exception):
    """A shipped SQL file is not what is needed here; the message names the file."""


def render(text: str, variables: Mapping[str, str]) -> str:
    """Put the values in the place of `<% name %>`, as `snow sql -D name=value` does.

    Raises:
        ShippedSqlError: a variable has no value.
    """

    def value(match: re.Match[str]) -> str:
        if match[1] not in variables:
            raise ShippedSqlError(f"no value for the variable <% {match[1]} %>")
        return variables[match[1]]

    return _VARIABLE.sub(value, text)


def variables_of(text: str) -> set[str]:
    """The names that `text` needs values for."""
    return set(_VARIABLE.findall(text))


def setup_files(directory: Path = SNOWFLAKE_DIRECTORY) -> list[Path]:
    """The numbered files in order, the teardown left out."""
    return sorted(path for path in directory.glob("[0-9][0-9]_*.sql") if "teardown" not in path.name)


def read_statements(path: Path, variables: Mapping[str, str]) -> list[str]:
    """The rendered statements of one file.

    Raises:
        ShippedSqlError: the file cannot be read or taken apart, or a variable has no value.
    """
    try:
        return list(split_statements(render(path.read_text(encoding="utf-8"), variables)))
    except OSError as error:
        raise ShippedSqlError(f"{path}: {error.strerror}") from error
    except (ShippedSqlError, SqlglotError, UnicodeDecodeError) as error:
        raise ShippedSqlError(f"{path}: {str(error).splitlines()[0]}") from error


def split_statements(sql: str) -> Iterator[str]:
    """The statements of a script, without the semicolons and the comments between them."""
    start: int | None = None
    end = 0
    for token in sqlglot.tokenize(sql, read="snowflake"):
        if token.token_type is TokenType.SEMICOLON:
            if start is not None:
                yield sql[start : end + 1]
            start = None
            continue
        start = token.start if start is None else start
        end = token.end
    if start is not None:
        yield sql[start : end + 1]


def creates_pipe(statement: str) -> bool:
    """Whether it is a CREATE PIPE."""
    return _CREATE_PIPE.match(statement) is not None


def pipe_statement(directory: Path, variables: Mapping[str, str]) -> str:
    """The CREATE PIPE of the shipped file, rendered.

    Raises:
        ShippedSqlError: the file cannot be read, or does not hold exactly one.
    """
    path = directory / PIPE_FILE
    found = [text for text in read_statements(path, variables) if creates_pipe(text)]
    if len(found) != 1:
        raise ShippedSqlError(f"{path}: {len(found)} CREATE PIPE statements, one expected")
    return found[0]
