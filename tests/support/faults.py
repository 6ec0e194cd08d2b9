"""What can go wrong between the gateway and AWS, as data, and the answers AWS would give then.

Error shapes: Kinesis API reference (PutRecords, "Errors" and "Common Errors") and S3 API reference ("Error responses").
"""

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from fnmatch import fnmatch
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.support.http_wire import Answer, Request

PUT_RECORDS = "kinesis.PutRecords"
PUT_OBJECT = "s3.PutObject"
SCOPE = re.compile(r"Credential=[^/]+/\d+/[^/]+/(?P<service>[^/]+)/aws4_request")
RESOURCE_MEMBERS = ("StreamARN", "StreamName", "SecretId")
S3_OBJECT = {"PUT": "PutObject", "GET": "GetObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}
S3_LISTING = {"list-type", "prefix", "delimiter", "max-keys", "start-after", "continuation-token", "encoding-type"}
S3_BUCKET = {"PUT": "CreateBucket", "GET": "ListObjectsV2", "HEAD": "HeadBucket", "DELETE": "DeleteBucket"}


class Fault(Enum):
    """One way to fail."""

    THROTTLE = "throttle"  # the whole call is refused
    FAIL_ENTRIES = "fail_entries"  # each PutRecords entry fails with probability `share`; the others are really written
    ERROR = "error"  # AWS answers 500, nothing is written
    DENY = "deny"  # access denied
    DELAY = "delay"  # the call waits `seconds` and is then forwarded
    CUT_BEFORE = "cut_before"  # the connection is cut, nothing is written
    CUT_AFTER = "cut_after"  # the call is written, then the connection is cut instead of an answer


@dataclass(frozen=True, slots=True)
class Rule:
    """A fault for the operations that match `operation` (a glob such as `kinesis.*`).

    Attributes:
        probability: share of the calls that it hits.
        times: how many calls it hits at most; None for no end.
        share: of the entries of one call, for FAIL_ENTRIES.
        seconds: for DELAY.
    """

    operation: str
    fault: Fault
    probability: float = 1.0
    times: int | None = None
    share: float = 1.0
    seconds: float = 0.0

    def matches(self, operation: str) -> bool:
        return fnmatch(operation, self.operation)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a PutRecords call: digests, never data."""

    partition_key: str
    lines: tuple[str, ...]
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """One call as the proxy saw it.

    Attributes:
        status: None where the client got no answer.
        resource: name or ARN of the stream or secret, or `bucket/key`.
        headers: names of its x-amz headers, lower-case; with some of them S3 asks for further permissions.
        prefix: of the keys that it lists.
    """

    operation: str
    fault: Fault | None
    status: int | None
    entries: tuple[Entry, ...] = ()
    resource: str = ""
    headers: tuple[str, ...] = ()
    prefix: str = ""


def rule_from_json(value: dict[str, Any]) -> Rule:
    """A rule from its JSON form, the members as the attributes."""
    return Rule(**{**value, "fault": Fault(value["fault"])})


def call_to_json(call: Call) -> dict[str, Any]:
    return {**asdict(call), "fault": call.fault.value if call.fault else None}


def operation_of(request: Request) -> str:
    """`service.Operation` of an AWS call, from the signature's scope and from what its protocol says.

    A call for a part of an S3 bucket or object is named after it, ``s3.PutObject?tagging``.
    """
    scope = SCOPE.search(request.header("authorization"))
    service = scope["service"] if scope else "unsigned"
    if target := request.header("x-amz-target"):
        return f"{service}.{target.rpartition('.')[2]}"
    if request.header("content-type").startswith("application/x-www-form-urlencoded"):
        action = parse_qs(request.body.decode("latin-1")).get("Action", ["?"])[0]
        return f"{service}.{action}"
    address = urlsplit(request.target)
    bucket, _, key = address.path.strip("/").partition("/")
    names = S3_OBJECT if key else S3_BUCKET
    parts = sorted(parse_qs(address.query, keep_blank_values=True).keys() - S3_LISTING)
    name = names.get(request.method, request.method) if bucket else "ListBuckets"
    return f"{service}.{'?'.join([name, *parts])}"


def resource_of(request: Request) -> str:
    """What a call is about: name or ARN of a stream or secret, or `bucket/key`; empty where it is none of these."""
    if not request.header("x-amz-target"):
        return unquote(urlsplit(request.target).path.strip("/"))
    members = json.loads(request.body)
    return str(next((members[name] for name in RESOURCE_MEMBERS if name in members), ""))


def prefix_of(request: Request) -> str:
    """The prefix of the keys that a call of S3 lists; empty for any other."""
    return parse_qs(urlsplit(request.target).query).get("prefix", [""])[0]


def amz_headers_of(request: Request) -> tuple[str, ...]:
    """The names of a call's x-amz headers."""
    return tuple(sorted({name.lower() for name, _ in request.headers if name.lower().startswith("x-amz-")}))


def digest(line: bytes) -> str:
    return hashlib.blake2b(line, digest_size=12).hexdigest()


def entries_of(body: bytes) -> tuple[Entry, ...]:
    """The entries of a PutRecords call in AWS's JSON protocol."""
    return tuple(
        Entry(entry["PartitionKey"], tuple(map(digest, base64.b64decode(entry["Data"]).splitlines(keepends=True))))
        for entry in json.loads(body)["Records"]
    )


def without_entries(body: bytes, failed: Sequence[bool]) -> bytes:
    """The PutRecords call without the entries that fail."""
    call = json.loads(body)
    call["Records"] = [entry for entry, fails in zip(call["Records"], failed, strict=True) if not fails]
    return json.dumps(call).encode()


def partial_answer(upstream: Answer | None, failed: Sequence[bool]) -> Answer:
    """The upstream's answer to the entries that were written, with failed ones put in at their positions."""
    written = iter(json.loads(upstream.body)["Records"] if upstream else [])
    refused = {
        "ErrorCode": "ProvisionedThroughputExceededException",
        "ErrorMessage": "Rate exceeded for shard shardId-000000000000 in stream of the account.",
    }
    records = [refused if fails else next(written) for fails in failed]
    count = sum("ErrorCode" in record for record in records)
    return _json_answer(200, "OK", {"FailedRecordCount": count, "Records": records})


def _json_answer(status: int, reason: str, value: dict[str, Any]) -> Answer:
    headers = [("Content-Type", "application/x-amz-json-1.1"), ("x-amzn-RequestId", "fault-proxy")]
    return Answer(status, reason, headers, json.dumps(value).encode())


def _xml_answer(status: int, reason: str, code: str) -> Answer:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>made by a test</Message></Error>"
    return Answer(status, reason, [("Content-Type", "application/xml")], body.encode())


def refusal(operation: str, fault: Fault) -> Answer:
    """The answer to a call that is refused whole."""
    if operation.startswith("s3."):
        return {
            Fault.THROTTLE: _xml_answer(503, "Slow Down", "SlowDown"),
            Fault.ERROR: _xml_answer(500, "Internal Server Error", "InternalError"),
            Fault.DENY: _xml_answer(403, "Forbidden", "AccessDenied"),
        }[fault]
    kind = {
        Fault.THROTTLE: "ProvisionedThroughputExceededException",
        Fault.ERROR: "InternalFailure",
        Fault.DENY: "AccessDeniedException",
    }[fault]
    status, reason = (500, "Internal Server Error") if fault is Fault.ERROR else (400, "Bad Request")
    return _json_answer(status, reason, {"__type": kind, "message": "made by a test"})
