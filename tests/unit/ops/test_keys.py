"""`sluice keys` with a file, and what it makes and shows."""

import base64
import io
import json
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest

from app.api_keys import KeyRing, parse
from app.settings import MAX_WEBHOOK_SECRETS
from ops.cli import main
from ops.credentials import KeysError, added, describe, removed
from ops.key_store import FileStore
from tests.support.webhooks import secret

A, B = (sha256(each).hexdigest() for each in (b"a", b"b"))
HOOK = secret("hook")
HOOK_HASH = sha256(HOOK.encode()).hexdigest()


def keys(*arguments: str) -> int:
    return main(["keys", *arguments])


def test_a_key_is_shown_once_and_only_its_hash_is_stored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "keys.json"
    assert keys("create", "--source", "shop", "--file", str(file)) == 0
    assert keys("create", "--source", "shop", "--file", str(file)) == 0
    shown, said = capsys.readouterr()
    made = shown.split()
    assert len(set(made)) == 2
    for key in made:
        assert re.fullmatch(r"sluice_[A-Za-z0-9_-]{43}", key), "256 bits, URL-safe"
        assert key not in said
        assert key not in file.read_text()
        assert KeyRing(parse(file.read_text())).source_of(sha256(key.encode()).digest()) == "shop"
    assert stat.S_IMODE(file.stat().st_mode) == stat.S_IRUSR | stat.S_IWUSR
    assert [path.name for path in tmp_path.iterdir()] == ["keys.json"]


def test_a_list_shows_no_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"till": [B], "shop": [A, B[::-1], HOOK], "none": []}))
    assert keys("list", "--file", str(file)) == 0
    assert capsys.readouterr().out.splitlines() == [
        "none: none",
        f"shop: 2 keys ({A[:8]}, {B[::-1][:8]}), 1 webhook secret ({HOOK_HASH[:8]})",
        f"till: 1 key ({B[:8]})",
    ]


def test_a_revoked_key_is_gone_and_the_others_stay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"shop": [A, HOOK], "till": [B]}))
    assert keys("revoke", "--source", "shop", "--hash", A[:8], "--file", str(file)) == 0
    assert parse(file.read_text()) == {"shop": [HOOK], "till": [B]}
    assert keys("revoke", "--source", "shop", "--hash", HOOK_HASH[:8], "--file", str(file)) == 0
    assert parse(file.read_text()) == {"till": [B]}
    assert keys("revoke", "--source", "shop", "--hash", A[:8], "--file", str(file)) == 1
    assert "none of the 0 keys of shop" in capsys.readouterr().err


def test_a_prefix_that_names_two_revokes_none() -> None:
    credentials = {"shop": ["ab12" + "0" * 60, "ab12" + "1" * 60]}
    with pytest.raises(KeysError, match="2 of the 2"):
        removed(credentials, "shop", "ab12")


def test_printed_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert keys("create", "--source", "shop", "--print") == 0
    shown, said = capsys.readouterr()
    setting = said.splitlines()[0].removeprefix("SLUICE_API_KEYS=")
    assert parse(setting) == {"shop": [sha256(shown.strip().encode()).hexdigest()]}


def test_a_webhook_secret_is_made_or_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "keys.json"
    assert keys("create", "--webhook", "--source", "shop", "--file", str(file)) == 0
    made = capsys.readouterr().out.strip()
    assert len(base64.b64decode(made.removeprefix("whsec_"), validate=True)) == 32
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{HOOK}\n"))
    assert keys("create", "--webhook", "--given", "--source", "shop", "--file", str(file)) == 0
    shown = capsys.readouterr()
    assert HOOK not in shown.out + shown.err
    assert HOOK_HASH[:8] in shown.err
    assert parse(file.read_text()) == {"shop": [made, HOOK]}


@pytest.mark.parametrize("given", ["", "hunter2", "whsec_hunter2", "whsec_" + "A" * 33])
def test_a_given_secret_of_another_form_is_not_stored_and_not_quoted(
    given: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(given))
    file = tmp_path / "keys.json"
    assert keys("create", "--webhook", "--given", "--source", "shop", "--file", str(file)) == 1
    shown = capsys.readouterr()
    assert not shown.out
    assert "hunter2" not in shown.err
    assert not file.exists()


@pytest.mark.parametrize("text", ["", "hunter2", '{"shop": "hunter2"}', '{"shop": ["hunter2"]}'])
def test_a_file_of_another_form_is_not_quoted_and_not_changed(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "keys.json"
    file.write_text(text)
    assert keys("create", "--source", "shop", "--file", str(file)) == 1
    shown = capsys.readouterr()
    assert not shown.out, "no key is shown that is not stored"
    assert "hunter2" not in shown.err
    assert file.read_text() == text
    assert [path.name for path in tmp_path.iterdir()] == ["keys.json"]


def test_no_more_than_a_gateway_takes(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "keys.json")
    for number in range(MAX_WEBHOOK_SECRETS):
        store.edit(partial(added, source="shop", credential=secret(str(number))))
    with pytest.raises(KeysError, match="more than 32 webhook secrets"):
        store.edit(lambda found: added(found, "shop", HOOK))
    with pytest.raises(KeysError, match="one key stands twice"):
        store.edit(lambda found: added(found, "till", secret("1")))
    [line] = describe(store.read())
    assert line.startswith(f"shop: {MAX_WEBHOOK_SECRETS} webhook secrets (")


def test_edits_of_one_file_at_once_are_all_there(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    hashes = [sha256(str(number).encode()).hexdigest() for number in range(40)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda each: FileStore(file).edit(lambda found: added(found, "shop", each)), hashes))
    assert sorted(FileStore(file).read()["shop"]) == sorted(hashes)


@pytest.mark.parametrize(
    "arguments",
    [
        ["create", "--source", "shop"],
        ["create", "--source", "a source", "--print"],
        ["create", "--print"],
        ["create", "--source", "shop", "--print", "--file", "x"],
        ["create", "--source", "shop", "--stage", "no stage"],
        ["list", "--print"],
        ["revoke", "--source", "shop", "--hash", "abc", "--file", "x"],
        ["revoke", "--source", "shop", "--hash", "WXYZ", "--file", "x"],
    ],
)
def test_what_is_no_command(arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        keys(*arguments)


def test_a_key_is_not_given_from_outside(capsys: pytest.CaptureFixture[str]) -> None:
    assert keys("create", "--given", "--source", "shop", "--print") == 1
    assert "a key is made here" in capsys.readouterr().err


def test_a_folder_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert keys("create", "--source", "shop", "--file", str(tmp_path / "no" / "keys.json")) == 1
    assert not capsys.readouterr().out
