"""The Dockerfile without building it: hadolint, and what it may copy. tests/image builds it."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.processes import ROOT
from tests.support.tools import tool

DOCKERFILE = (ROOT / "Dockerfile").read_text()
BAD = {
    "DL3006": (r"FROM \$\{BASE_IMAGE\} AS gateway", "FROM python AS gateway"),
    "DL3020": ("COPY app", "ADD app"),
    "DL3002": ("USER 65534:65534", "USER root"),
    "DL3042": ("--no-cache-dir ", ""),
    "DL3025": (r'CMD \["app.lambda_handler.handler"\]', "CMD app.lambda_handler.handler"),
}


def findings(dockerfile: str, folder: Path) -> str:
    """What hadolint has to say, one finding a line."""
    (folder / "Dockerfile").write_text(dockerfile)
    command = [str(tool("hadolint")), "--no-color", str(folder / "Dockerfile")]
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout  # noqa: S603


def test_hadolint_finds_nothing(tmp_path: Path) -> None:
    assert findings(DOCKERFILE, tmp_path) == ""


@pytest.mark.parametrize(("rule", "pattern", "bad"), [(rule, *change) for rule, change in BAD.items()], ids=BAD)
def test_hadolint_finds_what_was_planted(rule: str, pattern: str, bad: str, tmp_path: Path) -> None:
    weakened = re.sub(pattern, bad, DOCKERFILE)
    assert weakened != DOCKERFILE
    assert rule in findings(weakened, tmp_path)


def test_only_what_is_copied_gets_into_the_build(tmp_path: Path) -> None:
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    }
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert rules[0] == "*"
    assert {rule.removeprefix("!") for rule in rules if rule.startswith("!")} == copied
    assert all((ROOT / source).exists() for source in copied)


def test_buildah_of_debian_12_can_build_it() -> None:
    """Its 1.28 knows neither COPY --link nor here-documents."""
    assert "--link" not in DOCKERFILE
    assert "<<" not in DOCKERFILE


def test_it_builds_for_the_architecture_that_is_deployed() -> None:
    architecture = re.search(
        r"Architecture:.*?Default: (\S+)", (ROOT / "infra/cloudformation/gateway.yaml").read_text(), re.DOTALL
    )
    platform = re.search(r"PLATFORM:-linux/(\w+)", (ROOT / "infra/image/build.sh").read_text())
    assert architecture
    assert platform
    assert {"x86_64": "amd64", "arm64": "arm64"}[architecture[1]] == platform[1]
