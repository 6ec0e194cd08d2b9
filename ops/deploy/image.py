"""The gateway's image: built by whatever builds images here, pushed to ECR, known by its digest."""

import base64
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import ClientError

from ops.deploy.errors import ImageError
from ops.deploy.surroundings import ROOT

if TYPE_CHECKING:
    from mypy_boto3_ecr import ECRClient

BUILDERS = ("docker", "podman", "buildah")
PLATFORMS = {"x86_64": "linux/amd64", "arm64": "linux/arm64"}
BUILD = "infra/image/build.sh"
CONTENT = (
    "Dockerfile",
    ".dockerignore",
    BUILD,
    "app",
    "infra/image/entrypoint.sh",
    "infra/image/prune.py",
    "requirements/gateway.txt",
    "schemas",
)
"""What the image is made of; a test holds it against the Dockerfile's COPY lines."""


class Run(Protocol):
    """Runs a command with its output shown to the user."""

    def __call__(
        self, command: Sequence[str], *, stdin: str = "", environment: Mapping[str, str] | None = None
    ) -> None:
        """
        Args:
            stdin: given to the command; the way for a password, which nobody sees in the list of processes.

        Raises:
            ImageError: it failed.
        """


class BuilderPublisher:
    """Builds with docker, podman or buildah and pushes with the credentials that ECR gives the user for 12 hours.

    Those credentials are taken away from the builder's own store at the end.
    """

    def __init__(  # noqa: PLR0913
        self,
        ecr: "ECRClient",
        architecture: str,
        builder: str | None = None,
        run: "Run | None" = None,
        root: Path = ROOT,
        *,
        rebuilt_at: datetime | None = None,
    ) -> None:
        """
        Args:
            architecture: as in parameter Architecture of gateway.yaml, one of PLATFORMS.
            builder: one of BUILDERS; None takes the first that is installed.
            rebuilt_at: builds even what is there, since the base image, which the tag does not tell, may have changed;
                the time, in UTC.

        Raises:
            ImageError: nothing is built for such an architecture.
        """
        self._ecr = ecr
        if architecture not in PLATFORMS:
            raise ImageError(f"Architecture is one of {', '.join(PLATFORMS)}, not {architecture!r}")
        self._platform = PLATFORMS[architecture]
        self._builder = builder
        self._run = run or run_visibly
        self._root = root
        self._rebuilt_at = rebuilt_at

    def publish(self, repository_uri: str, say: Callable[[str], None]) -> str:
        """The image's URI by digest. One of the same content that is in the repository is not built again.

        A rebuilt one has the time in its tag, since tags are immutable; of those of the same content the newest counts.
        """
        registry, _, repository = repository_uri.partition("/")
        tag = f"{content_tag(self._root)}-{self._platform.rpartition('/')[2]}"
        if self._rebuilt_at:
            tag += f"-{self._rebuilt_at:%Y%m%dT%H%M%SZ}"
        elif newest := self._newest(repository, tag):
            say(f"    {repository}:{newest[0]} is there already; --rebuild builds it again, on the newest base image")
            return f"{repository_uri}@{newest[1]}"
        builder = self._builder or installed_builder()
        image = f"{repository_uri}:{tag}"
        self._run(
            [str(self._root / BUILD), image, "--pull=true"],
            environment={"BUILDER": builder, "PLATFORM": self._platform},
        )
        user, password = self._credentials()
        self._run([builder, "login", "--username", user, "--password-stdin", registry], stdin=password)
        try:
            self._run([builder, "push", image])
        finally:
            self._run([builder, "logout", registry])
        if not (digest := self._digest(repository, tag)):
            raise ImageError(f"{image} was pushed, but the repository does not have it")
        return f"{repository_uri}@{digest}"

    def _credentials(self) -> tuple[str, str]:
        token = self._ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
        user, _, password = base64.b64decode(token).decode().partition(":")
        return user, password

    def _newest(self, repository: str, tag: str) -> tuple[str, str] | None:
        """Tag and digest, of `tag` and the rebuilt ones, which are this tag and a time."""
        pages = self._ecr.get_paginator("describe_images").paginate(
            repositoryName=repository, filter={"tagStatus": "TAGGED"}
        )
        images = (
            (each, image["imageDigest"])
            for page in pages
            for image in page["imageDetails"]
            for each in image["imageTags"]
        )
        return max((found for found in images if found[0] == tag or found[0].startswith(f"{tag}-")), default=None)

    def _digest(self, repository: str, tag: str) -> str | None:
        try:
            found = self._ecr.describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])
        except ClientError as error:
            if error.response["Error"].get("Code") == "ImageNotFoundException":
                return None
            raise
        return next((image["imageDigest"] for image in found["imageDetails"]), None)


def content_tag(root: Path) -> str:
    """`content-` and a hash of the files that the image is made of, by path and bytes."""
    digest = sha256()
    for entry in CONTENT:
        path = root / entry
        files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
        for file in files:
            if "__pycache__" not in file.parts:
                digest.update(f"{file.relative_to(root)}\0".encode() + sha256(file.read_bytes()).digest())
    return f"content-{digest.hexdigest()[:16]}"


def installed_builder() -> str:
    """The first of BUILDERS that is installed and runs.

    Raises:
        ImageError: none is.
    """
    found = next((builder for builder in BUILDERS if _works(builder)), None)
    if found is None:
        raise ImageError(
            f"none of {', '.join(BUILDERS)} is installed and runs; for an image that is there: --image URI"
        )
    return found


def _works(builder: str) -> bool:
    """Docker's client alone is not enough: its daemon has to answer."""
    if shutil.which(builder) is None:
        return False
    asked = subprocess.run([builder, "info"], capture_output=True, check=False)  # noqa: S603
    return asked.returncode == 0


def run_visibly(command: Sequence[str], *, stdin: str = "", environment: Mapping[str, str] | None = None) -> None:
    """Run a command; its output goes where ours does."""
    done = subprocess.run(  # noqa: S603
        command, input=stdin, text=True, check=False, env={**os.environ, **(environment or {})}
    )
    if done.returncode != 0:
        raise ImageError(f"{' '.join(command[:2])} ended with status {done.returncode}")
