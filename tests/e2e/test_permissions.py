"""The gateway's role allows what the gateway does, and nothing else: the calls that a proxy saw, against the template.

Two gateways of the running pipeline do all there is to do, under uvicorn and as Lambda handler, with the environment
that the template gives the function. What Firehose and Snowflake may do is held against written lists in tests/infra,
for the calls of their stand-ins are not theirs.
"""

import copy
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain
from typing import Any

import boto3
import pytest
from botocore import xform_name

from local_pipeline.deployed import STAGE
from local_pipeline.engine import REGION, Engine
from local_pipeline.lambda_host import environment_of
from ops.stacks import stack_name
from tests.e2e.test_front_door import BASE64, ELSEWHERE, TEXT
from tests.infra import checks
from tests.support import generators as make
from tests.support import iam
from tests.support.fault_proxy import ProxyThread, running_proxy
from tests.support.faults import PUT_OBJECT, PUT_RECORDS, Call, Fault, Rule
from tests.support.local_pipeline import LocalPipeline
from tests.support.processes import ROOT
from tests.support.transports import Client, lambda_gateway, post, uvicorn_gateway

pytestmark = pytest.mark.e2e
Templates = Mapping[str, dict[str, Any]]
KEY = {"X-Api-Key": "a key that the secret of the pipeline holds for a while"}
GET_SECRET = "secretsmanager.GetSecretValue"
LANDING_BUCKET = "arn:aws:s3:::landing"
OF_THE_DRAIN = ("drain.py", "spill_area.py")  # tests/e2e/test_drain_permissions.py
LOG_POLICY = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
FAULTS = [
    Rule(PUT_RECORDS, Fault.FAIL_ENTRIES, times=2),
    Rule(PUT_RECORDS, Fault.THROTTLE, times=2),
    Rule(PUT_OBJECT, Fault.ERROR, times=2),
    Rule("s3.HeadBucket", Fault.DENY, times=1),
]


@dataclass(frozen=True)
class Seen:
    """What two gateways did, and where.

    Attributes:
        values: what the names in the templates stand for.
    """

    calls: Sequence[Call]
    values: Mapping[str, str]


@pytest.fixture(scope="module")
def templates() -> Templates:
    return checks.read()


@pytest.fixture(scope="module")
def seen(pipeline: LocalPipeline, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    engine = Engine(int(pipeline.engine_url.rpartition(":")[2]), pipeline.home / "engine")
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
    outputs = deployed_outputs(session, engine.url)
    secrets = session.client("secretsmanager", endpoint_url=engine.url)
    secret, keys = outputs["ApiKeysSecretArn"], {"shop": [sha256(KEY["X-Api-Key"].encode()).hexdigest()]}
    before = secrets.get_secret_value(SecretId=secret)["SecretString"]
    function = session.client("lambda", endpoint_url=engine.url).get_function_configuration(
        FunctionName=outputs["FunctionName"]
    )
    secrets.put_secret_value(SecretId=secret, SecretString=json.dumps(keys))
    with ExitStack() as stack:
        stack.callback(secrets.put_secret_value, SecretId=secret, SecretString=before)
        proxy = stack.enter_context(running_proxy(engine.url))
        environment = {
            **environment_of(function),
            **engine.client_environment,
            "AWS_ENDPOINT_URL": proxy.url,
            "SLUICE_AUTH": "keys",
            "SLUICE_RECEIPT_FILE": str(pipeline.home / "receipts.ndjson"),
        }
        folder = tmp_path_factory.mktemp("permissions")
        gateways: list[Client] = [
            stack.enter_context(uvicorn_gateway(environment, folder)),
            stack.enter_context(lambda_gateway(environment, folder)),
        ]
        for gateway in gateways:
            do_everything(gateway, proxy)
        yield Seen(proxy.calls(), values_of(outputs))


def deployed_outputs(session: boto3.Session, url: str) -> dict[str, str]:
    cloudformation = session.client("cloudformation", endpoint_url=url)
    stacks = [
        cloudformation.describe_stacks(StackName=stack_name(STAGE, name))["Stacks"][0]
        for name in ("storage", "gateway")
    ]
    return {output["OutputKey"]: output["OutputValue"] for stack in stacks for output in stack["Outputs"]}


def values_of(outputs: Mapping[str, str]) -> dict[str, str]:
    account = outputs["StreamArn"].split(":")[4]
    return {
        **outputs,
        "AWS::Partition": "aws",
        "AWS::Region": REGION,
        "AWS::URLSuffix": "amazonaws.com",
        "AWS::AccountId": account,
        "DataKey.Arn": outputs["DataKeyArn"],
        "ApiKeysSecret.Id": outputs["ApiKeysSecretArn"],
        "GatewayLogs.Arn": f"arn:aws:logs:{REGION}:{account}:log-group:{outputs['GatewayLogGroupName']}:*",
    }


def do_everything(gateway: Client, proxy: ProxyThread) -> None:
    """Accept, reject, refuse, retry, spill, give up, be ready and not, and read keys, well and badly."""
    for case in chain(TEXT.values(), BASE64.values()):
        answer = post(gateway, case.body, {**case.headers, **KEY}, media=case.media, query=case.query)
        assert answer.status == case.status, answer
    for status, method, path in ELSEWHERE:
        assert gateway.request(method, path, headers=KEY).status == status
    assert post(gateway, make.record(1), {"X-Api-Key": "unknown"}).status == 401
    proxy.set_rules(FAULTS)
    lines = make.ndjson([make.record(1), b'{"v":1}'] * 10)
    assert post(gateway, lines, KEY, media="ndjson").status == 207
    assert gateway.request("GET", "/ready").status == 503
    proxy.set_rules([Rule(PUT_RECORDS, Fault.DENY)])
    assert post(gateway, lines, KEY, media="ndjson").status == 207
    proxy.set_rules([Rule("*", Fault.DENY)])
    assert post(gateway, lines, KEY, media="ndjson").status == 503
    proxy.set_rules([])


def assert_exact(seen: Seen, templates: Templates) -> None:
    iam.assert_exact(seen.calls, templates, "gateway", "GatewayRole", seen.values)


def test_the_role_allows_what_the_gateway_does_and_nothing_else(seen: Seen, templates: Templates) -> None:
    assert_exact(seen, templates)
    assert templates["gateway"]["Resources"]["Function"]["Properties"]["Role"] == {"Fn::GetAtt": ["GatewayRole", "Arn"]}
    assert {call.fault for call in seen.calls if call.operation == PUT_RECORDS} > {None, Fault.THROTTLE, Fault.DENY}
    assert sum(call.operation == GET_SECRET for call in seen.calls) >= 2, "either gateway read the keys"


def statement(templates: Templates, sid: str) -> dict[str, Any]:
    """A statement of the gateway's policy, to be changed in place."""
    document = templates["gateway"]["Resources"]["GatewayPolicy"]["Properties"]["PolicyDocument"]
    statements: dict[str, dict[str, Any]] = {found["Sid"]: found for found in document["Statement"]}
    return statements[sid]


def below_error_bucket(pattern: str) -> dict[str, str]:
    return {"Fn::Sub": f"${{ErrorBucketArn}}/{pattern}"}


Planted = tuple[str, Callable[[Templates], object]]
PLANTED: dict[str, Planted] = {
    "an action more": ("unused", lambda all_: statement(all_, "PutAccepted")["Action"].append("kinesis:PutRecord")),
    "an action less": ("missing", lambda all_: statement(all_, "PutAccepted")["Action"].remove("kinesis:PutRecords")),
    "a wildcard": ("missing", lambda all_: statement(all_, "PutAccepted").update(Action="kinesis:*")),
    "every object": ("missing", lambda all_: statement(all_, "PutRejected").update(Resource=below_error_bucket("*"))),
    "another prefix": (
        "missing",
        lambda all_: statement(all_, "PutRejected").update(Resource=below_error_bucket("r/*")),
    ),
    "another prefix too": (
        "unused",
        lambda all_: statement(all_, "PutRejected")["Resource"].append(below_error_bucket("r/*")),
    ),
    "no spill area": ("missing", lambda all_: statement(all_, "PutRejected")["Resource"].pop()),
    "another bucket": ("missing", lambda all_: statement(all_, "FindErrorBucket").update(Resource=LANDING_BUCKET)),
    "every secret": ("missing", lambda all_: statement(all_, "ReadApiKeys").update(Resource="*")),
    "a key for whoever asks": ("missing", lambda all_: statement(all_, "EncryptRecords").pop("Condition")),
    "a stream without a key": (
        "unused",
        lambda all_: all_["storage"]["Resources"]["Stream"]["Properties"].pop("StreamEncryption"),
    ),
    "a refusal": ("Deny", lambda all_: statement(all_, "WriteLogs").update(Effect="Deny")),
    "a managed policy": (
        "managed policies",
        lambda all_: all_["gateway"]["Resources"]["GatewayRole"]["Properties"].update(ManagedPolicyArns=[LOG_POLICY]),
    ),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_a_role_that_is_not_exact_is_found(seen: Seen, templates: Templates, planted: str) -> None:
    why, change = PLANTED[planted]
    changed = copy.deepcopy(dict(templates))
    change(changed)
    with pytest.raises(AssertionError, match=why):
        assert_exact(seen, changed)


@pytest.mark.parametrize("operation", ["kinesis.PutRecord", "s3.HeadObject", "sts.GetCallerIdentity"])
def test_a_call_that_nobody_knows_is_found(seen: Seen, templates: Templates, operation: str) -> None:
    more = Seen([*seen.calls, Call(operation, None, 200)], seen.values)
    with pytest.raises(KeyError, match=operation):
        assert_exact(more, templates)


def test_a_call_that_is_not_made_leaves_its_permission_unused(seen: Seen, templates: Templates) -> None:
    for operation in {call.operation for call in seen.calls}:
        fewer = Seen([call for call in seen.calls if call.operation != operation], seen.values)
        with pytest.raises(AssertionError, match="unused"):
            assert_exact(fewer, templates)


def test_a_header_that_needs_a_permission_is_found(seen: Seen, templates: Templates) -> None:
    [put, *_] = [call for call in seen.calls if call.operation == PUT_OBJECT]
    tagged = Call(PUT_OBJECT, None, 200, resource=put.resource, headers=("x-amz-tagging",))
    with pytest.raises(AssertionError, match="missing"):
        assert_exact(Seen([*seen.calls, tagged], seen.values), templates)


def test_every_call_that_the_code_can_make_was_seen(seen: Seen) -> None:
    """So that a new use of AWS cannot stay out of the workload unnoticed."""
    source = "".join(path.read_text() for path in (ROOT / "app").rglob("*.py") if path.name not in OF_THE_DRAIN)
    services, operations = zip(*(call.operation.split(".") for call in seen.calls), strict=True)
    assert set(re.findall(r'\.client\("(\w+)"', source)) == set(services)
    assert set(re.findall(r"\b_client\.(?:get\(\)\.)?(\w+)", source)) - {"close"} == set(map(xform_name, operations))
