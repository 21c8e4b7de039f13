"""Classes of a shaded picture: which numbers share a shade, and shades that differ without colour.

In: numbers and, where classes must stay the same over several pictures, breaks. Out: a class for each number and the words of
its legend. Rules: equal numbers share a class, a greater number never has a lesser class, no class is empty of meaning.
Shades: five, light to dark. Three grounds, each at least 3:1 from the next (WCAG 1.4.11), and between them two that are hatched
in the next ground's colour: neighbouring shades always differ by something of 3:1, in print and for whoever sees no colours.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from node.web.pictures.measure import Absent, Measure, Value, present
from node.web.pictures.svg import DARK, INK, PAPER, WIDTH, Svg, advance, element, heading, label

MOST: Final = 5
LIGHT: Final = "#e6f0fa"
MIDDLE: Final = "#3d86d0"
# Ground, hatching, and the line round an area, by shade. Lines on dark grounds are paper: areas of one shade stay apart.
SHADES: Final = ((LIGHT, "", DARK), (LIGHT, MIDDLE, DARK), (MIDDLE, "", DARK), (MIDDLE, DARK, PAPER), (DARK, "", PAPER))
# Fewer classes than shades take those furthest apart.
_SPREAD: Final = {1: (2,), 2: (0, 4), 3: (0, 2, 4), 4: (0, 1, 2, 4), 5: (0, 1, 2, 3, 4)}
_HATCHES: Final = ("", "M0 0L6 6M-1 5L1 7M5-1L7 1", "", "M0 6L6 0M-1 1L1-1M5 7L7 5M0 0L6 6M-1 5L1 7M5-1L7 1", "")
_SWATCH: Final = 20


@dataclass(frozen=True, slots=True)
class Classes:
    """Classes by their lower bounds: class 0 is below the first, class ``n`` from the ``n``-th bound on."""

    bounds: tuple[Decimal, ...]
    words: tuple[str, ...]

    def of(self, number: Decimal) -> int:
        """Return the class of a number."""
        return bisect_right(self.bounds, number)

    def shade(self, number: Decimal) -> int:
        """Return the shade of a number, an index into SHADES."""
        return _SPREAD[len(self.words)][self.of(number)]

    @property
    def legend(self) -> tuple[tuple[int, str], ...]:
        """Shade and words of each class, least first."""
        return tuple(zip(_SPREAD[len(self.words)], self.words, strict=True)) if self.words else ()


# Shades on which letters are light.
LETTERS_ARE_LIGHT: Final = frozenset({2, 3, 4})


def quantiles(numbers: Sequence[Decimal], most: int = MOST) -> tuple[Decimal, ...]:
    """Return the bounds of at most ``most`` classes of about as many numbers each; few different numbers get a class each.

    Equal numbers stay together; where they are many (zeros, ones), the classes after them share what is left.
    """
    counted = sorted(Counter(numbers).items())
    if len(counted) <= most:
        return tuple(number for number, _ in counted[1:])
    bounds: list[Decimal] = []
    left, filled = len(numbers), 0
    for place, (number, count) in enumerate(counted):
        classes_left = most - len(bounds)
        # A class is closed where it is nearer to its share without the next number than with it, and at the latest where
        # only as many numbers are left as classes.
        full = filled + count / 2 > left / classes_left or len(counted) - place < classes_left
        if filled and classes_left > 1 and full:
            bounds.append(number)
            left, filled = left - filled, 0
        filled += count
    return tuple(bounds)


def classify(values: tuple[Value, ...], measure: Measure, breaks: Sequence[int | float | Decimal] = ()) -> Classes:
    """Return classes by the given breaks, else by quantiles of the values.

    Raises: ValueError when breaks do not rise or are more than four.
    """
    numbers = present(values, measure)
    if breaks:
        bounds = tuple(measure.rounded(b) for b in breaks)
        if len(bounds) >= MOST or any(a >= b for a, b in itertools.pairwise(bounds)):
            raise ValueError(f"breaks rise, and are at most {MOST - 1}: {breaks}")
        said = [measure.say(b) for b in bounds]
        inner = [f"{a} – < {b}" for a, b in itertools.pairwise(said)]
        return Classes(bounds, (f"< {said[0]}", *inner, f"≥ {said[-1]}"))
    if not numbers:
        return Classes((), ())
    bounds = quantiles(numbers)
    members: list[list[Decimal]] = [[] for _ in range(len(bounds) + 1)]
    for number in numbers:
        members[bisect_right(bounds, number)].append(number)
    return Classes(bounds, tuple(_range(min(m), max(m), measure) for m in members))


def _range(least: Decimal, greatest: Decimal, measure: Measure) -> str:
    return measure.say(least) if least == greatest else f"{measure.say(least)} – {measure.say(greatest)}"


def shade_name(ident: str, shade: int | Absent) -> str:
    """Return the identifier of a shade's pattern in one picture."""
    return f"{ident}-{shade}"


def patterns(ident: str, shades: set[int | Absent], scale: float = 1.0) -> Svg:
    """Return the definitions of the shades that a picture uses; ``scale`` is how many of its units a point is."""
    made = []
    for shade in sorted(shades, key=str):
        if isinstance(shade, Absent):
            # Nothing known: paper with dots; withheld: paper with rings. Neither looks like a quantity.
            filled = shade is Absent.UNKNOWN
            mark = element(
                "circle",
                cx=3,
                cy=3,
                r=0.8 if filled else 1.6,
                fill=INK if filled else "none",
                stroke="none" if filled else INK,
                stroke_width=0.6,
            )
            ground = PAPER
        elif _HATCHES[shade]:
            ground, ink, _ = SHADES[shade]
            mark = element("path", d=_HATCHES[shade], stroke=ink, stroke_width=1.6 if shade == 1 else 1.3)
        else:
            continue
        made.append(
            element(
                "pattern",
                element("rect", width=6, height=6, fill=ground),
                mark,
                id=shade_name(ident, shade),
                width=6,
                height=6,
                patternUnits="userSpaceOnUse",
                patternTransform=f"scale({scale:.2f})",
            )
        )
    return element("defs", *made) if made else Svg("")


def fill(ident: str, shade: int | Absent) -> dict[str, str]:
    """Return the attributes that fill an area with a shade and draw a line round it."""
    if isinstance(shade, Absent):
        return {"fill": f"url(#{shade_name(ident, shade)})", "stroke": DARK}
    ground, ink, line = SHADES[shade]
    return {"fill": f"url(#{shade_name(ident, shade)})" if ink else ground, "stroke": line}


def shade_of(value: Value, classes: Classes, measure: Measure) -> int | Absent:
    """Return the shade of a value, or why it has none."""
    return value if isinstance(value, Absent) else classes.shade(measure.rounded(value))


def legend(ident: str, classes: Classes, values: tuple[Value, ...], measure: Measure, top: float) -> tuple[Svg, float]:
    """Return the legend below ``top``, in lines as wide as the picture, and where it ends."""
    absent = sorted({value for value in values if isinstance(value, Absent)})
    entries: list[tuple[int | Absent, str]] = [*classes.legend, *((a, measure.say(a)) for a in absent)]
    head, y = heading(measure.unit, top)
    parts, x = [head], 2.0
    for shade, words in entries:
        wide = _SWATCH + 6 + advance(words) + 14
        if x + wide > WIDTH and x > 2.0:
            x, y = 2.0, y + _SWATCH + 4
        parts.append(element("rect", x=x, y=y, width=_SWATCH, height=15, **fill(ident, shade)))
        parts.append(label(words, x + _SWATCH + 6, y + 12))
        x += wide
    return element("g", *parts), y + _SWATCH + 4
