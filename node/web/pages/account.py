"""Signing in and out, and one's own account: password, second factor, sessions.

In: forms of our own (node/web/forms.py). Out: pages; after something is done, a redirect. What may be read once, an authenticator's
secret and recovery codes, is shown in answer to the form that made it and nowhere else. Rules: node/flows/people/sign_in, own_account.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

from aiohttp import web

from node.domain.accounts import RECOVERY_FEW
from node.domain.roles import TITLES, Permission, needs_second_factor
from node.errors import N_, CallerError
from node.flows.people import own_account, sign_in
from node.flows.people.own_account import Proposal
from node.flows.people.sign_in import Began
from node.i18n import translator
from node.web import forms, sessions, typed
from node.web.middleware import RETRY_AFTER_S, language_of, status_of
from node.web.pages import kept as kept_page
from node.web.pages import qr
from node.web.pages.frame import render
from node.web.pages.identity import OUTSIDE
from node.web.permission import BACK, OFFICE, OWN, SIGN_IN, USER, back_from, needs
from node.web.sessions import ACCESS, SESSION
from node.web.typed import Typed

T = TypeVar("T")

CODE: Final = f"{SIGN_IN}/codice"
SET_PASSWORD: Final = f"{SIGN_IN}/password"
SIGN_OUT: Final = "/esci"
# What a redirect after a form says was done.
DONE: Final = "fatto"
SAID: Final = {
    "password": N_("La password è cambiata. Le altre sessioni sono finite."),
    "nuova": N_("La password è fatta: ora si può accedere."),
    "fattore": N_("Il secondo fattore è tolto."),
    "sessione": N_("La sessione è finita."),
    "uscita": N_("Lei è uscito: questa sessione è finita."),
}
# What says how many codes are left is no sentence of its own.
BY_RECOVERY: Final = "recupero"
FIELDS: Final = ("nome", "password", "codice", "nuova")
# What is kept of another form is written out once more, as one field.
CARRIED_MAX_BYTES: Final = 4 * typed.MAX_BYTES


def routes() -> list[web.RouteDef]:
    """Return the pages of sign-in and of the own account."""
    return [
        web.get(SIGN_IN, enter_page),
        web.post(SIGN_IN, enter),
        web.get(CODE, code_page),
        web.post(CODE, enter_code),
        web.get(SET_PASSWORD, password_page),
        web.post(SET_PASSWORD, set_password),
        web.post(SIGN_OUT, leave),
        web.get(OWN, own),
        web.post(f"{OWN}/password", change_password),
        web.post(f"{OWN}/fattore", propose_factor),
        web.post(f"{OWN}/fattore/conferma", confirm_factor),
        web.post(f"{OWN}/fattore/togli", remove_factor),
        web.post(f"{OWN}/recupero", renew_recovery),
        web.post(f"{OWN}/sessioni/{{session_id}}", end_session),
    ]


async def _field(request: web.Request, name: str) -> str:
    value = (await request.post()).get(name, "")
    return value if isinstance(value, str) else ""


def _go(where: str) -> web.Response:
    return web.Response(status=303, headers={"Location": where, "Cache-Control": "no-store"})


def _page(request: web.Request, template: str, error: CallerError | None = None, **values: Any) -> web.Response:
    """Return a form, with what is wrong on top of it and at its field."""
    errors: list[tuple[str, str]] = []
    headers, tr = {"Cache-Control": "no-store"}, translator(language_of(request))
    if error is not None:
        what, where, hint = error.render(tr)
        sentence = ". ".join(part[:1].upper() + part[1:] for part in (what, hint) if part)
        errors.append((where if where in FIELDS else "", f"{sentence}."))
        wait = error.facts.get("retry_after_s")
        if status_of(error) == 429:
            headers["Retry-After"] = str(wait if isinstance(wait, int) else RETRY_AFTER_S)
    asked = request.query.get(DONE, "")
    outside = request.app[OUTSIDE].provider is not None
    done = tr(SAID[asked]) if error is None and asked in SAID else ""
    status = 200 if error is None else status_of(error)
    return render(
        request, template, status=status, headers=headers, errors=errors, done=done, outside=outside, **values
    )


@needs(Permission.PUBLIC)
async def enter_page(request: web.Request) -> web.StreamResponse:
    """Ask for name and password."""
    if request[USER] is not None:
        return _go(back_from(request.query.get(BACK, OFFICE)))
    return _page(request, "sign_in.html", name="", back=back_from(request.query.get(BACK, OFFICE)), kept=None)


async def _kept(request: web.Request) -> Typed | None:
    """Return what a form of sign-in carries of another form, whose session had ended."""
    return typed.unpack(await _field(request, typed.FIELD))


async def _onward(request: web.Request, began: Began, where: str, kept: Typed | None) -> web.Response:
    """Return the way on for whoever just began a session; what they typed before stays before their eyes."""
    if kept is None:
        response = _go(where)
    else:
        await sessions.become(request, began)
        if began.is_whole:
            session = sessions.session_of(request)
            pool = request.app[ACCESS].pool
            left = await own_account.recovery_left(pool, session) if began.by_recovery else None
            response = kept_page.page(request, kept, recovery_left=left)
        else:
            response = _page(request, "sign_in_code.html", back="/", kept=kept)
    sessions.begin(request, response, began)
    return response


@needs(Permission.PUBLIC)
@forms.takes(max_bytes=CARRIED_MAX_BYTES)
async def enter(request: web.Request) -> web.StreamResponse:
    """Begin a session; a new id whatever the browser held before."""
    access = request.app[ACCESS]
    name, back = await _field(request, "nome"), back_from(await _field(request, BACK))
    kept = await _kept(request)
    try:
        began = await sign_in.sign_in(
            access.pool,
            access.hasher,
            access.settings,
            access.clock(),
            name=name,
            password=await _field(request, "password"),
            address=sessions.address_of(request),
        )
    except CallerError as error:
        return _page(request, "sign_in.html", error, name=name[:200], back=back, kept=kept)
    held = sessions.secret_of(request)
    if held:
        await sign_in.sign_out(access.pool, held)
    return await _onward(request, began, back if began.is_whole else _with_back(CODE, back), kept)


def _with_back(where: str, back: str) -> str:
    return f"{where}?{urlencode({BACK: back})}" if back != "/" else where


@needs(Permission.PUBLIC)
async def code_page(request: web.Request) -> web.StreamResponse:
    """Ask whoever showed the password for the second factor."""
    session = request[SESSION]
    if session is None or session.is_whole:
        return _go(SIGN_IN)
    return _page(request, "sign_in_code.html", back=back_from(request.query.get(BACK, OFFICE)), kept=None)


@needs(Permission.PUBLIC)
@forms.takes(max_bytes=CARRIED_MAX_BYTES)
async def enter_code(request: web.Request) -> web.StreamResponse:
    """Make the session whole, under a new id."""
    access, back, kept = request.app[ACCESS], back_from(await _field(request, BACK)), await _kept(request)
    try:
        began = await sign_in.enter_code(
            access.pool,
            access.settings,
            access.clock(),
            secret=sessions.secret_of(request),
            code=await _field(request, "codice"),
        )
    except CallerError as error:
        if error.code == "sign-in-needed" and kept is None:
            return _go(SIGN_IN)
        if error.code == "sign-in-needed":
            # The code came too late: the password again, and what was typed stays.
            return _page(request, "sign_in.html", error, name="", back=back, kept=kept)
        return _page(request, "sign_in_code.html", error, back=back, kept=kept)
    if began.by_recovery and kept is None:
        # How many are left is told before anything else, and from there the way goes on.
        back = f"{OWN}?{urlencode({DONE: BY_RECOVERY, BACK: back})}"
    return await _onward(request, began, back, kept)


@needs(Permission.PUBLIC)
async def password_page(request: web.Request) -> web.StreamResponse:
    """Ask for a one-time code and a new password."""
    return _page(request, "set_password.html")


@needs(Permission.PUBLIC)
async def set_password(request: web.Request) -> web.StreamResponse:
    """Set a password by a one-time code."""
    access = request.app[ACCESS]
    try:
        await own_account.set_password(
            access.pool,
            access.hasher,
            access.settings,
            access.clock(),
            code=await _field(request, "codice"),
            password=await _field(request, "nuova"),
        )
    except CallerError as error:
        return _page(request, "set_password.html", _at(error, "password", "nuova"))
    return _go(f"{SIGN_IN}?{DONE}=nuova")


def _at(error: CallerError, place: str, field: str) -> CallerError:
    """Return a refusal at the field of this form where it is meant."""
    if error.where == place:
        error.where = field
    return error


@needs(Permission.SIGNED_IN)
async def leave(request: web.Request) -> web.StreamResponse:
    """End the session, in the database and in the browser."""
    held = sessions.secret_of(request)
    if held:
        await sign_in.sign_out(request.app[ACCESS].pool, held)
    response = _go(f"{SIGN_IN}?{DONE}=uscita")
    sessions.end(request, response)
    return response


@needs(Permission.SIGNED_IN)
async def own(request: web.Request) -> web.StreamResponse:
    """Show the own account."""
    return await _own(request)


async def _own(request: web.Request, error: CallerError | None = None) -> web.Response:
    access, session = request.app[ACCESS], sessions.session_of(request)
    tr = translator(language_of(request))
    by_recovery = error is None and request.query.get(DONE, "") == BY_RECOVERY
    return _page(
        request,
        "own_account.html",
        error,
        name=session.name,
        roles=[tr(TITLES[role]) for role in sorted(session.roles)],
        session=session,
        factor_required=needs_second_factor(session.roles),
        recovery_left=await own_account.recovery_left(access.pool, session),
        recovery_few=RECOVERY_FEW,
        by_recovery=by_recovery,
        onward=back_from(request.query.get(BACK, OFFICE)) if by_recovery else "",
        sessions=await own_account.list_sessions(access.pool, access.settings, access.clock(), session),
    )


async def _proved(
    request: web.Request,
    work: Callable[..., Awaitable[T]],
    answer: Callable[[T], Awaitable[web.Response]],
    **more: str,
) -> web.Response:
    """Do to the own account what takes its password, and answer with what became of it; a refusal stands on the own page."""
    access, session = request.app[ACCESS], sessions.session_of(request)
    try:
        done = await work(access.pool, access.hasher, access.settings, access.clock(), session, **more)
    except CallerError as error:
        return await _own(request, _at(error, "password", "nuova"))
    return await answer(done)


def _renewed(request: web.Request, done: str) -> Callable[[Began], Awaitable[web.Response]]:
    """Return the answer to what gave the session a new id."""

    async def answer(began: Began) -> web.Response:
        response = _go(f"{OWN}?{DONE}={done}")
        sessions.begin(request, response, began)
        return response

    return answer


@needs(Permission.SIGNED_IN)
async def change_password(request: web.Request) -> web.StreamResponse:
    """Replace the own password; the session goes on under a new id."""
    old, new = await _field(request, "password"), await _field(request, "nuova")
    return await _proved(request, own_account.change_password, _renewed(request, "password"), old=old, new=new)


@needs(Permission.SIGNED_IN)
async def propose_factor(request: web.Request) -> web.StreamResponse:
    """Show the secret for an authenticator, now and never again, and ask for its first code."""

    async def answer(proposal: Proposal) -> web.Response:
        return _page(request, "second_factor.html", proposal=proposal, picture=qr.drawn(proposal.uri))

    return await _proved(request, own_account.propose_factor, answer, password=await _field(request, "password"))


@needs(Permission.SIGNED_IN)
async def confirm_factor(request: web.Request) -> web.StreamResponse:
    """Put the second factor in use, and show the recovery codes, now and never again."""
    access, session = request.app[ACCESS], sessions.session_of(request)
    try:
        confirmed = await own_account.confirm_factor(
            access.pool, access.settings, access.clock(), session, code=await _field(request, "codice")
        )
    except CallerError as error:
        return _page(request, "second_factor.html", error, proposal=None)
    await sessions.become(request, confirmed.began)
    response = _page(request, "recovery.html", codes=confirmed.recovery)
    sessions.begin(request, response, confirmed.began)
    return response


@needs(Permission.SIGNED_IN)
async def remove_factor(request: web.Request) -> web.StreamResponse:
    """Take the own second factor away."""
    password = await _field(request, "password")
    return await _proved(request, own_account.remove_factor, _renewed(request, "fattore"), password=password)


@needs(Permission.SIGNED_IN)
async def renew_recovery(request: web.Request) -> web.StreamResponse:
    """Replace the recovery codes and show the new ones, now and never again."""

    async def answer(codes: tuple[str, ...]) -> web.Response:
        return _page(request, "recovery.html", codes=codes)

    return await _proved(request, own_account.renew_recovery, answer, password=await _field(request, "password"))


@needs(Permission.SIGNED_IN)
async def end_session(request: web.Request) -> web.StreamResponse:
    """End one of the own sessions; another's is not there."""
    access, session = request.app[ACCESS], sessions.session_of(request)
    await own_account.end_session(access.pool, session, request.match_info["session_id"])
    return _go(f"{OWN}?{DONE}=sessione")
