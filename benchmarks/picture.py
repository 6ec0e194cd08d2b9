"""The picture: bars of a single POST, of batches and of cold starts; readable on light and on dark. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from benchmarks import parts
from benchmarks.figures import Spread
from benchmarks.lambda_part import LAMBDA, ONE
from benchmarks.plan import FULL
from benchmarks.report import number
from benchmarks.results import COLD, CPU, Results
from benchmarks.subjects import FASTIFY, FLOOR, NAIVE, OURS, POWERTOOLS, TITLES, TUTORIAL
from ops.cost.svg import document

WIDTH, PANEL, LEFT, BAR, ROW = 1080, 360, 20, 18, 46
TOP = 76
COLOURS = {OURS: "a", FLOOR: "c", TUTORIAL: "b", FASTIFY: "d", NAIVE: "b", POWERTOOLS: "d"}


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar with its spread."""

    label: str
    subject: str
    spread: Spread


def draw(found: Results) -> str:
    """An SVG document."""
    about = found.about
    panels = [
        ("Single POST", "CPU µs a record, 128 connections", _single(found)),
        ("Batches of 500", "CPU µs a record", _batches(found)),
        ("Lambda", "cold start, ms", _starts(found)),
    ]
    height = TOP + ROW * max(len(bars) for _, _, bars in panels) + 40
    inner = [line for place, panel in enumerate(panels) for line in _panel(place * PANEL, *panel)]
    rounds = f"median and spread of {about['rounds']} rounds and {about['starts']} starts"
    draft = drafted(found)
    if draft:
        inner.append(f'<text class="title" x="{LEFT}" y="{height - 32}">{escape(draft)}</text>')
    note = f"{rounds}, {about['cpu']}, AWS stubbed on loopback, {about['date']}"
    inner.append(f'<text class="quiet" x="{LEFT}" y="{height - 14}">{escape(note)}</text>')
    return document("\n".join(inner), "CPU time of Sluice and of other gateways", WIDTH, height)


def drafted(found: Results) -> str:
    """Why the figures are no more than a draft; empty where they are the real ones."""
    reasons = [
        *(["the machine was busy"] if found.about["is_busy"] else []),
        *(["a quick run"] if found.about["plan"] != FULL.name else []),
    ]
    return f"Draft: {', '.join(reasons)}" if reasons else ""


def _panel(x: int, title: str, unit: str, bars: Sequence[Bar]) -> Iterator[str]:
    yield f'<g transform="translate({x},0)">'
    yield f'<text class="title" x="{LEFT}" y="30">{escape(title)}</text>'
    yield f'<text class="quiet" x="{LEFT}" y="49">{escape(unit)}</text>'
    most = max((bar.spread.most for bar in bars), default=1.0)
    across = PANEL - 2 * LEFT - 56
    for place, bar in enumerate(bars):
        y, colour = TOP + ROW * place, COLOURS[bar.subject]
        length, least, longest = (across * v / most for v in (bar.spread.median, bar.spread.least, bar.spread.most))
        middle = y + 8 + BAR / 2
        yield f'<text x="{LEFT}" y="{y}">{escape(bar.label)}</text>'
        yield f'<rect class="dot {colour}" x="{LEFT}" y="{y + 8}" width="{max(length, 1):.1f}" height="{BAR}" rx="2"/>'
        yield (
            f'<line class="frame" x1="{LEFT + least:.1f}" x2="{LEFT + longest:.1f}" y1="{middle}" y2="{middle}" '
            'stroke-width="2"/>'
        )
        yield f'<text x="{LEFT + longest + 8:.1f}" y="{middle + 4}">{number(bar.spread.median)}</text>'
    yield "</g>"


def _single(found: Results) -> list[Bar]:
    case = "128 connections"
    wanted = [
        (TITLES[name], name, found.spread(parts.SINGLE, case, name, CPU)) for name in (FLOOR, OURS, FASTIFY, TUTORIAL)
    ]
    return _bars(wanted)


def _batches(found: Results) -> list[Bar]:
    wanted = [
        (OURS, parts.NDJSON),
        (OURS, parts.JSON),
        (OURS, parts.SCHEMA),
        (OURS, parts.GZIP),
        (FASTIFY, parts.NDJSON),
        (TUTORIAL, parts.JSON),
    ]
    return _bars([(f"{TITLES[n]}, {case}", n, found.spread(parts.BATCHES, case, n, CPU)) for n, case in wanted])


def _starts(found: Results) -> list[Bar]:
    return _bars([(TITLES[n], n, found.spread(LAMBDA, ONE, n, COLD)) for n in (OURS, POWERTOOLS, NAIVE)])


def _bars(wanted: Sequence[tuple[str, str, Spread | None]]) -> list[Bar]:
    return [Bar(label, subject, spread) for label, subject, spread in wanted if spread]
