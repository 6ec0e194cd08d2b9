"""What must hold of the templates, whoever edits them: each check raises AssertionError when it does not."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from cfnlint.decode.cfn_yaml import loads  # type: ignore[import-untyped]

from ops.stacks import STACKS, TEMPLATES

Template = dict[str, Any]
Templates = Mapping[str, Template]
Check = Callable[[Templates], None]
DATA = {("storage", "Stream"), ("storage", "LandingBucket"), ("storage", "ErrorBucket"), ("gateway", "GatewayLogs")}


def read(folder: Path = TEMPLATES) -> Templates:
    """The templates in long form, as plain JSON values, in the order in which they are deployed."""
    return {stack: json.loads(json.dumps(loads((folder / f"{stack}.yaml").read_text()))) for stack in STACKS}


def resources(templates: Templates, kind: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for stack, template in templates.items():
        for name, resource in template["Resources"].items():
            if resource["Type"] == kind:
                yield stack, name, resource


def parameters(templates: Templates) -> Iterator[tuple[str, dict[str, Any]]]:
    for template in templates.values():
        yield from template["Parameters"].items()


def every_parameter_is_described_and_bounded(templates: Templates) -> None:
    for name, parameter in parameters(templates):
        assert parameter["Description"], name
        bounds = {"AllowedPattern", "AllowedValues", "MinValue", "MaxLength"} & set(parameter)
        assert bounds, f"{name} takes anything"


def a_parameter_means_the_same_in_every_template(templates: Templates) -> None:
    """They are wired by name, so two templates must not bound or default one name differently."""
    seen: dict[str, dict[str, Any]] = {}
    for stack in templates:
        for name, parameter in templates[stack]["Parameters"].items():
            rules = {key: value for key, value in parameter.items() if key not in {"Description", "Default"}}
            assert seen.setdefault(name, rules) == rules, f"{stack}: {name}"


def what_holds_data_outlives_its_stack(templates: Templates) -> None:
    holders = {
        (stack, name)
        for stack in templates
        for name, resource in templates[stack]["Resources"].items()
        if resource.get("DeletionPolicy") == "RetainExceptOnCreate" and resource["UpdateReplacePolicy"] == "Retain"
    }
    assert holders == DATA


def buckets_are_private_and_encrypted(templates: Templates) -> None:
    buckets = list(resources(templates, "AWS::S3::Bucket"))
    assert [name for _, name, _ in buckets] == ["LandingBucket", "ErrorBucket"]
    for _, name, bucket in buckets:
        properties = bucket["Properties"]
        assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}, name
        assert len(properties["PublicAccessBlockConfiguration"]) == 4, name
        assert properties["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}, name
        rules = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert [rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] for rule in rules] == ["AES256"], name
        assert "BucketName" not in properties, "a kept bucket must not stand in the way of a new stack"


def buckets_answer_over_tls_only(templates: Templates) -> None:
    denied = {}
    for _, _, policy in resources(templates, "AWS::S3::BucketPolicy"):
        statement = policy["Properties"]["PolicyDocument"]["Statement"][0]
        bucket = policy["Properties"]["Bucket"]["Ref"]
        assert statement["Resource"] == [{"Fn::GetAtt": [bucket, "Arn"]}, {"Fn::Sub": f"${{{bucket}.Arn}}/*"}]
        denied[bucket] = (statement["Effect"], statement["Principal"], statement["Action"], statement["Condition"])
    expected = ("Deny", "*", "s3:*", {"Bool": {"aws:SecureTransport": "false"}})
    assert denied == {"LandingBucket": expected, "ErrorBucket": expected}


def only_rejected_records_expire(templates: Templates) -> None:
    expiring = [
        (name, rule.get("Prefix"))
        for _, name, bucket in resources(templates, "AWS::S3::Bucket")
        for rule in bucket["Properties"]["LifecycleConfiguration"]["Rules"]
        if set(rule) - {"Id", "Status", "Prefix", "AbortIncompleteMultipartUpload"}
    ]
    assert expiring == [("ErrorBucket", "rejected/")]


def the_error_prefix_is_outside_the_landing_prefix(templates: Templates) -> None:
    delivery = templates["delivery"]
    destination = delivery["Resources"]["DeliveryStream"]["Properties"]["ExtendedS3DestinationConfiguration"]
    assert destination["Prefix"]["Fn::Sub"].startswith("${LandingPrefix}")
    assert destination["ErrorOutputPrefix"].startswith("delivery-errors/")
    assert not destination["ErrorOutputPrefix"].startswith(delivery["Parameters"]["LandingPrefix"]["Default"])


def no_policy_allows_everything(templates: Templates) -> None:
    for document in policy_documents(templates):
        for statement in document["Statement"]:
            allowed = [action for action in actions_of(statement) if "*" in action and statement["Effect"] == "Allow"]
            assert not allowed
            assert statement.get("Resource") != "*"


def actions_of(statement: Mapping[str, Any]) -> list[str]:
    action = statement["Action"]
    return [action] if isinstance(action, str) else list(action)


def policy_documents(templates: Templates) -> Iterator[dict[str, Any]]:
    for _, _, policy in resources(templates, "AWS::IAM::Policy"):
        yield policy["Properties"]["PolicyDocument"]
    for _, _, role in resources(templates, "AWS::IAM::Role"):
        yield role["Properties"]["AssumeRolePolicyDocument"]
        for policy in role["Properties"].get("Policies", []):
            yield policy["PolicyDocument"]


def the_gateway_may_do_what_it_does_and_no_more(templates: Templates) -> None:
    statements = templates["gateway"]["Resources"]["GatewayPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    actions = {action for statement in statements for action in actions_of(statement)}
    assert actions == {
        "kinesis:DescribeStreamSummary",
        "kinesis:PutRecords",
        "s3:PutObject",
        "s3:ListBucket",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    }
    put = next(statement for statement in statements if statement["Action"] == "s3:PutObject")
    assert put["Resource"] == {"Fn::Sub": "${ErrorBucketArn}/rejected/*"}


def lambda_gives_up_before_the_http_api_does(templates: Templates) -> None:
    gateway = templates["gateway"]
    timeout = gateway["Parameters"]["TimeoutSeconds"]
    wait = gateway["Resources"]["Integration"]["Properties"]["TimeoutInMillis"]
    assert timeout["Default"] == timeout["MaxValue"] == 29
    assert wait == 30_000
    assert gateway["Resources"]["Integration"]["Properties"]["PayloadFormatVersion"] == "2.0"


def the_access_log_s_format_is_one_line_of_json(templates: Templates) -> None:
    form = templates["gateway"]["Resources"]["DefaultStage"]["Properties"]["AccessLogSettings"]["Format"]
    assert "\n" not in form
    fields = json.loads(form)
    assert fields["requestId"] == "$context.requestId"
    assert all(value.startswith("$context.") for value in fields.values())


def outputs_are_the_parameters_of_later_stacks(templates: Templates) -> None:
    """Every parameter without a default is an output of an earlier stack or is given by whoever deploys."""
    given = {"ImageUri", "SnowflakeUserArn", "SnowflakeExternalId"}
    outputs: set[str] = set()
    for stack in templates:
        needed = {name for name, rules in templates[stack]["Parameters"].items() if "Default" not in rules}
        assert needed <= outputs | given, stack
        outputs |= set(templates[stack]["Outputs"])


def names_with_a_stage_fit_the_limits(templates: Templates) -> None:
    """The longest stage, in the names that have limits: roles 64, functions 64 characters (IAM, Lambda quotas)."""
    stage = "s" * 12
    for kind, member in (("AWS::IAM::Role", "RoleName"), ("AWS::Lambda::Function", "FunctionName")):
        for _, name, resource in resources(templates, kind):
            if member in resource["Properties"]:
                assert len(resource["Properties"][member]["Fn::Sub"].replace("${Stage}", stage)) <= 64, name


def the_parameter_file_has_values_that_the_templates_allow(templates: Templates) -> None:
    values = json.loads((TEMPLATES / "parameters" / "dev.json").read_text())
    declared: dict[str, dict[str, Any]] = {}
    for stack in templates:
        declared |= templates[stack]["Parameters"]
    for name, value in values.items():
        rules = declared[name]
        assert isinstance(value, str), f"{name}: CloudFormation takes text"
        assert value in [str(choice) for choice in rules.get("AllowedValues", [value])], name
        if rules["Type"] == "Number":
            assert rules.get("MinValue", 0) <= int(value) <= rules.get("MaxValue", int(value)), name


CHECKS: tuple[Check, ...] = (
    every_parameter_is_described_and_bounded,
    a_parameter_means_the_same_in_every_template,
    what_holds_data_outlives_its_stack,
    buckets_are_private_and_encrypted,
    buckets_answer_over_tls_only,
    only_rejected_records_expire,
    the_error_prefix_is_outside_the_landing_prefix,
    no_policy_allows_everything,
    the_gateway_may_do_what_it_does_and_no_more,
    lambda_gives_up_before_the_http_api_does,
    the_access_log_s_format_is_one_line_of_json,
    outputs_are_the_parameters_of_later_stacks,
    names_with_a_stage_fit_the_limits,
    the_parameter_file_has_values_that_the_templates_allow,
)
