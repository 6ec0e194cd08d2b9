"""The running gateway against its own OpenAPI document, as schemathesis reads it: some hundred requests, always the
same. `make api-fuzz` sends as many as one likes."""

from pathlib import Path

import pytest

from tests.api_fuzz.run import PASSES, Effort, gateway, run

SEED = 20261123
SHORT = {
    "open": ("coverage,fuzzing", 60, {"200", "202", "207", "400", "404", "405", "415", "422"}),
    "keyed": ("fuzzing", 60, {"202", "401", "415", "422"}),
    "limited": ("fuzzing", 120, {"202", "413", "415", "429"}),
    "down": ("fuzzing", 20, {"200", "404", "415", "503"}),
}
"""Of each pass the phases, the examples, and statuses without which it is worth little."""


@pytest.mark.parametrize("name", SHORT)
def test_no_answer_but_those_documented(name: str, tmp_path: Path) -> None:
    kind, (phases, examples, seen) = PASSES[name], SHORT[name]
    with gateway(kind, tmp_path) as client:
        outcome = run(kind, client, tmp_path, Effort(examples, SEED, phases))
    assert outcome.status == 0, outcome.report
    assert outcome.requests >= 30
    assert {answer.rpartition(" ")[2] for answer in outcome.sent} >= seen


def test_answers_that_are_not_documented_are_found(tmp_path: Path) -> None:
    kind = PASSES["open"]
    with gateway(kind, tmp_path, "tests.api_fuzz.planted:create_app") as client:
        outcome = run(kind, client, tmp_path, Effort(5, SEED, "coverage"))
    assert outcome.status == 1, outcome.report
    for failure in ("Server error", "Undocumented status code", "Response violates schema"):
        assert failure in outcome.report
