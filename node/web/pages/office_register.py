"""The private register in pages: the list with its downloads, one network, the end of a membership.

In: forms of whoever may read the register. Out: pages, tables, redirects. Rules: names are private, so that what is searched for
is posted and stands in no address; pages follow each other by the id of the last network; table and list are one function
(node/flows/registry/keeping). What a role may not see is not there.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from node.config import Config
from node.domain import release, template, vocabulary
from node.domain.documents import ACCEPTED, KINDS
from node.domain.programme.aggregation import STAGE_TITLES
from node.domain.roles import Permission
from node.domain.rows import parse_date
from node.errors import N_, CallerError
from node.flows.programme import linked
from node.flows.registry import documents, intake, keeping
from node.flows.registry.keeping import Kept
from node.flows.upkeep.audit import what_of
from node.i18n import translator
from node.store import spreadsheet
from node.store.documents import Kept as DocumentKept
from node.store.postgres import Pool
from node.store.registry import Sought
from node.store.table import Cell, csv_table, xlsx_table
from node.web.exports import CSV, XLSX
from node.web.middleware import language_of, status_of
from node.web.pages import desk
from node.web.pages.frame import render
from node.web.pages.office_words import TITLES, Words, facts_of, firm_facts
from node.web.permission import USER, needs

PATH: Final = "/ufficio/reti"
ONE: Final = PATH + "/{network_id}"
DONE: Final = "fatto"
SAID: Final = {
    "nuova": N_("La rete è nel registro."),
    "salvata": N_("La rete è cambiata."),
    "uscita": N_("L'uscita dell'impresa è annotata."),
    "documento": N_("Il documento è aggiunto."),
    "documento-tolto": N_("Il documento è cancellato."),
}
FILE: Final = "reti"
PROFILE_PAGE: Final = "/ufficio/profili/{profile_id}"
TEMPLATE_FORMAT: Final = "modello"
COLUMNS: Final = (
    "network_id", "name", "kind", "status", "register_id", "signed_on", "members", "province", "municipality_name", "ateco",
    "profile_state", "updated_at",
)  # fmt: skip
PROFILE_STATES: Final = {
    "new": N_("in lavorazione"),
    "published": N_("pubblicato"),
    "withdrawn": N_("ritirato"),
}
VERSION_STATES: Final = {
    "draft": N_("bozza"),
    "approved": N_("approvata"),
    "queued": N_("in partenza"),
    "published": N_("pubblicata"),
    "superseded": N_("sostituita"),
    "erased": N_("cancellata"),
}


@dataclass(frozen=True, slots=True)
class Office:
    """What the office's pages need of this node."""

    pool: Pool
    config: Config
    clock: Callable[[], dt.datetime]


OFFICE = web.AppKey("office", Office)


def install(app: web.Application, office: Office) -> None:
    """Let an application answer with the office's pages."""
    app[OFFICE] = office


def routes() -> list[web.RouteDef]:
    """Return the pages of the register; those of its form are office_form's."""
    return [web.get(PATH, listed), web.post(PATH, searched), web.get(ONE, show), web.post(ONE + "/uscita", end)]


def go(where: str) -> web.Response:
    """Return a redirect after something was done."""
    return web.Response(status=303, headers={"Location": where, "Cache-Control": "no-store"})


def pages_of(app: web.Application) -> frozenset[str]:
    """Return the addresses that this node answers at: a page links to no other."""
    return frozenset(resource.canonical for resource in app.router.resources())


def sentence(error: CallerError, language: str) -> str:
    """Return a refusal as a sentence of a page."""
    what, _, hint = error.render(translator(language))
    return f"{'. '.join(part[:1].upper() + part[1:] for part in (what, hint) if part)}."


def may_write(request: web.Request) -> bool:
    """Tell whether whoever looks may change the register."""
    user = request[USER]
    return user is not None and user.may(Permission.REGISTER_WRITE)


@needs(Permission.REGISTER_READ)
async def listed(request: web.Request) -> web.StreamResponse:
    """Show the register from its beginning, perhaps those networks alone that a link of ours asks for."""
    return await _list(request, {"profilo": request.query.get("profilo", ""), "stato": request.query.get("stato", "")})


@needs(Permission.REGISTER_READ)
async def searched(request: web.Request) -> web.StreamResponse:
    """Show what a search finds, or its next page; or send it as a table."""
    form = await request.post()
    given = {name: value for name, value in form.items() if isinstance(value, str)}
    wanted = given.get("formato", "")
    if wanted in (CSV.name, XLSX.name, TEMPLATE_FORMAT):
        return await _table(request, _sought(given), wanted)
    return await _list(request, given)


def _sought(given: Mapping[str, str]) -> Sought:
    return keeping.sought(
        words=given.get("q", ""),
        status=given.get("stato", ""),
        kind=given.get("tipo", ""),
        province=given.get("provincia", ""),
        without_profile=given.get("profilo", "") == "no",
        after=given.get("dopo", ""),
    )


async def _list(request: web.Request, given: Mapping[str, str]) -> web.Response:
    language = language_of(request)
    page = await keeping.find(request.app[OFFICE].pool, _sought(given))
    return render(
        request,
        "office/networks.html",
        page=page,
        given=given,
        asked=any(given.get(name) for name in ("q", "stato", "tipo", "provincia", "profilo")),
        kinds=_closed(vocabulary.KINDS, language, without="any"),
        statuses=_closed(vocabulary.NETWORK_STATUSES, language),
        states=PROFILE_STATES,
        may_write=may_write(request),
    )


def _closed(titles: vocabulary.Titles, language: str, without: str = "") -> dict[str, str]:
    return {key: vocabulary.title(titles, key, language) for key in titles if key != without}


async def _table(request: web.Request, asked: Sought, wanted: str) -> web.Response:
    office = request.app[OFFICE]
    found, officer = [row async for row in keeping.find_all(office.pool, asked)], desk.officer_of(request)
    if wanted == TEMPLATE_FORMAT:
        body = await _whole(office.pool, [row["network_id"] for row in found], officer)
        kind = XLSX.media_type
    else:
        await keeping.tell_export(office.pool, officer, wanted, len(found))
        rows: list[list[Cell]] = [[row[name] for name in COLUMNS] for row in found]
        body = await asyncio.to_thread(
            lambda: csv_table(COLUMNS, rows) if wanted == CSV.name else xlsx_table(FILE, COLUMNS, rows)
        )
        kind = CSV.media_type + CSV.details if wanted == CSV.name else XLSX.media_type
    await desk.keep_mark(request)
    return download(body, kind, f"{FILE}.{CSV.name if wanted == CSV.name else XLSX.name}")


async def _whole(pool: Pool, ids: list[str], officer: str) -> bytes:
    """Return whole records in the template's layout, to be changed and imported again."""
    with tempfile.TemporaryDirectory(prefix="rete-export-") as folder:
        path = Path(folder) / f"{FILE}.xlsx"
        await intake.export_networks(pool, path, ids, officer=officer)
        return await asyncio.to_thread(path.read_bytes)


def download(body: bytes, content_type: str, name: str) -> web.Response:
    """Return bytes as a file that no cache keeps; its name says nothing of what is in it."""
    headers = {
        "Content-Type": content_type,
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
    }
    return web.Response(body=body, headers=headers)


async def template_file() -> bytes:
    """Return the empty template as a workbook."""

    def make() -> bytes:
        with tempfile.TemporaryDirectory(prefix="rete-export-") as folder:
            path = Path(folder) / "modello.xlsx"
            spreadsheet.write_sheets(path, template.sheets_of([]))
            return path.read_bytes()

    return await asyncio.to_thread(make)


@needs(Permission.REGISTER_READ, hidden=True, invites=True)
async def show(request: web.Request) -> web.StreamResponse:
    """Show one network with its firms, their history, and its profiles."""
    kept = await keeping.read_network(request.app[OFFICE].pool, request.match_info["network_id"])
    return await show_network(request, kept)


async def show_network(
    request: web.Request,
    kept: Kept,
    error: CallerError | None = None,
    given: Mapping[str, str] | None = None,
    field: str = "",
) -> web.Response:
    """Return the page of a network, perhaps with what is wrong with one of its forms, in which all that was typed still is."""
    office, language = request.app[OFFICE], language_of(request)
    files = await documents.list_documents(office.pool, kept.network_id)
    history = await keeping.history(office.pool, kept.network_id)
    words, tr, given = Words(language), translator(language), given or {}
    members: list[dict[str, Any]] = [
        {
            "at": at,
            "name": member.firm.name,
            "is_reference": member.is_reference,
            "is_in": member.left_on is None,
            "facts": [(words.say(label), text) for label, text in firm_facts(words, member)],
        }
        for at, member in enumerate(kept.record.members)
    ]
    done = SAID.get(request.query.get(DONE, ""), "")
    user = request[USER]
    reads_programme = user is not None and user.may(Permission.PROGRAMME_READ)
    more = await linked.of_network(office.pool, kept.network_id) if reads_programme else None
    came_from = more.aggregation if more else None
    return render(
        request,
        "office/network.html",
        status=200 if error is None else status_of(error),
        kept=kept,
        name=kept.record.name,
        facts=[(words.say(label), text) for label, text in facts_of(words, kept.record)],
        members=members,
        errors=[] if error is None else [(field, sentence(error, language))],
        given=given,
        done=tr(done) if done and error is None else "",
        may_write=may_write(request),
        profiles=kept.profiles if user is not None and user.may(Permission.PROFILE_READ) else (),
        # A network has one profile at a time; who has withdrawn it may begin another.
        may_begin=user is not None
        and user.may(Permission.PROFILE_WRITE)
        and all(profile["profile_state"] == "withdrawn" for profile in kept.profiles),
        may_open_case=user is not None and user.may(Permission.PROGRAMME_WRITE),
        linked=more,
        aggregation_stage=tr(STAGE_TITLES[came_from.stage]) if came_from else "",
        profile_states=PROFILE_STATES,
        version_states=VERSION_STATES,
        holds=release.HOLDS,
        profile_page=PROFILE_PAGE in pages_of(request.app),
        series=_series(files),
        document_kinds=_closed(KINDS, language),
        document_limits={"file": office.config.documents.max_mb, "network": office.config.documents.network_mb},
        accepted=ACCEPTED,
        history=[_told(words, row) for row in history],
    )


def _series(files: Sequence[DocumentKept]) -> list[list[DocumentKept]]:
    """Return documents, each with those that it replaced after it."""
    return [list(series) for _, series in groupby(files, lambda file: file.series_id)]


def _told(words: Words, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return one line of a network's history."""
    if row["source"] == "document":
        return {**row, "what": words.say(what_of("document", row)), "more": words.title(KINDS, row["document_kind"])}
    firms = ((N_("entrate: {firms}"), row["begun"]), (N_("uscite: {firms}"), row["ended"]), (N_("corrette: {firms}"), row["corrected"]))  # fmt: skip
    tr = translator(words.language)
    said = [", ".join(tr(TITLES.get(name, name)) for name in row["fields"])]
    said += [tr(text).format(firms=", ".join(names)) for text, names in firms if names]
    said += [] if row["source"] == keeping.SOURCE else [tr(N_("per importazione"))]
    return {**row, "what": words.say(what_of("network", row)), "more": "; ".join(filter(None, said))}


@needs(Permission.REGISTER_WRITE, hidden=True, invites=True)
async def end(request: web.Request) -> web.StreamResponse:
    """End a membership on a day."""
    office, network_id = request.app[OFFICE], request.match_info["network_id"]
    form = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
    position = form.get("impresa", "")
    try:
        await keeping.end_membership(
            office.pool,
            network_id,
            int(position) if position.isascii() and position.isdigit() and len(position) < 6 else -1,
            parse_date(form.get("uscita", "")),
            form.get("visto", ""),
            office.clock(),
        )
    except CallerError as error:
        if error.code == "network-unknown":
            raise
        field = f"uscita-{position}" if error.where == "uscita" else ""
        return await show_network(request, await keeping.read_network(office.pool, network_id), error, form, field)
    return go(f"{PATH}/{network_id}?{DONE}=uscita")
