"""Lines over time (or any other order): several series, told apart by dash and mark before colour, each named at its end.

In: a frame, a measure, the points' names and the series. Out: the picture and the table behind it. Rules: the axis begins at zero
unless told otherwise; where a value is absent the line has a gap; every point tells its value.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from node.web.pictures.measure import Absent, Measure, Value, present, summary
from node.web.pictures.svg import INK, PAPER, WIDTH, Frame, Svg, advance, element, fitted, heading, label, title
from node.web.pictures.table import Row, Table

MOST: Final = 6
_DASHES: Final = ("", "7 3", "2 2", "9 3 2 3", "5 5", "1 4")
_COLOURS: Final = ("#00264d", "#a8330a", "#00635a", "#6a1b9a", "#7a5200", "#3f3f3f")
# Around the point 0 0; odd ones are hollow, so that marks differ by filling too.
_MARKS: Final = (
    "M-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0z",
    "M-3-3H3V3H-3z",
    "M0-4L4 3H-4z",
    "M0-4.5L4 0L0 4.5L-4 0z",
    "M0 4L4-3H-4z",
    "M-3.5-1.2H-1.2V-3.5H1.2V-1.2H3.5V1.2H1.2V3.5H-1.2V1.2H-3.5z",
)
# From a number of the axis to its line, and from there to the first point: a mark is 4.5 wide on either side.
_APART: Final = 8
_MARK: Final = 5
_TALL: Final = 210
_SMALL: Final = 12
_NAMES: Final = 116


def ticks(least: Decimal, greatest: Decimal, finest: Decimal, most: int = 6) -> tuple[Decimal, ...]:
    """Return at most ``most`` round numbers, evenly apart, around both ends; none finer than ``finest``."""
    span = max(greatest - least, finest)
    power = Decimal(1).scaleb((span / (most - 1)).adjusted())
    step = next(
        s
        for s in (power * m for m in (1, 2, 5, 10, 20, 50, 100))
        if s >= finest and (greatest / s).__ceil__() - (least / s).__floor__() < most
    )
    first, last = (least / step).__floor__(), max((greatest / step).__ceil__(), (least / step).__floor__() + 1)
    return tuple(step * n for n in range(first, last + 1))


@dataclass(frozen=True, slots=True)
class Series:
    """One line: its name, and a value for each point."""

    name: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class _Plot:
    """Where things stand: the rectangle of the lines, and the ends of its axis."""

    left: float
    right: float
    top: float
    bottom: float
    ticks: tuple[Decimal, ...]
    points: int
    axis: Measure

    def x(self, number: int) -> float:
        """Return where the ``number``-th point stands; a single one in the middle."""
        if self.points == 1:
            return (self.left + self.right) / 2
        first = self.left + _MARK
        return first + (self.right - first) * number / (self.points - 1)

    def y(self, value: Decimal) -> float:
        """Return how high a value stands."""
        part = (value - self.ticks[0]) / (self.ticks[-1] - self.ticks[0])
        return self.bottom - float(part) * (self.bottom - self.top)


@dataclass(frozen=True, slots=True)
class Lines:
    """Up to six series over the same points; ``over`` says what the points are and heads the table's first column."""

    frame: Frame
    measure: Measure
    over: str
    points: tuple[str, ...]
    series: tuple[Series, ...]
    from_zero: bool = True

    def __post_init__(self) -> None:
        """Refuse more series than there are marks, and series that do not fit the points."""
        if not self.points or not 0 < len(self.series) <= MOST:
            raise ValueError(f"lines have points, and from one to {MOST} series")
        if any(len(series.values) != len(self.points) for series in self.series):
            raise ValueError("each series has a value for each point, or says why there is none")

    def table_behind(self) -> Table:
        """Return the same values as a table: a row for each point, a column for each series."""
        rows = (
            Row(point, tuple(self.measure.say(series.values[i]) for series in self.series))
            for i, point in enumerate(self.points)
        )
        unit = f" ({self.measure.unit})" if self.measure.unit else ""
        return Table(self.frame.title, (self.over, *(f"{s.name}{unit}" for s in self.series)), tuple(rows))

    def svg(self) -> Svg:
        """Return the lines with their axes, names at the right; names too long for it are repeated whole below."""
        plot = self._plot()
        parts = [*self._axes(plot)]
        parts.append(heading(self.measure.unit, 0)[0])
        for number, series in enumerate(self.series):
            parts.append(element("g", *self._line(number, series, plot), fill=_COLOURS[number]))
        parts += self._names(plot)
        bottom = plot.bottom + 24
        for number, series in enumerate(self.series):
            if fitted(series.name, _NAMES, _SMALL) != series.name:
                bottom += 18
                parts.append(_named(number, fitted(series.name, WIDTH - 24), 8, bottom))
        named = [(f"{s.name}, {p}", v) for s in self.series for p, v in zip(self.points, s.values, strict=True)]
        return self.frame.around(parts, WIDTH, bottom + 8, summary(named, self.measure), links=False)

    def _plot(self) -> _Plot:
        numbers = present(tuple(v for series in self.series for v in series.values), self.measure)
        ends = [*numbers, Decimal(0)] if self.from_zero or not numbers else numbers
        scale = ticks(min(ends), max(ends), Decimal(1).scaleb(-self.measure.decimals))
        # No more decimals than the axis needs, whatever the points have.
        needed = max(-int(t.normalize().as_tuple().exponent) for t in scale)
        axis = replace(self.measure, decimals=min(max(0, needed), self.measure.decimals))
        left = max(advance(axis.say(t), _SMALL) for t in scale) + _APART
        names = max(advance(fitted(s.name, _NAMES, _SMALL), _SMALL) for s in self.series) + 24
        top = heading(self.measure.unit, 0)[1] + 10
        return _Plot(left, WIDTH - names, top, top + _TALL, scale, len(self.points), axis)

    def _axes(self, plot: _Plot) -> Iterator[Svg]:
        for tick in plot.ticks:
            y = plot.y(tick)
            yield element("path", d=f"M{plot.left:.1f} {y:.1f}H{plot.right:.1f}", stroke="#c5ccd3", stroke_width=0.8)
            yield label(plot.axis.say(tick), plot.left - 6, y + 4, text_anchor="end", font_size=_SMALL)
        yield element("path", d=f"M{plot.left:.1f} {plot.bottom:.1f}H{plot.right:.1f}", stroke=INK, stroke_width=1)
        widest = max(advance(point, _SMALL) for point in self.points) + 8
        room = (plot.right - plot.left) / max(len(self.points) - 1, 1)
        # Counted from the last: the newest is always named.
        every = max(1, -int(-widest // room))
        for i in range(len(self.points) - 1, -1, -every):
            half = advance(self.points[i], _SMALL) / 2
            x = min(max(plot.x(i), half), WIDTH - half)
            yield label(self.points[i], x, plot.bottom + 16, text_anchor="middle", font_size=_SMALL)

    def _line(self, number: int, series: Series, plot: _Plot) -> Iterator[Svg]:
        d, pen = "", "M"
        marks = []
        for i, value in enumerate(series.values):
            told = title(f"{series.name}, {self.points[i]}: {self.measure.say(value)}")
            if isinstance(value, Absent):
                pen = "M"
                # A gap is told where it is: at the foot, without a mark of a quantity.
                marks.append(
                    element(
                        "rect",
                        told,
                        x=plot.x(i) - 3,
                        y=plot.bottom - 3,
                        width=6,
                        height=6,
                        fill="none",
                        pointer_events="all",
                    )
                )
                continue
            x, y = plot.x(i), plot.y(self.measure.rounded(value))
            d += f"{pen}{x:.1f} {y:.1f}"
            pen = "L"
            marks.append(element("g", told, _mark(number), transform=f"translate({x:.1f} {y:.1f})"))
        dash = {"stroke_dasharray": _DASHES[number]} if _DASHES[number] else {}
        if d:
            yield element("path", d=d, fill="none", stroke=_COLOURS[number], stroke_width=2, **dash)
        yield from marks

    def _names(self, plot: _Plot) -> Iterator[Svg]:
        """Give the names at the ends of their lines, moved apart where they would cover each other."""
        ends = []
        for number, series in enumerate(self.series):
            last = next((v for v in reversed(series.values) if not isinstance(v, Absent)), None)
            ends.append((plot.bottom if last is None else plot.y(self.measure.rounded(last)), number))
        ends.sort()
        lowest = plot.bottom - 14 * (len(ends) - 1)
        at = plot.top - 14
        for place, (y, number) in enumerate(ends):
            at = max(at + 14, min(y, lowest + 14 * place))
            yield _named(number, fitted(self.series[number].name, _NAMES, _SMALL), plot.right + 11, at)


def _mark(number: int) -> Svg:
    hollow = {"fill": PAPER} if number % 2 else {"fill": _COLOURS[number]}
    return element("path", d=_MARKS[number], stroke=_COLOURS[number], stroke_width=1.2, **hollow)


def _named(number: int, name: str, x: float, y: float) -> Svg:
    sample = element("g", _mark(number), transform=f"translate({x:.1f} {y:.1f})")
    return element("g", sample, label(name, x + 8, y + 4, font_size=_SMALL), fill=_COLOURS[number])
