"""What the administrator's pages share: the node they look at, their menu, refusals at their fields, what was done.

In: a request of somebody who may. Out: pages, redirects after something was done. Rules: each page shows what the command of the same
noun prints, from the same function; what is dangerous is asked again on a page of its own. docs/administration.md.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web

from node.domain.roles import Permission
from node.errors import N_, CallerError, ReteError, Said
from node.flows.upkeep import audit
from node.flows.upkeep.audit import Verdict
from node.flows.upkeep.jobs import Schedule
from node.i18n import translator
from node.runtime import Node
from node.web.middleware import language_of, status_of
from node.web.pages.frame import render
from node.web.pages.navigation import Entry
from node.web.permission import USER, User
from node.web.sessions import session_of

HOME: Final = "/amministrazione"
PEERS: Final = f"{HOME}/enti"
AGREEMENT: Final = f"{HOME}/protocollo"
QUARANTINE: Final = f"{HOME}/quarantena"
LOG: Final = f"{HOME}/registro"
SCHEDULE: Final = f"{HOME}/programma"
USERS: Final = f"{HOME}/utenti"
AUDIT: Final = f"{HOME}/verifica"
DOCTOR: Final = f"{HOME}/diagnosi"
BACKUPS: Final = f"{HOME}/copie"
MENU: Final = (
    (Permission.DOCTOR_READ, Entry(HOME, N_("Quadro"))),
    (Permission.PEERS_READ, Entry(PEERS, N_("Altri nodi"))),
    (Permission.PEERS_READ, Entry(QUARANTINE, N_("Quarantena"))),
    (Permission.PEERS_READ, Entry(AGREEMENT, N_("Protocollo"))),
    (Permission.LOG_READ, Entry(LOG, N_("Registro"))),
    (Permission.SCHEDULE_READ, Entry(SCHEDULE, N_("Lavori"))),
    (Permission.USERS_READ, Entry(USERS, N_("Utenti"))),
    (Permission.AUDIT_READ, Entry(AUDIT, N_("Decisioni"))),
    (Permission.BACKUPS_READ, Entry(BACKUPS, N_("Copie"))),
    (Permission.DOCTOR_READ, Entry(DOCTOR, N_("Diagnosi"))),
)
# What a redirect after a form says was done.
DONE: Final = "fatto"
SAID: Final[Mapping[str, str]] = {
    "copia": N_("La copia comincia appena il lavoro è libero: ricaricare questa pagina tra poco."),
    "prova": N_("La prova comincia appena il lavoro è libero e può durare minuti: ricaricare questa pagina tra poco."),
    "liberato": N_("Il nodo sarà di nuovo seguito dal prossimo prelievo."),
    "prelievo": N_("Il prelievo comincia appena il nodo è libero: ricaricare questa pagina tra poco."),
    "firme": N_("Il file è accolto e va agli altri nodi: la proposta entra in vigore quando le firme bastano."),
    "firme-note": N_("Ciò che il file dice qui c'era già: nulla è cambiato."),
    "in-vigore": N_("Le firme bastano: la nuova versione è in vigore."),
    "ruoli": N_("I ruoli sono cambiati; le sue sessioni sono finite."),
    "disabilitato": N_("L'utente è disabilitato: non entra più e le sue sessioni sono finite."),
    "abilitato": N_("L'utente è abilitato."),
    "sessioni": N_("Le sessioni sono finite."),
    "fattore": N_("Il secondo fattore è tolto: ne registrerà un altro al prossimo accesso."),
    "legame": N_("Il nome presso il fornitore di identità è cambiato; le sue sessioni sono finite."),
}


@dataclass(slots=True)
class Desk:
    """What these pages look at, and what they remember while the process lives."""

    node: Node
    schedule: Callable[[], Schedule | None] | None
    # The last verification of the chain of decisions; one at a time.
    verified: tuple[dt.datetime, Verdict] | None = None
    verifying: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def now(self) -> dt.datetime:
        """The node's time."""
        return self.node.clock()


DESK = web.AppKey("admin_desk", Desk)


def install(app: web.Application, node: Node, schedule: Callable[[], Schedule | None] | None) -> None:
    """Let an application's administrator pages look at a node."""
    app[DESK] = Desk(node, schedule)


def officer_of(request: web.Request) -> str:
    """Return under which name decisions of this request stand."""
    return session_of(request).name


async def decided(request: web.Request) -> None:
    """Put what was just decided under the mark of the chain, as every command does."""
    node = request.app[DESK].node
    await audit.keep_mark(node.pool, node.home)


def go(where: str, done: str = "") -> web.Response:
    """Return the way on after something was done."""
    to = f"{where}?{urlencode({DONE: done})}" if done else where
    return web.Response(status=303, headers={"Location": to, "Cache-Control": "no-store"})


async def text(request: web.Request, name: str) -> str:
    """Return a field of the form that was sent, empty where there is none."""
    value = (await request.post()).get(name, "")
    return value if isinstance(value, str) else ""


async def texts(request: web.Request, name: str) -> list[str]:
    """Return all values of a field of the form that was sent."""
    return [value for value in (await request.post()).getall(name, []) if isinstance(value, str)]


def told(request: web.Request, said: Said | None) -> str:
    """Return a sentence in the reader's language."""
    return "" if said is None else said.told(translator(language_of(request)))


# Refusals whose hint is for whoever types a command: the page itself shows what there is to choose.
TYPED: Final = frozenset({"account-without-role", "role-unknown", "account-disabled"})


def sentence_of(request: web.Request, error: ReteError) -> str:
    """Return what is wrong and what to do as one text for people."""
    what, _, hint = error.render(translator(language_of(request)))
    if error.code in TYPED:
        hint = ""
    return " ".join(f"{part[:1].upper()}{part[1:]}." for part in (what, hint) if part)


def show(
    request: web.Request,
    template: str,
    error: CallerError | None = None,
    at: Mapping[str, str] | None = None,
    **values: Any,
) -> web.Response:
    """Return a page; with an error, that on top of it and at the field that ``at`` names for where it is."""
    user: User | None = request[USER]
    asked = request.query.get(DONE, "")
    fields = at or {}
    errors = [] if error is None else [(fields.get(error.where, ""), sentence_of(request, error))]
    return render(
        request,
        f"admin/{template}",
        status=200 if error is None else status_of(error),
        headers={"Cache-Control": "no-store"},
        errors=errors,
        done=translator(language_of(request))(SAID[asked]) if error is None and asked in SAID else "",
        menu=[entry for permission, entry in MENU if user is not None and user.may(permission)],
        may=lambda name: user is not None and user.may(Permission(name)),
        **values,
    )
