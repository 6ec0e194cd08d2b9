"""The shipped image, built here without Docker. Not part of a plain run: `make image-test`, or pytest tests/image.

Needs root, Debian and its packages buildah and mmdebstrap, which are installed when missing. Where that cannot be had,
the tests are skipped, but with CI set they fail; an image that does not build fails everywhere.
"""

import os
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from tests.image.buildah import Buildah, CommandFailed, checked
from tests.image.context import copy_context
from tests.image.standin import DOCKERFILE, make_root
from tests.support.aws import moto_endpoint

HERE = Path(__file__).resolve().parent
TOOLS = ("buildah", "mmdebstrap")
IMAGE = "sluice"
STAND_IN = "stand-in"


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Collect these tests only when they are asked for by path."""
    asked = [(config.invocation_params.dir / name.partition("::")[0]).resolve() for name in config.args]
    return None if any(path == HERE or HERE in path.parents for path in asked) else True


def give_up(reason: str) -> NoReturn:
    """Skip, or in CI fail: there the image must be built."""
    if os.environ.get("CI"):
        pytest.fail(f"the image cannot be built in CI: {reason}", pytrace=False)
    pytest.skip(f"the image cannot be built on this machine: {reason}")


def install_tools() -> None:
    """Have what builds images; CommandFailed when it cannot be had."""
    if os.geteuid() != 0:
        raise CommandFailed("needs root")
    if not shutil.which("apt-get"):
        raise CommandFailed("needs Debian's apt-get")
    if missing := [tool for tool in TOOLS if not shutil.which(tool)]:
        checked(["apt-get", "update", "-qq"])
        checked(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing])


def make_stand_in(storage: Buildah) -> None:
    """Have the base image in `storage`, and run something in it; CommandFailed when that cannot be."""
    root = storage.folder / "root-of-stand-in"
    make_root(root)
    storage.build(root, STAND_IN, DOCKERFILE)
    shutil.rmtree(root)
    checked([*storage.run_command(storage.container(STAND_IN), {}), "/var/lang/bin/python3", "-c", "pass"])


@pytest.fixture(scope="session")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Buildah]:
    """Images of this session's own: the stand-in base is there."""
    try:
        install_tools()
    except CommandFailed as failure:
        give_up(str(failure))
    buildah = Buildah(tmp_path_factory.mktemp("buildah"))
    try:
        make_stand_in(buildah)
        yield buildah
    except CommandFailed as failure:
        give_up(str(failure))
    finally:
        buildah.remove_everything()


@pytest.fixture(scope="session")
def image(storage: Buildah, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The gateway's image, built by the shipped script from files that only their owner may read."""
    context = tmp_path_factory.mktemp("context")
    copy_context(context)
    checked(
        [
            "sh",
            str(context / "infra/image/build.sh"),
            IMAGE,
            *storage.build_options(),
            "--build-arg",
            f"BASE_IMAGE={STAND_IN}",
        ],
        {"BUILDER": " ".join(storage.command), "PLATFORM": f"linux/{machine()}"},
    )
    return IMAGE


def machine() -> str:
    """This machine's architecture, as images have it."""
    return {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]


@pytest.fixture(scope="session")
def container(storage: Buildah, image: str) -> str:
    """A container of the gateway's image."""
    return storage.container(image)


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """An AWS of the session's own."""
    with moto_endpoint() as url:
        yield url
