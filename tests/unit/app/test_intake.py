"""A request in process, with sinks of memory: what one sink does must not touch what the other confirmed."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from app.gateway import Sinks
from app.main import create_app
from app.settings import AuthMode, Settings
from app.sinks.base import Lines, Outcome
from app.sinks.memory import MemorySink


class BrokenSink(MemorySink):
    """Raises what no sink should."""

    async def put(self, lines: Lines, deadline: float) -> Sequence[Outcome]:  # noqa: ARG002  the protocol's
        raise RuntimeError("cannot schedule new futures after shutdown")


def post(sinks: Sinks, body: bytes, receipts: Path) -> httpx.Response:
    settings = Settings(
        stream_name="stream",
        error_bucket="errors",
        auth=AuthMode.NONE,
        schemas_uri="schemas",
        receipt_file=str(receipts),
    )
    app = create_app(settings, sinks)
    app.state.gateway.receipts.open()

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            return await client.post("/records", content=body)

    try:
        return asyncio.run(send())
    finally:
        app.state.gateway.receipts.close()


def receipt(file: Path) -> dict[str, Any]:
    written: dict[str, Any] = orjson.loads(file.read_bytes())
    return written


@pytest.mark.parametrize("up", [True, False])
def test_both_sinks_answer_for_their_own(tmp_path: Path, up: bool) -> None:
    stream, errors = MemorySink(), MemorySink()
    errors.up = up
    response = post(Sinks(stream, errors), b'[{"id":1},{}]', tmp_path / "receipts")
    assert response.status_code == (207 if up else 503)
    assert len(stream.lines) == 1
    assert len(errors.lines) == (1 if up else 0)
    assert response.json()["accepted"] == 1


def test_a_sink_that_raises_takes_nothing_from_the_other(tmp_path: Path) -> None:
    stream = MemorySink()
    response = post(Sinks(stream, BrokenSink()), b'[{"id":1},{}]', tmp_path / "receipts")
    assert response.status_code == 503
    answer = response.json()
    assert (answer["accepted"], answer["rejected"]) == (1, 0)
    assert [(result["index"], result["status"]) for result in answer["results"]] == [(1, "retry")]
    assert len(stream.lines) == 1
    assert receipt(tmp_path / "receipts")["accepted"] == [[0, 0]]
    assert receipt(tmp_path / "receipts")["retry"] == [[1, 1]]
