"""The shipped templates pass the lint and our own checks; weakened copies do not."""

import subprocess
import sys
from pathlib import Path

import pytest

from ops.stacks import STACKS, TEMPLATES
from tests.infra import checks

LINT = [str(Path(sys.executable).with_name("cfn-lint")), "--format", "parseable"]
PLANTED = [
    ("storage", "StreamMode: !Ref StreamMode", "StreamMode: !Ref StreamMood"),
    ("storage", "ObjectOwnership: BucketOwnerEnforced", "ObjectOwnership: Anybody"),
    ("delivery", "DeliveryStreamType: KinesisStreamAsSource", "DeliveryStreamKind: KinesisStreamAsSource"),
    ("gateway", 'PayloadFormatVersion: "2.0"', "PayloadVersion: 2"),
    ("snowflake-access", "Effect: Allow\n            Principal", "Effect: Perhaps\n            Principal"),
]
WEAKENED = [
    ("storage", "BlockPublicPolicy: true", "BlockPublicPolicy: false", checks.buckets_are_private_and_encrypted),
    ("storage", "BucketOwnerEnforced", "ObjectWriter", checks.buckets_are_private_and_encrypted),
    ("storage", 'SecureTransport: "false"', 'SecureTransport: "true"', checks.buckets_answer_over_tls_only),
    ("storage", "            Prefix: rejected/\n", "", checks.only_rejected_records_expire),
    ("storage", "Prefix: rejected/", "Prefix: spill/", checks.only_rejected_records_expire),
    (
        "storage",
        "DeletionPolicy: RetainExceptOnCreate",
        "DeletionPolicy: Delete",
        checks.what_holds_data_outlives_its_stack,
    ),
    ("delivery", "{0,62}/$", "{0,62}$", checks.a_parameter_means_the_same_in_every_template),
    ("delivery", "delivery-errors/!{", "records/errors/!{", checks.the_error_prefix_is_outside_the_landing_prefix),
    ("delivery", "- kinesis:GetRecords", "- kinesis:*", checks.no_policy_allows_everything),
    ("delivery", "Resource: !Ref StreamArn", 'Resource: "*"', checks.no_policy_allows_everything),
    ("gateway", "- kinesis:PutRecords", "- kinesis:DeleteStream", checks.the_gateway_may_do_what_it_does_and_no_more),
    ("gateway", "/rejected/*", "/*", checks.the_gateway_may_do_what_it_does_and_no_more),
    ("gateway", "MaxValue: 29", "MaxValue: 900", checks.lambda_gives_up_before_the_http_api_does),
    (
        "gateway",
        '"status":"$context.status"',
        '"status":"200"',
        checks.the_access_log_s_format_is_one_line_of_json,
    ),
    (
        "gateway",
        "  StreamName:\n    Type: String",
        "  Stream:\n    Type: String",
        checks.outputs_are_the_parameters_of_later_stacks,
    ),
    ("gateway", "sluice-${Stage}-gateway", f"sluice-${{Stage}}-{'g' * 50}", checks.names_with_a_stage_fit_the_limits),
    (
        "storage",
        "AllowedValues: [PROVISIONED, ON_DEMAND]",
        "MinLength: 1",
        checks.every_parameter_is_described_and_bounded,
    ),
]


def edited(folder: Path, stack: str, old: str, new: str) -> Path:
    """A folder with the templates, one of them with something else in it."""
    folder.mkdir(exist_ok=True)
    for name in STACKS:
        text = (TEMPLATES / f"{name}.yaml").read_text()
        if name == stack:
            assert old in text
            text = text.replace(old, new)
        (folder / f"{name}.yaml").write_text(text)
    return folder


def lint(*files: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*LINT, *map(str, files)], capture_output=True, text=True, check=False)  # noqa: S603


def test_the_templates_are_those_that_are_deployed() -> None:
    assert {path.stem for path in TEMPLATES.glob("*.yaml")} == set(STACKS)


def test_cfn_lint_finds_nothing() -> None:
    result = lint(*sorted(TEMPLATES.glob("*.yaml")))
    assert (result.returncode, result.stdout) == (0, "")


def test_cfn_lint_finds_every_planted_error(tmp_path: Path) -> None:
    planted = [
        edited(tmp_path / str(number), stack, old, new) / f"{stack}.yaml"
        for number, (stack, old, new) in enumerate(PLANTED)
    ]
    found = lint(*planted).stdout
    missed = [old for (_, old, _), path in zip(PLANTED, planted, strict=True) if f"{path}:" not in found]
    assert not missed


@pytest.mark.parametrize("check", checks.CHECKS, ids=lambda check: check.__name__)
def test_the_shipped_templates_pass(check: checks.Check) -> None:
    check(checks.read())


@pytest.mark.parametrize(("stack", "old", "new", "check"), WEAKENED)
def test_a_weakened_copy_fails(tmp_path: Path, stack: str, old: str, new: str, check: checks.Check) -> None:
    with pytest.raises(AssertionError):
        check(checks.read(edited(tmp_path / "weakened", stack, old, new)))


def test_every_check_has_a_weakened_copy_that_fails_it() -> None:
    assert {check for *_, check in WEAKENED} == set(checks.CHECKS) - {
        checks.the_parameter_file_has_values_that_the_templates_allow
    }
