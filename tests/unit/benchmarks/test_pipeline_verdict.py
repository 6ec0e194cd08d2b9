"""What a run is judged by: nothing lost, nothing made up, the rate and the lag that were wanted."""

from dataclasses import replace

import pytest

from benchmarks.pipeline_load import Answer, Due
from benchmarks.pipeline_verdict import Seen, describe, judge

RATE, BUFFER = 10.0, 5.0
ALL = {"accepted": 20, "streamed": 20, "landed": 20, "loaded": 20}


def answer(number: int, *, lag: float = 0.01) -> Answer:
    """Ten records that were sent a second after those before."""
    return Answer(Due(number, 10 * number, 10), 100.0 + number, 100.0 + number + lag, 10, f"r{number}")


def rows(*numbers: int) -> dict[str, str]:
    return {f"r{number}-{index}": f"file {number}" for number in numbers for index in range(10)}


GOOD = Seen(
    answers=[answer(0), answer(1)],
    file_of=rows(0, 1),
    visible_at={"file 0": 102.0, "file 1": 109.0},
    rows=20,
    before=0,
    summary={**ALL, "rejected": 0, "spilled": 0},
    reconciled=0,
    settled=True,
    cpu={"gateway": 0.5, "engine": 0.5},
    busy=2.0,
    memory={"gateway": 100.0},
)
REFUSED = replace(answer(1), accepted=0, request_id="", problem="status 503")


def failures(seen: Seen) -> list[str]:
    return list(judge(seen, RATE, BUFFER).failures())


def test_a_run_that_held() -> None:
    result = judge(GOOD, RATE, BUFFER)

    assert failures(GOOD) == []
    assert (result.records, result.requests, result.lost, result.duplicates, result.unconfirmed) == (20, 2, 0, 0, 0)
    assert result.lag is not None
    assert [round(each, 2) for each in (result.lag.p50, result.lag.p95, result.lag.highest)] == [1.99, 7.99, 7.99]
    assert result.cpu_us_per_record["gateway"] == pytest.approx(25_000)
    assert result.others_cpu_share == 0.5
    assert list(describe(result))[-1] == "Held: nothing lost, rate and lag as wanted."


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        (replace(GOOD, file_of=rows(0), rows=10), "10 accepted records have no row"),
        (replace(GOOD, rows=21), "1 rows are copies"),
        (replace(GOOD, answers=[answer(0), REFUSED]), "10 records were not confirmed"),
        (replace(GOOD, summary={**ALL, "landed": 19}), "accepted 20, but counted otherwise: {'landed': 19}"),
        (replace(GOOD, before=5), "accepted 25, but counted otherwise"),
        (replace(GOOD, reconciled=1), "sluice reconcile ended with 1"),
        (replace(GOOD, answers=[answer(0), answer(1, lag=30)]), "records/s, 10 wanted"),
        (replace(GOOD, visible_at={"file 0": 102.0, "file 1": 109.2}), "lag at p95 8.19 s, 8.00 s allowed"),
        (replace(GOOD, visible_at={}), "lag at p95 nan s"),
        (replace(GOOD, visible_at={"file 0": 102.0}), "10 rows were never seen to come, so their lag is not known"),
        (replace(GOOD, settled=False), "looking ended before as many rows were seen as were accepted"),
    ],
)
def test_a_run_that_did_not(seen: Seen, told: str) -> None:
    assert any(told in failure for failure in failures(seen)), failures(seen)
    assert f"FAILED: {failures(seen)[-1]}" in list(describe(judge(seen, RATE, BUFFER)))


def test_a_few_requests_do_not_look_faster_than_they_were_sent() -> None:
    """Two requests of a second each are answered within one."""
    assert judge(GOOD, RATE, BUFFER).rate == pytest.approx(10.1)


def test_lag_is_told_by_quarter_of_the_run() -> None:
    answers = [answer(number) for number in range(8)]
    visible = {f"file {number}": 100.0 + number + (1 if number < 6 else 4) for number in range(8)}
    result = judge(replace(GOOD, answers=answers, file_of=rows(*range(8)), rows=80, visible_at=visible), RATE, BUFFER)
    assert result.lag is not None
    assert [round(each) for each in result.lag.quarters] == [1, 1, 1, 4]
