"""Every text of the conformance set is judged right, as a line among others and alone, and kept as it came."""

import gzip
import json

import pytest

from tests.conformance.cases import Case, all_cases
from tests.functional.conftest import Gateway
from tests.support import generators as make
from tests.support.aws import payload_of
from tests.support.contract import one_line
from tests.support.transports import post

CASES = all_cases()
JUDGED = [case.name for case in CASES if case.verdict != "malformed_json"]
MALFORMED = [case.name for case in CASES if case.verdict == "malformed_json"]
SHORT = [case.name for case in CASES if len(case.record) < 1_000 and not case.name.startswith("i_")]
BY_NAME = {case.name: case for case in CASES}
Verdicts = dict[str, tuple[str, bytes]]
PACKED = {"Content-Encoding": "gzip"}


def judge(gateway: Gateway, body: bytes, media: str, names: list[str]) -> Verdicts:
    """Post `body`, which holds the named records in order: for each its verdict and the bytes that were stored."""
    answer = post(gateway.client, gzip.compress(body), PACKED, media=media).json()
    verdicts = {names[line.index]: ("accepted", line.payload) for line in gateway.aws.lines_of(answer["request_id"])}
    told = {result["index"]: result["reason"] for result in answer["results"]}
    for line in gateway.aws.error_lines(answer["request_id"]):
        assert told.pop(line["index"]) == line["reason"]
        assert names[line["index"]] not in verdicts, "either accepted or rejected"
        verdicts[names[line["index"]]] = (line["reason"], payload_of(line))
    assert told == {}
    return verdicts


@pytest.fixture(scope="module")
def as_lines(gateway: Gateway) -> Verdicts:
    return judge(gateway, make.ndjson([case.record for case in CASES]), "ndjson", [case.name for case in CASES])


@pytest.fixture(scope="module")
def as_elements(gateway: Gateway) -> Verdicts:
    cases = [case for case in CASES if case.verdict != "malformed_json"]
    return judge(gateway, make.array([case.record for case in cases]), "json", [case.name for case in cases])


def assert_judged(verdicts: Verdicts, case: Case) -> None:
    verdict, stored = verdicts[case.name]
    assert verdict == case.verdict
    assert stored.strip() == (one_line(case.record) if verdict == "accepted" else case.record.strip())


@pytest.mark.parametrize("name", BY_NAME)
def test_as_a_line(as_lines: Verdicts, name: str) -> None:
    assert_judged(as_lines, BY_NAME[name])


@pytest.mark.parametrize("name", JUDGED)
def test_as_an_element(as_elements: Verdicts, name: str) -> None:
    assert_judged(as_elements, BY_NAME[name])


@pytest.mark.parametrize("name", MALFORMED)
def test_alone(gateway: Gateway, name: str) -> None:
    response = post(gateway.client, BY_NAME[name].record)
    assert (response.status, response.json()["reason"]) == (400, "malformed_json")


@pytest.mark.parametrize("name", JUDGED[::4])
def test_alone_as_an_array_of_one(gateway: Gateway, name: str) -> None:
    case = BY_NAME[name]
    answer = post(gateway.client, make.array([case.record])).json()
    assert [result["reason"] for result in answer["results"]] == ([] if case.verdict == "accepted" else [case.verdict])


def test_the_set_is_whole() -> None:
    assert len(BY_NAME) == len(CASES) >= 250
    for case in CASES:
        assert case.name[:2] in {"y_", "n_", "i_"}
        assert b"\n" not in case.record, "a case must fit on a line"
        assert case.record.strip(b" \t\r"), "a case must not be blank"
        if case.name.startswith("n_"):
            assert case.verdict == "malformed_json", case.name
        if case.name.startswith("y_"):
            assert case.verdict != "malformed_json", case.name


@pytest.mark.parametrize("name", SHORT)
def test_the_names_are_right(name: str) -> None:
    """Python's own parser, told to be strict, agrees with the names: so the set is not merely what the gateway does."""
    assert is_json(BY_NAME[name].record) == name.startswith("y_")


def is_json(text: bytes) -> bool:
    try:
        json.loads(text.decode(), parse_constant=refuse)
    except ValueError:
        return False
    return True


def refuse(word: str) -> None:
    """Python's parser takes NaN and Infinity unless it is told not to."""
    raise ValueError(word)
