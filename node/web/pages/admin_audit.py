"""The chain of decisions: verified, looked through, taken away as a file.

In: filters in the address; whose decisions are looked for as the number of one of them, never as a name, which is posted: addresses
land in logs and in browsers' histories. Out: what ``rete audit verify``, ``list`` and ``export`` say (node/flows/upkeep/audit.py). Verifying reads the whole
chain, one at a time; its verdict is remembered while the process lives.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlencode

import orjson
from aiohttp import web

from node.domain import documents, vocabulary
from node.domain.roles import Permission
from node.errors import N_, CallerError
from node.flows.upkeep import audit
from node.flows.upkeep.audit import KINDS, Verdict
from node.i18n import translator
from node.store.audit import Event, Sought
from node.store.postgres import Pool
from node.web.middleware import language_of
from node.web.pages import admin_frame
from node.web.pages.admin_frame import AUDIT, DESK
from node.web.pages.office_words import TITLES
from node.web.permission import needs

PAGE: Final = 50
# The newest events stand before a number that no chain reaches.
NEWEST: Final = 2**62
EXPORT_S: Final = 600
AT: Final = {"scheda": "scheda", "genere": "genere", "prima": "", "persona": "persona"}
FIELDS: Final = ("scheda", "genere", "persona", "prima")


def routes() -> list[web.RouteDef]:
    """Return the pages and the file."""
    return [
        web.get(AUDIT, chain),
        web.post(AUDIT, filtered),
        web.post(f"{AUDIT}/controlla", verify),
        web.get(f"{AUDIT}/catena.jsonl", export, allow_head=False),
    ]


def _sought(given: Mapping[str, str], officer: str = "") -> tuple[Sought, int]:
    """Return what is asked for, of an officer if there is one. Raises: CallerError(audit-filter-bad)."""
    profile, kind = given["scheda"].strip(), given["genere"]
    try:
        profile_id = str(uuid.UUID(profile)) if profile else None
    except ValueError as error:
        raise _bad("scheda", N_("non è il numero di una scheda")) from error
    if kind and kind not in KINDS:
        raise _bad("genere", N_("non c'è questo genere di eventi"))
    before = _number(given["prima"], "prima") if given["prima"] else NEWEST
    return Sought(profile_id, kind or None, officer or None), before


def _number(text: str, where: str) -> int:
    """Return the number of an event. Raises: CallerError(audit-filter-bad)."""
    if not (text.isascii() and text.isdigit() and 0 < int(text[:19]) < NEWEST):
        raise _bad(where, N_("non è il numero di un evento"))
    return int(text[:19])


def _bad(where: str, what: str) -> CallerError:
    return CallerError("audit-filter-bad", what, where=where, hint=N_("correggere il filtro, o toglierlo"))


@needs(Permission.AUDIT_READ)
async def chain(request: web.Request) -> web.StreamResponse:
    """Show the newest events that were asked for, and the last verification."""
    given, officer = {name: request.query.get(name, "")[:200] for name in FIELDS}, ""
    pool = request.app[DESK].node.pool
    try:
        if given["persona"]:
            officer = await audit.officer_at(pool, _number(given["persona"], "persona"))
            if not officer:
                raise _bad("persona", N_("nessuno ha deciso l'evento con questo numero"))
        sought, before = _sought(given, officer)
    except CallerError as error:
        return _chain(request, {**given, "persona": ""}, [], error, officer)
    events = await audit.list_events(pool, sought, before=before, limit=PAGE + 1)
    return _chain(request, given, events, officer=officer)


@needs(Permission.AUDIT_READ)
async def filtered(request: web.Request) -> web.StreamResponse:
    """Take a filter with a name in it, and go to the page whose address says the number of that person's newest event instead."""
    given = {name: (await admin_frame.text(request, name))[:200] for name in FIELDS}
    officer = given["persona"].strip().lower()
    try:
        _sought(given)
        if officer:
            pool = request.app[DESK].node.pool
            newest = await audit.list_events(pool, Sought(officer=officer), before=NEWEST, limit=1)
            if not newest:
                raise _bad("persona", N_("nessun evento è di questa persona"))
            given["persona"] = str(newest[0].event_id)
    except CallerError as error:
        return _chain(request, {**given, "persona": ""}, [], error, officer)
    asked = {name: value for name in ("genere", "persona", "scheda") if (value := given[name].strip())}
    return admin_frame.go(f"{AUDIT}?{urlencode(asked)}" if asked else AUDIT)


def _chain(
    request: web.Request,
    given: Mapping[str, str],
    events: list[Event],
    error: CallerError | None = None,
    officer: str = "",
) -> web.Response:
    more = events[PAGE - 1].event_id if len(events) > PAGE else None
    asked = {name: value for name, value in given.items() if value and name != "prima"}
    verified = request.app[DESK].verified
    return admin_frame.show(
        request,
        "audit.html",
        error,
        AT,
        given=given,
        officer=officer,
        kinds=KINDS,
        events=[_event(request, event) for event in events[:PAGE]],
        more=f"{AUDIT}?{urlencode({**asked, 'prima': more})}" if more else "",
        verified=verified,
        why=_why(request, verified[1]) if verified else "",
    )


def _why(request: web.Request, verdict: Verdict) -> str:
    if verdict.broken is None:
        return ""
    tr = translator(language_of(request))
    return tr(audit.REASONS[verdict.broken]).format(event=verdict.place, profile=verdict.profile)


def _event(request: web.Request, event: Event) -> dict[str, Any]:
    facts = orjson.loads(event.document)
    tr = translator(language_of(request))
    about = facts.get("profile") or facts.get("name") or facts.get("origin") or facts.get("network") or ""
    more = [str(facts[name]) for name in ("role", "method", "why") if facts.get(name)]
    more += _details(language_of(request), facts)
    return {
        "id": event.event_id,
        "at": event.at[:19].replace("T", " "),
        "what": tr(audit.what_of(event.kind, facts)),
        "who": str(facts.get("officer") or ""),
        "about": str(about),
        "more": ", ".join([*more, *_more(request, facts)]),
    }


def _more(request: web.Request, facts: Mapping[str, Any]) -> list[str]:
    """Return how much an event is about: a file's form, how many sessions, codes or networks."""
    found = [str(facts[name]) for name in ("form", "count") if facts.get(name)]
    if "recovery_left" in facts:
        left = translator(language_of(request))(N_("codici rimasti: {count}"))
        found.append(left.format(count=facts["recovery_left"]))
    return found


# How many firms, or networks of an import, an event of the register tells of.
COUNTED: Final = {
    "begun": N_("imprese entrate: {count}"), "ended": N_("imprese uscite: {count}"), "corrected": N_("imprese corrette: {count}"),
    "added": N_("reti nuove: {count}"), "changed": N_("reti cambiate: {count}"), "unchanged": N_("reti uguali: {count}"),
    "refused": N_("righe rifiutate: {count}"),
}  # fmt: skip


def _details(language: str, facts: Mapping[str, Any]) -> Iterator[str]:
    """Yield what an event of the register tells beside its action: fields by name, counts, kind of document."""
    tr = translator(language)
    yield from (tr(TITLES.get(name, name)) for name in facts.get("fields") or ())
    for name, text in COUNTED.items():
        told = facts.get(name)
        count = len(told) if isinstance(told, list) else told
        if count:
            yield tr(text).format(count=count)
    if facts.get("document_kind"):
        yield vocabulary.title(documents.KINDS, facts["document_kind"], language)


@needs(Permission.AUDIT_READ)
async def verify(request: web.Request) -> web.StreamResponse:
    """Walk the whole chain, and remember what was found and when."""
    desk = request.app[DESK]
    async with desk.verifying:
        desk.verified = (desk.now, await audit.verify(desk.node.pool, desk.node.home))
    return admin_frame.go(AUDIT)


@needs(Permission.AUDIT_READ)
async def export(request: web.Request) -> web.StreamResponse:
    """Send the whole chain, one event a line: to be kept where this node's administrators have no hand."""
    return web.Response(
        body=_lines(request.app[DESK].node.pool),
        headers={
            "Content-Type": "application/jsonl",
            "Content-Disposition": f'attachment; filename="catena-{request.app[DESK].now:%Y-%m-%d}.jsonl"',
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )


async def _lines(pool: Pool) -> AsyncIterator[bytes]:
    # A reader that takes no bytes does not keep a view of the database open for ever.
    async with asyncio.timeout(EXPORT_S):
        async for lines in audit.export_pages(pool):
            yield b"".join(lines)
