"""buildah with a storage of its own in one folder: build, look into, run. Nothing of the machine's own is touched.

Chroot isolation with the host's network, the only one that works inside a container without privileges; so a container
sees the host's loopback and processes, and nothing limits its memory.
"""

import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tests.support.processes import ROOT

SECONDS = 170
MOUNTS = ("/etc/ssl/certs", "/etc/resolv.conf")


class CommandFailed(Exception):
    """A command ended with an error; the message has its last words."""


@dataclass(frozen=True)
class Config:
    """What an image says of how to run it."""

    entrypoint: list[str]
    command: list[str]
    user: str
    working_folder: str
    labels: dict[str, str]


@dataclass(frozen=True)
class Buildah:
    """One storage, below `folder`."""

    folder: Path

    @property
    def command(self) -> list[str]:
        """The command with its global options."""
        storage = ["--root", str(self.folder / "root"), "--runroot", str(self.folder / "run")]
        return ["buildah", *storage, "--storage-driver", "vfs"]

    def do(self, *arguments: str) -> str:
        """Run a buildah command; its standard output."""
        return checked([*self.command, *arguments])

    def build(self, context: Path, tag: str, dockerfile: str) -> None:
        """Build an image of the files in `context` that `dockerfile`, a text, copies."""
        file = self.folder / f"{tag}.Dockerfile"
        file.write_text(dockerfile)
        self.do("build", *self.build_options(), "--format", "docker", "--tag", tag, "--file", str(file), str(context))

    def build_options(self) -> list[str]:
        """Options of a build on a machine like CI's."""
        mounts = [option for path in MOUNTS for option in ("--volume", f"{path}:{path}:ro")]
        return ["--isolation", "chroot", "--network", "host", "--pull-never", "--layers=false", *mounts]

    def config(self, image: str) -> Config:
        """The configuration of `image`."""
        found = json.loads(self.do("inspect", "--type", "image", image))["Docker"]["config"]
        return Config(
            found["Entrypoint"] or [], found["Cmd"] or [], found["User"], found["WorkingDir"], found["Labels"] or {}
        )

    def layers(self, image: str) -> list[Path]:
        """The layers of `image` as uncompressed tar files, the base's first."""
        folder = self.folder / "layers" / image
        folder.parent.mkdir(exist_ok=True)
        self.do("push", "--disable-compression", image, f"dir:{folder}")
        manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
        return [folder / layer["digest"].removeprefix("sha256:") for layer in manifest["layers"]]

    def container(self, image: str) -> str:
        """A container of `image` to run commands in; its name."""
        return self.do("from", "--pull-never", image).strip()

    def run_command(self, container: str, environment: Mapping[str, str], user: str | None = None) -> list[str]:
        """What runs the command appended to it in `container`, as the image's user unless told."""
        variables = [option for name, value in environment.items() for option in ("--env", f"{name}={value}")]
        as_user = [] if user is None else ["--user", user]
        isolation = ["--isolation", "chroot", "--network", "host"]
        return [*self.command, "run", *isolation, *as_user, *variables, container, "--"]

    @contextmanager
    def running(
        self,
        container: str,
        environment: Mapping[str, str],
        command: list[str],
        log: IO[bytes],
        user: str | None = None,
    ) -> Iterator[subprocess.Popen[bytes]]:
        """`command` in `container` while the context lasts; what it prints goes to `log`."""
        full = [*self.run_command(container, environment, user), *command]
        process = subprocess.Popen(full, stdin=subprocess.DEVNULL, stdout=log, stderr=log)  # noqa: S603
        try:
            yield process
        finally:
            if process.poll() is None:
                os.kill(innermost(process.pid), 15)
                process.wait(20)

    def remove_everything(self) -> None:
        """Give back the storage, unless something of the machine's own is still mounted in it."""
        self.do("rm", "--all")
        mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        assert not [place for place in mounted if Path(place).is_relative_to(self.folder)]
        shutil.rmtree(self.folder)


def innermost(pid: int) -> int:
    """The process at the end of the chain of only children that starts with `pid`: what the image itself runs."""
    while children := [child for task in Path(f"/proc/{pid}/task").iterdir() for child in _children(task)]:
        pid = children[0]
    return pid


def _children(task: Path) -> list[int]:
    try:
        return [int(child) for child in (task / "children").read_text().split()]
    except FileNotFoundError:  # a thread that has ended meanwhile
        return []


def entries(layers: list[Path]) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    """Every entry of some layers, with what a regular file holds."""
    for layer in layers:
        with tarfile.open(layer) as archive:
            for entry in archive:
                file = archive.extractfile(entry) if entry.isfile() else None
                yield entry, file.read() if file else b""


def checked(command: list[str], environment: Mapping[str, str] | None = None) -> str:
    """Run `command` in the repository's root; CommandFailed with its last words when it fails or takes too long."""
    try:
        done = subprocess.run(  # noqa: S603
            command,
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            check=True,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise CommandFailed(f"{error}\n{str(error.stderr)[-3000:]}") from None
    return done.stdout
