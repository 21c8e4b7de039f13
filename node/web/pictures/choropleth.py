"""A map of Italy whose regions or provinces are shaded by a number.

In: a frame, a measure, a level and its areas. Out: the picture and the table behind it. Rules: every area that is given is in
both; an area that has no outline is refused (an old province is first led to today's: Territories.current); outlines that are
not given stay white, as land that is not spoken of. On regions the number itself is written, provinces are too small for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from node.domain.territory import PRO, REG
from node.errors import N_
from node.web.pictures.borders import ATTRIBUTION, Shape, load_borders
from node.web.pictures.classes import LETTERS_ARE_LIGHT, Classes, classify, fill, legend, patterns, shade_of
from node.web.pictures.measure import Absent, Measure, Value, summary
from node.web.pictures.svg import PAPER, WIDTH, Frame, Svg, element, haloed, label, linked, title
from node.web.pictures.table import Row, Table

_MARGIN: Final = 6
_SMALL: Final = 10
_LETTERS: Final = 11
_COLUMN: Final = {REG: N_("Regione"), PRO: N_("Provincia")}


@dataclass(frozen=True, slots=True)
class AreaValue:
    """What is said of one area: its code (NUTS2 or sigla), its name, its value, where it leads (empty: nowhere)."""

    code: str
    name: str
    value: Value
    href: str = ""


@dataclass(frozen=True, slots=True)
class Choropleth:
    """A map of regions (level REG) or provinces (PRO); ``breaks`` keep the classes the same over several maps."""

    frame: Frame
    measure: Measure
    level: str
    areas: tuple[AreaValue, ...]
    breaks: tuple[int | float | Decimal, ...] = ()

    def __post_init__(self) -> None:
        """Refuse levels without a map, areas without an outline, and areas given twice."""
        if self.level not in _COLUMN:
            raise ValueError(f"there are maps of regions and of provinces, not of {self.level!r}")
        codes = [area.code for area in self.areas]
        if unknown := sorted({code for code in codes if code not in self._shapes}):
            raise ValueError(f"no outline at level {self.level}: {', '.join(unknown)}")
        if len(set(codes)) != len(codes):
            raise ValueError("an area is given twice")

    @property
    def _shapes(self) -> Mapping[str, Shape]:
        borders = load_borders()
        return borders.regions if self.level == REG else borders.provinces

    @property
    def _values(self) -> tuple[Value, ...]:
        return tuple(area.value for area in self.areas)

    def table_behind(self) -> Table:
        """Return the same values as a table, in the given order."""
        columns = (self.measure.word(_COLUMN[self.level]), self.measure.unit or self.measure.word(N_("Valore")))
        rows = (Row(area.name, (self.measure.say(area.value),), area.href) for area in self.areas)
        return Table(self.frame.title, columns, tuple(rows))

    def svg(self) -> Svg:
        """Return the map with its legend below."""
        ident, borders = self.frame.ident, load_borders()
        scale = (WIDTH - 2 * _MARGIN) / borders.width
        classes = classify(self._values, self.measure, self.breaks)
        used = {shade_of(value, classes, self.measure) for value in self._values} | {s for s, _ in classes.legend}
        land = element(
            "g",
            *self._background(),
            *(self._area(area, classes) for area in self.areas),
            *(self._numbers(classes, 1 / scale) if self.level == REG else ()),
            transform=f"translate({_MARGIN} {_MARGIN}) scale({scale:.4f})",
            stroke_width=1.8,
            stroke_linejoin="round",
            fill_rule="evenodd",
        )
        key, bottom = legend(ident, classes, self._values, self.measure, borders.height * scale + 3 * _MARGIN)
        source = label(self.measure.word(ATTRIBUTION), 2, bottom + _SMALL, font_size=_SMALL)
        told = summary([(area.name, area.value) for area in self.areas], self.measure)
        body = (patterns(ident, used), patterns(f"{ident}-map", used, 1 / scale), land, key, source)
        return self.frame.around(body, WIDTH, bottom + 2 * _SMALL, told, links=any(a.href for a in self.areas))

    def _background(self) -> Iterator[Svg]:
        given = {area.code for area in self.areas}
        rest = "".join(shape.path for code, shape in self._shapes.items() if code not in given)
        if rest:
            yield element("path", d=rest, fill=PAPER, stroke="#5c6f82")

    def _area(self, area: AreaValue, classes: Classes) -> Svg:
        told = f"{area.name}: {self.measure.say(area.value)}"
        # The map is drawn in kilometres, its legend in points: each has hatches that look the same in the end.
        shaded = fill(f"{self.frame.ident}-map", shade_of(area.value, classes, self.measure))
        outline = element("path", title(told), d=self._shapes[area.code].path, **shaded)
        return linked(area.href, told, outline)

    def _numbers(self, classes: Classes, point: float) -> Iterator[Svg]:
        for light in (False, True):
            texts = []
            for area in self.areas:
                shade = shade_of(area.value, classes, self.measure)
                if not isinstance(shade, Absent) and (shade in LETTERS_ARE_LIGHT) is light:
                    shape = self._shapes[area.code]
                    texts.append((self.measure.say(area.value), float(shape.x), float(shape.y)))
            yield haloed(texts, _LETTERS * point, light=light)
