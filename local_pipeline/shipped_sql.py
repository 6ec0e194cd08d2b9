"""The Snowflake SQL as it is shipped: read, rendered and taken apart, for the stand-ins that run it."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import sqlglot
from sqlglot import TokenType
from sqlglot.errors import SqlglotError

SNOWFLAKE_DIRECTORY = Path(__file__).resolve().parents[1] / "snowflake"
PIPE_FILE = "10_pipe.sql"

DEFAULT_VARIABLES: Mapping[str, str] = MappingProxyType(
    {
        "database": "SLUICE",
        "warehouse": "SLUICE_WH",
        "owner_role": "SLUICE_OWNER",
        "loader_role": "SLUICE_LOADER",
        "reader_role": "SLUICE_READER",
        "integration": "SLUICE_S3",
        "snowflake_role_arn": "arn:aws:iam::000000000000:role/sluice-local",
        "landing_bucket": "sluice-local-landing",
        "landing_prefix": "records/",
    }
)
"""Values for one machine; the real ones are given to `snow sql -D`."""

_VARIABLE = re.compile(r"<%\s*(\w+)\s*%>")


class ShippedSqlError(Exception):
    """A shipped SQL file is not what the stand-ins can work with; the message names the file."""


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
