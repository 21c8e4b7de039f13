"""``rete agreement propose``: the next version of the agreement, unsigned, with what changes in plain words.

In: changes as options, several at once. Out: a file that the council signs. It stands on what is in force in this home.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import orjson

from node import runtime
from node.cli.agreement_files import FILE, FORCE, OUT, file_named, judged, read, read_card, read_request, write
from node.cli.agreement_make import EXPIRES, PDF, PDF_SHA256, last_second, numbers_of, pdf_hash
from node.cli.agreement_print import show_differences, show_words, told, warn
from node.cli.frame import Face, command
from node.config_checks import is_peer_url
from node.errors import N_, CallerError, NotFoundError, PeerWrongError
from node.flows.trust import council, council_edits, council_first, enrol
from node.flows.trust.agreement_said import changes
from node.flows.trust.council_draft import YEAR
from node.flows.trust.council_edits import CouncilEdits, Edits
from node.flows.trust.enrol import Asked
from node.protocol import agreement
from node.protocol.agreement_values import Node
from node.protocol.enrolment import digits_of, words
from node.store import agreement as store
from node.store.postgres import Connection, acquire

_OPTIONS = (
    click.option("--admit", multiple=True, metavar="FILE|IMPRONTA", help="Fa entrare chi ha chiesto: il file della richiesta, o l'impronta di una in attesa."),
    click.option("--suspend", multiple=True, metavar="ID", help="Sospende un ente."),
    click.option("--readmit", multiple=True, metavar="ID", help="Riammette un ente sospeso; chi è uscito torna con una richiesta nuova (--admit)."),
    click.option("--leave", multiple=True, metavar="ID", help="Fa uscire un ente; i suoi registri finiscono dove questo nodo li conosce."),
    click.option("--change", multiple=True, type=FILE, metavar="FILE", help="Sostituisce la voce di un ente con quella del file JSON."),
    click.option("--url", "urls", multiple=True, metavar="ID=URL", help="Cambia l'indirizzo di un ente."),
    click.option("--council-add", multiple=True, type=FILE, metavar="FILE", help="Biglietto di una chiave che entra nel consiglio."),
    click.option("--council-remove", multiple=True, metavar="CHIAVE", help="Identificativo di una chiave che ne esce."),
    click.option("--threshold", type=click.IntRange(1, 32), help="Quante firme del consiglio servono."),
    click.option("--secretariat-add", multiple=True, type=FILE, metavar="FILE", help="Biglietto di una chiave che entra in segreteria."),
    click.option("--secretariat-remove", multiple=True, metavar="CHIAVE", help="Identificativo di una chiave che ne esce."),
    click.option("--secretariat-threshold", type=click.IntRange(1, 32), help="Quante firme della segreteria servono."),
    click.option("--term", "terms", multiple=True, metavar="NOME=N", help="Cambia un termine (k_min=6)."),
    click.option("--data-add", multiple=True, metavar="TIPO", help="Aggiunge un tipo di dati che si possono pubblicare (session/1)."),
    click.option("--data-remove", multiple=True, metavar="TIPO", help="Toglie un tipo di dati che si possono pubblicare."),
    PDF,
    PDF_SHA256,
    EXPIRES,
    click.option("--renew", is_flag=True, help="Rinnova per un anno da oggi."),
    OUT,
    FORCE,
)  # fmt: skip


def add_to(group: click.Group) -> None:
    """Add the command of this file."""

    @_with_options
    async def propose(face: Face, out: Path, force: bool, **given: Any) -> None:
        """Write the next version."""
        await _propose(face, out, given, force=force)

    command(group, "propose", help="Scrive la prossima versione del protocollo d'intesa, e dice che cosa cambia.")(propose)  # fmt: skip


def _with_options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


async def _propose(face: Face, out: Path, given: dict[str, Any], *, force: bool) -> None:
    async with runtime.open_node(face.home) as node:
        now, state = node.clock(), council.place_of(node.agreement).in_force
        async with acquire(node.pool) as conn:
            edits = await _edits(conn, given, now)
            ends = await council_edits.ends_of(conn, edits.leave)
    draft = council_edits.edited(council.drafted(state), edits, now, ends)
    warnings = council_edits.warnings(draft, edits)
    raw = council.propose(state, draft, now)
    write(out, raw, replace=force)
    found = agreement.parse(raw)
    said = told(face, changes(state.agreement, state.nodes, found))
    doubts = [*warnings, *council_first.doubts(found, now)]
    admitted = [
        {"id": one.node.id, "name": one.node.name, "fingerprint": one.fingerprint, "words": " ".join(one.words)}
        for one in edits.admit
    ]
    fingerprint = words(bytes.fromhex(found.digest))
    facts = {
        "file": str(out),
        "version": found.version,
        "digest": found.digest,
        "fingerprint": " ".join(fingerprint),
        "differences": said,
        "admitted": admitted,
        "warnings": told(face, doubts),
    }

    def human() -> None:
        face.say(N_("Scritta la proposta della versione {version} in {file}:"), version=found.version, file=out)
        show_differences(face, said)
        for one in edits.admit:
            title = N_("Impronta della richiesta di {name} ({id}), confrontata per telefono con chi chiede?")
            show_words(face, title, one.words, name=one.node.name, id=one.node.id)
        warn(face, doubts)
        show_words(face, N_("Impronta, che ogni firmatario confronta prima di firmare:"), fingerprint)
        face.say(N_("Ora, ogni firmatario: «rete agreement sign {file} --key CHIAVE --base BASE» (BASE lo scrive «rete agreement show -o BASE»); poi «rete agreement submit {file}»."), file=out)  # fmt: skip

    face.emit(facts, human)


async def _edits(conn: Connection, given: dict[str, Any], now: dt.datetime) -> Edits:
    """Return the changes that the options say."""
    if given["renew"] and given["expires"]:
        raise CallerError("usage", N_("indicare --renew o --expires, non tutti e due"), where="--renew")
    last_day = (now + YEAR).date() if given["renew"] else given["expires"]
    return Edits(
        admit=tuple([await _request(conn, named) for named in given["admit"]]),
        suspend=given["suspend"],
        readmit=given["readmit"],
        leave=given["leave"],
        change=tuple(_entry(path) for path in given["change"]),
        move=tuple(_address(text) for text in given["urls"]),
        council=CouncilEdits(_cards(given["council_add"]), given["council_remove"], given["threshold"]),
        secretariat=CouncilEdits(
            _cards(given["secretariat_add"]), given["secretariat_remove"], given["secretariat_threshold"]
        ),
        terms=numbers_of(",".join(given["terms"])),
        data_add=given["data_add"],
        data_remove=given["data_remove"],
        pdf_sha256=pdf_hash(given["pdf"], given["pdf_sha256"]),
        expires=None if last_day is None else last_second(last_day, now),
    )


def _cards(paths: tuple[Path, ...]) -> tuple[Any, ...]:
    return tuple(read_card(path) for path in paths)


async def _request(conn: Connection, named: str) -> Asked:
    """Return a request by its file, or one that waits here by the first eight digits or more of its fingerprint.

    Raises: NotFoundError(enrolment-unknown), or as ``read_request``.
    """
    file = file_named(named)
    if file is not None:
        return read_request(file)
    return enrol.read((await waiting_request(conn, named)).raw)


async def waiting_request(conn: Connection, named: str) -> store.Request:
    """Return the waiting request whose fingerprint begins so, in digits or in words. Raises: NotFoundError(enrolment-unknown)."""
    digits = digits_of(named)
    found = [one for one in await store.read_requests(conn) if len(digits) >= 8 and one.fingerprint.startswith(digits)]
    if len(found) != 1:
        raise NotFoundError(
            "enrolment-unknown",
            N_("né un file né una richiesta in attesa: «{named}»"),
            where=named[:400],
            hint=N_(
                "«rete agreement requests» elenca quelle in attesa; bastano le prime otto parole dell'impronta, tra virgolette, o otto cifre"
            ),
            named=named[:400],
        )
    return found[0]


def _entry(path: Path) -> Node:
    try:
        value = orjson.loads(read(path))
    except orjson.JSONDecodeError as error:
        raise CallerError(
            "agreement-entry-bad",
            N_("il file non è JSON"),
            where=str(path),
            hint=N_("«rete agreement show --entry ID» scrive la voce intera di un ente, da cambiare"),
        ) from error
    try:
        return agreement.node_of(value)
    except PeerWrongError as error:
        raise judged(path, error) from error


def _address(text: str) -> tuple[str, str]:
    node_id, _, url = text.partition("=")
    if not is_peer_url(url):
        raise CallerError(
            "peer-url-bad",
            N_("l'indirizzo del nodo deve essere https, con il solo host"),
            where="--url",
            hint=N_("scrivere ID=URL, per esempio p_AR=https://ar.example.it, senza barra finale"),
        )
    return node_id, url
