"""What the pipeline consists of: the command, environment and address of each process."""

import os
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local_pipeline.deployed import STAGE, Deployed
from local_pipeline.engine import Engine
from local_pipeline.home import ROOT, Home, HomeLock, Running
from local_pipeline.probes import Probe, http_answers, never, port_accepts, started
from local_pipeline.processes import Command

PROVISION = "provision"
# The user's own settings must reach no process: a profile or an endpoint for one service leads to a real account.
DROPPED = ("AWS_", "SLUICE_API_KEYS", "SLUICE_STREAM_NAME", "SLUICE_ERROR_BUCKET", "SNOWFLAKE_")
FUNCTION = f"sluice-{STAGE}-gateway"
GATEWAY_GRACE_SECONDS = 4.5
FIREHOSE_GRACE_SECONDS = 5.0
# It writes down all that the stream holds; ended before, it would have forgotten it.
ENGINE_GRACE_SECONDS = 30.0
GREETING = """Sluice is serving.

{table}

Send a record, then look at its row:
  curl -i {url}/records -H 'Content-Type: application/json' -d '{{"id": 1, "customer": "ada", "amount": 12.5}}'
  curl {url}/pipeline/rows
Follow it:  .venv/bin/sluice trace INGEST_ID
The state is kept in {state}; logs are in its logs/. Ctrl-C stops everything.
"""


@dataclass(frozen=True, slots=True)
class ShippedFiles:
    """The shipped files that the pipeline runs.

    Attributes:
        templates: the CloudFormation templates.
        sql: Snowflake's numbered files.
    """

    templates: Path = ROOT / "infra" / "cloudformation"
    sql: Path = ROOT / "snowflake"


def _schemas_uri() -> str:
    return os.environ.get("SLUICE_SCHEMAS_URI") or (ROOT / "schemas").as_uri()


class Plan:
    """The commands for one run; ports are chosen when it is made."""

    def __init__(self, home: Home, shipped: ShippedFiles, lock: HomeLock, listener: socket.socket) -> None:
        self._home = home
        self._shipped = shipped
        self._lock = lock
        self._listener = listener
        self._gateway_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self._warehouse_url, self._lambda_url, engine_url = (f"http://127.0.0.1:{port}" for port in free_ports(3))
        self._engine = Engine(
            port=int(engine_url.rsplit(":", 1)[1]), home=home.path / "engine", functions={FUNCTION: self._lambda_url}
        )

    def engine(self) -> Command:
        """The embedded AWS engine."""
        return Command(
            "engine",
            self._engine.command,
            self._engine.environment,
            http_answers(self._engine.url, "/_ministack/health"),
            url=self._engine.url,
            grace_seconds=ENGINE_GRACE_SECONDS,
            descriptors=(self._lock.descriptor,),
        )

    def engine_has_saved(self) -> bool:
        """Whether the engine would find the stacks again after being killed."""
        return (self._engine.home / "state" / "cloudformation.json").exists()

    def provision(self) -> Command:
        """Deploys the stacks, then ends."""
        return self._python(PROVISION, [str(self._shipped.templates)], never)

    def warehouse(self) -> Command:
        """The embedded Snowflake, with the shipped SQL run."""
        arguments = ["--port", _port(self._warehouse_url), "--sql", str(self._shipped.sql)]
        ready = http_answers(self._warehouse_url, "/health")
        return self._python("warehouse", arguments, ready, module="warehouse_server", url=self._warehouse_url)

    def workers(self) -> Sequence[Command]:
        """What needs the stacks. Snowpipe waits for the warehouse by itself."""
        deployed = Deployed.read(self._home)
        return (self._snowpipe(deployed), self._firehose(deployed))

    def ways_in(self) -> Sequence[Command]:
        """What needs the stacks and the warehouse, to be started one after the other.

        Starting is bound by CPU: the second way in waits until the first one serves.
        """
        deployed = Deployed.read(self._home)
        return (self._gateway(deployed), self._lambda_host(deployed))

    def greeting(self, running: Mapping[str, Running]) -> str:
        """What is said once it serves."""
        api = self._engine.api_url(Deployed.read(self._home).api_id)
        where = {
            "gateway": f"{self._gateway_url}   console: /   API: /docs   records: POST /records",
            "lambda": f"{api}/records   the same through HTTP API and Lambda handler",
            "engine": f"{self._engine.url}   Kinesis, S3, SQS, CloudFormation",
            "firehose": "stream → landing bucket",
            "warehouse": f"{self._warehouse_url}   Snowflake",
            "snowpipe": "landing bucket → raw table",
        }
        table = "\n".join(f"  {name:<10} pid {running[name].pid:<8} {place}" for name, place in where.items())
        return GREETING.format(table=table, url=self._gateway_url, state=self._home.path)

    def stop_listening(self) -> None:
        """Give the gateway's port back."""
        self._listener.close()

    def _firehose(self, deployed: Deployed) -> Command:
        parameters = {
            "StreamArn": deployed.stream_arn,
            "LandingBucketArn": deployed.landing_bucket_arn,
            "LandingPrefix": deployed.landing_prefix,
            "DataKeyArn": deployed.data_key_arn,
            "Stage": STAGE,
        }
        arguments = ["--template", str(self._shipped.templates / "delivery.yaml")]
        for name, value in parameters.items():
            arguments += ["--parameter", f"{name}={value}"]
        return self._python("firehose", arguments, started, grace_seconds=FIREHOSE_GRACE_SECONDS)

    def _snowpipe(self, deployed: Deployed) -> Command:
        arguments = ["--warehouse", self._warehouse_url, "--queue-url", deployed.queue_url]
        arguments += ["--bucket", deployed.landing_bucket, "--prefix", deployed.landing_prefix]
        arguments += ["--sql", str(self._shipped.sql)]
        return self._python("snowpipe", arguments, started)

    def _lambda_host(self, deployed: Deployed) -> Command:
        arguments = ["--port", _port(self._lambda_url), "--function", deployed.function_name]
        arguments += ["--set", f"SLUICE_RECEIPT_FILE={self._home.receipts}"]
        arguments += ["--set", f"SLUICE_SCHEMAS_URI={_schemas_uri()}"]
        ready = port_accepts(self._lambda_url)
        return self._python("lambda", arguments, ready, module="lambda_host", url=self._lambda_url)

    def _gateway(self, deployed: Deployed) -> Command:
        settings = {
            "SLUICE_AUTH": "none",
            "SLUICE_STREAM_NAME": deployed.stream_name,
            "SLUICE_ERROR_BUCKET": deployed.error_bucket,
            "SLUICE_RECEIPT_FILE": str(self._home.receipts),
            "SLUICE_SCHEMAS_URI": _schemas_uri(),
            "SLUICE_LOCAL_WAREHOUSE_URL": self._warehouse_url,
        }
        return self._python(
            "gateway",
            ["--fd", str(self._listener.fileno())],
            http_answers(self._gateway_url, "/ready"),
            url=self._gateway_url,
            extra=settings,
            grace_seconds=GATEWAY_GRACE_SECONDS,
            descriptors=(self._listener.fileno(),),
        )

    def _python(  # noqa: PLR0913
        self,
        name: str,
        arguments: Sequence[str],
        ready: Probe,
        *,
        module: str | None = None,
        url: str | None = None,
        extra: Mapping[str, str] | None = None,
        grace_seconds: float = 2.0,
        descriptors: Sequence[int] = (),
    ) -> Command:
        return Command(
            name,
            [sys.executable, "-m", f"local_pipeline.{module or name}", *arguments],
            environment_of(self._engine, self._home) | dict(extra or {}),
            ready,
            url=url,
            grace_seconds=grace_seconds,
            descriptors=(self._lock.descriptor, *descriptors),
        )


def environment_of(engine: Engine, home: Home) -> dict[str, str]:
    """What every process of a pipeline is started with: the user's environment, without what leads elsewhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(DROPPED)}
    return kept | {
        **engine.client_environment,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": "*",
        "PYTHONUNBUFFERED": "1",
        "SLUICE_HOME": str(home.path),
        "TMPDIR": str(home.temporary),
    }


def free_ports(count: int) -> list[int]:
    """Ports on 127.0.0.1 that are free now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _port(url: str) -> str:
    return url.rsplit(":", 1)[1]
