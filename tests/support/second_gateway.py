"""Another gateway of a running pipeline, started as a user starts one: by its settings, AWS's own variable for the
endpoint. Its receipts go into the pipeline's file."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from local_pipeline.engine import Engine
from tests.support.fault_proxy import ProxyThread, running_proxy
from tests.support.local_pipeline import LocalPipeline
from tests.support.transports import GatewayProcess


def environment_of(pipeline: LocalPipeline, endpoint: str, settings: Mapping[str, str]) -> dict[str, str]:
    """Its environment.

    Args:
        endpoint: of what stands between it and the engine.
        settings: more of them, or others.
    """
    deployed, engine_port = pipeline.deployed(), int(pipeline.engine_url.rpartition(":")[2])
    return {
        **Engine(engine_port, pipeline.home / "engine").client_environment,
        "AWS_ENDPOINT_URL": endpoint,
        "SLUICE_AUTH": "none",
        "SLUICE_STREAM_NAME": deployed["stream_name"],
        "SLUICE_ERROR_BUCKET": deployed["error_bucket"],
        "SLUICE_RECEIPT_FILE": str(pipeline.home / "receipts.ndjson"),
        **settings,
    }


@contextmanager
def behind_proxy(
    pipeline: LocalPipeline, folder: Path, settings: Mapping[str, str] | None = None, seed: int = 20261123
) -> Iterator[tuple[GatewayProcess, ProxyThread]]:
    """It, serving, and a proxy between it and the engine that fails nothing yet; what it logs goes to `folder`."""
    with running_proxy(pipeline.engine_url, seed) as proxy:
        gateway = GatewayProcess(environment_of(pipeline, proxy.url, settings or {}), folder)
        try:
            gateway.start()
            yield gateway, proxy
        finally:
            gateway.stop()
