"""Introductions in words: where a case stands, what is asked of this office now, by when, and what each step said.

In: cases as events tell them, and a reader's language. Out: plain texts, which templates escape. Rules: what another office wrote is
marked as Italian where the page is not; a word that this version does not know is shown as it is; how near an end is, both offices see alike.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from node.domain import introduction
from node.domain.days import day_number, day_of, moment_of
from node.domain.introduction import (
    CLOSED,
    NO_DAY,
    SOON_DAYS,
    Case,
    Event,
    Kind,
    Party,
    State,
)
from node.domain.introduction_texts import KIND_TITLES, PARTY_TITLES, REASON_TITLES
from node.errors import N_
from node.store.introductions import Step
from node.web.pages.shown import Reader, Said

BADGES: Final[Mapping[State, str]] = {
    State.DRAFT: "secondary",
    State.INTRODUCED: "success",
    State.FOLLOWED_UP: "success",
    State.CONCLUDED: "success",
    State.DECLINED: "secondary",
    State.EXPIRED: "secondary",
    State.WITHDRAWN: "secondary",
}
# What an office is asked for, or what it waits for, at each state.
_S, _O = Party.SEEKER, Party.OWNER
ASKED: Final[Mapping[tuple[State, Party], str]] = {
    (State.DRAFT, _S): N_("Tocca a noi: rileggere la bozza e convalidarla. Finora non è uscito nulla."),
    (State.ENDORSED, _S): N_("La richiesta sta per partire."),
    (State.SENT, _S): N_("La richiesta è partita: il nodo dell'altro ufficio non l'ha ancora ritirata."),
    (State.SENT, _O): N_("La richiesta sta arrivando: manca ancora una parte."),
    (State.RECEIVED, _S): N_("L'altro ufficio l'ha ricevuta e deve prenderla in esame."),
    (State.RECEIVED, _O): N_("Tocca a noi: prendere in esame la richiesta, chiedere chiarimenti o rifiutare."),
    (State.UNDER_CHECK, _S): N_("L'altro ufficio la sta esaminando."),
    (State.UNDER_CHECK, _O): N_("Tocca a noi: proporla alla rete, senza nomi; oppure chiedere chiarimenti o rifiutare."),
    (State.INFO_REQUESTED, _S): N_("Tocca a noi: rispondere alla domanda dell'altro ufficio, senza nomi."),
    (State.INFO_REQUESTED, _O): N_("La domanda è partita: si attende la risposta."),
    (State.ANSWERED, _S): N_("La risposta è partita: decide l'altro ufficio."),
    (State.ANSWERED, _O): N_("Tocca a noi: leggere la risposta e proporre il contatto alla rete, chiedere ancora o rifiutare."),
    (State.FORWARDED, _S): N_("L'altro ufficio l'ha proposta alla sua rete e attende che risponda."),
    (State.FORWARDED, _O): N_("Tocca a noi: registrare che cosa ha risposto la rete."),
    (State.CONSENTED, _S): N_("I due consensi ci sono: i due nodi si scambiano nomi e recapiti in messaggi riservati."),
    (State.CONSENTED, _O): N_("I due consensi ci sono: i due nodi si scambiano nomi e recapiti in messaggi riservati."),
}  # fmt: skip
CONSENT_WAITS: Final = N_(
    "Tocca a noi: chiedere il consenso alla nostra parte e registrarlo. I nomi si scambiano solo quando ci sono tutti e due."
)
CONSENT_THERE: Final = N_("Il nostro consenso è registrato: manca quello dell'altra parte.")
TOLD: Final = N_("Le due parti si conoscono. Ogni tanto registrare come procede, e alla fine l'esito.")
FOLLOW: Final = N_("Tocca a noi: chiedere come procede e registrare la verifica dopo {days} giorni.")
# Why the other side has no name here.
UNNAMED: Final = N_("Nessun nome finora: arriva da sé, dopo i due consensi.")
UNNAMED_SOON: Final = N_("I due consensi ci sono: il nome arriva da sé, appena il nodo dell'altro ufficio lo manda.")
UNNAMED_ENDED: Final = N_("Il contatto si è chiuso prima che si scambiassero i nomi: non ne arriva nessuno.")


@dataclass(frozen=True, slots=True)
class Until:
    """By when a step is due, in words and as a badge's kind; ``day`` is None where nobody knows."""

    kind: str
    text: str
    day: dt.date | None


def until(reader: Reader, due: int | None, today: dt.date) -> Until:
    """Return how near the end of a step is."""
    if due is None or due == NO_DAY:
        return Until("", "", None)
    left, day = due - day_number(today), day_of(due)
    if left < 0:
        return Until("danger", reader.tr(N_("tempo scaduto")), day)
    if left == 0:
        return Until("danger", reader.tr(N_("ultimo giorno")), day)
    if left > SOON_DAYS:
        return Until("", "", day)
    text = N_("scade domani") if left == 1 else N_("scade tra {days} giorni")
    return Until("warning", reader.tr(text).format(days=left), day)


def turn(reader: Reader, me: Party, whose: str) -> str:
    """Return whose turn it is: ``whose`` is seeker, owner, both or nothing."""
    if not whose:
        return ""
    if whose == "both":
        return reader.tr(N_("tocca a tutti e due"))
    return reader.tr(N_("tocca a noi") if whose == me else N_("tocca all'altro ufficio"))


def reason(reader: Reader, word: str) -> str:
    """Return a reason or an outcome in words."""
    return reader.tr(REASON_TITLES[word]) if word in REASON_TITLES else word


def unnamed(state: State) -> str:
    """Return why nobody is named of the other side."""
    return UNNAMED_ENDED if state in CLOSED else UNNAMED_SOON if state is State.CONSENTED else UNNAMED


def asked(reader: Reader, state: State, case: Case, me: Party, now: dt.datetime) -> str:
    """Return what is asked of this office now, or what it waits for."""
    if state in CLOSED:
        why = case.reason or case.outcome
        return reader.tr(N_("Il contatto è chiuso.")) + (f" {reason(reader, why).capitalize()}." if why else "")
    if state in introduction.KNOWN:
        days = introduction.follow_up_due(case, me, int(now.timestamp()))
        return reader.tr(FOLLOW).format(days=days) if days else reader.tr(TOLD)
    if state is State.ACCEPTED:
        return reader.tr(CONSENT_THERE if me in case.consents else CONSENT_WAITS)
    return reader.tr(ASKED.get((state, me), ""))


def waits(state: State, case: Case, me: Party, now: dt.datetime) -> bool:
    """Tell whether somebody of this office has something to do."""
    due = introduction.follow_up_due(case, me, int(now.timestamp()))
    return state is State.DRAFT or me in case.turn or bool(due)


def detail(reader: Reader, event: Event) -> str:
    """Return what a word of a closed list beside an event says."""
    if event.kind == Kind.FOLLOW_UP and event.detail.isdigit():
        return reader.tr(N_("dopo {days} giorni")).format(days=event.detail)
    return reason(reader, event.detail) if event.detail else ""


def free(reader: Reader, text: Any) -> Said:
    """Return somebody's own words: officers write Italian."""
    return Said(str(text) if text else "", "" if reader.language == "it" else "it")


def line(reader: Reader, event: Event, case: Case, me: Party, offices: Mapping[Party, str]) -> dict[str, Any]:
    """Return an event as a line of a timeline, without what was said beside it."""
    return {
        "number": event.seq,
        "by": event.by,
        "is_ours": event.by is me,
        "office": offices[event.by],
        "role": reader.tr(PARTY_TITLES[event.by]),
        "at": moment_of(event.at),
        "what": reader.tr(KIND_TITLES.get(event.kind, event.kind)),
        "detail": detail(reader, event),
        "due": day_of(event.due) if 0 <= event.due <= DAY_MAX else None,
        "overtaken": (event.by, event.seq) in case.overtaken,
    }


# The last day that a calendar holds, since 1970-01-01.
DAY_MAX: Final = (dt.date.max - dt.date(1970, 1, 1)).days


def steps(
    reader: Reader, found: tuple[Step, ...], case: Case, me: Party, offices: Mapping[Party, str]
) -> list[dict[str, Any]]:
    """Return the timeline of a case with what was said in it; identities stand in their own place."""
    return [
        {
            **line(reader, step.event, case, me, offices),
            "officer": step.officer if step.event.by is me else "",
            "text": free(reader, (step.payload or {}).get("text", "") if step.event.kind != Kind.IDENTITY else ""),
        }
        for step in found
    ]


def seeker(reader: Reader, request: Mapping[str, Any]) -> list[tuple[str, Said]]:
    """Return all that is said of who asks before names are: what it is, a region, a section."""
    said = request.get("seeker") or {}
    territory, sector = str(said.get("territory", "")), str(said.get("sector", ""))
    kind = {"network": N_("rete di imprese"), "firm": N_("impresa")}.get(str(said.get("kind", "")), "")
    found = [(reader.tr(N_("Chi chiede")), Said(reader.tr(kind) if kind else ""))]
    for label, name, value in ((N_("Regione"), "territory", territory), (N_("Settore"), "sector", sector)):
        found.append((reader.tr(label), reader.value(name, value) if value else Said("")))
    return [(label, text) for label, text in found if text.text]
