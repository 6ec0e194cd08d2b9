"""The command as its page shows it, as JSON, as a picture, and where it cannot answer."""

import argparse
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from ops import cli
from ops.cost import command, price_list
from ops.cost.report import text
from ops.cost.services import bill
from ops.cost.study import study
from ops.cost.workload import Setup, Workload
from ops.parameters import read_parameters
from ops.stacks import TEMPLATES
from tests.support.processes import ROOT

PAGE = ROOT / "docs" / "cost.md"
SHOWN = re.findall(
    r"```sh\n\.venv/bin/sluice cost ([^\n]+)\n```\n\n```\n(.+?)```\n", PAGE.read_text(encoding="utf-8"), re.DOTALL
)
US = price_list.load("us-east-1")


def cost(arguments: str) -> int:
    return cli.main(["cost", *shlex.split(arguments)])


def asked_for(arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.register(parser.add_subparsers())
    return parser.parse_args(["cost", *shlex.split(arguments)])


def test_the_page_shows_both_kinds_of_stage() -> None:
    assert [re.findall(r"--(?:rate|plot) \S+", arguments) for arguments, _ in SHOWN] == [
        ["--rate 1000", "--plot docs/cost.svg"],
        ["--rate 1"],
    ]


@pytest.mark.parametrize(("arguments", "output"), SHOWN, ids=["steady", "demo"])
def test_the_page_shows_what_the_command_prints(
    arguments: str, output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the picture beside it is the one that it draws."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    assert cost(arguments) == 0
    assert capsys.readouterr().out == output
    for picture in tmp_path.rglob("*.svg"):
        assert picture.read_text(encoding="utf-8") == (ROOT / "docs" / picture.name).read_text(encoding="utf-8")


def test_the_demo_is_the_dev_stage() -> None:
    dev, setup = read_parameters(TEMPLATES / "parameters" / "dev.yaml"), command.setup_of(asked_for(SHOWN[1][0]))
    said = {
        "BufferSizeMiB": setup.buffer_mib,
        "BufferSeconds": setup.buffer_seconds,
        "StreamShardCount": setup.shards,
        "MemoryMiB": setup.memory_mib,
        "LogRetentionDays": setup.log_days,
        "DrainMinutes": setup.drain_minutes,
    }
    assert said == {name: int(dev[name]) for name in said}


def test_json_has_every_charge_and_adds_up(capsys: pytest.CaptureFixture[str]) -> None:
    assert cost("--rate 1000 --batch 500 --rejected 1% --spilled 0.5% --mode on-demand --json") == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert list(answer["bills"]) == ["one record a request", "batches of 500", "batches of 500, packed"]
    for found in answer["bills"].values():
        assert sum(charge["dollars"] for charge in found["charges"]) == pytest.approx(found["total"])
        assert sum(found["services"].values()) == pytest.approx(found["total"])
    assert answer["unverified_prices"] == US.unverified
    assert answer["break_even"]["modes"]["on_demand"] == pytest.approx(
        answer["bills"]["batches of 500, packed"]["services"]["Kinesis"]
    )


def test_every_option_reaches_the_model() -> None:
    """Each changes the bill of the same workload."""
    base = "--rate 1000 --batch 500 --rejected 1%"
    options = (
        "--size 301", "--peak 6", "--source another-shop", "--schema order/1", "--clients region", "--spilled 1%",
        "--mode on-demand", "--shards 9", "--lanes 16", "--buffer-mb 1", "--buffer-seconds 5", "--compression 5",
        "--stream-hours 48", "--landing-days 5", "--rejected-days 5", "--log-days 5", "--architecture arm64",
        "--memory 512", "--lambda-ms 99", "--lambda-ms-per-record 1", "--drain-minutes 5", "--drain-memory 1024",
        "--edition enterprise", "--region eu-west-1",
    )  # fmt: skip

    def total(arguments: str) -> float:
        asked = asked_for(arguments)
        return bill(command.workload_of(asked), command.setup_of(asked), price_list.load(asked.region)).total

    usual = total(base)
    assert [option for option in options if total(f"{base} {option}") == usual] == []


def test_unverified_prices_are_named() -> None:
    said = text(study(Workload(10, batch=5), Setup(), price_list.load("eu-west-1")))
    unverified = said[said.index("Unverified prices") :].replace("\n", " ")
    assert all(key in unverified for key in ("kinesis_shard_hours", "firehose_gb", "kms_requests"))
    assert "s3_puts" not in unverified


def test_more_shards_than_lanes_are_said() -> None:
    assert "raise --lanes" in text(study(Workload(50_000, batch=500), Setup(), US))
    assert "raise --lanes" not in text(study(Workload(50_000, batch=500), Setup(lanes=64), US))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--rate 5 --region mars", "no prices for mars: there are eu-west-1, us-east-1; add ops/cost/prices/mars.json"),
        ("--rate 5 --size 100000", "at most 41 fit: lower --batch"),
        ("--rate 5000 --shards 1", "1 shards are too few"),
        ("--rate 5 --plot nowhere/cost.svg", "No such file or directory"),
    ],
    ids=["region", "body", "shards", "plot"],
)
def test_what_cannot_be_answered_is_one_line(arguments: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cost(arguments) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("sluice: ")
    assert printed.err.count("\n") == 1
    assert said in printed.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [("--rate 5 --rejected some", "a share such as 1% or 0.01, not 'some'"), ("--rate 5 --plot cost.png", "FILE.svg")],
    ids=["share", "png"],
)
def test_what_is_no_option_is_refused(arguments: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cost(arguments)
    assert said in capsys.readouterr().err
