"""Keys in a secret: when it is read, what is kept when it cannot be, and that nothing of it is told."""

import asyncio
import json
import logging

import pytest

from app.api.health import READY_SECONDS
from app.api_keys import (
    FIRST_READ_PAUSE_SECONDS,
    PAUSE_SECONDS,
    REFRESH_SECONDS,
    UNKNOWN_KEY_SECONDS,
)
from app.exceptions import KeysUnavailable
from app.key_secret import READ_SECONDS
from tests.support.secret_keys import A_MOMENT, Keys, hash_of, secret, with_keys


def test_the_secret_is_read_when_a_request_needs_it_and_then_known() -> None:
    async def scenario(keys: Keys) -> None:
        assert keys.reader.reads == 0
        assert await keys.who("a") == "shop"
        keys.clock.now += REFRESH_SECONDS - A_MOMENT
        assert await keys.who("a") == "shop"
        assert keys.reader.reads == 1

    with_keys(secret(shop="a"), scenario)


def test_a_revoked_key_ends_within_the_refresh_interval() -> None:
    async def scenario(keys: Keys) -> None:
        assert await keys.who("a") == "shop"
        keys.reader.text = secret(shop="b")
        keys.clock.now += REFRESH_SECONDS
        assert await keys.who("a") is None
        assert await keys.who("b") == "shop"
        assert keys.reader.reads == 2

    with_keys(secret(shop="a"), scenario)


def test_the_interval_is_counted_from_before_the_read() -> None:
    async def scenario(keys: Keys) -> None:
        keys.reader.answers.clear()
        asked = asyncio.create_task(keys.who("a"))
        await asyncio.sleep(A_MOMENT)
        keys.clock.now += 2
        keys.reader.answers.set()
        assert await asked == "shop"
        keys.clock.now += REFRESH_SECONDS - 2
        await keys.who("a")
        assert keys.reader.reads == 2

    with_keys(secret(shop="a"), scenario)


def test_a_rotation_takes_both_keys_while_both_are_there() -> None:
    async def scenario(keys: Keys) -> None:
        assert [await keys.who(key) for key in ("old", "new")] == ["shop", "shop"]

    with_keys(json.dumps({"shop": [hash_of("old"), hash_of("new")]}), scenario)


def test_a_fresh_key_works_at_once() -> None:
    async def scenario(keys: Keys) -> None:
        await keys.who("a")
        keys.reader.text = secret(shop="a", till="b")
        keys.clock.now += UNKNOWN_KEY_SECONDS
        assert await keys.who("b") == "till"
        assert keys.reader.reads == 2

    with_keys(secret(shop="a"), scenario)


def test_unknown_keys_cause_few_reads() -> None:
    async def scenario(keys: Keys) -> None:
        for number in range(1_000):
            assert await keys.who(f"guess {number}") is None
            keys.clock.now += 0.1
        assert keys.reader.reads <= 1 + 100 / UNKNOWN_KEY_SECONDS

    with_keys(secret(shop="a"), scenario)


@pytest.mark.parametrize("key", ["a", "guess"])
def test_requests_at_once_share_one_read(key: str) -> None:
    async def scenario(keys: Keys) -> None:
        for reads in (1, 2):
            keys.reader.answers.clear()
            requests = [asyncio.create_task(keys.who(key)) for _ in range(100)]
            await asyncio.sleep(A_MOMENT)
            keys.reader.answers.set()
            await asyncio.gather(*requests)
            assert keys.reader.reads == reads
            keys.clock.now += REFRESH_SECONDS

    with_keys(secret(shop="a"), scenario)


def test_whoever_gives_up_waiting_leaves_the_read_to_the_next() -> None:
    async def scenario(keys: Keys) -> None:
        keys.reader.answers.clear()
        first, second = (asyncio.create_task(keys.who("a")) for _ in range(2))
        await asyncio.sleep(A_MOMENT)
        first.cancel()
        await asyncio.sleep(A_MOMENT)
        keys.reader.answers.set()
        assert await second == "shop"
        assert keys.reader.reads == 1

    with_keys(secret(shop="a"), scenario)


@pytest.mark.parametrize("broken", ["unreachable", "malformed"])
def test_a_failing_refresh_keeps_the_keys_and_tries_again_after_a_pause(
    broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(keys: Keys) -> None:
        await keys.who("a")
        keys.clock.now += REFRESH_SECONDS
        if broken == "malformed":
            keys.reader.text = '{"shop": "hunter2"}'
        else:
            keys.reader.failure = "AccessDeniedException"
        assert await keys.who("a") == "shop"
        assert await keys.who("guess") is None
        keys.clock.now += PAUSE_SECONDS - A_MOMENT
        assert await keys.who("a") == "shop"
        assert keys.reader.reads == 2
        keys.reader.failure, keys.reader.text = None, secret(shop="b")
        keys.clock.now += A_MOMENT * 2
        assert await keys.who("a") is None
        assert keys.reader.reads == 3

    with_keys(secret(shop="a"), scenario)
    [warning] = caplog.records
    assert vars(warning)["kept"] is True
    assert "hunter2" not in str(vars(warning))


@pytest.mark.parametrize("broken", ["unreachable", "malformed"])
def test_before_any_key_is_known_nobody_is_judged(broken: str, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(keys: Keys) -> None:
        keys.reader.failure = "DeadlineExceeded" if broken == "unreachable" else None
        for _ in range(3):
            with pytest.raises(KeysUnavailable) as refusal:
                await keys.who("a")
        assert keys.reader.reads == 1
        assert refusal.value.headers == {"Retry-After": "1"}
        keys.reader.failure, keys.reader.text = None, secret(shop="a")
        keys.clock.now += FIRST_READ_PAUSE_SECONDS
        assert await keys.who("a") == "shop"

    with_keys("not JSON: hunter2", scenario)
    [warning] = caplog.records
    assert (warning.levelno, vars(warning)["kept"]) == (logging.WARNING, False)
    assert ("DeadlineExceeded" if broken == "unreachable" else "Invalid JSON") in vars(warning)["failure"]
    assert "hunter2" not in str(vars(warning))


def test_a_clock_set_back_does_not_keep_old_keys() -> None:
    async def scenario(keys: Keys) -> None:
        await keys.who("a")
        keys.clock.now -= 3_600
        await keys.who("a")
        assert keys.reader.reads == 2

    with_keys(secret(shop="a"), scenario)


def test_an_empty_secret_lets_nobody_in() -> None:
    async def scenario(keys: Keys) -> None:
        assert await keys.who("a") is None
        assert await keys.keys.check(asyncio.get_running_loop().time() + 1)

    with_keys("{}", scenario)


def test_being_ready_is_knowing_keys() -> None:
    async def scenario(keys: Keys) -> None:
        clock = asyncio.get_running_loop()
        keys.reader.answers.clear()
        assert not await keys.keys.check(clock.time() + A_MOMENT)
        keys.reader.answers.set()
        assert await keys.keys.check(clock.time() + 1)
        assert await keys.who("a") == "shop"
        assert keys.reader.reads == 1, "what /ready read is there for requests"
        keys.reader.failure = "InternalServiceError"
        keys.clock.now += REFRESH_SECONDS
        assert await keys.keys.check(clock.time() + 1), "kept keys are known keys"

    with_keys(secret(shop="a"), scenario)


def test_a_secret_that_hangs_is_asked_once_and_noted_though_all_gave_up(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(keys: Keys) -> None:
        keys.reader.answers.clear()
        keys.reader.failure = "DeadlineExceeded"
        clock = asyncio.get_running_loop()
        for _ in range(3):
            assert not await keys.keys.check(clock.time() + A_MOMENT)
        request = asyncio.create_task(keys.who("a"))
        await asyncio.sleep(A_MOMENT)
        request.cancel()
        keys.reader.answers.set()
        await asyncio.sleep(A_MOMENT)
        with pytest.raises(KeysUnavailable):
            await keys.who("a")
        assert keys.reader.reads == 1

    with_keys(secret(shop="a"), scenario)
    [warning] = caplog.records
    assert (vars(warning)["failure"], vars(warning)["kept"]) == ("DeadlineExceeded", False)
    assert READ_SECONDS <= READY_SECONDS - 0.5, "/ready finds out by itself"


def test_closing_closes_the_reader_and_leaves_no_read_behind() -> None:
    async def scenario(keys: Keys) -> None:
        keys.reader.answers.clear()
        assert not await keys.keys.check(asyncio.get_running_loop().time() + A_MOMENT)
        await keys.keys.close()
        assert keys.reader.closed
        assert asyncio.all_tasks() == {asyncio.current_task()}

    with_keys("{}", scenario)
