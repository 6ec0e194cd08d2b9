"""The gateway of one machine: the same app, with `/pipeline`, a console, a drain, and a readiness for it all."""

import argparse
import asyncio
import os
import socket
import sys
from collections.abc import Sequence

import boto3
import uvicorn
from fastapi import FastAPI

from app import main as gateway
from app.drain import Drain
from app.exceptions import ConfigurationError
from app.http_protocol import Http
from app.sinks.batching import Packing
from local_pipeline.deployed import STAGE, Deployed
from local_pipeline.drain import add_drain
from local_pipeline.home import Home, is_alive
from local_pipeline.ledger import Ledger
from local_pipeline.ledger_reader import LedgerReader, Sources
from local_pipeline.metrics import ServiceMetrics, delivered
from local_pipeline.pipeline import WORKERS, Pipeline, View
from local_pipeline.pipeline_api import add_console, add_pipeline
from local_pipeline.probes import http_answers
from local_pipeline.same_origin import guard_records
from local_pipeline.warehouse_client import WarehouseClient

KEEP_ALIVE_SECONDS = 75
SHUTDOWN_SECONDS = 4


def create_app() -> FastAPI:
    """The app for SLUICE_HOME; SLUICE_LOCAL_WAREHOUSE_URL says where the warehouse is."""
    home = Home.from_environment()
    warehouse_url = os.environ["SLUICE_LOCAL_WAREHOUSE_URL"]
    app = gateway.create_app()
    pipeline = Pipeline(lambda: open_view(home, warehouse_url))
    add_pipeline(app, pipeline)
    add_console(app)
    guard_records(app)
    app.state.metric_sources.append(lambda: pipeline.do(lambda view: view.services.read()))
    _add_readiness(app, home, warehouse_url, pipeline)
    settings = app.state.gateway.settings
    drain = Drain(
        boto3.Session(),
        settings.stream_name,
        settings.error_bucket,
        packing=Packing(settings.stream_lanes, settings.packing),
    )
    add_drain(app, drain, pipeline.undrained)
    return app


def open_view(home: Home, warehouse_url: str) -> View:
    """Open the ledger, and clients of the engine and of the warehouse."""
    deployed = Deployed.read(home)
    table = WarehouseClient(warehouse_url)
    sources = Sources(
        receipts=home.receipts,
        kinesis=boto3.client("kinesis"),
        stream_name=deployed.stream_name,
        s3=boto3.client("s3"),
        landing_bucket=deployed.landing_bucket,
        landing_prefix=deployed.landing_prefix,
        error_bucket=deployed.error_bucket,
        table=table,
    )
    ledger = Ledger(home.ledger)
    services = ServiceMetrics(
        kinesis=sources.kinesis,
        stream_name=deployed.stream_name,
        positions=delivered(home.path / "firehose" / "checkpoint.json", deployed.stream_arn),
        sqs=boto3.client("sqs"),
        queue_prefix=f"sluice-{STAGE}-",
        receipts=home.receipts,
        loads=table,
    )
    return View(home, ledger, sources, LedgerReader(ledger, sources), table, services)


def _add_readiness(app: FastAPI, home: Home, warehouse_url: str, pipeline: Pipeline) -> None:
    warehouse_answers = http_answers(warehouse_url, "/health")

    async def warehouse_is_up(_: float) -> bool:
        return await warehouse_answers()

    async def ledger_is_open(_: float) -> bool:
        return pipeline.is_open()

    async def workers_are_up(_: float) -> bool:
        running = await asyncio.to_thread(home.running)
        return all(name in running and is_alive(running[name].pid) for name in WORKERS)

    app.state.readiness_checks |= {
        "the warehouse": warehouse_is_up,
        "the ledger": ledger_is_open,
        "the Firehose and Snowpipe stand-ins": workers_are_up,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve on a listening socket that the supervisor hands down."""
    parser = argparse.ArgumentParser(prog="python -m local_pipeline.gateway")
    parser.add_argument("--fd", type=int, required=True, help="the listening socket")
    descriptor = parser.parse_args(arguments).fd
    try:
        app = create_app()
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    config = uvicorn.Config(
        app,
        http=Http,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=descriptor)])
    return 0


if __name__ == "__main__":
    sys.exit(main())
