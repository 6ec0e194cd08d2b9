"""The contract's verdict on a record, reached by the slow reading."""

import json

from app.validation import MAX_DEPTH
from tests.property import reference


def expected_reason(raw: bytes, room: int) -> str | None:
    """The contract's first reason that applies, by the slow reading; None: accepted."""
    try:
        found = reference.read(raw)
    except reference.NotJsonError:
        return "malformed_json"
    record = json.loads(raw, parse_int=float) if found.depth <= MAX_DEPTH and found.top == "{" else {}
    applies = {
        "too_deep": found.depth > MAX_DEPTH,
        "not_an_object": found.top != "{",
        "duplicate_key": found.duplicate is not None,
        "number_out_of_range": found.out_of_range is not None,
        "missing_id": "id" not in record,
        "null_id": record.get("id") is None,
        "too_large": len(raw) > room,
    }
    return next((reason for reason, does in applies.items() if does), None)
