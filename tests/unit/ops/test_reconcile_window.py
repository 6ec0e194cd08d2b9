"""Spans of time, and the prefixes that they lead to."""

from datetime import UTC, datetime, timedelta

import pytest

from local_pipeline.template import read_delivery
from ops import cli
from ops.reconcile.window import hour_prefix, hours, make_window, parse_moment, parse_span

NOW = datetime(2026, 11, 23, 8, 30, 15, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-23T08:00Z", datetime(2026, 11, 23, 8, tzinfo=UTC)),
        ("2026-11-23T09:00:00+01:00", datetime(2026, 11, 23, 8, tzinfo=UTC)),
        ("2026-11-23 08:00", datetime(2026, 11, 23, 8, tzinfo=UTC)),
        ("-2h", NOW - timedelta(hours=2)),
        ("90s", NOW - timedelta(seconds=90)),
        ("-0s", NOW),
    ],
)
def test_a_moment(text: str, moment: datetime) -> None:
    assert parse_moment(text, NOW) == moment


@pytest.mark.parametrize("text", ["", "-", "yesterday", "-2 h", "2w", "-1.5h", "9999999d"])
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(ValueError, match="a time such as"):
        parse_moment(text, NOW)


def test_begun_minutes_are_whole() -> None:
    window = make_window(NOW - timedelta(hours=1), NOW, timedelta(0), None)
    assert (window.first, window.behind) == (b"2026-11-23T07:30:00.000000Z", b"2026-11-23T08:31:00.000000Z")
    same = make_window(window.since, window.until, timedelta(0), None)
    assert same == window


def test_an_empty_window_is_refused() -> None:
    with pytest.raises(ValueError, match="before --to"):
        make_window(NOW, NOW - timedelta(hours=1), parse_span("10m"), None)


def test_the_hours_of_a_span() -> None:
    assert [f"{hour:%dT%H:%M}" for hour in hours(NOW - timedelta(hours=9), NOW - timedelta(minutes=31))] == [
        "22T23:00", *(f"23T0{n}:00" for n in range(8))
    ]  # fmt: skip


def test_landing_files_are_looked_for_where_firehose_puts_them() -> None:
    arns = {
        "StreamArn": "arn:aws:kinesis:eu-west-1:000000000000:stream/s",
        "LandingBucketArn": "arn:aws:s3:::landing",
        "DataKeyArn": "arn:aws:kms:eu-west-1:000000000000:key/k",
    }
    prefix = read_delivery({**arns, "LandingPrefix": "a/b/"}).prefix
    assert prefix == "a/b/dt=!{timestamp:yyyy-MM-dd}/hr=!{timestamp:HH}/"
    assert hour_prefix("a/b/", NOW) == "a/b/dt=2026-11-23/hr=08/"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--from", "-1h", "--to", "-2h"], "has to be before --to"),
        (["--from", "soon"], "a time such as"),
        (["--settle", "ten"], "a span such as"),
        (["--drain-within", "ten"], "a span such as"),
        (["--from", "-30000d"], "more than 31 days apart"),
        (["--to", "9999-12-31T23:59:30Z"], "no time that there is"),
        (["--from", "9000-01-01", "--to", "9000-01-02"], "is in the future"),
    ],
    ids=["empty", "no moment", "no span", "no other span", "too long", "no such time", "future"],
)
def test_what_cannot_be_done_is_one_line_and_status_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["reconcile", *arguments]) == 2
    printed = capsys.readouterr().err
    assert said in printed
    assert printed.count("\n") == 1


def test_no_pipeline_is_status_2(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path))
    assert cli.main(["reconcile", "--from", "-2h"]) == 2
    assert "no pipeline runs in" in capsys.readouterr().err
