"""Calling AWS from the event loop: clients, one attempt with a deadline, and which failures are worth another."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from threading import Lock
from typing import Any, Generic, Protocol, TypeVar

from botocore.config import Config
from botocore.credentials import CredentialResolver, Credentials, EnvProvider
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError  # noqa: A004  botocore's own
from botocore.session import get_session

from app.sinks.base import Lines, Outcome

Answer = TypeVar("Answer")

CONNECT_TIMEOUT_SECONDS = 1.0
READ_TIMEOUT_SECONDS = 2.0
"""Far below botocore's 60 s, which is longer than an HTTP API waits (30 s) and than a request's deadline."""
PATIENT_SECONDS = 7.0
"""The same where no request waits. A body has to be sent whole in that time (socket.sendall), and a full PutRecords is
7 MB in base64: from an office it takes seconds."""

CALL_SECONDS = CONNECT_TIMEOUT_SECONDS + READ_TIMEOUT_SECONDS
PATIENT_CALL_SECONDS = 2 * PATIENT_SECONDS
"""The longest that a call is waited for."""

_PERMANENT_CODES = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "KMSAccessDeniedException",
        "KMSDisabledException",
        "KMSNotFoundException",
        "NoSuchBucket",
        "ResourceNotFoundException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
        "ValidationException",
    }
)
"""Error codes that asking again within a request does not change."""


class AttemptFailed(Exception):
    """A call was not answered with success. What it should do may yet have been done.

    Attributes:
        code: AWS' error code, or the name of what happened on the way.
        retryable: whether the same call may succeed before long.
    """

    def __init__(self, code: str, *, retryable: bool) -> None:
        super().__init__(code)
        self.code = code
        self.retryable = retryable


def now() -> float:
    """Seconds of the running loop's clock."""
    return asyncio.get_running_loop().time()


def failure_of_code(code: str) -> AttemptFailed:
    """What an error code of AWS means for trying again."""
    return AttemptFailed(code, retryable=code not in _PERMANENT_CODES)


def client_config(region: str | None, connections: int, *, patient: bool = False) -> Config:
    """botocore's configuration: we retry ourselves, inside the request's deadline; `patient` where no request waits."""
    return Config(
        region_name=region,
        connect_timeout=PATIENT_SECONDS if patient else CONNECT_TIMEOUT_SECONDS,
        read_timeout=PATIENT_SECONDS if patient else READ_TIMEOUT_SECONDS,
        max_pool_connections=connections,
        retries={"total_max_attempts": 1},
        tcp_keepalive=True,
    )


class AwsSession:
    """botocore's session. boto3's would bring resources and file transfers into a Lambda start; nobody uses them."""

    def __init__(self, *, in_lambda: bool = False) -> None:
        """
        Args:
            in_lambda: credentials stand in the environment, so they are looked for nowhere else.
        """
        self._session = get_session()
        if in_lambda:
            self._session.register_component("credential_provider", CredentialResolver([EnvProvider()]))
        self._lock = Lock()  # threads may make clients at the same time; a session is not made for that

    def client(self, service: str, config: Config) -> Any:  # noqa: ANN401  each service's own
        """Make a client. It asks nothing of AWS."""
        with self._lock:
            return self._session.create_client(service, config=config)

    def credentials(self) -> Credentials | None:
        """Find credentials; AWS may be asked for them."""
        return self._session.get_credentials()


class _Closable(Protocol):
    def close(self) -> None: ...


Client = TypeVar("Client", bound=_Closable)


class ClientOnDemand(Generic[Client]):
    """A client that is made when it is first needed, in the thread that needs it, and not while a container starts."""

    def __init__(self, make: Callable[[], Client]) -> None:
        self._make = make
        self._lock = Lock()
        self._client: Client | None = None

    def get(self) -> Client:
        """The client."""
        with self._lock:
            if self._client is None:
                self._client = self._make()
            return self._client

    def close(self) -> None:
        """Let go of its connections."""
        if self._client is not None:
            self._client.close()


async def attempt(executor: Executor, deadline: float, call: Callable[..., Answer], **arguments: Any) -> Answer:  # noqa: ANN401
    """Run one AWS call in `executor`, waiting for it until `deadline` (seconds of the loop's clock) at the most.

    Raises:
        AttemptFailed: with what is known of it.
    """
    loop = asyncio.get_running_loop()
    if loop.time() >= deadline:  # a thread that is free would begin it all the same
        raise AttemptFailed("DeadlineExceeded", retryable=False)
    try:
        async with asyncio.timeout_at(deadline):
            return await loop.run_in_executor(executor, lambda: call(**arguments))
    except TimeoutError:
        failure = AttemptFailed("DeadlineExceeded", retryable=False)
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "Unknown"))
        failure = failure_of_code(code)
    except BotoCoreError as error:
        failure = AttemptFailed(type(error).__name__, retryable=isinstance(error, HTTPClientError | ConnectionError))
    except (AttributeError, KeyError, TypeError, ValueError):  # botocore, of an answer that is not AWS's at all
        failure = AttemptFailed("UnreadableAnswer", retryable=True)
    raise failure


def log_failures(
    logger: logging.Logger, lines: Lines, outcomes: Sequence[Outcome], failures: Mapping[str, int]
) -> None:
    """One log line for a put in which something failed, whether or not it was made good."""
    if failures:
        unconfirmed = outcomes.count(Outcome.UNCONFIRMED)
        details = {"request_id": lines.request_id, "failures": dict(failures), "unconfirmed": unconfirmed}
        logger.warning("a put met failures", extra=details)
