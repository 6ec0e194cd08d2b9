"""Whatever JSON looks like, an edit changes what it says and nothing else."""

import json
from decimal import Decimal
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from app import strict_json
from ops.replay.casting import Kind, cast
from ops.replay.fix import Facts, Remove, Rename, Set
from ops.replay.json_text import is_json, take_apart
from tests.property.json_texts import KEYS, values

NO_FACTS: Facts = {}
ABSENT = ("a key that no generated object has",)
Pairs = list[tuple[str, Any]]


@st.composite
def objects(draw: st.DrawFn) -> tuple[bytes, list[tuple[str, str]]]:
    """An object's text and its members as written: key literal, value."""
    members = draw(st.lists(st.tuples(KEYS, values), max_size=5))
    written = [(f'"{key}"', value.decode()) for key, value in members]
    return ("{" + " ,".join(f"{key} : {value}" for key, value in written) + "}\n").encode(), written


@given(text=values)
def test_what_the_strict_reader_takes_can_be_edited(text: bytes) -> None:
    try:
        strict_json.read(text, 500)
    except strict_json.MalformedJsonError:
        assume(False)
    assert is_json(text.decode())


@given(generated=objects())
def test_all_members_keep_their_bytes(generated: tuple[bytes, list[tuple[str, str]]]) -> None:
    text, members = generated

    container = take_apart(text.decode())

    assert container is not None
    assert [(member.literal, member.text) for member in container.members] == [
        (key, value.strip(" \t\r\n")) for key, value in members
    ]


@given(generated=objects(), place=st.integers(0, 4))
def test_only_the_member_meant_is_touched(generated: tuple[bytes, list[tuple[str, str]]], place: int) -> None:
    text, members = generated
    assume(place < len(members))
    key = json.loads(members[place][0])
    meant = max(at for at, (literal, _) in enumerate(members) if json.loads(literal) == key)
    kept = [f"{literal}:{value.strip()}" for literal, value in _stripped(members)]

    renamed = Rename((key,), ABSENT[0]).apply(text, NO_FACTS)
    removed = Remove((key,)).apply(text, NO_FACTS)
    changed = Set((key,), "[7]").apply(text, NO_FACTS)

    value = _stripped(members)[meant][1]
    assert renamed.decode() == "{" + ",".join([*kept[:meant], f'"{ABSENT[0]}":{value}', *kept[meant + 1 :]]) + "}"
    assert removed.decode() == "{" + ",".join(kept[:meant] + kept[meant + 1 :]) + "}"
    assert changed.decode() == "{" + ",".join([*kept[:meant], f"{members[meant][0]}:[7]", *kept[meant + 1 :]]) + "}"


@given(text=values)
def test_a_path_that_leads_nowhere_changes_no_byte(text: bytes) -> None:
    for operation in (Remove(ABSENT), Rename(ABSENT, "id"), Set((*ABSENT, "x"), "1")):
        assert operation.apply(text, NO_FACTS) == text


@given(digits=st.from_regex(r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?", fullmatch=True))
def test_casts_keep_every_digit(digits: str) -> None:
    as_string = cast(digits, Kind.STRING)
    assert as_string == f'"{digits}"'
    assert cast(as_string, Kind.NUMBER) == digits
    whole = cast(digits, Kind.INTEGER)
    exact = Decimal(digits)
    assert (whole is not None) == (exact == exact.to_integral_value())
    if whole is not None:
        assert Decimal(int(whole)) == exact


def _stripped(members: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(literal, value.strip(" \t\r\n")) for literal, value in members]
