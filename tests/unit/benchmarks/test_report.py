"""From samples to verdicts, tables and a picture."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks import parts
from benchmarks.documents import NoMarks, replace_between_marks
from benchmarks.lambda_part import LAMBDA, ONE
from benchmarks.picture import draw
from benchmarks.places import README, REPORT
from benchmarks.report import number, report, short, verdicts
from benchmarks.results import COLD, CPU, FIRST, LATER, P50, P99, P999, PEAK, RATE, RESIDENT, Check, Results, Sample
from benchmarks.subjects import FASTIFY, FLOOR, NAIVE, OURS, POWERTOOLS, TITLES, TUTORIAL
from benchmarks.targets import TARGETS, rows

VERSIONS = ("fastapi", "uvicorn", "boto3", "uvloop", "fastify", "@aws-sdk/client-kinesis", "python", "node")
ABOUT = {
    **dict.fromkeys(VERSIONS, "1.2.3"),
    **dict.fromkeys(("date", "command", "commit", "cpu", "cores", "memory", "kernel"), "a <text> & more"),
    "rounds": 3,
    "seconds": 2.0,
    "starts": 11,
    "load_average": 0.1,
    "busy": 0.05,
    "is_busy": False,
    "plan": "full",
}
LOAD = dict.fromkeys((RATE, P50, P99, P999, RESIDENT, PEAK, "generator_cores", "stub_cores", "other_cores"), 2.0)


def results(cpu: dict[str, float]) -> Results:
    """Three rounds in which each subject costs what `cpu` says; the second took twice as long for all."""
    found = Results(dict(ABOUT))
    cases = [(parts.SINGLE, f"{crowd} connections") for crowd in (32, 128)]
    cases += [
        (parts.HALF, parts.OWN_RATE),
        (parts.HALF, parts.SAME_RATE),
        *((parts.BATCHES, case) for case in parts.BATCH_SHAPES),
    ]
    alone = [(parts.CONCURRENCY, f"{crowd} connections") for crowd in (8, 512)]
    alone += [(parts.BATCH_SIZES, f"{size} records") for size in ("500", "5,000")]
    alone += [(parts.SIZES, "16,384 bytes"), (parts.MEMORY, "200 records"), (parts.MEMORY, "1,000 records")]
    for slowness in (1.0, 2.0, 1.0):
        for part, case in cases + alone:
            for name in (OURS, FLOOR, TUTORIAL, FASTIFY) if (part, case) in cases else (OURS,):
                more = 1.1 if case == parts.SCHEMA else 1.0
                found.samples.append(Sample(part, case, name, {**LOAD, CPU: cpu[name] * slowness * more}))
        found.samples.append(Sample(parts.BATCHES, parts.YARDSTICK, FLOOR, {**LOAD, CPU: 154.0 * slowness}))
        for name in (OURS, NAIVE, POWERTOOLS):
            start = {COLD: 300.0 * slowness, FIRST: 3.0, LATER: 2.0}
            found.samples.append(Sample(LAMBDA, ONE, name, start))
    found.checks.append(Check(parts.BATCHES, parts.NDJSON, OURS, 10_000, 50, 180))
    return found


FAST = {OURS: 1.0, FLOOR: 0.9, TUTORIAL: 12.0, FASTIFY: 4.0}


def verdict_of(found: Results) -> dict[str, str]:
    return {row.target.what: row.verdict for row in rows(found)}


def test_targets_are_met_by_the_median_and_not_met_over_the_limit() -> None:
    met = verdict_of(results(FAST))
    assert {what: verdict for what, verdict in met.items() if verdict != "met"} == {
        "cold start, Sluice / FastAPI + Mangum + boto3": "not met",
        "the same, both at half of Sluice's rate": "only shown",
    }
    slow = verdict_of(results({**FAST, OURS: 4.5}))
    assert slow["CPU of a single POST, Sluice / floor, 128 connections"] == "not met"
    assert slow["CPU a record, NDJSON batches of 500"] == "not met"
    assert slow["the same, had the floor route taken 77 µs a request"] == "met"
    assert slow["CPU a record, NDJSON batches of 500, JSON Schema"] == "met"
    slower = verdict_of(results({**FAST, OURS: 8.5}))
    assert slower["the same, had the floor route taken 77 µs a request"] == "not met"
    assert slow["CPU of a single POST, 512 connections / 8"] == "met"


def test_a_ratio_does_not_see_a_round_that_was_slow_for_both() -> None:
    row = rows(results(FAST))[0]
    assert row.spread
    assert row.spread.least == pytest.approx(row.spread.most)


def test_microseconds_are_seen_beside_the_speed_of_the_machine() -> None:
    found = {row.target.what: row.spread for row in rows(results({**FAST, OURS: 4.0}))}
    plain = found["the same, had the floor route taken 77 µs a request"]
    with_schema = found["the same, JSON Schema, had the floor route taken 77 µs"]
    assert plain
    assert with_schema
    assert plain.median == pytest.approx(2.0)
    assert with_schema.median == pytest.approx(2.2)
    assert plain.least == pytest.approx(plain.most)


def test_what_was_not_measured_is_said_so() -> None:
    assert set(verdict_of(Results({})).values()) == {"not measured"}


def test_the_table_of_targets_has_a_row_for_each() -> None:
    lines = verdicts(results(FAST)).splitlines()
    assert len(lines) == len(TARGETS) + 2
    assert "| CPU a record, NDJSON batches of 500 | ≤ 4 µs | 1.00 µs | 1.00 to 2.00 | 3 | met |" in lines


def test_the_report_names_every_gateway_and_case() -> None:
    text = report(results(FAST))
    for case in [*parts.BATCH_SHAPES, "16,384 bytes", "512 connections", parts.OWN_RATE, *TITLES.values()]:
        assert case in text
    assert "| 16,384 bytes | 1.00 (1.00 to 2.00) | 0.06 |" in text
    assert "| NDJSON | Sluice | 5.00 | 18.0 |" in text
    assert "it served the other cases of this table in turns" in text
    assert "at most |" not in text


def test_a_busy_machine_is_said_aloud() -> None:
    found = results(FAST)
    assert "busy with something else" not in report(found)
    found.about["is_busy"] = True
    assert "busy with something else" in report(found)
    assert "busy with something else" in short(found)


def test_the_picture_is_svg_with_a_bar_for_each_gateway() -> None:
    drawn = draw(results(FAST))
    root = ET.fromstring(drawn)  # noqa: S314
    texts = {element.text for element in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"Fastify, NDJSON", "Sluice", "FastAPI + Mangum", "Single POST"} <= texts
    assert "prefers-color-scheme: dark" in drawn


@pytest.mark.parametrize(
    ("about", "told"),
    [
        ({}, None),
        ({"is_busy": True}, "Draft: the machine was busy"),
        ({"plan": "quick"}, "Draft: a quick run"),
        ({"is_busy": True, "plan": "quick"}, "Draft: the machine was busy, a quick run"),
    ],
)
def test_a_picture_that_is_only_a_draft_says_so(about: dict[str, object], told: str | None) -> None:
    found = results(FAST)
    found.about |= about
    texts = [element.text or "" for element in ET.fromstring(draw(found)).iter()]  # noqa: S314
    assert next((text for text in texts if text.startswith("Draft")), None) == told


def test_results_are_the_same_after_a_file(tmp_path: Path) -> None:
    found = results(FAST)
    found.save(tmp_path / "folder" / "last.json")
    assert Results.load(tmp_path / "folder" / "last.json") == found


def test_made_text_stands_between_the_marks_and_the_rest_stays(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- bench -->\nold\n<!-- /bench -->\nafter\n")
    for _ in range(2):
        replace_between_marks(page, short(results(FAST)))
    text = page.read_text()
    assert text.startswith("before\n<!-- bench -->\n| CPU µs a record, AWS stubbed | single POST |")
    assert text.endswith("\n<!-- /bench -->\nafter\n")
    assert "old" not in text
    assert "| requests/s | NDJSON batches of 500 |" in text
    assert "| Sluice, every check of a record | 1.00 |" in text
    page.write_text("no marks")
    with pytest.raises(NoMarks):
        replace_between_marks(page, "text")


@pytest.mark.parametrize("page", [README, REPORT], ids=["README", "report"])
def test_the_pages_have_marks(page: Path) -> None:
    assert page.read_text().count("<!-- bench -->") == page.read_text().count("<!-- /bench -->") == 1


@pytest.mark.parametrize(("value", "text"), [(0.0612, "0.06"), (1.005, "1.00"), (12.34, "12.3"), (1234.5, "1,234")])
def test_numbers_are_short(value: float, text: str) -> None:
    assert number(value) == text
