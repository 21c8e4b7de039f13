"""``rete saved add | watch | list | remove | run``: searches that tell somebody what is new, by feed, daily digest or webhook."""

from __future__ import annotations

import dataclasses
from typing import Any

import click

from node import runtime
from node.cli.frame import Face, command
from node.cli.search import filters
from node.domain.programme.announcement import KINDS, LINE_TITLES
from node.domain.query import parse
from node.domain.saved import EMAIL, WEBHOOK, read_query
from node.errors import N_
from node.flows.programme import catalogue
from node.flows.searching import saved as flow
from node.flows.searching import tell, watch
from node.peers.client import open_session
from node.runtime import Node
from node.store.reference import load_label_reference
from node.store.saved import CATALOGUE, OFFICE
from node.store.telling import Listed


@click.group("saved", help="Ricerche salvate: novità per feed, posta o webhook.")
def saved() -> None:
    """Hold the commands."""


@command(saved, "add", help="Salva una ricerca: da ora ne racconta le novità.")
@click.argument("title", metavar="TITOLO")
@click.argument("words", nargs=-1, metavar="[PAROLE]")
@filters
@click.option("--email", metavar="INDIRIZZO", help="Riceve un riepilogo al giorno, quando c'è qualcosa di nuovo.")
@click.option("--webhook", metavar="URL", help="Riceve le novità appena arrivano, in JSON firmato (RFC 9421).")
async def add(
    face: Face, title: str, words: tuple[str, ...], email: str | None, webhook: str | None, **options: str | None
) -> None:
    """Save a search."""
    given = [("q", " ".join(words)), *((name, value) for name, value in options.items() if value is not None)]
    query = parse(given, load_label_reference())
    async with runtime.open_node(face.home) as node:
        settings, has_mail = node.saved_settings(), bool(node.config.mail.host)
        made = await tell.save(
            node.pool,
            settings,
            title,
            query,
            node.clock(),
            email=email,
            webhook=webhook,
            has_mail=has_mail,
        )
        feed = None if email or webhook else _feed(node, made.search_id)
    value = {"search_id": made.search_id, "title": made.title, "query": read_query(made.query), "feed": feed}

    def human() -> None:
        face.say(N_("Ricerca salvata: {id}."), id=made.search_id)
        if feed:
            face.say(N_("Feed: {url}"), url=feed)

    face.emit(value, human)


@command(
    saved,
    "watch",
    help="Salva una ricerca nel catalogo: ne racconta per posta ciò che è nuovo, cambiato, ritirato o in scadenza.",
)
@click.argument("title", metavar="TITOLO")
@click.argument("words", nargs=-1, metavar="[PAROLE]")
@click.option("--kind", type=click.Choice(KINDS), help="Solo annunci di questo tipo.")
@click.option("--line", type=click.Choice(tuple(LINE_TITLES)), help="Solo servizi di questa linea di assistenza.")
@click.option("--region", metavar="REGIONE", help="Solo per questa regione: codice NUTS (ITF4) o nome.")
@click.option("--owner", metavar="NODO", help="Solo di questo ente.")
@click.option(
    "--email", required=True, metavar="INDIRIZZO", help="Riceve un riepilogo al giorno, quando c'è qualcosa da dire."
)
async def watch_(face: Face, title: str, words: tuple[str, ...], email: str, **options: str | None) -> None:
    """Save a search of the catalogue."""
    given = [("q", " ".join(words)), *((name, value) for name, value in options.items() if value is not None)]
    async with runtime.open_node(face.home) as node:
        query = catalogue.read_query(given, node.clock())
        has_mail = bool(node.config.mail.host)
        made = await watch.save(
            node.pool, node.saved_settings(), title, query, node.clock(), email=email, has_mail=has_mail
        )
    value = {"search_id": made.search_id, "title": made.title, "query": read_query(made.query)}
    face.emit(value, lambda: face.say(N_("Ricerca salvata: {id}."), id=made.search_id))


def _feed(node: Node, search_id: str) -> str:
    return f"{node.public_url}/api/v1/saved-searches/{search_id}/feed.atom"


@command(saved, "list", help="Le ricerche salvate, chi avvisano e come va.")
async def list_(face: Face) -> None:
    """Show all saved searches."""
    async with runtime.open_node(face.home) as node:
        found = await tell.list_all(node.pool)

    def human() -> None:
        columns = (
            N_("ricerca"),
            N_("titolo"),
            N_("dove"),
            N_("fatta da"),
            N_("posta"),
            N_("webhook"),
            N_("ultimo avviso"),
            N_("errore"),
        )
        face.table("", columns, [_row(face, item) for item in found])

    face.emit({"searches": [_facts(item) for item in found]}, human)


def _facts(item: Listed) -> dict[str, Any]:
    return {
        **dataclasses.asdict(item),
        "query": read_query(item.query),
        "channels": [dataclasses.asdict(channel) for channel in item.channels],
    }


def _row(face: Face, item: Listed) -> tuple[object, ...]:
    by = {channel.channel: channel for channel in item.channels}
    told = max((c.told_at for c in item.channels if c.told_at), default=None)
    left = face.tr(N_("disiscritto"))

    def shown(name: str) -> str:
        return (by[name].address or left) if name in by else ""

    made_by = face.tr(N_("ufficio")) if item.made_by == OFFICE else "API"
    errors = ", ".join(c.error_code for c in item.channels if c.error_code)
    return (
        item.search_id,
        item.title,
        face.tr(N_("catalogo")) if item.corpus == CATALOGUE else face.tr(N_("profili")),
        made_by,
        shown(EMAIL),
        shown(WEBHOOK),
        f"{told:%d/%m/%Y %H:%M}" if told else "",
        errors,
    )


@command(saved, "remove", help="Cancella una ricerca salvata, con i suoi indirizzi.")
@click.argument("search_id", metavar="ID")
async def remove(face: Face, search_id: str) -> None:
    """Erase a saved search."""
    async with runtime.open_node(face.home) as node:
        await flow.delete(node.pool, search_id)
    face.emit({"search_id": search_id.lower(), "removed": True}, lambda: face.say(N_("Ricerca cancellata.")))


@command(saved, "run", help="Cerca ora le novità e manda ciò che è dovuto; «rete serve» lo fa da sé ogni minuto.")
async def run(face: Face) -> None:
    """Look for news and send what is due."""
    async with runtime.open_node(face.home) as node:
        loopback = node.config.is_trial
        async with open_session(loopback=loopback, total_s=node.config.sync.request_timeout_s) as session:
            told = await tell.tell_due(
                node.pool, node.saved_settings(), node.outward(session), load_label_reference(), node.clock
            )

    def human() -> None:
        face.say(
            N_("Novità: {found}; messaggi di posta: {email}; webhook: {webhook}; non riusciti: {failed}."),
            **dataclasses.asdict(told),
        )

    face.emit(dataclasses.asdict(told), human)
