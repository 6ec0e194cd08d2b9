"""What must hold of the templates, whoever edits them: each check raises AssertionError when it does not."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any

from cfnlint.decode.cfn_yaml import loads  # type: ignore[import-untyped]

from app.key_secret import READ_SECONDS
from app.settings import AuthMode, Settings
from ops.stacks import BOOTSTRAP, STACKS, TEMPLATES

Template = dict[str, Any]
Templates = Mapping[str, Template]
Check = Callable[[Templates], None]
KEY_READS = 2
"""How often a request may wait for the keys' secret: for whether there are webhooks, and for who signed this one."""


@cache
def read() -> Templates:
    """The shipped templates, in the order in which they are deployed."""
    return {stack: parse((TEMPLATES / f"{stack}.yaml").read_text()) for stack in (BOOTSTRAP, *STACKS)}


def parse(text: str) -> Template:
    """A template in long form, as plain JSON values."""
    template: Template = json.loads(json.dumps(loads(text)))
    return template


def weakened(stack: str, old: str, new: str) -> Templates:
    """The templates, one of them with something else in it."""
    return {**read(), stack: parse(replaced(stack, old, new))}


def replaced(stack: str, old: str, new: str) -> str:
    """The text of a template, with something else in it."""
    text = (TEMPLATES / f"{stack}.yaml").read_text()
    assert old in text, f"{stack} has no {old}"
    return text.replace(old, new)


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


def the_error_prefix_is_outside_the_landing_prefix(templates: Templates) -> None:
    delivery = templates["delivery"]
    destination = delivery["Resources"]["DeliveryStream"]["Properties"]["ExtendedS3DestinationConfiguration"]
    assert destination["Prefix"]["Fn::Sub"].startswith("${LandingPrefix}")
    assert destination["ErrorOutputPrefix"]["Fn::Sub"].startswith("${DeliveryErrorPrefix}")
    for template in (delivery, templates["storage"]):
        parameters_ = template["Parameters"]
        assert not parameters_["DeliveryErrorPrefix"]["Default"].startswith(parameters_["LandingPrefix"]["Default"])


def actions_of(statement: Mapping[str, Any]) -> list[str]:
    action = statement["Action"]
    return [action] if isinstance(action, str) else list(action)


def policy_documents(templates: Templates) -> Iterator[dict[str, Any]]:
    for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
        for _, _, policy in resources(templates, kind):
            yield policy["Properties"]["PolicyDocument"]
    for _, _, role in resources(templates, "AWS::IAM::Role"):
        yield role["Properties"]["AssumeRolePolicyDocument"]
        for policy in role["Properties"].get("Policies", []):
            yield policy["PolicyDocument"]


def the_image_is_named_by_its_digest(templates: Templates) -> None:
    pattern = re.compile(templates["gateway"]["Parameters"]["ImageUri"]["AllowedPattern"])
    name = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/sluice-prod"
    assert pattern.match(f"{name}@sha256:{'0a' * 32}")
    assert not pattern.match(f"{name}:latest")


def the_functions_run_one_image(templates: Templates) -> None:
    """The gateway by the image's own command, every other by one that names a handler which is there."""
    functions = list(resources(templates, "AWS::Lambda::Function"))
    assert len({templates[stack]["Parameters"]["Architecture"]["Default"] for stack, *_ in functions}) == 1
    for stack, name, function in functions:
        properties = function["Properties"]
        assert properties["Code"] == {"ImageUri": {"Ref": "ImageUri"}}, name
        assert properties["Architectures"] == [{"Ref": "Architecture"}], name
        assert properties["Role"]["Fn::GetAtt"][0] in templates[stack]["Resources"], name
        assert properties["LoggingConfig"]["LogGroup"]["Ref"] in templates[stack]["Resources"], name
        if stack != "gateway":
            [command] = properties["ImageConfig"]["Command"]
            module, _, attribute = command.rpartition(".")
            assert hasattr(import_module(module), attribute), command


def the_schedule_may_invoke_the_drain_and_nothing_else(templates: Templates) -> None:
    drain = templates["drain"]["Resources"]
    [target] = drain["Schedule"]["Properties"]["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": ["Function", "Arn"]}
    assert drain["ScheduleMayInvoke"]["Properties"] == {
        "Action": "lambda:InvokeFunction",
        "FunctionName": {"Ref": "Function"},
        "Principal": "events.amazonaws.com",
        "SourceAccount": {"Ref": "AWS::AccountId"},
        "SourceArn": {"Fn::GetAtt": ["Schedule", "Arn"]},
    }


def lambda_gives_up_before_the_http_api_does(templates: Templates) -> None:
    gateway = templates["gateway"]
    timeout = gateway["Parameters"]["TimeoutSeconds"]
    wait = gateway["Resources"]["Integration"]["Properties"]["TimeoutInMillis"]
    assert timeout["Default"] == timeout["MaxValue"] == 29
    assert wait == 30_000
    assert gateway["Resources"]["Integration"]["Properties"]["PayloadFormatVersion"] == "2.0"


def the_gateway_answers_before_lambda_gives_up(templates: Templates) -> None:
    """What a request may wait for, at the least time and with the most of each setting, and time left to judge in."""
    parameter = templates["gateway"]["Parameters"]["TimeoutSeconds"]
    variables = templates["gateway"]["Resources"]["Function"]["Properties"]["Environment"]["Variables"]
    assert variables["SLUICE_REQUEST_TIMEOUT_SECONDS"] == {"Ref": "TimeoutSeconds"}
    assert "SLUICE_DELIVERY_TIMEOUT_SECONDS" not in variables
    assert parameter["Default"] == Settings.model_fields["request_timeout_seconds"].default
    usual = Settings(stream_name="s", error_bucket="bucket", auth=AuthMode.NONE)
    least = usual.model_copy(update={"request_timeout_seconds": parameter["MinValue"]})
    longest = usual.model_copy(update={"delivery_timeout_seconds": 20.0})
    for settings in (usual, least, longest):
        assert settings.seconds_before_storing >= KEY_READS * READ_SECONDS + 2
        assert settings.seconds_before_storing + settings.delivery_timeout_seconds < settings.request_timeout_seconds


def the_access_log_s_format_is_one_line_of_json(templates: Templates) -> None:
    form = templates["gateway"]["Resources"]["DefaultStage"]["Properties"]["AccessLogSettings"]["Format"]
    assert "\n" not in form
    fields = json.loads(form)
    assert fields["requestId"] == "$context.requestId"
    assert all(value.startswith("$context.") for value in fields.values())


def outputs_are_the_parameters_of_later_stacks(templates: Templates) -> None:
    """Every parameter without a default is an output of an earlier stack or is given by whoever deploys."""
    given = {
        "ImageUri",
        "SnowflakeUserArn",
        "SnowflakeExternalId",
        "SnowflakeErrorsUserArn",
        "SnowflakeErrorsExternalId",
    }
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


CHECKS: tuple[Check, ...] = (
    every_parameter_is_described_and_bounded,
    a_parameter_means_the_same_in_every_template,
    the_error_prefix_is_outside_the_landing_prefix,
    the_image_is_named_by_its_digest,
    the_functions_run_one_image,
    the_schedule_may_invoke_the_drain_and_nothing_else,
    lambda_gives_up_before_the_http_api_does,
    the_gateway_answers_before_lambda_gives_up,
    the_access_log_s_format_is_one_line_of_json,
    outputs_are_the_parameters_of_later_stacks,
    names_with_a_stage_fit_the_limits,
)
