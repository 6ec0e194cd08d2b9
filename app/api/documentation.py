"""What the OpenAPI document says of POST /records, whose route takes the raw request."""

from typing import Any

from app.api.models import Answer, Problem

_ONE = {"id": "order-1001", "customer": "ada", "amount": 12.5}
_OTHER = {"id": "order-1002", "customer": "bob", "amount": 3}
_NDJSON: dict[str, Any] = {
    "schema": {"type": "string", "description": "One record a line; blank lines are skipped."},
    "examples": {
        "lines": {
            "summary": "Two records, one a line",
            "value": '{"id":"order-1001","customer":"ada"}\n{"id":"order-1002","customer":"bob"}\n',
        }
    },
}

_RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait before sending again.", "schema": {"type": "integer"}}}

RECORDS_REQUEST: dict[str, Any] = {
    "security": [{"bearer": []}, {"api_key": []}, {}],
    "parameters": [
        {
            "name": "schema",
            "in": "query",
            "required": False,
            "description": "Validate every record against `NAME` (its newest version) or `NAME/VERSION`.",
            "schema": {"type": "string", "examples": ["order", "order/1"]},
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
                "schema": {
                    "anyOf": [
                        {"$ref": "#/components/schemas/Record"},
                        {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/Record"}},
                    ]
                },
                "examples": {
                    "one": {"summary": "One record", "value": _ONE},
                    "batch": {"summary": "A batch", "value": [_ONE, _OTHER]},
                },
            },
            "application/x-ndjson": _NDJSON,
        },
    },
}

RECORDS_RESPONSES: dict[int | str, dict[str, Any]] = {
    202: {"model": Answer, "description": "Every record is accepted."},
    207: {"model": Answer, "description": "Some records are accepted, some rejected."},
    400: {
        "model": Problem,
        "description": "`malformed_json`, `undecodable_body`: kept in the error bucket as one record. `empty`, "
        "`invalid_idempotency_key`: nothing stored.",
    },
    401: {"model": Problem, "description": "No key, an unknown one, or two that differ. Nothing stored."},
    413: {"model": Problem, "description": "Over a limit. Nothing stored."},
    415: {"model": Problem, "description": "A media type, charset or encoding that is not taken. Nothing stored."},
    422: {"model": Problem, "description": "None of the records is accepted; each is kept in the error bucket."},
    429: {"model": Problem, "description": "Too many requests. Nothing stored.", "headers": _RETRY_AFTER},
    503: {
        "model": Problem,
        "description": "At least one record is not confirmed (`retry`): send the request again.",
        "headers": _RETRY_AFTER,
    },
}
