"""A short fuzzing of every target, always with the same inputs; `make fuzz` goes on from there, guided by coverage.

Whether the targets see anything is seen with mistakes that a decoder or a judge could well have.
"""

import re
import zlib
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import pytest

from app import content, decompression, draining, envelope, framing, judging, quick_json, strict_json, validation
from app.content import Encoding
from app.exceptions import EmptyBody, UndecodableBody
from ops.replay import json_text
from tests.fuzz import __main__ as command
from tests.fuzz import targets, worker
from tests.fuzz.targets import TARGETS, try_out

SEED = 20261123
INPUTS = 2_000


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_is_bad(name: str) -> None:
    for data in islice(worker.inputs(name, SEED), INPUTS):
        try_out(name, data)


def test_the_command_knows_every_target() -> None:
    assert tuple(TARGETS) == command.TARGETS


def _half_members(body: bytes, encoding: Encoding, max_bytes: int) -> bytes:
    """The first member only."""
    if encoding is not Encoding.GZIP:
        return decompression.decompress(body, encoding, max_bytes)
    try:
        return zlib.decompressobj(31).decompress(body, max_bytes)
    except zlib.error as error:
        raise UndecodableBody("broken") from error


def _no_lone_surrogates(_: bytes) -> None:
    return None


def _keys_as_written(raw: bytes, value: object) -> bool:
    return raw.count(b":") != orjson.dumps(value).count(b":")


def _newline_left(self: envelope.StreamLines, index: int, payload: bytes) -> bytes:
    return self._form % (index, payload)


def _first_key(self: json_text.Container, step: str) -> list[int]:
    return [place for place, member in enumerate(self.members) if member.key == step][:1]


MISTAKES: dict[str, tuple[str, object, str, Any]] = {
    "members behind the first are dropped": ("decoding", targets, "decompress", _half_members),
    "the cap is not looked at": ("decoding", decompression, "_check_size", lambda *_: None),
    "carriage returns end lines": (
        "framing",
        framing,
        "_split_lines",
        lambda body, _: [line for line in re.split(rb"[\r\n]", body) if line.strip()],
    ),
    "one record too many": ("framing", framing, "_too_many", lambda _: EmptyBody("")),
    "keys are compared as written": ("judging", validation, "could_have_duplicates", _keys_as_written),
    "keys of several are compared as written": ("judging", judging, "could_have_duplicates", _keys_as_written),
    "one level too deep": ("judging", validation, "MAX_DEPTH", 501),
    "lone surrogates": ("scanning", strict_json, "find_lone_surrogate", _no_lone_surrogates),
    "NaN": ("scanning", quick_json, "_refuse_constant", float),
    "newlines stay": ("storing", envelope.StreamLines, "line", _newline_left),
    "any line is a stream line": ("draining", draining, "judge", lambda raw, *_: validation.Accepted(raw, 1)),
    "parameters are searched for": ("headers", content, "PARAMETER", re.compile(r"([^\s;=]+)\s*=\s*([^;]*)")),
    "the first of two keys": ("replaying", json_text.Container, "positions", _first_key),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_found(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, place, attribute, wrong = MISTAKES[mistake]
    monkeypatch.setattr(place, attribute, wrong)
    if place is content:
        monkeypatch.setattr(targets, attribute, wrong)
    assert _first_bad(name) is not None


def _first_bad(name: str) -> BaseException | None:
    for data in islice(worker.inputs(name, SEED), 4 * INPUTS):
        try:
            try_out(name, data)
        except Exception as error:  # noqa: BLE001  whatever a mistake raises
            return error
    return None


def test_a_bad_input_is_kept_and_can_be_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(validation, "MAX_DEPTH", 501)
    bad = b"\2" + b'{"id":' + b"[" * 500 + b"]" * 500 + b"}"
    with pytest.raises(AssertionError):
        worker.guarded("judging")(bad)
    [file] = (tmp_path / ".fuzz" / "found").iterdir()
    assert file.read_bytes() == bad
    assert f"again: make fuzz TARGETS=judging INPUT=.fuzz/found/{file.name}" in capsys.readouterr().out
