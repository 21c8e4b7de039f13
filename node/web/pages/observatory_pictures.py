"""Pictures of the Observatory's tables, each with the table behind it: which ones, the table's dimensions say.

In: a ``Cut`` of one table, words, a measure. Out: drawn pictures. Rules (docs/pages.md): years alone are a line and bars; regions and
provinces a map, whose classes are those of all years together, so that years may be compared; a closed list bars of the chosen
year, and lines of at most six codes; from a territory to another a matrix. What has no outline is in the table, and the picture says how many.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from node.domain.observatory.figures import Cell, Status
from node.domain.territory import PRO, REG
from node.errors import N_
from node.web.pages.observatory_choice import Cut
from node.web.pages.observatory_words import DESTINATION, ORIGIN, PLACELESS, YEAR, Words, value_of
from node.web.pages.shown import Said
from node.web.pictures.bars import Bar, Bars
from node.web.pictures.borders import load_borders
from node.web.pictures.choropleth import AreaValue, Choropleth
from node.web.pictures.classes import quantiles
from node.web.pictures.flows import DIRECTION, Flows
from node.web.pictures.lines import MOST as MOST_LINES
from node.web.pictures.lines import Lines, Series
from node.web.pictures.measure import Absent, Value, present
from node.web.pictures.svg import Frame, Svg

MOST_BARS: Final = 21
_MAPS: Final = {"region": REG, "province": PRO, ORIGIN: REG, DESTINATION: REG}
_OVER_TIME: Final = N_("{title}, nel tempo")
_WHAT: Final = N_("Che cosa si conta")
_ONE_BY_ONE: Final = N_("{title}, uno per uno")
_AGES: Final = N_("{title}, quanto dopo")
_IN_YEAR: Final = N_("{title}, {year}")
_GREATEST: Final = N_("{title}, nel tempo: i primi {count}")
_OUTSIDE: Final = N_("Nella tabella ma non sulla carta, perché senza un luogo: {names}.")
_MORE_BARS: Final = N_("Nella figura i primi {shown} di {all}; gli altri sono nella tabella.")


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a table: what it is about, its code (empty: the code is its name), its cells."""

    head: Said
    code: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Behind:
    """A table of numbers in words; ``columns`` are the heads, the first one that of the rows."""

    caption: str
    columns: tuple[Said, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture, what it is called, what there is to say of it, and the table behind it; ``wide``: it scrolls by itself."""

    ident: str
    title: str
    picture: Svg
    behind: Behind
    note: str = ""

    @property
    def wide(self) -> bool:
        """Tell whether the picture is too wide for a small screen."""
        return "picture-wide" in self.picture.partition(">")[0]


class Draughtsman:
    """Draws one cut of a table."""

    def __init__(self, cut: Cut, words: Words) -> None:
        """Take what is drawn and the words for it."""
        self.cut, self.words = cut, words
        self.measure = words.measure(words.indicator(cut.table.indicator))
        self.title = self._titled(cut.held)

    def _titled(self, held: Mapping[str, str]) -> str:
        title = self.words.title(self.cut.table, self.cut.shown or None)
        names = [self.words.code(ident, code).text for ident, code in held.items()]
        return f"{title}: {', '.join(names)}" if names else title

    def drawn(self) -> tuple[Drawn, ...]:
        """Return all pictures of the cut; none for a table without numbers."""
        if not self.cut.seen():
            return ()
        if not self.cut.shown:
            return self._over_time() if self.cut.axis else (self._alone(),)
        if self.cut.shown == (ORIGIN, DESTINATION):
            return (self._flows(),)
        first = self._map() if self.cut.shown[0] in _MAPS else self._bars()
        return tuple(found for found in (first, self._lines()) if found is not None)

    def _frame(self, kind: str, title: str) -> Frame:
        return Frame(f"{kind}-{self.cut.table.ident}"[:64], title)

    def _timeless(self) -> str:
        return self._titled({ident: code for ident, code in self.cut.held.items() if ident != self.cut.axis})

    def _dated(self) -> str:
        if not self.cut.moment or self.cut.axis != YEAR:
            return self.title
        return self.words.tr(_IN_YEAR).format(title=self.title, year=self.cut.moment)

    def _name(self, ident: str, code: str, cell: Cell | None) -> str:
        """Return a name for a picture, with a word where its number is estimated."""
        name = self.words.code(ident, code).text
        return self.words.estimated(name) if cell is not None and cell.status is Status.ESTIMATED else name

    def _value_column(self) -> Said:
        return Said(self.measure.unit or self.measure.sign or self.words.tr(N_("Valore")))

    def _column(self, caption: str, ident: str, codes: Sequence[str], cell: Callable[[str], Cell | None]) -> Behind:
        lines = tuple(
            Line(self.words.code(ident, code), code, (self.words.say(cell(code), self.measure),)) for code in codes
        )
        return Behind(caption, (Said(self.words.heading(ident)), self._value_column()), lines)

    def _alone(self) -> Drawn:
        """Return the one number of a table without dimensions."""
        cell, head = self.cut.cell(), self.words.tr(self.words.indicator(self.cut.table.indicator).title)
        frame = self._frame("bars", self.title)
        drawn = Bars(frame, self.measure, head, (Bar(head, value_of(cell)),)).svg()
        line = Line(Said(head), "", (self.words.say(cell, self.measure),))
        return Drawn(
            frame.ident,
            self.title,
            drawn,
            Behind(self.title, (Said(self.words.tr(_WHAT)), self._value_column()), (line,)),
        )

    def _over_time(self) -> tuple[Drawn, ...]:
        cut, axis, moments = self.cut, self.cut.axis, self.cut.moments
        behind = self._column(self.title, axis, moments, cut.cell)
        found: list[Drawn] = []
        if len(moments) > 1:
            name = self.words.tr(self.words.indicator(cut.table.indicator).title)
            series = Series(name, tuple(value_of(cut.cell(moment)) for moment in moments))
            points = tuple(self.words.code(axis, moment).text for moment in moments)
            frame, heading = self._frame("lines", self.title), self.words.heading(axis)
            found.append(
                Drawn(frame.ident, self.title, Lines(frame, self.measure, heading, points, (series,)).svg(), behind)
            )
        if len(moments) == 1 or axis == YEAR:
            title = self.words.tr(_ONE_BY_ONE).format(title=self.title)
            frame, heading = self._frame("bars", title), self.words.heading(axis)
            newest = list(reversed(moments))[:MOST_BARS]
            bars = tuple(Bar(self._name(axis, each, cut.cell(each)), value_of(cut.cell(each))) for each in newest)
            drawn = Bars(frame, self.measure, heading, bars).svg()
            found.append(Drawn(frame.ident, title, drawn, behind, self._more(len(moments))))
        return tuple(found)

    def _more(self, count: int) -> str:
        if count <= MOST_BARS:
            return ""
        facts = {"shown": self.measure.count(MOST_BARS), "all": self.measure.count(count)}
        return self.words.tr(_MORE_BARS).format(**facts)

    def _map(self) -> Drawn | None:
        cut, (ident,) = self.cut, self.cut.shown
        borders, level = load_borders(), _MAPS[ident]
        outlines = borders.regions if level == REG else borders.provinces
        codes = self.words.ordered(ident, cut.codes(ident))
        areas = tuple(
            AreaValue(code, self._name(ident, code, cell), value_of(cell))
            for code, cell in ((code, cut.cell(**{ident: code})) for code in codes)
            if code in outlines
        )
        if not areas:
            return self._bars()
        every = [value_of(cell) for cell in cut.seen(always=True) if cell.at[self._at(ident)] in outlines]
        found = Choropleth(self._frame("map", self._dated()), self.measure, level, areas, self.breaks(every))
        outside = [self.words.code(ident, code).text for code in codes if code not in outlines]
        note = self.words.tr(_OUTSIDE).format(names=", ".join(outside)) if outside else ""
        behind = self._column(self._dated(), ident, codes, lambda code: cut.cell(**{ident: code}))
        return Drawn(found.frame.ident, self._dated(), found.svg(), behind, note)

    def _at(self, ident: str) -> int:
        return self.cut.table.dimensions.index(ident)

    def breaks(self, values: Sequence[Value]) -> tuple[Decimal, ...]:
        """Return the bounds that the maps of all years share."""
        return quantiles(present(tuple(values), self.measure))

    def _greatest(self, ident: str, codes: Sequence[str]) -> list[str]:
        """Return codes by their number, the greatest first; those without one last, the order kept among equals."""

        def key(code: str) -> Decimal:
            value = value_of(self.cut.cell(**{ident: code}))
            return Decimal("Infinity") if isinstance(value, Absent) else -Decimal(value)

        return sorted(codes, key=key)

    def _bars(self) -> Drawn:
        cut, (ident,) = self.cut, self.cut.shown
        codes = self.words.ordered(ident, cut.codes(ident))
        parts = [code for code in codes if code not in PLACELESS] or codes
        if self.words.dimension(ident).kind in ("sector", "territory", "body"):
            parts = self._greatest(ident, parts)
        cells = {code: cut.cell(**{ident: code}) for code in parts[:MOST_BARS]}
        bars = tuple(Bar(self._name(ident, code, cell), value_of(cell)) for code, cell in cells.items())
        found = Bars(self._frame("bars", self._dated()), self.measure, self.words.heading(ident), bars)
        behind = self._column(self._dated(), ident, codes, lambda code: cut.cell(**{ident: code}))
        return Drawn(found.frame.ident, self._dated(), found.svg(), behind, self._more(len(parts)))

    def _lines(self) -> Drawn | None:
        """Return lines over time of at most six codes: all of a short list, else those with the greatest numbers now."""
        cut, (ident,) = self.cut, self.cut.shown
        if len(cut.moments) < 2:
            return None
        codes = self.words.ordered(ident, cut.codes(ident, always=True))
        if self.words.dimension(ident).kind == "age":
            # What ages is followed: a line for each of some beginnings, over the years after.
            return self._crossed(_AGES, (ident, codes), (cut.axis, _apart(cut.moments, MOST_LINES)))
        parts, message = [code for code in codes if code not in PLACELESS] or codes, _OVER_TIME
        if len(parts) > MOST_LINES:
            parts, message = self._greatest(ident, parts)[:MOST_LINES], _GREATEST
        return self._crossed(message, (cut.axis, cut.moments), (ident, parts))

    def _crossed(self, message: str, over: tuple[str, Sequence[str]], series: tuple[str, Sequence[str]]) -> Drawn:
        """Return lines over the codes of one dimension, one for each code of another."""
        (along, points), (ident, codes) = over, series

        def cell(point: str, code: str) -> Cell | None:
            at = {along: point, ident: code}
            moment = at.pop(self.cut.axis)
            return self.cut.cell(moment, **at)

        # Whose time is a day or a beginning held it to one; lines show all of them.
        title = self.words.tr(message).format(title=self._timeless(), count=self.measure.count(len(codes)))
        found = Lines(
            self._frame("lines", title),
            self.measure,
            self.words.heading(along),
            tuple(self.words.code(along, point).text for point in points),
            tuple(
                Series(self.words.code(ident, code).text, tuple(value_of(cell(point, code)) for point in points))
                for code in codes
            ),
        )
        columns = (Said(self.words.heading(along)), *(self.words.code(ident, code) for code in codes))
        lines = tuple(
            Line(
                self.words.code(along, point),
                point,
                tuple(self.words.say(cell(point, code), self.measure) for code in codes),
            )
            for point in points
        )
        return Drawn(found.frame.ident, title, found.svg(), Behind(title, columns, lines))

    def _flows(self) -> Drawn:
        cut = self.cut
        sides = {ident: self.words.ordered(ident, cut.codes(ident)) for ident in (ORIGIN, DESTINATION)}
        inner = {ident: [code for code in codes if code not in PLACELESS] or codes for ident, codes in sides.items()}
        names = {ident: tuple(self.words.code(ident, code).text for code in codes) for ident, codes in inner.items()}
        values = tuple(
            tuple(value_of(cut.cell(origin=origin, destination=to)) for to in inner[DESTINATION])
            for origin in inner[ORIGIN]
        )
        title = self._dated()
        found = Flows(self._frame("flows", title), self.measure, names[ORIGIN], names[DESTINATION], values)
        columns = (Said(self.words.tr(DIRECTION)), *(self.words.code(DESTINATION, code) for code in sides[DESTINATION]))
        lines = tuple(
            Line(
                self.words.code(ORIGIN, origin),
                origin,
                tuple(
                    self.words.say(cut.cell(origin=origin, destination=to), self.measure) for to in sides[DESTINATION]
                ),
            )
            for origin in sides[ORIGIN]
        )
        return Drawn(found.frame.ident, title, found.svg(), Behind(title, columns, lines))


def _apart(codes: Sequence[str], most: int) -> tuple[str, ...]:
    """Return at most so many codes, evenly apart, the first and the last among them."""
    if len(codes) <= most:
        return tuple(codes)
    return tuple(codes[place * (len(codes) - 1) // (most - 1)] for place in range(most))
