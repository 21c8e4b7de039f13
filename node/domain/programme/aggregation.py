"""A potential aggregation of firms on its way to a network: its stages, what leads from one to the next, and how it is evaluated.

In: the stage it is at, the step that is wanted with its day and reason, the points of an evaluation. Out: the step, or why it can't be;
a score with its parts. Rules: no stage is skipped; a step's day is not before the last one's and not in the future; whoever drops an
aggregation says why; an evaluation answers the whole checklist, each answer with a reason, and its score is the weighted share of the
points, from 0 to 100, in decimals. Source: docs/programme.md 2. Pure.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Any, Final

from node.domain.folding import fold
from node.domain.network import check_tax_code
from node.domain.programme.session import line, prose
from node.errors import N_, CallerError

NAME_MAX: Final = 200
IDEA_MAX: Final = 4000
REASON_MAX: Final = 1000
FIRMS_MAX: Final = 500


class Stage(StrEnum):
    """Where an aggregation stands."""

    POTENTIAL = "potential"
    EVALUATED = "evaluated"
    ACCOMPANIED = "accompanied"
    SIGNED = "signed"
    REGISTERED = "registered"
    DROPPED = "dropped"


# The way of one that comes to its end.
WAY: Final = (Stage.POTENTIAL, Stage.EVALUATED, Stage.ACCOMPANIED, Stage.SIGNED, Stage.REGISTERED)
STEPS: Final[Mapping[Stage | None, frozenset[Stage]]] = {
    None: frozenset({Stage.POTENTIAL}),
    Stage.POTENTIAL: frozenset({Stage.EVALUATED, Stage.DROPPED}),
    Stage.EVALUATED: frozenset({Stage.ACCOMPANIED, Stage.DROPPED}),
    Stage.ACCOMPANIED: frozenset({Stage.SIGNED, Stage.DROPPED}),
    Stage.SIGNED: frozenset({Stage.REGISTERED, Stage.DROPPED}),
    Stage.REGISTERED: frozenset(),
    Stage.DROPPED: frozenset(),
}
STAGE_TITLES: Final[Mapping[Stage, str]] = {
    Stage.POTENTIAL: N_("aggregazione potenziale"),
    Stage.EVALUATED: N_("valutata"),
    Stage.ACCOMPANIED: N_("accompagnata"),
    Stage.SIGNED: N_("contratto firmato"),
    Stage.REGISTERED: N_("iscritta"),
    Stage.DROPPED: N_("lasciata"),
}


class Answer(StrEnum):
    """What became of an expression of interest."""

    RECEIVED = "received"
    TAKEN_UP = "taken-up"
    DECLINED = "declined"


ANSWER_TITLES: Final[Mapping[Answer, str]] = {
    Answer.RECEIVED: N_("ricevuta"),
    Answer.TAKEN_UP: N_("diventata un'aggregazione"),
    Answer.DECLINED: N_("non accolta"),
}


@dataclass(frozen=True, slots=True)
class Firm:
    """One firm of a group: its tax code may be missing until the contract is signed; ``municipality`` is an ISTAT code."""

    name: str
    tax_code: str = ""
    municipality: str = ""
    municipality_name: str = ""
    province: str = ""
    region: str = ""
    ateco: str = ""
    is_reference: bool = False

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from another firm."""
        return (self.tax_code, "", "") if self.tax_code else ("", fold(self.name), self.province)


@dataclass(frozen=True, slots=True)
class Step:
    """One step that was taken: to which stage, on which day, why."""

    stage: Stage
    on_day: dt.date
    reason: str = ""


def checked_step(stage: Stage | None, since: dt.date | None, step: Step, today: dt.date) -> Step:
    """Return a step that may follow on a stage that was reached on a day. Raises: CallerError(aggregation-step-... ), ``where`` the field."""
    if step.stage not in STEPS[stage]:
        allowed = sorted(STEPS[stage])
        raise CallerError(
            "aggregation-step-bad",
            N_("da «{stage}» non si passa a «{then}»"),
            where="stage",
            hint=N_("passi possibili: {allowed}") if allowed else N_("il percorso di questa aggregazione è finito"),
            stage=str(stage or ""),
            then=str(step.stage),
            allowed=", ".join(allowed),
        )
    if step.on_day > today:
        raise CallerError("aggregation-step-future", N_("il giorno di un passo non è nel futuro"), where="on_day")
    if since is not None and step.on_day < since:
        raise CallerError("aggregation-step-early", N_("il passo prima è del {day}: questo non lo precede"), where="on_day", day=since.isoformat())  # fmt: skip
    reason = prose("reason", step.reason, REASON_MAX, needed=step.stage is Stage.DROPPED)
    return Step(step.stage, step.on_day, reason)


def checked_firms(firms: Iterable[Firm], *, least: int) -> tuple[Firm, ...]:
    """Return a group of firms, exactly one of which is the reference: the first where none was said.

    Raises: CallerError(aggregation-firms-few | aggregation-firms-many | aggregation-firm-repeated | aggregation-references |
    field-... | tax-code-bad), ``where`` ``firms`` with the firm's number.
    """
    found = [_checked_firm(number, firm) for number, firm in enumerate(firms, 1)]
    if len(found) < least:
        raise CallerError("aggregation-firms-few", N_("servono almeno {least} imprese"), where="firms", least=least)
    if len(found) > FIRMS_MAX:
        raise CallerError("aggregation-firms-many", N_("al massimo {most} imprese"), where="firms", most=FIRMS_MAX)
    keys = [firm.key for firm in found]
    if len(set(keys)) < len(keys):
        twice = next(number for number, key in enumerate(keys, 1) if key in keys[: number - 1])
        raise CallerError("aggregation-firm-repeated", N_("la stessa impresa compare due volte: riga {number}"), where="firms", number=twice)  # fmt: skip
    references = [number for number, firm in enumerate(found) if firm.is_reference]
    if len(references) > 1:
        raise CallerError("aggregation-references", N_("l'impresa di riferimento è una sola"), where="firms")
    at = references[0] if references else 0
    return tuple(
        firm if firm.is_reference == (number == at) else _as_reference(firm, is_reference=number == at)
        for number, firm in enumerate(found)
    )


def _as_reference(firm: Firm, *, is_reference: bool) -> Firm:
    return Firm(
        firm.name, firm.tax_code, firm.municipality, firm.municipality_name, firm.province, firm.region, firm.ateco, is_reference
    )  # fmt: skip


def _checked_firm(number: int, firm: Firm) -> Firm:
    try:
        name, code = line("firms", firm.name, needed=True), check_tax_code(firm.tax_code)
    except CallerError as error:
        raise CallerError("aggregation-firm-bad", N_("impresa alla riga {number}: {what}"), where="firms", number=number, what=error.what) from error  # fmt: skip
    return Firm(
        name, code, firm.municipality, firm.municipality_name, firm.province, firm.region, firm.ateco, firm.is_reference
    )


def checked_name(name: str) -> str:
    """Return an aggregation's working name. Raises: CallerError(field-missing | field-too-long)."""
    return line("name", name, NAME_MAX, needed=True)


def checked_idea(idea: str) -> str:
    """Return what an aggregation wants to do together. Raises: CallerError(field-missing | field-too-long)."""
    return prose("idea", idea, IDEA_MAX, needed=True)


# --- evaluation ---

CHECKLIST_VERSION: Final = 1
POINTS_MAX: Final = 5
SCORE_MAX: Final = Decimal(100)
# From this score on the programme advises to accompany; who decides is the officer.
ADVISED_FROM: Final = Decimal(60)
_CENT: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Criterion:
    """One line of the checklist: what is asked, and how much of a hundred it weighs."""

    ident: str
    title: str
    question: str
    weight: int


CHECKLIST: Final = (
    Criterion("complementarity", N_("Complementarità"), N_("Le imprese si completano: ciò che manca a una lo ha un'altra?"), 25),
    Criterion("sector", N_("Settore"), N_("Il settore, o la filiera, è tra quelli su cui il territorio può contare?"), 10),
    Criterion("size", N_("Dimensione"), N_("Numero e dimensione delle imprese bastano per ciò che vogliono fare?"), 10),
    Criterion("innovation", N_("Innovazione"), N_("Il programma porta prodotti o processi nuovi?"), 15),
    Criterion("internationalisation", N_("Internazionalizzazione"), N_("Il programma porta su mercati esteri, a vendere o a produrre?"), 15),
    Criterion("certification", N_("Certificazione"), N_("Le imprese certificano, o certificheranno, processi o prodotti?"), 10),
    Criterion("feasibility", N_("Fattibilità"), N_("Tempi, persone e denaro bastano per arrivare al contratto e al programma?"), 15),
)  # fmt: skip
CRITERIA: Final[Mapping[str, Criterion]] = {criterion.ident: criterion for criterion in CHECKLIST}


@dataclass(frozen=True, slots=True)
class Given:
    """The answer to one line of the checklist: points from 0 to 5, and why."""

    criterion: str
    points: int
    reason: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A whole checklist answered; ``score`` from 0 to 100 with two decimals."""

    answers: tuple[Given, ...]
    conclusion: str
    score: Decimal
    version: int = CHECKLIST_VERSION

    @property
    def advises(self) -> bool:
        """Whether the score says that it is worth accompanying."""
        return self.score >= ADVISED_FROM

    def to_list(self) -> list[dict[str, Any]]:
        """Return the answers as they are kept, each with the part of the score that it gives."""
        return [
            {"criterion": a.criterion, "points": a.points, "part": str(part_of(a.criterion, a.points)), "reason": a.reason}
            for a in self.answers
        ]  # fmt: skip


def part_of(criterion: str, points: int) -> Decimal:
    """Return what some points of one criterion give to the score."""
    return (Decimal(CRITERIA[criterion].weight) * points / POINTS_MAX).quantize(_CENT, ROUND_HALF_UP)


def evaluate(answers: Iterable[Given], conclusion: str) -> Evaluation:
    """Return an evaluation with its score.

    Raises: CallerError(evaluation-incomplete | evaluation-criterion | evaluation-points | evaluation-reason | field-too-long), ``where``
    the criterion.
    """
    found: dict[str, Given] = {}
    for given in answers:
        if given.criterion not in CRITERIA or given.criterion in found:
            raise CallerError("evaluation-criterion", N_("criterio sconosciuto o ripetuto: {criterion}"), where=given.criterion[:60], criterion=given.criterion[:60])  # fmt: skip
        if not 0 <= given.points <= POINTS_MAX:
            raise CallerError("evaluation-points", N_("i punti sono da 0 a {most}"), where=given.criterion, most=POINTS_MAX)  # fmt: skip
        reason = prose(given.criterion, given.reason, REASON_MAX)
        if not reason:
            raise CallerError("evaluation-reason", N_("serve il motivo di questi punti"), where=given.criterion)
        found[given.criterion] = Given(given.criterion, given.points, reason)
    missing = [criterion.ident for criterion in CHECKLIST if criterion.ident not in found]
    if missing:
        raise CallerError("evaluation-incomplete", N_("manca la risposta a: {criteria}"), where=missing[0], criteria=", ".join(missing))  # fmt: skip
    ordered = tuple(found[criterion.ident] for criterion in CHECKLIST)
    score = sum((part_of(given.criterion, given.points) for given in ordered), Decimal(0)).quantize(_CENT)
    return Evaluation(ordered, prose("conclusion", conclusion, REASON_MAX), score)
