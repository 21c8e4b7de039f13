"""What each kind of picture keeps by itself: maps, bars, lines, flows."""

from __future__ import annotations

import itertools
import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures_made import SVG, read, region_map, texts

from node.domain.territory import PRO, REG, RIP
from node.web.pictures.bars import Bar, Bars
from node.web.pictures.choropleth import AreaValue, Choropleth
from node.web.pictures.flows import Flows
from node.web.pictures.lines import Lines, Series, ticks
from node.web.pictures.measure import Absent, Measure
from node.web.pictures.svg import Frame
from node.web.pictures.table import Row, Table

FRAME = Frame("a", "Prova")
WHOLE = Measure()
ONE = Decimal(1)


def test_an_area_without_an_outline_is_refused() -> None:
    """A value that the table shows and the picture does not would be two stories: an old province is led to today's first."""
    with pytest.raises(ValueError, match="no outline at level PRO: SU"):
        Choropleth(FRAME, WHOLE, PRO, (AreaValue("SU", "Sud Sardegna", 1),))
    with pytest.raises(ValueError, match="twice"):
        Choropleth(FRAME, WHOLE, REG, (AreaValue("ITF4", "Puglia", 1), AreaValue("ITF4", "Puglia", 2)))
    with pytest.raises(ValueError, match="RIP"):
        Choropleth(FRAME, WHOLE, RIP, ())


def test_land_that_is_not_spoken_of_is_drawn_white() -> None:
    """One area given: the others are one outline without a word."""
    root = read(Choropleth(FRAME, WHOLE, REG, (AreaValue("ITF4", "Puglia", 7),)).svg())
    land = root.findall(f"{SVG}g/{SVG}path")
    assert [path.get("fill") == "#ffffff" for path in land] == [True, False]
    assert [[t.text for t in path] for path in land] == [[], ["Puglia: 7"]]


def test_a_map_names_its_source() -> None:
    """The licence of the outlines asks for it."""
    assert any("ISTAT, CC-BY" in text for text in texts(region_map().svg()))


def test_a_legend_tells_every_class_and_every_reason() -> None:
    """Also that there is nothing to tell."""
    told = texts(region_map().svg())
    assert {"Reti", "nessun dato", "non pubblicato", "0 – 873"} <= told


@given(st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=12))
def test_bars_are_as_long_as_their_numbers(numbers: list[int]) -> None:
    """From one zero, to the side of their sign, in one proportion; nothing that is not zero is invisible."""
    root = read(Bars(FRAME, WHOLE, "x", tuple(Bar(str(n), n) for n in numbers)).svg())
    lengths = [float(rect.get("width", 0)) for rect in root.iter(f"{SVG}rect")]
    drawn = [n for n in numbers if n]
    assert len(lengths) == len(drawn)
    assert all(length >= 1 for length in lengths)
    longest = max((abs(n) for n in drawn), default=1)
    for number, length in zip(drawn, lengths, strict=True):
        assert length == pytest.approx(max(1.0, max(lengths) * abs(number) / longest), abs=0.02)


def test_a_bar_may_lead_somewhere() -> None:
    """Then picture and table lead to the same place."""
    made = Bars(FRAME, WHOLE, "x", (Bar("a", 1, "?a=1"), Bar("b", 2)))
    (link,) = read(made.svg()).iter(f"{SVG}a")
    assert (link.get("href"), "".join(link.itertext())) == ("?a=1", "a 1")
    assert [row.href for row in made.table_behind().rows] == ["?a=1", ""]


@given(st.decimals(-(10**9), 10**9, places=3), st.decimals(0, 10**9, places=3), st.integers(0, 3))
def test_ticks_are_few_round_and_around_both_ends(least: Decimal, span: Decimal, decimals: int) -> None:
    """Evenly apart by 1, 2 or 5 times a power of ten, none finer than the measure tells."""
    greatest, finest = least + span, ONE.scaleb(-decimals)
    made = ticks(least, greatest, finest)
    assert made[0] <= least <= greatest <= made[-1]
    assert 2 <= len(made) <= 7
    steps = {b - a for a, b in itertools.pairwise(made)}
    assert len(steps) == 1
    step = steps.pop()
    assert step >= finest
    assert re.fullmatch("[125]0*", str(int(step.scaleb(12))))


@given(st.lists(st.lists(st.integers(0, 1000), min_size=2, max_size=2), min_size=1, max_size=6))
def test_names_at_the_ends_of_lines_do_not_cover_each_other(values: list[list[int]]) -> None:
    """They stand a line apart, however near the lines end, and inside the picture."""
    series = tuple(Series(f"linea {i}", tuple(v)) for i, v in enumerate(values))
    root = read(Lines(FRAME, WHOLE, "Anno", ("2023", "2024"), series).svg())
    height = float((root.get("viewBox") or "").split()[3])
    ends = sorted(float(t.get("y", 0)) for t in root.iter(f"{SVG}text") if (t.text or "").startswith("linea"))
    assert len(ends) == len(values)
    assert all(b - a >= 13.9 for a, b in itertools.pairwise(ends))
    assert 0 < ends[0] <= ends[-1] < height


def test_lines_are_told_apart_without_colour() -> None:
    """Six dashes and six marks, no two alike."""
    series = tuple(Series(str(i), (i, i + 1)) for i in range(6))
    root = read(Lines(FRAME, WHOLE, "Anno", ("a", "b"), series).svg())
    groups = [g for g in root.findall(f"{SVG}g") if g.find(f"{SVG}path[@stroke-width='2']") is not None]
    lines = [g.find(f"{SVG}path") for g in groups]
    assert len({line.get("stroke-dasharray") for line in lines if line is not None}) == 6
    assert len({g.find(f"{SVG}g/{SVG}path").get("d") for g in groups}) == 6  # type: ignore[union-attr]


def test_an_absent_value_breaks_the_line_and_says_so() -> None:
    """No point is drawn between, and none is guessed."""
    made = Lines(FRAME, WHOLE, "Anno", ("a", "b", "c"), (Series("x", (1, Absent.UNKNOWN, 3)),))
    line = next(p.get("d") or "" for p in read(made.svg()).iter(f"{SVG}path") if p.get("stroke-width") == "2")
    assert (line.count("M"), line.count("L")) == (2, 0)
    assert "x, b: nessun dato" in texts(made.svg())


def test_a_point_at_the_end_of_an_axis_touches_no_number() -> None:
    """A share that begins at 100 %: between the number and the mark is room."""
    made = Lines(FRAME, Measure(sign="%"), "Anni", ("0", "1"), (Series("x", (100, 90)),)).svg()
    top = next(text for text in read(made).iter(f"{SVG}text") if text.text == "100\u00a0%")
    first = next(p.get("d") or "" for p in read(made).iter(f"{SVG}path") if p.get("stroke-width") == "2")
    x, y = map(float, first.removeprefix("M").partition("L")[0].split())
    assert y == pytest.approx(float(top.get("y") or 0) - 4)
    assert x - 4.5 > float(top.get("x") or 0) + 5


def test_a_long_name_is_whole_below_and_an_axis_may_begin_elsewhere() -> None:
    """At the end of its line it is cut."""
    name = "Provincia autonoma di Bolzano/Bozen"
    made = Lines(FRAME, WHOLE, "Anno", ("a",), (Series(name, (1000,)),), from_zero=False)
    assert {name, "Provincia autono…"} <= texts(made.svg())
    assert "0" not in texts(made.svg())


def test_lines_that_fit_no_points_are_refused() -> None:
    """Also none at all, and more than there are marks."""
    for points, series in ((("a",), ()), ((), (Series("x", ()),)), (("a",), (Series("x", (1, 2)),))):
        with pytest.raises(ValueError, match=r"points|value"):
            Lines(FRAME, WHOLE, "Anno", points, series)
    with pytest.raises(ValueError, match="6"):
        Lines(FRAME, WHOLE, "Anno", ("a",), (Series("x", (1,)),) * 7)


def test_flows_have_the_shape_of_their_places() -> None:
    """A row for each origin, a cell for each destination; the whole country's is wide and says so."""
    with pytest.raises(ValueError, match="origin"):
        Flows(FRAME, WHOLE, ("a", "b"), ("c",), ((1,),))
    with pytest.raises(ValueError, match="rows"):
        Flows(FRAME, WHOLE, (), ("c",), ())
    places = tuple(f"r{n}" for n in range(21))
    wide = Flows(FRAME, WHOLE, places, places, tuple(tuple(range(21)) for _ in places))
    assert read(wide.svg()).get("class") == "picture picture-wide"


def test_a_table_has_no_ragged_rows() -> None:
    """A cell under the wrong head would be a wrong number."""
    with pytest.raises(ValueError, match="columns"):
        Table("x", ("a", "b"), (Row("c", ("1", "2")),))


def test_an_axis_tells_no_more_decimals_than_it_needs() -> None:
    """Whole steps are whole; halves keep their decimal, whatever the points have."""
    for values, words in (((0, 4), {"0", "4"}), ((0, 1), {"0,0", "0,2", "1,0"})):
        made = Lines(FRAME, Measure("it", decimals=2), "Anno", ("a", "b"), (Series("x", values),))
        axis = {t.text for t in read(made.svg()).iter(f"{SVG}text") if t.get("text-anchor") == "end"}
        assert words <= axis
