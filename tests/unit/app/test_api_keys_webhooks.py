"""Webhook secrets beside the keys: they come and go as keys do."""

import asyncio
import json

import pytest

from app.api_keys import REFRESH_SECONDS, UNKNOWN_KEY_SECONDS
from app.exceptions import KeysUnavailable
from tests.support import webhooks
from tests.support.secret_keys import Keys, secret, with_keys


def test_webhook_secrets_are_rotated_and_revoked_as_keys_are() -> None:
    old, new = webhooks.secret("old"), webhooks.secret("new")

    async def scenario(keys: Keys) -> None:
        assert [await keys.signer("old"), await keys.signer("new")] == ["shop", None]
        keys.reader.text = json.dumps({"shop": [old, new]})
        assert await keys.signer("new") is None
        keys.clock.now += UNKNOWN_KEY_SECONDS
        assert await keys.signer("new") == "shop", "a fresh one works at once"
        keys.reader.text = json.dumps({"shop": [new]})
        keys.clock.now += REFRESH_SECONDS
        assert [await keys.signer("old"), await keys.signer("new")] == [None, "shop"]
        assert keys.reader.reads == 3

    with_keys(json.dumps({"shop": [old]}), scenario)


def test_secrets_that_another_request_reads_meanwhile_are_tried() -> None:
    large = " " * 300_000
    old = [webhooks.secret(f"old {number}") for number in range(9)]

    async def scenario(keys: Keys) -> None:
        await keys.who("any")
        keys.reader.text = json.dumps({"shop": [*old, webhooks.secret("new")]})
        keys.clock.now += UNKNOWN_KEY_SECONDS
        answers = await asyncio.gather(keys.signer("new", large), keys.who("any"))
        assert [*answers, keys.reader.reads] == ["shop", None, 2]

    with_keys(json.dumps({"shop": old}), scenario)


def test_the_first_webhook_secret_works_at_once() -> None:
    async def scenario(keys: Keys) -> None:
        assert not await keys.keys.take_webhooks()
        keys.reader.text = json.dumps({"shop": [webhooks.secret("new")]})
        assert not await keys.keys.take_webhooks()
        keys.clock.now += UNKNOWN_KEY_SECONDS
        assert await keys.keys.take_webhooks()
        assert await keys.who("a") is None
        assert keys.reader.reads == 2

    with_keys(secret(shop="a"), scenario)


def test_webhooks_wait_for_secrets_that_are_not_known() -> None:
    async def scenario(keys: Keys) -> None:
        keys.reader.failure = "InternalServiceError"
        with pytest.raises(KeysUnavailable):
            await keys.keys.take_webhooks()
        with pytest.raises(KeysUnavailable):
            await keys.signer("new")

    with_keys("{}", scenario)
