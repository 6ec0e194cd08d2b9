"""What the image's build leaves out of the installed packages."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import uvloop

from tests.support.processes import ROOT

STAYS = {
    "botocore/data/endpoints.json",
    "botocore/data/kinesis/2013-12-02/service-2.json.gz",
    "orjson/__init__.py",
    "orjson/testing.py",
    "orjson-3.dist-info/METADATA",
    "orjson-3.dist-info/entry_points.txt",
    "orjson-3.dist-info/licenses/LICENSE",
}
GOES = {
    "bin/uvicorn",
    "boto3/data/s3/resources-1.json",
    "boto3/examples/s3.rst",
    "botocore/data/ec2/2016-11-15/service-2.json.gz",
    "h11/tests/test_events.py",
    "orjson/__init__.pyi",
    "orjson-3.dist-info/RECORD",
}


@pytest.fixture(scope="module")
def prune() -> ModuleType:
    spec = importlib.util.spec_from_file_location("prune", ROOT / "infra/image/prune.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_only_what_nobody_reads_goes(prune: ModuleType, tmp_path: Path) -> None:
    for name in STAYS | GOES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    prune.prune(tmp_path)
    left = {str(path.relative_to(tmp_path)): path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {name: name for name in STAYS}


def test_an_extension_without_its_symbols_is_smaller_and_works(prune: ModuleType, tmp_path: Path) -> None:
    shutil.copytree(Path(uvloop.__file__).parent, tmp_path / "uvloop")
    library = next((tmp_path / "uvloop").glob("*.so"))
    library.write_bytes(library.read_bytes() + bytes(1_000_000))
    before = library.stat().st_size
    (tmp_path / "botocore" / "data").mkdir(parents=True)
    prune.prune(tmp_path)
    assert library.stat().st_size <= before - 1_000_000
    script = "import uvloop; uvloop.new_event_loop().close(); print(uvloop.__file__)"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path)  # noqa: S603
    assert done.stdout.startswith(str(tmp_path))


def test_what_is_no_elf_file_stays_as_it_is(prune: ModuleType) -> None:
    assert prune.loaded_part(b"GROUP ( libc.so.6 )") == b"GROUP ( libc.so.6 )"
