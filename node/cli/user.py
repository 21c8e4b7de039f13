"""``rete user``: who may sign in to the office's pages, with which roles; no password ever stands on a command line."""

from __future__ import annotations

import dataclasses
from typing import Any

import click

from node import runtime
from node.cli.frame import Face, command
from node.cli.officer import BY, deciding, name_of
from node.domain.roles import needs_second_factor, roles_of
from node.errors import N_
from node.flows.people import accounts as flow
from node.flows.people.accounts import Code
from node.runtime import Node
from node.store.accounts import Account

ROLE = click.option("--role", "roles", multiple=True, metavar="RUOLO", help="Un ruolo; si può ripetere.")
NAME = click.argument("name", metavar="NOME")


@click.group("user", help="Utenti delle pagine dell'ufficio: ruoli, accesso, sessioni.")
def user() -> None:
    """Hold the commands."""


def _code(face: Face, node: Node, made: Code, **more: Any) -> None:
    where = f"{node.public_url}/entra/password"
    value = {"name": made.name, **more, "address": where, "code": made.code, "expires_at": made.expires_at}

    def human() -> None:
        face.say(N_("Utente: {name}."), name=made.name)
        face.say(N_("Per fare la password aprire {address} e scrivere il codice:"), address=where)
        face.say("{code}", code=made.code)
        face.say(N_("Il codice è mostrato solo ora; vale una volta, fino al {until:%d/%m/%Y %H:%M} (UTC)."), until=made.expires_at)  # fmt: skip

    face.emit(value, human)


@command(user, "add", help="Aggiunge un utente e mostra il codice con cui farà la sua password.")
@NAME
@ROLE
@BY
async def add(face: Face, name: str, roles: tuple[str, ...], officer: str | None) -> None:
    """Make an account."""
    wanted = roles_of(roles)
    async with deciding(face) as node:
        settings, now = node.sign_in_settings(), node.clock()
        made = await flow.create(node.pool, settings, now, name=name, roles=wanted, officer=name_of(officer))
        _code(face, node, made, roles=sorted(wanted))


@command(user, "list", help="Gli utenti, i loro ruoli e come accedono.")
async def list_(face: Face) -> None:
    """Show all accounts."""
    async with runtime.open_node(face.home) as node:
        found = await flow.list_all(node.pool, node.clock())

    def human() -> None:
        columns = (N_("nome"), N_("ruoli"), N_("stato"), N_("password"), N_("secondo fattore"), N_("fornitore di identità"), N_("sessioni"))  # fmt: skip
        face.table("", columns, [_row(face, account) for account in found])

    face.emit({"users": [_facts(account) for account in found]}, human)


def _facts(account: Account) -> dict[str, Any]:
    return dataclasses.asdict(account)


def _row(face: Face, account: Account) -> tuple[object, ...]:
    yes, no = face.tr(N_("sì")), face.tr(N_("no"))
    state = face.tr(N_("disabilitato") if account.disabled_at else N_("abilitato"))
    has = (account.has_password, account.factor_at is not None)
    return (
        account.name,
        ", ".join(account.roles),
        state,
        *(yes if each else no for each in has),
        account.external_name or "",
        account.sessions,
    )


@command(
    user, "roles", help="Dà a un utente esattamente questi ruoli; senza --role li mostra. Le sue sessioni finiscono."
)
@NAME
@ROLE
@BY
async def roles(face: Face, name: str, roles: tuple[str, ...], officer: str | None) -> None:
    """Show or change an account's roles."""
    wanted = roles_of(roles)
    async with deciding(face) as node:
        if wanted:
            await flow.set_roles(node.pool, name=name, roles=wanted, officer=name_of(officer))
        found = await flow.read(node.pool, node.clock(), name)
    value = {"name": found.name, "roles": list(found.roles)}
    face.emit(value, lambda: face.say(N_("{name}: {roles}"), name=found.name, roles=", ".join(found.roles)))


@command(user, "disable", help="Un utente non entra più; le sue sessioni finiscono subito.")
@NAME
@BY
async def disable(face: Face, name: str, officer: str | None) -> None:
    """Let an account in no more."""
    async with deciding(face) as node:
        changed = await flow.disable(node.pool, node.clock(), name=name, officer=name_of(officer))
        found = await flow.read(node.pool, node.clock(), name)
    face.emit(
        {"name": found.name, "enabled": False, "changed": changed},
        lambda: face.say(N_("«{name}» è disabilitato"), name=found.name),
    )


@command(user, "enable", help="Un utente disabilitato entra di nuovo.")
@NAME
@BY
async def enable(face: Face, name: str, officer: str | None) -> None:
    """Let an account in again."""
    async with deciding(face) as node:
        changed = await flow.enable(node.pool, name=name, officer=name_of(officer))
        found = await flow.read(node.pool, node.clock(), name)
    face.emit(
        {"name": found.name, "enabled": True, "changed": changed},
        lambda: face.say(N_("«{name}» è abilitato"), name=found.name),
    )


@command(
    user, "password", help="Mostra un codice con cui l'utente fa una nuova password; quella di ora vale fino ad allora."
)
@NAME
@BY
async def password(face: Face, name: str, officer: str | None) -> None:
    """Make a code for a new password."""
    async with deciding(face) as node:
        made = await flow.new_code(
            node.pool, node.sign_in_settings(), node.clock(), name=name, officer=name_of(officer)
        )
        _code(face, node, made)


@command(user, "link", help="Lega un utente al nome con cui lo conosce il fornitore di identità; --none lo slega.")
@NAME
@click.option("--as", "external", metavar="NOME", help="Il valore di [web.oidc] claim per questa persona.")
@click.option("--none", "unlink", is_flag=True, help="Nessun nome: l'utente entra solo con la password.")
@BY
async def link(face: Face, name: str, external: str | None, unlink: bool, officer: str | None) -> None:
    """Tie an account to a name at the identity provider."""
    if (external is None) != unlink:
        raise click.UsageError(face.tr(N_("serve --as oppure --none")))
    async with deciding(face) as node:
        await flow.link(node.pool, name=name, external_name=external, officer=name_of(officer))
        found = await flow.read(node.pool, node.clock(), name)
    face.emit(
        {"name": found.name, "external_name": found.external_name},
        lambda: face.say(N_("{name}: {external}"), name=found.name, external=found.external_name or "-"),
    )


@command(user, "sessions", help="Dove un utente è collegato; --end le termina tutte.")
@NAME
@click.option("--end", is_flag=True, help="Terminarle tutte.")
@BY
async def sessions(face: Face, name: str, end: bool, officer: str | None) -> None:
    """Show or end an account's sessions."""
    async with deciding(face) if end else runtime.open_node(face.home) as node:
        ended = await flow.end_sessions(node.pool, name=name, officer=name_of(officer)) if end else 0
        found = await flow.list_sessions(node.pool, node.sign_in_settings(), node.clock(), name=name)

    def human() -> None:
        if end:
            face.say(N_("Sessioni terminate: {count}."), count=ended)
            return
        columns = (N_("sessione"), N_("iniziata"), N_("usata"), N_("fino a"), N_("accesso"))
        face.table(
            "",
            columns,
            [
                (s.session_id, *(f"{at:%d/%m/%Y %H:%M}" for at in (s.made_at, s.seen_at, s.expires_at)), s.method)
                for s in found
            ],
        )

    face.emit({"sessions": [dataclasses.asdict(session) for session in found], "ended": ended}, human)


@command(user, "second-factor", help="Dice se un utente ha un secondo fattore; --reset lo toglie a chi lo ha perso.")
@NAME
@click.option("--reset", is_flag=True, help="Toglierlo: al prossimo accesso ne registra un altro.")
@BY
async def second_factor(face: Face, name: str, reset: bool, officer: str | None) -> None:
    """Show an account's second factor, or take it away."""
    async with deciding(face) as node:
        changed = reset and await flow.reset_factor(node.pool, name=name, officer=name_of(officer))
        found = await flow.read(node.pool, node.clock(), name)
    there = found.factor_at is not None
    required = needs_second_factor(roles_of(found.roles))
    face.emit(
        {"name": found.name, "registered": there, "required": required, "changed": changed},
        lambda: face.say(
            N_("{name}: {state}"),
            name=found.name,
            state=face.tr(N_("secondo fattore registrato") if there else N_("secondo fattore non registrato")),
        ),
    )
