"""What is sent, and what is made of the answers."""

import asyncio
import json
from collections import Counter

import pytest
from aiohttp import web

from benchmarks.pipeline_load import SINGLE_SHARE, Answer, Due, body, ingest_ids, plan, record, send


def test_every_record_is_its_own_and_as_long_as_said() -> None:
    records = [record(number) for number in (*range(200_000), 999_999, 5_000_000)]
    assert len(set(records)) == len(records)
    assert {len(each) for each in records} <= set(range(288, 301))
    assert json.loads(records[7])["type"] == "page_view"


@pytest.mark.parametrize(("rate", "seconds", "batch"), [(5_000, 60, 100), (100, 3, 7), (30, 1, 500)])
def test_a_plan_sends_every_record_once_within_its_time(rate: float, seconds: float, batch: int) -> None:
    due = plan(rate, seconds, batch)

    numbers = Counter(number for each in due for number in range(each.first, each.first + each.records))
    assert numbers == Counter(range(int(rate * seconds)))
    assert [each.at for each in due] == sorted(each.at for each in due)
    assert 0 <= due[-1].at < seconds
    assert max(each.records for each in due) <= batch
    alone = sum(each.records for each in due if each.records == 1)
    assert rate * seconds * SINGLE_SHARE <= alone + 1


def test_a_plan_is_even() -> None:
    due = [each for each in plan(5_000, 60, 100) if each.records > 1]
    by_second = Counter(int(each.at) for each in due)
    assert {by_second[second] for second in range(59)} <= {49, 50, 51}


async def answer(request: web.Request) -> web.Response:
    """As the gateway, but for bodies that hold a certain record."""
    text = await request.text()
    lines = text.splitlines()
    if '"id":20000003,' in text:
        return web.json_response({"code": "overloaded"}, status=503)
    if '"id":20000005,' in text:
        return web.Response(text="not JSON", status=502)
    accepted = len(lines) - ('"id":20000008,' in text)
    kind = request.headers["Content-Type"]
    members = {"request_id": f"{kind.rpartition('-')[2]}/{len(lines)}", "accepted": accepted}
    return web.json_response(members, status=202 if accepted == len(lines) else 207)


async def sent(requests: list[Due]) -> list[Answer]:
    app = web.Application()
    app.router.add_post("/records", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        return await send(f"http://127.0.0.1:{runner.addresses[0][1]}", requests)
    finally:
        await runner.cleanup()


def test_what_was_not_accepted_whole_is_not_accepted() -> None:
    requests = [Due(0, 0, 3), Due(0.01, 3, 2), Due(0.02, 5, 2), Due(0.03, 7, 3), Due(0.04, 10, 1)]
    answers = {each.due.first: each for each in asyncio.run(sent(requests))}

    assert {first: (each.accepted, each.problem) for first, each in answers.items()} == {
        0: (3, ""),
        3: (0, "status 503"),
        5: (0, "JSONDecodeError"),
        7: (0, "status 207"),
        10: (1, ""),
    }
    assert [name for name, _ in ingest_ids(list(answers.values()))] == [
        "ndjson/3-0", "ndjson/3-1", "ndjson/3-2", "application/json/1-0",
    ]  # fmt: skip
    assert all(each.sent_at <= each.answered_at for each in answers.values())


def test_a_gateway_that_is_not_there_confirms_nothing() -> None:
    (answer,) = asyncio.run(send("http://127.0.0.1:9", [Due(0, 0, 2)]))
    assert (answer.accepted, answer.problem) == (0, "ClientConnectorError")


def test_a_body_is_a_record_a_line() -> None:
    assert [json.loads(line)["id"] for line in body(Due(0, 4, 3)).split(b"\n")] == [20000004, 20000005, 20000006]
