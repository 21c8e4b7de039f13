"""``rete agreement council-key | request | init``: what the first version of an agreement is made of.

In: a place for a key; a home; cards and requests of others. Out: files to hand on. Only ``request`` needs a home, and none a database.
"""

from __future__ import annotations

import contextlib
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
    passphrase_of,
    read,
    read_card,
    read_request,
    write,
)
from node.cli.agreement_print import agreement_json, request_json, show_request, show_words, told, warn
from node.cli.frame import Face, command
from node.errors import N_, CallerError, plain_facts
from node.flows.trust import council_card, council_first, enrol
from node.flows.trust.council_draft import TERMS, YEAR, end_of, set_numbers
from node.flows.trust.council_first import Beginning
from node.flows.trust.join import words_of
from node.protocol import agreement
from node.store import council_key, keyfiles, whole_file

# A PDF with hundreds of scanned pages.
PDF_MAX_BYTES = 256 * 1024 * 1024
PDF = click.option("--pdf", type=FILE, metavar="FILE", help="Il PDF firmato del protocollo d'intesa.")
PDF_SHA256 = click.option("--pdf-sha256", metavar="IMPRONTA", help="La sua impronta SHA-256, al posto del file.")


def _day(_: click.Context, param: click.Parameter, text: str | None) -> dt.date | None:
    """Return a day as people or programs write it. Raises: CallerError(day-bad)."""
    if text is None:
        return None
    for form in ("%Y-%m-%d", "%d/%m/%Y"):
        with contextlib.suppress(ValueError):
            return dt.datetime.strptime(text.strip(), form).replace(tzinfo=dt.UTC).date()
    raise CallerError(
        "day-bad",
        N_("«{text}» non è un giorno"),
        where=f"--{param.name}",
        hint=N_("scriverlo AAAA-MM-GG o GG/MM/AAAA, per esempio 2027-12-31"),
        text=text[:60],
    )


EXPIRES = click.option(
    "--expires", callback=_day, metavar="AAAA-MM-GG", help="Ultimo giorno in cui vale (2027-12-31 o 31/12/2027)."
)


def add_to(group: click.Group) -> None:
    """Add the commands of this file."""

    @command(group, "council-key", help="Crea una chiave del consiglio o della segreteria, e stampa il suo biglietto.")
    @click.argument("file", type=FILE, metavar="FILE")
    @click.option("--name", default="", metavar="TESTO", help="Chi la tiene: sta sul biglietto, non nel protocollo.")
    @click.option("-o", "--out", type=FILE, metavar="FILE", help="Scrive il biglietto in un file, e non sullo standard output.")  # fmt: skip
    @click.option("--show", is_flag=True, help="Non crea nulla: dà di nuovo il biglietto di una chiave che c'è.")
    @PASSPHRASE
    @click.option("--no-passphrase", is_flag=True, help="Lascia la chiave in chiaro: chi legge il file firma al posto di chi la tiene.")  # fmt: skip
    @FORCE
    def council_key_(
        face: Face,
        file: Path,
        name: str,
        out: Path | None,
        show: bool,
        passphrase_file: Path | None,
        no_passphrase: bool,
        force: bool,
    ) -> None:
        """Make a council key, or read one; its card goes to standard output, or to a file."""
        _check_name(name)
        if out is not None:
            # A key is made only once its card is sure of a place.
            whole_file.check_targets([file, out] if not show else [out], replace=force)
        if show:
            key = council_key.read(file, passphrase_of(face, file, passphrase_file))
        else:
            council_key.check_place(file)
            key = council_key.create(file, new_passphrase(face, passphrase_file, none=no_passphrase))
        _give_card(face, file, council_card.card_of(name, key.public_key().public_bytes_raw()), out, force=force)
        if no_passphrase and not show:
            tell(face, N_("ATTENZIONE: la chiave in {file} è in chiaro: chi legge il file firma al posto di chi la tiene."), file=file)  # fmt: skip

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
        expires: dt.date | None,
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
            expires=last_second(expires or (now + YEAR).date(), now),
            terms=set_numbers(TERMS, numbers_of(terms)),
            pdf_sha256=needed_pdf(pdf, pdf_sha256),
        )
        _first(face, asked, out, now, force=force)


def last_second(day: dt.date, now: dt.datetime) -> dt.datetime:
    """Return until when what expires on a day is good. Raises: CallerError(agreement-expires-past)."""
    found = end_of(day)
    if found < now:
        raise CallerError(
            "agreement-expires-past",
            N_("il {day:%d/%m/%Y} è già passato: un protocollo d'intesa scaduto non fa entrare nessuno"),
            where="--expires",
            hint=N_("indicare l'ultimo giorno in cui vale, di solito tra un anno"),
            day=day,
        )
    return found


def _first(face: Face, asked: Beginning, out: Path, now: dt.datetime, *, force: bool) -> None:
    raw = council_first.first(asked, now)
    write(out, raw, replace=force)
    found = agreement.parse(raw)
    doubts = council_first.doubts(found, now)

    def human() -> None:
        face.say(N_("Scritta la prima versione in {file}. Enti: {count}; firme necessarie: {need} su {keys}."), file=out, count=len(found.nodes), need=found.council.threshold, keys=len(found.council.keys))  # fmt: skip
        warn(face, doubts)
        show_words(face, N_("Impronta, che ogni firmatario confronta prima di firmare:"), words_of(found), found.digest)
        face.say(N_("Ora ogni firmatario: «rete agreement sign {file} --key CHIAVE». Poi ogni ente: «rete agreement apply {file} --expect IMPRONTA»."), file=out)  # fmt: skip

    face.emit({"file": str(out), **agreement_json(found, now), "warnings": told(face, doubts)}, human)


def _check_name(name: str) -> None:
    if len(name) > council_card.NAME_MAX or not name.isprintable():
        raise CallerError(
            "council-card-name",
            N_("il nome sta su una riga, al massimo 200 caratteri"),
            where="--name",
        )


def _give_card(face: Face, file: Path, card: council_card.Card, out: Path | None, *, force: bool) -> None:
    # The card is what the command is for: the same document with and without --json, to be kept in a file and sent.
    text = orjson.dumps(council_card.card_json(card), option=orjson.OPT_INDENT_2) + b"\n"
    if out is not None:
        write(out, text, replace=force)
    if out is None or face.json:
        click.echo(text.decode(), nl=False)
    if out is not None:
        tell(face, N_("La chiave è in {file}: tenerla fuori dai nodi, farne una copia, non darla a nessuno. Il biglietto, in {out}, va alla segreteria."), file=file, out=out)  # fmt: skip
        return
    tell(face, N_("La chiave è in {file}: tenerla fuori dai nodi, farne una copia, non darla a nessuno. Il biglietto va alla segreteria."), file=file)  # fmt: skip


def tell(face: Face, message: str, **facts: object) -> None:
    """Say a sentence beside a document that is standard output; nothing with --json."""
    if not face.json:
        face.err.print(face.tr(message).format(**plain_facts(facts)), markup=False, highlight=False)


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
