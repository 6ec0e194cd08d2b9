"""Only our own pages and clients that are no browsers reach `/pipeline`."""

import asyncio
from typing import cast

import httpx
import pytest
from fastapi import FastAPI

from app.exception_handlers import add_exception_handlers
from app.gateway import Sinks
from app.main import create_app
from app.settings import AuthMode, Settings
from app.sinks.memory import MemorySink
from local_pipeline.pipeline import Pipeline, View
from local_pipeline.pipeline_api import add_pipeline
from local_pipeline.pipeline_models import Summary
from local_pipeline.same_origin import guard_records

EMPTY = Summary(accepted=0, rejected=0, spilled=0, streamed=0, landed=0, loaded=0)


class Emptied:
    """A view that counts its resets."""

    def __init__(self) -> None:
        self.resets = 0

    def reset(self) -> Summary:
        self.resets += 1
        return EMPTY


def reset(headers: dict[str, str]) -> tuple[httpx.Response, int]:
    """What POST /pipeline/reset answers, and how often it was carried out."""
    view = Emptied()
    app = FastAPI()
    add_exception_handlers(app)
    add_pipeline(app, Pipeline(lambda: cast("View", view)))
    return post(app, "/pipeline/reset", headers), view.resets


def post(app: FastAPI, path: str, headers: dict[str, str], body: bytes = b"") -> httpx.Response:
    async def send() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000") as client:
            return await client.post(path, headers=headers, content=body)

    return asyncio.run(send())


def send_record(headers: dict[str, str]) -> tuple[httpx.Response, int]:
    """What POST /records answers to a body without a type, and how many lines it stored."""
    stream = MemorySink()
    settings = Settings(stream_name="records", error_bucket="errors", auth=AuthMode.NONE)
    app = create_app(settings, Sinks(stream, MemorySink()))
    guard_records(app)
    return post(app, "/records", headers, b'{"id":1}'), len(stream.lines)


OURS = [
    {},
    {"Host": "localhost:8000"},
    {"Host": "LOCALHOST"},
    {"Host": "[::1]:8000"},
    {"Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
]
FOREIGN_PAGES = [
    {"Host": "rebound.example", "Origin": "http://rebound.example", "Sec-Fetch-Site": "same-origin"},
    {"Origin": "https://other.example"},
    {"Origin": "http://127.0.0.1:3000"},
    {"Origin": "null"},
    {"Origin": "http://["},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
]


@pytest.mark.parametrize("headers", OURS)
def test_our_own_pages_and_other_clients_pass(headers: dict[str, str]) -> None:
    answer, resets = reset(headers)
    assert (answer.status_code, resets) == (200, 1)


@pytest.mark.parametrize(
    "headers", [{"Host": "rebound.example:8000"}, {"Host": "localhost.example"}, {"Host": ""}, *FOREIGN_PAGES]
)
def test_everybody_else_is_refused(headers: dict[str, str]) -> None:
    answer, resets = reset(headers)
    assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json")
    assert (answer.json()["reason"], resets) == ("foreign_origin", 0)


@pytest.mark.parametrize("headers", [*OURS, {"Host": "host.of.a.container:8000"}])
def test_records_of_our_own_pages_and_of_other_clients_are_taken(headers: dict[str, str]) -> None:
    answer, stored = send_record(headers)
    assert (answer.status_code, stored) == (202, 1)


@pytest.mark.parametrize("headers", FOREIGN_PAGES)
def test_records_of_a_page_elsewhere_are_not(headers: dict[str, str]) -> None:
    answer, stored = send_record(headers)
    assert (answer.status_code, answer.json()["reason"], stored) == (403, "foreign_origin", 0)
    assert answer.headers["x-content-type-options"] == "nosniff"
