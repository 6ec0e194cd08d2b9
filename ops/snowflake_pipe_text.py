"""A CREATE PIPE taken apart into words, so that two can be compared and one be made of another. Pure."""

import re
from itertools import pairwise

import sqlglot
from sqlglot import TokenType

from ops.snowflake_sql import ShippedSqlError


class PipeText:
    """A CREATE PIPE taken apart."""

    REPLACES = "CREATE OR REPLACE PIPE"

    def __init__(self, statement: str) -> None:
        tokens = sqlglot.tokenize(statement, read="snowflake")
        starts = [
            number
            for number, (before, token) in enumerate(pairwise(tokens), start=1)
            if before.token_type is TokenType.ALIAS and token.token_type is TokenType.COPY
        ]
        named = re.match(r"CREATE\s+PIPE\s+IF\s+NOT\s+EXISTS\s+(\w+)\.(\w+)\.(\w+)\s", statement, re.IGNORECASE)
        if not starts or named is None:
            raise ShippedSqlError(
                "The file's statement is no CREATE PIPE IF NOT EXISTS database.schema.name … AS COPY."
            )
        database, schema, _ = named.groups()
        self.name = ".".join(named.groups())
        self.status = f"SELECT SYSTEM$PIPE_STATUS('{self.name}')"
        self.copy = words_of(statement[tokens[starts[0]].start :], database, schema)
        self._statement = statement
        self._options = {
            name.text.upper(): value
            for name, equals, value in zip(tokens, tokens[1:], tokens[2 : starts[0]], strict=False)
            if equals.token_type is TokenType.EQ
        }

    def option(self, name: str) -> str:
        """Its value as written, without quotes; empty if the statement does not set it."""
        return self._options[name].text if name in self._options else ""

    def with_comment(self, comment: str) -> str:
        """The statement with another comment."""
        if "COMMENT" not in self._options:
            raise ShippedSqlError("The file's pipe has no COMMENT, which is where unfinished work is noted.")
        old = self._options["COMMENT"]
        return f"{self._statement[: old.start]}'{comment}'{self._statement[old.end + 1 :]}"

    def as_replacement(self, comment: str) -> str:
        """The statement as CREATE OR REPLACE PIPE with another comment."""
        text = self.with_comment(comment)
        return re.sub(r"\ACREATE\s+PIPE\s+IF\s+NOT\s+EXISTS\b", self.REPLACES, text, flags=re.IGNORECASE)


def words_of(sql: str, database: str, schema: str) -> list[str]:
    """The words of a statement, alike for statements that Snowflake reads alike."""
    prefix = f"{database}.{schema}.".upper()
    words: list[str] = []
    for token in sqlglot.tokenize(sql, read="snowflake"):
        if token.token_type is not TokenType.SEMICOLON:
            words.append(_word(token, prefix))
            if words[-4:] == [database.upper(), ".", schema.upper(), "."]:
                del words[-4:]
    return words


def _word(token: sqlglot.Token, prefix: str) -> str:
    if token.token_type is TokenType.STRING:
        text = token.text[len(prefix) :] if token.text.upper().startswith(prefix) else token.text
        return f"'{text}'"
    return f'"{token.text}"' if token.token_type is TokenType.IDENTIFIER else token.text.upper()
