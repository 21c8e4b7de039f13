"""Points of the evaluators, and the order that follows from them.

In: the call's criteria and the sheets of an application. Out: its points, exact until they are rounded once, half to even, to two
digits; the order of applications. Rules: an evaluator's total is the sum over the criteria of weight x points / scale, an
application's the mean of its evaluators' totals; equal rounded points are parted by the call's tie rules, of which the last is the
number under which it arrived, so that no two applications are ever equal and no order depends on how they were handed in.
Pure. Source: PROTOCOL 14.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Any, Final

from node.domain.programme.call import ARRIVAL, BY_SCORE, CRITERION_TIE, Call
from node.errors import N_, CallerError

REASON_LONGEST: Final = 1000
_POINTS: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,2})?")
_CENT: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Sheet:
    """What one evaluator gave, by criterion; ``by`` names the evaluator to nobody but the office."""

    by: str
    points: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Entry:
    """An application that takes part, as it is ranked."""

    application_id: str
    office: str
    protocol: str
    arrived: dt.datetime
    requested: Decimal
    sheets: tuple[Sheet, ...] = ()


def points_of(call: Call, told: Mapping[str, Any]) -> dict[str, Decimal]:
    """Return the points of a sheet, one for each criterion. Raises: CallerError(score-bad)."""
    if told.keys() != {criterion.code for criterion in call.criteria}:
        raise CallerError("score-bad", N_("serve un punteggio per ogni criterio del bando"), where="points")
    found = {}
    for code, value in told.items():
        text = str(value).strip().replace(",", ".")
        if not _POINTS.fullmatch(text) or Decimal(text) > call.scale:
            raise CallerError(
                "score-bad", N_("i punti vanno da 0 a {scale}, con due decimali al più"), where=code, scale=call.scale
            )
        found[code] = Decimal(text).quantize(_CENT)
    return found


def reasons_of(call: Call, told: Mapping[str, Any]) -> dict[str, str]:
    """Return why each criterion has its points. Raises: CallerError(score-reason-bad)."""
    found = {criterion.code: " ".join(str(told.get(criterion.code, "")).split()) for criterion in call.criteria}
    for code, text in found.items():
        if not text or len(text) > REASON_LONGEST:
            raise CallerError(
                "score-reason-bad", N_("ogni punteggio vuole una motivazione, di {longest} caratteri al più"), where=code,
                longest=REASON_LONGEST,
            )  # fmt: skip
    return found


def rounded(value: Fraction) -> Decimal:
    """Return a number of points rounded half to even to two digits, from its exact value."""
    # Python rounds a fraction half to even, and exactly.
    return Decimal(round(value * 100)).scaleb(-2).quantize(_CENT, ROUND_HALF_EVEN)


def exact_total(call: Call, sheets: Sequence[Sheet]) -> Fraction:
    """Return the exact mean of the evaluators' totals, 0 to 100."""
    total = sum(
        (Fraction(criterion.weight) * Fraction(sheet.points[criterion.code]) / call.scale
         for sheet in sheets for criterion in call.criteria),
        Fraction(),
    )  # fmt: skip
    return total / len(sheets)


def total(call: Call, sheets: Sequence[Sheet]) -> Decimal:
    """Return an application's points."""
    return rounded(exact_total(call, sheets))


def is_complete(call: Call, entry: Entry) -> bool:
    """Tell whether as many evaluators as the call asks for have given their points, each once."""
    return len({sheet.by for sheet in entry.sheets}) == len(entry.sheets) >= call.evaluators


def ordered(call: Call, entries: Iterable[Entry]) -> list[tuple[Entry, Decimal | None]]:
    """Return applications in the order of the call's mode, each with its points (None where nobody gives any).

    What is below a threshold is in the list all the same, where its points put it; by arrival they put it nowhere.
    Raises: CallerError(scores-missing).
    """
    found = list(entries)
    if not call.is_scored:
        return [(entry, None) for entry in sorted(found, key=_arrival)]
    for entry in found:
        if not is_complete(call, entry):
            raise CallerError(
                "scores-missing", N_("la domanda {id} non ha ancora i punti di {count} valutatori"),
                id=entry.application_id, count=call.evaluators,
            )  # fmt: skip
    points = {entry.application_id: total(call, entry.sheets) for entry in found}
    if call.mode == BY_SCORE:
        found.sort(key=lambda one: (-points[one.application_id], *(_tie(rule, one) for rule in call.ties)))
    else:
        found.sort(key=_arrival)
    return [(entry, points[entry.application_id]) for entry in found]


def _arrival(entry: Entry) -> tuple[dt.datetime, str, str]:
    return (entry.arrived, entry.office, entry.protocol)


def _tie(rule: str, entry: Entry) -> Any:
    if rule.startswith(CRITERION_TIE):
        code = rule.removeprefix(CRITERION_TIE)
        return -sum((Fraction(sheet.points[code]) for sheet in entry.sheets), Fraction()) / len(entry.sheets)
    return entry.arrived if rule == ARRIVAL else (entry.office, entry.protocol)
