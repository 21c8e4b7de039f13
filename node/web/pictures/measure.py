"""Numbers as people read them, in one place for a picture and for the table behind it.

In: a value, or the reason why there is none. Out: the number as it is said, and the same number as it is drawn. Rule: what is
drawn is what is said: a value is rounded once, and both come from the rounded one, so no bar is longer than its label tells.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from enum import StrEnum
from typing import Final

from babel.numbers import format_decimal

from node.errors import N_
from node.i18n import translator

LOCALES: Final = {"it": "it_IT", "en": "en_GB"}
# Digits of whatever number: nobody's number, however absurd, may keep a page from being shown.
_DIGITS_MORE: Final = 8
MOST_DECIMALS: Final = 6
NO_BREAK: Final = "\u00a0"


class Absent(StrEnum):
    """Why there is no number: nobody knows it, or telling it would betray somebody."""

    UNKNOWN = "unknown"
    WITHHELD = "withheld"


Value = int | float | Decimal | Absent

_SAID: Final = {Absent.UNKNOWN: N_("nessun dato"), Absent.WITHHELD: N_("non pubblicato")}


@functools.lru_cache(maxsize=8192)
def _number(value: Decimal, language: str, decimals: int) -> str:
    pattern = "#,##0." + "0" * decimals if decimals else "#,##0"
    with localcontext(_exact(value)):
        return format_decimal(value, locale=LOCALES.get(language, LOCALES["it"]), format=pattern)


def _exact(number: Decimal) -> Context:
    return Context(prec=max(number.adjusted(), 0) + MOST_DECIMALS + _DIGITS_MORE)


@dataclass(frozen=True, slots=True)
class Measure:
    """What the numbers of a picture are: in which language they are said, of what (``unit``), how exactly, with which sign."""

    language: str = "it"
    unit: str = ""
    decimals: int = 0
    sign: str = ""

    def rounded(self, value: float | Decimal) -> Decimal:
        """Return the number that is drawn and said, however great it is. Raises: ValueError when it is none."""
        number = Decimal(value)
        if not number.is_finite() or not 0 <= self.decimals <= MOST_DECIMALS:
            raise ValueError(f"no number for a picture: {value!r} with {self.decimals} decimals")
        rounded = number.quantize(Decimal(1).scaleb(-self.decimals), ROUND_HALF_EVEN, _exact(number))
        # Nobody should read "-0".
        return abs(rounded) if rounded.is_zero() else rounded

    def say(self, value: Value) -> str:
        """Return a value in words: 1.234,5 % in Italian, or why there is none."""
        if isinstance(value, Absent):
            return self.word(_SAID[value])
        number = _number(self.rounded(value), self.language, self.decimals)
        # Italian parts a number from its sign, English does not.
        return f"{number}{'' if self.language == 'en' or not self.sign else NO_BREAK}{self.sign}"

    def count(self, number: int) -> str:
        """Return how many there are of something, as a whole number."""
        return _number(Decimal(number), self.language, 0)

    def word(self, message: str) -> str:
        """Return a sentence of the catalogue in this language."""
        return translator(self.language)(message)


def present(values: tuple[Value, ...], measure: Measure) -> list[Decimal]:
    """Return the numbers among values, rounded, in their order."""
    return [measure.rounded(value) for value in values if not isinstance(value, Absent)]


def summary(named: Sequence[tuple[str, Value]], measure: Measure) -> str:
    """Return a picture in one sentence: how many values, which is the greatest and which the least."""
    numbers = [(measure.rounded(value), name) for name, value in named if not isinstance(value, Absent)]
    if not numbers:
        return measure.word(N_("Nessun valore."))
    # The first of equals, in the order of the picture.
    most = max(numbers, key=lambda pair: pair[0])
    least = min(numbers, key=lambda pair: pair[0])
    sentence = measure.word(
        N_("Valori: {count}. Il più alto: {most} ({greatest}). Il più basso: {least} ({smallest}).")
    )
    return sentence.format(
        count=measure.count(len(numbers)),
        most=most[1],
        greatest=measure.say(most[0]),
        least=least[1],
        smallest=measure.say(least[0]),
    )
