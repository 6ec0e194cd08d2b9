"""Everything beside POST /records: health, readiness, the documentation page, and the router's own errors."""

import re

import pytest

from tests.functional.conftest import Gateway, StartGateway
from tests.support.aws import free_port
from tests.support.contract import assert_problem

LINK = re.compile(r"""(?:src|href|url)\s*[=:]\s*["']([^"']+)["']""")


@pytest.mark.parametrize("path", ["/health", "/ready"])
def test_a_healthy_gateway(gateway: Gateway, path: str) -> None:
    response = gateway.client.request("GET", path)
    assert (response.status, response.media_type) == (200, "application/json")


def test_not_ready_without_its_stream(start_gateway: StartGateway) -> None:
    gateway = start_gateway("uvicorn", SLUICE_STREAM_NAME="no-such-stream")
    assert_problem(gateway.client.request("GET", "/ready"), 503)
    assert gateway.client.request("GET", "/health").status == 200


def test_not_ready_without_its_bucket(start_gateway: StartGateway) -> None:
    gateway = start_gateway("lambda", SLUICE_ERROR_BUCKET="no-such-bucket")
    assert_problem(gateway.client.request("GET", "/ready"), 503)


def test_starting_needs_no_answer_from_aws(start_gateway: StartGateway) -> None:
    gateway = start_gateway("uvicorn", through=f"http://127.0.0.1:{free_port()}")
    assert gateway.client.request("GET", "/health").status == 200
    assert_problem(gateway.client.request("GET", "/ready"), 503)


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/records/", "/records/1", "/schemas/order", "/admin", "/records%00"]
)
def test_an_unknown_path(gateway: Gateway, path: str) -> None:
    assert_problem(gateway.client.request("GET", path), 404)


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_a_method_that_is_not_offered(gateway: Gateway, method: str) -> None:
    response = gateway.client.request(method, "/records")
    assert_problem(response, 405)
    assert "POST" in response.headers["allow"]


@pytest.mark.parametrize("path", ["/health", "/ready"])
def test_allow_names_every_method(gateway: Gateway, path: str) -> None:
    response = gateway.client.request("OPTIONS", path)
    assert_problem(response, 405)
    assert set(response.headers["allow"].split(", ")) == {"GET", "HEAD"}
    assert gateway.client.request("HEAD", path).status == 200


@pytest.mark.parametrize("path", ["/health", "/ready", "/schemas", "/docs"])
def test_post_where_there_is_only_get(gateway: Gateway, path: str) -> None:
    assert_problem(gateway.client.request("POST", path, b"{}", {"Content-Type": "application/json"}), 405)


def test_the_documentation_page_needs_nobody_else(gateway: Gateway) -> None:
    page = gateway.client.request("GET", "/docs")
    assert (page.status, page.media_type) == (200, "text/html")
    links = LINK.findall(page.body.decode())
    assets = {link for link in links if link.startswith("/") and not link.startswith("//")}
    assert set(links) - assets == set(), "every link is a path of ours"
    assert any(asset.partition("?")[0].endswith(".js") for asset in assets)
    assert any(asset.partition("?")[0].endswith(".css") for asset in assets)
    assert "/openapi.json" in assets
    for asset in assets:
        answer = gateway.client.request("GET", asset)
        assert (answer.status, bool(answer.body)) == (200, True), asset
    assert not re.search(r"https?://(?!localhost|127\.)", page.body.decode())


def test_there_is_no_second_documentation_page_from_a_cdn(gateway: Gateway) -> None:
    page = gateway.client.request("GET", "/redoc")
    assert page.status == 404 or not re.search(r"https?://", page.body.decode())
