"""What the participants of an edition thought of it, told so that nobody's answers can be told from it.

In: the answers of one edition, each a number from 1 to 5 for each question, without names. Out: what is released, once. Rules (docs/rules.md
S): below three answers nothing is told, not even how many there were; a mean is told by half points and never at the ends of the scale, where
it would say what everybody answered; how many were dissatisfied, undecided, satisfied is told where at least two of the three groups are not
empty and each of these has three answers or more. No breakdown by territory, firm or day: two tables laid over each other would
be a finer one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from node.errors import N_, CallerError

THRESHOLD: Final = 3
LOWEST, HIGHEST = 1, 5
VERSION: Final = "1"
QUESTIONS: Final[Mapping[str, str]] = {
    "contents": N_("Gli argomenti erano quelli che servivano?"),
    "teaching": N_("Le spiegazioni erano chiare?"),
    "materials": N_("I materiali sono stati utili?"),
    "organisation": N_("Sede, orari e organizzazione erano adatti?"),
    "use": N_("Quello che ha imparato le servirà nella sua rete?"),
}
_HALF: Final = Decimal("0.5")
_ENDS: Final = (Decimal("1.5"), Decimal("4.5"))
_BANDS: Final = ((1, 2), (3, 3), (4, 5))


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of one question: the mean by half points; the three groups, None where they are withheld."""

    question: str
    mean: Decimal
    bands: tuple[int, int, int] | None


@dataclass(frozen=True, slots=True)
class Result:
    """What is released of an edition; ``answers`` 0 and nothing in ``told``: fewer than three answers, nobody learns how many."""

    answers: int
    told: tuple[Told, ...]


def checked(answers: Sequence[int]) -> tuple[int, ...]:
    """Return one participant's answers in the order of the questions. Raises: CallerError(questionnaire-bad)."""
    good = [type(value) is int and LOWEST <= value <= HIGHEST for value in answers]
    if len(answers) != len(QUESTIONS) or not all(good):
        raise CallerError(
            "questionnaire-bad",
            N_("serve una risposta da {low} a {high} per ciascuna delle {count} domande"),
            low=LOWEST,
            high=HIGHEST,
            count=len(QUESTIONS),
        )
    return tuple(answers)


def release(given: Sequence[Sequence[int]]) -> Result:
    """Return what may be told of all answers of an edition."""
    if len(given) < THRESHOLD:
        return Result(0, ())
    return Result(
        len(given), tuple(_told(name, [answers[at] for answers in given]) for at, name in enumerate(QUESTIONS))
    )


def _told(question: str, values: Sequence[int]) -> Told:
    mean = Decimal(sum(values)) / len(values)
    halves = (mean / _HALF).quantize(Decimal(1), rounding=ROUND_HALF_EVEN) * _HALF
    groups = [sum(low <= value <= high for value in values) for low, high in _BANDS]
    filled = [count for count in groups if count]
    may = len(filled) > 1 and min(filled) >= THRESHOLD
    low, middle, high = groups
    return Told(question, min(max(halves, _ENDS[0]), _ENDS[1]), (low, middle, high) if may else None)
