"""What the embedded Snowflake's server adds to it."""

import pyarrow as pa
import pytest

from local_pipeline.warehouse_server import LatestResults

TABLE = pa.table({"id": pa.array(range(1000), pa.int64())})  # 8,000 bytes


def kept(results: LatestResults) -> list[int]:
    return [int(query_id) for query_id in results]


@pytest.mark.parametrize(("most", "most_bytes", "expected"), [(3, 10**9, [7, 8, 9]), (99, 20_000, [8, 9])])
def test_old_results_are_let_go(most: int, most_bytes: int, expected: list[int]) -> None:
    results = LatestResults(most_bytes, most)
    for number in range(10):
        results[str(number)] = (TABLE, 1000)
    assert kept(results) == expected


def test_the_latest_is_kept_however_large() -> None:
    results = LatestResults(most_bytes=10)
    for number, table in enumerate((None, TABLE, TABLE)):
        results[str(number)] = (table, 0)
    assert kept(results) == [2]
    results["3"] = (None, 0)
    assert kept(results) == [3], "it has made room for one that follows"
