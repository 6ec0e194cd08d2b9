"""schemathesis over a running gateway: what is behind it, how it is called, and what was sent."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.api_fuzz.hooks import COUNT_FILE
from tests.support import processes
from tests.support.aws import make_aws, moto_endpoint
from tests.support.fault_proxy import running_proxy
from tests.support.faults import Fault, Rule
from tests.support.transports import UvicornClient, uvicorn_gateway

CONFIG = Path(__file__).with_name("schemathesis.toml")
KEY = "key-of-the-shop-0123456789"
SECONDS = 1_800.0
"""More than a round of some thousand requests takes."""


@dataclass(frozen=True)
class Pass:
    """One way to run the gateway.

    Attributes:
        settings: the gateway's, where they are not the usual ones.
        refusals: statuses by which it may refuse here what the document allows, and where 5xx, only here.
        has_key: AUTH=keys, and the requests carry one.
        failing: share of the calls to stream and bucket that fail.
    """

    name: str
    settings: Mapping[str, str] = field(default_factory=dict)
    refusals: tuple[str, ...] = ()
    has_key: bool = False
    failing: float = 0.0

    def rules(self) -> list[Rule]:
        """The stream is down and the bucket denies, as often as said."""
        faults = (("kinesis.*", Fault.ERROR), ("s3.*", Fault.DENY))
        return [Rule(calls, fault, probability=self.failing) for calls, fault in faults if self.failing]


_HURRIED = {"SLUICE_DELIVERY_TIMEOUT_SECONDS": "0.1"}
_FEW = json.dumps({"anonymous": {"requests_per_second": 5, "burst": 60}})
_NARROW = {"SLUICE_MAX_BODY_BYTES": "200", "SLUICE_MAX_RECORDS": "2", "SLUICE_SOURCE_LIMITS": _FEW}
_KEYED = {
    "SLUICE_AUTH": "keys",
    "SLUICE_API_KEYS": json.dumps({"shop": [hashlib.sha256(KEY.encode()).hexdigest()]}),
}
PASSES = {
    kind.name: kind
    for kind in (
        Pass("open"),
        Pass("keyed", _KEYED, has_key=True),
        Pass("limited", _NARROW, ("413", "429")),
        Pass("down", _HURRIED, ("503",), failing=1.0),
        Pass("flaky", _HURRIED, ("503",), failing=0.5),
    )
}


@dataclass(slots=True)
class Outcome:
    """What became of a pass: schemathesis' exit status (0 is no failure), its words, and the requests by answer."""

    status: int
    report: str
    sent: dict[str, int] = field(default_factory=dict)

    @property
    def requests(self) -> int:
        """How many were sent."""
        return sum(self.sent.values())


@contextmanager
def gateway(kind: Pass, folder: Path, factory: str = "app.main:create_app") -> Iterator[UvicornClient]:
    """A gateway for this pass, with a stream and a bucket of its own."""
    with ExitStack() as running:
        aws = make_aws(running.enter_context(moto_endpoint()))
        proxy = running.enter_context(running_proxy(aws.endpoint))
        environment = {"SLUICE_AUTH": "none", **aws.environment(proxy.url), **kind.settings}
        client = running.enter_context(uvicorn_gateway(environment, folder, factory))
        proxy.set_rules(kind.rules())
        yield client


@dataclass(frozen=True, slots=True)
class Effort:
    """Which requests to send: the document's examples, those that cover it, and drawn ones, at most so many to each
    operation."""

    examples: int
    seed: int
    phases: str = "examples,coverage,fuzzing"


def run(kind: Pass, client: UvicornClient, folder: Path, effort: Effort) -> Outcome:
    """Send requests and check the answers."""
    count = folder / "count.json"
    count.unlink(missing_ok=True)
    config = folder / "schemathesis.toml"
    config.write_text(CONFIG.read_text() + _differences(kind))
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run", "--no-color"]
    command += [f"--max-examples={effort.examples}", f"--seed={effort.seed}", f"--phases={effort.phases}"]
    command += [f"{client.url}/openapi.json"]
    environment = {
        "SCHEMATHESIS_HOOKS": "tests.api_fuzz.hooks",
        COUNT_FILE: str(count),
        "PYTHONPATH": str(processes.ROOT),
    }
    done = subprocess.run(  # noqa: S603
        command,
        cwd=folder,
        env=processes.clean_environment(environment),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    sent = json.loads(count.read_text()) if count.exists() else {}
    return Outcome(done.returncode, done.stdout + done.stderr, sent)


def _differences(kind: Pass) -> str:
    """What the checks expect. That only a schema may be answered with 404 is in the document."""
    foreseen = [status for status in kind.refusals if status.startswith("5")]
    expected = {
        "not_a_server_error": ["2xx", "4xx", *foreseen],
        "positive_data_acceptance": ["2xx", "404", *kind.refusals],
        "negative_data_rejection": ["207", "400", "401", "404", "415", "422", *kind.refusals],
    }
    lines = [f"[checks.{check}]\nexpected-statuses = {json.dumps(statuses)}" for check, statuses in expected.items()]
    if kind.has_key:
        lines.append(f"[auth.openapi.bearer]\nbearer = {json.dumps(KEY)}")
    return "\n".join([*lines, ""])
