"""The drain's role allows what the drain does, and nothing else: the calls that a proxy saw, against the template.

The handler runs with the environment and the timeout that the deployed function has, in an engine with nothing else in
it, so that nobody else drains.
"""

import copy
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore import xform_name

from app.draining import Stopped
from app.envelope import Origin, StreamLines
from local_pipeline.engine import REGION
from local_pipeline.lambda_host import environment_of
from ops.stacks import deploy
from tests.infra import checks
from tests.support import iam
from tests.support.embedded_metrics import points_of
from tests.support.engine import IMAGE, RunningEngine, running_engine
from tests.support.fault_proxy import ProxyThread, running_proxy
from tests.support.faults import PUT_RECORDS, Call, Fault, Rule
from tests.support.processes import ROOT
from tests.support.transports import DrainClient, lambda_drain

pytestmark = pytest.mark.e2e
Templates = Mapping[str, dict[str, Any]]
STAGE = "drain"
HOUR = "spill/dt=2026-11-23/hr=02/"
MORNING = datetime(2026, 11, 23, 2, 17, tzinfo=UTC)
SEVERAL = 6
NOTHING = {"objects": 0, "records": 0}
LISTS, GETS = "s3.ListObjectsV2", "s3.GetObject"
LANDING_BUCKET = "arn:aws:s3:::landing"


@dataclass(frozen=True)
class Seen:
    """What the runs did, said and left.

    Attributes:
        answers: of the function, by what was the matter.
        reports: the line of each run, in the same order.
        values: what the names in the templates stand for.
        left: keys of the bucket at the end.
    """

    calls: Sequence[Call]
    answers: Mapping[str, dict[str, Any]]
    reports: Sequence[bytes]
    values: Mapping[str, str]
    left: Sequence[str]


class Workload:
    """Spills, breaks something, runs the function."""

    def __init__(self, engine: RunningEngine, bucket: str, proxy: ProxyThread, function: DrainClient) -> None:
        self._engine = engine
        self._bucket = bucket
        self._proxy = proxy
        self._function = function
        self._spilled = 0

    def run(self) -> dict[str, dict[str, Any]]:
        """All there is to do, the answers by what was the matter."""
        answers = {"nothing there": self._with([])}
        self._spill(SEVERAL)
        answers["several"] = self._with([Rule(PUT_RECORDS, Fault.FAIL_ENTRIES, share=0.5, times=2)])
        self._put("malformed", b"hello\n")
        answers["malformed"] = self._with([])
        self._spill(SEVERAL)
        answers["stream down"] = self._with([Rule(PUT_RECORDS, Fault.DENY)])
        answers["one unreadable"] = self._with([Rule(GETS, Fault.DENY, times=1)])
        answers["the rest"] = self._with([])
        self._spill(1)
        answers["bucket down"] = self._with([Rule("s3.*", Fault.DENY)])
        answers["up again"] = self._with([])
        return answers

    def _with(self, rules: Sequence[Rule]) -> dict[str, Any]:
        self._proxy.set_rules(rules)
        return self._function.run()

    def _spill(self, count: int) -> None:
        for _ in range(count):
            origin = Origin(f"0199a1f2-6c1e-7c30-9d55-{self._spilled:012x}", MORNING, "shop", None, None)
            self._put(
                origin.request_id, StreamLines(origin).line(0, b'{"id":1}') + StreamLines(origin).line(1, b'{"id":2}')
            )
            self._spilled += 1

    def _put(self, name: str, body: bytes) -> None:
        self._engine.s3.put_object(Bucket=self._bucket, Key=f"{HOUR}{name}.0123.ndjson", Body=body)


@pytest.fixture(scope="module")
def templates() -> Templates:
    return checks.read()


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    folder = tmp_path_factory.mktemp("drain")
    with ExitStack() as stack:
        engine = stack.enter_context(running_engine(folder))
        # The engine could not run the image: its first run would come after the test.
        given = {"ImageUri": IMAGE, "DrainMinutes": "10"}
        outputs = deploy(engine.cloudformation, STAGE, given, ("storage", "drain"))
        function = engine.functions.get_function_configuration(FunctionName=outputs["DrainFunctionName"])
        proxy = stack.enter_context(running_proxy(engine.engine.url))
        environment = {
            **environment_of(function),
            **engine.engine.client_environment,
            "AWS_ENDPOINT_URL": proxy.url,
        }
        drain = stack.enter_context(lambda_drain(environment, folder, function["Timeout"]))
        bucket = outputs["ErrorBucketName"]
        answers = Workload(engine, bucket, proxy, drain).run()
        reports = [line for line in drain.log.read_bytes().splitlines(keepends=True) if b'"event":"drain"' in line]
        left = [each["Key"] for each in engine.s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
        yield Seen(proxy.calls(), answers, reports, values_of(outputs), left)


def values_of(outputs: Mapping[str, str]) -> dict[str, str]:
    account = outputs["StreamArn"].split(":")[4]
    return {
        **outputs,
        "AWS::Partition": "aws",
        "AWS::Region": REGION,
        "AWS::URLSuffix": "amazonaws.com",
        "AWS::AccountId": account,
        "DataKey.Arn": outputs["DataKeyArn"],
        "DrainLogs.Arn": f"arn:aws:logs:{REGION}:{account}:log-group:{outputs['DrainLogGroupName']}:*",
        "DrainDeadLetters.Arn": f"arn:aws:sqs:{REGION}:{account}:{outputs['DrainDeadLettersQueueName']}",
    }


def assert_exact(seen: Seen, templates: Templates) -> None:
    iam.assert_exact(seen.calls, templates, "drain", "DrainRole", seen.values)


def test_the_role_allows_what_the_drain_does_and_nothing_else(seen: Seen, templates: Templates) -> None:
    assert_exact(seen, templates)
    assert templates["drain"]["Resources"]["Function"]["Properties"]["Role"] == {"Fn::GetAtt": ["DrainRole", "Arn"]}
    assert {call.fault for call in seen.calls if call.operation == PUT_RECORDS} == {
        None,
        Fault.FAIL_ENTRIES,
        Fault.DENY,
    }
    assert {call.prefix for call in seen.calls if call.operation == LISTS} > {"spill/"}, "and the key of one denied"


def test_the_function_does_and_fails_as_it_should(seen: Seen) -> None:
    failed = seen.answers["bucket down"]
    assert failed["errorType"] == "DrainFailedError"
    assert {matter: answer for matter, answer in seen.answers.items() if answer is not failed} == {
        "nothing there": NOTHING,
        "several": {"objects": SEVERAL, "records": 2 * SEVERAL},
        "malformed": NOTHING,
        "stream down": NOTHING,
        "one unreadable": {"objects": SEVERAL - 1, "records": 2 * (SEVERAL - 1)},
        "the rest": {"objects": 1, "records": 2},
        "up again": {"objects": 1, "records": 2},
    }
    assert seen.left == [f"{HOUR}malformed.0123.ndjson"]


def test_each_run_reports_as_cloudwatch_reads_it(seen: Seen) -> None:
    points = dict(zip(seen.answers, map(points_of, seen.reports), strict=True))
    assert {point.dimensions for its in points.values() for point in its} == {frozenset({("Stage", STAGE)})}
    told = {matter: {point.name: point.value for point in its} for matter, its in points.items()}
    assert {matter: each["RecordsDrained"] for matter, each in told.items()} == {
        matter: answer.get("records", 0) for matter, answer in seen.answers.items()
    }
    assert told["nothing there"]["SpillAgeSeconds"] == told["several"]["SpillAgeSeconds"] == 0
    assert all(told[matter]["SpillAgeSeconds"] > 0 for matter in ("malformed", "stream down", "one unreadable"))
    assert "SpillAgeSeconds" not in told["bucket down"], "nobody knows"
    stopped = [re.search(rb'"stopped":"(\w+)"', line) for line in seen.reports]
    assert [found[1].decode() for found in stopped if found] == [Stopped.STREAM, Stopped.BUCKET]


def statement(templates: Templates, sid: str) -> dict[str, Any]:
    """A statement of the drain's policy, to be changed in place."""
    document = templates["drain"]["Resources"]["DrainPolicy"]["Properties"]["PolicyDocument"]
    statements: dict[str, dict[str, Any]] = {found["Sid"]: found for found in document["Statement"]}
    return statements[sid]


def below_error_bucket(pattern: str) -> dict[str, str]:
    return {"Fn::Sub": f"${{ErrorBucketArn}}/{pattern}"}


Planted = tuple[str, Callable[[Templates], object]]
PLANTED: dict[str, Planted] = {
    "an action more": ("unused", lambda all_: statement(all_, "TakeSpilled")["Action"].append("s3:PutObject")),
    "an action less": ("missing", lambda all_: statement(all_, "TakeSpilled")["Action"].remove("s3:DeleteObject")),
    "a wildcard": ("missing", lambda all_: statement(all_, "PutBack").update(Action="kinesis:*")),
    "every object": ("missing", lambda all_: statement(all_, "TakeSpilled").update(Resource=below_error_bucket("*"))),
    "rejected too": (
        "unused",
        lambda all_: statement(all_, "TakeSpilled").update(
            Resource=[below_error_bucket("spill/*"), below_error_bucket("rejected/*")]
        ),
    ),
    "any listing": ("missing", lambda all_: statement(all_, "ListSpilled").pop("Condition")),
    "another listing": (
        "missing",
        lambda all_: statement(all_, "ListSpilled").update(Condition={"StringLike": {"s3:prefix": "rejected/*"}}),
    ),
    "another bucket": ("missing", lambda all_: statement(all_, "ListSpilled").update(Resource=LANDING_BUCKET)),
    "a key for whoever asks": ("missing", lambda all_: statement(all_, "DecryptSpilled").pop("Condition")),
    "no key of the stream": ("missing", lambda all_: statement(all_, "EncryptRecords").update(Action="kms:Decrypt")),
    "no dead letters": ("missing", lambda all_: statement(all_, "TellOfFailures").update(Resource="*")),
    "nothing given up": ("unused", lambda all_: all_["drain"]["Resources"].pop("Failures")),
    "another log": ("missing", lambda all_: statement(all_, "WriteLogs").update(Resource="*")),
    "a stream without a key": (
        "unused",
        lambda all_: all_["storage"]["Resources"]["Stream"]["Properties"].pop("StreamEncryption"),
    ),
    "a refusal": ("Deny", lambda all_: statement(all_, "WriteLogs").update(Effect="Deny")),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_a_role_that_is_not_exact_is_found(seen: Seen, templates: Templates, planted: str) -> None:
    why, change = PLANTED[planted]
    changed = copy.deepcopy(dict(templates))
    change(changed)
    with pytest.raises(AssertionError, match=why):
        assert_exact(seen, changed)


def test_a_call_that_is_not_made_leaves_its_permission_unused(seen: Seen, templates: Templates) -> None:
    for operation in {call.operation for call in seen.calls}:
        fewer = [call for call in seen.calls if call.operation != operation]
        with pytest.raises(AssertionError, match="unused"):
            iam.assert_exact(fewer, templates, "drain", "DrainRole", seen.values)


def test_every_call_that_the_code_can_make_was_seen(seen: Seen) -> None:
    """So that a new use of AWS cannot stay out of the workload unnoticed; of the stream's sink it is the put."""
    operations = {call.operation for call in seen.calls}
    made = re.findall(r'\.client\("(\w+)"', (ROOT / "app" / "drain.py").read_text())
    assert set(made) == {operation.partition(".")[0] for operation in operations}
    of_s3 = re.findall(r"\b_client\.(\w+)", (ROOT / "app" / "spill_area.py").read_text())
    seen_of_s3 = {xform_name(operation.partition(".")[2]) for operation in operations if operation.startswith("s3.")}
    assert set(of_s3) - {"close"} == seen_of_s3
    assert {operation for operation in operations if operation.startswith("kinesis.")} == {PUT_RECORDS}
