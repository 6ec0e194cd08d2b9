"""Lambda functions as folders, and as processes under AWS's own runtime client: ours as in the image, and the peers.

Ours is what the Dockerfile makes: the gateway's packages, pruned, bytecode compiled without checks of its age, app/ and
schemas/, and its environment. The peers' packages are as pip installs them, their bytecode compiled. The runtime client
is a folder of its own, as in AWS's images.
"""

import hashlib
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from benchmarks.installing import NotInstalled, do
from benchmarks.places import BENCH_VENV, PEERS, ROOT, SCHEMAS
from benchmarks.subjects import NAIVE, OURS, POWERTOOLS, DidNotStart, settings
from tests.support import processes
from tests.support.runtime_api import RuntimeApi, runtime_api

FOLDER = BENCH_VENV / "functions"
INIT_SECONDS = 10.0
HANDLERS = {OURS: "app.lambda_handler.handler", NAIVE: "naive_lambda.handler", POWERTOOLS: "powertools.handler"}
_PEERS = {
    NAIVE: (("fastapi", "mangum", "boto3"), ("naive_lambda.py", "tutorial.py")),
    POWERTOOLS: (("aws-lambda-powertools", "boto3"), ("powertools.py",)),
}
_LINES = re.compile(r"^([a-z0-9][a-z0-9._-]*)==.*?(?=^[a-z0-9]|\Z)", re.MULTILINE | re.DOTALL)
_BOOTSTRAP = "import sys; from awslambdaric.__main__ import main; main(['bootstrap', sys.argv[1]])"
_PRUNE = ROOT / "infra" / "image" / "prune.py"


def install() -> None:
    """Make the folders that are not there, or were made from something else."""
    requirements = ROOT / "requirements"
    _folder("runtime", (requirements / "lambda-runtime.txt").read_text())
    _folder(OURS, (requirements / "gateway.txt").read_text(), _PRUNE)
    for part in ("app", "schemas"):
        shutil.rmtree(FOLDER / OURS / part, ignore_errors=True)
        shutil.copytree(ROOT / part, FOLDER / OURS / part, ignore=shutil.ignore_patterns("__pycache__"))
    bench = (requirements / "bench.txt").read_text()
    for name, (packages, files) in _PEERS.items():
        _folder(name, pins(bench, _with_dependencies(packages)))
        for file in files:
            shutil.copy(PEERS / file, FOLDER / name)
        _compile(*(FOLDER / name / file for file in files))
    _compile(FOLDER / OURS / "app")


@contextmanager
def started(name: str, stub_url: str, log: Path) -> Iterator[tuple[RuntimeApi, float]]:
    """A new container of a function; and the seconds from the start of its process to its first `GET …/next`."""
    where = os.pathsep.join(str(FOLDER / part) for part in (name, "runtime"))
    environment: Mapping[str, str] = {
        **settings(stub_url),
        "PYTHONPATH": where,
        "PYTHONNOUSERSITE": "1",
        "AWS_LAMBDA_FUNCTION_NAME": "bench",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/bench",
        "AWS_LAMBDA_LOG_STREAM_NAME": "local",
        "AWS_EXECUTION_ENV": "AWS_Lambda_Image",
        "SLUICE_METRICS": "cloudwatch",
        "SLUICE_SCHEMAS_URI": str(SCHEMAS),
        **(image_environment((ROOT / "Dockerfile").read_text()) if name == OURS else {}),
    }
    with runtime_api() as api, log.open("wb") as sink:
        began = time.clock_gettime(time.CLOCK_BOOTTIME)
        command = [_python(), "-P", "-c", _BOOTSTRAP, HANDLERS[name]]
        process = processes.start(command, {**environment, "AWS_LAMBDA_RUNTIME_API": api.address}, sink)
        try:
            if not api.wait_until_initialised(INIT_SECONDS) or api.initialised_at is None:
                raise DidNotStart(f"{name} asked for no event:\n{log.read_text(errors='replace')[-3000:]}")
            yield api, api.initialised_at - began
            api.close()
            process.wait(processes.STOP_SECONDS)
        finally:
            processes.stop(process)


def invoke(api: RuntimeApi, event: dict[str, object]) -> tuple[int, float]:
    """The status that the function answers, and the seconds that took."""
    began = time.perf_counter()
    answer = json.loads(api.invoke(event))
    return int(answer["statusCode"]), time.perf_counter() - began


def _python() -> str:
    """Without an environment's packages, as in the image."""
    return str(Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}"))


def _folder(name: str, requirements: str, prune: Path | None = None) -> None:
    """Install into a folder, unless it was made from the same texts."""
    folder, stamp = FOLDER / name, FOLDER / f"{name}.made-from"
    texts = [sys.version, requirements, prune.read_text() if prune else ""]
    made_from = hashlib.sha256("\n".join(texts).encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == made_from:
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    listed = FOLDER / f"{name}.txt"
    listed.write_text(requirements)
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--no-deps"]
    command += ["--no-compile", "--require-hashes", "--only-binary", ":all:", "--target", str(folder)]
    do(f"pip install, {name}", [*command, "--requirement", str(listed)])
    if prune:
        do(f"{prune.name}, {name}", [sys.executable, str(prune), str(folder)])
    _compile(folder)
    stamp.write_text(made_from)


def _compile(*paths: Path) -> None:
    command = [_python(), "-m", "compileall", "-q", "-f", "--invalidation-mode", "unchecked-hash", *map(str, paths)]
    do("compileall", command)


def image_environment(dockerfile: str) -> dict[str, str]:
    """What the last stage of a Dockerfile sets by ENV NAME=VALUE …"""
    last = re.split(r"^FROM ", dockerfile, flags=re.MULTILINE)[-1]
    return dict(re.findall(r"(\w+)=(\S+)", " ".join(re.findall(r"^ENV (.+)$", last, re.MULTILINE))))


def pins(compiled: str, names: Iterable[str]) -> str:
    """The lines of compiled requirements, hashes and all, that are about some packages."""
    wanted = set(names)
    return "".join(found[0] for found in _LINES.finditer(compiled) if found[1] in wanted)


def _with_dependencies(names: Iterable[str]) -> set[str]:
    """Packages of `.venv-bench`, and what they depend on."""
    installed: dict[str, Distribution] = {
        canonicalize_name(each.metadata["Name"]): each
        for each in distributions(path=[str(path) for path in BENCH_VENV.glob("lib/python3*/site-packages")])
    }
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        if name not in installed:
            raise NotInstalled(f"{name} is not in .venv-bench (make bench puts it there)")
        found.add(name)
        for text in installed[name].requires or []:
            needed = Requirement(text)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                waiting.append(canonicalize_name(needed.name))
    return found
