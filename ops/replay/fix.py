"""Operations that mend a payload. Pure: bytes in, bytes out. docs/replay.md describes them for users."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from ops.replay.casting import Kind, cast
from ops.replay.json_text import Change, Container, Member, edit, is_json

NULL = "null"


class Fact(StrEnum):
    """What `set … from` can take of the record besides its payload."""

    INGEST_ID = "ingest_id"
    RECEIVED_AT = "received_at"
    SOURCE = "source"


class Otherwise(StrEnum):
    """What becomes of a value that cannot be cast."""

    FAIL = "fail"
    LEAVE = "leave"
    REMOVE = "remove"


Facts = dict[Fact, str]


class FixFailed(Exception):
    """The fix cannot mend this record, which stays as it is.

    Attributes:
        loc: the path at which it fails.
    """

    def __init__(self, loc: tuple[str, ...], message: str) -> None:
        super().__init__(message)
        self.loc = loc


class Operation(Protocol):
    """One step of a fix."""

    def apply(self, payload: bytes, facts: Facts) -> bytes:
        """The payload after it; the same bytes where it does not apply.

        Raises:
            FixFailed: it cannot be done to this payload.
        """


@dataclass(frozen=True, slots=True)
class Set:
    """Put a value at `path`, into an object that is there or in place of an array's element.

    Attributes:
        value: JSON text, or what of the record.
        overwrite: whether a value that is there and not null gives way.
    """

    path: tuple[str, ...]
    value: str | Fact
    overwrite: bool = True

    def apply(self, payload: bytes, facts: Facts) -> bytes:
        text = json.dumps(facts[self.value], ensure_ascii=False) if isinstance(self.value, Fact) else self.value

        def change(container: Container, step: str) -> bool:
            places = container.positions(step)
            if not places and container.is_object:
                container.members.append(Member(step, json.dumps(step, ensure_ascii=False), text))
                return True
            members = [container.members[place] for place in places]
            changed = [member for member in members if self.overwrite or member.text == NULL]
            for member in changed:
                member.text = text
            return bool(changed)

        return _edit(payload, self.path, change)


@dataclass(frozen=True, slots=True)
class Rename:
    """Give the member at `path` another key in the same object, at the same place."""

    path: tuple[str, ...]
    to: str

    def apply(self, payload: bytes, facts: Facts) -> bytes:  # noqa: ARG002 - an operation
        def change(container: Container, step: str) -> bool:
            places = container.positions(step) if container.is_object and step != self.to else []
            if places and container.positions(self.to):
                raise FixFailed(self.path, "the key to rename it to is there already")
            for place in places:
                member = container.members[place]
                member.key, member.literal = self.to, json.dumps(self.to, ensure_ascii=False)
            return bool(places)

        return _edit(payload, self.path, change)


@dataclass(frozen=True, slots=True)
class Remove:
    """Take the member or element at `path` out."""

    path: tuple[str, ...]

    def apply(self, payload: bytes, facts: Facts) -> bytes:  # noqa: ARG002 - an operation
        return _edit(payload, self.path, _remove)


@dataclass(frozen=True, slots=True)
class Cast:
    """Make the value at `path` one of `kind`."""

    path: tuple[str, ...]
    kind: Kind
    otherwise: Otherwise = Otherwise.FAIL

    def apply(self, payload: bytes, facts: Facts) -> bytes:  # noqa: ARG002 - an operation
        return _edit(payload, self.path, self._change)

    def _change(self, container: Container, step: str) -> bool:
        changed = False
        for place in reversed(container.positions(step)):
            member = container.members[place]
            text = cast(member.text, self.kind)
            if text is None and self.otherwise is Otherwise.FAIL:
                raise FixFailed(self.path, f"the value cannot be made {self.kind.value}")
            if text is None and self.otherwise is Otherwise.REMOVE:
                del container.members[place]
                changed = True
            elif text is not None:
                changed = changed or text != member.text
                member.text = text
        return changed


@dataclass(frozen=True, slots=True)
class ReplaceText:
    """Replace bytes wherever they stand, in a payload that need not be JSON."""

    text: bytes
    to: bytes

    def apply(self, payload: bytes, facts: Facts) -> bytes:  # noqa: ARG002 - an operation
        return payload.replace(self.text, self.to)


@dataclass(frozen=True, slots=True)
class Fix:
    """Operations in their order.

    Attributes:
        text: what they were read from, as JSON text.
    """

    operations: Sequence[Operation] = ()
    text: str = ""

    def apply(self, payload: bytes, facts: Facts) -> bytes:
        """The mended payload.

        Raises:
            FixFailed: an operation cannot be done to it.
        """
        for operation in self.operations:
            payload = operation.apply(payload, facts)
        return payload


def _remove(container: Container, step: str) -> bool:
    places = container.positions(step)
    for place in reversed(places):
        del container.members[place]
    return bool(places)


def _edit(payload: bytes, path: tuple[str, ...], change: Change) -> bytes:
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return payload
    if not is_json(text):
        return payload
    edited = edit(text, path, change)
    return payload if edited == text else edited.encode()
