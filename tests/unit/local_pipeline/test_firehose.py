"""The Firehose stand-in's pure parts: what leaves the buffer when, what files are called, what is remembered."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_pipeline.firehose.buffer import Batch, Buffer, Record
from local_pipeline.firehose.checkpoint import Checkpoint
from local_pipeline.firehose.keys import evaluate, format_time, object_key, random_string
from local_pipeline.template import TemplateError

AT = datetime(2026, 3, 4, 5, 6, 7, 89_000, tzinfo=UTC)
STREAM = "arn:aws:kinesis:us-east-1:000000000000:stream/s"


def record(number: int, data: bytes, shard: str = "shardId-000000000000") -> Record:
    return Record(shard, f"{number:030d}", data, AT + timedelta(seconds=number))


def test_a_batch_leaves_when_the_next_record_would_not_fit() -> None:
    buffer = Buffer(max_bytes=10, max_seconds=60)
    assert buffer.add(record(1, b"12345"), now=0) is None
    assert buffer.add(record(2, b"67890"), now=1) is None
    full = buffer.add(record(3, b"x"), now=2)
    assert full == Batch(b"1234567890", {"shardId-000000000000": f"{2:030d}"}, AT + timedelta(seconds=1), 2)
    assert buffer.seconds_left(now=2) == 60, "the age is that of the record that stayed"


def test_a_record_longer_than_the_buffer_leaves_alone() -> None:
    buffer = Buffer(max_bytes=4, max_seconds=60)
    assert buffer.add(record(1, b"123456"), now=0) is None
    full = buffer.add(record(2, b"7"), now=0)
    assert full is not None
    assert full.data == b"123456"


def test_the_age_counts_from_the_first_record() -> None:
    buffer = Buffer(max_bytes=100, max_seconds=5)
    assert buffer.seconds_left(now=100) == float("inf")
    buffer.add(record(1, b"a"), now=100)
    buffer.add(record(2, b"b"), now=104)
    assert buffer.seconds_left(now=104) == 1
    assert buffer.seconds_left(now=109) == 0
    assert buffer.take() is not None
    assert buffer.take() is None


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b"]), st.binary(max_size=12)), max_size=40),
    st.integers(min_value=1, max_value=20),
)
def test_nothing_is_lost_split_or_reordered(items: list[tuple[str, bytes]], max_bytes: int) -> None:
    buffer = Buffer(max_bytes, max_seconds=60)
    left = [buffer.add(record(number, data, shard), now=0) for number, (shard, data) in enumerate(items)]
    batches = [batch for batch in [*left, buffer.take()] if batch]
    assert b"".join(batch.data for batch in batches) == b"".join(data for _, data in items)
    assert sum(batch.records for batch in batches) == len(items)
    assert all(len(batch.data) <= max_bytes or batch.records == 1 for batch in batches)
    done = 0
    for batch in batches:
        done += batch.records
        for shard, position in batch.positions.items():
            last = max(number for number, (of, _) in enumerate(items[:done]) if of == shard)
            assert position == f"{last:030d}"


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("yyyy-MM-dd", "2026-03-04"),
        ("yyyy/MM/dd/HH", "2026/03/04/05"),
        ("yy", "26"),
        ("M/d/H/m/s", "3/4/5/6/7"),
        ("SSS", "089"),
        ("DDD", "063"),
        ("MMM MMMM", "Mar March"),
        ("E EEEE", "Wed Wednesday"),
        ("'year='yyyy", "year=2026"),
        ("yyyy''HH", "2026'05"),
    ],
)
def test_time_patterns_are_those_of_java(pattern: str, text: str) -> None:
    assert format_time(pattern, AT) == text


@pytest.mark.parametrize("pattern", ["YYYY", "yyyy-ww", "[yyyy]", "'open", "z"])
def test_an_unknown_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(TemplateError, match="does not know"):
        format_time(pattern, AT)


def test_prefixes_are_evaluated_at_one_instant() -> None:
    assert evaluate("records/dt=!{timestamp:yyyy-MM-dd}/hr=!{timestamp:HH}/", AT) == "records/dt=2026-03-04/hr=05/"
    errors = "errors/!{firehose:error-output-type}/!{timestamp:yyyy}/"
    assert evaluate(errors, AT, "processing-failed") == "errors/processing-failed/2026/"


def test_random_strings_have_eleven_letters_or_digits_and_differ() -> None:
    first, second = evaluate("!{firehose:random-string}/!{firehose:random-string}", AT).split("/")
    assert re.fullmatch("[A-Za-z0-9]{11}", first)
    assert first != second
    assert random_string() != random_string()


@pytest.mark.parametrize("prefix", ["!{partitionKeyFromQuery:id}/", "!{firehose:error-output-type}/", "!{firehose:x}/"])
def test_an_expression_that_is_not_known_is_refused(prefix: str) -> None:
    with pytest.raises(TemplateError, match="cannot evaluate"):
        evaluate(prefix, AT)


def test_a_key_has_the_documented_form() -> None:
    key = object_key("records/", "sluice-dev-delivery", AT, UUID(int=7), ".json")
    assert key == "records/sluice-dev-delivery-1-2026-03-04-05-06-07-00000000-0000-0000-0000-000000000007.json"


def test_a_checkpoint_is_found_again_and_only_for_its_stream(tmp_path: Path) -> None:
    path = tmp_path / "firehose" / "checkpoint.json"
    checkpoint = Checkpoint(path, STREAM)
    assert checkpoint.positions == {}
    checkpoint.advance({"a": "1", "b": "1"})
    checkpoint.advance({"a": "2"})
    assert Checkpoint(path, STREAM).positions == {"a": "2", "b": "1"}
    assert Checkpoint(path, STREAM + "-other").positions == {}


def test_an_unfinished_checkpoint_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.json"
    Checkpoint(path, STREAM).advance({"a": "1"})
    path.with_name("checkpoint.json.tmp").write_text('{"stream_arn": "cut of')
    assert Checkpoint(path, STREAM).positions == {"a": "1"}
