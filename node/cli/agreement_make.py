"""``rete agreement council-key | request | init``: what the first version of an agreement is made of.

In: a place for a key; a home; cards and requests of others. Out: files to hand on. Only ``request`` needs a home, and none a database.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click
import orjson

from node import runtime
from node.cli.agreement_files import (
    FILE,
    FORCE,
    OUT,
    PASSPHRASE,
    new_passphrase,
    read,
    read_card,
    read_request,
    write,
)
from node.cli.agreement_print import agreement_json, request_json, show_request, show_words
from node.cli.frame import Face, command
from node.errors import N_, CallerError
from node.flows import council_card, council_first, enrol
from node.flows.council_draft import TERMS, YEAR, end_of, set_numbers
from node.flows.council_first import Beginning
from node.flows.join import words_of
from node.protocol import agreement
from node.store import council_key, keyfiles

# A PDF with hundreds of scanned pages.
PDF_MAX_BYTES = 256 * 1024 * 1024
PDF = click.option("--pdf", type=FILE, metavar="FILE", help="Il PDF firmato del protocollo d'intesa.")
PDF_SHA256 = click.option("--pdf-sha256", metavar="IMPRONTA", help="La sua impronta SHA-256, al posto del file.")
EXPIRES = click.option(
    "--expires", type=click.DateTime(["%Y-%m-%d"]), metavar="DATA", help="Ultimo giorno in cui vale (2027-12-31)."
)


def add_to(group: click.Group) -> None:
    """Add the commands of this file."""

    @command(group, "council-key", help="Crea una chiave del consiglio o della segreteria, e stampa il suo biglietto.")
    @click.argument("file", type=FILE, metavar="FILE")
    @click.option("--name", default="", metavar="TESTO", help="Chi la tiene: sta sul biglietto, non nel protocollo.")
    @PASSPHRASE
    def council_key_(face: Face, file: Path, name: str, passphrase_file: Path | None) -> None:
        """Make a council key; its card goes to standard output."""
        _council_key(face, file, name, passphrase_file)

    @command(group, "request", help="La richiesta di adesione di questo nodo, con l'impronta da leggere per telefono.")
    @click.option("-o", "--out", type=FILE, metavar="FILE", help="File da scrivere.")
    @click.option("--contact", metavar="RECAPITO", help="Posta elettronica o telefono di chi risponde.")
    @FORCE
    def request(face: Face, out: Path | None, contact: str | None, force: bool) -> None:
        """Make this home's enrolment request."""
        config = runtime.read_config(face.home)
        held = keyfiles.read(face.home / config.federation.keys)
        asked = enrol.request_of(config, held, contact or config.web.contact, runtime.utc_now())
        if out is not None:
            write(out, asked.raw, replace=force)
        facts = {"file": None if out is None else str(out), **request_json(asked)}
        face.emit(facts, lambda: show_request(face, asked))

    _add_init(group)


def _add_init(group: click.Group) -> None:
    @command(group, "init", help="Scrive la prima versione di un protocollo d'intesa, che il consiglio poi firma.")
    @click.option("--council", "cards", multiple=True, required=True, type=FILE, metavar="FILE", help="Biglietto di una chiave del consiglio; ripetibile.")  # fmt: skip
    @click.option("--threshold", required=True, type=click.IntRange(1, 32), help="Quante firme del consiglio servono.")
    @click.option("--secretariat", "office", multiple=True, type=FILE, metavar="FILE", help="Biglietto di una chiave della segreteria; ripetibile.")  # fmt: skip
    @click.option("--secretariat-threshold", default=2, show_default=True, type=click.IntRange(1, 32), help="Quante firme della segreteria servono.")  # fmt: skip
    @click.option("--node", "requests", multiple=True, type=FILE, metavar="FILE", help="Richiesta di adesione di un ente fondatore; ripetibile.")  # fmt: skip
    @PDF
    @PDF_SHA256
    @EXPIRES
    @click.option("--terms", default="", metavar="NOME=N,...", help="Termini diversi da quelli predefiniti (k_min=5,suspended_days=30).")  # fmt: skip
    @OUT
    @FORCE
    def init(
        face: Face,
        cards: tuple[Path, ...],
        threshold: int,
        office: tuple[Path, ...],
        secretariat_threshold: int,
        requests: tuple[Path, ...],
        pdf: Path | None,
        pdf_sha256: str | None,
        expires: dt.datetime | None,
        terms: str,
        out: Path,
        force: bool,
    ) -> None:
        """Write the unsigned first version."""
        now = runtime.utc_now()
        asked = Beginning(
            council=[read_card(path) for path in cards],
            threshold=threshold,
            secretariat=[read_card(path) for path in office],
            secretariat_threshold=secretariat_threshold,
            requests=[read_request(path) for path in requests],
            expires=end_of((expires or now + YEAR).date()),
            terms=set_numbers(TERMS, numbers_of(terms)),
            pdf_sha256=needed_pdf(pdf, pdf_sha256),
        )
        _first(face, asked, out, now, force=force)


def _first(face: Face, asked: Beginning, out: Path, now: dt.datetime, *, force: bool) -> None:
    raw = council_first.first(asked, now)
    write(out, raw, replace=force)
    found = agreement.parse(raw)

    def human() -> None:
        face.say(N_("Scritta la prima versione in {file}. Enti: {count}; firme necessarie: {need} su {keys}."), file=out, count=len(found.nodes), need=found.council.threshold, keys=len(found.council.keys))  # fmt: skip
        show_words(face, N_("Impronta, che ogni firmatario confronta prima di firmare:"), words_of(found), found.digest)
        face.say(N_("Ora ogni firmatario: «rete agreement sign {file} --key CHIAVE». Poi ogni ente: «rete agreement apply {file}»."), file=out)  # fmt: skip

    face.emit({"file": str(out), **agreement_json(found, now)}, human)


def _council_key(face: Face, file: Path, name: str, passphrase_file: Path | None) -> None:
    if len(name) > council_card.NAME_MAX or not name.isprintable():
        raise CallerError(
            "council-card-name",
            N_("il nome sta su una riga, al massimo 200 caratteri"),
            where="--name",
        )
    key = council_key.create(file, new_passphrase(face, passphrase_file))
    card = council_card.card_of(name, key.public_key().public_bytes_raw())
    # The card is what the command is for: the same document with and without --json, to be kept in a file and sent.
    click.echo(orjson.dumps(council_card.card_json(card), option=orjson.OPT_INDENT_2).decode())
    if face.json:
        return
    face.err.print(
        face.tr(N_("La chiave è in {file}: tenerla fuori dai nodi, farne una copia, non darla a nessuno. Il biglietto qui sopra va alla segreteria.")).format(file=file),
        markup=False,
        highlight=False,
    )  # fmt: skip


def numbers_of(text: str) -> dict[str, int]:
    """Return what ``name=n,...`` says. Raises: CallerError(agreement-term-bad)."""
    found: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, sign, digits = part.partition("=")
        if not sign or not digits.isascii() or not digits.isdecimal() or len(digits) > 6:
            raise CallerError(
                "agreement-term-bad",
                N_("«{part}» non è un termine con il suo numero"),
                where=part[:60],
                hint=N_("scrivere per esempio k_min=6"),
                part=part[:60],
            )
        found[name] = int(digits)
    return found


def pdf_hash(pdf: Path | None, digits: str | None) -> str | None:
    """Return the hash of the signed PDF, None where none was named. Raises: CallerError agreement-pdf-...."""
    if pdf is not None and digits is not None:
        raise CallerError("usage", N_("indicare --pdf o --pdf-sha256, non tutti e due"), where="--pdf")
    if pdf is not None:
        return council_first.sha256_of(read(pdf, PDF_MAX_BYTES))
    return None if digits is None else council_first.check_sha256(digits)


def needed_pdf(pdf: Path | None, digits: str | None) -> str:
    """Return the hash of the signed PDF. Raises: CallerError(agreement-pdf-missing), or as ``pdf_hash``."""
    found = pdf_hash(pdf, digits)
    if found is None:
        raise CallerError(
            "agreement-pdf-missing",
            N_("manca il PDF firmato del protocollo d'intesa"),
            where="--pdf",
            hint=N_("indicarlo con --pdf FILE, o la sua impronta con --pdf-sha256"),
        )
    return found
