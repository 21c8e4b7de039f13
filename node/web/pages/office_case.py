"""One introduction: where it stands, what is asked of this office now, what was said, and a form for each thing that may be done.

In: requests of whoever may read introductions, forms of whoever may write them. Out: pages; what was decided, by the same flow as the
command. Rules: the page is read again after every refusal, so that a second click or an old page shows how the case stands by now;
what was typed is never thrown away; the other side's name is shown only while it may be held (domain/introduction.Case.shows).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from node.domain import vocabulary
from node.domain.introduction import CLOSED, TEXT_MAX_CHARS, Kind, Party, State
from node.domain.introduction_texts import CONSENT_TEXTS, CONSENT_VERSION, STATE_TITLES
from node.domain.roles import Permission
from node.errors import N_, CallerError, NotFoundError
from node.flows.introductions import casefile, deeds
from node.flows.introductions.casefile import Opened, today_of
from node.flows.profiles.versions import record_of
from node.flows.searching.search import find_profile
from node.i18n import translator
from node.store.postgres import acquire
from node.web import cooperation
from node.web.cooperation import COOPERATION
from node.web.middleware import language_of, status_of
from node.web.pages import case_deeds, case_words, desk
from node.web.pages.desk import CASES, DESK
from node.web.pages.frame import render
from node.web.pages.office_introductions import row
from node.web.pages.office_profiles import network_name, profile_path
from node.web.pages.office_register import sentence
from node.web.pages.searching import profile_href
from node.web.pages.shown import Reader
from node.web.permission import needs

ONE: Final = f"{CASES}/{{introduction_id}}"
REWRITE, DISCARD = "riscrivi", "scarta"


def routes() -> list[web.RouteDef]:
    """Return the page of a case, its printed form, and what its forms are sent to."""
    return [
        web.get(ONE, one),
        web.get(f"{ONE}/stampa", printed),
        web.post(f"{ONE}/{REWRITE}", rewrite),
        web.post(f"{ONE}/{DISCARD}", discard),
        web.post(f"{ONE}/{{kind}}", act),
    ]


def case_path(introduction_id: str, done: str = "") -> str:
    """Return where a case is."""
    return f"{CASES}/{introduction_id}" + (f"?{desk.DONE}={done}" if done else "")


async def opened_of(request: web.Request) -> Opened:
    """Return the case that an address names. Raises: NotFoundError(introduction-unknown)."""
    try:
        return await casefile.read(request.app[DESK].office(), request.match_info["introduction_id"])
    except NotFoundError as error:
        # The flow's own words are for a terminal.
        raise NotFoundError(
            "introduction-unknown",
            N_("questo contatto non c'è"),
            hint=N_("aprirlo dall'elenco dei contatti: una bozza può essere stata cancellata"),
        ) from error


@needs(Permission.INTRODUCTIONS_READ, hidden=True, invites=True)
async def one(request: web.Request) -> web.StreamResponse:
    """Show a case."""
    return await _page(request)


async def _page(
    request: web.Request,
    error: CallerError | None = None,
    refused: Kind | None = None,
    sent: Mapping[str, Any] | None = None,
    *,
    at: str = "",
) -> web.Response:
    sent, language = sent or {}, language_of(request)
    opened, tr = await opened_of(request), translator(language)
    may_write = desk.may(request, Permission.INTRODUCTIONS_WRITE)
    errors = []
    if error is not None:
        there = refused is not None and refused in opened.may
        where = at or (case_deeds.field_of(error, refused) if refused is not None and there else "")
        errors = [(where, sentence(error, language))]
    consent = await _consent_form(request, opened, sent) if may_write and Kind.CONSENT in opened.may else None
    seen = casefile.seen_of(opened.row, opened.may, None if consent is None else consent["identity"])
    return render(
        request,
        "office/case.html",
        status=200 if error is None else status_of(error),
        done=desk.said_of(request) if error is None else "",
        errors=errors,
        forms=case_deeds.forms(opened, tr, sent, refused, error, seen) if may_write else [],
        unsent=case_deeds.unsent(opened, sent, refused),
        draft=_draft(opened, sent, desk.reader_of(request)) if may_write and opened.state is State.DRAFT else None,
        consent_form=consent,
        siblings=await _siblings(request, opened),
        **await _values(request, opened),
    )


async def _values(request: web.Request, opened: Opened) -> dict[str, Any]:
    """Return what a case's page and its printed form both show."""
    node, reader = request.app[DESK], desk.reader_of(request)
    row_, case, now = opened.row, opened.case, node.clock()
    members = (await cooperation.front(request.app[COOPERATION])).overview.members
    body = members.get(row_.peer, row_.peer)
    offices = {row_.party: node.config.node.name, row_.party.other: body}
    me = row_.party
    said = next((s.payload for s in opened.steps if s.event.kind == Kind.REQUEST and s.payload), None) or row_.request
    own, other = (case_words.until(reader, case.due.get(party), today_of(now)) for party in (me, me.other))
    title, href = await _profile(request, opened)
    return {
        "case": case,
        "row": row_,
        "me": me,
        "body": body,
        "offices": offices,
        "state": reader.tr(STATE_TITLES[opened.state]),
        "badge": case_words.BADGES.get(opened.state, "primary"),
        "is_closed": opened.state in CLOSED,
        "asked": case_words.asked(reader, opened.state, case, me, now),
        "is_ours": case_words.waits(opened.state, case, me, now),
        "is_lost": me in case.lost,
        "own_until": own,
        "other_until": other,
        "profile_title": title,
        "profile_href": href,
        "network": await network_name(request, row_.network_id) if row_.network_id else "",
        "purpose": reader.title(vocabulary.PURPOSES, str(said.get("purpose", ""))) if said.get("purpose") else "",
        "text": case_words.free(reader, said.get("text", "")),
        "seeker": case_words.seeker(reader, said) if me is Party.OWNER else [],
        "project_size": said.get("project_size", 0),
        "steps": case_words.steps(reader, opened.steps, case, me, offices),
        "consent": opened.consent,
        "told": opened.told,
        "unnamed": reader.tr(case_words.unnamed(opened.state)),
        "applicant": _applicant(reader, row_.applicant),
        "is_named_here": me.other in case.disclosed,
        "is_named_there": me in case.disclosed,
        "erased_there": me.other in case.erased,
    }


async def _profile(request: web.Request, opened: Opened) -> tuple[Any, str]:
    """Return the title of the profile that a case is about, and where it is; no title where it is not there any more."""
    node, reader, row_ = request.app[DESK], desk.reader_of(request), opened.row
    owner = row_.peer if row_.party is Party.SEEKER else node.config.node.id
    own = profile_path(row_.profile_id) if row_.party is Party.OWNER and row_.profile_state else ""
    try:
        hit = await find_profile(node.pool, row_.profile_id, reader.reference, now=node.clock(), owner=owner)
    except CallerError:
        return None, own
    return reader.said(hit.document["title"]), own or profile_href(row_.profile_id, owner)


APPLICANT: Final = (
    ("name", N_("Impresa")), ("person", N_("Chi scrive")), ("email", N_("Posta elettronica")), ("phone", N_("Telefono")),
    ("tax_code", N_("Codice fiscale")), ("municipality", N_("Comune")),
)  # fmt: skip


def _applicant(reader: Reader, given: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """Return what a firm that asks for itself wrote of itself: this office's alone."""
    if given is None:
        return []
    found = [(reader.tr(label), str(given.get(name, ""))) for name, label in APPLICANT]
    for label, name, attribute in ((N_("Regione"), "region", "territory"), (N_("Settore"), "section", "sector")):
        if given.get(name):
            found.append((reader.tr(label), reader.value(attribute, str(given[name])).text))
    return found


def _draft(opened: Opened, sent: Mapping[str, Any], reader: Reader) -> dict[str, Any]:
    request = opened.row.request
    return {
        "text": desk.text_in(sent, case_deeds.NEW_TEXT) or str(request.get("text", "")),
        "purpose": desk.text_in(sent, "scopo") or str(request.get("purpose", "")),
        "purposes": [(key, reader.title(vocabulary.PURPOSES, key)) for key in vocabulary.PURPOSES],
        "longest": TEXT_MAX_CHARS,
    }


async def _consent_form(request: web.Request, opened: Opened, sent: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a consent is given to, in both languages, exactly what it lets out, and whom to call, as the register knows."""
    node = request.app[DESK]
    known = {"person": "", "role": "", "email": "", "phone": ""}
    if opened.row.network_id is not None:
        try:
            async with acquire(node.pool) as conn:
                contacts = (await record_of(conn, opened.row.network_id))[1].contacts
        except NotFoundError:
            contacts = ()
        known |= {name: getattr(contacts[0], name) for name in known} if contacts else {}
    elif opened.row.applicant:
        known |= {name: str(opened.row.applicant.get(name, "")) for name in known}
    preset = {field: known[name] for field, name in case_deeds.CONTACT.items()} | {case_deeds.PERSON: known["person"]}
    given = {name: desk.text_in(sent, name) for name in preset}
    return {
        "version": CONSENT_VERSION,
        "texts": [(language, translator(language)(CONSENT_TEXTS[CONSENT_VERSION])) for language in ("it", "en")],
        "identity": await casefile.would_tell(node.office(), opened.row),
        "given": given if any(given.values()) else preset,
    }


async def _siblings(request: web.Request, opened: Opened) -> list[dict[str, Any]]:
    now = request.app[DESK].clock()
    found = await casefile.siblings(request.app[DESK].office(), opened.row, now)
    if not found:
        return []
    members = (await cooperation.front(request.app[COOPERATION])).overview.members
    today = today_of(now)
    return [row(desk.reader_of(request), case, members, today) for case in found]


@needs(Permission.INTRODUCTIONS_WRITE, hidden=True, invites=True)
async def act(request: web.Request) -> web.StreamResponse:
    """Do what a form of the case's page asks for."""
    kind, sent = case_deeds.kind_of(request.match_info["kind"]), await desk.form_of(request)
    node, opened = request.app[DESK], await opened_of(request)
    key = opened.row.introduction_id
    try:
        await deeds.act(
            node.office(), key, case_deeds.deed_of(kind, sent, opened.row), desk.officer_of(request), node.clock()
        )
    except CallerError as error:
        return await _page(request, error, kind, sent)
    await desk.keep_mark(request)
    return desk.go(case_path(key, "inviata" if kind is Kind.REQUEST else "passo"))


@needs(Permission.INTRODUCTIONS_WRITE, hidden=True, invites=True)
async def rewrite(request: web.Request) -> web.StreamResponse:
    """Write a draft's text anew."""
    node, sent, opened = request.app[DESK], await desk.form_of(request), await opened_of(request)
    key = opened.row.introduction_id
    text, purpose = desk.text_in(sent, case_deeds.NEW_TEXT), desk.text_in(sent, "scopo")
    try:
        await deeds.rewrite(node.office(), key, text, purpose, node.clock())
    except CallerError as error:
        at = (
            {"text": case_deeds.NEW_TEXT, "purpose": "scopo"}.get(error.where, "")
            if opened.state is State.DRAFT
            else ""
        )
        return await _page(request, error, sent=sent, at=at)
    return desk.go(case_path(key, "riscritta"))


@needs(Permission.INTRODUCTIONS_WRITE, hidden=True, invites=True)
async def discard(request: web.Request) -> web.StreamResponse:
    """Delete a draft that was never sent."""
    node, opened = request.app[DESK], await opened_of(request)
    try:
        await deeds.discard(node.office(), opened.row.introduction_id)
    except CallerError as error:
        return await _page(request, error)
    await desk.keep_mark(request)
    return desk.go(f"{CASES}?{desk.DONE}=scartata")


@needs(Permission.INTRODUCTIONS_READ, hidden=True, invites=True)
async def printed(request: web.Request) -> web.StreamResponse:
    """Show all of a case on one sheet, with what was signed of each step."""
    node, opened = request.app[DESK], await opened_of(request)
    values = await _values(request, opened)
    proofs = await casefile.proofs(node.office(), opened.row.introduction_id)
    for line in values["steps"]:
        line["proof"] = proofs.get((line["by"], line["number"]))
    return render(
        request,
        "office/case_print.html",
        printed_at=node.clock(),
        consent_text=_consent_text(request, opened),
        **values,
    )


def _consent_text(request: web.Request, opened: Opened) -> str:
    """Return the text to which the own side consented, in the version of that day; empty where nobody has."""
    version = "" if opened.consent is None else opened.consent.version
    return translator(language_of(request))(CONSENT_TEXTS[version]) if version in CONSENT_TEXTS else ""
