"""The queries of docs/operations.md, and the fields that CloudWatch Logs Insights finds in a line."""

import re
from collections.abc import Iterator

from tests.support.processes import ROOT

INSIGHTS_QUERIES = re.findall(r"'(filter [^']+)'", (ROOT / "docs" / "operations.md").read_text())
INSIGHTS_FIELDS = 200
WORDS = {"filter", "stats", "sum", "as", "by", "sort", "desc", "fields"}


def fields_asked_for(query: str) -> set[str]:
    bare = re.sub(r'"[^"]*"| as \w+', " ", query)
    return set(re.findall(r"[a-z_]+(?:\.[a-z_]+)*", bare)) - set(re.findall(r" as (\w+)", query)) - WORDS


def flattened(value: object, path: str = "") -> Iterator[str]:
    """Field names as Logs Insights makes them of a line."""
    if isinstance(value, dict | list):
        members = value.items() if isinstance(value, dict) else enumerate(value)
        for name, member in members:
            yield from flattened(member, f"{path}.{name}" if path else str(name))
    else:
        yield path
