"""The shipped stage and file format: which objects a pipe would load, and how it would read them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import sqlglot
from sqlglot import TokenType

from local_pipeline.shipped_sql import ShippedSqlError, read_statements

STAGE_FILE = "07_stage.sql"
FILE_FORMAT_FILE = "04_file_format.sql"
_URL = re.compile(r"s3://(?P<bucket>[^/]+)/(?P<prefix>.*)")

# What local_pipeline/refusals.py judges by. Another value in the shipped file would make it the wrong judge.
JUDGED_BY = {
    "TYPE": "JSON",
    "ENABLE_OCTAL": "FALSE",
    "ALLOW_DUPLICATE": "FALSE",
    "STRIP_OUTER_ARRAY": "FALSE",
    "STRIP_NULL_VALUES": "FALSE",
    "IGNORE_UTF8_ERRORS": "FALSE",
}
COMPRESSIONS = ("AUTO", "GZIP", "NONE")


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the stage points and how its files are read.

    Attributes:
        prefix: what the keys of its objects start with.
        compression: AUTO, GZIP or NONE.
    """

    url: str
    bucket: str
    prefix: str
    compression: str

    def relative_path(self, bucket: str, key: str) -> str | None:
        """The path below the stage's URL; None for an object that is not in the stage."""
        return key.removeprefix(self.prefix) if bucket == self.bucket and key.startswith(self.prefix) else None


def read_stage(directory: Path, variables: Mapping[str, str]) -> Stage:
    """The shipped stage.

    Raises:
        ShippedSqlError: a file cannot be read, or says something that the stand-in does not do.
    """
    url = _options(directory / STAGE_FILE, "CREATE STAGE", variables).get("URL", "")
    match = _URL.fullmatch(url)
    if match is None:
        raise ShippedSqlError(f"{directory / STAGE_FILE}: the stage has no URL of the form s3://bucket/prefix")
    file_format = _options(directory / FILE_FORMAT_FILE, "CREATE FILE FORMAT", variables)
    compression = file_format.get("COMPRESSION", "AUTO")
    wrong = {name: value for name, value in JUDGED_BY.items() if file_format.get(name, "FALSE") != value}
    if wrong or compression not in COMPRESSIONS:
        names = ", ".join(wrong) or "COMPRESSION"
        raise ShippedSqlError(
            f"{directory / FILE_FORMAT_FILE}: the Snowpipe stand-in does not know this value of {names}"
        )
    return Stage(url, match["bucket"], match["prefix"], compression)


def _options(path: Path, kind: str, variables: Mapping[str, str]) -> dict[str, str]:
    """The options NAME = value of the only statement of this kind, names and keywords in upper case."""
    found = [text for text in read_statements(path, variables) if " ".join(text.split()).upper().startswith(kind)]
    if len(found) != 1:
        raise ShippedSqlError(f"{path}: {len(found)} {kind} statements, one expected")
    tokens = sqlglot.tokenize(found[0], read="snowflake")
    return {
        name.text.upper(): value.text if value.token_type is TokenType.STRING else value.text.upper()
        for name, equals, value in zip(tokens, tokens[1:], tokens[2:], strict=False)
        if equals.token_type is TokenType.EQ
    }
