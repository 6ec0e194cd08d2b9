"""Results as Markdown: what is to be shown, then everything that was measured. Pure."""

from collections.abc import Iterator, Sequence

from benchmarks import parts
from benchmarks.bodies import RECORD_BYTES
from benchmarks.figures import Spread, spread
from benchmarks.lambda_part import LAMBDA, ONE
from benchmarks.results import COLD, CPU, FIRST, LATER, P50, P99, P999, RATE, RESIDENT, Results
from benchmarks.subjects import FASTIFY, FLOOR, OURS, TITLES, TUTORIAL
from benchmarks.targets import Row, rows

Cells = Sequence[str]
_OF_THE_YARDSTICK = (
    f" In turns with them the route that only answers took single records, over {parts.BATCH_CONNECTIONS} connections: "
    f"by that the machine's speed is told."
)
_OF_A_PROCESS = "Memory is what the process held after the round; it served the other cases of this table in turns."


def report(found: Results) -> str:
    """Everything, for docs/benchmarks.md."""
    return "\n".join(_report(found))


def short(found: Results) -> str:
    """A small table, for the README."""
    about, crowd = found.about, "128 connections"
    wanted = [
        (TITLES[OURS] + ", every check of a record", OURS, parts.NDJSON),
        (TITLES[FASTIFY] + ", AWS SDK for Node, no validation", FASTIFY, parts.NDJSON),
        (TITLES[TUTORIAL] + ", Pydantic, boto3; batches as JSON arrays", TUTORIAL, parts.JSON),
        (TITLES[FLOOR] + ", no sink", FLOOR, ""),
    ]
    body = []
    for title, name, form in wanted:
        single = found.spread(parts.SINGLE, crowd, name, CPU)
        rate = found.spread(parts.SINGLE, crowd, name, RATE)
        batch = found.spread(parts.BATCHES, form, name, CPU)
        body.append([title, _median(single), _median(rate), _median(batch)])
    head = ["CPU µs a record, AWS stubbed", "single POST", "requests/s", "NDJSON batches of 500"]
    where = f"{about['cpu']}, {about['cores']} cores, Python {about['python']}, Node {about['node']}"
    busy = ", **busy with something else: only a draft**" if about["is_busy"] else ""
    return f"{table(head, body)}\n\n{where}, {about['date']}{busy}; reproduce with `make bench`."


def verdicts(found: Results) -> str:
    """The targets, for a terminal and the report."""
    head = ["what", "target", "median", "least to most", "rounds", "verdict"]
    return table(head, [_verdict(row) for row in rows(found)])


def table(head: Cells, body: Sequence[Cells]) -> str:
    """A Markdown table; all columns but the first are aligned right."""
    lines = [head, ["---", *(["---:"] * (len(head) - 1))], *body]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def number(value: float) -> str:
    """Three digits, or all of a whole number's."""
    size = abs(value)
    return f"{value:,.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"


def _report(found: Results) -> Iterator[str]:
    about = found.about
    yield (
        f"{about['date']}, commit {about['commit']}: `{about['command']}` on {about['cpu']}, {about['cores']} cores, "
        f"{about['memory']}, {about['kernel']}; Python {about['python']}, Node {about['node']}; FastAPI "
        f"{about['fastapi']}, uvicorn {about['uvicorn']}, uvloop {about['uvloop']}, boto3 {about['boto3']}, Fastify "
        f"{about['fastify']}, @aws-sdk/client-kinesis {about['@aws-sdk/client-kinesis']}. {about['rounds']} rounds "
        f"of {about['seconds']} s, twice as long at half load; {about['starts']} cold starts; the memory's curve once."
    )
    yield f"\n{_quiet(found)}"
    yield f"\n### What it is to show\n\n{verdicts(found)}"
    yield from _load_tables(found)
    yield from _lambda_table(found)
    yield from _growth_tables(found)


def _quiet(found: Results) -> str:
    about = found.about
    other = _in_all(found, "other_cores")
    generator, stub = _in_all(found, "generator_cores"), _in_all(found, "stub_cores")
    text = (
        f"Load average at the start {about['load_average']:.2f}, {about['busy']:.0%} of all cores busy. While "
        f"counting, other processes took {number(other.median)} cores (at most {number(other.most)}), the load "
        f"generator {number(generator.median)} (at most {number(generator.most)}), the stub {number(stub.median)} "
        f"(at most {number(stub.most)})."
    )
    if about["is_busy"]:
        text += " **The machine was busy with something else: trust the ratios a little, the rest not at all.**"
    return text


def _in_all(found: Results, figure: str) -> Spread:
    return spread([sample.figures[figure] for sample in found.samples if figure in sample.figures])


def _load_tables(found: Results) -> Iterator[str]:
    figures = (CPU, RATE, P50, P99, P999, RESIDENT)
    head = ["CPU µs a record", "requests/s", "p50 ms", "p99 ms", "p99.9 ms", "memory MiB"]
    titles = {parts.SINGLE: "One record a request", parts.BATCHES: "500 records a request"}
    for part, title in titles.items():
        body = _measured(found, part, figures)
        note = _OF_A_PROCESS + (_OF_THE_YARDSTICK if part == parts.BATCHES else "")
        yield f"\n### {title}\n\n{note}\n\n{table(['', '', *head], body)}"
    yield f"\n### What was put\n\n{_put_table(found)}"
    body = _measured(found, parts.HALF, (RATE, P50, P99, P999))
    yield f"\n### Latency at half load\n\n{table(['', '', 'requests/s', 'p50 ms', 'p99 ms', 'p99.9 ms'], body)}"


def _put_table(found: Results) -> str:
    head = ["", "", "Kinesis records per 1,000 records", "PUT units per 1,000 records"]
    wanted = [check for check in found.checks if check.part in (parts.SINGLE, parts.BATCHES)]
    body = [
        [
            check.case,
            TITLES[check.subject],
            *(number(1000 * count / check.accepted) for count in (check.entries, check.units)),
        ]
        for check in wanted
    ]
    return table(head, body)


def _lambda_table(found: Results) -> Iterator[str]:
    head = ["", "cold start ms", "first invocation ms", "later ones ms"]
    body = [
        [TITLES[name], *(_with_spread(found.spread(LAMBDA, ONE, name, figure)) for figure in (COLD, FIRST, LATER))]
        for name in found.subjects(LAMBDA, ONE)
    ]
    yield f"\n### Lambda\n\n{table(head, body)}"


def _growth_tables(found: Results) -> Iterator[str]:
    head = ["CPU µs a record", "CPU µs a KB", "requests/s", "p99 ms", "memory MiB"]
    notes = {
        parts.SIZES: f"one record a request, {parts.SIZE_CONNECTIONS} connections",
        parts.BATCH_SIZES: f"NDJSON, {parts.BATCH_SIZE_CONNECTIONS} connections",
        parts.CONCURRENCY: "one record a request",
    }
    for part, note in notes.items():
        body = []
        for case in found.cases(part):
            cpu = found.spread(part, case, OURS, CPU)
            size = int(case.split()[0].replace(",", "")) if part == parts.SIZES else RECORD_BYTES
            each = [number(cpu.median / size * 1000) if cpu else ""]
            others = (_median(found.spread(part, case, OURS, figure)) for figure in (RATE, P99, RESIDENT))
            body.append([case, _with_spread(cpu), *each, *others])
        yield f"\n### Growth: {part}\n\nSluice, {note}.\n\n{table(['', *head], body)}"
    body = [[case, _median(found.spread(parts.MEMORY, case, OURS, RESIDENT))] for case in found.cases(parts.MEMORY)]
    yield f"\n### Memory\n\n{table(['after', 'resident MiB'], body)}"


def _measured(found: Results, part: str, figures: Sequence[str]) -> list[Cells]:
    return [
        [
            case,
            TITLES[name],
            *(
                (_with_spread if figure == CPU or part == parts.HALF else _median)(
                    found.spread(part, case, name, figure)
                )
                for figure in figures
            ),
        ]
        for case in found.cases(part)
        for name in sorted(found.subjects(part, case), key=list(TITLES).index)
    ]


def _verdict(row: Row) -> Cells:
    target, measured = row.target, row.spread
    if measured is None:
        return [target.what, target.limit_text, "", "", "0", row.verdict]
    extent = f"{number(measured.least)} to {number(measured.most)}"
    return [
        target.what,
        target.limit_text,
        number(measured.median) + target.unit,
        extent,
        str(measured.rounds),
        row.verdict,
    ]


def _median(measured: Spread | None) -> str:
    return number(measured.median) if measured else ""


def _with_spread(measured: Spread | None) -> str:
    if measured is None:
        return ""
    return f"{number(measured.median)} ({number(measured.least)} to {number(measured.most)})"
