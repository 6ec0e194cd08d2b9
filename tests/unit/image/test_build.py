"""Which builder infra/image/build.sh takes, and what it asks of it; builders are scripts that print their arguments."""

import os
import subprocess
from pathlib import Path

import pytest

from app import __version__
from tests.support.processes import ROOT

SCRIPT = ROOT / "infra/image/build.sh"
WORKS = '#!/bin/sh\n[ "$1 $2" = "buildx version" ] || [ "$1" = info ] || echo "$(basename "$0") $@"\n'
NO_DAEMON = '#!/bin/sh\n[ "$1" != info ] || exit 1\necho "$(basename "$0") $@"\n'


def build(
    folder: Path, builders: dict[str, str], *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the script where only `builders`, name to text, are installed."""
    for name in ("sh", "dirname", "basename", "sed", "git"):
        (folder / name).symlink_to(next(Path(at, name) for at in os.defpath.split(":") if Path(at, name).exists()))
    for name, text in builders.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return subprocess.run(  # noqa: S603
        ["/bin/sh", str(SCRIPT), *arguments],
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": str(folder), **variables},
    )


@pytest.mark.parametrize(
    ("builders", "begins"),
    [
        ({"docker": WORKS, "podman": WORKS}, "docker buildx build --provenance=false --load --platform linux/amd64"),
        ({"docker": NO_DAEMON, "podman": WORKS}, "podman build --format docker --platform linux/amd64"),
        ({"docker": NO_DAEMON, "buildah": WORKS}, "buildah build --format docker --platform linux/amd64"),
    ],
    ids=["docker", "podman", "buildah"],
)
def test_it_takes_what_works(tmp_path: Path, builders: dict[str, str], begins: str) -> None:
    done = build(tmp_path, builders, "sluice:dev", "--no-cache")
    assert done.stdout.startswith(begins), done.stderr
    assert " --tag sluice:dev " in done.stdout
    assert f"--label org.opencontainers.image.version={__version__} " in done.stdout
    assert "--label org.opencontainers.image.revision=" in done.stdout
    assert done.stdout.endswith(" --no-cache .\n")


def test_builder_and_platform_can_be_said(tmp_path: Path) -> None:
    done = build(
        tmp_path, {"docker": WORKS, "buildah": WORKS}, "t", BUILDER="buildah --root /x", PLATFORM="linux/arm64"
    )
    assert done.stdout.startswith("buildah --root /x build --format docker --platform linux/arm64 --tag t "), (
        done.stderr
    )


def test_without_a_builder_it_says_what_to_install(tmp_path: Path) -> None:
    done = build(tmp_path, {"docker": NO_DAEMON}, "sluice:dev")
    assert done.returncode == 1
    assert "needs docker (with its daemon running), podman or buildah" in done.stderr


def test_without_a_tag_it_says_how_it_is_used(tmp_path: Path) -> None:
    done = build(tmp_path, {})
    assert done.returncode == 2
    assert "TAG" in done.stderr
