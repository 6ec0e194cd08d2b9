"""All that can be set from outside, in one class. Nothing else reads the environment."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from app.exceptions import ConfigurationError

_MIB = 1024 * 1024


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
KeyHash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def _of_one_source_each(api_keys: dict[str, list[str]]) -> dict[str, list[str]]:
    hashes = [key_hash for source_hashes in api_keys.values() for key_hash in source_hashes]
    if len(hashes) != len(set(hashes)):
        raise ValueError("one key stands twice; a key belongs to one source")
    return api_keys


KeyHashes = Annotated[dict[SourceName, list[KeyHash]], AfterValidator(_of_one_source_each)]
"""SHA-256 of each key in hex, by the source that it names."""


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
    api_keys: KeyHashes = Field(
        default_factory=dict,
        description='JSON: source → SHA-256 of each of its keys in hex, `{"shop":["9f86d0…"]}`. '
        "AUTH=keys needs this or API_KEYS_SECRET_ARN.",
    )
    api_keys_secret_arn: str | None = Field(
        None,
        pattern=r"^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:\S+$",
        description="Secret whose text is the same JSON, read at the first request and again once it is 60 s old.",
    )
    max_body_bytes: int = Field(4 * _MIB, ge=1, description="Largest body as received; over it: 413.")
    max_decoded_bytes: int = Field(8 * _MIB, ge=1, description="Largest body after decompression; over it: 413.")
    max_records: int = Field(10_000, ge=1, le=10_000, description="Most records a request; over it: 413.")
    rate_limit_requests_per_second: float = Field(
        0, ge=0, description="Requests a second that one source may send to one process; over it: 429. 0 is no limit."
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
    sink_connections: int = Field(16, ge=1, le=256, description="Connections to each of Kinesis and S3.")
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


class DrainSettings(BaseSettings):
    """Settings of the drain's function: the gateway's own that it needs."""

    model_config = Settings.model_config

    stream_name: str = Field(min_length=1)
    error_bucket: str = Field(min_length=3)
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
    except SettingsError:  # of api_keys, the only setting that is JSON
        raise ConfigurationError('SLUICE_API_KEYS: not JSON of the form {"source":["SHA-256 in hex"]}') from None


def _explain(loc: tuple[int | str, ...], message: str) -> str:
    name = f"SLUICE_{str(loc[0]).upper()}: " if loc else ""
    return name + message.removeprefix("Value error, ")
