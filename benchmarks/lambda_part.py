"""Functions under AWS's runtime client: cold starts and invocations, in turns."""

import sys
from pathlib import Path
from statistics import median

from benchmarks.bench import Bench, InvalidRun
from benchmarks.bodies import record
from benchmarks.functions import HANDLERS, invoke, started
from benchmarks.plan import Plan
from benchmarks.results import COLD, FIRST, LATER, Sample
from tests.support.transports import lambda_event

LAMBDA, ONE = "lambda", "one record an invocation"
INVOCATIONS = 51


def functions(bench: Bench, plan: Plan, folder: Path) -> None:
    """New containers of ours and the peers one after the other: start, first invocation, later ones.

    Raises:
        InvalidRun: an invocation did not accept its record.
    """
    sys.stderr.write(f"{LAMBDA}: {', '.join(HANDLERS)}\n")
    names = list(HANDLERS)
    for number in range(plan.starts + 1):
        start = number % len(names)
        for name in [*names[start:], *names[:start]]:
            figures = _container(bench, name, folder)
            if number:  # the first finds nothing of it in the page cache
                bench.found.samples.append(Sample(LAMBDA, ONE, name, figures))


def _container(bench: Bench, name: str, folder: Path) -> dict[str, float]:
    media = {"content-type": "application/json"}
    events = [lambda_event("POST", "/records", record(number), media) for number in range(INVOCATIONS)]
    with started(name, bench.stub_url, folder / f"{name}.lambda.log") as (api, cold):
        answers = [invoke(api, event) for event in events]
    wrong = [status for status, _ in answers if status != 202]
    if wrong:
        raise InvalidRun(f"{name}: {len(wrong)} invocations answered {wrong[0]}")
    seconds = [taken for _, taken in answers]
    return {COLD: cold * 1000, FIRST: seconds[0] * 1000, LATER: median(seconds[1:]) * 1000}
