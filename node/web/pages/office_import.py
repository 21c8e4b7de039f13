"""Bringing a spreadsheet into the register: a dry run that says everything, its report, and only then the import.

In: a file, and who sends it. Out: what an import would do, row by row; after a confirmation, what it did. Rules: those of the command
(node/flows/registry/intake). A confirmation is of the dry run that was seen:
where another file came, or the register changed, nothing is written and the new dry run is shown. Between the dry run and the confirmation the file's bytes are kept in this process's memory alone: for one
session, one file, a few minutes, few bytes in all; when they are gone, the file is asked for again. They stand on no disk but while
they are read, and in no address.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import Final

from aiohttp import web

from node.domain.roles import Permission
from node.errors import N_, CallerError
from node.flows.registry import intake
from node.flows.registry.intake import ImportPlan, IntakeFile
from node.i18n import translator
from node.store.table import Cell, csv_table, xlsx_table
from node.web import forms
from node.web.exports import CSV, XLSX
from node.web.middleware import language_of, status_of
from node.web.pages.frame import render
from node.web.pages.office_register import DONE, OFFICE, download, go, sentence, template_file
from node.web.pages.office_words import Titled
from node.web.permission import needs
from node.web.sessions import session_of

PATH: Final = "/ufficio/importa"
TRY: Final = f"{PATH}/prova"
REPORT: Final = f"{PATH}/resoconto"
TEMPLATE: Final = f"{PATH}/modello"
UPLOAD_MAX_BYTES: Final = 32 * 2**20
KEPT_MAX_BYTES: Final = 2 * UPLOAD_MAX_BYTES
KEPT_FOR: Final = dt.timedelta(minutes=20)
SHOWN: Final = 100
NAMES_SHOWN: Final = 20
FILE: Final = "resoconto"
FIELD: Final = "file"
# By what a confirmation says which dry run it is of.
SEEN: Final = "visto"
# What the redirect says that leads to a new dry run instead of an import.
OTHER: Final = "altra"
# What it says when the file was imported, and another one came meanwhile.
BEFORE: Final = "prima"


@dataclass(frozen=True, slots=True)
class Upload:
    """One file as it came; ``done`` is what its import did."""

    name: str
    content: bytes
    everything: bool
    came_at: dt.datetime
    done: ImportPlan | None = None


@dataclass(slots=True)
class Uploads:
    """The files between dry run and confirmation, one for each session, the oldest first; and the one reader of them all."""

    kept: OrderedDict[str, Upload] = field(default_factory=OrderedDict)
    # Reading a large workbook is work for one process at a time.
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    # Whoever presses twice imports once.
    importing: asyncio.Lock = field(default_factory=asyncio.Lock)

    def keep(self, session_id: str, upload: Upload, now: dt.datetime) -> None:
        """Keep a session's file instead of the one before; what is too old, or too much in all, goes."""
        self.kept.pop(session_id, None)
        self.kept[session_id] = upload
        self._forget(now)

    def find(self, session_id: str, now: dt.datetime) -> Upload:
        """Return a session's file. Raises: CallerError(upload-gone)."""
        self._forget(now)
        found = self.kept.get(session_id)
        if found is None:
            raise CallerError(
                "upload-gone",
                N_("il file inviato non è più qui: nulla è stato scritto"),
                where=FIELD,
                hint=N_("inviarlo di nuovo; tra la prova e la conferma si conserva per venti minuti"),
            )
        return found

    def drop(self, content: bytes) -> None:
        """Forget one file, unless its session has sent another one since."""
        for session_id in [key for key, upload in self.kept.items() if upload.content is content]:
            del self.kept[session_id]

    def _forget(self, now: dt.datetime) -> None:
        for session_id in [key for key, upload in self.kept.items() if now - upload.came_at >= KEPT_FOR]:
            del self.kept[session_id]
        while len(self.kept) > 1 and sum(len(upload.content) for upload in self.kept.values()) > KEPT_MAX_BYTES:
            self.kept.popitem(last=False)


UPLOADS = web.AppKey("uploads", Uploads)


def install(app: web.Application) -> None:
    """Give an application its place for files between dry run and confirmation."""
    app[UPLOADS] = Uploads()


def routes() -> list[web.RouteDef]:
    """Return the pages of the import."""
    return [
        web.get(PATH, ask),
        web.post(PATH, send),
        web.get(TRY, dry_run),
        web.post(TRY, confirm),
        web.get(REPORT, report),
        web.get(TEMPLATE, template),
    ]


@needs(Permission.REGISTER_WRITE)
async def ask(request: web.Request) -> web.StreamResponse:
    """Ask for a file."""
    return _ask(request)


def _ask(request: web.Request, error: CallerError | None = None) -> web.Response:
    return render(
        request,
        "office/import.html",
        status=200 if error is None else status_of(error),
        errors=[] if error is None else [(FIELD, sentence(error, language_of(request)))],
        limit_mb=UPLOAD_MAX_BYTES // 2**20,
    )


@needs(Permission.REGISTER_WRITE)
@forms.takes(max_bytes=UPLOAD_MAX_BYTES)
async def send(request: web.Request) -> web.StreamResponse:
    """Take a file, refuse what can't be read, and go to its dry run."""
    office, uploads = request.app[OFFICE], request.app[UPLOADS]
    form = await request.post()
    sent = form.get(FIELD)
    if not isinstance(sent, web.FileField) or not sent.filename:
        missing = CallerError("file-missing", N_("manca il file"), hint=N_("scegliere un file da inviare"))
        return _ask(request, missing)
    try:
        content = await asyncio.to_thread(sent.file.read)
        upload = Upload(sent.filename, content, form.get("tutte") == "yes", office.clock())
        await _read(request, upload)
    except CallerError as error:
        return _ask(request, error)
    uploads.keep(session_of(request).session_id, upload, office.clock())
    # Also when nobody comes back for it.
    asyncio.get_running_loop().call_later(KEPT_FOR.total_seconds(), uploads.drop, content)
    return go(TRY)


async def _read(request: web.Request, upload: Upload) -> IntakeFile:
    office = request.app[OFFICE]
    async with request.app[UPLOADS].reading:
        return await asyncio.to_thread(
            intake.read_upload, upload.content, upload.name, office.config, everything=upload.everything
        )


def _kept(request: web.Request) -> Upload:
    return request.app[UPLOADS].find(session_of(request).session_id, request.app[OFFICE].clock())


async def _plan(request: web.Request, upload: Upload, *, apply: bool = False, seen: str | None = None) -> ImportPlan:
    office = request.app[OFFICE]
    return await intake.import_networks(
        office.pool, await _read(request, upload), office.clock(), apply=apply, seen=seen
    )


@needs(Permission.REGISTER_WRITE)
async def dry_run(request: web.Request) -> web.StreamResponse:
    """Show what an import would do, or what it did."""
    try:
        upload = _kept(request)
        plan = upload.done or await _plan(request, upload)
    except CallerError as error:
        return _ask(request, error)
    tr = translator(language_of(request))
    return render(
        request,
        "office/import_plan.html",
        plan=plan,
        file_name=upload.name,
        is_other=request.query.get(DONE) == OTHER,
        is_before=request.query.get(DONE) == BEFORE,
        lists=[Titled(N_("Reti nuove"), plan.new), Titled(N_("Reti che cambiano"), plan.changed)],
        tables=[
            Titled(title, [(p.sheet, p.row, p.column, p.text(tr)) for p in plan.problems if p.fatal is fatal])
            for title, fatal in ((N_("Righe rifiutate"), True), (N_("Righe con riserva"), False))
        ],
        names_shown=NAMES_SHOWN,
        shown=SHOWN,
    )


@needs(Permission.REGISTER_WRITE)
async def confirm(request: web.Request) -> web.StreamResponse:
    """Import the file that the dry run was of, once; where file or register are others by now, show what would be done now."""
    uploads, seen = request.app[UPLOADS], str((await request.post()).get(SEEN, ""))
    session_id = session_of(request).session_id
    try:
        async with uploads.importing:
            upload = _kept(request)
            if upload.done is not None:
                return go(TRY if upload.done.seen == seen else f"{TRY}?{DONE}={OTHER}")
            done = await _plan(request, upload, apply=True, seen=seen)
            if not done.applied:
                return go(f"{TRY}?{DONE}={OTHER}")
            if uploads.kept.get(session_id, upload) is not upload:
                # Another file came while this one was written: what was done is not what that one would do.
                return go(f"{TRY}?{DONE}={BEFORE}")
            uploads.keep(session_id, replace(upload, done=done), request.app[OFFICE].clock())
    except CallerError as error:
        return _ask(request, error)
    return go(TRY)


@needs(Permission.REGISTER_WRITE)
async def report(request: web.Request) -> web.StreamResponse:
    """Send all that is wrong with the file, row by row, as a table."""
    try:
        upload = _kept(request)
        plan = upload.done or await _plan(request, upload)
    except CallerError as error:
        return _ask(request, error)
    rows: list[list[Cell]] = [list(row) for row in intake.report_rows(plan, translator(language_of(request)))]
    as_csv = request.query.get("format") == CSV.name
    body = await asyncio.to_thread(
        lambda: csv_table(intake.REPORT_COLUMNS, rows) if as_csv else xlsx_table(FILE, intake.REPORT_COLUMNS, rows)
    )
    form = CSV if as_csv else XLSX
    return download(body, form.media_type + form.details, f"{FILE}.{form.name}")


@needs(Permission.REGISTER_READ)
async def template(request: web.Request) -> web.StreamResponse:  # noqa: ARG001 - the same for everybody
    """Send the empty template."""
    return download(await template_file(), XLSX.media_type, "modello.xlsx")
