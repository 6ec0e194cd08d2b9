"""One stub and one load generator for a whole run; rounds of load, each held against what the stub took."""

import http.client
import json
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks import results
from benchmarks.bodies import Shape
from benchmarks.job import Job, Tally
from benchmarks.places import BENCH_PYTHON
from benchmarks.results import Check, Results, Sample
from benchmarks.stub_aws import COUNTS, INSPECT, RESET
from benchmarks.subjects import FLOOR, Server
from tests.support import processes
from tests.support.memory import peak, resident

MIB = 1024 * 1024
CHECK_SECONDS = 0.3
LEAST_KEPT = 0.97
"""Of the bytes that the accepted records' lines have, by the lines of the check: numbers in them differ in length."""


class InvalidRun(Exception):
    """Its figures mean nothing: errors, lost records, or a machine that is busy with something else."""


class Bench:
    """Runs jobs and keeps what they show."""

    def __init__(self, stub_port: int, stub_pid: int, generator: "subprocess.Popen[bytes]", found: Results) -> None:
        self.stub_url = f"http://127.0.0.1:{stub_port}"
        self.found = found
        self._stub = http.client.HTTPConnection("127.0.0.1", stub_port)
        self._stub_pid = stub_pid
        self._generator = generator
        self._line_bytes: dict[tuple[str, Shape], float] = {}

    def close(self) -> None:
        """Leave the stub."""
        self._stub.close()

    def job(self, server: Server, **members: object) -> Job:
        """A job for a server."""
        return Job(port=server.port, pid=server.pid, stub=self._stub_pid, **members)  # type: ignore[arg-type]

    def check(self, part: str, case: str, server: Server, job: Job) -> None:
        """A short round in which every answer is read and every call to the stub looked into; it warms up, too.

        Raises:
            InvalidRun: accepted in the answers is not what was put.
        """
        checking = replace(job, seconds=CHECK_SECONDS, warm_up=0.0, rate=0.0, is_check=True)
        self._control(INSPECT)
        tally = self._run(server, checking)
        counts = self._control(COUNTS)
        if server.name != FLOOR:
            put = counts["records"], counts["object_lines"]
            if put != (tally.told, tally.answered * job.shape.bad) or tally.told != tally.answered * job.shape.accepted:
                raise InvalidRun(f"{server.name}: {tally.told} records answered as accepted, the stub has {counts}")
            check = Check(part, case, server.name, tally.told, counts["entries"], counts["units"])
            self.found.checks.append(check)
            self._line_bytes[server.name, job.shape] = counts["data_bytes"] / max(1, counts["records"])

    def measure(self, part: str, case: str, server: Server, job: Job) -> Tally:
        """A timed round, kept as a sample.

        Raises:
            InvalidRun: there were errors, or less was put than was accepted: bytes of lines, as the check of the same
                shape had them (without one, of the records), or lines of error objects.
        """
        self._control(RESET)
        tally = self._run(server, job)
        counts = self._control(COUNTS)
        line = self._line_bytes.get((server.name, job.shape), job.shape.size)
        least = tally.answered * job.shape.accepted * line * LEAST_KEPT
        is_lost = counts["data_bytes"] < least or counts["object_lines"] != tally.answered * job.shape.bad
        if server.name != FLOOR and (is_lost or counts["unknown"]):
            raise InvalidRun(f"{server.name}: {tally.answered} answers, but the stub has {counts}")
        if not tally.counted or not tally.milliseconds:
            raise InvalidRun(f"{server.name}, {part}, {case}: nothing was answered in {job.seconds} s")
        self.found.samples.append(Sample(part, case, server.name, _figures(job, tally, server.pid)))
        return tally

    def rate(self, server: Server, job: Job) -> float:
        """Requests a second in a round that is not kept.

        Raises:
            InvalidRun: there were errors, or no answer.
        """
        self._control(RESET)
        tally = self._run(server, job)
        if not tally.counted:
            raise InvalidRun(f"{server.name}: nothing was answered in {job.seconds} s")
        return tally.counted / tally.seconds

    def _run(self, server: Server, job: Job) -> Tally:
        stdin, stdout = self._generator.stdin, self._generator.stdout
        if stdin is None or stdout is None:
            raise InvalidRun("no load generator")
        stdin.write(job.line().encode())
        stdin.flush()
        line = stdout.readline()
        if not line:
            raise InvalidRun("the load generator ended")
        tally = Tally.read(line.decode())
        if tally.errors:
            raise InvalidRun(f"{server.name}: {tally.errors}")
        return tally

    def _control(self, path: bytes) -> dict[str, int]:
        self._stub.request("GET", path.decode())
        counts: dict[str, int] = json.loads(self._stub.getresponse().read())
        return counts


def _figures(job: Job, tally: Tally, pid: int) -> dict[str, float]:
    milliseconds = tally.milliseconds
    return {
        results.CPU: tally.cpu / tally.counted / job.shape.records * 1e6,
        results.RATE: tally.counted / tally.seconds,
        results.P50: milliseconds["p50"],
        results.P99: milliseconds["p99"],
        results.P999: milliseconds["p99.9"],
        results.RESIDENT: resident(pid) / MIB,
        results.PEAK: peak(pid) / MIB,
        "due_rate": job.rate,
        "cores": tally.cpu / tally.seconds,
        "generator_cores": tally.generator,
        "stub_cores": tally.stub,
        "other_cores": tally.others,
    }


@contextmanager
def bench(found: Results, folder: Path, latency_ms: float = 0.0, python: Path = BENCH_PYTHON) -> Iterator[Bench]:
    """The stub and the load generator for as long as the block lasts; `folder` takes what they print."""
    with (folder / "stub.log").open("wb") as stub_log, (folder / "load.log").open("wb") as load_log:
        command = [str(python), "-m", "benchmarks.stub_aws", str(latency_ms)]
        stub = processes.start(command, {}, stub_log, piped=True)
        generator = processes.start([str(python), "-m", "benchmarks.load"], {}, load_log, piped=True)
        try:
            port = stub.stdout.readline() if stub.stdout else b""
            if not port:
                raise InvalidRun(f"the stub did not start: {(folder / 'stub.log').read_text()}")
            running = Bench(int(port), stub.pid, generator, found)
            with closing(running):
                yield running
        finally:
            processes.stop(generator)
            processes.stop(stub)
