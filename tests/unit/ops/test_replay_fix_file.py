"""What a fix file may say, and what is said of one that is wrong."""

from pathlib import Path

import pytest

from ops.replay.errors import FixFileError
from ops.replay.fix import Remove, Set
from ops.replay.fix_file import parse_fix, parse_path, read_fix, yaml_to_json


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not of the form"),
        ("- remove: /a", "not of the form"),
        ("operations: 7", "has to be a list"),
        ("operations: []\nother: 1", "not of the form"),
        ("operations: [7]", "operation 1: not an object"),
        ("operations: [{remove: /a}, {delete: /a}]", "operation 2: it has to be one of set, rename"),
        ("operations: [{remove: /a, set: /a}]", "operation 1: it has to be one of"),
        ("operations: [{remove: /a, value: 1}]", "operation 1: unknown here: value"),
        ("operations: [{remove: a}]", '"a" is no path'),
        ("operations: [{remove: ''}]", '"" is no path'),
        ("operations: [{remove: /a~2}]", "is no path"),
        ("operations: [{remove: 7}]", '"remove" has to be text'),
        ("operations: [{set: /a}]", '"value" is missing'),
        ("operations: [{set: /a, value: 1, from: source}]", "unknown here: value"),
        ("operations: [{set: /a, from: payload}]", '"from" is one of ingest_id, received_at, source'),
        ("operations: [{set: /a, value: 1, overwrite: no}]", '"overwrite" is true or false'),
        ("operations: [{cast: /a, to: float}]", '"to" is one of integer, number, string, boolean'),
        ("operations: [{cast: /a, to: string, otherwise: ignore}]", '"otherwise" is one of fail, leave, remove'),
        ("operations: [{replace_text: '', to: a}]", "has to be some text"),
        ("operations: [{remove: /a, remove: /b}]", "a key stands twice"),
        ("operations: [", "no YAML"),
        ("{[a]: 1}", "a key has to be text"),
        ("operations: &a [*a]", "nests too deep"),
    ],
)
def test_a_wrong_fix_says_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "fix.yaml"
    file.write_text(text)

    with pytest.raises(FixFileError) as refused:
        read_fix(file)

    assert said in str(refused.value)
    assert str(refused.value).startswith(str(file))


def test_json_and_yaml_say_the_same(tmp_path: Path) -> None:
    (tmp_path / "fix.json").write_text('{"operations": [{"set": "/a", "value": "\\ud83d\\ude00"}, {"remove": "/b"}]}')
    (tmp_path / "fix.yaml").write_text("operations:\n- {set: /a, value: 😀}\n- remove: /b\n", encoding="utf-8")

    expected = (Set(("a",), r'"\ud83d\ude00"'), Remove(("b",)))
    assert read_fix(tmp_path / "fix.json").operations == expected
    assert read_fix(tmp_path / "fix.yaml").operations == expected


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FixFileError, match="No such file"):
        read_fix(tmp_path / "fix.yaml")


def test_a_path() -> None:
    assert parse_path("/a~1b/0/~0/") == ("a/b", "0", "~", "")


def test_no_operation_is_a_fix_that_changes_nothing() -> None:
    assert parse_fix(yaml_to_json("operations: []")).apply(b" {} ", {}) == b" {} "
