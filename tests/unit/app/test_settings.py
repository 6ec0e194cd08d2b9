"""Settings: what starts, what does not, and that a message names the variable and keeps its value to itself."""

import json
from collections.abc import Mapping
from hashlib import sha256

import pytest

from app.exceptions import ConfigurationError
from app.settings import AuthMode, Settings, load_settings
from tests.support.webhooks import secret

HASH = sha256(b"key").hexdigest()
OTHER = sha256(b"other").hexdigest()
HOOK = secret("hook")
SECRET = "hunter2"
NEEDED = {"SLUICE_STREAM_NAME": "records", "SLUICE_ERROR_BUCKET": "errors"}
OPEN = {**NEEDED, "SLUICE_AUTH": "none"}
LARGEST_REQUEST = (4 + 8) * 1024 * 1024 + 10_000 * 400
SECRET_ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:sluice-keys-AbCdEf"


def load(monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str]) -> Settings:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"SLUICE_{name.upper()}", raising=False)
    monkeypatch.delenv("AWS_REGION", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return load_settings()


def test_the_least_that_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, OPEN)
    assert (settings.stream_name, settings.error_bucket, settings.auth) == ("records", "errors", AuthMode.NONE)
    assert (settings.max_body_bytes, settings.max_decoded_bytes) == (4 * 1024 * 1024, 8 * 1024 * 1024)
    assert settings.max_records == 10_000


def test_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, {**NEEDED, "SLUICE_API_KEYS": json.dumps({"shop": [HASH, OTHER]})})
    assert (settings.auth, settings.api_keys) == (AuthMode.KEYS, {"shop": [HASH, OTHER]})


def test_webhook_secrets_stand_with_the_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials = {"shop": [HASH, HOOK], "till": [secret("till").rstrip("=")]}
    assert load(monkeypatch, {**NEEDED, "SLUICE_API_KEYS": json.dumps(credentials)}).api_keys == credentials
    assert load(monkeypatch, {**NEEDED, "SLUICE_API_KEYS": json.dumps({"shop": [HOOK]})}).auth is AuthMode.KEYS


def test_limits_of_a_source(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = '{"shop":{"max_body_bytes":1000,"requests_per_second":0.5,"burst":20},"till":{"burst":2}}'
    settings = load(monkeypatch, {**OPEN, "SLUICE_SOURCE_LIMITS": limits})
    assert [settings.body_limit_of(source) for source in ("shop", "till", "other")] == [1_000, *[4 * 1024 * 1024] * 2]
    assert (settings.source_limits["shop"].requests_per_second, settings.source_limits["till"].burst) == (0.5, 2)


def test_keys_in_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, {**NEEDED, "SLUICE_API_KEYS_SECRET_ARN": SECRET_ARN, "SLUICE_API_KEYS": "{}"})
    assert (settings.api_keys_secret_arn, settings.api_keys) == (SECRET_ARN, {})


def test_without_authentication_keys_may_stand_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    both = {"SLUICE_API_KEYS_SECRET_ARN": SECRET_ARN, "SLUICE_API_KEYS": f'{{"shop":["{HASH}"]}}'}
    assert load(monkeypatch, {**OPEN, **both}).auth is AuthMode.NONE


def test_an_empty_variable_is_one_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch, {**OPEN, "SLUICE_MAX_RECORDS": "", "SLUICE_API_KEYS": ""}).max_records == 10_000


def test_the_region_is_aws_own_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch, {**OPEN, "AWS_REGION": "eu-west-1"}).aws_region == "eu-west-1"


@pytest.mark.parametrize(
    ("environment", "variable"),
    [
        ({"SLUICE_AUTH": "none", "SLUICE_ERROR_BUCKET": "errors"}, "SLUICE_STREAM_NAME"),
        ({"SLUICE_AUTH": "none", "SLUICE_STREAM_NAME": "records"}, "SLUICE_ERROR_BUCKET"),
        ({**OPEN, "SLUICE_STREAM_NAME": ""}, "SLUICE_STREAM_NAME"),
        (NEEDED, "SLUICE_API_KEYS"),
        ({**NEEDED, "SLUICE_API_KEYS": "{}"}, "SLUICE_API_KEYS"),
        ({**NEEDED, "SLUICE_API_KEYS": "null"}, "SLUICE_API_KEYS"),
        ({**NEEDED, "SLUICE_API_KEYS": '{"shop":[]}'}, "SLUICE_API_KEYS"),
        ({**NEEDED, "SLUICE_API_KEYS": SECRET}, "SLUICE_API_KEYS"),
        ({**NEEDED, "SLUICE_API_KEYS": f'["{SECRET}"]'}, "SLUICE_API_KEYS"),
        ({**NEEDED, "SLUICE_API_KEYS": f'{{"shop":["{SECRET}"]}}'}, "SLUICE_API_KEYS"),
        ({**NEEDED, "SLUICE_API_KEYS": f'{{"shop":"{SECRET}"}}'}, "SLUICE_API_KEYS"),
        ({**NEEDED, "SLUICE_API_KEYS": f'{{"{SECRET} x":["{HASH}"]}}'}, "SLUICE_API_KEYS"),
        ({**NEEDED, "SLUICE_API_KEYS": f'{{"shop":["{HASH}"],"till":["{HASH}"]}}'}, "SLUICE_API_KEYS"),
        ({**NEEDED, "SLUICE_API_KEYS": f'{{"shop":["{HASH.upper()}"]}}'}, "SLUICE_API_KEYS"),
        ({**NEEDED, "SLUICE_API_KEYS_SECRET_ARN": SECRET}, "SLUICE_API_KEYS_SECRET_ARN"),
        ({**NEEDED, "SLUICE_API_KEYS_SECRET_ARN": SECRET_ARN.replace("secretsmanager", "s3")}, "KEYS_SECRET_ARN"),
        (
            {**NEEDED, "SLUICE_API_KEYS_SECRET_ARN": SECRET_ARN, "SLUICE_API_KEYS": f'{{"shop":["{HASH}"]}}'},
            "SLUICE_API_KEYS and SLUICE_API_KEYS_SECRET_ARN are both set",
        ),
        ({**NEEDED, "SLUICE_API_KEYS": f'{{"shop":["whsec_{SECRET}"]}}'}, "SLUICE_API_KEYS"),
        ({**NEEDED, "SLUICE_API_KEYS": json.dumps({"shop": [HOOK], "till": [HOOK]})}, "SLUICE_API_KEYS"),
        ({**NEEDED, "SLUICE_API_KEYS": json.dumps({"shop": [HOOK], "till": [HOOK.rstrip("=")]})}, "SLUICE_API_KEYS"),
        ({**NEEDED, "SLUICE_API_KEYS": json.dumps({"shop": ["whsec_" + "A" * 33]})}, "SLUICE_API_KEYS"),
        ({**NEEDED, "SLUICE_API_KEYS": json.dumps({"shop": [secret(str(n)) for n in range(33)]})}, "SLUICE_API_KEYS"),
        ({**OPEN, "SLUICE_SOURCE_LIMITS": SECRET}, "SLUICE_SOURCE_LIMITS"),
        ({**OPEN, "SLUICE_SOURCE_LIMITS": f'["{SECRET}"]'}, "SLUICE_SOURCE_LIMITS"),
        ({**OPEN, "SLUICE_SOURCE_LIMITS": f'{{"shop":{{"{SECRET}":1}}}}'}, "SLUICE_SOURCE_LIMITS"),
        ({**OPEN, "SLUICE_SOURCE_LIMITS": '{"shop":{"max_body_bytes":0}}'}, "SLUICE_SOURCE_LIMITS"),
        ({**OPEN, "SLUICE_SOURCE_LIMITS": '{"shop":{"max_body_bytes":4194305}}'}, "SLUICE_SOURCE_LIMITS"),
        ({**OPEN, "SLUICE_SOURCE_LIMITS": '{"shop":{"requests_per_second":-1}}'}, "SLUICE_SOURCE_LIMITS"),
        ({**OPEN, "SLUICE_SOURCE_LIMITS": '{"shop":{"requests_per_second":"nan"}}'}, "SLUICE_SOURCE_LIMITS"),
        ({**OPEN, "SLUICE_SOURCE_LIMITS": '{"shop":{"burst":0}}'}, "SLUICE_SOURCE_LIMITS"),
        ({**OPEN, "SLUICE_AUTH": SECRET}, "SLUICE_AUTH"),
        ({**OPEN, "SLUICE_MAX_BODY_BYTES": SECRET}, "SLUICE_MAX_BODY_BYTES"),
        ({**OPEN, "SLUICE_MAX_DECODED_BYTES": "0"}, "SLUICE_MAX_DECODED_BYTES"),
        ({**OPEN, "SLUICE_MAX_DECODED_BYTES": str(64 * 1024 * 1024 + 1)}, "SLUICE_MAX_DECODED_BYTES"),
        ({**OPEN, "SLUICE_MAX_RECORDS": "10001"}, "SLUICE_MAX_RECORDS"),
        ({**OPEN, "SLUICE_MAX_RECORDS": "0"}, "SLUICE_MAX_RECORDS"),
        ({**OPEN, "SLUICE_DELIVERY_TIMEOUT_SECONDS": "nan"}, "SLUICE_DELIVERY_TIMEOUT_SECONDS"),
        ({**OPEN, "SLUICE_DELIVERY_TIMEOUT_SECONDS": "0"}, "SLUICE_DELIVERY_TIMEOUT_SECONDS"),
        ({**OPEN, "SLUICE_RATE_LIMIT_REQUESTS_PER_SECOND": "nan"}, "SLUICE_RATE_LIMIT_REQUESTS_PER_SECOND"),
        ({**OPEN, "SLUICE_RATE_LIMIT_REQUESTS_PER_SECOND": "-1"}, "SLUICE_RATE_LIMIT_REQUESTS_PER_SECOND"),
    ],
)
def test_what_does_not_start(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], variable: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        load(monkeypatch, environment)
    message = str(refusal.value)
    assert variable in message
    assert SECRET not in message
    assert HOOK.removeprefix("whsec_") not in message
    assert HASH not in message.lower()
    assert refusal.value.__cause__ is None


def test_every_mistake_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match=r"SLUICE_STREAM_NAME.*; SLUICE_ERROR_BUCKET.*; SLUICE_MAX_RECORDS"):
        load(monkeypatch, {"SLUICE_AUTH": "none", "SLUICE_MAX_RECORDS": "many"})


def test_settings_do_not_change() -> None:
    settings = Settings(stream_name="records", error_bucket="errors", auth=AuthMode.NONE)
    with pytest.raises(ValueError, match="frozen"):
        settings.__setattr__("max_records", 5)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("SLUICE_MAX_BYTES_IN_FLIGHT", str(LARGEST_REQUEST - 1)), ("SLUICE_REQUEST_TIMEOUT_SECONDS", "21.9")],
)
def test_one_request_fits_into_the_bounds_of_all(monkeypatch: pytest.MonkeyPatch, setting: str, value: str) -> None:
    slow = {**OPEN, "SLUICE_DELIVERY_TIMEOUT_SECONDS": "20"}
    with pytest.raises(ConfigurationError, match=f"^{setting}: "):
        load(monkeypatch, {**slow, setting: value})
    settings = load(monkeypatch, {**slow, "SLUICE_MAX_BYTES_IN_FLIGHT": str(LARGEST_REQUEST)})
    assert settings.seconds_before_storing == 8
