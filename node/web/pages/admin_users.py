"""Accounts: who may sign in, with which roles; a one-time code for a password; closing, opening, ending sessions.

In: forms. Out: what ``rete user`` does (node/flows/people/accounts.py). A code is shown in answer to the form that made it and nowhere else.
Addresses hold an account's id, never its name: names of people do not belong into a browser's history.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from node.domain.roles import TITLES, Permission, needs_second_factor, roles_of
from node.errors import N_, CallerError, NotFoundError
from node.flows.people import accounts
from node.flows.people.accounts import Code
from node.store.accounts import Account
from node.web.pages import admin_frame
from node.web.pages.admin_frame import DESK, USERS
from node.web.permission import needs

ONE: Final = f"{USERS}/{{account}}"
# Where a refusal of the flow is shown in our forms.
AT: Final = {"NOME": "nome", "--role": "ruoli", "--as": "esterno", "name": "nome"}


def routes() -> list[web.RouteDef]:
    """Return the pages; what is asked again has a page of its own."""
    return [
        web.get(USERS, users),
        web.get(f"{USERS}/nuovo", new),
        web.post(f"{USERS}/nuovo", create),
        web.get(ONE, user),
        web.post(f"{ONE}/ruoli", set_roles),
        web.post(f"{ONE}/legame", link),
        web.get(f"{ONE}/{{step}}", ask),
        web.post(f"{ONE}/{{step}}", do),
    ]


@needs(Permission.USERS_READ)
async def users(request: web.Request) -> web.StreamResponse:
    """Show all accounts."""
    desk = request.app[DESK]
    return admin_frame.show(
        request, "users.html", accounts=await accounts.list_all(desk.node.pool, desk.now), titles=TITLES
    )


async def _account(request: web.Request) -> Account:
    """Return the account of the address. Raises: NotFoundError(account-unknown)."""
    desk, wanted = request.app[DESK], request.match_info["account"]
    try:
        key = str(uuid.UUID(wanted))
    except ValueError:
        key = ""
    for account in await accounts.list_all(desk.node.pool, desk.now):
        if account.account_id == key:
            return account
    raise NotFoundError("account-unknown", N_("questo utente non c'è"))


@needs(Permission.USERS_READ)
async def user(request: web.Request) -> web.StreamResponse:
    """Show one account."""
    return await _user(request, await _account(request))


async def _user(request: web.Request, account: Account, error: CallerError | None = None, **given: Any) -> web.Response:
    desk = request.app[DESK]
    values: dict[str, Any] = {"wanted": account.roles, "external": account.external_name or "", **given}
    return admin_frame.show(
        request,
        "user.html",
        error,
        AT,
        account=account,
        titles=TITLES,
        here_path=f"{USERS}/{account.account_id}",
        factor_required=needs_second_factor(roles_of(account.roles)),
        outside=bool(desk.node.config.oidc.issuer),
        sessions=await accounts.list_sessions(
            desk.node.pool, desk.node.sign_in_settings(), desk.now, name=account.name
        ),
        **values,
    )


@needs(Permission.USERS_WRITE)
async def new(request: web.Request) -> web.StreamResponse:
    """Ask for a name and roles."""
    return _new(request)


def _new(request: web.Request, error: CallerError | None = None, name: str = "", wanted: list[str] | None = None) -> web.Response:  # fmt: skip
    return admin_frame.show(request, "user_new.html", error, AT, titles=TITLES, name=name[:200], wanted=wanted or [])


@needs(Permission.USERS_WRITE)
async def create(request: web.Request) -> web.StreamResponse:
    """Make an account and show, once, how its owner sets a password."""
    desk, officer = request.app[DESK], admin_frame.officer_of(request)
    name, wanted = await admin_frame.text(request, "nome"), await admin_frame.texts(request, "ruoli")
    try:
        made = await accounts.create(
            desk.node.pool,
            desk.node.sign_in_settings(),
            desk.now,
            name=name,
            roles=roles_of(wanted),
            officer=officer,
        )
    except CallerError as error:
        return _new(request, error, name, wanted)
    await admin_frame.decided(request)
    return _code(request, made)


def _code(request: web.Request, made: Code) -> web.Response:
    address = f"{request.app[DESK].node.public_url}/entra/password"
    return admin_frame.show(request, "user_code.html", made=made, address=address)


@needs(Permission.USERS_WRITE)
async def set_roles(request: web.Request) -> web.StreamResponse:
    """Give an account exactly the roles that are ticked."""
    desk, account = request.app[DESK], await _account(request)
    wanted = await admin_frame.texts(request, "ruoli")
    try:
        await accounts.set_roles(
            desk.node.pool, name=account.name, roles=roles_of(wanted), officer=admin_frame.officer_of(request)
        )
    except CallerError as error:
        return await _user(request, account, error, wanted=wanted)
    await admin_frame.decided(request)
    return admin_frame.go(f"{USERS}/{account.account_id}", "ruoli")


@needs(Permission.USERS_WRITE)
async def link(request: web.Request) -> web.StreamResponse:
    """Tie an account to a name at the identity provider; an empty field unties it."""
    desk, account = request.app[DESK], await _account(request)
    external = (await admin_frame.text(request, "esterno")).strip()
    try:
        await accounts.link(
            desk.node.pool,
            name=account.name,
            external_name=external or None,
            officer=admin_frame.officer_of(request),
        )
    except CallerError as error:
        return await _user(request, account, error, external=external[:200])
    await admin_frame.decided(request)
    return admin_frame.go(f"{USERS}/{account.account_id}", "legame")


Work = Callable[[web.Request, str], Awaitable[Code | None]]


@dataclass(frozen=True, slots=True)
class Step:
    """What is asked again before it is done: how it is called, what it will do, and the work."""

    title: str
    warning: str
    button: str
    work: Work


async def _disable(request: web.Request, name: str) -> None:
    desk = request.app[DESK]
    await accounts.disable(desk.node.pool, desk.now, name=name, officer=admin_frame.officer_of(request))


async def _enable(request: web.Request, name: str) -> None:
    await accounts.enable(request.app[DESK].node.pool, name=name, officer=admin_frame.officer_of(request))


async def _end_sessions(request: web.Request, name: str) -> None:
    await accounts.end_sessions(request.app[DESK].node.pool, name=name, officer=admin_frame.officer_of(request))


async def _reset_factor(request: web.Request, name: str) -> None:
    await accounts.reset_factor(request.app[DESK].node.pool, name=name, officer=admin_frame.officer_of(request))


async def _new_code(request: web.Request, name: str) -> Code:
    desk = request.app[DESK]
    return await accounts.new_code(
        desk.node.pool, desk.node.sign_in_settings(), desk.now, name=name, officer=admin_frame.officer_of(request)
    )


STEPS: Final = {
    "disabilitato": Step(
        N_("Disabilitare l'utente"),
        N_("Non potrà più accedere e le sue sessioni finiscono subito. Le sue decisioni restano scritte. Si può riabilitare."),
        N_("Disabilita"),
        _disable,
    ),
    "abilitato": Step(
        N_("Abilitare l'utente"),
        N_("Potrà accedere di nuovo con la sua password e i suoi ruoli."),
        N_("Abilita"),
        _enable,
    ),
    "sessioni": Step(
        N_("Terminare le sessioni"),
        N_("L'utente esce subito da ogni dispositivo e deve accedere di nuovo."),
        N_("Termina le sessioni"),
        _end_sessions,
    ),
    "fattore": Step(
        N_("Togliere il secondo fattore"),
        N_("Per chi ha perso il telefono e i codici di recupero. Accertarsi di persona che sia lui a chiederlo: fino al nuovo secondo fattore basta la password."),
        N_("Togli il secondo fattore"),
        _reset_factor,
    ),
    "password": Step(
        N_("Codice per una nuova password"),
        N_("Il codice sarà mostrato una volta sola. Darlo all'utente di persona o per una via sicura; la password di ora vale fino ad allora."),
        N_("Mostra il codice"),
        _new_code,
    ),
}  # fmt: skip


def _step(request: web.Request) -> Step:
    step = STEPS.get(request.match_info["step"])
    if step is None:
        raise NotFoundError("not-found", N_("indirizzo inesistente"))
    return step


@needs(Permission.USERS_WRITE)
async def ask(request: web.Request) -> web.StreamResponse:
    """Say what is about to be done to an account and ask whether it shall be."""
    return _asked(request, _step(request), await _account(request))


def _asked(request: web.Request, step: Step, account: Account, error: CallerError | None = None) -> web.Response:
    path = f"{USERS}/{account.account_id}"
    return admin_frame.show(request, "user_confirm.html", error, {}, step=step, account=account, here_path=path)


@needs(Permission.USERS_WRITE)
async def do(request: web.Request) -> web.StreamResponse:
    """Do it; the last administrator is not taken away."""
    step, account = _step(request), await _account(request)
    try:
        made = await step.work(request, account.name)
    except CallerError as error:
        return _asked(request, step, account, error)
    await admin_frame.decided(request)
    if made is not None:
        return _code(request, made)
    return admin_frame.go(f"{USERS}/{account.account_id}", request.match_info["step"])
