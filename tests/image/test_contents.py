"""What is in the image that we ship, and what is not."""

import re
import subprocess
import tarfile
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from app import __version__
from tests.image.buildah import Buildah, entries
from tests.image.context import LITTER
from tests.support.processes import ROOT

MAX_LAYERS_BYTES = 60_000_000
SERVICES = {"kinesis", "s3", "secretsmanager", "sts"}
UNCHECKED_HASH = (1).to_bytes(4, "little")  # PEP 552: bit 0 says hash-based, bit 1 would say checked
IMPORT_AND_LIST = """
import pathlib
def bytecode():
    return {(str(path), path.stat().st_mtime_ns) for path in pathlib.Path("/var/task").rglob("*.pyc")}
before = bytecode()
import app.lambda_handler, app.main, app.http_protocol, uvloop
app.main.create_app().openapi()
assert before and bytecode() == before, sorted(bytecode() ^ before)
"""

Files = dict[str, tuple[tarfile.TarInfo, bytes]]


@pytest.fixture(scope="module")
def ours(storage: Buildah, image: str) -> list[Path]:
    """The layers on top of the base's."""
    layers = storage.layers(image)
    assert len(layers) > 1
    return layers[1:]


@pytest.fixture(scope="module")
def files(ours: list[Path]) -> Files:
    """What our layers hold, by path; folders too."""
    return {entry.name: (entry, content) for entry, content in entries(ours)}


def test_it_is_small(ours: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    size = sum(layer.stat().st_size for layer in ours)
    with capsys.disabled():
        print(f"\nour layers: {size / 1e6:.1f} MB uncompressed")
    assert size < MAX_LAYERS_BYTES


def test_it_runs_as_nobody_and_says_what_it_is(storage: Buildah, image: str) -> None:
    config = storage.config(image)
    assert config.user == "65534:65534"
    assert config.command == ["app.lambda_handler.handler"]
    assert config.labels["org.opencontainers.image.title"] == "sluice"
    assert config.labels["org.opencontainers.image.version"] == __version__
    assert "org.opencontainers.image.revision" in config.labels


def test_only_our_files_are_on_top_of_the_base(files: Files) -> None:
    outside = {name for name, (entry, _) in files.items() if not name.startswith("var/task/") and not entry.isdir()}
    assert outside == {"sluice-entrypoint.sh"}


def test_whoever_runs_it_may_read_all_and_write_nothing(files: Files) -> None:
    needed = {name: 0o555 if entry.isdir() else 0o444 for name, (entry, _) in files.items() if "var/task/" in name}
    assert {name for name, mode in needed.items() if files[name][0].mode & mode != mode} == set()
    assert {name for name, (entry, _) in files.items() if entry.mode & 0o022 and "var/task" in name} == set()
    assert files["sluice-entrypoint.sh"][0].mode & 0o7777 == 0o755


def test_it_has_the_gateway_s_dependencies_and_no_others(files: Files) -> None:
    pinned = re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements" / "gateway.txt").read_text(), re.MULTILINE)
    found = {match[1] for name in files if (match := re.match(r"var/task/([^/]+)-[^/-]+\.dist-info/METADATA$", name))}
    assert {re.sub(r"[-_.]+", "-", name).lower() for name in found} == set(pinned)


def test_botocore_knows_our_services_only(files: Files) -> None:
    data = [name.removeprefix("var/task/botocore/data/") for name in files if "/botocore/data/" in name]
    assert {name.partition("/")[0] for name in data if "/" in name} == SERVICES
    assert {"endpoints.json", "partitions.json", "_retry.json", "sdk-default-configuration.json"} <= set(data)


def test_nothing_is_in_it_that_nobody_reads(files: Files) -> None:
    leftovers = re.compile(r"/(tests?|pip|examples)/|^var/task/bin/|/(RECORD|INSTALLER)$|\.(pyi|pyx|c|h)$")
    assert [name for name in files if leftovers.search(name)] == []
    assert [name for name in LITTER if f"var/task/{name}" in files] == []


def test_all_bytecode_is_in_it_and_never_stale(files: Files) -> None:
    sources = [name for name in files if name.endswith(".py")]
    assert len(sources) > 500
    stale = [name for name in sources if files[cache_from_source(name)][1][4:8] != UNCHECKED_HASH]
    assert stale == []


def test_even_root_writes_no_bytecode(storage: Buildah, container: str) -> None:
    settings = {"SLUICE_STREAM_NAME": "stream", "SLUICE_ERROR_BUCKET": "bucket", "SLUICE_AUTH": "none"}
    environment = {**settings, "AWS_DEFAULT_REGION": "eu-west-1"}
    command = [*storage.run_command(container, environment, user="0"), "python3", "-c", IMPORT_AND_LIST]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603
    assert done.returncode == 0, done.stderr
