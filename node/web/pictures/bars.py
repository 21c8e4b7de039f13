"""Horizontal bars: a name, a bar from zero, its number at the end.

In: a frame, a measure, what the bars are of, and the bars. Out: the picture and the table behind it. Rules: bars begin at zero,
those below zero go to the left; names stand above their bars, whole, however narrow the screen.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from node.errors import N_
from node.web.pictures.classes import MIDDLE
from node.web.pictures.measure import Absent, Measure, Value, present, summary
from node.web.pictures.svg import (
    DARK,
    INK,
    LINE,
    TEXT_SIZE,
    WIDTH,
    Frame,
    Svg,
    advance,
    element,
    heading,
    label,
    linked,
    title,
)
from node.web.pictures.table import Row, Table

_BAR: Final = 14
_GAP: Final = 8
_LONGEST: Final = 46


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its name, its value, where it leads (empty: nowhere)."""

    name: str
    value: Value
    href: str = ""


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars in the given order; ``kind`` says what they are of and heads the table's first column."""

    frame: Frame
    measure: Measure
    kind: str
    bars: tuple[Bar, ...]

    def table_behind(self) -> Table:
        """Return the same values as a table, in the given order."""
        columns = (self.kind, self.measure.unit or self.measure.word(N_("Valore")))
        rows = (Row(bar.name, (self.measure.say(bar.value),), bar.href) for bar in self.bars)
        return Table(self.frame.title, columns, tuple(rows))

    def svg(self) -> Svg:
        """Return the bars, one below the other."""
        numbers = [float(n) for n in present(tuple(bar.value for bar in self.bars), self.measure)]
        least, greatest = min([0.0, *numbers]), max([0.0, *numbers])
        widest = max((advance(self.measure.say(bar.value)) for bar in self.bars), default=0.0)
        scale = (WIDTH - 4 - 6 - widest) / ((greatest - least) or 1.0)
        zero = 2 - least * scale
        head, y = heading(self.measure.unit, 2.0)
        parts = [head]
        for bar in self.bars:
            lines = textwrap.wrap(bar.name, _LONGEST) or [""]
            said = self.measure.say(bar.value)
            # The link is named by what is written on it; the title stands outside, or it would be read too.
            drawn = linked(bar.href, "", *self._drawn(bar, lines, y, zero, scale))
            parts.append(element("g", title(f"{bar.name}: {said}"), drawn))
            y += LINE * len(lines) + _BAR + _GAP
        described = summary([(bar.name, bar.value) for bar in self.bars], self.measure)
        return self.frame.around(parts, WIDTH, y + 2, described, links=any(bar.href for bar in self.bars))

    def _drawn(self, bar: Bar, lines: list[str], y: float, zero: float, scale: float) -> Iterator[Svg]:
        for number, line in enumerate(lines):
            # The space at the end is not seen; whoever hears the link hears words and number apart.
            yield label(f"{line} ", 2, y + LINE * number + TEXT_SIZE)
        y += LINE * len(lines)
        length = 0.0 if isinstance(bar.value, Absent) else float(self.measure.rounded(bar.value)) * scale
        if length:
            # Nothing that is not zero looks like zero.
            wide = max(abs(length), 1.0)
            left = zero if length > 0 else zero - wide
            yield element("rect", x=left, y=y, width=wide, height=_BAR, fill=MIDDLE, stroke=DARK, stroke_width=0.8)
        yield element("path", d=f"M{zero:.1f} {y - 2:.0f}v{_BAR + 4}", stroke=INK, stroke_width=1)
        yield label(self.measure.say(bar.value), zero + max(length, 0.0) + 4, y + _BAR - 3, font_weight="bold")
