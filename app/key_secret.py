"""The secret of the API keys in AWS Secrets Manager."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import boto3

from app.sinks.aws import attempt, client_config

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

READ_SECONDS = 2.0
"""How long a request waits for the secret."""
_CONNECTIONS = 2
"""One read at a time; the other is for the next one while a read that was given up ends by its own timeouts."""


class SecretsManagerReader:
    """Reads the current version of one secret. The client is made by the first read, not while a container starts."""

    def __init__(self, arn: str, region: str | None) -> None:
        self._arn = arn
        self._region = region
        self._executor = ThreadPoolExecutor(_CONNECTIONS, thread_name_prefix="key-secret")
        self._client: SecretsManagerClient | None = None

    async def read(self) -> str:
        """The secret's text.

        Raises:
            AttemptFailed: it was not to be had within READ_SECONDS.
        """
        return await attempt(self._executor, asyncio.get_running_loop().time() + READ_SECONDS, self._read)

    async def close(self) -> None:
        """Let go of the connections; a read under way ends by its own timeouts."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        if self._client is not None:
            self._client.close()

    def _read(self) -> str:
        if self._client is None:
            config = client_config(self._region, _CONNECTIONS)
            self._client = boto3.Session().client("secretsmanager", config=config)
        return self._client.get_secret_value(SecretId=self._arn)["SecretString"]
