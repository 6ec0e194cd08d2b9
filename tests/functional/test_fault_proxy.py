"""The fault proxy does what the fault tests take for granted, shown with AWS's own client."""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, HTTPClientError

from tests.support.aws import ONE_TRY, Aws, make_aws, session
from tests.support.fault_proxy import ProxyThread, running_proxy
from tests.support.faults import PUT_OBJECT, PUT_RECORDS, Fault, Rule, digest

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import PutRecordsRequestEntryTypeDef
    from mypy_boto3_s3 import S3Client

HEAD = b'{"ingest_id":"00000000-0000-7000-8000-000000000000-%d","received_at":"2026-11-23T02:17:14.000000Z",'


def line(number: int) -> bytes:
    return HEAD % number + b'"source":"a","schema":null,"payload":{"id":%d}}\n' % number


def entries(count: int) -> "list[PutRecordsRequestEntryTypeDef]":
    return [{"Data": line(number), "PartitionKey": str(number)} for number in range(count)]


@pytest.fixture
def aws(endpoint: str) -> Aws:
    return make_aws(endpoint)


@pytest.fixture
def proxy(endpoint: str) -> Iterator[ProxyThread]:
    with running_proxy(endpoint) as running:
        yield running


@pytest.fixture
def kinesis(proxy: ProxyThread) -> "KinesisClient":
    return session().client("kinesis", endpoint_url=proxy.url, config=ONE_TRY)


@pytest.fixture
def s3(proxy: ProxyThread) -> "S3Client":
    return session().client("s3", endpoint_url=proxy.url, config=ONE_TRY)


def test_without_rules_calls_pass_and_are_remembered(aws: Aws, proxy: ProxyThread, kinesis: "KinesisClient") -> None:
    kinesis.put_records(StreamName=aws.stream, Records=entries(3))
    assert len(aws.lines()) == 3
    [call] = proxy.calls()
    assert (call.operation, call.fault, call.status) == (PUT_RECORDS, None, 200)
    assert [entry.partition_key for entry in call.entries] == ["0", "1", "2"]
    assert [entry.lines for entry in call.entries] == [(digest(line(number)),) for number in range(3)]


def test_hits_are_counted_by_rule_for_good(aws: Aws, proxy: ProxyThread, kinesis: "KinesisClient") -> None:
    throttled, half = Rule(PUT_RECORDS, Fault.THROTTLE, times=2), Rule(PUT_RECORDS, Fault.FAIL_ENTRIES)
    unmet = Rule(PUT_OBJECT, Fault.DENY)
    for rules in ([throttled, unmet], [half]):
        proxy.set_rules(rules)
        for _ in range(3):
            with suppress(ClientError):
                kinesis.put_records(StreamName=aws.stream, Records=entries(1))
    assert proxy.hits() == {throttled: 2, half: 3}
    assert proxy.hits()[unmet] == 0


def test_objects_pass_whole(aws: Aws, proxy: ProxyThread, s3: "S3Client") -> None:
    body = bytes(range(256)) * 4096
    s3.put_object(Bucket=aws.bucket, Key="a/b.ndjson", Body=body)
    assert s3.get_object(Bucket=aws.bucket, Key="a/b.ndjson")["Body"].read() == body
    s3.head_bucket(Bucket=aws.bucket)
    s3.list_objects_v2(Bucket=aws.bucket)
    names = [call.operation for call in proxy.calls()]
    assert names == [PUT_OBJECT, "s3.GetObject", "s3.HeadBucket", "s3.ListObjectsV2"]


def test_what_a_call_is_about_is_remembered(
    aws: Aws, proxy: ProxyThread, kinesis: "KinesisClient", s3: "S3Client"
) -> None:
    kinesis.describe_stream_summary(StreamName=aws.stream)
    s3.put_object(Bucket=aws.bucket, Key="a folder/k", Body=b"x", Tagging="a=b")
    s3.get_object_tagging(Bucket=aws.bucket, Key="a folder/k")
    calls = proxy.calls()
    assert [call.resource for call in calls] == [aws.stream, *[f"{aws.bucket}/a folder/k"] * 2]
    assert calls[2].operation == "s3.GetObject?tagging", "part of an object is not the object"
    assert ["x-amz-tagging" in call.headers for call in calls] == [False, True, False]


def test_entries_fail_for_real_and_in_their_places(aws: Aws, proxy: ProxyThread, kinesis: "KinesisClient") -> None:
    proxy.set_rules([Rule(PUT_RECORDS, Fault.FAIL_ENTRIES, share=1 / 3)])
    answer = kinesis.put_records(StreamName=aws.stream, Records=entries(60))
    failed = ["ErrorCode" in record for record in answer["Records"]]
    assert 5 < sum(failed) < 40
    assert answer["FailedRecordCount"] == sum(failed)
    [call] = proxy.calls()
    assert [entry.failed for entry in call.entries] == failed
    written = {stored.index for stored in aws.lines()}
    assert written == {number for number, fails in enumerate(failed) if not fails}


def test_all_entries_fail(aws: Aws, proxy: ProxyThread, kinesis: "KinesisClient") -> None:
    proxy.set_rules([Rule(PUT_RECORDS, Fault.FAIL_ENTRIES)])
    assert kinesis.put_records(StreamName=aws.stream, Records=entries(5))["FailedRecordCount"] == 5
    assert aws.lines() == []


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault.THROTTLE, "ProvisionedThroughputExceededException"),
        (Fault.ERROR, "InternalFailure"),
        (Fault.DENY, "AccessDeniedException"),
    ],
)
def test_a_call_is_refused(aws: Aws, proxy: ProxyThread, kinesis: "KinesisClient", fault: Fault, code: str) -> None:
    proxy.set_rules([Rule("kinesis.*", fault, times=1)])
    with pytest.raises(ClientError) as refused:
        kinesis.put_records(StreamName=aws.stream, Records=entries(1))
    assert refused.value.response["Error"]["Code"] == code
    assert aws.lines() == []
    kinesis.put_records(StreamName=aws.stream, Records=entries(1))
    assert len(aws.lines()) == 1


@pytest.mark.parametrize(("fault", "code"), [(Fault.THROTTLE, "SlowDown"), (Fault.DENY, "AccessDenied")])
def test_an_object_is_refused(aws: Aws, proxy: ProxyThread, s3: "S3Client", fault: Fault, code: str) -> None:
    proxy.set_rules([Rule(PUT_OBJECT, fault)])
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket=aws.bucket, Key="key", Body=b"body")
    assert refused.value.response["Error"]["Code"] == code
    assert aws.error_keys() == []


@pytest.mark.parametrize(("fault", "written"), [(Fault.CUT_BEFORE, 0), (Fault.CUT_AFTER, 1)])
def test_a_connection_is_cut(
    aws: Aws, proxy: ProxyThread, kinesis: "KinesisClient", fault: Fault, written: int
) -> None:
    proxy.set_rules([Rule(PUT_RECORDS, fault)])
    with pytest.raises(HTTPClientError):
        kinesis.put_records(StreamName=aws.stream, Records=entries(1))
    assert len(aws.lines()) == written


def test_connections_are_refused_and_taken_again(aws: Aws, proxy: ProxyThread, kinesis: "KinesisClient") -> None:
    proxy.stop()
    with pytest.raises(EndpointConnectionError):
        kinesis.put_records(StreamName=aws.stream, Records=entries(1))
    proxy.start()
    kinesis.put_records(StreamName=aws.stream, Records=entries(1))
    assert len(aws.lines()) == 1


def test_it_is_steered_over_http(aws: Aws, proxy: ProxyThread, kinesis: "KinesisClient") -> None:
    rules = json.dumps([{"operation": PUT_RECORDS, "fault": "fail_entries", "share": 1.0}]).encode()
    urllib.request.urlopen(urllib.request.Request(f"{proxy.url}/_faults/rules", rules, method="PUT")).close()  # noqa: S310
    assert kinesis.put_records(StreamName=aws.stream, Records=entries(2))["FailedRecordCount"] == 2
    with urllib.request.urlopen(f"{proxy.url}/_faults/calls") as answer:  # noqa: S310
        [call] = json.load(answer)
    assert (call["operation"], call["fault"], len(call["entries"])) == (PUT_RECORDS, "fail_entries", 2)
