"""Which metrics the alarms and the dashboard look at, and which of these nobody writes."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from app.metrics import DRAINED, EMITTED, NAMESPACE
from tests.infra.aws_metrics import METRICS
from tests.infra.checks import Template

_SEARCH = re.compile(
    r"""SEARCH\('\{(?P<schema>[^}]+)\} MetricName="(?P<metric>[^"]+)" Stage="(?P<stage>[^"]+)"', '\w+', \d+\)"""
)
QUEUES = ("DeliveryFailuresQueueName", "PipeErrorsQueueName", "DeadLettersQueueName", "DrainDeadLettersQueueName")
OURS = {**EMITTED, **DRAINED}
"""What the gateway and the drain write."""
VALUES = {
    "ApiId": ("ApiId",),
    "DeliveryStreamName": ("DeliveryStreamName",),
    "FunctionName": ("FunctionName", "DrainFunctionName"),
    "QueueName": QUEUES,
    "Stage": ("Stage",),
    "StreamName": ("StreamName",),
}
"""The parameters of the template that a dimension may have its value from."""


class Looked(NamedTuple):
    """A metric that somebody looks at, with the parameter that each dimension takes its value from.

    A search has no value for the dimensions that it goes through: None.
    """

    where: str
    namespace: str
    name: str
    dimensions: Mapping[str, str | None]


def looked_at(template: Template) -> Iterator[Looked]:
    """All that the alarms and the dashboard of the template look at."""
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::CloudWatch::Alarm":
            yield _by_alarm(name, resource["Properties"])
        elif resource["Type"] == "AWS::CloudWatch::Dashboard":
            yield from _by_dashboard(resource["Properties"]["DashboardBody"]["Fn::Sub"])


def dangling(template: Template) -> list[str]:
    """Those of them that neither AWS nor we write, or not for what this stage has."""
    return [
        f"{look.where}: {look.namespace} {look.name}"
        for look in looked_at(template)
        if not _is_written(look) and look[1:] not in _filtered(template)
    ]


def _by_alarm(name: str, alarm: Mapping[str, Any]) -> Looked:
    dimensions = {dimension["Name"]: dimension["Value"]["Ref"] for dimension in alarm.get("Dimensions", [])}
    return Looked(name, _text(alarm["Namespace"]), alarm["MetricName"], dimensions)


def _filtered(template: Template) -> list[tuple[str, str, Mapping[str, str]]]:
    """Namespace, name and dimensions (none) of what the template's filters make of the log."""
    filters = [each for each in template["Resources"].values() if each["Type"] == "AWS::Logs::MetricFilter"]
    made = [each for one in filters for each in one["Properties"]["MetricTransformations"] if "Dimensions" not in each]
    return [(_text(each["MetricNamespace"]), each["MetricName"], {}) for each in made]


def _text(value: Any) -> str:
    return str(value["Fn::Sub"] if isinstance(value, dict) else value)


def _by_dashboard(text: str) -> Iterator[Looked]:
    for widget in json.loads(text)["widgets"]:
        properties = widget["properties"]
        for row in properties["metrics"]:
            if isinstance(row[0], dict):
                yield from _by_expression(properties["title"], row[0]["expression"], properties["metrics"])
            else:
                yield _by_row(properties["title"], [cell for cell in row if isinstance(cell, str)])


def _by_row(title: str, cells: list[str]) -> Looked:
    namespace, name, *pairs = cells
    values = [value.removeprefix("${").removesuffix("}") for value in pairs[1::2]]
    return Looked(title, namespace, name, dict(zip(pairs[::2], values, strict=True)))


def _by_expression(title: str, expression: str, rows: list[list[Any]]) -> Iterator[Looked]:
    if search := _SEARCH.fullmatch(expression):
        namespace, *names = search["schema"].split(",")
        stage = search["stage"].removeprefix("${").removesuffix("}")
        yield Looked(title, namespace, search["metric"], dict.fromkeys(names) | {"Stage": stage})
        return
    known = {row[-1]["id"] for row in rows if isinstance(row[-1], dict) and "id" in row[-1]}
    unknown = set(re.findall(r"[a-z]\w*", expression)) - known
    assert not unknown, f"{title}: {expression} names {unknown}"


def _is_written(look: Looked) -> bool:
    names = tuple(look.dimensions)
    if look.namespace == NAMESPACE:
        written = look.name in OURS and names in OURS[look.name].dimensions
    else:
        written = look.name in METRICS.get(look.namespace, {}).get(names, ())
    return written and all(value is None or value in VALUES[name] for name, value in look.dimensions.items())
