"""What the gateway is measured against: it says what it does not do, and what it is made of is pinned."""

import json
import re
from pathlib import Path

import pytest

from benchmarks.functions import image_environment, pins
from benchmarks.places import PEERS, ROOT

SOURCES = [*(path for path in PEERS.glob("*.py") if path.stem != "__init__"), PEERS / "fastify" / "server.js"]
LOCK = (PEERS / "fastify" / "package-lock.json").read_text()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_each_says_what_it_does_and_what_it_does_not(path: Path) -> None:
    header = re.split(r'"""$|^import ', path.read_text().removeprefix('"""'), maxsplit=1, flags=re.MULTILINE)[0]
    assert re.search(r"\bDoes\b", header)
    assert re.search(r"\b[Dd]oes not:", header)


def test_node_packages_are_pinned_by_their_content_and_no_registry_is_named() -> None:
    packages = json.loads(LOCK)["packages"]
    assert len(packages) > 50
    assert [name for name, package in packages.items() if name and "integrity" not in package] == []
    assert "resolved" not in LOCK
    assert set(re.findall(r"https?://([^/\"]+)", LOCK)) <= {"github.com", "opencollective.com", "paulmillr.com"}


def test_ours_has_the_environment_of_the_image() -> None:
    found = image_environment((ROOT / "Dockerfile").read_text())
    assert found["PYDANTIC_DISABLE_PLUGINS"] == "__all__"
    assert image_environment("FROM a AS one\nENV A=1\nFROM b\nENV B=2 C=x/y\nRUN D=4\nENV E=5\n") == {
        "B": "2",
        "C": "x/y",
        "E": "5",
    }


def test_pins_of_some_packages_keep_their_hashes_and_leave_the_others() -> None:
    compiled = (ROOT / "requirements" / "bench.txt").read_text()
    found = pins(compiled, ["boto3", "six"])
    assert re.findall(r"^([a-z0-9-]+)==", found, re.MULTILINE) == ["boto3", "six"]
    assert found.count("--hash=sha256:") == 4
