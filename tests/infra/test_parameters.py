"""The parameter files: their reader, their values against the templates, and a reason for each value."""

import re
from pathlib import Path
from typing import Any

import pytest

from ops.parameters import ParametersError, read_parameters
from ops.stacks import TEMPLATES
from tests.infra import checks

STAGES = ("dev", "prod")
FOLDER = TEMPLATES / "parameters"
GIVEN_AT_DEPLOYMENT = {"Stage", "ImageUri", "SnowpipeQueueArn", "Architecture", "AuthMode"}
BROKEN = [
    ("A: 1\n", "A: put the value in quotes"),
    ("A: no\n", "A: put the value in quotes"),
    ("- A\n", "not a mapping"),
    ('1: "a"\n', "not a mapping"),
    ("", "not a mapping"),
    ('A: "1"\nA: "2"\n', "A twice"),
    ("A: [\n", "is no YAML"),
]


def declared() -> dict[str, dict[str, Any]]:
    return {name: rules for _, template in checks.read().items() for name, rules in template["Parameters"].items()}


def problem(name: str, value: str, rules: dict[str, Any]) -> str | None:
    """Why CloudFormation would refuse the value; None if it would not."""
    if "AllowedValues" in rules and value not in map(str, rules["AllowedValues"]):
        return f"{name}: {value} is not among the allowed"
    if "AllowedPattern" in rules and not re.fullmatch(rules["AllowedPattern"], value):
        return f"{name}: {value} does not match"
    if rules["Type"] != "Number":
        return None
    fits = rules.get("MinValue", float("-inf")) <= float(value) <= rules.get("MaxValue", float("inf"))
    return None if fits else f"{name}: {value} is out of bounds"


def without_reason(text: str) -> list[str]:
    """Names of the values that have no comment above them, nor above the values that stand directly before."""
    reasoned = False
    bare = []
    for line in text.splitlines():
        if line.startswith("#"):
            reasoned = len(line.split()) > 3
        elif not line:
            reasoned = False
        elif not reasoned:
            bare.append(line.partition(":")[0])
    return bare


@pytest.mark.parametrize("stage", STAGES)
def test_every_value_is_one_that_the_templates_take(stage: str) -> None:
    rules = declared()
    values = read_parameters(FOLDER / f"{stage}.yaml")
    assert set(values) <= set(rules)
    assert [found for name, value in values.items() if (found := problem(name, value, rules[name]))] == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("StreamMode", "SERVERLESS"), ("BufferSizeMiB", "129"), ("LandingPrefix", "records"), ("LogRetentionDays", "13")],
)
def test_a_value_that_they_do_not_take_is_found(name: str, value: str) -> None:
    assert problem(name, value, declared()[name])


@pytest.mark.parametrize("stage", STAGES)
def test_every_value_has_its_reason(stage: str) -> None:
    assert without_reason((FOLDER / f"{stage}.yaml").read_text()) == []


def test_a_value_without_a_reason_is_found() -> None:
    assert without_reason('# Because it is the least there is.\nA: "1"\nB: "2"\n\nC: "3"\n') == ["C"]


def test_both_stages_decide_the_same_things() -> None:
    dev, prod = (read_parameters(FOLDER / f"{stage}.yaml") for stage in STAGES)
    assert set(dev) == set(prod)
    assert not GIVEN_AT_DEPLOYMENT & set(dev)


def test_dev_is_quick_and_prod_keeps_longer() -> None:
    dev, prod = (read_parameters(FOLDER / f"{stage}.yaml") for stage in STAGES)
    assert (dev["BufferSizeMiB"], dev["BufferSeconds"]) == ("1", "5")
    assert (prod["StreamRetentionHours"], prod["CompressionFormat"]) == ("168", "GZIP")


@pytest.mark.parametrize("stage", STAGES)
def test_thresholds_fit_what_they_watch(stage: str) -> None:
    values = {name: int(value) for name, value in read_parameters(FOLDER / f"{stage}.yaml").items() if value.isdigit()}
    assert values["FreshnessAlarmSeconds"] >= 2 * values["BufferSeconds"]
    assert values["IteratorAgeAlarmMilliseconds"] < values["StreamRetentionHours"] * 3_600_000 / 2
    timeout = checks.read()["drain"]["Parameters"]["DrainTimeoutSeconds"]["Default"]
    assert values.get("DrainTimeoutSeconds", timeout) <= 60 * values["DrainMinutes"], "runs do not overlap"
    assert values["SpillAgeAlarmSeconds"] >= 3 * 60 * values["DrainMinutes"], "three runs"
    assert not values["ReservedConcurrency"] or values["ConcurrencyAlarm"] < values["ReservedConcurrency"]


@pytest.mark.parametrize(("text", "said"), BROKEN)
def test_a_broken_file_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "stage.yaml"
    path.write_text(text)
    with pytest.raises(ParametersError, match=said) as raised:
        read_parameters(path)
    assert "\n" not in str(raised.value)
    assert str(path) in str(raised.value)


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ParametersError, match="No such file"):
        read_parameters(tmp_path / "absent.yaml")
