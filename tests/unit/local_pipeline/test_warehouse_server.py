"""What the embedded Snowflake's server adds to it."""

from local_pipeline.warehouse_server import RESULTS_KEPT, LatestResults


def test_old_results_are_let_go() -> None:
    results = LatestResults()
    for number in range(100):
        results[f"query {number}"] = (number,)
    assert results == {f"query {number}": (number,) for number in range(100 - RESULTS_KEPT, 100)}
