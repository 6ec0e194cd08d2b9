"""Rules of the shipped SQL that a syntax check does not know. Pure: from texts to findings.

They know the names that local_pipeline.shipped_sql.DEFAULT_VARIABLES gives: database SLUICE, account objects SLUICE_….
"""

import re
from collections.abc import Iterator, Mapping

import sqlglot
from sqlglot import exp

from local_pipeline.copy_statement import METADATA_COLUMNS
from local_pipeline.shipped_sql import DEFAULT_VARIABLES
from ops.snowflake_sql import render, split_statements

SYSTEM_ROLES = {"USERADMIN", "SYSADMIN", "ACCOUNTADMIN"}
# https://docs.snowflake.com/en/sql-reference/sql/create-pipe, copy_statement: wrong by hours in a pipe
TIMES = r"\b(CURRENT_(DATE|TIME|TIMESTAMP)|GETDATE|LOCALTIME|LOCALTIMESTAMP|SYSDATE|SYSTIMESTAMP)\b"
# …, usage notes, and https://docs.snowflake.com/en/user-guide/data-load-transform
NOT_IN_A_PIPE = r"\b(PURGE|FORCE|FILES|SIZE_LIMIT|VALIDATION_MODE|RETURN_FAILED_ONLY|WHERE|LIMIT|GROUP|ORDER|JOIN)\b"
NAMED = re.compile(r"\bSLUICE\.(?!INFORMATION_SCHEMA\b)\w+(?:\.\w+)?|\bSLUICE_\w+")
CREATED = re.compile(
    r"CREATE (?:OR REPLACE )?(?:DYNAMIC |STORAGE |NOTIFICATION )?"
    r"(?:ROLE|WAREHOUSE|DATABASE|SCHEMA|FILE FORMAT|INTEGRATION|STAGE|TABLE|VIEW|PIPE|ALERT) "
    r"(?:IF NOT EXISTS )?([\w.]+)"
)


def findings(texts: Mapping[str, str]) -> list[str]:
    """What is wrong with the setup files, given by name in their order; [] if nothing is."""
    found = [f"{name}: & is another template language to snow" for name, text in texts.items() if "&" in text]
    statements = [(name, _plain(each)) for name, text in texts.items() for each in _statements(text)]
    for name, statement in statements:
        found += [f"{name}: {finding}" for finding in (*_creates(statement), *_grants(statement))]
    found += _names(statements)
    return [*found, *_pipe(statements)]


def _statements(text: str) -> Iterator[str]:
    return split_statements(render(text, DEFAULT_VARIABLES))


def _plain(statement: str) -> str:
    """Without comments, blanks made one, words as they are."""
    return " ".join(re.sub(r"--[^\n]*", " ", statement).split())


def _creates(statement: str) -> Iterator[str]:
    if re.match(r"(DROP|TRUNCATE|DELETE|UPDATE|MERGE)\b", statement):
        yield f"destroys: {statement[:60]}"
    if statement.startswith("CREATE ") and not statement.startswith("CREATE OR REPLACE VIEW "):
        if " IF NOT EXISTS " not in statement or " OR REPLACE " in statement:
            yield f"cannot be run again: {statement[:60]}"
    elif statement.startswith("CREATE ") and " COPY GRANTS " not in statement:
        yield f"takes the grants away: {statement[:60]}"


def _grants(statement: str) -> Iterator[str]:
    inner = re.fullmatch(r"EXECUTE IMMEDIATE '(.*)'", statement)
    grant = inner[1] if inner else statement
    if inner and not grant.startswith("GRANT "):
        yield f"hides a statement: {statement[:60]}"
    if grant.startswith("GRANT ") and re.search(r"\bALL\b|\bPUBLIC\b|WITH GRANT OPTION|TO ROLE ACCOUNTADMIN", grant):
        yield f"grants too much: {grant}"


def _names(statements: list[tuple[str, str]]) -> Iterator[str]:
    created = {"SLUICE", *SYSTEM_ROLES}
    for name, statement in statements:
        if made := CREATED.match(statement):
            created.add(made[1])
        used = set(NAMED.findall(statement))
        used |= set(re.findall(r"(?:USE|TO) ROLE (\w+)", statement))
        yield from (f"{name}: {each} is not created before" for each in sorted(used - created))


def _pipe(statements: list[tuple[str, str]]) -> Iterator[str]:
    pipes = [statement for _, statement in statements if statement.startswith("CREATE PIPE")]
    tables = [statement for _, statement in statements if statement.startswith("CREATE TABLE")]
    if len(pipes) != 1 or len(tables) != 1:
        yield f"{len(pipes)} pipes and {len(tables)} tables"
        return
    head, _, copy = pipes[0].partition(" AS COPY INTO ")
    if "AUTO_INGEST = TRUE" not in head:
        yield "the pipe waits for calls"
    if "ERROR_INTEGRATION = " not in head or " ON_ERROR = SKIP_FILE" not in copy:
        yield "the pipe does not tell of a skipped file: ERROR_INTEGRATION and ON_ERROR = SKIP_FILE belong together"
    yield from (f"a pipe takes no {word[0]}" for word in re.finditer(NOT_IN_A_PIPE, copy))
    yield from (f"{word[0]} is wrong by hours in a pipe" for word in re.finditer(TIMES, copy))
    unknown = set(re.findall(r"METADATA\$\w+", copy)) - set(METADATA_COLUMNS)
    yield from (f"{name} is no metadata column" for name in sorted(unknown))
    yield from _columns(tables[0], copy)


def _columns(table: str, copy: str) -> Iterator[str]:
    columns = [column.name for column in sqlglot.parse_one(table, read="snowflake").find_all(exp.ColumnDef)]
    filled = [name.strip() for name in copy[copy.index("(") + 1 : copy.index(")")].split(",")]
    inner = copy[copy.index("SELECT ") :]
    selected = sqlglot.parse_one(inner[: inner.index(" FROM @")], read="snowflake").expressions
    if filled != columns:
        yield f"the COPY fills {filled}, the table has {columns}"
    if len(selected) != len(filled):
        yield f"the COPY selects {len(selected)} expressions for {len(filled)} columns"
