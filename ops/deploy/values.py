"""Whether values that the user gives can be what they are given for: asked while planning, of files alone."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ops.deploy.errors import DeployError
from ops.deploy.names import snowflake_names
from ops.deploy.templates import Template
from ops.snowflake_sql import ALERT_DEFAULTS, TEARDOWN_FILE, setup_files, variables_of

IDENTIFIER = r"[A-Za-z_][A-Za-z0-9_$]{0,254}"
"""Snowflake takes it unquoted (https://docs.snowflake.com/en/sql-reference/identifiers-syntax)."""
WHOLE_NUMBER = "[1-9][0-9]{0,5}"
PLAIN_TEXT = "[A-Za-z0-9:/_+=,.@-]{1,2048}"
"""What ARNs, bucket names and prefixes are made of; nothing of it can end a string of SQL."""
NUMBER = r"-?[0-9]+([.][0-9]+)?"


def check_parameters(given: Mapping[str, str], templates: Mapping[str, Template], learnt: Mapping[str, str]) -> None:
    """Hold the values of the parameter file against the templates.

    Args:
        templates: by stack.
        learnt: what the deployment finds out by itself, by parameter name: where from.

    Raises:
        DeployError: a value is not the user's to give, is for no template, or is none that a template takes.
    """
    known = set().union(*(template.parameters for template in templates.values()))
    if unknown := sorted(set(given) - known):
        raise DeployError(f"no template has the parameter {', '.join(unknown)}; correct the parameter file")
    sources = {**learnt, **_wired(templates), "Stage": "from --stage"}
    if taken := [f"{name} ({sources[name]})" for name in given if name in sources]:
        raise DeployError(f"not for the parameter file: {', '.join(taken)}; take it out")
    faults = {
        f'{name} "{value}": {fault}': None  # once, though several templates take it
        for name, value in given.items()
        for template in templates.values()
        if name in template.rules and (fault := fault_of(value, template.rules[name]))
    }
    if faults:
        raise DeployError(f"correct the parameter file: {'; '.join(faults)}")
    _check_lanes(given, templates)


def fault_of(value: str, rules: Mapping[str, Any]) -> str | None:
    """What a parameter's declaration in its template has against `value`; None if nothing.

    As https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html says.
    """
    allowed = [str(each) for each in rules.get("AllowedValues", ())]
    if allowed and value not in allowed:
        return f"one of {', '.join(allowed)}"
    if rules.get("Type") == "Number":
        return _fault_of_number(value, rules)
    if "AllowedPattern" in rules and not re.fullmatch(rules["AllowedPattern"], value):
        return str(rules.get("ConstraintDescription", f"to match {rules['AllowedPattern']}")).removesuffix(".")
    if not int(rules.get("MinLength", 0)) <= len(value) <= int(rules.get("MaxLength", len(value))):
        return f"{rules.get('MinLength', 0)} to {rules.get('MaxLength', 'any number of')} characters"
    return None


def check_overrides(overrides: Mapping[str, str], sql: Path) -> None:
    """Hold what `--set` gives against the SQL files' variables.

    Raises:
        DeployError: no file has the variable, or the value cannot stand where the files have it.
    """
    files = (*setup_files(sql), sql / TEARDOWN_FILE)
    known = set().union(*(variables_of(path.read_text(encoding="utf-8")) for path in files))
    names = snowflake_names("any")
    for name, value in overrides.items():
        if name not in known:
            raise DeployError(f"--set {name}: the SQL files have no such variable, only {', '.join(sorted(known))}")
        if name in names and not re.fullmatch(IDENTIFIER, value):
            raise DeployError(
                f"--set {name}: {value!r} is no name that Snowflake takes without quotes (letters, digits, _ and $, "
                "beginning with a letter or _)"
            )
        if name in ALERT_DEFAULTS and not re.fullmatch(WHOLE_NUMBER, value):
            raise DeployError(f"--set {name}: {value!r} is no whole number above 0")
        if name not in names and not re.fullmatch(PLAIN_TEXT, value):
            raise DeployError(f"--set {name}: {value!r} has characters that cannot be in it")


def _check_lanes(given: Mapping[str, str], templates: Mapping[str, Template]) -> None:
    """A packed record goes to a hash key of its lane: a shard in whose range none lies takes nothing."""
    if "storage" not in templates:
        return
    rules = templates["storage"].rules
    mode, shards, lanes = (
        given.get(name, str(rules[name].get("Default"))) for name in ("StreamMode", "StreamShardCount", "StreamLanes")
    )
    if mode == "PROVISIONED" and int(lanes) < int(shards):
        raise DeployError(
            f"correct the parameter file: StreamLanes {lanes} is less than StreamShardCount {shards}; shards without a "
            "lane would take nothing"
        )


def _wired(templates: Mapping[str, Template]) -> dict[str, str]:
    """The stack by output, except for what is the user's to give to that stack."""
    return {
        output: f"from the stack {stack}"
        for stack, template in templates.items()
        for output in template.outputs
        if output not in template.parameters
    }


def _fault_of_number(value: str, rules: Mapping[str, Any]) -> str | None:
    if not re.fullmatch(NUMBER, value):
        return "a number"
    least, most = rules.get("MinValue"), rules.get("MaxValue")
    if (least is None or float(least) <= float(value)) and (most is None or float(value) <= float(most)):
        return None
    if least is None:
        return f"at most {most}"
    return f"at least {least}" if most is None else f"{least} to {most}"
