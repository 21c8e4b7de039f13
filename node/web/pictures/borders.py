"""The outlines of Italy's regions and provinces, read once from borders.json (made by tools/borders.py; sources in NOTICE)."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType
from typing import Final

from node.errors import N_

ATTRIBUTION: Final = N_("Confini: ISTAT, CC-BY 4.0, semplificati")


@dataclass(frozen=True, slots=True)
class Shape:
    """One area: where its label stands and its outline, in kilometres from the map's upper left corner."""

    code: str
    x: int
    y: int
    path: str


@dataclass(frozen=True, slots=True)
class Borders:
    """The map: its size in kilometres; regions by NUTS2, provinces of today by sigla."""

    width: int
    height: int
    regions: Mapping[str, Shape]
    provinces: Mapping[str, Shape]


@functools.cache
def load_borders() -> Borders:
    """Return the outlines that come with this package."""
    read = json.loads(resources.files("node").joinpath("web/pictures/borders.json").read_bytes())
    regions, provinces = (
        MappingProxyType({code: Shape(code, x, y, path) for code, x, y, path in read[level]})
        for level in ("regions", "provinces")
    )
    return Borders(read["width"], read["height"], regions, provinces)
