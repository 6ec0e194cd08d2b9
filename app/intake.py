"""One request's records from bytes to what became of each: decode → judge → store. No HTTP here."""

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import NamedTuple

from app.arrival import Arrival
from app.content import Encoding, Framing, MediaType
from app.decompression import decompress
from app.envelope import Origin, StreamLines, error_line, line_keys
from app.exceptions import BodyRejected, UndecodableBody
from app.framing import malformed_body, split
from app.gateway import Gateway
from app.in_flight import RECORD_BYTES
from app.judging import judge_portion, portions
from app.observability import Receipt, milliseconds
from app.request_identity import repeatable_request_id
from app.sinks.base import ERROR_BUCKET_UNAVAILABLE, STREAM_UNAVAILABLE, Effort, Lines, Outcome, Sink
from app.strict_json import Budget
from app.validation import Reason, RecordSchema, Rejected, reject_body

logger = logging.getLogger(__name__)
BYTES_A_TURN = 256 * 1024
"""Some milliseconds of usual records."""


class Submission(NamedTuple):
    """A request that was let in, its body as received.

    Attributes:
        encoding: how `body` is compressed.
        schema: the schema parameters as sent; none or one make sense.
        is_webhook: its sender signed the key and the body, and nothing else.
    """

    arrival: Arrival
    source: str
    media_type: MediaType
    encoding: Encoding
    idempotency_key: str | None
    schema: Sequence[str]
    body: bytes
    is_webhook: bool = False


@dataclass(slots=True)
class Account:
    """What became of each record of a request, by index, ascending.

    Attributes:
        accepted: in the stream, or spilled.
        spilled: of these, the ones that wait in the spill area for the stream.
        rejected: in the error bucket.
        retry: confirmed in neither, and why.
        judged_bad: what is wrong with each record that would not load, stored or not.
        stream, error_bucket: what storing took, where there was something to store.
    """

    accepted: list[int] = field(default_factory=list)
    spilled: list[int] = field(default_factory=list)
    rejected: list[int] = field(default_factory=list)
    retry: dict[int, str] = field(default_factory=dict)
    judged_bad: dict[int, Rejected] = field(default_factory=dict)
    stream: Effort | None = None
    error_bucket: Effort | None = None


class Intake(NamedTuple):
    """What became of a submission.

    Attributes:
        refused_body: set when the body as a whole was rejected, as record 0.
    """

    origin: Origin
    account: Account
    refused_body: BodyRejected | None


class _Decoded(NamedTuple):
    body: bytes
    raws: list[bytes]
    refused: BodyRejected | None


@dataclass(slots=True)
class _Judged:
    """As `Judged`, with the lines of the good records and their keys; `refused` as in `Intake`."""

    good: list[int] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)
    bad: dict[int, Rejected] = field(default_factory=dict)
    refused: BodyRejected | None = None


async def take_in(submission: Submission, gateway: Gateway, receipt: Receipt) -> Intake:
    """Judge and store the records of `submission`; returns when each is confirmed or known not to be.

    Raises:
        RequestRefused: empty, over a limit, or too late; nothing is stored.
    """
    clock = _Stages(receipt)
    decoded = _decode(submission, gateway)
    receipt.decoded_bytes = len(decoded.body)
    label, schema = gateway.registry.resolve(submission.schema)
    origin = Origin(
        request_id=_request_id(submission, decoded.body) or receipt.request_id,
        received_at=submission.arrival.received_at,
        source=submission.source,
        schema=label,
        content_type=submission.media_type.name or None,
    )
    receipt.request_id = origin.request_id
    receipt.schema = None if _is_unknown(schema) else label
    clock.ended("decode")
    judged = await _judge(decoded, submission, StreamLines(origin), schema)
    receipt.records = len(judged.good) + len(judged.bad)
    clock.ended("judge")
    account = await _store(judged, origin, gateway)
    clock.ended("store")
    _note(account, receipt)
    return Intake(origin, account, judged.refused)


def _is_unknown(schema: RecordSchema | None) -> bool:
    return schema is not None and schema.reason is Reason.UNKNOWN_SCHEMA


def _note(account: Account, receipt: Receipt) -> None:
    receipt.accepted, receipt.rejected, receipt.retry = account.accepted, account.rejected, list(account.retry)
    receipt.spilled = account.spilled
    receipt.judged_bad = len(account.judged_bad)
    if account.rejected:
        receipt.rejected_reasons = Counter(account.judged_bad[index].reason.value for index in account.rejected)
    if account.retry:
        receipt.retry_reasons = Counter(account.retry.values())
    receipt.stream, receipt.error_bucket = account.stream, account.error_bucket


def _decode(submission: Submission, gateway: Gateway) -> _Decoded:
    body = submission.body
    try:
        body = decompress(body, submission.encoding, gateway.settings.max_decoded_bytes)
        submission.arrival.place.hold(len(body))
        raws = split(body, submission.media_type.framing, gateway.settings.max_records)
        submission.arrival.place.hold(len(raws) * RECORD_BYTES)
        return _Decoded(body, raws, None)
    except BodyRejected as refused:
        return _Decoded(body, [body], refused)


def _request_id(submission: Submission, decoded_body: bytes) -> str | None:
    """The one that it has each time it is sent, if it has a key."""
    if submission.idempotency_key is None:
        return None
    if submission.is_webhook:  # who sends a captured one again, with other headers, makes no new records
        return repeatable_request_id(submission.source, submission.idempotency_key, "", None, decoded_body)
    schema = "\n".join(submission.schema) if submission.schema else None
    return repeatable_request_id(
        submission.source, submission.idempotency_key, submission.media_type.name, schema, decoded_body
    )


async def _judge(decoded: _Decoded, submission: Submission, form: StreamLines, schema: RecordSchema | None) -> _Judged:
    """Judge all records, letting other requests have their turn after every BYTES_A_TURN.

    Raises:
        Overloaded: their turns have left too little time.
    """
    if decoded.refused is not None:
        return _reject_body(decoded.body, decoded.refused)
    now = asyncio.get_running_loop().time
    budget = Budget()
    judged = _Judged()
    turn = 0
    for portion in portions(decoded.raws):
        raws = decoded.raws[portion.start : portion.stop]
        turn += portion.size
        found = judge_portion(raws, portion.start, form.room, schema, budget)
        if found.bad:
            judged.bad |= found.bad
            raws = [decoded.raws[index] for index in found.good]
        judged.good += found.good
        judged.lines += form.lines(found.good, raws)
        judged.keys += line_keys(submission.source, found.ids)
        if turn > BYTES_A_TURN:
            await asyncio.sleep(0)
            submission.arrival.check_time(now())
            turn = 0
    submission.arrival.check_time(now())
    if submission.media_type.framing is Framing.JSON and any(map(_is_malformed, judged.bad.values())):
        return _reject_body(decoded.body, malformed_body(decoded.body))
    return judged


def _reject_body(body: bytes, refused: BodyRejected) -> _Judged:
    return _Judged(bad={0: reject_body(body, _reason_of(refused), refused.detail)}, refused=refused)


def _is_malformed(record: Rejected) -> bool:
    return record.reason is Reason.MALFORMED_JSON


def _reason_of(refused: BodyRejected) -> Reason:
    return Reason.UNDECODABLE_BODY if isinstance(refused, UndecodableBody) else Reason.MALFORMED_JSON


async def _store(judged: _Judged, origin: Origin, gateway: Gateway) -> Account:
    account = Account(judged_bad=judged.bad)
    deadline = asyncio.get_running_loop().time() + gateway.settings.delivery_timeout_seconds
    if not judged.bad:
        await _put_good(judged, origin, gateway.sinks.stream, deadline, account)
    elif not judged.good:
        await _put_bad(judged, origin, gateway.sinks.error_bucket, deadline, account)
    else:
        await asyncio.gather(
            _put_good(judged, origin, gateway.sinks.stream, deadline, account),
            _put_bad(judged, origin, gateway.sinks.error_bucket, deadline, account),
        )
        account.retry = dict(sorted(account.retry.items()))
    return account


async def _put_good(judged: _Judged, origin: Origin, stream: Sink, deadline: float, account: Account) -> None:
    lines = Lines(origin.request_id, origin.received_at, judged.lines, judged.keys)
    account.stream = lines.effort
    outcomes = await _put(stream, lines, deadline)
    if outcomes.count(Outcome.CONFIRMED) == len(outcomes):
        account.accepted = judged.good
        return
    for index, outcome in zip(judged.good, outcomes, strict=True):
        if outcome is Outcome.UNCONFIRMED:
            account.retry[index] = STREAM_UNAVAILABLE
            continue
        account.accepted.append(index)
        if outcome is Outcome.SPILLED:
            account.spilled.append(index)


async def _put_bad(judged: _Judged, origin: Origin, error_bucket: Sink, deadline: float, account: Account) -> None:
    data = [error_line(origin, index, record) for index, record in judged.bad.items()]
    lines = Lines(origin.request_id, origin.received_at, data, [0] * len(data))
    account.error_bucket = lines.effort
    for index, outcome in zip(judged.bad, await _put(error_bucket, lines, deadline), strict=True):
        if outcome is Outcome.UNCONFIRMED:
            account.retry[index] = ERROR_BUCKET_UNAVAILABLE
        else:
            account.rejected.append(index)


async def _put(sink: Sink, lines: Lines, deadline: float) -> Sequence[Outcome]:
    started = perf_counter_ns()
    try:
        return await sink.put(lines, deadline)
    except Exception:  # whatever went wrong in one sink, what the other one confirmed stays confirmed
        logger.exception("a sink failed", extra={"request_id": lines.request_id})
        return [Outcome.UNCONFIRMED] * len(lines)
    finally:
        lines.effort.milliseconds = milliseconds(perf_counter_ns() - started)


class _Stages:
    """Notes in the receipt how long each stage took."""

    def __init__(self, receipt: Receipt) -> None:
        self._milliseconds = receipt.milliseconds
        self._since = perf_counter_ns()

    def ended(self, stage: str) -> None:
        now = perf_counter_ns()
        self._milliseconds[stage] = milliseconds(now - self._since)
        self._since = now
