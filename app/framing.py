"""From a decoded body to raw records. Pure."""

import msgspec

from app import strict_json
from app.content import Framing
from app.exceptions import ContentTooLarge, EmptyBody, MalformedBody

_JSON_WHITESPACE = b" \t\n\r"
_LINES_AT_ONCE = 100_000
"""Blank ones count too: all 8 million that a body can be would take hundreds of MB."""
_DENSE = 50
"""Commas a record from which it is worth looking whether there are too many records before splitting them all."""
_LOOK = 5
"""Members a record that this look may cost."""
_split_array = msgspec.json.Decoder(list[msgspec.Raw]).decode


def split(body: bytes, framing: Framing, max_records: int) -> list[bytes]:
    """Tell the records of a decoded body apart: in their order, each the client's bytes.

    The elements of a JSON array are told apart by their structure; that each is JSON to the last byte is for judging.

    Raises:
        EmptyBody: no record in it.
        ContentTooLarge: more than `max_records`.
        MalformedBody: an array that cannot be told apart.
    """
    raws = _split_lines(body, max_records) if framing is Framing.NDJSON else _split_json(body, max_records)
    if not raws:
        raise EmptyBody("The body holds no record: send an object, an array of objects, or one object a line.")
    if len(raws) > max_records:
        raise _too_many(max_records)
    return raws


def malformed_body(body: bytes) -> MalformedBody:
    """What to say of a JSON body in which not everything is JSON."""
    try:
        strict_json.read(body, max_depth=1)
    except strict_json.MalformedJsonError as error:
        return _malformed(error)
    except strict_json.BudgetSpentError:
        pass
    return MalformedBody("Not JSON: send an object or an array of objects.")


def _split_lines(body: bytes, max_records: int) -> list[bytes]:
    found: list[bytes] = []
    rest: bytes | None = body
    while rest is not None and len(found) <= max_records:
        lines = rest.split(b"\n", _LINES_AT_ONCE)
        rest = lines.pop() if len(lines) > _LINES_AT_ONCE else None
        found += [line for line in lines if line and line.strip(b" \t\r")]
    return [line.removesuffix(b"\r") for line in found] if b"\r" in body else found


def _split_json(body: bytes, max_records: int) -> list[bytes]:
    content = body.lstrip(_JSON_WHITESPACE)
    if not content.startswith(b"["):
        return [body] if content else []
    dense = _DENSE * max_records
    if len(body) > dense and body.count(b",") > dense:
        _refuse_too_many(body, max_records)
    try:
        elements = _split_array(body)
    except msgspec.DecodeError:
        raise malformed_body(body) from None
    except RecursionError:
        return _split_deep_array(body, max_records)
    if len(elements) > max_records:
        raise _too_many(max_records)
    return [bytes(element) for element in elements]


def _refuse_too_many(body: bytes, max_records: int) -> None:
    """Refuse an array of very many small elements before a list of them takes hundreds of MB."""
    try:
        strict_json.read(body, max_depth=1, budget=strict_json.Budget(_LOOK * max_records), max_elements=max_records)
    except strict_json.MalformedJsonError as error:
        raise _malformed(error) from error
    except strict_json.TooManyElementsError:
        raise _too_many(max_records) from None
    except strict_json.BudgetSpentError:
        return


def _split_deep_array(body: bytes, max_records: int) -> list[bytes]:
    try:
        reading = strict_json.read(body, max_depth=1, max_elements=max_records)
    except strict_json.MalformedJsonError as error:
        raise _malformed(error) from error
    except strict_json.TooManyElementsError:
        raise _too_many(max_records) from None
    except strict_json.BudgetSpentError:
        raise ContentTooLarge("The array nests too deep to be told apart at this size: send fewer records.") from None
    return [body[start:end] for start, end in reading.elements]


def _malformed(error: strict_json.MalformedJsonError) -> MalformedBody:
    return MalformedBody(f"Not JSON at byte {error.offset}: {error}.", error.offset)


def _too_many(max_records: int) -> ContentTooLarge:
    return ContentTooLarge(f"Over {max_records} records: send them in several requests.")
