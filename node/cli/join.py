"""``rete join``: from an empty folder, or a home that follows nobody yet, to a request that waits for the council.

In: a member's address, and what a new home must be told. Out: a home that follows the agreement, and its request left at that member or in a
file. What it trusts is what two people compared by telephone: the words of the first version.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from node import config as configuration
from node import runtime
from node.cli.agreement_files import EXPECT, YES, confirm
from node.cli.agreement_print import show_request, show_words
from node.cli.frame import Face, command
from node.cli.home import naming_options
from node.config import Config
from node.config_checks import is_peer_url
from node.config_places import CONFIG_FILE
from node.domain.days import day_of
from node.errors import N_, CallerError, ReteError
from node.flows.trust import agreement as in_force
from node.flows.trust import council, enrol, pinning
from node.flows.trust import join as flow
from node.flows.trust.enrol import Asked
from node.flows.trust.join import Standing, words_of
from node.flows.trust.peer_card import quoted
from node.flows.upkeep.home import Facts, config_text, new_home, with_setting
from node.peers.client import PeerClient, open_session
from node.protocol.agreement_values import Agreement
from node.store import joined, keyfiles, pin

SAID = {
    Standing.ADMITTED: N_("Questo nodo è nella federazione dal {since:%d/%m/%Y}."),
    Standing.SUSPENDED: N_("Questo nodo è sospeso dal {since:%d/%m/%Y}: gli altri non rispondono alle sue richieste."),
    Standing.LEFT: N_("Questo nodo è uscito dalla federazione il {since:%d/%m/%Y}."),
    Standing.PENDING: N_("La richiesta è in attesa: la segreteria confronta l'impronta, il consiglio firma."),
    Standing.GONE: N_("La richiesta non è più in attesa e il nodo non è stato ammesso: rifiutata o scaduta. Chiedere alla segreteria."),
    Standing.UNKNOWN: N_("Il nodo presso cui si è chiesto non risponde: la richiesta resta nel file {file}."),
}  # fmt: skip


@click.group("top", hidden=True)
def _top() -> None:
    """Hold the command."""


@command(_top, "join", help="Entra in una federazione: legge e fissa il suo protocollo d'intesa, e chiede l'adesione.")
@click.argument("url", metavar="[URL]", required=False)
@click.option("--status", is_flag=True, help="Dice a che punto è la richiesta già fatta.")
@click.option("--expect", metavar="IMPRONTA", help="La prima versione attesa: le 64 cifre della sua impronta, meglio, o le 32 parole avute per telefono.")  # fmt: skip
@YES
@click.option("--id", "node_id", help="Codice IPA o identificativo libero.")
@click.option("--name", help="Nome dell'amministrazione.")
@click.option("--territory", multiple=True, help="Sigla o codice NUTS; ripetibile.")
@click.option("--authority", help="Host pubblico[:porta] del nodo.")
@click.option("--port", default=8441, show_default=True, type=click.IntRange(1, 65535), help="Porta di ascolto.")
@click.option("--contact", default="", help="Posta elettronica di chi risponde per l'amministrazione.")
@click.option("--database-url", default="", help="PostgreSQL >= 15; se manca, quello incluso.")
async def join(
    face: Face,
    url: str | None,
    status: bool,
    expect: str | None,
    yes: bool,
    node_id: str | None,
    name: str | None,
    territory: tuple[str, ...],
    authority: str | None,
    port: int,
    contact: str,
    database_url: str,
) -> None:
    """Join, or say how a request stands."""
    if status:
        await _status(face)
        return
    if url is None or not is_peer_url(url):
        raise CallerError(
            "peer-url-bad",
            N_("l'indirizzo del nodo deve essere https, con il solo host"),
            where="URL",
            hint=N_("per esempio https://ar.example.it, senza barra finale"),
        )
    made = {"--id": node_id, "--name": name, "--territory": territory, "--authority": authority}
    facts = None
    if not (face.home / CONFIG_FILE).exists():
        facts = _facts({option: value for option, value in made.items() if value}, port, database_url)
    await _join(face, url, facts, contact, expect, yes=yes)


def _facts(made: dict[str, Any], port: int, database_url: str) -> Facts:
    """Return what a new home is told. Raises: CallerError(join-option-missing): nobody joins under another's name unawares."""
    for option in ("--id", "--name", "--territory", "--authority"):
        if option not in made:
            raise CallerError(
                "join-option-missing",
                N_("per fare un nodo nuovo manca {option}"),
                where=option,
                hint=N_("servono --id, --name, --territory e --authority; «rete join --help» li spiega"),
                option=option,
            )
    return Facts(
        id=made["--id"],
        name=made["--name"],
        ipa_code=made["--id"] if "_" in made["--id"] else "",
        territory=made["--territory"],
        authority=made["--authority"],
        port=port,
        epoch=runtime.utc_now().year,
        database_url=database_url,
    )


@contextmanager
def _home(home: Path, facts: Facts | None, contact: str) -> Iterator[Config]:
    """Make a new home, or read the one that is there; a new one is taken away again if the block fails."""
    if facts is None:
        yield runtime.read_config(home)
        return
    with naming_options(), new_home(home, facts):
        path = home / CONFIG_FILE
        if contact:
            path.write_text(with_setting(path.read_text(encoding="utf-8"), "web", "contact", quoted(contact)), encoding="utf-8")  # fmt: skip
        yield runtime.read_config(home)


@dataclass(frozen=True, slots=True)
class _Joined:
    """What joining left: the request, whether it waits at the member, and how the node stands."""

    asked: Asked
    standing: Standing
    code: str
    newest: Agreement
    expired: bool


async def _join(face: Face, url: str, facts: Facts | None, contact: str, expect: str | None, *, yes: bool) -> None:
    home, now = face.home, runtime.utc_now()
    config = _planned(home, facts)
    async with open_session(loopback=config.is_trial) as session:
        client = PeerClient(session, url)
        first = await flow.begin(client)
        # Before people are asked to compare anything: it would be in vain.
        pinning.check(home, config, first)
        _compare(face, first, expect, yes=yes)
        chain = await flow.fetch(client, first, now)
        _say_newest(face, chain.newest, now)
        with _home(home, facts, contact) as made:
            held = keyfiles.read(home / made.federation.keys)
            asked = enrol.request_of(made, held, contact or made.web.contact, now)
            asked = enrol.same_or_new(joined.read_request(home), asked)
            # Before anything is pinned: whoever took another's id would have a home that follows the wrong node.
            standing = flow.standing_in(chain.newest, made.node.id, asked)
            with pinning.pinned(home, made, chain.first.raw):
                async with runtime.open_node(home) as node:
                    place = council.place_of(node.agreement)
                    await in_force.apply_all(node.pool, place, chain.kept[1:], now)
                joined.write(home, url, asked.raw)
        code = ""
        if standing is None or standing is Standing.LEFT:
            standing, code = await _sent(client, asked)
    _tell(face, url, _Joined(asked, standing, code, chain.newest, chain.newest.is_expired(now)))


async def _sent(client: PeerClient, asked: Asked) -> tuple[Standing, str]:
    """Leave the request at the member; the home is whole also where that fails."""
    try:
        await flow.send(client, asked)
    except ReteError as error:
        return Standing.UNKNOWN, str(error.facts.get("problem") or error.code)
    return Standing.PENDING, ""


def _planned(home: Path, facts: Facts | None) -> Config:
    """Return the configuration that the home has, or will have: what is wrong with it is told before anything is fetched."""
    if facts is None:
        return runtime.read_config(home)
    with naming_options():
        return configuration.parse(config_text(facts), file=str(home / CONFIG_FILE))


def _compare(face: Face, first: Agreement, expect: str | None, *, yes: bool) -> None:
    """Have people compare the first version, unless the command was told what to expect."""
    title = N_("Impronta della PRIMA versione del protocollo d'intesa:")
    show_words(face, title, words_of(first), first.digest)
    if expect is not None:
        flow.check_words(first, expect)
        return
    face.say(N_("Telefonare alla segreteria, a un numero che si conosce, e confrontare le parole una per una."))
    confirm(face, N_("Le parole della prima versione sono le stesse?"), yes=yes, hint=EXPECT)


def _say_newest(face: Face, newest: Agreement, now: dt.datetime) -> None:
    """Say by which version the node will live, and until when; one that has expired may not be the newest that there is."""
    title = N_(
        "La più recente che questo nodo dà è la versione {version}, che scade il {expires:%d/%m/%Y}. La sua impronta:"
    )
    show_words(face, title, words_of(newest), newest.digest, version=newest.version, expires=newest.expires)
    if newest.is_expired(now):
        face.say(N_("ATTENZIONE: è SCADUTA. O il consiglio non l'ha ancora rinnovata, e allora nessuno entra, o questo nodo è rimasto indietro o nasconde le versioni seguenti: chiedere alla segreteria quale versione è in vigore."))  # fmt: skip


def _tell(face: Face, url: str, done: _Joined) -> None:
    asked, node = done.asked, done.asked.node
    facts = {
        "home": str(face.home),
        "id": node.id,
        "url": node.url,
        "joined_by": url,
        "version": done.newest.version,
        "expires": done.newest.expires,
        "expired": done.expired,
        "state": done.standing.value,
        "fingerprint": asked.fingerprint,
        "words": " ".join(asked.words),
        "request": str(face.home / joined.REQUEST),
        "error_code": done.code,
    }

    def human() -> None:
        show_request(face, asked)
        if done.standing is Standing.ADMITTED:
            face.say(N_("Il nodo è già nella federazione: basta «rete serve --home {home}»."), home=face.home)
            return
        if done.standing is Standing.PENDING:
            face.say(N_("La richiesta è arrivata a {url}."), url=url)
        else:
            face.say(N_("La richiesta NON è arrivata [{code}]: mandare alla segreteria, per PEC, il file {file}."), code=done.code, file=face.home / joined.REQUEST)  # fmt: skip
        face.say(N_("Ora: leggere l'impronta della richiesta alla segreteria, per telefono; poi «rete serve --home {home}».\nQuando il consiglio ha firmato il nodo comincia a prelevare da solo. «rete join --status --home {home}» dice a che punto è."), home=face.home)  # fmt: skip

    face.emit(facts, human)


async def _status(face: Face) -> None:
    """Say how the request stands: by the agreement itself, else by the member where it was left."""
    home = face.home
    raw, url = joined.read_request(home), pin.read_joined(home) or ""
    if raw is None:
        raise CallerError(
            "join-not-asked",
            N_("questo nodo non ha ancora chiesto di entrare in nessuna federazione"),
            where=str(home),
            hint=N_("«rete join URL» chiede l'adesione; URL è l'indirizzo di un nodo che ne fa parte"),
        )
    asked = enrol.read(raw)
    async with runtime.open_node(home) as node, node.session() as session:
        client, place = PeerClient(session, url), council.place_of(node.agreement)
        # Whoever cannot be reached says nothing new; what is in force here stands.
        with contextlib.suppress(ReteError):
            await flow.catch_up(client, node.pool, place, node.clock())
        found = place.in_force.agreement
        standing = flow.standing_in(found, node.configured.node.id, asked)
        if standing is None:
            standing = await flow.ask_standing(client, asked)
    listed = found.node(asked.node.id)
    since = None if listed is None else day_of(listed.since)
    facts = {
        "id": asked.node.id,
        "state": standing.value,
        "since": since,
        "version": found.version,
        "joined_by": url,
        "fingerprint": asked.fingerprint,
        "words": " ".join(asked.words),
    }
    face.emit(facts, lambda: face.say(SAID[standing], since=since, file=home / joined.REQUEST))
