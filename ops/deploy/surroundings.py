"""What the steps reach the outside through. Each protocol has one real implementation, and others for the rehearsal."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ops.deploy.errors import TimeLimitError
from ops.deploy.names import Account
from ops.snowflake_sql import SNOWFLAKE_DIRECTORY
from ops.stacks import TEMPLATES

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_ecr import ECRClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]


class Aws(Protocol):
    """Clients. CloudFormation's is asked for by stack, so that one stack can go elsewhere."""

    def cloudformation(self, stack: str) -> "CloudFormationClient": ...
    def account(self) -> Account: ...

    @property
    def ecr(self) -> "ECRClient": ...
    @property
    def secretsmanager(self) -> "SecretsManagerClient": ...
    @property
    def sqs(self) -> "SQSClient": ...


class ImagePublisher(Protocol):
    """Builds and pushes the gateway's image."""

    def publish(self, repository_uri: str, say: Callable[[str], None]) -> str:
        """The image's URI by digest. An image of the same content is not built again."""


class SnowflakeSession(Protocol):
    """One Snowflake session."""

    def execute(self, sql: str) -> list[dict[str, Any]]:
        """Run one statement; its rows by lower-case column name.

        Raises:
            SnowflakeError: it was refused.
        """

    def close(self) -> None: ...


class Http(Protocol):
    """Posts to the gateway."""

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """Status and body; status 0 and the cause when there was no answer."""


class Confirm(Protocol):
    """The answers of the person at the terminal."""

    def agrees(self, question: str) -> bool:
        """To a plain question."""

    def types(self, subject: str, question: str, wanted: str) -> bool:
        """Whether the answer is exactly `wanted`. `subject` names the question: an answer may be given beforehand."""


class Clock(Protocol):
    """Time; `time` is one."""

    def monotonic(self) -> float: ...
    def sleep(self, seconds: float, /) -> None: ...


@dataclass
class Deployment:
    """One run of the steps.

    Attributes:
        parameters: values for the templates, from the stage's parameter file.
        known: what has been learnt so far: outputs of stacks, and values that only the other cloud could give,
            under the names of the parameters that take them.
        publisher: for the step `image`.
        overrides: values for `<% variables %>` instead of the stage's own.
    """

    stage: str
    parameters: Mapping[str, str]
    aws: Aws
    connect: Callable[[], SnowflakeSession]
    http: Http
    say: Callable[[str], None]
    publisher: ImagePublisher | None = None
    overrides: Mapping[str, str] = field(default_factory=dict)
    known: dict[str, str] = field(default_factory=dict)
    clock: Clock = time
    templates: Path = TEMPLATES
    sql: Path = SNOWFLAKE_DIRECTORY
    _session: SnowflakeSession | None = None

    @property
    def snowflake(self) -> SnowflakeSession:
        """The session, opened when it is first needed."""
        return self.log_in()

    def log_in(self) -> SnowflakeSession:
        """Open the session if it is not: a sign-on that fails should fail before anything is changed."""
        if self._session is None:
            self._session = self.connect()
        return self._session

    def close(self) -> None:
        """Close the session."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def wait_for(self, look: Callable[[], T | None], seconds: float, pause: float, otherwise: Callable[[], str]) -> T:
        """What `look` returns once it is not None.

        Raises:
            TimeLimitError: that took longer than `seconds`; with the message that `otherwise` makes.
        """
        give_up = self.clock.monotonic() + seconds
        while (found := look()) is None:
            if self.clock.monotonic() > give_up:
                raise TimeLimitError(otherwise())
            self.clock.sleep(pause)
        return found
