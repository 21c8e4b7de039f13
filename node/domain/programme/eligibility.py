"""Whether an application may take part: every reason against it, by a stable code.

In: the call, how it stands, and what the office knows of the network and of the aid its firms have had. Out: the reasons, none for an
application that takes part. Rules: all reasons are told at once, in one order; the ceiling is of each single undertaking, over the aid
of the years before the day of arrival and its part of what is asked; a network takes part once, and its first application stands.
Pure. Source: PROTOCOL 14; Regulation (EU) 2023/2831, art. 2(2) and 3.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from node.domain.programme.call import ANNOUNCED, OPEN, Call, Standing
from node.errors import N_

EARLY, LATE, NOT_ENDORSED = "call-not-yet-open", "application-late", "call-not-endorsed"
DUPLICATE, OVER_CEILING = "application-duplicate", "application-over-ceiling"
FEW, MANY, ELSEWHERE, KIND = (
    "application-few-members",
    "application-many-members",
    "application-territory",
    "application-kind",
)
AMOUNT, DOCUMENTS, PARTS = "application-amount", "application-documents-missing", "application-undertakings-wrong"
REASONS: Final[Mapping[str, str]] = {
    NOT_ENDORSED: N_("il bando non è approvato nello stesso testo da tutti gli enti"),
    EARLY: N_("il bando non è ancora aperto"),
    LATE: N_("la domanda è arrivata dopo la scadenza"),
    DUPLICATE: N_("la rete ha già una domanda in questo bando"),
    OVER_CEILING: N_("un'impresa unica supererebbe il massimale de minimis"),
    FEW: N_("la rete ha meno imprese di quante il bando ne chiede"),
    MANY: N_("la rete ha più imprese di quante il bando ne ammette"),
    ELSEWHERE: N_("nessuna impresa della rete è nel territorio del bando"),
    KIND: N_("il bando non ammette questo genere di rete"),
    AMOUNT: N_("l'importo chiesto è nullo o supera il contributo massimo"),
    DOCUMENTS: N_("mancano documenti chiesti dal bando"),
    PARTS: N_("le parti delle imprese uniche non danno l'importo chiesto"),
}


@dataclass(frozen=True, slots=True)
class Aid:
    """De minimis aid that a single undertaking was granted on a day."""

    granted_on: dt.date
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Undertaking:
    """A single undertaking: the tax code of whoever stands at its head, its part of what is asked, and what it had before."""

    code: str
    part: Decimal
    aids: tuple[Aid, ...] = ()


@dataclass(frozen=True, slots=True)
class Applicant:
    """What is judged of an application."""

    kind: str
    members: int
    provinces: frozenset[str]
    requested: Decimal
    documents: frozenset[str]
    undertakings: tuple[Undertaking, ...]


def years_before(day: dt.date, years: int) -> dt.date:
    """Return the same day of an earlier year; the last of February for a day that year has not."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)


def over_ceiling(call: Call, undertakings: Iterable[Undertaking], day: dt.date) -> list[str]:
    """Return the codes of undertakings whose aid, with their part, is above the ceiling on a day; one told twice counts as one."""
    since = years_before(day, call.rules.years)
    total: dict[str, Decimal] = defaultdict(Decimal)
    for one in undertakings:
        total[one.code] += one.part
        total[one.code] += sum((aid.amount for aid in one.aids if since < aid.granted_on <= day), Decimal())
    return sorted(code for code, amount in total.items() if amount > call.rules.ceiling)


def reasons_against(
    call: Call, standing: Standing, applicant: Applicant, arrived: dt.datetime, *, has_applied: bool
) -> tuple[str, ...]:
    """Return every reason why an application does not take part, in the order of REASONS."""
    rules = call.rules
    has_parts = bool(applicant.undertakings) and all(one.part >= 0 for one in applicant.undertakings)
    total = sum((one.part for one in applicant.undertakings), Decimal())
    wrong = {
        NOT_ENDORSED: not standing.is_endorsed,
        EARLY: standing.is_endorsed and arrived < call.opens,
        LATE: arrived >= call.closes,
        DUPLICATE: has_applied,
        OVER_CEILING: bool(over_ceiling(call, applicant.undertakings, arrived.date())),
        FEW: applicant.members < rules.members_min,
        MANY: 0 < rules.members_max < applicant.members,
        ELSEWHERE: bool(rules.provinces) and applicant.provinces.isdisjoint(rules.provinces),
        KIND: applicant.kind not in rules.kinds,
        AMOUNT: not 0 < applicant.requested <= call.max_grant,
        DOCUMENTS: not applicant.documents.issuperset(rules.documents),
        PARTS: not has_parts or total != applicant.requested,
    }
    return tuple(code for code in REASONS if wrong[code])


@dataclass(frozen=True, slots=True)
class Arrival:
    """When and where an application came, and of which network it is, by a key that every office knows alike."""

    application_id: str
    network: str
    arrived: dt.datetime
    office: str
    protocol: str


def repeated(arrivals: Collection[Arrival]) -> frozenset[str]:
    """Return which of the applications that take part are a network's second, over all offices: the first to arrive stands."""
    firsts: set[str] = set()
    again = set()
    for one in sorted(arrivals, key=lambda one: (one.arrived, one.office, one.protocol)):
        if one.network in firsts:
            again.add(one.application_id)
        firsts.add(one.network)
    return frozenset(again)


def is_taking(standing: Standing) -> bool:
    """Tell whether a call takes applications now, or is about to."""
    return standing.state in (ANNOUNCED, OPEN)


def told(reasons: Sequence[str]) -> list[str]:
    """Return the sentences (catalogue ids) of reasons."""
    return [REASONS[code] for code in reasons]
