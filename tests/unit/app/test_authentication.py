"""Credentials → source."""

import asyncio
from collections.abc import Mapping, Sequence
from hashlib import sha256

import pytest

from app.api_keys import GivenKeys
from app.authentication import ANONYMOUS, Authenticator
from app.exceptions import Unauthorized
from app.settings import AuthMode
from app.webhooks import HEADERS
from tests.support.webhooks import secret, signed

KEYS = {"shop": ["key-of-shop", "older-key-of-shop"], "till": ["key-of-till"]}
HASHES = {source: [sha256(key.encode()).hexdigest() for key in keys] for source, keys in KEYS.items()}
AUTHENTICATOR = Authenticator(AuthMode.KEYS, GivenKeys(HASHES))


def identify(
    authorization: Sequence[str], x_api_key: Sequence[str], authenticator: Authenticator = AUTHENTICATOR
) -> str:
    return asyncio.run(authenticator.identify(authorization, x_api_key))


@pytest.mark.parametrize(
    ("authorization", "x_api_key", "source"),
    [
        (["Bearer key-of-shop"], [], "shop"),
        (["bearer   key-of-shop "], [], "shop"),
        (["BEARER older-key-of-shop"], [], "shop"),
        ([], ["key-of-till"], "till"),
        (["Bearer key-of-till"], ["key-of-till"], "till"),
        (["Bearer key-of-till", "Bearer key-of-till"], [], "till"),
    ],
)
def test_who_sends(authorization: list[str], x_api_key: list[str], source: str) -> None:
    assert identify(authorization, x_api_key) == source


@pytest.mark.parametrize(
    ("authorization", "x_api_key"),
    [
        ([], []),
        ([""], []),
        ([], [""]),
        (["Bearer"], []),
        (["Bearer "], []),
        (["key-of-shop"], []),
        (["Basic key-of-shop"], []),
        (["Basic a2V5"], ["key-of-shop"]),
        (["Bearer wrong"], []),
        (["Bearer KEY-OF-SHOP"], []),
        (["Bearer key-of-shop x"], []),
        (["Bearer key-of-shop"], ["key-of-till"]),
        (["Bearer key-of-shop"], ["older-key-of-shop"]),
        (["Bearer wrong"], ["key-of-shop"]),
        ([], ["key-of-shop", "key-of-till"]),
        ([], ["kéy\xff"]),
        ([f"Bearer {HASHES['shop'][0]}"], []),
    ],
)
def test_who_does_not(authorization: list[str], x_api_key: list[str]) -> None:
    with pytest.raises(Unauthorized) as refusal:
        identify(authorization, x_api_key)
    assert refusal.value.headers["WWW-Authenticate"].startswith("Bearer")
    assert "key-of" not in str(refusal.value)


def test_without_authentication_anyone_is_anonymous() -> None:
    authenticator = Authenticator(AuthMode.NONE, GivenKeys(HASHES))
    assert identify(["Basic x"], ["key-of-shop"], authenticator) == ANONYMOUS


HOOK = secret("hook")
SIGNED = Authenticator(AuthMode.KEYS, GivenKeys({**HASHES, "hooks": [HOOK]}))
BODY = b'{"id":1}'


def who_signed(
    headers: Mapping[str, str], keys: Sequence[str] = (), authenticator: Authenticator = SIGNED, body: bytes = BODY
) -> str | None:
    async def scenario() -> str | None:
        values = [[headers[name]] if name in headers else [] for name in HEADERS]
        signature = await authenticator.signature(keys, values)
        return None if signature is None else await authenticator.verify(signature, body)

    return asyncio.run(scenario())


def test_who_signed() -> None:
    assert who_signed(signed(BODY, HOOK)) == "hooks"
    assert who_signed({}) is None


@pytest.mark.parametrize(
    ("by", "keys", "authenticator", "body"),
    [
        ("other", [], SIGNED, BODY),
        ("hook", ["key-of-shop"], SIGNED, BODY),
        ("hook", [""], SIGNED, BODY),
        ("hook", [], AUTHENTICATOR, BODY),
        ("hook", [], SIGNED, BODY + b" "),
        ("hook", [], SIGNED, b"\xff"),
    ],
)
def test_who_did_not(by: str, keys: list[str], authenticator: Authenticator, body: bytes) -> None:
    with pytest.raises(Unauthorized):
        who_signed(signed(BODY, secret(by)), keys, authenticator, body)


def test_without_authentication_nobody_signs() -> None:
    assert who_signed({"webhook-id": ""}, [], Authenticator(AuthMode.NONE, GivenKeys({"hooks": [HOOK]}))) is None
