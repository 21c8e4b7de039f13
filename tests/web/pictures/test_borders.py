"""The outlines: one for each area the reference knows, neighbours without gaps, small, and of known origin."""

from __future__ import annotations

import json
import re
from collections import Counter
from importlib import resources

import pytest

from node.domain.territory import PRO
from node.store.reference import OLD_NAMES, load_territories
from node.web.pictures.borders import Shape, load_borders

FOLDER = resources.files("node").joinpath("web/pictures")
Point = tuple[int, int]


def rings(path: str) -> list[list[Point]]:
    """The points of each ring of a path."""
    found = []
    for x, y, steps in re.findall(r"M(\d+) (\d+)l([^z]*)z", path):
        numbers = [int(n) for n in re.findall(r"-?\d+", steps)]
        ring = [(int(x), int(y))]
        for dx, dy in zip(numbers[::2], numbers[1::2], strict=True):
            ring.append((ring[-1][0] + dx, ring[-1][1] + dy))
        found.append(ring)
    return found


def edges(shape: Shape) -> Counter[frozenset[Point]]:
    """How often an outline goes along each edge, in either direction."""
    return Counter(frozenset((r[i - 1], r[i])) for r in rings(shape.path) for i in range(len(r)))


def area(path: str) -> float:
    """The square kilometres inside a path whose rings are islands or holes of little weight."""
    return sum(abs(sum(r[i - 1][0] * r[i][1] - r[i][0] * r[i - 1][1] for i in range(len(r)))) / 2 for r in rings(path))


def test_every_region_and_every_province_of_today_has_exactly_one_outline() -> None:
    """And no outline is of anything else; provinces of the past have none, they lead to today's."""
    territories, borders = load_territories(), load_borders()
    assert sorted(borders.regions) == sorted(r.code for r in territories.regions)
    assert sorted(borders.provinces) == sorted(p.code for p in territories.provinces)
    for old in OLD_NAMES:
        assert old not in borders.provinces
        assert territories.current(old)
        assert set(territories.current(old)) <= set(borders.provinces)
    raw = json.loads(FOLDER.joinpath("borders.json").read_bytes())
    assert [len(raw["regions"]), len(raw["provinces"])] == [len(borders.regions), len(borders.provinces)]


@pytest.mark.parametrize("region", [r.code for r in load_territories().regions])
def test_a_region_s_outline_is_its_provinces_without_what_they_share(region: str) -> None:
    """Neighbours share every point of their border: nothing gapes and nothing overlaps, but for slivers of the source."""
    territories, borders = load_territories(), load_borders()
    own = sum(
        (edges(borders.provinces[code]) for code in territories.children(region)),
        Counter[frozenset[Point]](),
    )
    odd = {edge for edge, times in own.items() if times % 2}
    outline = {edge for edge, times in edges(borders.regions[region]).items() if times % 2}
    assert outline <= odd
    assert len(odd - outline) <= 6


def test_regions_have_the_size_that_geographers_give_them() -> None:
    """The projection keeps areas: within a fiftieth, for some of the largest and smallest."""
    borders = load_borders()
    known = {
        "ITC4": 23_864,
        "ITG1": 25_832,
        "ITG2": 24_100,
        "ITC1": 25_387,
        "ITF2": 4_461,
        "ITC2": 3_261,
        "ITF4": 19_541,
    }
    for code, square_km in known.items():
        assert area(borders.regions[code].path) == pytest.approx(square_km, rel=0.02), code


def test_labels_stand_on_their_area() -> None:
    """Each point is inside its own outline and in no other's of the level."""
    borders = load_borders()
    for shapes in (borders.regions, borders.provinces):
        for shape in shapes.values():
            around = [other.code for other in shapes.values() if inside(other, shape.x + 0.01, shape.y + 0.007)]
            assert around == [shape.code]


def inside(shape: Shape, x: float, y: float) -> bool:
    """Whether a point is inside an outline (even-odd)."""
    crossed = 0
    for ring in rings(shape.path):
        for i in range(len(ring)):
            (ax, ay), (bx, by) = ring[i - 1], ring[i]
            if (ay > y) != (by > y) and x < (bx - ax) * (y - ay) / (by - ay) + ax:
                crossed += 1
    return crossed % 2 == 1


def test_outlines_stay_in_the_map_and_the_file_small() -> None:
    """Both levels together take a fraction of what a page may weigh."""
    borders = load_borders()
    points = [p for s in (*borders.regions.values(), *borders.provinces.values()) for r in rings(s.path) for p in r]
    assert min(x for x, _ in points) == min(y for _, y in points) == 0
    assert (max(x for x, _ in points), max(y for _, y in points)) == (borders.width, borders.height)
    assert len(FOLDER.joinpath("borders.json").read_bytes()) < 50_000


def test_the_source_and_its_licence_are_named_beside_the_file() -> None:
    """ISTAT's data ask for it, and so does who prepared them."""
    notice = FOLDER.joinpath("NOTICE").read_text(encoding="utf-8")
    assert all(word in notice for word in ("ISTAT", "openpolis", "CC-BY", "What was changed"))
    assert "CC-BY-4.0" in json.loads(FOLDER.joinpath("borders.json").read_bytes())["licence"]


def test_sardinia_has_its_eight_provinces_of_today() -> None:
    """No boundary file of the source has them: they are made of municipalities."""
    siglas = {a.code for a in load_territories().provinces if a.parent == "ITG2" and a.level == PRO}
    assert siglas == {"SS", "NU", "CA", "OR", "OT", "OG", "VS", "CI"}
    assert siglas <= set(load_borders().provinces)
