"""snowflake/verify/ holds the same table as the Snowpipe stand-in, and asks with the shipped pipe's own SELECT."""

import csv

import pytest
import sqlglot
from sqlglot import exp

from local_pipeline.refusals import RULES, refuse
from local_pipeline.shipped_sql import DEFAULT_VARIABLES, PIPE_FILE, SNOWFLAKE_DIRECTORY, read_statements

VERIFY = SNOWFLAKE_DIRECTORY / "verify"
with (VERIFY / "expectations.csv").open(newline="", encoding="utf-8") as table:
    EXPECTATIONS = list(csv.DictReader(table))


def test_there_is_a_case_for_every_expectation_and_none_besides() -> None:
    assert sorted(path.name for path in (VERIFY / "cases").iterdir()) == sorted(row["file"] for row in EXPECTATIONS)


@pytest.mark.parametrize("expectation", EXPECTATIONS, ids=lambda row: row["file"].removesuffix(".json"))
def test_the_stand_in_does_what_the_expectation_says(expectation: dict[str, str]) -> None:
    body = (VERIFY / "cases" / expectation["file"]).read_bytes()
    assert body.count(b"\n") == 1

    refusal = refuse(body.removesuffix(b"\n"))

    assert (refusal.rule if refusal else "") == expectation["rule"]
    assert expectation["stand_in"] == ("refused" if refusal else "accepted")


@pytest.mark.parametrize("expectation", EXPECTATIONS, ids=lambda row: row["file"].removesuffix(".json"))
def test_the_stand_in_is_never_laxer_than_the_documentation(expectation: dict[str, str]) -> None:
    assert expectation["documented"] in {"accepted", "refused", "unknown"}
    assert expectation["source"].startswith("https://")
    if expectation["documented"] == "refused":
        assert expectation["stand_in"] == "refused"


def test_every_rule_but_the_size_has_a_case() -> None:
    assert {row["rule"] for row in EXPECTATIONS if row["rule"]} == set(RULES) - {"document_too_large"}


def test_a_rule_that_is_documented_has_a_documented_case() -> None:
    documented = {row["rule"] for row in EXPECTATIONS if row["documented"] == "refused"}

    assert documented == {name for name, rule in RULES.items() if rule.documented} - {"document_too_large"}


def test_it_asks_with_the_select_of_the_shipped_pipe() -> None:
    pipe = read_statements(SNOWFLAKE_DIRECTORY / PIPE_FILE, DEFAULT_VARIABLES)[-1]
    verify = (VERIFY / "verify.sql").read_text()

    assert _selected(verify) == _selected(pipe)


def _selected(text: str) -> list[str]:
    inside = text[text.index("SELECT\n", text.index("METADATA$FILENAME") - 400) :]
    select = sqlglot.parse_one(inside[: inside.index("FROM @")], read="snowflake")
    assert isinstance(select, exp.Select)
    return [column.sql(dialect="snowflake") for column in select.expressions]
