"""No alarm and no widget looks at what nobody writes, and every alarm says what to do."""

import asyncio
import json
import logging
import re
import time
from typing import Any

import pytest

from app.api_keys import SecretKeys
from app.exceptions import KeysUnavailable
from app.observability import JsonFormatter
from app.sinks.aws import AttemptFailed
from ops.stacks import TEMPLATES
from tests.infra import checks
from tests.infra.monitored import OURS, QUEUES, dangling, looked_at

RUNBOOK = TEMPLATES.parents[1] / "docs" / "operations.md"
PLANTED = [
    ("MetricName: RejectedShare\n", "MetricName: RejectedShares\n"),
    ("MetricName: Throttles", "MetricName: Throttled"),
    ("MetricName: 5xx", "MetricName: 5XXError"),
    ("{Name: ApiId, Value: !Ref ApiId}", "{Name: ApiName, Value: !Ref ApiId}"),
    ("{Name: DeliveryStreamName, Value: !Ref DeliveryStreamName}", "{Name: StreamName, Value: !Ref StreamName}"),
    ("{Name: StreamName, Value: !Ref StreamName}", "{Name: StreamName, Value: !Ref DeliveryStreamName}"),
    ("Namespace: AWS/Firehose", "Namespace: AWS/KinesisFirehose"),
    ('"RecordsResent","Stage"', '"RecordsResend","Stage"'),
    ('"RecordsResent","Stage"', '"RecordsResent","Source"'),
    ('"AWS/SQS","ApproximateNumberOfMessagesVisible","QueueName"', '"AWS/SQS","MessagesVisible","QueueName"'),
    ("{Sluice,Stage,Reason}", "{Sluice,Stage,Source}"),
    ('MetricName=\\"RequestCount\\"', 'MetricName=\\"Requests\\"'),
    ("MetricName: ApiKeysUnread\n          MetricValue", "MetricName: ApiKeysRead\n          MetricValue"),
    ("MetricNamespace: !Sub", "MetricNamespace: !Sub Other"),
    ("MetricName: SpillAgeSeconds\n", "MetricName: SpillAge\n"),
    (
        "{Name: FunctionName, Value: !Ref DrainFunctionName}",
        "{Name: FunctionName, Value: !Ref DrainDeadLettersQueueName}",
    ),
]
NEVER_MISSING = {"stream-unread", "drain-silent"}
"""Alarms on figures that are written all the time."""


class DeniedReader:
    """A secret that the gateway may not read."""

    async def read(self) -> str:
        raise AttemptFailed("AccessDeniedException", retryable=False)

    async def close(self) -> None:
        pass


def alarms() -> dict[str, dict[str, Any]]:
    found = checks.resources({"monitoring": checks.read()["monitoring"]}, "AWS::CloudWatch::Alarm")
    return {name: alarm["Properties"] for _, name, alarm in found}


def slug(alarm: dict[str, Any]) -> str:
    return str(alarm["AlarmName"]["Fn::Sub"]).removeprefix("sluice-${Stage}-")


def test_whatever_is_looked_at_is_written() -> None:
    assert dangling(checks.read()["monitoring"]) == []


@pytest.mark.parametrize(("old", "new"), PLANTED)
def test_what_nobody_writes_is_found(old: str, new: str) -> None:
    assert dangling(checks.weakened("monitoring", old, new)["monitoring"])


def test_every_metric_of_ours_is_on_the_dashboard() -> None:
    looked = {look.name for look in looked_at(checks.read()["monitoring"]) if look.namespace == "Sluice"}
    assert set(OURS) == looked


def test_every_queue_of_dead_letters_has_an_alarm() -> None:
    watched = [alarm["Dimensions"][0]["Value"]["Ref"] for alarm in alarms().values() if alarm["Namespace"] == "AWS/SQS"]
    assert sorted(watched) == sorted(QUEUES)
    assert len(list(checks.resources(checks.read(), "AWS::SQS::Queue"))) == len(QUEUES)


@pytest.mark.parametrize("name", sorted(alarms()))
def test_an_alarm_can_be_acted_on(name: str) -> None:
    alarm = alarms()[name]
    assert re.sub(r"(?<=[a-z])(?=[A-Z0-9])", "-", name).lower() == slug(alarm)
    assert alarm["AlarmDescription"].endswith(f"Runbook: docs/operations.md#{slug(alarm)}")
    assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "AlarmTopic"}]
    assert alarm["TreatMissingData"] == ("breaching" if slug(alarm) in NEVER_MISSING else "notBreaching")
    assert "Metrics" not in alarm, "the embedded engine rolls back a stack with metric math"


def test_the_filter_finds_the_line_of_keys_that_were_not_read(caplog: pytest.LogCaptureFixture) -> None:
    keys = SecretKeys(DeniedReader(), time.time)
    with caplog.at_level(logging.WARNING, "app"), pytest.raises(KeysUnavailable):
        asyncio.run(keys.source_of(b""))
    (line,) = {JsonFormatter().format(record) for record in caplog.records}
    (pattern,) = [
        each["Properties"]["FilterPattern"] for _, _, each in checks.resources(checks.read(), "AWS::Logs::MetricFilter")
    ]
    assert pattern == f'{{ $.message = "{json.loads(line)["message"]}" }}'


def test_the_runbook_has_a_section_for_each_alarm() -> None:
    headings = {
        re.sub(r"[^a-z0-9-]", "", line.lstrip("#").strip().lower().replace(" ", "-"))
        for line in RUNBOOK.read_text().splitlines()
        if line.startswith("#")
    }
    assert {slug(alarm) for alarm in alarms().values()} <= headings
