"""What protects data in the templates: keys, TLS, who may what, what expires. Checks as in `tests.infra.checks`."""

from typing import Any

from ops.stacks import BOOTSTRAP
from tests.infra.checks import Check, Templates, actions_of, policy_documents, resources

DATA = {
    ("storage", "Stream"),
    ("storage", "LandingBucket"),
    ("storage", "ErrorBucket"),
    ("storage", "AccessLogBucket"),
    ("storage", "DataKey"),
    ("gateway", "GatewayLogs"),
    # Not data, but other repositories may sign on by it.
    ("bootstrap", "GitHubOidcProvider"),
}
KEY_OF = {
    "AWS::Kinesis::Stream": ("StreamEncryption", "KeyId"),
    "AWS::Logs::LogGroup": ("KmsKeyId",),
    "AWS::SecretsManager::Secret": ("KmsKeyId",),
    "AWS::SNS::Topic": ("KmsMasterKeyId",),
    "AWS::SQS::Queue": ("KmsMasterKeyId",),
}
OTHERWISE_ENCRYPTED = {"DeadLetters", "DrainDeadLetters"}
DATA_KEY = ({"Fn::GetAtt": ["DataKey", "Arn"]}, {"Ref": "DataKeyArn"})
REACHED = {"AWS::S3::Bucket": "s3:*", "AWS::SQS::Queue": "sqs:*", "AWS::SNS::Topic": "sns:Publish"}
POLICIES = {"AWS::S3::BucketPolicy": "Bucket", "AWS::SQS::QueuePolicy": "Queues", "AWS::SNS::TopicPolicy": "Topics"}
RESOURCELESS = {
    "cloudformation:GetTemplateSummary",
    "ecr:GetAuthorizationToken",
    "kms:CreateKey",
    "kms:ListAliases",
    "kms:ListKeys",
    "kms:TagResource",
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
    "sns:GetSubscriptionAttributes",
    "sns:ListSubscriptions",
    "sns:SetSubscriptionAttributes",
    "sns:Unsubscribe",
}
"""Actions without a resource to name (Service Authorization Reference), and those of a key that is not made yet."""


def what_holds_data_outlives_its_stack(templates: Templates) -> None:
    holders = {
        (stack, name)
        for stack in templates
        for name, resource in templates[stack]["Resources"].items()
        if resource.get("DeletionPolicy") == "RetainExceptOnCreate" and resource["UpdateReplacePolicy"] == "Retain"
    }
    assert holders == DATA


def buckets_are_private(templates: Templates) -> None:
    for _, name, bucket in resources(templates, "AWS::S3::Bucket"):
        properties = bucket["Properties"]
        assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}, name
        assert len(properties["PublicAccessBlockConfiguration"]) == 4, name
        assert properties["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}, name
        assert "BucketName" not in properties, "a kept bucket must not stand in the way of a new stack"
        if name != "AccessLogBucket":
            assert properties["LoggingConfiguration"]["DestinationBucketName"] == {"Ref": "AccessLogBucket"}, name


def buckets_are_encrypted_with_the_stage_s_key(templates: Templates) -> None:
    ours = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": DATA_KEY[0]}
    for _, name, bucket in resources(templates, "AWS::S3::Bucket"):
        rules = bucket["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        if name == "AccessLogBucket":
            assert rules == [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        else:
            assert rules == [{"BucketKeyEnabled": True, "ServerSideEncryptionByDefault": ours}], name


def whatever_else_keeps_data_has_the_stage_s_key(templates: Templates) -> None:
    for kind, path in KEY_OF.items():
        found = list(resources(templates, kind))
        assert found, kind
        for _, name, resource in found:
            value: Any = resource["Properties"]
            if name in OTHERWISE_ENCRYPTED:
                assert value["SqsManagedSseEnabled"] is True
                continue
            for step in path:
                value = value.get(step, {})
            assert value in DATA_KEY, name


def whatever_can_be_reached_answers_over_tls_only(templates: Templates) -> None:
    guarded = set()
    for kind, member in POLICIES.items():
        for _, _, policy in resources(templates, kind):
            target = policy["Properties"][member]
            name = (target[0] if isinstance(target, list) else target)["Ref"]
            statement = policy["Properties"]["PolicyDocument"]["Statement"][0]
            assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}, name
            named = {
                "AWS::S3::BucketPolicy": [{"Fn::GetAtt": [name, "Arn"]}, {"Fn::Sub": f"${{{name}.Arn}}/*"}],
                "AWS::SQS::QueuePolicy": {"Fn::GetAtt": [name, "Arn"]},
                "AWS::SNS::TopicPolicy": {"Ref": name},
            }[kind]
            guarded.add((name, statement["Effect"], statement["Principal"], statement["Action"], str(named)))
            assert statement["Resource"] == named
    for kind, action in REACHED.items():
        for _, name, _ in resources(templates, kind):
            assert any(entry[:4] == (name, "Deny", "*", action) for entry in guarded), name


def spilled_records_never_expire(templates: Templates) -> None:
    expiring = [
        (name, rule.get("Prefix"))
        for _, name, bucket in resources(templates, "AWS::S3::Bucket")
        for rule in map(unconditional, bucket["Properties"]["LifecycleConfiguration"]["Rules"])
        if set(rule) - {"Id", "Status", "Prefix", "AbortIncompleteMultipartUpload"}
    ]
    assert expiring == [
        ("LandingBucket", {"Ref": "LandingPrefix"}),
        ("ErrorBucket", "rejected/"),
        ("ErrorBucket", "replayed/"),
        ("AccessLogBucket", None),
    ]


def unconditional(value: dict[str, Any]) -> dict[str, Any]:
    """What stands there when its condition holds."""
    chosen: dict[str, Any] = value["Fn::If"][1] if "Fn::If" in value else value
    return chosen


def the_landing_bucket_tells_of_files_and_of_failures(templates: Templates) -> None:
    bucket = templates["storage"]["Resources"]["LandingBucket"]
    entries = [
        unconditional(entry) for entry in bucket["Properties"]["NotificationConfiguration"]["QueueConfigurations"]
    ]
    told = [(entry["Event"], entry["Queue"], entry["Filter"]["S3Key"]["Rules"][0]["Value"]["Ref"]) for entry in entries]
    assert told == [
        ("s3:ObjectCreated:*", {"Fn::GetAtt": ["DeliveryFailures", "Arn"]}, "DeliveryErrorPrefix"),
        ("s3:ObjectCreated:*", {"Ref": "SnowpipeQueueArn"}, "LandingPrefix"),
    ]
    assert bucket["DependsOn"] == "DeliveryFailuresPolicy"


def what_is_not_delivered_goes_to_dead_letters(templates: Templates) -> None:
    for _, name, subscription in resources(templates, "AWS::SNS::Subscription"):
        if subscription["Properties"]["Protocol"] == "sqs":
            redrive = subscription["Properties"]["RedrivePolicy"]
            assert redrive == {"deadLetterTargetArn": {"Fn::GetAtt": ["DeadLetters", "Arn"]}}, name
            assert "DeadLettersPolicy" in subscription["DependsOn"]
    functions = [name for name in templates if any(resources({name: templates[name]}, "AWS::Lambda::Function"))]
    asynchronous = [stack for stack, *_ in resources(templates, "AWS::Lambda::EventInvokeConfig")]
    scheduled = [stack for stack, *_ in resources(templates, "AWS::Events::Rule")]
    assert asynchronous == scheduled == [name for name in functions if name != "gateway"], "the HTTP API waits"
    for _, name, runs in resources(templates, "AWS::Lambda::EventInvokeConfig"):
        given_up = runs["Properties"]["DestinationConfig"]["OnFailure"]["Destination"]
        assert given_up == {"Fn::GetAtt": ["DrainDeadLetters", "Arn"]}, name
    for _, name, queue in resources(templates, "AWS::SQS::Queue"):
        assert queue["Properties"]["MessageRetentionPeriod"] == 14 * 86_400, name


def no_policy_allows_everything(templates: Templates) -> None:
    for stack in templates:
        for document in policy_documents({stack: templates[stack]}):
            for statement in document["Statement"]:
                actions = set(actions_of(statement)) if statement["Effect"] == "Allow" else set()
                assert not {action for action in actions if action.endswith(":*") or action == "*"}
                assert stack == BOOTSTRAP or not {action for action in actions if "*" in action}
                if statement.get("Resource") == "*":
                    assert actions <= RESOURCELESS, f"{stack}: {sorted(actions - RESOURCELESS)}"


def ci_is_one_environment_of_one_repository(templates: Templates) -> None:
    role = templates["bootstrap"]["Resources"]["DeployRole"]
    assert role["Condition"] == "Ci"
    (statement,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Condition"] == {
        "StringEquals": {
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
            "token.actions.githubusercontent.com:sub": {"Fn::Sub": "repo:${GitHubRepository}:environment:${Stage}"},
        }
    }


CHECKS: tuple[Check, ...] = (
    what_holds_data_outlives_its_stack,
    buckets_are_private,
    buckets_are_encrypted_with_the_stage_s_key,
    whatever_else_keeps_data_has_the_stage_s_key,
    whatever_can_be_reached_answers_over_tls_only,
    spilled_records_never_expire,
    the_landing_bucket_tells_of_files_and_of_failures,
    what_is_not_delivered_goes_to_dead_letters,
    no_policy_allows_everything,
    ci_is_one_environment_of_one_repository,
)
