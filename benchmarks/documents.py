"""Texts that are made, between marks in files that people write."""

from pathlib import Path

from benchmarks.picture import draw
from benchmarks.places import PICTURE, README, REPORT
from benchmarks.report import report, short
from benchmarks.results import Results

MARK = "bench"


class NoMarks(Exception):
    """A file has no place for the text."""


def write_report(found: Results) -> None:
    """docs/benchmarks.md and its picture."""
    replace_between_marks(REPORT, report(found))
    PICTURE.write_text(draw(found), encoding="utf-8")


def write_readme(found: Results) -> None:
    """The README's table."""
    replace_between_marks(README, short(found))


def replace_between_marks(path: Path, text: str) -> None:
    """Put `text` between `<!-- bench -->` and `<!-- /bench -->`.

    Raises:
        NoMarks: they are not there.
    """
    start, end = f"<!-- {MARK} -->", f"<!-- /{MARK} -->"
    before, found, rest = path.read_text(encoding="utf-8").partition(start)
    _, ends, after = rest.partition(end)
    if not found or not ends:
        raise NoMarks(f"{path} has no {start} and {end}")
    path.write_text(f"{before}{start}\n{text}\n{end}{after}", encoding="utf-8")
