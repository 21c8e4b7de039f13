"""A matrix of flows between territories: from the rows to the columns, shaded by how much.

In: a frame, a measure, two lists of places, and a value for each pair. Out: the picture and the table behind it. Rules: the number
stands in its cell, on paper, so that shade is only its echo; the picture is as wide as it has columns (class ``picture-wide``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from node.errors import N_
from node.web.pictures.classes import LETTERS_ARE_LIGHT, Classes, classify, fill, legend, patterns, shade_of
from node.web.pictures.measure import Absent, Measure, Value, summary
from node.web.pictures.svg import TEXT_SIZE, WIDTH, Frame, Svg, advance, element, fitted, haloed, label, title
from node.web.pictures.table import Row, Table

_SMALL: Final = 12
_LONGEST: Final = 130
_CELL: Final = 28
_LETTERS: Final = 11
DIRECTION: Final = N_("Da (righe) a (colonne)")


@dataclass(frozen=True, slots=True)
class Flows:
    """Flows from ``origins`` to ``destinations`` (names): ``values`` has a row for each origin."""

    frame: Frame
    measure: Measure
    origins: tuple[str, ...]
    destinations: tuple[str, ...]
    values: tuple[tuple[Value, ...], ...]
    breaks: tuple[int | float | Decimal, ...] = ()

    def __post_init__(self) -> None:
        """Refuse values that are not a row for each origin and in it one for each destination."""
        if not self.origins or not self.destinations:
            raise ValueError("a matrix has rows and columns")
        if [len(row) for row in self.values] != [len(self.destinations)] * len(self.origins):
            raise ValueError("a value for each origin and destination, or why there is none")

    def table_behind(self) -> Table:
        """Return the same values as a table of the same shape."""
        columns = (self.measure.word(DIRECTION), *self.destinations)
        rows = (
            Row(origin, tuple(self.measure.say(value) for value in row))
            for origin, row in zip(self.origins, self.values, strict=True)
        )
        return Table(self.frame.title, columns, tuple(rows))

    def svg(self) -> Svg:
        """Return the matrix, its legend below."""
        flat = tuple(value for row in self.values for value in row)
        classes = classify(flat, self.measure, self.breaks)
        said = max((advance(self.measure.say(v), _LETTERS) for v in flat if not isinstance(v, Absent)), default=0.0)
        cell = max(float(_CELL), said + 6)
        left = max(advance(fitted(name, _LONGEST, _SMALL), _SMALL) for name in self.origins) + 8
        # Column names are turned: their length is the height above the cells.
        top = max(advance(fitted(name, _LONGEST, _SMALL), _SMALL) for name in self.destinations) + 26
        parts = [
            patterns(
                self.frame.ident, {shade_of(v, classes, self.measure) for v in flat} | {s for s, _ in classes.legend}
            ),
            label(self.measure.word(DIRECTION), 2, TEXT_SIZE, font_size=_SMALL, font_weight="bold"),
            *self._names(left, top, cell),
            *self._cells(left, top, cell, classes),
        ]
        key, bottom = legend(self.frame.ident, classes, flat, self.measure, top + cell * len(self.origins) + 10)
        pairs = [
            (f"{o} → {d}", v)
            for o, row in zip(self.origins, self.values, strict=True)
            for d, v in zip(self.destinations, row, strict=True)
        ]
        width = max(float(WIDTH), left + cell * len(self.destinations) + 4)
        return self.frame.around([*parts, key], width, bottom + 4, summary(pairs, self.measure), links=False)

    def _names(self, left: float, top: float, cell: float) -> Iterator[Svg]:
        for i, name in enumerate(self.origins):
            y = top + cell * (i + 0.5) + 4
            yield label(fitted(name, _LONGEST, _SMALL), left - 6, y, text_anchor="end", font_size=_SMALL)
        for i, name in enumerate(self.destinations):
            x, y = left + cell * (i + 0.5) + 4, top - 6
            turned = f"rotate(-90 {x:.1f} {y:.1f})"
            yield label(fitted(name, _LONGEST, _SMALL), x, y, transform=turned, font_size=_SMALL)

    def _cells(self, left: float, top: float, cell: float, classes: Classes) -> Iterator[Svg]:
        """Give the cells, those of a shade together, then their numbers: hundreds of cells say once how they look."""
        cells: dict[int | Absent, list[Svg]] = {}
        texts: dict[bool, list[tuple[str, float, float]]] = {False: [], True: []}
        for i, (origin, row) in enumerate(zip(self.origins, self.values, strict=True)):
            for j, (destination, value) in enumerate(zip(self.destinations, row, strict=True)):
                x, y, said = left + cell * j, top + cell * i, self.measure.say(value)
                told = title(f"{origin} → {destination}: {said}")
                shade = shade_of(value, classes, self.measure)
                cells.setdefault(shade, []).append(element("rect", told, x=x, y=y, width=cell, height=cell))
                if not isinstance(shade, Absent):
                    texts[shade in LETTERS_ARE_LIGHT].append((said, x + cell / 2, y + cell / 2))
        for shade, same in sorted(cells.items(), key=lambda item: str(item[0])):
            yield element("g", *same, stroke_width=1, **fill(self.frame.ident, shade))
        for light, said_at in texts.items():
            yield haloed(said_at, _LETTERS, light=light)
