"""Documents of a network in pages: a file comes in, is taken, goes; the list of them is a part of the network's page.

In: forms with a file, of whoever may change the register; addresses with ids and nothing else. Out: redirects, the network's page with
what is wrong, bytes. Rules: no more of a file is read than may be kept; it is given back as a file to be saved, never as a page, in
no cache, and with nothing allowed to it should a browser open it all the same. Source: RFC 6266, RFC 8187; OWASP, File Upload Cheat
Sheet.
"""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from aiohttp import web

from node.domain import documents as kinds
from node.domain.roles import Permission
from node.domain.rows import parse_date
from node.errors import N_, CallerError
from node.flows.registry import documents, keeping
from node.web import forms
from node.web.pages.office_register import DONE, OFFICE, ONE, PATH, go, show_network
from node.web.permission import needs

ALL: Final = f"{ONE}/documenti"
FILE: Final = ALL + "/{document_id}"
FIELD: Final = "file"
REPLACES: Final = "sostituisce"
# The fields beside the file, and what parts them.
FORM_BYTES: Final = 64 * 2**10
# Nothing is allowed to a document, not even to be shown inside a page.
HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_PLAIN: Final = re.compile(r"[^A-Za-z0-9._ -]")


def routes() -> list[web.RouteDef]:
    """Return the addresses of documents."""
    return [web.post(ALL, add), web.get(FILE, take, allow_head=False), web.post(f"{FILE}/elimina", delete)]


def _bounds(request: web.Request) -> documents.Bounds:
    return documents.bounds_of(request.app[OFFICE].config)


@needs(Permission.REGISTER_WRITE, hidden=True, invites=True)
@forms.takes(
    max_bytes=lambda request: _bounds(request).file + FORM_BYTES,
    too_large=lambda request: documents.too_large(_bounds(request)),
)
async def add(request: web.Request) -> web.StreamResponse:
    """Take a file into the register, as a document of its own or instead of another."""
    office, network_id = request.app[OFFICE], request.match_info["network_id"]
    form = await request.post()
    given = {name: value for name, value in form.items() if isinstance(value, str)}
    replaces = given.get(REPLACES, "")
    try:
        sent = _file(form.get(FIELD))
        bounds = _bounds(request)
        content = await asyncio.to_thread(sent.file.read, bounds.file + 1)
        told = _described(given, sent.filename)
        await documents.add(office.pool, network_id, told, content, bounds, office.clock(), replaces=replaces or None)
    except CallerError as error:
        if error.code in ("network-unknown", "document-unknown"):
            raise
        kept = await keeping.read_network(office.pool, network_id)
        field = f"{error.where}-{replaces}" if replaces else error.where
        return await show_network(request, kept, error, given, field)
    return go(f"{PATH}/{network_id}?{DONE}=documento#documenti")


def _file(sent: object) -> web.FileField:
    if not isinstance(sent, web.FileField) or not sent.filename:
        raise CallerError("file-missing", N_("manca il file"), where=FIELD, hint=N_("scegliere un file da inviare"))
    return sent


def _described(given: Mapping[str, str], file_name: str) -> kinds.Described:
    """Return what was typed of a document. Raises: CallerError date-bad and those of domain/documents."""
    day = given.get("data", "").strip()
    dated_on = parse_date(day) if day else None
    if day and dated_on is None:
        raise CallerError("date-bad", N_("data non valida: serve gg/mm/aaaa"), where="data")
    return kinds.describe(given.get("titolo", ""), given.get("genere", ""), dated_on, file_name)


@needs(Permission.REGISTER_READ, hidden=True, invites=True)
async def take(request: web.Request) -> web.StreamResponse:
    """Send a document as it came, to be saved."""
    info = request.match_info
    found = await documents.take(request.app[OFFICE].pool, info["network_id"], info["document_id"])
    headers = {**HEADERS, "Content-Type": found.media_type, "Content-Disposition": disposition(found.file_name)}
    return web.Response(body=found.content, headers=headers)


def disposition(file_name: str) -> str:
    """Return the header that has a file saved under a name: in plain letters for old programs, and as it is (RFC 8187)."""
    bare = "".join(sign for sign in unicodedata.normalize("NFKD", file_name) if not unicodedata.combining(sign))
    plain = _PLAIN.sub("_", bare).strip(" .") or "documento"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file_name, safe='')}"


@needs(Permission.REGISTER_WRITE, hidden=True, invites=True)
async def delete(request: web.Request) -> web.StreamResponse:
    """Delete a document for ever."""
    info = request.match_info
    await documents.delete(request.app[OFFICE].pool, info["network_id"], info["document_id"])
    return go(f"{PATH}/{info['network_id']}?{DONE}=documento-tolto#documenti")
