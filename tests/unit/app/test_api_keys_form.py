"""The JSON that keys are given in: what it must be in a secret, and that it is explained without what it holds."""

import asyncio
import json
from hashlib import sha256

import pytest

from app.api_keys import GivenKeys, MalformedSecret, parse


def hash_of(key: str) -> str:
    return sha256(key.encode()).hexdigest()


def test_given_keys_are_always_known() -> None:
    async def scenario() -> None:
        keys = GivenKeys({"shop": [hash_of("a")]})
        assert await keys.check(0)
        assert [await keys.source_of(sha256(key.encode()).digest()) for key in "ab"] == ["shop", None]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "Invalid JSON"),
        ("hunter2", "Invalid JSON"),
        ("null", "should be an object"),
        ('["hunter2"]', "should be an object"),
        ('{"shop": "hunter2"}', "valid array"),
        ('{"shop": ["hunter2"]}', "should match pattern '^([0-9a-f]{64}|whsec_"),
        (json.dumps({"shop": [hash_of("a").upper()]}), "should match pattern"),
        (json.dumps({"shop": ["whsec_hunter2"]}), "should match pattern"),
        (json.dumps({"shop": ["whsec_" + "hunter2" * 7]}), "not base64"),
        (json.dumps({"shop": ["whsec_" + "hunter2" * 8] * 2}), "one key stands twice"),
        (json.dumps({"hunter2 x": [hash_of("a")]}), "should match pattern"),
        (json.dumps({"shop": [hash_of("a")], "till": [hash_of("a")]}), "one key stands twice"),
    ],
)
def test_a_malformed_secret_is_explained_without_its_content(text: str, problem: str) -> None:
    with pytest.raises(MalformedSecret) as malformed:
        parse(text)
    assert problem in str(malformed.value)
    assert malformed.value.__suppress_context__, "what is logged of it does not quote the secret either"
    for content in ("hunter2", hash_of("a"), "shop"):
        assert content not in str(malformed.value).lower()
