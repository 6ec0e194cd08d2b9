"""The secret of the API keys in AWS Secrets Manager."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from app.sinks.aws import ClientOnDemand, attempt

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

READ_SECONDS = 1.5
"""How long a request waits for the secret; shorter than /ready waits, which so finds out in time that it hangs."""


class SecretsManagerReader:
    """Reads the current version of one secret. The client is made by the first read, not while a container starts."""

    def __init__(self, make_client: "Callable[[], SecretsManagerClient]", arn: str) -> None:
        self._client = ClientOnDemand(make_client)
        self._arn = arn
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="key-secret")

    async def read(self) -> str:
        """The secret's text.

        Raises:
            AttemptFailed: it was not to be had within READ_SECONDS.
        """
        return await attempt(self._executor, asyncio.get_running_loop().time() + READ_SECONDS, self._read)

    async def close(self) -> None:
        """Let go of the connection; a read under way ends by its own timeouts."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    def _read(self) -> str:
        return self._client.get().get_secret_value(SecretId=self._arn, VersionStage="AWSCURRENT")["SecretString"]
