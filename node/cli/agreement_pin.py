"""``rete agreement apply`` of a first version, and ``unpin``: whom a home trusts from here on, and taking that back while it is early.

In: a file, what two people compared by telephone; a home. Out: a home that follows, or follows nobody again. Nothing is pinned before everything
that could be wrong with it is told, and nothing unasked: with other keys, signatures of all would be needed anew.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click

from node import runtime
from node.cli.agreement_files import EXPECT, YES, confirm, judged
from node.cli.agreement_print import agreement_json, show_words, warn
from node.cli.frame import Face, command
from node.errors import N_, CallerError, PeerWrongError
from node.flows.trust import council, council_first, enrol, join, pinning
from node.protocol import agreement
from node.protocol.agreement_values import Agreement
from node.store import keyfiles


def add_to(group: click.Group) -> None:
    """Add the command of this file."""

    @command(group, "unpin", help="Toglie la prima versione fissata per errore, finché questo nodo non ci ha costruito nulla sopra.")  # fmt: skip
    @YES
    async def unpin(face: Face, yes: bool) -> None:
        """Take a pin back while nothing stands on it."""
        await _unpin(face, yes=yes)


async def pin_first(face: Face, file: Path, raw: bytes, expect: str | None, *, yes: bool) -> None:
    """Pin a first version, if the home can live by it and somebody says so."""
    home, now = face.home, runtime.utc_now()
    config = runtime.read_config(home)
    held = keyfiles.read(home / config.federation.keys)
    try:
        first = agreement.first(raw)
        if expect is not None:
            join.check_words(first, expect)
        known = pinning.check(home, config, first)
        # Whoever took another's id would have a home that follows the wrong node.
        join.standing_in(first, config.node.id, enrol.asked_of(config, held, now))
        if not known:
            _agree(face, file, first, expect, now, yes=yes)
        with pinning.pinned(home, config, raw) as found:
            async with runtime.open_node(home) as node:
                now = node.clock()
    except PeerWrongError as error:
        raise judged(file, error) from error

    def human() -> None:
        if known:
            face.say(N_("Questa prima versione è già fissata in questa cartella: nulla cambia."))
            return
        face.say(N_("Da ora questo nodo segue il protocollo d'intesa. Se «rete serve» è in funzione, riavviarlo."))
        show_words(face, N_("Impronta della prima versione:"), pinning.words_of(found), found.digest)

    face.emit({**agreement_json(found, now), "pinned": True, "changed": not known}, human)


def _agree(face: Face, file: Path, first: Agreement, expect: str | None, now: dt.datetime, *, yes: bool) -> None:
    """Have a first version compared and wanted. Raises: CallerError(agreement-pin-expired | confirmation-missing)."""
    if first.is_expired(now) and expect is None:
        raise CallerError(
            "agreement-pin-expired",
            N_("questa prima versione è scaduta il {day:%d/%m/%Y}"),
            where=str(file),
            hint=N_("se è uno sbaglio rifarla; se dopo ci sono altre versioni: «rete join URL», o confrontare l'impronta per telefono e indicarla con --expect"),
            day=first.expires,
        )  # fmt: skip
    warn(face, council_first.doubts(first, now))
    if expect is not None:
        return
    show_words(face, N_("Impronta della PRIMA versione del protocollo d'intesa:"), join.words_of(first), first.digest)
    face.say(N_("Confrontarla con gli altri enti o con la segreteria, per telefono. Con un'altra prima versione questo nodo non potrebbe entrare nella federazione degli altri."))  # fmt: skip
    confirm(face, N_("Fissare questa versione? Si torna indietro solo finché non c'è nulla sopra."), yes=yes, hint=EXPECT)  # fmt: skip


async def _unpin(face: Face, *, yes: bool) -> None:
    home = face.home
    async with runtime.open_node(home) as node:
        first = council.place_of(node.agreement).in_force.agreement
        await pinning.check_unpin(node.pool, home)
        show_words(face, N_("La prima versione fissata qui è quella con questa impronta:"), join.words_of(first), first.digest)  # fmt: skip
        confirm(face, N_("Toglierla? «rete serve» deve essere fermo."), yes=yes)
        await pinning.unpin(node.pool, home)

    def human() -> None:
        face.say(N_("Tolta: questo nodo non segue più nessun protocollo d'intesa. Le sue chiavi, e la sua richiesta, restano quelle."))  # fmt: skip
        face.say(N_("Ora: «rete agreement apply FILE --expect IMPRONTA» con la prima versione giusta."))

    face.emit({"unpinned": first.digest}, human)
