"""What the OpenAPI document says of routes, which take the raw request and name their models (app/api/models.py)."""

from typing import Any

from app.api.examples import RECEIVED_AT, REJECTED, REQUEST_ID, RETRY
from app.exceptions import (
    BodyTimeout,
    ContentTooLarge,
    HttpError,
    InvalidIdempotencyKey,
    KeysUnavailable,
    Overloaded,
    RateLimited,
    Unauthorized,
    UnsupportedMedia,
)
from app.problems import problem_document


def json_of(*models: str, **content: object) -> dict[str, Any]:
    """The content of an answer that is one of `models`, which app.openapi brings into the document."""
    references = [{"$ref": f"#/components/schemas/{model}"} for model in models]
    schema: dict[str, Any] = references[0] if len(references) == 1 else {"anyOf": references}
    return {"application/json": {"schema": schema, **content}}


_ONE = {"id": "order-1001", "customer": "ada", "amount": 12.5}
_OTHER = {"id": "order-1002", "customer": "bob", "amount": 3}
_RECORDS: dict[str, Any] = {
    "anyOf": [
        {"$ref": "#/components/schemas/Record"},
        {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/Record"}},
    ]
}
_NDJSON: dict[str, Any] = {
    "schema": {
        "type": "string",
        "format": "ndjson",
        "pattern": "[^ \\t\\r\\n]",
        "description": "One record a line; blank lines are skipped.",
    },
    "examples": {
        "lines": {
            "summary": "Two records, one a line",
            "value": '{"id":"order-1001","customer":"ada"}\n{"id":"order-1002","customer":"bob"}\n',
        }
    },
}

RETRY_AFTER: dict[str, Any] = {
    "Retry-After": {
        "required": True,
        "description": "Seconds to wait before sending again.",
        "schema": {"type": "integer", "minimum": 1},
    }
}
_AUTHENTICATE: dict[str, Any] = {
    "WWW-Authenticate": {"required": True, "description": "RFC 9110, 11.6.1.", "schema": {"type": "string"}}
}

RECORDS_REQUEST: dict[str, Any] = {
    "parameters": [
        {
            "name": "schema",
            "in": "query",
            "required": False,
            "description": "Validate every record against `NAME` (its newest version) or `NAME/VERSION`.",
            "schema": {"type": "string"},
        },
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "description": "The same request with the same key gets the same `ingest_id`s, so it loads once.",
            "schema": {"type": "string", "pattern": "^[\\x21-\\x7e]{1,128}$"},
        },
        {
            "name": "Content-Encoding",
            "in": "header",
            "required": False,
            "schema": {"type": "string", "enum": ["identity", "gzip", "zstd"]},
        },
    ],
    "requestBody": {
        "required": True,
        "description": "At most 4 MiB as sent, 8 MiB decompressed, 10,000 records.",
        "content": {
            "application/json": {
                "schema": _RECORDS,
                "examples": {
                    "one": {"summary": "One record", "value": _ONE},
                    "batch": {"summary": "A batch", "value": [_ONE, _OTHER]},
                },
            },
            "application/*+json": {"schema": _RECORDS},
            "application/x-ndjson": _NDJSON,
            "application/jsonl": _NDJSON,
            "application/x-jsonlines": _NDJSON,
        },
    },
}


def _answer(description: str, example: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": json_of("Answer", example=example)}


def _refusal(error: type[HttpError], detail: str, description: str) -> dict[str, Any]:
    return {"description": description, "content": json_of("Problem", example=_example(error, detail))}


def _example(error: type[HttpError], detail: str) -> dict[str, object]:
    return problem_document(error.status, error.reason, error.title, detail, request_id=REQUEST_ID, members={})


_RECEIVED = {"request_id": REQUEST_ID, "received_at": RECEIVED_AT}

_NOT_CONFIRMED = problem_document(
    503,
    "not_confirmed",
    "Not confirmed",
    "1 of 1 records are not confirmed: send the whole request again with its Idempotency-Key, or without one only the "
    "records marked retry.",
    request_id=REQUEST_ID,
    members={"received_at": RECEIVED_AT, "accepted": 0, "rejected": 0, "results": [RETRY]},
)
_NONE_ACCEPTED = problem_document(
    422,
    "none_accepted",
    "No record accepted",
    "None of 1 records was accepted: see the reason of each in results.",
    request_id=REQUEST_ID,
    members={"received_at": RECEIVED_AT, "accepted": 0, "rejected": 1, "results": [REJECTED]},
)
_KEYS_UNAVAILABLE = _example(
    KeysUnavailable, "The gateway cannot read its API keys at the moment; nothing is stored. Try again."
)
_OVERLOADED = _example(
    Overloaded, "The gateway has no room for another request at the moment; nothing is stored. Try again."
)
_INVALID_KEY = _example(
    InvalidIdempotencyKey, "Send one Idempotency-Key of 1 to 128 visible ASCII characters, such as a UUID."
)

RECORDS_RESPONSES: dict[int | str, dict[str, Any]] = {
    202: _answer("Every record is accepted.", {**_RECEIVED, "accepted": 2, "rejected": 0, "results": []}),
    207: _answer(
        "Some records are accepted, some rejected.", {**_RECEIVED, "accepted": 1, "rejected": 1, "results": [REJECTED]}
    ),
    400: {
        "description": "`malformed_json`, `undecodable_body`: kept in the error bucket as one record. `empty`, "
        "`invalid_idempotency_key`: nothing stored.",
        "content": json_of("RecordsProblem", "Problem", example=_INVALID_KEY),
    },
    401: {
        **_refusal(
            Unauthorized,
            "The key is not known here: check it, or ask for a new one.",
            "No key, an unknown one, or two that differ; a webhook that is not signed as it should be. Nothing stored.",
        ),
        "headers": _AUTHENTICATE,
    },
    408: _refusal(
        BodyTimeout,
        "The body did not come in time; nothing is stored. Send fewer records a request.",
        "The body came too slowly. Nothing stored; the connection is closed.",
    ),
    413: _refusal(
        ContentTooLarge,
        "The body is over 4194304 bytes: compress it, or send fewer records a request.",
        "Over a limit. Nothing stored.",
    ),
    415: _refusal(
        UnsupportedMedia,
        "Send Content-Encoding gzip or zstd, or leave it out.",
        "A media type, charset or encoding that is not taken. Nothing stored.",
    ),
    422: {
        "description": "None of the records is accepted; each is kept in the error bucket.",
        "content": json_of("RecordsProblem", example=_NONE_ACCEPTED),
    },
    429: {
        **_refusal(
            RateLimited, "This source may send 100 requests a second: slow down.", "Too many requests. Nothing stored."
        ),
        "headers": RETRY_AFTER,
    },
    503: {
        "description": "`not_confirmed`: at least one record is `retry`. `keys_unavailable`: the gateway "
        "does not know its API keys yet; nothing stored. `overloaded`: it has no room or no time for the request; "
        "nothing stored. In each case send the request again.",
        "content": json_of(
            "RecordsProblem",
            "Problem",
            examples={
                "not_confirmed": {"summary": "A record is not confirmed", "value": _NOT_CONFIRMED},
                "keys_unavailable": {"summary": "The API keys are not known yet", "value": _KEYS_UNAVAILABLE},
                "overloaded": {"summary": "No room at the moment", "value": _OVERLOADED},
            },
        ),
        "headers": RETRY_AFTER,
    },
}
