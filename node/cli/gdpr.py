"""``rete gdpr access | erase | retention | register | consents | consent | revoke``: the rights of those whose data are kept."""

from __future__ import annotations

import dataclasses
from html import escape
from pathlib import Path
from typing import Any

import click

from node import runtime
from node.cli.frame import Face, approved, command
from node.cli.officer import BY, deciding, name_of
from node.errors import N_, CallerError
from node.flows.registry import gdpr as flow
from node.flows.registry.gdpr import Access, Erasure, Term
from node.store import whole_file
from node.store.whole_file import PLAIN, WholeFile

FILE = click.Path(path_type=Path, dir_okay=False)
CODE = click.argument("tax_code", metavar="CODICE")
NAME = click.option("--name", metavar="NOME", help="Nome o denominazione, per i dati che non hanno il codice fiscale.")
# What the rows of a table are called when nobody reads its name.
TERM_TITLES = {
    "drafts": N_("bozze mai approvate"),
    "contacts": N_("referenti di reti chiuse"),
    "consents": N_("consensi revocati"),
    "introductions": N_("contatti chiusi e bozze mai inviate"),
    "enrolments": N_("iscrizioni a sessioni concluse"),
    "expressions": N_("manifestazioni d'interesse concluse"),
    "aggregations": N_("aggregazioni concluse"),
    "case_files": N_("fascicoli chiusi"),
    "courses": N_("partecipanti a corsi conclusi"),
    "shared_cases": N_("copie di fascicoli di altri uffici"),
    "closed_networks": N_("reti chiuse"),
    "import_batches": N_("note di importazioni"),
    "editions": N_("edizioni dell'elenco pubblico"),
}
REGISTER_COLUMNS = (
    N_("dove"), N_("di chi"), N_("dati"), N_("per che cosa"), N_("base giuridica"), N_("chi li vede"), N_("per quanto"),
)  # fmt: skip


@click.group("gdpr", help="Diritti degli interessati: accesso, cancellazione, durate, registro, consensi.")
def gdpr() -> None:
    """Hold the commands."""


@command(
    gdpr,
    "access",
    help="Tutto ciò che il nodo tiene di un codice fiscale o di un indirizzo di posta, tabella per tabella.",
)
@CODE
@NAME
async def access(face: Face, tax_code: str, name: str | None) -> None:
    """Answer a subject who asks what is kept."""
    async with runtime.open_node(face.home) as node:
        found = await flow.access(node.pool, tax_code, name)
    value = {
        "tax_code": found.subject.tax_code,
        "codes": list(found.subject.codes),
        "rows": found.rows,
        "found": found.found,
        "published": found.published,
        "documents_unread": found.unread,
        "documents_to_look_at": _documents(found),
        "disclosed": [dataclasses.asdict(item) for item in found.disclosed],
    }
    face.emit(value, lambda: _tell_access(face, found))


def _tell_access(face: Face, found: Access) -> None:
    for table, rows in found.found.items():
        for row in rows:
            cells = [(name, value) for name, value in row.items() if value not in (None, "", [], {})]
            face.table(table, (N_("campo"), N_("valore")), cells)
    _tell_published(face, found.published)
    _tell_unread(face, found)
    _tell_disclosed(face, found)


def _documents(found: Access | Erasure) -> list[dict[str, Any]]:
    return [dataclasses.asdict(item) for item in found.to_look_at]


def _tell_disclosed(face: Face, found: Access | Erasure) -> None:
    if found.disclosed:
        face.table(
            N_("Contatti in cui l'altro ufficio ne ha avuto nome e recapiti"),
            (N_("contatto"), N_("altro ufficio")),
            [(item.introduction, item.peer) for item in found.disclosed],
        )
        face.say(
            N_(
                "Revocare il consenso in ognuno di questi contatti: il nodo dell'altro ufficio li cancella e lo conferma."
            )
        )


def _tell_unread(face: Face, found: Access | Erasure) -> None:
    if found.unread:
        face.say(
            N_("Di {count} documenti (PDF, Office, immagini) si legge solo il titolo e ciò che non è compresso: vanno guardati a mano."),
            count=found.unread,
        )  # fmt: skip
    if found.to_look_at:
        face.table(
            N_("Da guardare per primi: documenti delle reti di cui l'interessato fa o ha fatto parte"),
            (N_("rete"), N_("documento"), N_("titolo")),
            [(item.network, item.document_id, item.title) for item in found.to_look_at],
        )
        face.say(N_("Chi nomina l'interessato si toglie con «rete network document delete RETE DOCUMENTO»."))


def _tell_published(face: Face, published: list[dict[str, Any]]) -> None:
    if published:
        face.say(
            N_("Lo nominano anche schede di altri nodi, che ne rispondono: {owners}."),
            owners=", ".join(sorted({item["owner"] for item in published})),
        )


@command(
    gdpr,
    "erase",
    help="Cancella un codice fiscale, o un indirizzo di posta, da ogni tabella; le schede che lo nominano sono ritirate.",
)
@CODE
@NAME
@click.option("--reason", required=True, help="Perché, senza nomi: resta scritto.")
@click.option("--dry-run", is_flag=True, help="Mostra che cosa accadrebbe, senza farlo.")
@click.option("--yes", is_flag=True, help="Non chiede conferma.")
@BY
async def erase(
    face: Face, tax_code: str, name: str | None, reason: str, dry_run: bool, yes: bool, officer: str | None
) -> None:
    """Erase a subject, after showing what will go."""
    if not (yes or dry_run) and face.json:
        raise CallerError("confirmation-missing", N_("con --json serve --yes, o --dry-run"), where="--yes")
    async with deciding(face) as node:
        work = (node.pool, await runtime.current_own(node), tax_code, name_of(officer), reason, node.clock())
        if not yes:
            seen = await flow.erase(*work, name=name, dry_run=True)
            if dry_run:
                face.emit(_erasure_facts(seen), lambda: _tell_erasure(face, seen))
                return
            _tell_erasure(face, seen)
            approved(face, N_("Cancellare per sempre?"))
        done = await flow.erase(*work, name=name)
    face.emit(_erasure_facts(done), lambda: _tell_erasure(face, done))


def _erasure_facts(found: Erasure) -> dict[str, Any]:
    return {
        "erased": found.reference is not None,
        "reference": found.reference,
        "rows": found.counts,
        "profiles_withdrawn": found.profiles,
        "published": found.published,
        "other_firms": found.others,
        "documents_unread": found.unread,
        "documents_to_look_at": _documents(found),
        "disclosed": [dataclasses.asdict(item) for item in found.disclosed],
    }


def _tell_erasure(face: Face, found: Erasure) -> None:
    face.table("", (N_("dove"), N_("righe")), sorted(found.counts.items()))
    if found.others:
        names = [(table, name) for table, told in found.others.items() for name in told]
        face.table(
            N_("Imprese con un altro codice, o senza, che portano lo stesso nome: restano come sono"),
            (N_("dove"), N_("nome")),
            names,
        )
    if found.profiles:
        face.say(N_("Schede ritirate: {ids}."), ids=", ".join(found.profiles))
    _tell_published(face, found.published)
    _tell_unread(face, found)
    _tell_disclosed(face, found)
    if found.reference:
        face.say(
            N_("Cancellato; riferimento {reference}. I file da cui venivano i dati vanno corretti: una nuova importazione li riporterebbe."),
            reference=found.reference,
        )  # fmt: skip


@command(gdpr, "retention", help="Ciò che ha superato la durata di [retention]; con --apply è cancellato.")
@click.option("--apply", "apply_", is_flag=True, help="Cancella ciò che è scaduto.")
async def retention(face: Face, apply_: bool) -> None:
    """Show, or end, what is over its term."""
    async with runtime.open_node(face.home) as node:
        terms = await flow.retention(node.pool, node.config, node.clock(), apply=apply_)

    def human() -> None:
        rows = [(face.tr(TERM_TITLES[t.what]), t.days, f"{t.until:%d/%m/%Y}", t.over, t.ended) for t in terms]
        columns = (N_("che cosa"), N_("giorni"), N_("fino al"), N_("scaduti"), N_("cancellati"))
        face.table("", columns, rows)

    face.emit({"applied": apply_, "terms": [_term_facts(term) for term in terms]}, human)


def _term_facts(term: Term) -> dict[str, Any]:
    return dataclasses.asdict(term)


@command(gdpr, "register", help="Il registro dei trattamenti (art. 30), con le durate configurate.")
@click.option("--html", "html_file", type=FILE, metavar="FILE", help="Lo scrive anche come pagina.")
@click.option("--force", is_flag=True, help="Sostituisce il file che c'è già.")
async def register(face: Face, html_file: Path | None, force: bool) -> None:
    """Show the register of processing."""
    if html_file is not None:
        whole_file.check_targets([html_file], replace=force)
    config = runtime.read_config(face.home)
    words = ("subjects", "data", "purpose", "basis", "recipients")
    entries = [{**item, **{name: face.tr(item[name]) for name in words}} for item in flow.processing_register(config)]
    rows = [(item["table"], *(item[name] for name in words), _days(face, item["days"])) for item in entries]
    if html_file is not None:
        page = _page(face, config.node.name, rows)
        whole_file.write([WholeFile(html_file, page.encode(), PLAIN)], replace=force)
    value = {"controller": config.node.name, "activities": entries, "file": str(html_file) if html_file else None}
    face.emit(value, lambda: face.table(N_("Registro dei trattamenti"), REGISTER_COLUMNS, rows))


def _days(face: Face, days: int | None) -> str:
    if days is None:
        return face.tr(N_("finché esiste il nodo"))
    return face.tr(N_("{days} giorni dalla fine")).format(days=days)


def _page(face: Face, controller: str, rows: list[tuple[Any, ...]]) -> str:
    title = escape(face.tr(N_("Registro dei trattamenti")))
    head = "".join(f'<th scope="col">{escape(face.tr(name))}</th>' for name in REGISTER_COLUMNS)
    body = "".join(
        f'<tr><th scope="row">{escape(str(row[0]))}</th>{"".join(f"<td>{escape(str(cell))}</td>" for cell in row[1:])}</tr>'
        for row in rows
    )
    style = (
        "body{font-family:sans-serif;color:#17324d;background:#fff;margin:2em}table{border-collapse:collapse}"
        "th,td{border:1px solid #5a768a;padding:.4em;text-align:left;vertical-align:top}"
    )
    return (
        f'<!doctype html>\n<html lang="{face.language}"><head><meta charset="utf-8"><title>{title} - {escape(controller)}</title>'
        f"<style>{style}</style></head><body><main><h1>{title}</h1><p>{escape(controller)}</p>"
        f"<table><caption>{title}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></main></body></html>\n"
    )


@command(gdpr, "consents", help="I consensi dati e revocati, in ordine di tempo.")
@click.option("--network", "network_id", metavar="RETE", help="Solo quelli di una rete.")
async def consents(face: Face, network_id: str | None) -> None:
    """Show the consent log."""
    async with runtime.open_node(face.home) as node:
        found = await flow.consents(node.pool, network_id)

    def human() -> None:
        columns = (N_("id"), N_("rete"), N_("chi"), N_("per che cosa"), N_("testo"), N_("dato il"), N_("revocato il"))
        rows = [
            (
                c.consent_id, c.network, c.person, c.purpose, c.version, f"{c.given_at:%d/%m/%Y %H:%M}",
                f"{c.revoked_at:%d/%m/%Y %H:%M}" if c.revoked_at else None,
            )
            for c in found
        ]  # fmt: skip
        face.table(N_("Consensi"), columns, rows)

    face.emit({"consents": [dataclasses.asdict(item) for item in found]}, human)


@command(gdpr, "consent", help="Annota che una persona ha dato un consenso per una rete.")
@click.argument("network_id", metavar="RETE")
@click.option("--person", required=True, help="Chi lo ha dato.")
@click.option("--purpose", required=True, help="Per che cosa, per esempio «essere contattati».")
@click.option("--text", "version", required=True, help="Quale testo ha firmato: nome e versione del modulo.")
async def give(face: Face, network_id: str, person: str, purpose: str, version: str) -> None:
    """Add a consent."""
    async with runtime.open_node(face.home) as node:
        found = await flow.give_consent(node.pool, network_id, person, purpose, version, node.clock())
    face.emit({"consent_id": found, "stands": True}, lambda: face.say(N_("Annotato: {id}."), id=found))


@command(gdpr, "revoke", help="Annota che un consenso è revocato.")
@click.argument("consent_id", metavar="ID")
async def revoke(face: Face, consent_id: str) -> None:
    """Revoke a consent."""
    async with runtime.open_node(face.home) as node:
        stood = await flow.revoke_consent(node.pool, consent_id, node.clock())
    message = N_("Revocato.") if stood else N_("Era già revocato.")
    face.emit({"consent_id": consent_id, "stands": False, "changed": stood}, lambda: face.say(message))
