"""Where the gateway's credentials stand, and how they are changed while others may change them too."""

import fcntl
import json
import os
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import ClientError

from app.api_keys import MalformedSecret, parse
from ops.credentials import KeysError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

Credentials = dict[str, list[str]]
Change = Callable[[Credentials], Mapping[str, Sequence[str]]]
ATTEMPTS = 5


class KeyStore(Protocol):
    """Credentials by source: hashes of API keys, and webhook secrets."""

    def read(self) -> Credentials:
        """All of them.

        Raises:
            KeysError: there are none to be read.
        """

    def edit(self, change: Change) -> None:
        """Put what `change` makes of them in their place. It may be called again, with what others made meanwhile.

        Raises:
            KeysError: they are not to be read or written, or `change` makes none that a gateway takes.
        """


class FileStore:
    """A file with the text of SLUICE_API_KEYS, for its owner's eyes only. One that is not there holds none."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Credentials:
        """What the file says."""
        try:
            return _parsed(self._path.read_text(encoding="utf-8"), str(self._path))
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError) as error:
            raise KeysError(f"{self._path}: {getattr(error, 'strerror', 'not UTF-8')}") from None

    def edit(self, change: Change) -> None:
        """Replace the file as a whole; others who edit it so wait for their turn."""
        try:
            with _locked(self._path.parent):
                self._replace(_text(change(self.read())))
        except OSError as error:
            raise KeysError(f"{self._path}: {error.strerror}") from None

    def _replace(self, text: str) -> None:
        """By a new file, which mkstemp makes readable to its owner alone."""
        descriptor, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text + "\n")
                file.flush()
                os.fsync(descriptor)
            Path(name).replace(self._path)
        except OSError:
            with suppress(FileNotFoundError):
                Path(name).unlink()
            raise


class SecretStore:
    """The secret of a stage.

    A new version is put under a label of its own and becomes the current one only if the version that it was made from
    still is: UpdateSecretVersionStage refuses a RemoveFromVersionId that does not have the label (Secrets Manager API
    reference). Nobody's edit is lost, and the gateway sees no version in between.
    """

    def __init__(self, client: "SecretsManagerClient", arn: str) -> None:
        self._client = client
        self._arn = arn

    def read(self) -> Credentials:
        """The current version."""
        return self._current()[1]

    def edit(self, change: Change) -> None:
        """Read, change, put; again if somebody else was quicker."""
        for _ in range(ATTEMPTS):
            version, credentials = self._current()
            if self._replace(version, _text(change(credentials))):
                return
        raise KeysError("others change the secret all the time: try again")

    def _current(self) -> tuple[str, Credentials]:
        answer = self._client.get_secret_value(SecretId=self._arn, VersionStage="AWSCURRENT")
        return answer["VersionId"], _parsed(answer["SecretString"], "the secret of the API keys")

    def _replace(self, version: str, text: str) -> bool:
        """Whether `version` was still the current one."""
        new = str(uuid.uuid4())
        label = f"sluice-keys-{new}"
        self._client.put_secret_value(
            SecretId=self._arn, ClientRequestToken=new, SecretString=text, VersionStages=[label]
        )
        try:
            self._client.update_secret_version_stage(
                SecretId=self._arn, VersionStage="AWSCURRENT", MoveToVersionId=new, RemoveFromVersionId=version
            )
        except ClientError as error:
            if error.response["Error"].get("Code") != "InvalidParameterException" or self._current()[0] == version:
                raise
            return False
        finally:  # a version without a label is one that Secrets Manager may forget
            self._client.update_secret_version_stage(SecretId=self._arn, VersionStage=label, RemoveFromVersionId=new)
        return True


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _parsed(text: str, where: str) -> Credentials:
    try:
        return parse(text)
    except MalformedSecret as malformed:
        raise KeysError(f"{where} does not hold credentials: {malformed}") from None


def _text(credentials: Mapping[str, Sequence[str]]) -> str:
    """As JSON, if a gateway would take it."""
    text = json.dumps(credentials)
    _parsed(text, "what it would become")
    return text
