"""Who may send, up to the rows: a webhook that comes again is one row, a page of somebody else's sends none."""

import json
import uuid
from collections.abc import Iterator

import pytest

from local_pipeline.engine import Engine
from tests.support import generators as make
from tests.support.contract import assert_answer, assert_problem
from tests.support.local_pipeline import LocalPipeline
from tests.support.stores import Stores, under_uvicorn
from tests.support.transports import Client, post, uvicorn_gateway
from tests.support.webhooks import secret, signed

pytestmark = pytest.mark.e2e
SHOP, FORGED = secret("shop"), secret("forged")


@pytest.fixture(scope="module")
def keyed(pipeline: LocalPipeline, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A second gateway of the running pipeline, which lets in who signs."""
    deployed, engine_port = pipeline.deployed(), int(pipeline.engine_url.rpartition(":")[2])
    environment = {
        **Engine(engine_port, pipeline.home / "engine").client_environment,
        "SLUICE_API_KEYS": json.dumps({"shop": [SHOP]}),
        "SLUICE_STREAM_NAME": deployed["stream_name"],
        "SLUICE_ERROR_BUCKET": deployed["error_bucket"],
        "SLUICE_RECEIPT_FILE": str(pipeline.home / "receipts.ndjson"),
    }
    with uvicorn_gateway(environment, tmp_path_factory.mktemp("keyed")) as gateway:
        yield gateway


def test_a_webhook_that_is_replayed_is_one_row_and_a_forged_or_stale_one_is_none(
    keyed: Client, pipeline: LocalPipeline
) -> None:
    body, webhook_id = make.array([make.record(1), b'{"v":1}']), f"msg_{uuid.uuid4().hex}"
    stores, headers = Stores(pipeline), signed(body, SHOP, webhook_id=webhook_id)

    answers = [post(keyed, body, headers, media=media, query="?x=1") for media in ("json", None, "application/a+json")]
    answers.append(post(keyed, body, signed(body, SHOP, webhook_id=webhook_id, age=60)))
    for sent in (signed(body, FORGED, webhook_id=webhook_id), signed(body, SHOP, webhook_id=webhook_id, age=400)):
        assert_problem(post(keyed, body, sent), 401)

    request_ids = {assert_answer(it, 207, accepted=1, rejected=[(1, "missing_id")])["request_id"] for it in answers}
    [request_id] = request_ids
    stores.wait_for_rows({f"{request_id}-0"})
    assert stores.ids_in("RECORDS", request_ids) == {f"{request_id}-0": 1}
    [row] = pipeline.rows(ingest_id=f"{request_id}-0")[:1]
    assert row["source"] == "shop"


def test_a_page_elsewhere_cannot_post_here(pipeline: LocalPipeline) -> None:
    before = pipeline.get("/pipeline/summary")
    answer = post(under_uvicorn(pipeline), make.record(1), {"Origin": "https://elsewhere.example"}, media=None)
    assert_problem(answer, 403, "foreign_origin")
    after = pipeline.get("/pipeline/summary")
    assert (after["accepted"], after["streamed"]) == (before["accepted"], before["streamed"])
