"""How far the roles go: the boundary of those that CloudFormation makes, the key's policy, whom GitHub names."""

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from tests.infra.checks import Check, Template, Templates, actions_of, resources
from tests.support.iam import resolve

LARGEST_MANAGED_POLICY = 6144
"""Characters without white space (IAM User Guide, "IAM and AWS STS quotas")."""
CLOUDFORMATION = "${AWS::AccountId}:role/sluice-${Stage}-cloudformation"
NEEDS_BOUNDARY = {"iam:AttachRolePolicy", "iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"}
"""What gives a role rights and knows the condition iam:PermissionsBoundary (Service Authorization Reference, IAM)."""
REPOSITORIES = ("owner/name", "my-org/my.repo_1", "octocat@123456/my-repo@456789")
"""The last as in GitHub Docs, "OpenID Connect reference", "Immutable subject claims"."""
NO_REPOSITORIES = ("owner", "owner/*", "o*/name", "octocat@123456/my-repo", "octocat/my-repo@1", "octocat@x/my-repo@y")

_ACCOUNT = {
    "AWS::Partition": "aws",
    "AWS::Region": "eu-central-1",
    "AWS::AccountId": "1",
    "AWS::URLSuffix": "amazonaws.com",
}
_NAMES = _ACCOUNT | {"Stage": "dev"}
_MADE = {
    "StreamArn": "arn:aws:kinesis:eu-central-1:1:stream/sluice-dev-storage-Stream-1",
    "LandingBucketArn": "arn:aws:s3:::sluice-dev-storage-landingbucket-1",
    "ErrorBucketArn": "arn:aws:s3:::sluice-dev-storage-errorbucket-1",
    "LandingPrefix": "records/",
    "DeliveryErrorPrefix": "delivery-errors/",
    "DataKeyArn": "arn:aws:kms:eu-central-1:1:key/1",
    "DeliveryLogs": "sluice-dev-delivery",
    "DeliveryLogStream": "S3Delivery",
    "GatewayLogs.Arn": "arn:aws:logs:eu-central-1:1:log-group:sluice-dev-gateway-1:*",
    "ApiKeysSecret.Id": "arn:aws:secretsmanager:eu-central-1:1:secret:sluice-dev-api-keys-1-a",
    "DrainLogs.Arn": "arn:aws:logs:eu-central-1:1:log-group:sluice-dev-drain:*",
    "DrainDeadLetters.Arn": "arn:aws:sqs:eu-central-1:1:sluice-dev-drain-DrainDeadLetters-1",
    "PipeErrorsTopic": "arn:aws:sns:eu-central-1:1:sluice-dev-pipe-errors",
}
"""What the stacks make, as a stage `dev` names it."""


def roles_are_bounded(templates: Templates) -> None:
    boundary = templates["bootstrap"]["Resources"]["Boundary"]["Properties"]["ManagedPolicyName"]["Fn::Sub"]
    arn = {"Fn::Sub": f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:policy/{boundary}"}
    for stack, name, role in resources(templates, "AWS::IAM::Role"):
        if stack != "bootstrap":
            assert role["Properties"].get("PermissionsBoundary") == arn, name


def the_boundary_allows_what_the_roles_are_given_and_no_more(templates: Templates) -> None:
    boundary = templates["bootstrap"]["Resources"]["Boundary"]["Properties"]["PolicyDocument"]["Statement"]
    given: set[str] = set()
    for name, statement in _of_the_roles(templates):
        for action in actions_of(statement):
            given.add(action)
            for resource in _listed(statement["Resource"]):
                wanted = resolve(resource, _NAMES | _MADE)
                assert any(_covers(each, action, wanted, _via(statement)) for each in boundary), f"{name}: {action}"
    assert {action for statement in boundary for action in actions_of(statement)} == given


def roles_are_made_within_the_boundary_only(templates: Templates) -> None:
    boundary = {"Ref": "Boundary"}
    policies = [templates["bootstrap"]["Resources"][name] for name in ("ProvisionData", "ProvisionServices")]
    statements = [each for policy in policies for each in policy["Properties"]["PolicyDocument"]["Statement"]]
    denied = [each for each in statements if each["Effect"] == "Deny"]
    for statement in statements:
        if statement["Effect"] == "Allow" and NEEDS_BOUNDARY & set(actions_of(statement)):
            assert statement.get("Condition") == {"StringEquals": {"iam:PermissionsBoundary": boundary}}
    assert any(each["Action"] == "iam:*" and boundary in _listed(each["Resource"]) for each in denied)
    assert any((each["Action"], each["Resource"]) == ("iam:DeleteRolePermissionsBoundary", "*") for each in denied)


def no_stage_s_role_touches_a_bootstrap(templates: Templates) -> None:
    bootstrap = templates["bootstrap"]["Resources"]
    statements = bootstrap["ProvisionServices"]["Properties"]["PolicyDocument"]["Statement"]
    [denied] = [each for each in statements if (each["Effect"], each["Action"]) == ("Deny", "iam:*")]
    patterns = [resolve(each, _NAMES) for each in denied["Resource"] if each != {"Ref": "Boundary"}]
    for name in ("CloudFormationRole", "DeployRole"):
        for stage in ("dev", "dev-2"):
            role = resolve(bootstrap[name]["Properties"]["RoleName"], _NAMES | {"Stage": stage})
            assert any(fnmatchcase(f"arn:aws:iam::1:role/{role}", each) for each in patterns), role


def an_api_may_be_tagged(templates: Templates) -> None:
    """The second ARN is what CloudFormation was refused (aws-cloudformation/cloudformation-coverage-roadmap#997)."""
    statements = templates["bootstrap"]["Resources"]["ProvisionServices"]["Properties"]["PolicyDocument"]["Statement"]
    api = "arn:aws:apigateway:eu-central-1::"
    for arn in (f"{api}/tags/arn%3Aaws%3Aapigateway%3Aeu-central-1%3A%3A%2Fapis%2F1", f"{api}{api}/tags/"):
        assert any(_covers(each, "apigateway:POST", arn, None) for each in statements if each["Effect"] == "Allow"), arn


def the_key_says_itself_who_may_use_it(templates: Templates) -> None:
    """By name: tags take up to five minutes to count (AWS KMS Developer Guide, "ABAC for AWS KMS")."""
    assert "aws:ResourceTag" not in json.dumps(templates)
    named = [
        (statement["Condition"], set(actions_of(statement)))
        for statement in _key_policy(templates, principal={"AWS": "*"})
    ]
    roles = {condition["ArnEquals"]["aws:PrincipalArn"]["Fn::Sub"].rpartition("/")[2] for condition, _ in named}
    bootstrap = templates["bootstrap"]["Resources"]
    assert roles == {
        bootstrap[name]["Properties"]["RoleName"]["Fn::Sub"] for name in ("CloudFormationRole", "DeployRole")
    }
    assert all(
        condition["StringEquals"].get("kms:CallerAccount") == {"Ref": "AWS::AccountId"} for condition, _ in named
    )
    administers = [condition for condition, actions in named if actions != {"kms:Decrypt", "kms:GenerateDataKey"}]
    assert [
        condition["ArnEquals"]["aws:PrincipalArn"]["Fn::Sub"].endswith(CLOUDFORMATION) for condition in administers
    ] == [True]
    [alarms] = _key_policy(templates, principal={"Service": "cloudwatch.amazonaws.com"})
    assert alarms["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def managed_policies_fit(templates: Templates) -> None:
    for _, name, policy in resources(templates, "AWS::IAM::ManagedPolicy"):
        text = json.dumps(policy["Properties"]["PolicyDocument"], separators=(",", ":"))
        assert len(text) <= LARGEST_MANAGED_POLICY, name


def the_repository_is_named_as_github_s_tokens_name_it(templates: Templates) -> None:
    pattern = re.compile(templates["bootstrap"]["Parameters"]["GitHubRepository"]["AllowedPattern"])
    assert all(pattern.fullmatch(name) for name in ("", *REPOSITORIES))
    assert not [name for name in NO_REPOSITORIES if pattern.fullmatch(name)]


def _of_the_roles(templates: Templates) -> Iterator[tuple[str, dict[str, Any]]]:
    for stack, template in templates.items():
        if stack == "bootstrap":
            continue
        for name, resource in template["Resources"].items():
            for document in _documents(resource):
                for statement in document["Statement"]:
                    yield name, statement


def _documents(resource: Template) -> list[dict[str, Any]]:
    if resource["Type"] == "AWS::IAM::Role":
        return [policy["PolicyDocument"] for policy in resource["Properties"].get("Policies", [])]
    return [resource["Properties"]["PolicyDocument"]] if resource["Type"] == "AWS::IAM::Policy" else []


def _key_policy(templates: Templates, principal: dict[str, str]) -> list[dict[str, Any]]:
    policy = templates["storage"]["Resources"]["DataKey"]["Properties"]["KeyPolicy"]
    return [statement for statement in policy["Statement"] if statement["Principal"] == principal]


def _covers(statement: dict[str, Any], action: str, resource: str, via: set[str] | None) -> bool:
    limit = _via(statement)
    if action not in actions_of(statement) or not (limit is None or (via is not None and via <= limit)):
        return False
    return any(fnmatchcase(resource, resolve(each, _NAMES)) for each in _listed(statement["Resource"]))


def _via(statement: dict[str, Any]) -> set[str] | None:
    services = statement.get("Condition", {}).get("StringEquals", {}).get("kms:ViaService")
    return None if services is None else {resolve(service, _NAMES) for service in _listed(services)}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


CHECKS: tuple[Check, ...] = (
    roles_are_bounded,
    the_boundary_allows_what_the_roles_are_given_and_no_more,
    roles_are_made_within_the_boundary_only,
    no_stage_s_role_touches_a_bootstrap,
    an_api_may_be_tagged,
    the_key_says_itself_who_may_use_it,
    managed_policies_fit,
    the_repository_is_named_as_github_s_tokens_name_it,
)
