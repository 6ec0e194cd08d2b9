"""Signatures against secrets, without HTTP."""

import asyncio
import hmac
from collections.abc import Mapping, Sequence

import pytest

from app.exceptions import Unauthorized
from app.webhooks import HEADERS, MAX_BYTES, MAX_SIGNATURES, Signature, SigningSecrets, parse_signature
from tests.support.webhooks import secret, signed

BODY = '{"id":1}'
SECRETS = SigningSecrets({"shop": [secret("old"), secret("new")], "till": [secret("till")]})


def parsed(headers: Mapping[str, str]) -> Signature:
    signature = parse_signature([[headers[name]] for name in HEADERS])
    assert signature is not None
    return signature


def signer(headers: Mapping[str, str], body: str = BODY, secrets: SigningSecrets = SECRETS) -> str | None:
    return asyncio.run(secrets.signer_of(parsed(headers), body))


@pytest.mark.parametrize(("by", "source"), [("old", "shop"), ("new", "shop"), ("till", "till"), ("other", None)])
def test_whose_secret_it_is(by: str, source: str | None) -> None:
    assert signer(signed(BODY.encode(), secret(by))) == source


def test_no_headers_are_no_webhook() -> None:
    assert parse_signature([[], [], []]) is None


@pytest.mark.parametrize(
    "values", [[["a"], [], []], [["a"], ["1"], []], [["a", "a"], ["1"], ["v1,"]], [[""], [""], [""]]]
)
def test_less_or_more_than_three_headers(values: Sequence[Sequence[str]]) -> None:
    with pytest.raises(Unauthorized):
        parse_signature(values)


def test_only_signatures_that_can_be_told_reach_the_library() -> None:
    headers = signed(BODY.encode(), secret("old"))
    good = headers["webhook-signature"]
    headers["webhook-signature"] = f"v1,??? v1a,{good[3:]}  v1 {good} v1,,"
    assert parsed(headers).headers["webhook-signature"] == good
    assert signer(headers) == "shop"


def test_signatures_are_few() -> None:
    headers = signed(BODY.encode(), *[secret("old")] * MAX_SIGNATURES)
    assert signer(headers) == "shop"
    headers["webhook-signature"] += " " + headers["webhook-signature"][:47]
    with pytest.raises(Unauthorized):
        parsed(headers)


def test_signatures_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library compares with hmac.compare_digest, once for each signature and secret, and with nothing else."""
    compared: list[tuple[int, int]] = []
    really = hmac.compare_digest

    def compare(known: bytes, given: bytes) -> bool:
        compared.append((len(known), len(given)))
        return really(known, given)

    monkeypatch.setattr("standardwebhooks.webhooks.hmac.compare_digest", compare)
    assert signer(signed(BODY.encode(), secret("other"), secret("another"))) is None
    assert compared == [(32, 32)] * 6
    monkeypatch.setattr("standardwebhooks.webhooks.hmac.compare_digest", lambda *_: True)
    assert signer(signed(BODY.encode(), secret("other"))) == "shop", "so that nothing else decides"


def test_a_large_body_lets_others_have_their_turn_between_secrets() -> None:
    many = SigningSecrets({"shop": [secret(str(number)) for number in range(32)]})
    body = "x" * MAX_BYTES
    signature = parsed(signed(body.encode(), secret("other")))

    async def turns() -> int:
        taken = 0
        verifying = asyncio.create_task(many.signer_of(signature, body))
        while not verifying.done():
            await asyncio.sleep(0)
            taken += 1
        return taken

    assert asyncio.run(turns()) > 32


def test_without_secrets_nobody_signs() -> None:
    none = SigningSecrets({"shop": []})
    assert not none
    assert SECRETS
    assert signer(signed(BODY.encode(), secret("old")), secrets=none) is None
