"""Signatures are botocore's own."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import botocore.auth
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

from app.sinks.signing import Signer

HEADERS = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "Kinesis_20131202.PutRecords"}
MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)


class Clock:
    """botocore's clock, which stands still."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = MIDNIGHT
        monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: self.now.replace(tzinfo=None))

    def seconds(self) -> float:
        return self.now.timestamp()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def by_botocore(
    credentials: ReadOnlyCredentials, url: str, body: bytes, headers: Mapping[str, str] = HEADERS
) -> dict[str, str]:
    request = AWSRequest("POST", url, dict(headers), body)
    SigV4Auth(credentials, "kinesis", "eu-west-1").add_auth(request)
    return dict(request.headers.items())


@pytest.mark.parametrize(
    "url",
    [
        "https://kinesis.eu-west-1.amazonaws.com",
        "https://kinesis.eu-west-1.amazonaws.com/",
        "http://127.0.0.1:4566",
        "http://[::1]:4566/a/b",
    ],
)
def test_signatures(url: str, clock: Clock) -> None:
    signer = Signer("kinesis", "eu-west-1", url, clock.seconds)
    seen = set()
    second, year = timedelta(seconds=1), timedelta(days=365)
    days = [MIDNIGHT - second, MIDNIGHT, MIDNIGHT + second / 2, MIDNIGHT - second, MIDNIGHT + year]
    for moment in days:
        clock.now = moment
        for secret in ("secret/key+=", "another", "secret/key+="):
            for token in (None, "session//token"):
                for body in (b"", b"{}", bytes(range(256))):
                    credentials = ReadOnlyCredentials("key", secret, token)
                    signed = signer.signed(credentials, dict(HEADERS), body)
                    host = signed.pop("Host")
                    assert signed == by_botocore(credentials, url, body)
                    assert host == url.split("/")[2]
                    assert ("X-Amz-Security-Token" in signed) is (token is not None)
                    seen.add(signed["Authorization"])
    assert len(seen) == 3 * 2 * 2 * 3, "days, secrets, tokens and bodies"


def test_the_same_caller_at_other_times_and_for_other_things(clock: Clock) -> None:
    url, credentials = "https://kinesis.eu-west-1.amazonaws.com", ReadOnlyCredentials("key", "secret", "token")
    signer = Signer("kinesis", "eu-west-1", url, clock.seconds)
    other = {**HEADERS, "X-Amz-Target": "Kinesis_20131202.DescribeStreamSummary"}
    dates = []
    for seconds in (-0.5, 0, 0.999, 1, 1.5, 59.5, 60, 1, 86_400):
        clock.now = MIDNIGHT + timedelta(seconds=seconds)
        for headers in (HEADERS, other, HEADERS):
            signed = signer.signed(credentials, headers, b"{}")
            del signed["Host"]
            assert signed == by_botocore(credentials, url, b"{}", headers)
            dates.append(signed["X-Amz-Date"][-7:])
    assert dates[::3] == [
        "235959Z",
        "000000Z",
        "000000Z",
        "000001Z",
        "000001Z",
        "000059Z",
        "000100Z",
        "000001Z",
        "000000Z",
    ]
