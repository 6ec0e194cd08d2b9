"""The chart is XML; its points are where their values are; it has a dark side."""

from xml.etree import ElementTree as ET

import pytest

from ops.cost.svg import BOTTOM, LEFT, RIGHT, Chart, Line, decades, page

SVG = "{http://www.w3.org/2000/svg}"
CHART = Chart(
    "Costs & more", "a note", "x", "y", (1, 10, 100), [Line("falling <fast>", [(1, 10), (10, 1), (100, 0.1)])]
)


def drawn(charts: list[Chart]) -> ET.Element:
    return ET.fromstring(page(charts, "what it is", width=500, height=440))  # noqa: S314 - our own


def test_points_are_where_their_values_are() -> None:
    """Log axes: the middle value of three decades is in the middle; the highest on top, the lowest at the bottom."""
    root = drawn([CHART])
    line = root.find(f".//{SVG}polyline")
    frame = root.find(f".//{SVG}rect[@class='frame']")
    assert line is not None
    assert frame is not None
    (x1, y1), (x2, y2), (x3, y3) = (map(float, pair.split(",")) for pair in line.attrib["points"].split())
    assert (x1, x3) == (LEFT, 500 - RIGHT)
    assert (y1, y3) == (float(frame.attrib["y"]), 440 - BOTTOM)
    assert x2 == pytest.approx((x1 + x3) / 2, abs=0.1)
    assert y2 == pytest.approx((y1 + y3) / 2, abs=0.1)


def test_what_is_written_is_escaped_and_all_there() -> None:
    texts = [text.text for text in drawn([CHART]).iter(f"{SVG}text")]
    assert texts == ["Costs & more", "a note", "$0.1", "$1", "$10", "1", "10", "100", "x", "y", "falling <fast>"]


def test_charts_stand_side_by_side() -> None:
    root = drawn([CHART, CHART])
    assert root.attrib["viewBox"] == "0 0 1000 440"
    assert [group.attrib["transform"] for group in root.iter(f"{SVG}g")] == ["translate(0,0)", "translate(500,0)"]


def test_every_class_that_is_used_has_a_colour_on_light_and_on_dark() -> None:
    text = page([CHART], "what it is")
    style = text[text.index("<style>") : text.index("</style>")]
    light, dark = style.split("@media (prefers-color-scheme: dark)")
    for name in (".ground", ".frame", ".grid", "text", ".quiet", ".line.a", ".dot.a", ".name.a"):
        assert name in light
        assert name in dark


@pytest.mark.parametrize(
    ("values", "powers"),
    [([0.2, 3], (-1, 1)), ([1, 10], (0, 1)), ([5, 5], (0, 1)), ([1], (0, 1)), ([0.001, 1000], (-3, 3))],
    ids=["around", "on", "one", "one on", "many"],
)
def test_the_decades_around_values(values: list[float], powers: tuple[int, int]) -> None:
    assert decades(values) == powers
