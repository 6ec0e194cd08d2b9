"""Send the gateway many requests and see whether its memory stays flat.

`python -m tests.soak --requests 1000000`; Linux, for memory is read from /proc. Exit status 1: it did not, or an answer
or a count was wrong. The gateway is a process under uvicorn as users start it; clients and a stand-in for AWS are in
this one.
"""

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from tests.soak import report, traffic
from tests.soak.endpoint import Endpoint
from tests.support import memory, processes
from tests.support.aws import free_port
from tests.support.transports import UVICORN_OPTIONS, UvicornClient, wait_until_up

CONNECTIONS = 16
REQUESTS_A_CONNECTION = 500
SAMPLES = 200
LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n")
COUNTS = re.compile(rb'"accepted":(\d+),"rejected":(\d+)')


@dataclass
class Run:
    """What has happened so far."""

    requests: int
    pid: int
    port: int
    sent: int = 0
    answered: int = 0
    accepted: int = 0
    rejected: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    samples: list[report.Sample] = field(default_factory=list)


def environment(endpoint: Endpoint) -> Mapping[str, str]:
    """Settings of the gateway: everything that could remember something is on."""
    return {
        "SLUICE_STREAM_NAME": "soak",
        "SLUICE_ERROR_BUCKET": "soak-errors",
        "SLUICE_API_KEYS": json.dumps(traffic.HASHES),
        "SLUICE_MAX_BODY_BYTES": str(traffic.MAX_BODY_BYTES),
        "SLUICE_RATE_LIMIT_REQUESTS_PER_SECOND": "1000000",
        "AWS_ENDPOINT_URL": endpoint.url,
        "AWS_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


async def soak(requests: int) -> Run:
    """Start everything, send `requests`, end everything."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "--factory", "app.main:create_app", "--port", str(port)]
    command += [*UVICORN_OPTIONS, "--log-level", "warning", "--no-access-log"]
    nowhere = Path(os.devnull)  # a million receipts are half a gigabyte
    async with Endpoint().running() as endpoint:
        process = await asyncio.to_thread(start, command, environment(endpoint), nowhere)
        try:
            client = UvicornClient(f"http://127.0.0.1:{port}", process.pid)
            await asyncio.to_thread(wait_until_up, client, process, nowhere)
            run = Run(requests, process.pid, urlsplit(client.url).port or 0)
            await asyncio.gather(*(send(run) for _ in range(CONNECTIONS)))
        finally:
            await asyncio.to_thread(processes.stop, process)
        if (run.accepted, run.rejected) != (endpoint.streamed, endpoint.kept):
            run.wrong.append(
                f"answered {run.accepted} accepted and {run.rejected} rejected, stored {endpoint.streamed} and "
                f"{endpoint.kept}"
            )
        return run


def start(command: list[str], settings: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as sink:
        return processes.start(command, settings, sink)


async def send(run: Run) -> None:
    """Send requests until all are sent, over one connection after the other."""
    while run.sent < run.requests:
        reader, writer = await asyncio.open_connection("127.0.0.1", run.port)
        for _ in range(REQUESTS_A_CONNECTION):
            if run.sent >= run.requests:
                break
            number, run.sent = run.sent, run.sent + 1
            message, status = traffic.request(number)
            writer.write(message)
            head = await reader.readuntil(b"\r\n\r\n")
            length = LENGTH.search(head)
            assert length, head
            note(run, number, status, int(head[9:12]), await reader.readexactly(int(length[1])))
        writer.close()
        await writer.wait_closed()


def note(run: Run, number: int, wanted: int, status: int, answer: bytes) -> None:
    """Count an answer, and look at the memory now and then."""
    run.answered += 1
    run.statuses[status] += 1
    if status != wanted and len(run.wrong) < 10:
        run.wrong.append(f"request {number} was answered {status}, not {wanted}: {answer[:300]!r}")
    if counts := COUNTS.search(answer):
        run.accepted += int(counts[1])
        run.rejected += int(counts[2])
    if run.answered % max(1, run.requests // SAMPLES) == 0:
        run.samples.append(report.Sample(run.answered, memory.resident(run.pid)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak, print a table, and say by the exit status whether all was well."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--requests", type=int, default=1_000_000)
    options = parser.parse_args(arguments)
    started = time.monotonic()
    run = asyncio.run(soak(options.requests))
    seconds = time.monotonic() - started
    found = report.parts(run.samples, run.requests)
    statuses = ", ".join(f"{count:,} of {status}" for status, count in sorted(run.statuses.items()))
    sys.stdout.write(f"{run.answered:,} requests in {seconds:,.0f} s: {statuses}\n")
    sys.stdout.write(f"{run.accepted:,} records accepted, {run.rejected:,} rejected\n")
    sys.stdout.write(report.table(found) + "\n")
    for wrong in run.wrong:
        sys.stdout.write(f"wrong: {wrong}\n")
    return 1 if run.wrong or not report.is_flat(found) else 0


if __name__ == "__main__":
    sys.exit(main())
