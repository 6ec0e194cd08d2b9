"""The smoke test: one record from a client's request to its row, with a key that exists for this alone."""

import json
import secrets
import uuid
from collections.abc import Mapping, Sequence
from hashlib import sha256

from ops.deploy.actions import variables_of
from ops.deploy.errors import DeployError
from ops.deploy.names import RAW_SCHEMA
from ops.deploy.surroundings import Deployment
from ops.deploy.templates import read_template

SOURCE = "sluice-smoke"
ANSWER_SECONDS = 120.0
ANSWER_PAUSE_SECONDS = 2.0
ROW_SECONDS = 300.0
ROW_PAUSE_SECONDS = 2.0
ACCEPTED = 202
# A key is not known at once, a new function not ready at once; anything else is an answer about the record.
NOT_YET = (0, 401, 403, 404, 429, 500, 502, 503, 504)


def smoke_test(deployment: Deployment, *, row: bool) -> str:
    """Post one record and, with `row`, wait until it stands in RECORDS.

    The record stays. The key goes, whatever happens.

    Raises:
        DeployError: it was not accepted, its row did not come in time, or the secret is none that a gateway takes.
    """
    endpoint = deployment.known.get("ApiEndpoint")
    if endpoint is None:
        raise DeployError("the output ApiEndpoint is not known: the stack gateway is not deployed")
    key = secrets.token_urlsafe(32)
    digest = sha256(key.encode()).hexdigest()
    _edit_keys(deployment, add=digest)
    try:
        began = deployment.clock.monotonic()
        ingest_id = _post(deployment, f"{endpoint}/records", key)
        answered = deployment.clock.monotonic() - began
    finally:
        _edit_keys(deployment, remove=digest)
    if not row:
        return f"{ingest_id} was accepted after {answered:.1f} s; whether it loads was not asked"
    _wait_for_row(deployment, ingest_id)
    loaded = deployment.clock.monotonic() - began
    return f"{ingest_id} was accepted after {answered:.1f} s, its row was there after {loaded:.1f} s"


def with_key(credentials: Mapping[str, Sequence[str]], add: str | None, remove: str | None) -> dict[str, Sequence[str]]:
    """The credentials with a hash of SOURCE more or less; a source without any goes. Pure.

    One that somebody has removed already is removed.
    """
    mine = [each for each in credentials.get(SOURCE, []) if each != remove] + ([add] if add else [])
    others = {source: its for source, its in credentials.items() if source != SOURCE}
    return others | ({SOURCE: mine} if mine else {})


def _edit_keys(deployment: Deployment, *, add: str | None = None, remove: str | None = None) -> None:
    arn = deployment.known.get("ApiKeysSecretArn")
    if arn is None:
        raise DeployError("the output ApiKeysSecretArn is not known: the stack gateway is not deployed")
    from ops.key_store import SecretStore  # noqa: PLC0415 - the gateway's own rules of credentials, which a plan does not need

    SecretStore(deployment.aws.secretsmanager, arn).edit(lambda credentials: with_key(credentials, add, remove))


def _post(deployment: Deployment, url: str, key: str) -> str:
    """The ingest_id. Sent with an Idempotency-Key, so that trying again loads one record."""
    body = json.dumps({"id": str(uuid.uuid4()), "sent_by": "sluice deploy"}).encode()
    headers = {
        "Authorization": f"Bearer {key}",
        "Content-Type": "application/json",
        "Idempotency-Key": str(uuid.uuid4()),
    }
    last = (0, b"")

    def look() -> tuple[int, bytes] | None:
        nonlocal last
        last = deployment.http.post(url, headers, body)
        return None if last[0] in NOT_YET else last

    status, answer = deployment.wait_for(
        look, ANSWER_SECONDS, ANSWER_PAUSE_SECONDS, lambda: f"{url} answered {_said(*last)} for {ANSWER_SECONDS:.0f} s"
    )
    if status != ACCEPTED:
        raise DeployError(f"{url} answered {_said(status, answer)}")
    return f"{_request_id(answer)}-0"


def _request_id(answer: bytes) -> str:
    try:
        document: Mapping[str, str] = json.loads(answer)
        return str(uuid.UUID(document["request_id"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise DeployError("the answer has no request_id: something else answers there") from None


def _wait_for_row(deployment: Deployment, ingest_id: str) -> None:
    variables = variables_of(deployment)
    seconds = ROW_SECONDS + _buffer_seconds(deployment)
    deployment.snowflake.execute(f"USE ROLE {variables['reader_role']}")
    deployment.snowflake.execute(f"USE WAREHOUSE {variables['warehouse']}")
    records = f"{variables['database']}.{RAW_SCHEMA}.RECORDS"
    question = f"SELECT ingest_id FROM {records} WHERE ingest_id = '{ingest_id}'"  # noqa: S608 - a checked UUID
    deployment.wait_for(
        lambda: deployment.snowflake.execute(question) or None,
        seconds,
        ROW_PAUSE_SECONDS,
        lambda: f"{ingest_id} was accepted, but is not in {records} after {seconds:.0f} s",
    )


def _buffer_seconds(deployment: Deployment) -> float:
    """How long Firehose may hold a record before it writes a file."""
    default = read_template(deployment.templates / "delivery.yaml").parameters["BufferSeconds"]
    return float(deployment.parameters.get("BufferSeconds") or default or 0)


def _said(status: int, answer: bytes) -> str:
    try:
        detail = json.loads(answer)
        return f"{status} ({detail.get('detail') or detail.get('message')})"
    except (ValueError, AttributeError):
        return f"{status}" if status else f"nothing ({answer.decode(errors='replace')})"
