"""A landing file as COPY reads it: decompressed, split into lines, every line judged."""

import gzip
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from local_pipeline.refusals import Line, Refusal, read_line

GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class FileError:
    """The first of a file's errors, and how many there are. `line` counts from 1; 0 is the file as a whole."""

    message: str
    line: int
    count: int


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """What COPY made of a file. It loads as a whole or, with an error, not at all."""

    lines: Sequence[Line]
    parsed: int
    error: FileError | None


def parse_file(body: bytes, compression: str) -> ParsedFile:
    """Read a file. Blank lines are white space between values, and no rows."""
    try:
        text = _decompressed(body, compression)
    except (OSError, EOFError, zlib.error):
        return ParsedFile((), 0, FileError("Error decompressing the file", 0, 1))
    judged = [(number, read_line(line)) for number, line in enumerate(text.split(b"\n"), start=1) if line.strip()]
    refusals = [(number, refusal) for number, refusal in judged if isinstance(refusal, Refusal)]
    if refusals:
        number, first = refusals[0]
        error = FileError(f"{first.message} [{first.rule}: {first.source}]", number, len(refusals))
        return ParsedFile((), len(judged), error)
    return ParsedFile([line for _, line in judged if isinstance(line, Line)], len(judged), None)


def _decompressed(body: bytes, compression: str) -> bytes:
    if compression == "GZIP" or (compression == "AUTO" and body.startswith(GZIP_MAGIC)):
        return gzip.decompress(body)
    return body
