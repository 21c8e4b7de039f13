"""Announcements in words: what a reader of the catalogue sees of each kind, in the reader's language.

In: items of the catalogue, and a language. Out: plain texts, which templates escape; nothing in them becomes a link. A kind that says more has its
function in ``DETAILS``: facts for the table, then longer texts under headings of their own.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

from node.domain.programme.announcement import (
    CALL,
    COURSE,
    KIND_TITLES,
    LINE_TITLES,
    SERVICE,
    SESSION,
    STATE_TITLES,
    State,
)
from node.errors import N_
from node.flows.programme.catalogue import Item
from node.i18n import day as say_day
from node.web.catalogue import PAGES
from node.web.pages.shown import Reader, Said

MODE_TITLES: Final[Mapping[str, str]] = {
    "score": N_("a punteggio"),
    "arrival": N_("in ordine di arrivo"),
    "mixed": N_("mista: soglia di punteggio, poi ordine di arrivo"),
}
STATE_BADGES: Final[Mapping[State, str]] = {
    State.OPEN: "success",
    State.UPCOMING: "primary",
    State.CLOSED: "secondary",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One fact: what it is called, and what it says."""

    name: str
    text: Said


@dataclass(slots=True)
class Detail:
    """What a kind alone says: facts, and texts under headings."""

    rows: list[Row] = field(default_factory=list)
    texts: list[Row] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Shown:
    """One item as a card and as a page show it."""

    item: Item
    href: str
    title: Said
    summary: Said
    kind: str
    state: str
    badge: str
    body: str
    regions: str
    days: tuple[Row, ...]


FILTER_TITLES: Final[Mapping[str, str]] = {
    "kind": N_("Che cos'è"),
    "line": N_("Linea di assistenza"),
    "region": N_("Regione"),
    "owner": N_("Ente"),
    "state": N_("Stato"),
    "from": N_("Dal giorno"),
    "until": N_("Al giorno"),
}


def chosen(reader: Reader, parameters: Mapping[str, str], members: Mapping[str, str]) -> list[tuple[str, Said]]:
    """Return the filters of a question to the catalogue, in words; its own words are not among them."""
    regions = {region.code: region.name for region in reader.reference.territories.regions}
    known: Mapping[str, Callable[[str], str]] = {
        "kind": lambda value: reader.tr(KIND_TITLES.get(value, value)),
        "line": lambda value: reader.tr(LINE_TITLES.get(value, value)),
        "region": lambda value: regions.get(value, value),
        "owner": lambda value: members.get(value, value),
        "state": lambda value: next(
            (reader.tr(title) for state, title in STATE_TITLES.items() if state == value), value
        ),
    }
    return [
        (reader.tr(title), Said(known[name](parameters[name]) if name in known else parameters[name]))
        for name, title in FILTER_TITLES.items()
        if name in parameters
    ]


def href(item_id: str, owner: str, ending: str = "") -> str:
    """Return where an announcement's page is; the owner tells apart logs that hold the same identifier."""
    return f"{PAGES}/{item_id}{ending}?{urlencode({'owner': owner})}"


def shown(reader: Reader, item: Item, members: Mapping[str, str]) -> Shown:
    """Return an item in words."""
    made = item.announcement
    names = {region.code: region.name for region in reader.reference.territories.regions}
    return Shown(
        item=item,
        href=href(item.id, item.owner),
        title=reader.said(made.title),
        summary=reader.said(made.summary),
        kind=reader.tr(KIND_TITLES[made.kind]),
        state=reader.tr(STATE_TITLES[item.state]),
        badge=STATE_BADGES[item.state],
        body=members.get(item.owner, item.owner),
        regions=", ".join(names.get(code, code) for code in made.regions) or reader.tr(N_("tutta Italia")),
        days=_days(reader, item),
    )


def _days(reader: Reader, item: Item) -> tuple[Row, ...]:
    made = item.announcement
    begins = N_("Si apre") if made.kind == CALL else N_("Quando") if made.kind == SESSION else N_("Comincia")
    told = ((begins, made.begins), (N_("Finisce"), made.ends), (N_("Scadenza"), made.deadline))
    return tuple(Row(reader.tr(name), Said(say_day(day, reader.language))) for name, day in told if day is not None)


def detail(reader: Reader, item: Item) -> Detail:
    """Return what an item's kind alone says."""
    told = Detail()
    DETAILS.get(item.announcement.kind, _nothing)(reader, item.announcement.detail, told)
    return told


def _nothing(reader: Reader, said: Mapping[str, Any], told: Detail) -> None:
    pass


def _row(reader: Reader, told: Detail, name: str, text: str) -> None:
    if text:
        told.rows.append(Row(reader.tr(name), Said(text)))


def _text(reader: Reader, told: Detail, name: str, texts: Any) -> None:
    said = reader.said(texts)
    if said.text:
        told.texts.append(Row(reader.tr(name), said))


def _place(reader: Reader, said: Mapping[str, Any]) -> str:
    area = reader.reference.territories.area(said.get("municipality", ""))
    place = f"{said['place']}, {area.name}" if area else str(said["place"])
    return f"{place} ({reader.tr(N_('anche in linea'))})" if said.get("online") else place


def _amount(reader: Reader, text: str) -> str:
    whole, _, cents = text.partition(".")
    grouped = f"{int(whole):,}".replace(",", "." if reader.language == "it" else ",")
    return f"{grouped}{',' if reader.language == 'it' else '.'}{cents} €"


def _session(reader: Reader, said: Mapping[str, Any], told: Detail) -> None:
    _row(reader, told, N_("Ora"), said["hour"])
    _row(reader, told, N_("Luogo"), _place(reader, said))
    _row(reader, told, N_("Posti"), str(said["seats"]))
    _row(reader, told, N_("Costo"), reader.tr(N_("gratuito")))
    _text(reader, told, N_("Come iscriversi"), said["how"])


def _service(reader: Reader, said: Mapping[str, Any], told: Detail) -> None:
    _row(reader, told, N_("Linea di assistenza"), reader.tr(LINE_TITLES[said["line"]]))
    free = said["cost"] == "free"
    _row(reader, told, N_("Costo"), reader.tr(N_("gratuito")) if free else _amount(reader, said["cost"]))
    _text(reader, told, N_("In che cosa consiste"), said["description"])
    _text(reader, told, N_("Come chiederlo"), said["how"])


def _call(reader: Reader, said: Mapping[str, Any], told: Detail) -> None:
    _row(reader, told, N_("Emanato da"), ", ".join(said["issuers"]))
    _row(reader, told, N_("Modalità"), reader.tr(MODE_TITLES[said["mode"]]))
    _row(reader, told, N_("Dotazione"), _amount(reader, said["budget"]))
    for criterion in said["criteria"]:
        title = reader.said(criterion["title"])
        told.rows.append(Row(reader.tr(N_("Criterio")), Said(f"{title.text}: {criterion['weight']}", title.lang)))
    _text(reader, told, N_("Chi può partecipare"), said["eligibility"])
    _text(reader, told, N_("Come partecipare"), said["how"])


def _course(reader: Reader, said: Mapping[str, Any], told: Detail) -> None:
    for edition in said["editions"]:
        first, last = (say_day(dt.date.fromisoformat(edition[name]), reader.language) for name in ("begins", "ends"))
        seats = reader.tr(N_("posti: {seats}")).format(seats=edition["seats"])
        _row(reader, told, N_("Edizione"), f"{edition['code']}: {first} - {last}, {seats}")
        for held in edition["sessions"]:
            when = say_day(dt.date.fromisoformat(held["day"]), reader.language)
            _row(reader, told, N_("Lezione"), f"{when}, {held['hour']}: {_place(reader, held)}")
    _row(reader, told, N_("Chi insegna"), ", ".join(reader.said(role).text for role in said["trainers"]))
    _text(reader, told, N_("Come iscriversi"), said["how"])


DETAILS: Final[Mapping[str, Callable[[Reader, Mapping[str, Any], Detail], None]]] = {
    SESSION: _session,
    SERVICE: _service,
    CALL: _call,
    COURSE: _course,
}
