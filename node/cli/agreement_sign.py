"""``rete agreement sign | submit | apply``: sign a document away from any node, bring it to the others, let it come into force.

In: files. Out: signatures in them; a home that follows. Signing needs no home, no database and no network: only the document, the key and, to
say in plain words what changes, the version before.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import click

from node import runtime
from node.cli import agreement_pin
from node.cli.agreement_files import (
    FILE,
    FORCE,
    PASSPHRASE,
    YES,
    confirm,
    judged,
    known_home,
    passphrase_of,
    read,
    write,
)
from node.cli.agreement_print import (
    collecting_title,
    in_force_title,
    show_differences,
    show_words,
    signed_title,
    told,
)
from node.cli.frame import Face, command
from node.errors import N_, CallerError, PeerWrongError, Said
from node.flows.trust import ballot, council, council_road
from node.flows.trust.agreement_said import changes, differences, routine_differences
from node.flows.trust.agreement_terms import InForce
from node.protocol import agreement, enrolment, metadata, routine
from node.protocol.agreement_values import Agreement
from node.protocol.routine import Routine
from node.store import agreement as store
from node.store import council_key

# What a node answers that does not know this one by the name that its requests bear: it moved, and the agreement says it here alone.
UNKNOWN_KEY = "signature-unknown-key"


def add_to(group: click.Group) -> None:
    """Add the commands of this file."""

    @command(group, "sign", help="Firma una proposta, anche dove non c'è né nodo né rete, dopo averla detta in parole.")
    @click.argument("file", type=FILE, metavar="FILE")
    @click.option("--key", "key", required=True, type=FILE, metavar="CHIAVE", help="La chiave del consiglio o della segreteria.")  # fmt: skip
    @click.option("--base", type=FILE, metavar="FILE", help="La versione in vigore; altrimenti quella del nodo, se ce n'è uno.")  # fmt: skip
    @click.option("-o", "--out", type=FILE, metavar="FILE", help="File da scrivere; altrimenti la firma va in FILE.")
    @PASSPHRASE
    @YES
    @FORCE
    async def sign(
        face: Face,
        file: Path,
        key: Path,
        base: Path | None,
        out: Path | None,
        passphrase_file: Path | None,
        yes: bool,
        force: bool,
    ) -> None:
        """Add one signature to a document."""
        await _sign(face, file, key, base, out, passphrase_file, yes=yes, force=force)

    @command(group, "submit", help="Consegna una proposta firmata a questo nodo, che la porta a tutti gli altri.")
    @click.argument("file", type=FILE, metavar="FILE")
    async def submit(face: Face, file: Path) -> None:
        """Keep a proposal and bring it to all members that answer."""
        await _submit(face, file)

    @command(group, "apply", help="Mette in vigore qui un documento con tutte le firme; la prima versione la fissa.")
    @click.argument("file", type=FILE, metavar="FILE")
    @click.option(
        "--expect",
        metavar="IMPRONTA",
        help="La prima versione attesa: le 64 cifre della sua impronta, meglio, o le 32 parole.",
    )
    @YES
    async def apply(face: Face, file: Path, expect: str | None, yes: bool) -> None:
        """Apply a fully signed document, or pin a first version."""
        await _apply(face, file, expect, yes=yes)


async def state_of(face: Face) -> InForce | None:
    """Return what is in force in the home that was named; None where none was, or it has no agreement."""
    home = known_home(face)
    if home is None:
        return None
    async with runtime.open_node(home) as node:
        return None if node.agreement is None else node.agreement.in_force


async def _base(face: Face, base: Path | None) -> InForce | None:
    """Return what a document changes: the version of a file, or what is in force in the home."""
    if base is None:
        return await state_of(face)
    try:
        return InForce.of(agreement.parse(read(base)), None)
    except PeerWrongError as error:
        raise judged(base, error) from error


def parsed(file: Path, raw: bytes) -> Agreement | Routine:
    """Return the document of a file, of either kind. Raises: CallerError, with what is wrong with the file."""
    try:
        return routine.parse(raw) if ballot.kind_of(raw) == store.ROUTINE else agreement.parse(raw)
    except PeerWrongError as error:
        raise judged(file, error) from error


def said_of(state: InForce | None, found: Agreement | Routine) -> list[Said]:
    """Return in plain words what a document changes. Raises: CallerError(sign-base-missing)."""
    if isinstance(found, Agreement) and (state is not None or found.version == 1):
        return differences(None, found) if state is None else changes(state.agreement, state.nodes, found)
    if state is None:
        raise CallerError(
            "sign-base-missing",
            N_("per dire che cosa cambia serve la versione in vigore del protocollo d'intesa"),
            where="--base",
            hint=N_("indicarne il file con --base («rete agreement show --out» lo scrive), o il nodo con --home"),
        )
    if isinstance(found, Agreement):
        return differences(state.agreement, found)
    return routine_differences(state.agreement, state.routine, found)


def _check(file: Path, raw: bytes, state: InForce | None, now: dt.datetime) -> None:
    """Refuse a document that could not come into force on what is known here."""
    if state is None:
        return
    try:
        ballot.weigh(state, raw, now)
    except PeerWrongError as error:
        raise judged(file, error) from error


def _check_key(keyid: str, state: InForce | None, found: Agreement | Routine, key: Path) -> None:
    """Refuse a key whose signature nobody would count."""
    asked: set[str] = set()
    if isinstance(found, Agreement):
        asked = set(found.council.keys) | (set(state.agreement.council.keys) if state else set())
    elif state is not None:
        asked = set(state.agreement.secretariat.keys)
    if keyid not in asked:
        raise CallerError(
            "council-key-stranger",
            N_("questa chiave non è tra quelle che decidono: la sua firma non conterebbe"),
            where=str(key),
            hint=N_("una versione la firma il consiglio, di prima o di dopo; le modifiche ordinarie la segreteria"),
        )


async def _sign(
    face: Face, file: Path, key: Path, base: Path | None, out: Path | None, passphrase_file: Path | None, *, yes: bool, force: bool
) -> None:  # fmt: skip
    now, raw = runtime.utc_now(), read(file)
    found, state = parsed(file, raw), await _base(face, base)
    said = told(face, said_of(state, found))
    _check(file, raw, state, now)
    # Before anybody reads pages: with the wrong key it would be in vain.
    private = council_key.read(key, passphrase_of(face, key, passphrase_file))
    _check_key(agreement.council_keyid(private.public_key().public_bytes_raw()), state, found, key)
    signature = metadata.sign(raw, private)
    already = found.signatures.get(signature[0]) == signature[1]
    face.say(signed_title(found), version=found.version)
    show_differences(face, said)
    words = enrolment.words(bytes.fromhex(store.digest_of(found.signed)))
    show_words(face, N_("Impronta da confrontare con gli altri firmatari:"), words)
    if not already:
        confirm(face, N_("Firmare?"), yes=yes)
    signed = metadata.with_signatures(raw, [signature])
    target = out or file
    if not already or target != file:
        write(target, signed, replace=force or target == file)
    facts = {
        "file": str(target),
        "version": found.version,
        "digest": store.digest_of(found.signed),
        "fingerprint": " ".join(words),
        "keyid": signature[0],
        "signatures": len(found.signatures.keys() | {signature[0]}),
        "already": already,
        "differences": said,
    }
    ended = N_("Già firmato con questa chiave; firme in {file}: {count}.") if already else N_("Firmato; firme in {file}: {count}.")  # fmt: skip
    face.emit(facts, lambda: face.say(ended, file=target, count=facts["signatures"]))


async def _submit(face: Face, file: Path) -> None:
    raw = read(file)
    found = parsed(file, raw)
    async with runtime.open_node(face.home) as node, node.session() as session:
        try:
            sent = await council_road.submit(node.council_road(session), raw, node.clock())
        except PeerWrongError as error:
            raise judged(file, error) from error
    taken = sent.taken
    facts: dict[str, Any] = {
        "version": taken.version,
        "digest": taken.digest,
        "have": taken.have,
        "need": taken.need,
        "applied": taken.applied,
        "told": list(sent.told),
        "failed": sent.failed,
    }

    def human() -> None:
        if taken.applied:
            face.say(in_force_title(found), version=taken.version)
        else:
            face.say(collecting_title(found), version=taken.version, have=taken.have, need=taken.need)
        face.say(N_("Nodi che l'hanno ricevuta: {count}; gli altri la chiedono da soli."), count=len(sent.told))
        for member, code in sent.failed.items():
            face.say(N_("    {member}: non consegnata [{code}]"), member=member, code=code)
        if UNKNOWN_KEY in sent.failed.values():
            face.say(N_("{code}: gli altri non conoscono ancora il nuovo indirizzo di questo nodo; la chiederanno da soli, tra poco."), code=UNKNOWN_KEY)  # fmt: skip

    face.emit(facts, human)


async def _apply(face: Face, file: Path, expect: str | None, *, yes: bool) -> None:
    raw = read(file)
    found = parsed(file, raw)
    if isinstance(found, Agreement) and found.version == 1:
        await agreement_pin.pin_first(face, file, raw, expect, yes=yes)
        return
    async with runtime.open_node(face.home) as node:
        place = council.place_of(node.agreement)
        said = told(face, said_of(place.in_force, found))
        try:
            await council.apply(node.pool, place, raw, node.clock())
        except PeerWrongError as error:
            raise judged(file, error) from error
    facts = {"version": found.version, "digest": store.digest_of(found.signed), "pinned": False, "differences": said}

    def human() -> None:
        face.say(in_force_title(found), version=found.version)
        show_differences(face, said)

    face.emit(facts, human)
