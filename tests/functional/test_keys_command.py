"""`sluice keys` on the secret of a stage, and a gateway that reads it."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from app.api_keys import UNKNOWN_KEY_SECONDS
from ops.cli import main
from ops.credentials import KeysError, added, removed
from ops.key_store import ATTEMPTS, Credentials, SecretStore
from tests.functional.conftest import StartGateway
from tests.support import generators as make
from tests.support.aws import ONE_TRY, REGION, session
from tests.support.contract import assert_answer, assert_problem
from tests.support.local_pipeline import eventually
from tests.support.transports import post
from tests.support.webhooks import signed

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


@pytest.fixture
def secrets_manager(endpoint: str) -> "SecretsManagerClient":
    return session().client("secretsmanager", endpoint_url=endpoint, config=ONE_TRY)


@pytest.fixture
def arn(secrets_manager: "SecretsManagerClient") -> str:
    return secrets_manager.create_secret(Name=uuid4().hex, SecretString="{}")["ARN"]


def hash_of(name: str) -> str:
    return sha256(name.encode()).hexdigest()


def test_keys_of_a_stage_open_its_gateway(
    endpoint: str,
    arn: str,
    start_gateway: StartGateway,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_REGION", REGION)
    # moto makes no secret out of a template
    template = {
        "Resources": {"Any": {"Type": "AWS::SQS::Queue"}},
        "Outputs": {"ApiKeysSecretArn": {"Value": arn}},
    }
    stacks = session().client("cloudformation", endpoint_url=endpoint)
    stacks.create_stack(StackName="sluice-keys-gateway", TemplateBody=json.dumps(template))

    def run(what: str, *arguments: str) -> str:
        assert main(["keys", what, "--stage", "keys", *arguments]) == 0
        return capsys.readouterr().out.strip()

    old, hook = run("create", "--source", "shop"), run("create", "--source", "hooks", "--webhook")
    gateway = start_gateway("uvicorn", SLUICE_AUTH="keys", SLUICE_API_KEYS_SECRET_ARN=arn)
    body = make.record(1)
    assert_answer(post(gateway.client, body, {"X-Api-Key": old}), 202, accepted=1)
    assert_answer(post(gateway.client, body, signed(body, hook)), 202, accepted=1)

    new = run("create", "--source", "shop")
    run("revoke", "--source", "shop", "--hash", hash_of(old)[:8])
    listed = run("list").splitlines()
    assert [line.partition(" (")[0] for line in listed] == ["hooks: 1 webhook secret", "shop: 1 key"]
    assert not any(each in "".join(listed) for each in (old, new, hook))

    answer = eventually(
        lambda: post(gateway.client, body, {"X-Api-Key": new}),
        lambda found: found.status == 202,
        UNKNOWN_KEY_SECONDS + 5,
    )
    assert_answer(answer, 202, accepted=1)
    with gateway.aws.nothing_stored():
        assert_problem(post(gateway.client, body, {"X-Api-Key": old}), 401)


def test_a_stage_without_a_gateway(
    endpoint: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_REGION", REGION)
    assert main(["keys", "list", "--stage", "none"]) == 1
    assert "stage none is not deployed" in capsys.readouterr().err


def test_an_edit_does_not_undo_another_that_came_between(secrets_manager: "SecretsManagerClient", arn: str) -> None:
    store = SecretStore(secrets_manager, arn)
    others = iter([hash_of("b"), hash_of("c")])

    def slow(credentials: Credentials) -> Mapping[str, Sequence[str]]:
        with suppress(StopIteration):
            meanwhile = next(others)
            SecretStore(secrets_manager, arn).edit(lambda found: added(found, "till", meanwhile))
        return added(credentials, "shop", hash_of("a"))

    store.edit(slow)
    assert store.read() == {"till": [hash_of("b"), hash_of("c")], "shop": [hash_of("a")]}
    store.edit(lambda found: removed(found, "shop", hash_of("a")))
    assert store.read() == {"till": [hash_of("b"), hash_of("c")]}
    versions = secrets_manager.list_secret_version_ids(SecretId=arn)["Versions"]
    labels = sorted(label for version in versions for label in version.get("VersionStages", []))
    assert labels == ["AWSCURRENT", "AWSPREVIOUS"], "nothing of what was tried is left"


def test_others_who_never_stop_are_said(secrets_manager: "SecretsManagerClient", arn: str) -> None:
    edits = 0

    def always_too_late(credentials: Credentials) -> Mapping[str, Sequence[str]]:
        nonlocal edits
        edits += 1
        secrets_manager.put_secret_value(SecretId=arn, SecretString=json.dumps({"till": [hash_of(str(edits))]}))
        return added(credentials, "shop", hash_of("a"))

    store = SecretStore(secrets_manager, arn)
    with pytest.raises(KeysError, match="try again"):
        store.edit(always_too_late)
    assert edits == ATTEMPTS
    assert store.read() == {"till": [hash_of(str(ATTEMPTS))]}


def test_a_secret_of_another_form_is_not_quoted_and_not_changed(
    secrets_manager: "SecretsManagerClient", arn: str
) -> None:
    secrets_manager.put_secret_value(SecretId=arn, SecretString='{"shop": ["hunter2"]}')
    with pytest.raises(KeysError) as error:
        SecretStore(secrets_manager, arn).edit(lambda found: added(found, "shop", hash_of("a")))
    assert "hunter2" not in str(error.value)
    assert secrets_manager.get_secret_value(SecretId=arn)["SecretString"] == '{"shop": ["hunter2"]}'
