"""A small chart as SVG: logarithmic axes, labelled lines, a legend; readable on light and on dark. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

COLOURS = ("a", "b", "c", "d")
STYLE = """
.ground { fill: #ffffff; } .frame { fill: none; stroke: #8c959f; } .grid { stroke: #d0d7de; stroke-width: 1; }
text { font: 12px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328; }
.title { font-weight: 600; font-size: 14px; } .quiet { fill: #59636e; }
.line { fill: none; stroke-width: 2.25; stroke-linejoin: round; }
.line.a { stroke: #0969da; } .line.b { stroke: #bc4c00; } .line.c { stroke: #1a7f37; } .line.d { stroke: #8250df; }
.dot.a, .name.a { fill: #0969da; } .dot.b, .name.b { fill: #bc4c00; }
.dot.c, .name.c { fill: #1a7f37; } .dot.d, .name.d { fill: #8250df; }
@media (prefers-color-scheme: dark) {
  .ground { fill: #0d1117; } .frame { stroke: #656c76; } .grid { stroke: #2a313c; }
  text { fill: #f0f6fc; } .quiet { fill: #9198a1; }
  .line.a { stroke: #4493f8; } .line.b { stroke: #f0883e; } .line.c { stroke: #3fb950; } .line.d { stroke: #ab7df8; }
  .dot.a, .name.a { fill: #4493f8; } .dot.b, .name.b { fill: #f0883e; }
  .dot.c, .name.c { fill: #3fb950; } .dot.d, .name.d { fill: #ab7df8; }
}
""".strip()
LEFT, RIGHT, TOP, BOTTOM = 78, 34, 68, 52
_LEGEND = 18


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its name and its points, x and y above 0, x ascending."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Chart:
    """One pair of axes, both logarithmic.

    Attributes:
        note: under the title.
        x_ticks: where the x axis is labelled.
    """

    title: str
    note: str
    x_label: str
    y_label: str
    x_ticks: Sequence[float]
    lines: Sequence[Line]


def page(charts: Sequence[Chart], label: str, width: int = 500, height: int = 440) -> str:
    """The charts side by side, as one SVG document."""
    inner = "\n".join(
        f'<g transform="translate({number * width},0)">\n' + "\n".join(_chart(chart, width, height)) + "\n</g>"
        for number, chart in enumerate(charts)
    )
    return document(inner, label, width * len(charts), height)


def document(inner: str, label: str, width: int, height: int) -> str:
    """An SVG document with our style, on its ground."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="{escape(label)}">\n<style>\n{STYLE}\n</style>\n'
        f'<rect class="ground" width="{width}" height="{height}"/>\n{inner}\n</svg>\n'
    )


def decades(values: Sequence[float]) -> tuple[int, int]:
    """The powers of ten around them, at least one apart."""
    low, high = floor(log10(min(values)) + 1e-9), ceil(log10(max(values)) - 1e-9)
    return low, max(high, low + 1)


def _chart(chart: Chart, width: int, height: int) -> Iterator[str]:
    low, high = decades([y for line in chart.lines for _, y in line.points])
    left, right = log10(chart.x_ticks[0]), log10(chart.x_ticks[-1])
    top = TOP + _LEGEND * len(chart.lines)
    across, down = width - LEFT - RIGHT, height - top - BOTTOM

    def at_x(value: float) -> float:
        return LEFT + across * (log10(value) - left) / (right - left)

    def at_y(value: float) -> float:
        return top + down * (high - log10(value)) / (high - low)

    yield f'<text class="title" x="{LEFT}" y="28">{escape(chart.title)}</text>'
    yield f'<text class="quiet" x="{LEFT}" y="47">{escape(chart.note)}</text>'
    for power in range(low, high + 1):
        y = at_y(10.0**power)
        yield f'<line class="grid" x1="{LEFT}" x2="{LEFT + across}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text class="quiet" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{_dollars(power)}</text>'
    for tick in chart.x_ticks:
        x = at_x(tick)
        yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{top + down}"/>'
        yield f'<text class="quiet" x="{x:.1f}" y="{top + down + 18}" text-anchor="middle">{tick:,g}</text>'
    yield f'<rect class="frame" x="{LEFT}" y="{top}" width="{across}" height="{down}"/>'
    yield f'<text x="{LEFT + across / 2:.1f}" y="{height - 12}" text-anchor="middle">{escape(chart.x_label)}</text>'
    middle = top + down / 2
    yield (
        f'<text x="16" y="{middle:.1f}" text-anchor="middle" transform="rotate(-90 16 {middle:.1f})">'
        f"{escape(chart.y_label)}</text>"
    )
    for number, (colour, line) in enumerate(zip(COLOURS, chart.lines, strict=False)):
        points = [(at_x(x), at_y(y)) for x, y in line.points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        yield f'<polyline class="line {colour}" points="{path}"/>'
        yield from (f'<circle class="dot {colour}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in points)
        y = TOP + _LEGEND * number
        yield f'<line class="line {colour}" x1="{LEFT}" x2="{LEFT + 22}" y1="{y - 4}" y2="{y - 4}"/>'
        yield f'<text class="name {colour}" x="{LEFT + 30}" y="{y}">{escape(line.name)}</text>'


def _dollars(power: int) -> str:
    return f"${10**power:,}" if power >= 0 else f"${10.0**power:.{-power}f}"
