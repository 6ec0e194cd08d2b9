"""Credentials → source."""

import asyncio
from collections.abc import Sequence
from hashlib import sha256

import pytest

from app.api_keys import GivenKeys
from app.authentication import ANONYMOUS, Authenticator
from app.exceptions import Unauthorized
from app.settings import AuthMode

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
