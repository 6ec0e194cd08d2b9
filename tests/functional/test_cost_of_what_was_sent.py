"""`sluice cost`'s model of packing against the Kinesis records that a running gateway put into its stream."""

from dataclasses import asdict

import pytest

from app.authentication import ANONYMOUS
from ops.cost.packing import Sent, packed, sent, unpacked
from ops.cost.sizes import line_bytes
from tests.functional.conftest import Gateway, StartGateway
from tests.support.contract import assert_answer
from tests.support.transports import post

REQUESTS = 4
BATCH = 500
LANES = 4
RECORD_BYTES = 288
LINE_BYTES = line_bytes(ANONYMOUS, None, RECORD_BYTES, BATCH)


def record(number: int) -> bytes:
    start = b'{"id":"order-%08d","pad":"' % number
    return start + b"x" * (RECORD_BYTES - len(start) - 2) + b'"}'


def put(gateway: Gateway) -> Sent:
    """What the stream holds after REQUESTS batches, as AWS would bill it."""
    for request in range(REQUESTS):
        body = b"\n".join(record(request * BATCH + index) for index in range(BATCH))
        assert_answer(post(gateway.client, body, media="ndjson"), 202, accepted=BATCH)
    return sent(gateway.aws.record_sizes())


def test_of_batches_that_are_packed(start_gateway: StartGateway) -> None:
    """The model is of ids at random, and these are what they are: lanes differ in their number of lines."""
    real = put(start_gateway("uvicorn", SLUICE_STREAM_LANES=str(LANES)))
    model = packed(BATCH, LINE_BYTES, LANES) * REQUESTS
    for name, expected in asdict(model).items():
        assert getattr(real, name) == pytest.approx(expected, rel=0.1), name


def test_of_batches_that_are_not(start_gateway: StartGateway) -> None:
    real = put(start_gateway("uvicorn", SLUICE_PACKING="false"))
    model = unpacked(BATCH, LINE_BYTES) * REQUESTS
    assert asdict(real) == pytest.approx(asdict(model), rel=0.01)


def test_packing_saves_what_the_readme_says(start_gateway: StartGateway) -> None:
    alone = unpacked(BATCH, LINE_BYTES) * REQUESTS
    together = put(start_gateway("uvicorn"))
    assert alone.put_units >= 25 * together.put_units
    assert alone.firehose_bytes >= 10 * together.firehose_bytes
