"""tests/image on a machine that cannot build images: a clear skip, but in CI a failure."""

import os
import shutil

import pytest

from tests.image.buildah import CommandFailed, checked
from tests.image.conftest import give_up, install_tools


def test_outside_ci_it_is_skipped_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="cannot be built on this machine: needs root"):
        give_up("needs root")


def test_in_ci_it_fails_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="cannot be built in CI: needs root"):
        give_up("needs root")


def test_without_tools_and_a_way_to_them_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(CommandFailed, match=r"needs (root|Debian's apt-get)"):
        install_tools()


def test_a_command_that_fails_is_told_with_its_last_words() -> None:
    shell = shutil.which("sh")
    assert shell
    with pytest.raises(CommandFailed, match="no such isolation"):
        checked([shell, "-c", "echo no such isolation >&2; exit 3"])
