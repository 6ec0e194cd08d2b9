"""POST /records past FastAPI's routing answers as the route does, which serves it below a root path."""

import asyncio
from typing import Any

import httpx
import pytest

from app.gateway import Sinks
from app.main import create_app
from app.settings import AuthMode, Settings
from app.sinks.memory import MemorySink

CASES: dict[str, tuple[bytes, dict[str, str]]] = {
    "accepted": (b'{"id":1}', {}),
    "some": (b'[{"id":1},{"id":null}]', {"Content-Type": "application/json"}),
    "rejected": (b'{"id":1,"id":2}', {"Content-Type": "application/json"}),
    "no JSON": (b"{", {"Idempotency-Key": "a"}),
    "empty": (b"", {}),
    "a type": (b"a", {"Content-Type": "text/plain"}),
    "a key": (b'{"id":1}', {"Idempotency-Key": "two words"}),
    "a schema": (b'{"id":1}', {}),
}


def send(root_path: str, body: bytes, headers: dict[str, str], method: str = "POST") -> httpx.Response:
    settings = Settings(stream_name="records", error_bucket="errors", auth=AuthMode.NONE)
    transport = httpx.ASGITransport(create_app(settings, Sinks(MemorySink(), MemorySink())), root_path=root_path)

    async def answer() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            return await client.request(method, f"{root_path}/records?schema=none", content=body, headers=headers)

    return asyncio.run(answer())


def seen(answer: httpx.Response) -> dict[str, Any]:
    """All of it but ids and times."""
    members = answer.json()
    for name in ("request_id", "received_at"):
        members.pop(name, None)
    for result in members.get("results", ()):
        result["ingest_id"] = result["ingest_id"].rpartition("-")[2]
    headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
    return {"status": answer.status_code, "headers": headers, **members}


@pytest.mark.parametrize("case", CASES)
def test_both_ways_answer_the_same(case: str) -> None:
    assert seen(send("", *CASES[case])) == seen(send("/below", *CASES[case]))


def test_other_methods_are_the_router_s() -> None:
    answer = send("", b"", {}, "GET")
    assert (answer.status_code, answer.json()["reason"], answer.headers["allow"]) == (405, "method_not_allowed", "POST")
