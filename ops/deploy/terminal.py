"""The person at the terminal."""

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from ops.deploy.surroundings import ROOT


def say(text: str) -> None:
    """Print at once."""
    print(text, flush=True)


def command(*words: str, scripts: Path | None = None) -> str:
    """A `sluice` command line that runs as it is printed, in the directory where this runs.

    Args:
        scripts: where `sluice` is installed; None is this interpreter's.
    """
    script = (scripts or Path(sys.prefix) / "bin") / "sluice"
    program = os.path.relpath(script) if script.is_relative_to(ROOT) else "sluice"
    return shlex.join([program, *words])


def stage_command(
    name: str, stage: str, overrides: Mapping[str, str], *words: str, connection: str | None = None
) -> str:
    """`command`, for a command on a stage with what such a command takes."""
    given = ["--connection", connection] if connection else []
    given += [word for variable, value in overrides.items() for word in ("--set", f"{variable}={value}")]
    return command(name, "--stage", stage, *given, *words)


class Answers:
    """Asks what was not answered on the command line. Nobody there, or the end of the input, is a no.

    Attributes:
        unanswered: subjects of the questions that nobody was there to answer.
    """

    def __init__(self, *, yes: bool = False, typed: Mapping[str, str] | None = None) -> None:
        """
        Args:
            yes: whether plain questions are agreed to beforehand.
            typed: what was typed beforehand, by subject.
        """
        self._yes = yes
        self._typed = typed or {}
        self.unanswered: list[str] = []

    def agrees(self, question: str) -> bool:
        """Whether the answer is y or yes."""
        return self._yes or _ask(f"{question} [y/N] ").lower() in {"y", "yes"}

    def types(self, subject: str, question: str, wanted: str) -> bool:
        """Whether the answer is exactly `wanted`. After another word, other than no, it is asked again."""
        if subject in self._typed:
            return self._typed[subject] == wanted
        if not sys.stdin.isatty():
            self.unanswered.append(subject)
        while (answer := _ask(f"{question} ")) != wanted:
            if answer.lower() in {"", "n", "no"}:
                return False
            say(f"That is not {wanted!r}. Type it, or nothing to keep it all.")
        return True


def _ask(question: str) -> str:
    if not sys.stdin.isatty():
        say(f"{question}(no terminal to ask at: no)")
        return ""
    try:
        return input(question).strip()
    except EOFError:
        return ""
