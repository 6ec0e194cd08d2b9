"""What the OpenAPI document's examples have in common."""

from typing import Any

REQUEST_ID = "0199a1f2-6c1e-7c30-9d55-2b8f0e1a4c77"
RECEIVED_AT = "2026-11-23T02:17:14.123456Z"
REJECTED: dict[str, Any] = {
    "index": 1,
    "ingest_id": f"{REQUEST_ID}-1",
    "status": "rejected",
    "reason": "missing_id",
    "errors": [{"loc": ["id"], "msg": 'the record has no "id"; give it one that is not null', "type": "missing_id"}],
}
RETRY: dict[str, Any] = {
    "index": 0,
    "ingest_id": f"{REQUEST_ID}-0",
    "status": "retry",
    "reason": "stream_unavailable",
    "errors": [],
}
