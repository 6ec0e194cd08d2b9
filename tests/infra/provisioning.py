"""What CloudFormation's role and CI's have to be allowed, held against their policies in bootstrap.yaml.

CloudFormation says what it calls for a resource type in the type's schema (`handlers` and `tagging`, as DescribeType of
the CloudFormation registry gives it); cfn-lint carries these schemas.
"""

import ast
import json
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any

from botocore import xform_name
from botocore.session import Session

from ops.stacks import TEMPLATES
from tests.infra.checks import Check, Templates, actions_of

NOT_USED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "AWS::ApiGatewayV2::Api": {"BodyS3Location": ("s3:getObject",)},
    "AWS::IAM::Policy": {
        "Groups": ("iam:DeleteGroupPolicy", "iam:GetGroupPolicy", "iam:PutGroupPolicy"),
        "Users": ("iam:DeleteUserPolicy", "iam:GetUserPolicy", "iam:PutUserPolicy"),
    },
    "AWS::IAM::Role": {"ManagedPolicyArns": ("iam:AttachRolePolicy", "iam:DetachRolePolicy")},
    "AWS::KMS::Key": {"Enabled": ("kms:DisableKey", "kms:EnableKey")},
    "AWS::Kinesis::Stream": {
        "DesiredShardLevelMetrics": ("kinesis:DisableEnhancedMonitoring", "kinesis:EnableEnhancedMonitoring"),
        "MaxRecordSizeInKiB": ("kinesis:UpdateMaxRecordSize",),
        "RecordDistributionStrategy": ("kinesis:UpdateStreamRecordDistributionStrategy",),
        "WarmThroughputMiBps": ("kinesis:UpdateStreamWarmThroughput",),
    },
    "AWS::KinesisFirehose::DeliveryStream": {
        "DeliveryStreamEncryptionConfigurationInput": (
            "firehose:StartDeliveryStreamEncryption",
            "firehose:StopDeliveryStreamEncryption",
        ),
    },
    "AWS::Lambda::Function": {
        "CapacityProviderConfig": ("lambda:PassCapacityProvider",),
        "CodeSigningConfigArn": (
            "lambda:DeleteFunctionCodeSigningConfig",
            "lambda:GetCodeSigningConfig",
            "lambda:PutFunctionCodeSigningConfig",
        ),
        "FileSystemConfigs": ("elasticfilesystem:DescribeMountTargets", "s3files:ListMountTargets"),
        "FunctionScalingConfig": ("lambda:PutFunctionScalingConfig",),
        "KmsKeyArn": ("kms:Encrypt",),
        "Layers": ("lambda:GetLayerVersion",),
        "PublishToLatestPublished": ("lambda:PublishVersion",),
        "RecursiveLoop": ("lambda:PutFunctionRecursionConfig",),
        "RuntimeManagementConfig": ("lambda:AssociateRuntimeAlias", "lambda:PutRuntimeManagementConfig"),
        "S3Bucket": ("s3:GetObject", "s3:GetObjectVersion"),
        "VpcConfig": (
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcs",
        ),
    },
    "AWS::Logs::LogGroup": {
        "BearerTokenAuthenticationEnabled": ("logs:PutBearerTokenAuthentication",),
        "DataProtectionPolicy": ("logs:PutDataProtectionPolicy", "s3:REST.PUT.OBJECT"),
        "DeletionProtectionEnabled": ("logs:PutLogGroupDeletionProtection",),
        "FieldIndexPolicies": ("logs:DeleteIndexPolicy", "logs:PutIndexPolicy"),
        "ResourcePolicyDocument": ("logs:DeleteResourcePolicy",),
    },
    "AWS::S3::Bucket": {
        "AccessControl": ("s3:PutObjectAcl",),
        "AnalyticsConfigurations": ("s3:DeleteBucketAnalyticsConfiguration",),
        "CorsConfiguration": ("s3:DeleteBucketCors",),
        "MetadataConfiguration": (
            "s3:UpdateBucketMetadataAnnotationTableConfiguration",
            "s3:UpdateBucketMetadataInventoryTableConfiguration",
            "s3:UpdateBucketMetadataJournalTableConfiguration",
        ),
        "MetadataTableConfiguration": (
            "s3:CreateBucketMetadataTableConfiguration",
            "s3:DeleteBucketMetadataTableConfiguration",
            "s3tables:CreateNamespace",
            "s3tables:CreateTable",
            "s3tables:CreateTableBucket",
            "s3tables:GetTable",
            "s3tables:GetTableMetadataLocation",
            "s3tables:PutTableBucketPolicy",
            "s3tables:PutTableEncryption",
            "s3tables:PutTablePolicy",
            "s3tables:UpdateTableMetadataLocation",
        ),
        "MetricsConfigurations": ("s3:DeleteBucketMetricsConfiguration",),
        "ReplicationConfiguration": ("s3:DeleteBucketReplication",),
        "WebsiteConfiguration": ("s3:DeleteBucketWebsite",),
    },
    "AWS::SNS::Topic": {"DataProtectionPolicy": ("sns:PutDataProtectionPolicy",)},
    "AWS::SecretsManager::Secret": {
        "GenerateSecretString": ("secretsmanager:GetRandomPassword",),
        "ReplicaRegions": ("secretsmanager:RemoveRegionsFromReplication", "secretsmanager:ReplicateSecretToRegions"),
    },
}
"""By resource type and by a property that no template uses: what its handlers call for that property only."""

NOT_GIVEN: Mapping[str, str] = {
    "apigateway:TagResource": "IAM knows no such action: PUT or POST on /tags (Service Authorization Reference)",
    "apigateway:UntagResource": "the same, a DELETE",
    "iam:DeleteRolePermissionsBoundary": "no role is ever let out of its boundary",
    "s3:DeleteBucketEncryption": "IAM knows no such action: s3:PutEncryptionConfiguration (the same)",
    "s3:DeleteBucketLifecycle": "IAM knows no such action: s3:PutLifecycleConfiguration (the same)",
    "s3:DeleteBucketTagging": "IAM knows no such action: s3:PutBucketTagging (the same)",
    "s3:DeleteObject": "no object is CloudFormation's; DeleteBucket refuses a bucket that holds any",
}

BEYOND: Mapping[str, str] = {
    "ecr:BatchGetImage": "Lambda Developer Guide, 'Create a Lambda function using a container image'",
    "ecr:GetDownloadUrlForLayer": "the same",
    "ecr:GetRepositoryPolicy": "the same",
    "kms:ListKeys": "the list handler of AWS::KMS::Key",
    "logs:DeleteLogDelivery": "API Gateway Developer Guide, 'Configure logging for HTTP APIs'",
    "logs:GetLogDelivery": "the same",
    "logs:ListLogDeliveries": "the same",
    "logs:UpdateLogDelivery": "the same",
    "sns:ListSubscriptions": "the list handler of AWS::SNS::Subscription",
}
"""What the role may do that no handler names."""

DEPLOYMENT: Mapping[str, str] = {
    "cloudformation:CreateStack": "ops/stacks.py",
    "cloudformation:DeleteStack": "ops/stacks.py: a stack whose creation failed is made anew",
    "cloudformation:DescribeStackEvents": "ops/stacks.py",
    "cloudformation:DescribeStacks": "ops/stacks.py, ops/deploy/actions.py",
    "cloudformation:GetTemplate": "ops/deploy/bootstrap.py",
    "cloudformation:GetTemplateSummary": "ops/stacks.py",
    "cloudformation:UpdateStack": "ops/stacks.py",
    "iam:PassRole": "ops/stacks.py: RoleARN",
    "secretsmanager:GetSecretValue": "ops/key_store.py",
    "secretsmanager:PutSecretValue": "ops/key_store.py",
    "secretsmanager:UpdateSecretVersionStage": "ops/key_store.py",
    "sqs:ChangeMessageVisibility": "ops/deploy/notification_tests.py",
    "sqs:DeleteMessage": "ops/deploy/notification_tests.py",
    "sqs:GetQueueUrl": "ops/deploy/notification_tests.py",
    "sqs:ReceiveMessage": "ops/deploy/notification_tests.py",
    "ecr:DescribeImages": "ops/deploy/image.py",
    "ecr:GetAuthorizationToken": "ops/deploy/image.py, and the workflow's `aws ecr get-login-password`",
    "ecr:BatchCheckLayerAvailability": "a push: Amazon ECR User Guide, 'IAM permissions for pushing an image'",
    "ecr:BatchGetImage": "the same",
    "ecr:CompleteLayerUpload": "the same",
    "ecr:InitiateLayerUpload": "the same",
    "ecr:PutImage": "the same",
    "ecr:UploadLayerPart": "the same",
    "ecr:GetDownloadUrlForLayer": "skopeo looks for layers that are there before it sends them",
}
"""What `sluice deploy` and the push before it call, with CI's role. sts:GetCallerIdentity takes no permission."""

CALLERS = (
    "stacks",
    "key_store",
    "deploy/actions",
    "deploy/bootstrap",
    "deploy/notification_tests",
    "deploy/smoke",
    "deploy/image",
)
SERVICES = ("cloudformation", "ecr", "secretsmanager", "sqs")


def cloudformation_may_call_what_the_handlers_call(templates: Templates) -> None:
    resources = [each for stack, one in templates.items() if stack != "bootstrap" for each in one["Resources"].values()]
    called = {action for kind in {each["Type"] for each in resources} for action in _called(kind)} - set(NOT_GIVEN)
    allowed = _of_cloudformation(templates)
    missing = {action for action in called if not any(_is(action, each) for each in allowed)}
    assert not missing, sorted(missing)
    idle = {each for each in allowed if not any(_is(action, each) for action in called)}
    assert idle == set(BEYOND), sorted(idle ^ set(BEYOND))


def no_template_uses_what_its_role_has_no_rights_for(templates: Templates) -> None:
    for stack, template in templates.items():
        for name, resource in template["Resources"].items():
            used = set(_keys(resource["Properties"])) if stack != "bootstrap" else set()
            assert not used & set(NOT_USED.get(resource["Type"], {})), name


def the_deploy_role_may_call_what_a_deployment_calls(templates: Templates) -> None:
    role = templates["bootstrap"]["Resources"]["DeployRole"]["Properties"]
    (policy,) = role["Policies"]
    assert _allowed([policy["PolicyDocument"]]) == set(DEPLOYMENT)


def calls_of_the_deployment() -> set[str]:
    """The actions of the AWS calls that stand in the code of a deployment."""
    known = {
        xform_name(operation): f"{service}:{operation}"
        for service in SERVICES
        for operation in Session().get_service_model(service).operation_names
    }
    trees = [ast.parse((TEMPLATES.parents[1] / "ops" / f"{name}.py").read_text()) for name in CALLERS]
    calls = [node.func for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {known[each.attr] for each in calls if isinstance(each, ast.Attribute) and each.attr in known}


@cache
def schema(kind: str) -> dict[str, Any]:
    """The registry's schema of a resource type."""
    folder = files("cfnlint") / "data" / "schemas"
    hashes = json.loads((folder / "providers" / "us-east-1.json").read_text())
    found: dict[str, Any] = json.loads((folder / "resources" / f"{hashes[kind]}.json").read_text())
    return found


def _called(kind: str) -> set[str]:
    found = schema(kind)
    handlers = found["handlers"]
    permissions = {each for name in handlers if name != "list" for each in handlers[name]["permissions"]}
    permissions |= set(found.get("tagging", {}).get("permissions", []))
    return permissions - {action for actions in NOT_USED.get(kind, {}).values() for action in actions}


def _of_cloudformation(templates: Templates) -> set[str]:
    """What its policies allow, and the key's policy on its behalf."""
    bootstrap, key = templates["bootstrap"]["Resources"], templates["storage"]["Resources"]["DataKey"]["Properties"]
    documents = [bootstrap[name]["Properties"]["PolicyDocument"] for name in ("ProvisionData", "ProvisionServices")]
    its_own = [each for each in key["KeyPolicy"]["Statement"] if each["Sid"] == "CloudFormationMakesThisStage"]
    return _allowed([*documents, {"Statement": its_own}])


def _allowed(documents: Iterable[Mapping[str, Any]]) -> set[str]:
    statements = [statement for document in documents for statement in document["Statement"]]
    return {action for each in statements if each["Effect"] == "Allow" for action in actions_of(each)}


def _is(action: str, pattern: str) -> bool:
    return fnmatchcase(action.lower(), pattern.lower())


def _keys(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [*value, *(key for each in value.values() for key in _keys(each))]
    return [key for each in value for key in _keys(each)] if isinstance(value, list) else []


CHECKS: tuple[Check, ...] = (
    cloudformation_may_call_what_the_handlers_call,
    no_template_uses_what_its_role_has_no_rights_for,
    the_deploy_role_may_call_what_a_deployment_calls,
)
