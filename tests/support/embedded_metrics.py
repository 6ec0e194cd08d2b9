"""What CloudWatch makes of log lines in its embedded metric format.

Source of the schema and of the rules beside it: Amazon CloudWatch User Guide, "Specification: Embedded metric format"
(sections "Root node", "MetricDirective object", "DimensionSet array", "Target members" and the schema at its end).
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import jsonschema_rs

MAX_EVENT_BYTES = 256 * 1024
SIZES = [(prefix + size).capitalize() for size in ("bytes", "bits") for prefix in ("", "kilo", "mega", "giga", "tera")]
UNITS = ["Seconds", "Microseconds", "Milliseconds", "Percent", "Count", "Count/Second", "None"]
UNITS += [unit for size in SIZES for unit in (size, f"{size}/Second")]
METRIC = {
    "type": "object",
    "required": ["Name"],
    "additionalProperties": False,
    "properties": {
        "Name": {"type": "string", "minLength": 1, "maxLength": 1024},
        "Unit": {"enum": UNITS},
        "StorageResolution": {"enum": [1, 60]},
    },
}
DIRECTIVE = {
    "type": "object",
    "required": ["Namespace", "Dimensions", "Metrics"],
    "additionalProperties": False,
    "properties": {
        "Namespace": {"type": "string", "minLength": 1, "maxLength": 1024},
        "Dimensions": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "array", "maxItems": 30, "items": {"type": "string", "minLength": 1, "maxLength": 250}},
        },
        "Metrics": {"type": "array", "minItems": 1, "maxItems": 100, "items": METRIC},
    },
}
ROOT = {
    "type": "object",
    "required": ["_aws"],
    "properties": {
        "_aws": {
            "type": "object",
            "required": ["Timestamp", "CloudWatchMetrics"],
            "additionalProperties": False,
            "properties": {
                "Timestamp": {"type": "integer", "minimum": 1_000_000_000_000},
                "CloudWatchMetrics": {"type": "array", "minItems": 1, "items": DIRECTIVE},
            },
        }
    },
}
VALIDATOR = jsonschema_rs.validator_for(ROOT)

Dimensions = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Point:
    """One value of one metric under one set of dimensions."""

    namespace: str
    name: str
    unit: str
    dimensions: Dimensions
    value: float


def points_of(line: bytes) -> list[Point]:
    """What CloudWatch takes from one log event.

    Raises:
        AssertionError: the line breaks the specification, so that CloudWatch would drop it.
    """
    assert len(line) <= MAX_EVENT_BYTES, len(line)
    event = json.loads(line)
    VALIDATOR.validate(event)
    return [
        Point(directive["Namespace"], metric["Name"], metric["Unit"], _dimensions(event, names), _value(event, metric))
        for directive in event["_aws"]["CloudWatchMetrics"]
        for names in directive["Dimensions"]
        for metric in directive["Metrics"]
    ]


def points_in(log: Iterable[bytes]) -> list[Point]:
    """What CloudWatch takes from a log; lines that are no such events are left alone."""
    return [point for line in log if b'"_aws"' in line for point in points_of(line)]


def total(points: Iterable[Point], name: str, **dimensions: str) -> float:
    """The statistic Sum of a metric under exactly these dimensions."""
    return sum(values(points, name, **dimensions))


def values(points: Iterable[Point], name: str, **dimensions: str) -> list[float]:
    """The values of a metric under exactly these dimensions."""
    wanted = frozenset(dimensions.items())
    return [point.value for point in points if (point.name, point.dimensions) == (name, wanted)]


def _dimensions(event: dict[str, Any], names: list[str]) -> Dimensions:
    for name in names:
        assert isinstance(event.get(name), str), f"the root has no string {name}"
        assert 1 <= len(event[name]) <= 1024, name
        assert event[name].isascii(), name
    return frozenset((name, event[name]) for name in names)


def _value(event: dict[str, Any], metric: dict[str, Any]) -> float:
    assert metric["Name"] in event, f"the root has no {metric['Name']}"
    value = event[metric["Name"]]
    assert isinstance(value, int | float), metric
    assert not isinstance(value, bool), metric
    return float(value)
