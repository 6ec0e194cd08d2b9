"""The image: built once per content, pushed with a password that stands in no command line, known by its digest."""

import base64
import shutil
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ops.deploy.errors import ImageError
from ops.deploy.image import BUILD, CONTENT, BuilderPublisher, content_tag
from tests.support.processes import ROOT

REPOSITORY = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/sluice-dev"
DIGEST = f"sha256:{'0' * 64}"
BEGAN = datetime(2026, 11, 1, 8, 30, tzinfo=UTC)


class FakeEcr:
    """A repository with immutable tags; a push is told to it, and the first image has DIGEST."""

    def __init__(self) -> None:
        self.digests: dict[str, str] = {}

    def push(self, tag: str) -> None:
        assert tag not in self.digests, "tags are immutable"
        self.digests[tag] = f"sha256:{len(self.digests):064x}"

    def get_paginator(self, operation: str) -> "FakeEcr":
        assert operation == "describe_images"
        return self

    def paginate(self, **_: object) -> Iterator[dict[str, Any]]:
        """A page for each image, the newest first."""
        for tag, digest in reversed(self.digests.items()):
            yield {"imageDetails": [{"imageTags": [tag], "imageDigest": digest}]}

    def describe_images(self, *, repositoryName: str, imageIds: list[dict[str, str]]) -> dict[str, Any]:  # noqa: N803
        assert repositoryName == "sluice-dev"
        if (tag := imageIds[0]["imageTag"]) not in self.digests:
            raise ClientError({"Error": {"Code": "ImageNotFoundException", "Message": ""}}, "DescribeImages")
        return {"imageDetails": [{"imageDigest": self.digests[tag]}]}

    def get_authorization_token(self) -> dict[str, Any]:
        return {"authorizationData": [{"authorizationToken": base64.b64encode(b"AWS:pass:word").decode()}]}


class FakeRun:
    """Remembers commands; a push reaches the repository, unless it fails."""

    def __init__(self, ecr: FakeEcr, *, push_fails: bool = False) -> None:
        self.commands: list[list[str]] = []
        self.inputs: list[str] = []
        self.environments: list[Mapping[str, str]] = []
        self._ecr = ecr
        self._push_fails = push_fails

    def __call__(
        self, command: Sequence[str], *, stdin: str = "", environment: Mapping[str, str] | None = None
    ) -> None:
        self.commands.append(list(command))
        self.inputs.append(stdin)
        self.environments.append(environment or {})
        if command[1] == "push":
            if self._push_fails:
                raise ImageError("docker push ended with status 1")
            self._ecr.push(command[2].rpartition(":")[2])


def publisher(ecr: FakeEcr, run: FakeRun, **changed: Any) -> BuilderPublisher:
    client: Any = ecr
    return BuilderPublisher(client, "x86_64", "docker", run, **changed)


def test_it_is_built_pushed_and_named_by_its_digest() -> None:
    ecr = FakeEcr()
    run = FakeRun(ecr)
    assert publisher(ecr, run).publish(REPOSITORY, print) == f"{REPOSITORY}@{DIGEST}"
    image = f"{REPOSITORY}:{content_tag(ROOT)}-amd64"
    registry = REPOSITORY.partition("/")[0]
    assert run.commands == [
        [str(ROOT / BUILD), image, "--pull=true"],
        ["docker", "login", "--username", "AWS", "--password-stdin", registry],
        ["docker", "push", image],
        ["docker", "logout", registry],
    ]
    assert run.inputs == ["", "pass:word", "", ""]
    assert run.environments[0] == {"BUILDER": "docker", "PLATFORM": "linux/amd64"}


def test_the_same_content_is_not_built_again() -> None:
    ecr = FakeEcr()
    publisher(ecr, FakeRun(ecr)).publish(REPOSITORY, print)
    again = FakeRun(ecr)
    assert publisher(ecr, again).publish(REPOSITORY, print) == f"{REPOSITORY}@{DIGEST}"
    assert again.commands == []


def test_a_rebuilt_one_has_a_tag_of_its_own_and_is_the_one_from_then_on(tmp_path: Path) -> None:
    ecr = FakeEcr()
    other = copied(tmp_path)
    (other / "app" / "main.py").write_text("")
    publisher(ecr, FakeRun(ecr), root=other, rebuilt_at=BEGAN + timedelta(days=1)).publish(REPOSITORY, print)
    first = publisher(ecr, FakeRun(ecr)).publish(REPOSITORY, print)
    run = FakeRun(ecr)
    rebuilt = publisher(ecr, run, rebuilt_at=BEGAN).publish(REPOSITORY, print)
    assert rebuilt != first
    assert run.commands[0][1:] == [f"{REPOSITORY}:{content_tag(ROOT)}-amd64-20261101T083000Z", "--pull=true"]
    newest = publisher(ecr, FakeRun(ecr), rebuilt_at=BEGAN + timedelta(hours=1)).publish(REPOSITORY, print)
    publisher(ecr, FakeRun(ecr), root=other, rebuilt_at=BEGAN + timedelta(days=2)).publish(REPOSITORY, print)
    again = FakeRun(ecr)
    said: list[str] = []
    assert publisher(ecr, again).publish(REPOSITORY, said.append) == newest != rebuilt
    assert again.commands == []
    assert "20261101T093000Z is there already" in said[0]


def test_the_password_is_forgotten_when_the_push_fails() -> None:
    ecr = FakeEcr()
    run = FakeRun(ecr, push_fails=True)
    with pytest.raises(ImageError, match="docker push ended"):
        publisher(ecr, run).publish(REPOSITORY, print)
    assert run.commands[-1][1] == "logout"


def copied(folder: Path) -> Path:
    for entry in CONTENT:
        (folder / entry).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / entry).is_dir():
            shutil.copytree(ROOT / entry, folder / entry, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(ROOT / entry, folder / entry)
    return folder


class ForgetfulEcr(FakeEcr):
    """Answers with no images instead of an error."""

    def describe_images(self, **_: object) -> dict[str, Any]:
        return {"imageDetails": []}


def test_a_pushed_image_that_is_not_there_is_one_line() -> None:
    ecr = ForgetfulEcr()
    with pytest.raises(ImageError, match="was pushed, but the repository does not have it"):
        publisher(ecr, FakeRun(ecr)).publish(REPOSITORY, print)


def test_an_architecture_that_nothing_is_built_for_is_one_line() -> None:
    client: Any = FakeEcr()
    with pytest.raises(ImageError, match="Architecture is one of x86_64, arm64, not 'arm'"):
        BuilderPublisher(client, "arm", "docker")


def test_the_tag_is_of_what_goes_into_the_image(tmp_path: Path) -> None:
    copy = copied(tmp_path)
    before = content_tag(copy)
    assert before == content_tag(ROOT)
    (copy / "app" / "__pycache__").mkdir()
    (copy / "app" / "__pycache__" / "main.pyc").touch()
    assert content_tag(copy) == before
    for name in ("app/main.py", "Dockerfile", "requirements/gateway.txt"):
        with (copy / name).open("a") as file:
            file.write("\n")
        assert content_tag(copy) != before, name
        before = content_tag(copy)


def test_all_that_the_dockerfile_copies_counts() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copies = [line.split()[1:-1] for line in lines if line.startswith("COPY") and "--from" not in line]
    assert {source for sources in copies for source in sources} <= set(CONTENT)
