"""What schemathesis cannot know of the gateway by itself: loaded by it (SCHEMATHESIS_HOOKS), in its own process.

Each exclusion from a check stands in `filter_failure`, with its reason.
"""

import atexit
import gzip
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import schemathesis
from backports import zstd
from hypothesis import strategies as st
from schemathesis.core.failures import AcceptedNegativeData, Failure
from schemathesis.openapi.checks import RejectedPositiveData

from tests.support import contract, transports

COUNT_FILE = "SLUICE_API_FUZZ_COUNT"
JSON_RANGE, ONE_OF_IT = "application/*+json", "application/vnd.order+json"
NDJSON = ("application/x-ndjson", "application/jsonl", "application/x-jsonlines")
OPEN_MODELS = {"Record"}
AnyCase = schemathesis.Case[Any]
sent: Counter[str] = Counter()


def lines_of(values: list[Any]) -> str:
    """Records that the document allows, one a line."""
    return "\n".join(json.dumps(value) for value in values)


_members = st.dictionaries(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), st.integers())
_ids = st.one_of(st.integers(-(2**63), 2**64), st.text(st.characters(exclude_categories=["Cs"])), st.booleans())
_orders = st.sampled_from([{}, {"customer": "ada", "amount": 1}])
_records = st.tuples(_members, _orders, _ids).map(lambda parts: {**parts[0], **parts[1], "id": parts[2]})
schemathesis.openapi.format("ndjson", st.lists(_records, min_size=1, max_size=5).map(lines_of))


@schemathesis.hook
def before_load_schema(context: schemathesis.HookContext, raw_schema: dict[str, Any]) -> None:
    """Read the document strictly: a member that it does not name is a failure, and a range stands for its members."""
    for name, model in raw_schema["components"]["schemas"].items():
        if name not in OPEN_MODELS:
            model["additionalProperties"] = False
    content = raw_schema["paths"]["/records"]["post"]["requestBody"]["content"]
    content[ONE_OF_IT] = content.pop(JSON_RANGE)


def _body(context: schemathesis.SerializationContext, value: Any) -> bytes:
    """JSON, compressed as the Content-Encoding says; OpenAPI has no way to say that the two belong together."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    encoding = context.case.headers.get("Content-Encoding") if context.case.headers else None
    if encoding == "gzip":
        return gzip.compress(body, 1, mtime=0)
    return zstd.compress(body) if encoding == "zstd" else body


@schemathesis.serializer("application/json", ONE_OF_IT)
def json_body(context: schemathesis.SerializationContext, value: Any) -> bytes:
    """JSON as clients write it, or bytes that are none."""
    return _body(context, value)


@schemathesis.serializer(*NDJSON)
def ndjson_body(context: schemathesis.SerializationContext, value: Any) -> bytes:
    """Lines; what the document does not allow is sent as JSON, which is one line."""
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogatepass")
    return _body(context, value)


@schemathesis.hook
def after_call(context: schemathesis.HookContext, case: AnyCase, response: schemathesis.Response) -> None:
    """Count what was really sent and answered."""
    sent[f"{case.method} {case.path} {response.status_code}"] += 1


@schemathesis.check
def every_refusal_is_a_problem(
    context: schemathesis.CheckContext, response: schemathesis.Response, case: AnyCase
) -> None:
    """Also of the methods and paths that the document does not name."""
    if response.status_code >= 400:
        headers = {name: values[0] for name, values in response.headers.items()}
        answer = transports.Response(response.status_code, headers, response.content)
        contract.assert_problem(answer, response.status_code)


@schemathesis.hook
def filter_failure(
    context: schemathesis.HookContext, failure: Failure, case: AnyCase, response: schemathesis.Response
) -> bool:
    """False for what is no failure."""
    if isinstance(failure, RejectedPositiveData):
        return not _refused_for_what_no_document_says(case, response)
    if isinstance(failure, AcceptedNegativeData):
        # RFC 9110, 8.4: codings are told apart without regard to case, and an empty list names none. No enum says so.
        encoding = case.headers.get("Content-Encoding") if case.headers else None
        return encoding is None or str(encoding).strip().lower() not in {"", "identity", "gzip", "x-gzip", "zstd"}
    return True


def _refused_for_what_no_document_says(case: AnyCase, response: schemathesis.Response) -> bool:
    if response.status_code != 422:
        return False
    foreseen = set()
    # Whether a record obeys the schema that the request names is the registry's to say.
    if "schema" in (case.query or {}):
        foreseen.add("schema_violation")
    # Snowflake's parser drops NULs at the end of a key, so that two keys can be one.
    bodies = map(json.loads, case.body.splitlines()) if isinstance(case.body, str) else [case.body]
    if any(map(_has_keys_alike, bodies)):
        foreseen.add("duplicate_key")
    return {result["reason"] for result in response.json()["results"]} <= foreseen


def _has_keys_alike(value: object) -> bool:
    if isinstance(value, dict):
        return len({key.rstrip("\0") for key in value}) < len(value) or any(map(_has_keys_alike, value.values()))
    return isinstance(value, list) and any(map(_has_keys_alike, value))


@atexit.register
def _write_count() -> None:
    if path := os.environ.get(COUNT_FILE):
        Path(path).write_text(json.dumps(sent, sort_keys=True))
