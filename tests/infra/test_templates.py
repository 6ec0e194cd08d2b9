"""The shipped templates pass the lint and our own checks; weakened copies do not."""

import subprocess
import sys
from pathlib import Path

import pytest

from ops.stacks import BOOTSTRAP, STACKS, TEMPLATES
from tests.infra import bounds, checks, protection, provisioning

LINT = [str(Path(sys.executable).with_name("cfn-lint")), "--format", "parseable"]
LARGEST_TEMPLATE = 51_200
"""Bytes of a TemplateBody (CloudFormation API reference, CreateStack)."""
CHECKS = checks.CHECKS + protection.CHECKS + bounds.CHECKS + provisioning.CHECKS
PLANTED = [
    ("bootstrap", "- kinesis:CreateStream", "- kinesis:MakeStream"),
    ("storage", "StreamMode: !Ref StreamMode", "StreamMode: !Ref StreamMood"),
    ("storage", "ObjectOwnership: BucketOwnerEnforced", "ObjectOwnership: Anybody"),
    ("delivery", "DeliveryStreamType: KinesisStreamAsSource", "DeliveryStreamKind: KinesisStreamAsSource"),
    ("gateway", 'PayloadFormatVersion: "2.0"', "PayloadVersion: 2"),
    ("snowflake-access", "Effect: Allow\n            Principal", "Effect: Perhaps\n            Principal"),
    ("monitoring", "TreatMissingData: breaching", "TreatMissingData: shrug"),
    ("drain", 'Sub "rate(${DrainMinutes} minutes)"', 'Sub "rate(${DrainHours} hours)"'),
]
WEAKENED = [
    ("storage", "BlockPublicPolicy: true", "BlockPublicPolicy: false", protection.buckets_are_private),
    ("storage", "BucketOwnerEnforced", "ObjectWriter", protection.buckets_are_private),
    (
        "storage",
        "SSEAlgorithm: aws:kms\n              KMSMasterKeyID: !GetAtt DataKey.Arn",
        "SSEAlgorithm: aws:kms",
        protection.buckets_are_encrypted_with_the_stage_s_key,
    ),
    (
        "storage",
        "KeyId: !GetAtt DataKey.Arn",
        "KeyId: alias/aws/kinesis",
        protection.whatever_else_keeps_data_has_the_stage_s_key,
    ),
    (
        "storage",
        "      KmsMasterKeyId: !GetAtt DataKey.Arn\n",
        "",
        protection.whatever_else_keeps_data_has_the_stage_s_key,
    ),
    (
        "gateway",
        "      KmsKeyId: !Ref DataKeyArn\n",
        "",
        protection.whatever_else_keeps_data_has_the_stage_s_key,
    ),
    (
        "drain",
        "SqsManagedSseEnabled: true",
        "SqsManagedSseEnabled: false",
        protection.whatever_else_keeps_data_has_the_stage_s_key,
    ),
    (
        "storage",
        'SecureTransport: "false"',
        'SecureTransport: "true"',
        protection.whatever_can_be_reached_answers_over_tls_only,
    ),
    ("monitoring", "Effect: Deny", "Effect: Allow", protection.whatever_can_be_reached_answers_over_tls_only),
    (
        "snowflake-access",
        "Queues: [!Ref DeadLetters]",
        "Queues: [!Ref PipeErrors]",
        protection.whatever_can_be_reached_answers_over_tls_only,
    ),
    ("storage", "            Prefix: rejected/\n", "", protection.spilled_records_never_expire),
    ("storage", "Prefix: rejected/", "Prefix: spill/", protection.spilled_records_never_expire),
    ("storage", "              Prefix: !Ref LandingPrefix\n", "", protection.spilled_records_never_expire),
    (
        "storage",
        "DeletionPolicy: RetainExceptOnCreate",
        "DeletionPolicy: Delete",
        protection.what_holds_data_outlives_its_stack,
    ),
    (
        "storage",
        "{Name: prefix, Value: !Ref DeliveryErrorPrefix}",
        "{Name: prefix, Value: !Ref LandingPrefix}",
        protection.the_landing_bucket_tells_of_files_and_of_failures,
    ),
    (
        "snowflake-access",
        "deadLetterTargetArn: !GetAtt DeadLetters.Arn",
        "deadLetterTargetArn: !GetAtt PipeErrors.Arn",
        protection.what_is_not_delivered_goes_to_dead_letters,
    ),
    ("storage", "Period: 1209600", "Period: 3600", protection.what_is_not_delivered_goes_to_dead_letters),
    (
        "drain",
        "Destination: !GetAtt DrainDeadLetters.Arn",
        "Destination: !GetAtt DrainLogs.Arn",
        protection.what_is_not_delivered_goes_to_dead_letters,
    ),
    ("delivery", "- kinesis:GetRecords", "- kinesis:*", protection.no_policy_allows_everything),
    ("delivery", "- kinesis:GetRecords", "- kinesis:Get*", protection.no_policy_allows_everything),
    ("delivery", "Resource: !Ref StreamArn", 'Resource: "*"', protection.no_policy_allows_everything),
    ("bootstrap", "- iam:CreateRole", "- iam:*", protection.no_policy_allows_everything),
    ("bootstrap", "- kms:ListKeys", "- kms:Decrypt", protection.no_policy_allows_everything),
    (
        "bootstrap",
        "repo:${GitHubRepository}:environment:${Stage}",
        "repo:${GitHubRepository}:*",
        protection.ci_is_one_environment_of_one_repository,
    ),
    (
        "bootstrap",
        "DeletionPolicy: RetainExceptOnCreate",
        "DeletionPolicy: Delete",
        protection.what_holds_data_outlives_its_stack,
    ),
    ("gateway", ":policy/sluice-${Stage}-boundary", ":policy/none", bounds.roles_are_bounded),
    (
        "bootstrap",
        "              - kinesis:PutRecords\n",
        "",
        bounds.the_boundary_allows_what_the_roles_are_given_and_no_more,
    ),
    (
        "bootstrap",
        '                  - !Sub "sns.${AWS::Region}.${AWS::URLSuffix}"\n',
        "",
        bounds.the_boundary_allows_what_the_roles_are_given_and_no_more,
    ),
    (
        "bootstrap",
        "              - s3:PutObject\n",
        "              - s3:PutObject\n              - s3:DeleteObjectVersion\n",
        bounds.the_boundary_allows_what_the_roles_are_given_and_no_more,
    ),
    (
        "bootstrap",
        "::sluice-${Stage}-*/spill/*",
        "::sluice-${Stage}-*/spilled/*",
        bounds.the_boundary_allows_what_the_roles_are_given_and_no_more,
    ),
    (
        "delivery",
        "              - kinesis:GetRecords\n",
        "              - kinesis:GetRecords\n              - kinesis:DeleteStream\n",
        bounds.the_boundary_allows_what_the_roles_are_given_and_no_more,
    ),
    (
        "bootstrap",
        "iam:DeleteRole\n",
        "iam:DeleteRole\n              - iam:AttachRolePolicy\n",
        bounds.roles_are_made_within_the_boundary_only,
    ),
    ("bootstrap", "              - !Ref Boundary\n", "", bounds.roles_are_made_within_the_boundary_only),
    (
        "bootstrap",
        "Action: iam:DeleteRolePermissionsBoundary",
        "Action: iam:DeletePolicy",
        bounds.roles_are_made_within_the_boundary_only,
    ),
    (
        "bootstrap",
        "role/sluice-*-deploy",
        "role/sluice-${Stage}-deploy",
        bounds.no_stage_s_role_touches_a_bootstrap,
    ),
    ("bootstrap", "::*/tags/*", "::/tags/*", bounds.an_api_may_be_tagged),
    (
        "bootstrap",
        "aws:RequestTag/sluice:stage: !Ref Stage",
        "aws:ResourceTag/sluice:stage: !Ref Stage",
        bounds.the_key_says_itself_who_may_use_it,
    ),
    (
        "storage",
        "role/sluice-${Stage}-cloudformation",
        "role/sluice-${Stage}-*",
        bounds.the_key_says_itself_who_may_use_it,
    ),
    (
        "storage",
        "                kms:CallerAccount: !Ref AWS::AccountId\n",
        "                kms:EncryptionContext:a: b\n",
        bounds.the_key_says_itself_who_may_use_it,
    ),
    (
        "bootstrap",
        "- kms:ListKeys",
        f"- kms:{'ListKeys' * 1000}",
        bounds.managed_policies_fit,
    ),
    ("bootstrap", "@[0-9]{1,19}", "", bounds.the_repository_is_named_as_github_s_tokens_name_it),
    (
        "bootstrap",
        "              - sqs:GetQueueAttributes\n",
        "",
        provisioning.cloudformation_may_call_what_the_handlers_call,
    ),
    (
        "bootstrap",
        "- kms:ListKeys",
        "- kms:ListGrants",
        provisioning.cloudformation_may_call_what_the_handlers_call,
    ),
    (
        "gateway",
        "      PackageType: Image\n",
        "      PackageType: Image\n      RecursiveLoop: Terminate\n",
        provisioning.no_template_uses_what_its_role_has_no_rights_for,
    ),
    (
        "bootstrap",
        "                  - sqs:ReceiveMessage\n",
        "",
        provisioning.the_deploy_role_may_call_what_a_deployment_calls,
    ),
    ("delivery", "{0,62}/$", "{0,62}$", checks.a_parameter_means_the_same_in_every_template),
    (
        "delivery",
        "${DeliveryErrorPrefix}!{",
        "${LandingPrefix}errors/!{",
        checks.the_error_prefix_is_outside_the_landing_prefix,
    ),
    (
        "storage",
        "Default: delivery-errors/",
        "Default: records/errors/",
        checks.the_error_prefix_is_outside_the_landing_prefix,
    ),
    ("gateway", "@sha256:[0-9a-f]{64}$", "(:.+|@sha256:[0-9a-f]{64})$", checks.the_image_is_named_by_its_digest),
    ("drain", "Command: [app.drain.handler]", "Command: [app.drain.run]", checks.the_functions_run_one_image),
    ("drain", "Default: x86_64", "Default: arm64", checks.the_functions_run_one_image),
    (
        "drain",
        "SourceArn: !GetAtt Schedule.Arn",
        'SourceArn: "*"',
        checks.the_schedule_may_invoke_the_drain_and_nothing_else,
    ),
    ("gateway", "MaxValue: 29", "MaxValue: 900", checks.lambda_gives_up_before_the_http_api_does),
    ("gateway", "MinValue: 10", "MinValue: 6", checks.the_gateway_answers_before_lambda_gives_up),
    ("gateway", "SECONDS: !Ref TimeoutSeconds", "SECONDS: 60", checks.the_gateway_answers_before_lambda_gives_up),
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


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A file for each row of PLANTED."""
    files = []
    for number, (stack, old, new) in enumerate(PLANTED):
        files.append(tmp_path_factory.mktemp(f"planted{number}") / f"{stack}.yaml")
        files[-1].write_text(checks.replaced(stack, old, new))
    return files


@pytest.fixture(scope="module")
def lint(planted: list[Path]) -> str:
    """What cfn-lint says of the shipped templates and the planted ones; one run, for it starts slowly."""
    files = map(str, [*sorted(TEMPLATES.glob("*.yaml")), *planted])
    return subprocess.run([*LINT, *files], capture_output=True, text=True, check=False).stdout  # noqa: S603


def test_the_templates_are_those_that_are_deployed() -> None:
    assert {path.stem for path in TEMPLATES.glob("*.yaml")} == {BOOTSTRAP, *STACKS}


def test_a_template_fits_in_a_request() -> None:
    assert all(path.stat().st_size < LARGEST_TEMPLATE for path in TEMPLATES.glob("*.yaml"))


def test_cfn_lint_finds_nothing(lint: str) -> None:
    assert str(TEMPLATES) not in lint


def test_cfn_lint_finds_every_planted_error(lint: str, planted: list[Path]) -> None:
    missed = [old for (_, old, _), path in zip(PLANTED, planted, strict=True) if f"{path}:" not in lint]
    assert not missed


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_shipped_templates_pass(check: checks.Check) -> None:
    check(checks.read())


@pytest.mark.parametrize(("stack", "old", "new", "check"), WEAKENED)
def test_a_weakened_copy_fails(stack: str, old: str, new: str, check: checks.Check) -> None:
    templates = checks.weakened(stack, old, new)
    with pytest.raises(AssertionError):
        check(templates)


def test_every_check_has_a_weakened_copy_that_fails_it() -> None:
    assert {check for *_, check in WEAKENED} == set(CHECKS)
