"""Receipts in a file or a log that were cut, joined or made up: each is read or told, none is passed over."""

import json
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from uuid import uuid4

import pytest

from app.envelope import timestamp
from app.observability import Receipt as Said
from app.observability import plain_lines
from ops.reconcile.receipts import Broken, Receipt, ReceiptFile
from ops.reconcile.window import make_window
from ops.warehouse import of_local_pipeline
from tests.support.reconciling import ListedSession

NOW = datetime.now(UTC)
WINDOW = make_window(NOW - timedelta(minutes=5), NOW, timedelta(minutes=10), None)


def line(received_at: datetime = NOW, members: Mapping[str, object] = MappingProxyType({})) -> bytes:
    said = Said(str(uuid4()), timestamp(received_at), "shop", status=202)
    said.records, said.accepted = 3, [0, 1, 2]
    [plain] = plain_lines(said)
    return json.dumps({**json.loads(plain), **members}, separators=(",", ":")).encode() + b"\n"


def read(path: Path, body: bytes, age: float = 0) -> list[type]:
    path.write_bytes(body)
    os.utime(path, (time.time() - age, time.time() - age))
    return [type(each) for each in ReceiptFile(path).read(WINDOW)]


@pytest.mark.parametrize("cut", [20, 60, 120, 200])
def test_a_line_that_was_cut_and_joined_with_the_next_is_told(tmp_path: Path, cut: int) -> None:
    assert read(tmp_path / "r", line() + line()[:cut] + line() + line()) == [Receipt, Broken, Receipt]


def test_a_cut_line_of_another_time_joined_with_one_of_the_window_is_told(tmp_path: Path) -> None:
    old = line(NOW - timedelta(days=1))
    assert read(tmp_path / "r", old + old[:-10] + line()) == [Broken]
    assert read(tmp_path / "r", old + old[:-10] + old) == []


def test_a_last_line_without_an_end_is_told_once_nobody_writes_it_any_more(tmp_path: Path) -> None:
    hour = timedelta(hours=1).total_seconds()
    assert read(tmp_path / "r", line() + line()[:-20]) == [Receipt]
    assert read(tmp_path / "r", line() + line()[:-20], hour) == [Receipt, Broken]
    assert read(tmp_path / "r", line() + line()[:-1]) == [Receipt, Receipt], "all of it is there"


MADE_UP: Mapping[str, dict[str, object]] = {
    "an id that is SQL": {"request_id": "'); DROP TABLE x; --"},
    "an id and more": {"request_id": f"{uuid4()}-0"},
    "a receipt in a receipt": {"more": {"event": "receipt"}},
    "no id": {"request_id": None},
    "a range to a billion": {"accepted": [[0, 10**9]]},
    "a range from below": {"retry": [[-1, 2]]},
    "a range backwards": {"rejected": [[3, 1]]},
}


@pytest.mark.parametrize("members", MADE_UP.values(), ids=MADE_UP)
def test_what_no_gateway_writes_is_broken(tmp_path: Path, members: dict[str, object]) -> None:
    assert read(tmp_path / "r", line(members=members) + line()) == [Broken, Receipt]


def test_an_id_of_another_form_never_reaches_sql() -> None:
    session = ListedSession()
    with pytest.raises(ValueError, match="another form"):
        of_local_pipeline(session, "records/").among([f"{uuid4()}-0", "x'); --"])
    assert session.asked == []
