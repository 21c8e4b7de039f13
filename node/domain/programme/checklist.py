"""What a network contract has to say by law, point by point: what the register knows of it, what an officer wrote, what is missing.

In: a network's record, its objectives with their measures, the texts that the office wrote for single points. Out: the points in the
order of the law, each with facts and with what is still missing. Rules: a point that only some contracts need (fund, body) is asked
for where the network has it; a text of the office fills a point that the register says nothing of; nothing is ever invented.
Source: decree-law 5/2009 (converted by law 33/2009), article 3, paragraph 4-ter, letters a-f; docs/rules.md F.1. Pure.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Final

from node.domain.network import Member, NetworkRecord
from node.errors import N_

POINTS: Final[Mapping[str, tuple[str, str]]] = {
    # key: (letter, title)
    "parties": ("a", N_("Nome della rete e imprese che ne fanno parte")),
    "objectives": ("b", N_("Obiettivi strategici di innovazione e di crescita")),
    "measurement": ("b", N_("Come si misura l'avanzamento verso gli obiettivi")),
    "programme": ("c", N_("Programma di rete")),
    "rights": ("c", N_("Diritti e obblighi di ogni impresa")),
    "fund": ("c", N_("Fondo comune: conferimenti")),
    "fund-rules": ("c", N_("Fondo comune: come si gestisce")),
    "duration": ("d", N_("Durata del contratto")),
    "joining": ("d", N_("Come entrano altre imprese")),
    "body": ("e", N_("Organo comune")),
    "body-powers": ("e", N_("Organo comune: poteri e sostituzione")),
    "decisions": ("f", N_("Come le imprese decidono")),
}


class Standing(StrEnum):
    """How a point stands."""

    # By the register; by a text of the office; not yet; not asked for by this contract.
    PRESENT = "present"
    DRAFTED = "drafted"
    MISSING = "missing"
    NOT_NEEDED = "not-needed"


@dataclass(frozen=True, slots=True)
class Objective:
    """A strategic objective with how its progress is measured."""

    text: str
    measure: str = ""
    target: str = ""
    due_on: dt.date | None = None


@dataclass(frozen=True, slots=True)
class Lack:
    """What is missing: a sentence (a catalogue id) with what it speaks of."""

    message: str
    about: str = ""


@dataclass(frozen=True, slots=True)
class Point:
    """One point of the contract."""

    key: str
    letter: str
    title: str
    standing: Standing
    # Texts as the register has them, in the words that go into a draft.
    facts: tuple[str, ...]
    lacks: tuple[Lack, ...]
    clause: str


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a network: nothing of its record where it is still an aggregation."""

    record: NetworkRecord | None
    objectives: tuple[Objective, ...] = ()
    clauses: Mapping[str, str] = field(default_factory=dict)


Found = tuple[Iterable[str], Iterable[Lack]]
UNSAID: Final = Lack(N_("il registro delle reti non lo dice: scriverne il testo"))


def points(known: Known) -> tuple[Point, ...]:
    """Return every point of the contract as it stands."""
    return tuple(_point(key, known) for key in POINTS)


def is_complete(found: Iterable[Point]) -> bool:
    """Tell whether nothing that the contract needs is missing."""
    return all(point.standing is not Standing.MISSING for point in found)


def _point(key: str, known: Known) -> Point:
    letter, title = POINTS[key]
    clause = known.clauses.get(key, "")
    record = known.record
    if record is None:
        facts, lacks = [], [UNSAID]
    elif not _is_needed(key, record):
        return Point(key, letter, title, Standing.NOT_NEEDED, (), (), clause)
    else:
        said, wanting = _OF[key](record, known.objectives)
        facts, lacks = list(said), list(wanting)
    standing = Standing.PRESENT if not lacks else Standing.DRAFTED if clause else Standing.MISSING
    return Point(key, letter, title, standing, tuple(facts), tuple(lacks), clause)


def _is_needed(key: str, record: NetworkRecord) -> bool:
    if key in ("fund", "fund-rules"):
        return record.has_common_fund
    if key in ("body", "body-powers"):
        return record.has_common_body
    return True


def present(record: NetworkRecord) -> tuple[Member, ...]:
    """Return the members of today."""
    return tuple(member for member in record.members if member.left_on is None)


def _parties(record: NetworkRecord, _: Sequence[Objective]) -> Found:
    lacks = [
        Lack(message, member.firm.name)
        for member in present(record)
        for message, text in (
            (N_("manca il codice fiscale di {about}"), member.firm.tax_code),
            (N_("manca la sede di {about}"), member.firm.municipality_name or member.firm.municipality),
        )
        if not text
    ]
    if len({member.firm.key for member in present(record)}) < 2:
        lacks.append(Lack(N_("servono almeno due imprese")))
    return [record.name, *(_party(member) for member in present(record))], lacks


def _party(member: Member) -> str:
    firm = member.firm
    seat = " ".join(
        filter(None, (firm.municipality_name or firm.municipality, f"({firm.province})" if firm.province else ""))
    )
    told = (
        firm.name,
        f"con sede in {seat}" if seat else "",
        f"codice fiscale {firm.tax_code}" if firm.tax_code else "",
    )
    return ", ".join(filter(None, told))


def _objectives(record: NetworkRecord, objectives: Sequence[Objective]) -> Found:
    texts = [item.text for item in objectives] or list(record.objectives)
    return texts, [] if texts else [Lack(N_("mancano gli obiettivi strategici"))]


def _measurement(record: NetworkRecord, objectives: Sequence[Objective]) -> Found:
    facts = [_measured(item) for item in objectives if item.measure]
    without = [item.text for item in objectives if not item.measure] if objectives else list(record.objectives)
    lacks = [Lack(N_("manca come si misura: {about}"), text) for text in without]
    return facts, lacks if lacks or facts else [UNSAID]


def _measured(item: Objective) -> str:
    told = (
        f"{item.text}: {item.measure}",
        f"traguardo {item.target}" if item.target else "",
        f"entro il {item.due_on:%d/%m/%Y}" if item.due_on else "",
    )
    return ", ".join(filter(None, told))


def _programme(record: NetworkRecord, _: Sequence[Objective]) -> Found:
    text = record.programme
    return ([text], []) if text else ([], [Lack(N_("manca il programma di rete"))])


def _unsaid(_: NetworkRecord, __: Sequence[Objective]) -> Found:
    return [], [UNSAID]


def _fund(record: NetworkRecord, _: Sequence[Objective]) -> Found:
    facts, lacks = [], []
    if record.initial_fund is None:
        lacks.append(Lack(N_("manca l'importo iniziale del fondo")))
    else:
        facts.append(f"Fondo patrimoniale comune iniziale: {euro(record.initial_fund)}")
    for member in present(record):
        if member.contribution is None:
            lacks.append(Lack(N_("manca il conferimento di {about}"), member.firm.name))
        else:
            facts.append(f"{member.firm.name}: {euro(member.contribution)}")
    return facts, lacks


def euro(amount: Decimal) -> str:
    """Return an amount as Italian contracts write it."""
    whole, cents = f"{amount:,.2f}".split(".")
    return f"{whole.replace(',', '.')},{cents} euro"


def _duration(record: NetworkRecord, _: Sequence[Objective]) -> Found:
    if record.end_on is None:
        return [], [Lack(N_("manca la fine del contratto"))]
    begins = f"dal {record.start_on:%d/%m/%Y} " if record.start_on else ""
    return [f"Il contratto dura {begins}fino al {record.end_on:%d/%m/%Y}."], []


def _joining(record: NetworkRecord, _: Sequence[Objective]) -> Found:
    if not record.open_to_new_members:
        return ["La rete non è aperta a nuove adesioni."], []
    return ["La rete è aperta a nuove adesioni."], [Lack(N_("manca come entrano altre imprese: scriverne il testo"))]


def _body(record: NetworkRecord, _: Sequence[Objective]) -> Found:
    lacks = [
        Lack(message)
        for message, text in (
            (N_("manca che organo comune è"), record.common_body_kind),
            (N_("manca chi è l'organo comune"), record.common_body_holder),
        )
        if not text
    ]
    told = ": ".join(filter(None, (record.common_body_kind, record.common_body_holder)))
    return [told] if told else [], lacks


_OF: Final[Mapping[str, Callable[[NetworkRecord, Sequence[Objective]], Found]]] = {
    "parties": _parties,
    "objectives": _objectives,
    "measurement": _measurement,
    "programme": _programme,
    "rights": _unsaid,
    "fund": _fund,
    "fund-rules": _unsaid,
    "duration": _duration,
    "joining": _joining,
    "body": _body,
    "body-powers": _unsaid,
    "decisions": _unsaid,
}
