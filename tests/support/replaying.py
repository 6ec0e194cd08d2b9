"""`sluice replay` in processes of its own, over a bucket of rejected records, behind a proxy that can fail calls."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import Any

from app.registry import Registry
from tests.support.aws import Aws
from tests.support.fault_proxy import ProxyThread
from tests.support.processes import ROOT, clean_environment
from tests.support.rejected import FIX, KINDS, Kind, Planted, plant

RECORDS = int(os.environ.get("SLUICE_TEST_REPLAY_RECORDS", "1000"))
PER_OBJECT = 10
SECONDS = 60 + RECORDS / 50


@dataclass
class World:
    """A bucket with rejected records, a stream, a fix, and the command."""

    aws: Aws
    proxy: ProxyThread
    folder: Path
    schemas: Path
    planted: list[Planted] = field(default_factory=list)
    error_objects: dict[str, bytes] = field(default_factory=dict)

    def plant(self, kinds: Sequence[Kind], count: int, per_object: int = PER_OBJECT) -> None:
        registry = Registry.load(str(self.schemas))
        self.planted = plant(self.aws.s3, self.aws.bucket, registry, kinds, count, per_object)
        self.error_objects = self.objects("rejected/")

    def objects(self, prefix: str) -> dict[str, bytes]:
        read = self.aws.s3.get_object
        return {key: read(Bucket=self.aws.bucket, Key=key)["Body"].read() for key in self.aws.error_keys(prefix)}

    def start(
        self, *arguments: str, fix: str = FIX, stderr: int = subprocess.STDOUT, where: Sequence[str] = ()
    ) -> "subprocess.Popen[str]":
        (self.folder / "fix.yaml").write_text(fix)
        where = where or ["--stream", self.aws.stream, "--bucket", self.aws.bucket]
        rules = ["--schemas", str(self.schemas), "--fix", str(self.folder / "fix.yaml")]
        command = [sys.executable, "-m", "ops.cli", "replay", *where, *rules]
        return subprocess.Popen(  # noqa: S603
            [*command, *arguments],
            cwd=ROOT,
            env=clean_environment(self.aws.environment(self.proxy.url)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )

    def run(self, *arguments: str, fix: str = FIX, where: Sequence[str] = ()) -> tuple[int, str]:
        """Exit status, and what was printed."""
        process = self.start(*arguments, fix=fix, where=where)
        printed, _ = process.communicate(timeout=SECONDS)
        return process.returncode, printed

    def kill_when(self, look: Callable[[], object], *arguments: str) -> None:
        """Start it with --apply, and kill -9 as soon as `look` is true."""
        process = self.start("--apply", *arguments)
        try:
            give_up = time.monotonic() + SECONDS
            while not look():
                assert process.poll() is None, process.communicate()[0]
                assert time.monotonic() < give_up
                time.sleep(0.005)
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate()
        assert process.returncode == -signal.SIGKILL

    def marks(self) -> dict[str, list[dict[str, Any]]]:
        """Mark lines by ingest_id, in the order of their objects' keys."""
        found: dict[str, list[dict[str, Any]]] = {}
        for body in self.objects("replayed/").values():
            for line in body.splitlines():
                mark = json.loads(line)
                found.setdefault(mark["ingest_id"], []).append(mark)
        return found

    def good(self) -> set[str]:
        return {record.ingest_id for record in self.planted if record.mended is not None}

    def streamed(self) -> Counter[str]:
        return Counter(line.ingest_id for line in self.aws.lines())

    def assert_all_is_done(self) -> None:
        """Each record that the fix helps is in the stream as it should be and marked replayed once; each of the others
        is marked with its second attempt, once; the error objects are what they were."""
        marks = self.marks()
        assert set(marks) == {record.ingest_id for record in self.planted}
        for record in self.planted:
            assert len(marks[record.ingest_id]) == 1, (record, marks[record.ingest_id])
            [mark] = marks[record.ingest_id]
            assert mark["attempts"] == 2
            outcome = ("rejected", record.kind.result) if record.mended is None else ("replayed", None)
            assert (mark["outcome"], mark["reason"]) == outcome
        by_id = {record.ingest_id: record for record in self.planted}
        assert set(self.streamed()) == self.good()
        for line in self.aws.lines():
            record = by_id[line.ingest_id]
            assert line.payload == record.mended
            assert line.source == record.source
            assert line.received_at == record.received_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            assert line.schema == record.kind.schema
        assert self.objects("rejected/") == self.error_objects


def every_kind() -> list[Kind]:
    return list(KINDS.values())
