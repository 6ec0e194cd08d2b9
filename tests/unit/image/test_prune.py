"""What the image's build leaves out of the installed packages."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import botocore
import botocore.session
import pytest
import uvloop
from botocore.config import Config
from botocore.loaders import Loader

from tests.support.processes import ROOT

STAYS = {
    "botocore/data/kinesis/2013-12-02/paginators-1.json",
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
    "botocore/data/kinesis/2013-12-02/examples-1.json",
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
    make_data(tmp_path)
    prune.prune(tmp_path)
    left = {str(path.relative_to(tmp_path)): path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {name: name for name in STAYS} | {"botocore/data/endpoints.json": '{"partitions":[]}'}


def make_data(folder: Path) -> Path:
    """The least that botocore's data is."""
    data = folder / "botocore" / "data"
    data.mkdir(parents=True, exist_ok=True)
    (data / "endpoints.json").write_text('{"partitions": []}')
    return data


@pytest.fixture(scope="module")
def pruned(prune: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is left of the installed botocore's data."""
    folder = tmp_path_factory.mktemp("pruned")
    data, installed = make_data(folder), Path(botocore.__file__).parent / "data"
    for path in installed.iterdir():
        if path.is_file():
            shutil.copy(path, data)
    for service in (*prune.AWS_SERVICES, "sqs"):
        shutil.copytree(installed / service, data / service)
    prune.prune(folder)
    return data


def client_of(service: str, region: str, data: Path | None = None, *, fips: bool = False) -> Any:
    session = botocore.session.Session()
    if data is not None:
        loader = Loader(extra_search_paths=[str(data)], include_default_search_paths=False)
        session.register_component("data_loader", loader)
    return session.create_client(service, region, config=Config(use_fips_endpoint=fips))


@pytest.mark.parametrize("fips", [False, True])
@pytest.mark.parametrize("region", ["eu-west-1", "us-east-1", "us-gov-west-1", "cn-north-1", "mars-1"])
@pytest.mark.parametrize("service", ["kinesis", "s3", "secretsmanager", "sts"])
def test_our_services_are_found_where_they_were(pruned: Path, service: str, region: str, *, fips: bool) -> None:
    before, after = client_of(service, region, fips=fips), client_of(service, region, pruned, fips=fips)
    assert after.meta.endpoint_url == before.meta.endpoint_url
    assert after.meta.method_to_api_mapping == before.meta.method_to_api_mapping
    assert after.meta.region_name == before.meta.region_name


def test_models_lose_their_documentation_and_nothing_else(prune: ModuleType, pruned: Path) -> None:
    before = Loader().load_service_model("kinesis", "service-2")
    after = Loader([str(pruned)], include_default_search_paths=False).load_service_model("kinesis", "service-2")
    assert before["operations"]["PutRecords"]["documentation"]
    assert after["operations"]["PutRecords"]["documentation"] == ""
    assert after == prune.undocumented(before)


def test_a_member_that_is_called_documentation_stays(prune: ModuleType) -> None:
    members = {"members": {"documentation": {"shape": "Text", "documentation": "What it is."}}}
    assert prune.undocumented([members]) == [{"members": {"documentation": {"shape": "Text", "documentation": ""}}}]


def test_an_extension_without_its_symbols_is_smaller_and_works(prune: ModuleType, tmp_path: Path) -> None:
    shutil.copytree(Path(uvloop.__file__).parent, tmp_path / "uvloop")
    library = next((tmp_path / "uvloop").glob("*.so"))
    library.write_bytes(library.read_bytes() + bytes(1_000_000))
    before = library.stat().st_size
    make_data(tmp_path)
    prune.prune(tmp_path)
    assert library.stat().st_size <= before - 1_000_000
    script = "import uvloop; uvloop.new_event_loop().close(); print(uvloop.__file__)"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path)  # noqa: S603
    assert done.stdout.startswith(str(tmp_path))


def test_what_is_no_elf_file_stays_as_it_is(prune: ModuleType) -> None:
    assert prune.loaded_part(b"GROUP ( libc.so.6 )") == b"GROUP ( libc.so.6 )"
