"""Reads the shipped delivery template, so that the Firehose stand-in does what the template says.

Only what the delivery stream's properties use is resolved, with the intrinsic functions listed in `_RESOLVERS`;
anything else is an error, never a guess. What a template leaves out takes Firehose's own default
(ExtendedS3DestinationConfiguration in its API reference).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import yaml

DELIVERY_TEMPLATE = Path(__file__).resolve().parent.parent / "infra" / "cloudformation" / "delivery.yaml"
MIB = 1024 * 1024
DEFAULT_PREFIX = "!{timestamp:yyyy/MM/dd/HH}/"
DEFAULT_EXTENSION = {"UNCOMPRESSED": "", "GZIP": ".gz"}
# Properties that would change what is delivered and that the stand-in does not do.
UNSUPPORTED = ("ProcessingConfiguration", "DynamicPartitioningConfiguration", "DataFormatConversionConfiguration")


class TemplateError(Exception):
    """The template is broken or uses what the stand-in cannot do; the message is one line for the user."""


@dataclass(frozen=True)
class DeliverySettings:
    """What a delivery stream does.

    Attributes:
        prefix, error_prefix: key prefixes before their `!{…}` expressions are evaluated.
        buffer_bytes: written when this much is waiting, before compression.
        buffer_seconds: written at the latest this long after the first record came.
        extension: what every key ends with.
    """

    delivery_stream_name: str
    stream_arn: str
    bucket: str
    prefix: str
    error_prefix: str
    buffer_bytes: int
    buffer_seconds: float
    compression: Literal["UNCOMPRESSED", "GZIP"]
    extension: str

    @property
    def stream_name(self) -> str:
        return self.stream_arn.rpartition("/")[2]


def read_delivery(parameters: Mapping[str, str], template: Path = DELIVERY_TEMPLATE) -> DeliverySettings:
    """The settings of the template's only delivery stream.

    Args:
        parameters: values by parameter name; those the template does not have are ignored, those left out take their
            defaults.

    Raises:
        TemplateError: the template cannot be read, a parameter is missing or out of its bounds, or a property is not
            one that the stand-in can follow.
    """
    document = _load(template)
    resolver = _Resolver(document, _parameters(document.get("Parameters") or {}, parameters))
    properties = [
        resource.get("Properties", {})
        for resource in document.get("Resources", {}).values()
        if resource.get("Type") == "AWS::KinesisFirehose::DeliveryStream"
    ]
    if len(properties) != 1:
        raise TemplateError(f"{template.name} must have one delivery stream, it has {len(properties)}.")
    try:
        return _settings(properties[0], resolver.resolve)
    except TemplateError as error:
        raise TemplateError(f"{template.name}: {error}") from error
    except KeyError as error:
        raise TemplateError(f"{template.name}: the delivery stream has no {error}.") from error
    except (AttributeError, TypeError, ValueError) as error:
        raise TemplateError(
            f"{template.name}: a property of the delivery stream is not of its form: {error}."
        ) from error


def _settings(stream: dict[str, Any], resolve: "Callable[[Any], Any]") -> DeliverySettings:
    destination = stream["ExtendedS3DestinationConfiguration"]
    if used := [name for name in UNSUPPORTED if name in destination]:
        raise TemplateError(f"the Firehose stand-in cannot do {', '.join(used)}.")
    if (zone := resolve(destination.get("CustomTimeZone", "UTC"))) != "UTC":
        raise TemplateError(f"the Firehose stand-in cannot do CustomTimeZone {zone}.")
    hints = resolve(destination.get("BufferingHints", {}))
    compression = resolve(destination.get("CompressionFormat", "UNCOMPRESSED"))
    if compression not in DEFAULT_EXTENSION:
        raise TemplateError(f"the Firehose stand-in cannot do CompressionFormat {compression}.")
    return DeliverySettings(
        delivery_stream_name=str(resolve(stream["DeliveryStreamName"])),
        stream_arn=str(resolve(stream["KinesisStreamSourceConfiguration"]["KinesisStreamARN"])),
        bucket=str(resolve(destination["BucketARN"])).rpartition(":")[2],
        prefix=str(resolve(destination.get("Prefix", DEFAULT_PREFIX))),
        error_prefix=str(resolve(destination.get("ErrorOutputPrefix", DEFAULT_PREFIX))),
        buffer_bytes=int(hints.get("SizeInMBs", 5)) * MIB,
        buffer_seconds=float(hints.get("IntervalInSeconds", 300)),
        compression=cast("Literal['UNCOMPRESSED', 'GZIP']", compression),
        extension=str(resolve(destination.get("FileExtension", DEFAULT_EXTENSION[compression]))),
    )


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms, each turned into its long form."""


def _short_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(cast("yaml.MappingNode", node), deep=True)
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)


def _load(template: Path) -> dict[str, Any]:
    try:
        document = yaml.load(template.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a SafeLoader
    except OSError as error:
        raise TemplateError(f"{template}: {error.strerror}.") from error
    except yaml.YAMLError as error:
        raise TemplateError(f"{template.name} is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict):
        raise TemplateError(f"{template.name} is no template.")
    return document


def _parameters(declared: Mapping[str, dict[str, Any]], given: Mapping[str, str]) -> dict[str, str]:
    values = {}
    for name, rules in declared.items():
        value = given.get(name, rules.get("Default"))
        if value is None:
            raise TemplateError(f"parameter {name} has no value.")
        values[name] = str(value)
        _check(name, str(value), rules)
    return values


def _check(name: str, value: str, rules: Mapping[str, Any]) -> None:
    allowed = [str(choice) for choice in rules.get("AllowedValues", [])]
    if allowed and value not in allowed:
        raise TemplateError(f"parameter {name} is {value}, not one of {', '.join(allowed)}.")
    if (pattern := rules.get("AllowedPattern")) and not re.fullmatch(pattern, value):
        raise TemplateError(f"parameter {name} is {value!r}, not {rules.get('ConstraintDescription', pattern)}")
    if rules.get("Type") != "Number":
        return
    try:
        number = float(value)
    except ValueError as error:
        raise TemplateError(f"parameter {name} is {value!r}, not a number.") from error
    if not float(rules.get("MinValue", "-inf")) <= number <= float(rules.get("MaxValue", "inf")):
        raise TemplateError(f"parameter {name} is {value}, not within its bounds.")


class _Resolver:
    """Evaluates intrinsic functions of one template."""

    def __init__(self, document: Mapping[str, Any], parameters: Mapping[str, str]) -> None:
        self._conditions: Mapping[str, Any] = document.get("Conditions") or {}
        self._mappings: Mapping[str, Any] = document.get("Mappings") or {}
        self._parameters = parameters

    def resolve(self, value: Any) -> Any:  # noqa: ANN401 - what YAML can hold
        if isinstance(value, list):
            return [self.resolve(item) for item in value]
        if not isinstance(value, dict):
            return value
        name = next(iter(value), "")
        if len(value) == 1 and (name in {"Ref", "Condition"} or str(name).startswith("Fn::")):
            if name not in _RESOLVERS:
                raise TemplateError(f"the local pipeline cannot evaluate {name}.")
            return _RESOLVERS[name](self, value[name])
        return {key: self.resolve(item) for key, item in value.items()}

    def ref(self, name: str) -> str:
        if name not in self._parameters:
            raise TemplateError(f"the local pipeline cannot evaluate a reference to {name}.")
        return self._parameters[name]

    def sub(self, argument: str | list[Any]) -> str:
        text, local = argument if isinstance(argument, list) else (argument, {})

        def value(match: re.Match[str]) -> str:
            name = match[1]
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            return str(self.resolve(local[name])) if name in local else self.ref(name)

        return re.sub(r"\$\{([^}]+)\}", value, text)

    def choose(self, argument: list[Any]) -> Any:  # noqa: ANN401
        condition, then, otherwise = argument
        return self.resolve(then if self.condition(condition) else otherwise)

    def condition(self, name: str) -> bool:
        if name not in self._conditions:
            raise TemplateError(f"there is no condition {name}.")
        return bool(self.resolve(self._conditions[name]))

    def find_in_map(self, argument: list[Any]) -> Any:  # noqa: ANN401
        name, first, second = (self.resolve(item) for item in argument)
        try:
            return self._mappings[name][first][second]
        except KeyError as error:
            raise TemplateError(f"the mapping {name} has no {first}, {second}.") from error


_RESOLVERS: dict[str, Callable[[_Resolver, Any], Any]] = {
    "Ref": _Resolver.ref,
    "Condition": _Resolver.condition,
    "Fn::Sub": _Resolver.sub,
    "Fn::If": _Resolver.choose,
    "Fn::FindInMap": _Resolver.find_in_map,
    "Fn::Equals": lambda self, pair: str(self.resolve(pair[0])) == str(self.resolve(pair[1])),
    "Fn::Not": lambda self, items: not self.resolve(items[0]),
    "Fn::And": lambda self, items: all(self.resolve(items)),
    "Fn::Or": lambda self, items: any(self.resolve(items)),
    "Fn::Join": lambda self, pair: str(pair[0]).join(str(item) for item in self.resolve(pair[1])),
}
