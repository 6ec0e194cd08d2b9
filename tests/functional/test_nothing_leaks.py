"""What no answer and no log may hold: a stack trace, a key, a payload. And the headers of every answer."""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import pytest

from tests.functional.conftest import TRANSPORTS, Gateway
from tests.support.contract import assert_problem, assert_retry
from tests.support.planted import MARK
from tests.support.transports import Client, lambda_gateway, post, uvicorn_gateway
from tests.support.webhooks import secret, signed

KEY = f"key-with-{MARK}"
HOOK = secret("hook")
BODY = b'{"id":1,"note":"%b"}' % MARK.encode()
ENVIRONMENT: Mapping[str, str] = {
    "SLUICE_STREAM_NAME": "records",
    "SLUICE_ERROR_BUCKET": "errors",
    "SLUICE_API_KEYS": json.dumps({"shop": [sha256(KEY.encode()).hexdigest(), HOOK]}),
    "AWS_REGION": "eu-west-1",
}
SECURE = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
}


def check_log(folder: Path, raised: str) -> None:
    [log] = folder.glob("*.log")
    text = log.read_text()
    assert MARK not in text
    assert "Traceback" not in text
    assert HOOK.removeprefix("whsec_") not in text
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    of_errors = [line for line in lines if "exception" in line]
    assert len(of_errors) >= 2, "it is in the log all the same; a Lambda container meets it when it practises too"
    assert {line["exception"] for line in of_errors} == {raised}
    assert all("planted.py:" in line["raised_at"] for line in of_errors)
    ids = {line["request_id"] for line in lines if line["event"] == "receipt"}
    assert len({line["request_id"] for line in of_errors} & ids) == 2


def check_route(client: Client) -> None:
    for headers in ({"X-Api-Key": KEY}, signed(BODY, HOOK)):
        response = post(client, BODY, headers, query=f"?schema={MARK}")
        assert_problem(response, 500, "internal_error")
        assert MARK not in response.body.decode()
        assert "KeyError" not in response.body.decode()
        assert response.headers.items() >= SECURE.items()


def check_sink(client: Client) -> None:
    for headers in ({"X-Api-Key": KEY}, signed(BODY, HOOK)):
        response = post(client, BODY, headers)
        assert_retry(response, accepted=0, retry=[(0, "stream_unavailable")])
        assert MARK not in response.body.decode()


CASES = [("route_fails", check_route, "KeyError from ValueError"), ("sink_fails", check_sink, "ValueError")]


@pytest.mark.parametrize(("planted", "check", "raised"), CASES, ids=[name for name, *_ in CASES])
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_what_is_raised_is_not_quoted(transport: str, planted: str, check: object, raised: str, tmp_path: Path) -> None:
    assert callable(check)
    if transport == "uvicorn":
        with uvicorn_gateway(ENVIRONMENT, tmp_path, f"tests.support.planted:{planted}") as server:
            check(server)
    else:
        with lambda_gateway(ENVIRONMENT, tmp_path, ("tests.support.planted", planted)) as container:
            check(container)
    check_log(tmp_path, raised)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/records", b'{"id":1}', 202),
        ("POST", "/records", b"{}", 422),
        ("POST", "/records", b"", 400),
        ("POST", "/records", b"x" * (4 * 1024 * 1024 + 1), 413),
        ("GET", "/records", b"", 405),
        ("GET", "/nothing", b"", 404),
        ("GET", "/health", b"", 200),
        ("HEAD", "/health", b"", 200),
        ("GET", "/openapi.json", b"", 200),
        ("GET", "/schemas", b"", 200),
    ],
)
def test_every_answer_has_the_headers(gateway: Gateway, method: str, path: str, body: bytes, status: int) -> None:
    response = gateway.client.request(method, path, body)
    assert response.status == status
    assert response.headers.items() >= SECURE.items()


def test_a_refusal_has_the_headers(keyed_gateway: Gateway) -> None:
    response = post(keyed_gateway.client, b'{"id":1}', {"X-Api-Key": KEY})
    assert response.status == 401
    assert response.headers.items() >= SECURE.items()
    assert MARK not in response.body.decode()


def test_the_documentation_page_runs_only_its_own_scripts(gateway: Gateway) -> None:
    page = gateway.client.request("GET", "/docs")
    policy = page.headers["content-security-policy"]
    assert "script-src 'self' 'sha256-" in policy
    assert "'unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0]
    assert "default-src 'none'" in policy
    assert policy.count("sha256-") == page.body.count(b"<script>") == 1
    assert page.headers["x-content-type-options"] == "nosniff"


def test_the_page_s_assets_may_be_kept(gateway: Gateway) -> None:
    asset = gateway.client.request("GET", "/docs-assets/swagger-ui.css")
    assert asset.headers["etag"]
    assert "cache-control" not in asset.headers
    assert asset.headers["x-content-type-options"] == "nosniff"
