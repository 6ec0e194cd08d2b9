"""checkov finds nothing in the shipped templates but what they skip with a reason, and finds what is weakened."""

import json
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ops.stacks import BOOTSTRAP, STACKS, TEMPLATES
from tests.infra import checks
from tests.support.tools import tool

WEAKENED = [
    ("storage", "BlockPublicPolicy: true", "BlockPublicPolicy: false", "CKV_AWS_54"),
    ("storage", "EnableKeyRotation: true", "EnableKeyRotation: false", "CKV_AWS_7"),
    ("storage", "      LoggingConfiguration:\n", "      Unlogged:\n", "CKV_AWS_18"),
    ("storage", "      KmsMasterKeyId: !GetAtt DataKey.Arn\n", "", "CKV_AWS_27"),
    ("snowflake-access", "      KmsMasterKeyId: !Ref DataKeyArn\n", "", "CKV_AWS_26"),
    ("gateway", "      KmsKeyId: !Ref DataKeyArn\n", "", "CKV_AWS_149"),
    ("delivery", "      KmsKeyId: !Ref DataKeyArn\n", "", "CKV_AWS_158"),
    ("delivery", "      RetentionInDays: !Ref LogRetentionDays\n", "", "CKV_AWS_66"),
    ("drain", "      KmsKeyId: !Ref DataKeyArn\n", "", "CKV_AWS_158"),
    ("bootstrap", "ImageTagMutability: IMMUTABLE", "ImageTagMutability: MUTABLE", "CKV_AWS_51"),
    ("bootstrap", "ScanOnPush: true", "ScanOnPush: false", "CKV_AWS_163"),
    ("bootstrap", "Service: cloudformation.amazonaws.com", 'AWS: "*"', "CKV_AWS_60"),
]


class Found(NamedTuple):
    """One finding: what and on which resource."""

    check: str
    resource: str


class Scan(NamedTuple):
    """What checkov said, by file below the folder it scanned.

    Attributes:
        failed, skipped: findings; none for a file without.
    """

    failed: dict[str, set[Found]]
    skipped: dict[str, set[Found]]


def scanned(folder: Path) -> Scan:
    command = [str(tool("checkov")), "--directory", str(folder), "--framework", "cloudformation", "--skip-download"]
    result = subprocess.run([*command, "--output", "json"], capture_output=True, text=True, check=False)  # noqa: S603
    report: dict[str, Any] = json.loads(result.stdout)
    assert not report["results"].get("parsing_errors")
    return Scan(_by_file(report["results"]["failed_checks"]), _by_file(report["results"]["skipped_checks"]))


def _by_file(findings: list[dict[str, Any]]) -> dict[str, set[Found]]:
    by_file: dict[str, set[Found]] = defaultdict(set)
    for finding in findings:
        by_file[finding["file_path"].lstrip("/")].add(Found(finding["check_id"], finding["resource"].split(".")[-1]))
    return by_file


def skips(template: checks.Template) -> Iterator[tuple[Found, str]]:
    """What a template says is to be skipped, with the reason."""
    for name, resource in template["Resources"].items():
        for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", []):
            yield Found(skip["id"], name), skip["comment"]


def weakened(stack: str) -> str:
    """The text of a template with all that WEAKENED has for it."""
    text = (TEMPLATES / f"{stack}.yaml").read_text()
    for name, old, new, _ in WEAKENED:
        if name == stack:
            assert old in text, f"{stack} has no {old}"
            text = text.replace(old, new)
    return text


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Scan:
    """One run over all there is, for checkov takes seconds to start."""
    folder = tmp_path_factory.mktemp("scanned")
    for kind in ("shipped", "without-skips", "weakened"):
        (folder / kind).mkdir()
    for stack in (BOOTSTRAP, *STACKS):
        shipped = (TEMPLATES / f"{stack}.yaml").read_text()
        (folder / "shipped" / f"{stack}.yaml").write_text(shipped)
        if "      checkov:\n" in shipped:
            unread = shipped.replace("      checkov:\n", "      unread:\n")
            (folder / "without-skips" / f"{stack}.yaml").write_text(unread)
    for stack in {stack for stack, *_ in WEAKENED}:
        (folder / "weakened" / f"{stack}.yaml").write_text(weakened(stack))
    return scanned(folder)


@pytest.mark.parametrize("stack", [BOOTSTRAP, *STACKS])
def test_checkov_finds_nothing(scan: Scan, stack: str) -> None:
    assert scan.failed.get(f"shipped/{stack}.yaml", set()) == set()


@pytest.mark.parametrize("stack", [BOOTSTRAP, *STACKS])
def test_every_skip_is_needed_and_says_why(scan: Scan, stack: str) -> None:
    said = dict(skips(checks.read()[stack]))
    assert set(said) == scan.failed.get(f"without-skips/{stack}.yaml", set())
    assert all(len(reason.split()) >= 6 for reason in said.values())


@pytest.mark.parametrize(("stack", "check"), [(stack, check) for stack, _, _, check in WEAKENED])
def test_a_weakened_copy_fails(scan: Scan, stack: str, check: str) -> None:
    assert check in {found.check for found in scan.failed.get(f"weakened/{stack}.yaml", set())}
