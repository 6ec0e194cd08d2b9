"""Only our own pages and clients that are no browsers reach `/pipeline`."""

import asyncio
from typing import cast

import httpx
import pytest
from fastapi import FastAPI

from app.exception_handlers import add_exception_handlers
from local_pipeline.pipeline import Pipeline, View
from local_pipeline.pipeline_api import add_pipeline
from local_pipeline.pipeline_models import Summary

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

    async def post() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000") as client:
            return await client.post("/pipeline/reset", headers=headers)

    return asyncio.run(post()), view.resets


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Host": "localhost:8000"},
        {"Host": "LOCALHOST"},
        {"Host": "[::1]:8000"},
        {"Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_our_own_pages_and_other_clients_pass(headers: dict[str, str]) -> None:
    answer, resets = reset(headers)
    assert (answer.status_code, resets) == (200, 1)


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "rebound.example:8000"},
        {"Host": "localhost.example"},
        {"Host": "rebound.example", "Origin": "http://rebound.example", "Sec-Fetch-Site": "same-origin"},
        {"Host": ""},
        {"Origin": "https://other.example"},
        {"Origin": "http://127.0.0.1:3000"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_everybody_else_is_refused(headers: dict[str, str]) -> None:
    answer, resets = reset(headers)
    assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json")
    assert (answer.json()["reason"], resets) == ("foreign_origin", 0)
