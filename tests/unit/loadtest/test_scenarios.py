"""What the scenarios send, judged by the gateway itself in process: every answer must be the one that is expected."""

import asyncio
from collections import Counter
from itertools import islice
from pathlib import Path

import httpx
import pytest

from app.gateway import Sinks
from app.main import create_app
from app.settings import AuthMode, Settings
from app.sinks.memory import MemorySink
from app.validation import Reason
from loadtest import bad_records
from loadtest.answers import Outcome, read_answer
from loadtest.load import Load, Plan, Turn
from loadtest.posts import Post
from loadtest.scenarios import SCENARIOS
from tests.support.processes import ROOT

POSTS = {"heavy": 6}
NAMES = list(SCENARIOS)


def turns(name: str, count: int = 1, seed: str = "1", api_keys: tuple[str, ...] = (), run_id: str = "r") -> list[Turn]:
    load = Load(Plan(SCENARIOS[name], 10.0, 10, seed, "order/1", run_id, api_keys), 0, lambda: 0.0)
    return [load.next_turn() for _ in range(count)]


def posts(name: str, count: int, seed: str = "1") -> list[Post]:
    client = turns(name, seed=seed)[0].client
    return [client.next() for _ in range(count)]


def answers(sent: list[Post], receipts: Path) -> list[Outcome]:
    settings = Settings(
        stream_name="stream",
        error_bucket="errors",
        auth=AuthMode.NONE,
        schemas_uri="schemas",
        receipt_file=str(receipts),
    )
    app = create_app(settings, Sinks(MemorySink(), MemorySink()))
    app.state.gateway.receipts.open()

    async def send() -> list[Outcome]:
        outcomes = []
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
            for number, post in enumerate(sent):
                answer = await client.post(post.path, content=post.body, headers=post.headers(f"key-{number}"))
                outcomes.append(read_answer(answer.status_code, answer.content, post.records, post.rejected))
        return outcomes

    try:
        return asyncio.run(send())
    finally:
        app.state.gateway.receipts.close()


@pytest.mark.parametrize("name", NAMES)
def test_the_gateway_judges_everything_as_the_scenario_expects(name: str, tmp_path: Path) -> None:
    sent = posts(name, POSTS.get(name, 60))
    outcomes = answers(sent, tmp_path / "receipts")
    assert [outcome.error for outcome in outcomes] == [None] * len(sent)
    assert sum(outcome.accepted + outcome.rejected for outcome in outcomes) == sum(post.records for post in sent)
    assert sum(outcome.rejected for outcome in outcomes) == sum(len(post.rejected) for post in sent)


def test_mixed_bad_has_every_reason_that_the_gateway_has() -> None:
    reasons = Counter(reason for post in posts("mixed-bad", 2_000) for reason in post.rejected.values())
    assert set(reasons) == {reason.value for reason in Reason}


def test_the_line_too_large_is_too_large_and_its_neighbour_is_not(tmp_path: Path) -> None:
    large = bad_records.too_large(1)
    fits = large.replace(b"x" * 10_000, b"", 1)
    expected: list[dict[int, str]] = [{0: "too_large"}, {}]
    sent = [
        Post(body, "application/json", 1, rejected=rejected)
        for body, rejected in zip((large, fits), expected, strict=True)
    ]
    assert [outcome.error for outcome in answers(sent, tmp_path / "receipts")] == [None, None]


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_sends_the_same(name: str) -> None:
    count = POSTS.get(name, 20)
    assert posts(name, count) == posts(name, count)
    assert posts(name, count) != posts(name, count, seed="2")
    once, again = turns(name)[0], turns(name, run_id="another")[0]
    assert list(islice(once.due, 20)) == list(islice(again.due, 20))


def test_clients_of_one_run_send_different_things() -> None:
    first, second = turns("steady", 2)
    assert first.client.next() != second.client.next()
    assert next(first.due) != next(second.due)


def test_half_of_the_slow_scenarios_users_are_slow() -> None:
    speeds = [turn.bytes_per_second for turn in turns("slow-clients", 40)]
    assert Counter(speeds) == {None: 20, 93_750.0: 20}
    assert {turn.bytes_per_second for turn in turns("steady", 10)} == {None}


def test_keys_are_spread_over_the_users_unevenly() -> None:
    keys = Counter(turn.api_key for turn in turns("steady", 300, api_keys=("a", "b", "c")))
    assert keys["a"] > keys["b"] > keys["c"] > 0
    assert {turn.api_key for turn in turns("steady", 5)} == {None}


def test_a_key_is_sent_as_a_bearer_token_and_shows_in_no_text() -> None:
    plan = Plan(SCENARIOS["steady"], 1, 1, "1", "", "r", ("secret",))
    turn = Load(plan, 0, lambda: 0.0).next_turn()
    assert turn.client.next().headers("k", turn.api_key)["Authorization"] == "Bearer secret"
    assert "secret" not in f"{plan!r} {turn!r}"


def test_shares_are_kept() -> None:
    sent = posts("steady", 2_000)
    assert 0.2 < sum(post.is_gzip for post in sent) / 2_000 < 0.3
    assert 0.2 < sum(post.schema == "order/1" for post in sent) / 2_000 < 0.3
    assert 0.01 < sum(post.resend for post in sent) / 2_000 < 0.03
    assert 6 < sum(post.records for post in sent) / 2_000 < 7.5


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_says_where_its_figures_come_from_and_is_documented(name: str) -> None:
    about = SCENARIOS[name].about
    assert about.count("\n- ") >= 3
    assert "p99 under" in about
    assert f"| `{name}` |" in (ROOT / "docs" / "loadtest.md").read_text()
