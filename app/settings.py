"""All that can be set from outside, in one class. Nothing else reads the environment."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from app.exceptions import ConfigurationError
from app.in_flight import RECORD_BYTES
from app.sinks.batching import DEFAULT_LANES

_MIB = 1024 * 1024
SPARE_SECONDS = 1.0
"""Of a request's time, what is kept for the turns of other requests and for the answer's way."""
MAX_DECODED_BYTES = 64 * _MIB
"""The highest of `max_decoded_bytes`, for what a request can spill in one object has to fit a drain's memory."""


class AuthMode(StrEnum):
    """Who may send records."""

    KEYS = "keys"
    NONE = "none"


class MetricsMode(StrEnum):
    """Where the metrics go."""

    PROMETHEUS = "prometheus"
    CLOUDWATCH = "cloudwatch"
    NONE = "none"


SourceName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Credential = Annotated[str, Field(pattern=r"^([0-9a-f]{64}|whsec_[A-Za-z0-9+/]{32,86}={0,2})$")]
"""SHA-256 of a key in hex; or a webhook secret, base64 of 24 to 64 bytes (Standard Webhooks, "Signature scheme")."""
MAX_WEBHOOK_SECRETS = 32
"""In all: a webhook does not say whose it is, so each secret is tried, at some milliseconds for the largest one."""


def _of_one_source_each(credentials: dict[str, list[str]]) -> dict[str, list[str]]:
    found = [each.rstrip("=") for its in credentials.values() for each in its]
    if len(found) != len(set(found)):
        raise ValueError("one key stands twice; a key belongs to one source")
    secrets = [each.removeprefix("whsec_") for each in found if each.startswith("whsec_")]
    if len(secrets) > MAX_WEBHOOK_SECRETS:
        raise ValueError(f"more than {MAX_WEBHOOK_SECRETS} webhook secrets")
    if any(len(each) % 4 == 1 for each in secrets):
        raise ValueError("a webhook secret is not base64")
    return credentials


Credentials = Annotated[dict[SourceName, list[Credential]], AfterValidator(_of_one_source_each)]
"""What sources identify themselves with, by source."""


class SourceLimit(BaseModel):
    """What one source may send; what is not set is as for the others."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    max_body_bytes: int | None = Field(None, ge=1)
    requests_per_second: float | None = Field(None, ge=0, allow_inf_nan=False)
    burst: int | None = Field(None, ge=1)


class Settings(BaseSettings):
    """Settings of the gateway, each from the environment variable SLUICE_<NAME>."""

    model_config = SettingsConfigDict(
        env_prefix="SLUICE_", frozen=True, env_ignore_empty=True, hide_input_in_errors=True
    )

    stream_name: str = Field(min_length=1, description="Kinesis data stream that takes accepted records.")
    error_bucket: str = Field(min_length=3, description="S3 bucket that keeps rejected records.")
    auth: AuthMode = Field(
        AuthMode.KEYS, description="`keys`: every request needs one of the API keys. `none`: anyone may send."
    )
    api_keys: Credentials = Field(
        default_factory=dict,
        description="JSON: source → SHA-256 of each of its keys in hex, and its webhook secrets, "
        '`{"shop":["9f86d0…","whsec_MfKQ…"]}`. '
        "AUTH=keys needs this or API_KEYS_SECRET_ARN.",
    )
    api_keys_secret_arn: str | None = Field(
        None,
        pattern=r"^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:\S+$",
        description="Secret whose text is the same JSON, read at the first request and again once it is 60 s old.",
    )
    max_body_bytes: int = Field(4 * _MIB, ge=1, description="Largest body as received; over it: 413.")
    max_decoded_bytes: int = Field(
        8 * _MIB,
        ge=1,
        le=MAX_DECODED_BYTES,
        description="Largest body after decompression, at most 64 MiB; over it: 413.",
    )
    max_records: int = Field(10_000, ge=1, le=10_000, description="Most records a request; over it: 413.")
    rate_limit_requests_per_second: float = Field(
        0, ge=0, description="Requests a second that one source may send to one process; over it: 429. 0 is no limit."
    )
    source_limits: dict[SourceName, SourceLimit] = Field(
        default_factory=dict,
        description="JSON: source → its own limits, "
        '`{"shop":{"max_body_bytes":65536,"requests_per_second":5,"burst":20}}`: '
        "a smaller body, another rate, how many requests at once (a second's worth unless said).",
    )
    schemas_uri: str = Field(
        "schemas", description="Folder of JSON Schemas, `<name>/<version>.json`; a path or file: URI."
    )
    delivery_timeout_seconds: float = Field(
        4,
        gt=0,
        le=20,
        description="How long a request tries to store its records: half of it in the stream, the rest in the "
        "spill area; what is not confirmed then is `retry`.",
    )
    body_timeout_seconds: float = Field(
        20, gt=0, le=600, description="How long a request's body may take to come; after it: 408."
    )
    request_timeout_seconds: float = Field(
        29,
        ge=6,
        le=900,
        description="When whoever waits for the answer gives up (Lambda, a load balancer, clients). What could not be "
        "stored by a second before that is refused in time: 408 or 503, nothing stored.",
    )
    max_requests_in_flight: int = Field(
        1024, ge=1, description="Requests of one process whose body is there and whose answer is not; over it: 503."
    )
    max_bytes_in_flight: int = Field(
        256 * _MIB,
        ge=2,
        description="Bytes that one process holds: of bodies as received, again as decoded, and 400 a record; over it: "
        "503. Its memory grows by about three times as much.",
    )
    stream_calls: int = Field(
        4,
        ge=1,
        le=64,
        description="PutRecords calls that a process has under way at a time; requests that come meanwhile share the "
        "next.",
    )
    stream_lanes: int = Field(
        DEFAULT_LANES,
        ge=1,
        le=4096,
        description="What the stream's hash keys are divided into: lines of a lane share Kinesis records. A shard "
        "without a lane takes nothing: at least as many as shards, better two for each; fewer pack better.",
    )
    packing: bool = Field(
        True,
        description="Whether lines share Kinesis records; `false`: one line a record, with a partition key of its own.",
    )
    sink_connections: int = Field(16, ge=1, le=256, description="Connections to S3; in Lambda to Kinesis too.")
    receipt_file: str | None = Field(None, description="File that receipts are appended to, besides standard output.")
    metrics: MetricsMode = Field(
        MetricsMode.PROMETHEUS,
        description="`prometheus`: GET /metrics, for anyone who reaches the port; each process its own counts. "
        "`cloudwatch`: in the receipts, as embedded metrics. `none`: neither.",
    )
    stage: str = Field(
        "local",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$",
        description="Name of the deployment: the dimension Stage of CloudWatch's metrics.",
    )
    aws_region: str | None = Field(
        None,
        validation_alias="AWS_REGION",
        description="AWS's own variable; AWS_DEFAULT_REGION, AWS_ENDPOINT_URL and credentials are read by the AWS SDK.",
    )

    @model_validator(mode="after")
    def _sources_send_no_more_than_the_gateway_takes(self) -> Self:
        if any((limit.max_body_bytes or 0) > self.max_body_bytes for limit in self.source_limits.values()):
            raise ValueError("SLUICE_SOURCE_LIMITS: a max_body_bytes is over SLUICE_MAX_BODY_BYTES")
        return self

    @model_validator(mode="after")
    def _a_request_fits(self) -> Self:
        largest = self.max_body_bytes + self.max_decoded_bytes + self.max_records * RECORD_BYTES
        if self.max_bytes_in_flight < largest:
            raise ValueError(f"SLUICE_MAX_BYTES_IN_FLIGHT: under {largest}, which the largest request takes")
        if self.request_timeout_seconds < self.delivery_timeout_seconds + 2 * SPARE_SECONDS:
            raise ValueError(
                "SLUICE_REQUEST_TIMEOUT_SECONDS: less than two seconds over SLUICE_DELIVERY_TIMEOUT_SECONDS, so there "
                "would be no time to store anything"
            )
        return self

    @model_validator(mode="after")
    def _keys_in_one_place_unless_none_is_said(self) -> Self:
        if self.auth is AuthMode.NONE:
            return self
        given = any(self.api_keys.values())
        if given and self.api_keys_secret_arn:
            raise ValueError(
                "SLUICE_API_KEYS and SLUICE_API_KEYS_SECRET_ARN are both set: keep the keys in one of the two"
            )
        if not given and not self.api_keys_secret_arn:
            raise ValueError(
                "SLUICE_AUTH is keys but SLUICE_API_KEYS holds none: set keys, SLUICE_API_KEYS_SECRET_ARN, or "
                "SLUICE_AUTH=none to let anyone in"
            )
        return self

    @property
    def seconds_before_storing(self) -> float:
        """How long after its head a request may begin to store, so that its answer is in time."""
        return self.request_timeout_seconds - SPARE_SECONDS - self.delivery_timeout_seconds

    def body_limit_of(self, source: str) -> int:
        """Largest body that `source` may send."""
        limit = self.source_limits.get(source)
        return self.max_body_bytes if limit is None else limit.max_body_bytes or self.max_body_bytes


_JSON_SETTINGS = {
    "api_keys": '{"source":["SHA-256 in hex or whsec_…"]}',
    "source_limits": '{"source":{"max_body_bytes":1,"requests_per_second":1,"burst":1}}',
}


class DrainSettings(BaseSettings):
    """Settings of the drain's function: the gateway's own that it needs."""

    model_config = Settings.model_config

    stream_name: str = Field(min_length=1)
    error_bucket: str = Field(min_length=3)
    stream_lanes: int = Field(DEFAULT_LANES, ge=1, le=4096)
    packing: bool = True
    stage: str = "local"
    aws_region: str | None = Field(None, validation_alias="AWS_REGION")


def load_settings() -> Settings:
    """Settings from the environment.

    Raises:
        ConfigurationError: one is missing or wrong; says which, without its value.
    """
    try:
        return Settings()
    except ValidationError as error:
        problems = "; ".join(_explain(problem["loc"], problem["msg"]) for problem in error.errors(include_input=False))
        raise ConfigurationError(problems) from None
    except SettingsError as error:  # of a setting that is JSON; the message names the field
        name, form = next((each for each in _JSON_SETTINGS.items() if f'"{each[0]}"' in str(error)), ("…", "…"))
        raise ConfigurationError(f"SLUICE_{name.upper()}: not JSON of the form {form}") from None


def _explain(loc: tuple[int | str, ...], message: str) -> str:
    name = f"SLUICE_{str(loc[0]).upper()}: " if loc else ""
    return name + message.removeprefix("Value error, ")
