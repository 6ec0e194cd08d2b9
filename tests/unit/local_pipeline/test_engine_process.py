"""The engine's shorter walks decide what its own decide. Run by the engine's Python, which alone has ministack."""

import subprocess

import pytest

from local_pipeline.engine import ENGINE_PYTHON, LAUNCHER

PREPARED = f"""
import copy, random, runpy, time
from ministack.services import kinesis
ours = runpy.run_path({str(LAUNCHER)!r})
"""

RECORDS = """
choose = random.Random(3)
now, outcomes = time.time(), set()
for _ in range(300):
    hours = choose.choice((24, 8760))
    ages = [sorted((choose.uniform(0, 48) for _ in range(choose.randrange(5))), reverse=True) for _ in range(3)]
    shards = {str(number): {"records": [{"ApproximateArrivalTimestamp": now - 3600 * age} for age in shard]}
              for number, shard in enumerate(ages)}
    stream = {"RetentionPeriodHours": hours, "shards": shards}
    expected = copy.deepcopy(stream)
    kinesis._expire_records(expected)
    before = copy.deepcopy(stream)
    ours["expire_records"](stream)
    assert stream == expected
    outcomes.add(stream == before)
assert outcomes == {True, False}
"""

ITERATORS = """
kinesis._shard_iterators["old"] = {"created_at": time.time() - kinesis.ITERATOR_EXPIRY_SECONDS - 1}
kinesis._shard_iterators["new"] = {"created_at": time.time()}
ours["expire_iterators"]()
assert set(kinesis._shard_iterators) == {"new"}
kinesis._shard_iterators["late"] = {"created_at": time.time() - kinesis.ITERATOR_EXPIRY_SECONDS - 1}
status, _, answer = kinesis._get_records({"ShardIterator": "late"})
assert status == 400 and b"ExpiredIteratorException" in answer, answer
"""


@pytest.mark.parametrize("checked", [RECORDS, ITERATORS], ids=["records", "iterators"])
def test_what_has_expired_goes(checked: str) -> None:
    ended = subprocess.run(  # noqa: S603
        [str(ENGINE_PYTHON), "-P", "-c", PREPARED + checked], capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 0, ended.stderr
