"""How to start the embedded AWS engine, ministack, in the environment of its own that `make install` made.

What it keeps, read from its source (version 1.5.33) and tried:
- PERSIST_STATE writes streams with their records, queues with their messages, stacks, functions, APIs and the settings
  of buckets, but only when it ends by SIGTERM or SIGINT; S3_PERSIST writes objects at every put. Deploying the same
  stacks again after a restart changes nothing.
- So after `kill -9` the engine is what it was when it last ended well, with every S3 object written since: records that
  had not landed and messages that had not been taken are lost, which no real stream or queue does.
- A shard iterator is an index into the shard's list of records. A record that expires shifts the list, and a reader
  that is running then skips one: `STACK_PARAMETERS` keeps records from expiring.
- No setting and no call saves earlier. Ending it once, just after the first deployment, and starting it again keeps at
  least the stacks, and with them the names of the buckets whose objects are on disk.
"""

import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

REGION = "us-east-1"
PROJECT = Path(__file__).resolve().parent.parent
LAUNCHER = Path(__file__).with_name("engine_process.py")
ENGINE_PYTHON = PROJECT / ".venv-engine" / "bin" / "python"
POLL_SECONDS = 0.05
# What the stacks need here and nowhere else: the longest retention there is, so that nothing expires under a reader.
STACK_PARAMETERS = {"StreamRetentionHours": "8760"}


class EngineError(Exception):
    """The engine is not installed or does not start; the message is one line for the user."""


@dataclass(frozen=True)
class Engine:
    """One engine process: where it listens and what it keeps.

    Attributes:
        port: where it listens, on 127.0.0.1.
        home: directory for all that it keeps; made if missing.
        functions: URL of the Lambda host by function name. The engine posts the events of these functions there
            (`local_pipeline.lambda_host`) instead of starting their images.
    """

    port: int
    home: Path
    functions: Mapping[str, str] = field(default_factory=dict)
    python: Path = ENGINE_PYTHON

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def command(self) -> list[str]:
        if not self.python.exists():
            raise EngineError(f"The embedded AWS engine is not installed: {self.python} is missing. Run: make install")
        return [str(self.python), "-P", str(LAUNCHER)]

    @property
    def environment(self) -> dict[str, str]:
        """The whole environment of the process: nothing that points at a real AWS account is handed on."""
        temporary = self.home / "tmp"
        temporary.mkdir(parents=True, exist_ok=True)
        kept = {name: value for name in ("PATH", "HOME", "LANG", "LC_ALL") if (value := os.environ.get(name))}
        return kept | {
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "127.0.0.1",
            "MINISTACK_REGION": REGION,
            "GATEWAY_PORT": str(self.port),
            "IOT_MTLS_ENABLED": "0",  # it would listen on every interface
            "SFTP_ENABLED": "0",
            "DOCKER_HOST": "unix:///nonexistent",  # it must not look for containers to remove
            "PERSIST_STATE": "1",
            "S3_PERSIST": "1",
            "STATE_DIR": str(self.home / "state"),
            "S3_DATA_DIR": str(self.home / "s3"),
            "TMPDIR": str(temporary),
            "LOG_LEVEL": "WARNING",
            "NO_PROXY": "*",
            "PYTHONUNBUFFERED": "1",
            **{f"MINISTACK_LAMBDA_PROXY_{name}": url for name, url in self.functions.items()},
        }

    @property
    def client_environment(self) -> dict[str, str]:
        """What a process needs to reach the engine with any AWS SDK."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def api_url(self, api_id: str) -> str:
        """Base URL of the HTTP API's `$default` stage; needs no DNS."""
        return f"{self.url}/_aws/execute-api/{api_id}/$default"


def is_healthy(url: str) -> bool:
    """Whether the engine at `url` answers its health path."""
    try:
        with urllib.request.urlopen(f"{url}/_ministack/health", timeout=2) as answer:  # noqa: S310 - loopback http
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def wait_until_healthy(url: str, is_running: Callable[[], bool], seconds: float = 15) -> None:
    """Return when the engine answers.

    Raises:
        EngineError: it ended (`is_running` says so) or did not answer within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not is_healthy(url):
        if not is_running():
            raise EngineError("The embedded AWS engine ended while starting; its log says why.")
        if time.monotonic() > deadline:
            raise EngineError(f"The embedded AWS engine did not answer at {url} within {seconds:g} s; see its log.")
        time.sleep(POLL_SECONDS)
