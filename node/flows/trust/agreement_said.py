"""What changes from one version of the agreement to another, in plain words (PROTOCOL 7).

In: a document before (None: nothing) and after, of which only the form is known. Out: sentences for whoever signs, reads or decides: who enters
and who leaves first. Rules: nothing that changes is left unsaid, down to the field; what no sentence of ours names is told by the name of
its field, and two documents with different signed bytes never come out as equal. What a routine change does is told as its effect.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from typing import Any, Final

from node.errors import N_, Said
from node.flows.trust.entry_said import entry_differences, name_of
from node.protocol import routine
from node.protocol.agreement_values import Agreement, Council, Node
from node.protocol.routine import Changes, Routine

COUNCIL_ENTERS: Final = N_("entra nel consiglio: chiave {key}")
COUNCIL_LEAVES: Final = N_("esce dal consiglio: chiave {key}")
COUNCIL_THRESHOLD: Final = N_("cambia: soglia del consiglio: da {old} a {new} firme")
COUNCIL_THRESHOLD_IS: Final = N_("soglia del consiglio: {new} firme")
SECRETARIAT_ENTERS: Final = N_("entra in segreteria: chiave {key}")
SECRETARIAT_LEAVES: Final = N_("esce dalla segreteria: chiave {key}")
SECRETARIAT_THRESHOLD: Final = N_("cambia: soglia della segreteria: da {old} a {new} firme")
SECRETARIAT_THRESHOLD_IS: Final = N_("soglia della segreteria: {new} firme")
EXPIRES: Final = N_("cambia: scadenza: da {old:%d/%m/%Y} a {new:%d/%m/%Y}")
EXPIRES_AT: Final = N_("cambia: scadenza: da {old:%d/%m/%Y %H:%M:%S} a {new:%d/%m/%Y %H:%M:%S} (UTC)")
EXPIRES_IS: Final = N_("scadenza: {new:%d/%m/%Y}")
PDF: Final = N_("cambia: protocollo d'intesa firmato: l'impronta SHA-256 del PDF passa da {old} a {new}")
PDF_IS: Final = N_("protocollo d'intesa firmato: impronta SHA-256 del PDF {new}")
VERSION: Final = N_("versione: da {old} a {new}")
VERSION_IS: Final = N_("versione: {new}")
OTHER_FIELD: Final = N_("cambia: il campo «{field}» del documento")
OTHER: Final = N_("cambia: la forma scritta del documento, non ciò che dice")
DATA_ADDED: Final = N_("cambia: dati che si possono pubblicare: si aggiunge «{kind}»")
DATA_GONE: Final = N_("cambia: dati che si possono pubblicare: non più «{kind}»")
DATA_ORDERED: Final = N_("cambia: ordine dei dati che si possono pubblicare")
DATA_IS: Final = N_("dati che si possono pubblicare: «{kind}»")
# What is one number: how its change is told, and how it is told where nothing was before.
NUMBERS: Final = (
    ("k_min", N_("cambia: numero minimo di reti: da {old} a {new}"), N_("numero minimo di reti: {new}")),
    ("introductions_days", N_("cambia: giorni per cui si tengono le introduzioni concluse: da {old} a {new}"), N_("giorni per cui si tengono le introduzioni concluse: {new}")),
    ("keep_epochs_days", N_("cambia: giorni per cui si tengono i registri degli anni passati: da {old} a {new}"), N_("giorni per cui si tengono i registri degli anni passati: {new}")),
    ("suspended_days", N_("cambia: giorni dopo i quali si cancella ciò che è di un nodo sospeso: da {old} a {new}"), N_("giorni dopo i quali si cancella ciò che è di un nodo sospeso: {new}")),
)  # fmt: skip
QUORUM: Final = (
    (N_("cambia: testimoni di ogni registro: da {old} a {new}"), N_("testimoni di ogni registro: {new}")),
    (N_("cambia: testimoni che bastano: da {old} a {new}"), N_("testimoni che bastano: {new}")),
)
IN_FORCE: Final = N_("già in vigore come modifica ordinaria, ripreso qui: {what}")
ROUTINE_EXPIRES: Final = N_("le modifiche ordinarie valgono fino al {new:%d/%m/%Y}")
ROUTINE_VERSION: Final = N_("modifiche ordinarie, versione {new}")
ROUTINE_IDLE: Final = N_("non ha effetto: la voce di {who}, revisione {rev}, non segue quella in vigore")
# What sentences of their own are for; any other field of the document is told by its name.
TOLD: Final = frozenset({"_type", "expires", "keys", "roles", "version", "x-rete"})


def differences(before: Agreement | None, after: Agreement) -> list[Said]:
    """Return every change from one document to the other, the version last; nothing only where the signed bytes are equal."""
    if before is not None and before.signed == after.signed:
        return []
    found = list(
        chain(
            node_differences(before.nodes if before else (), after.nodes),
            _council(before.council if before else None, after.council, (COUNCIL_ENTERS, COUNCIL_LEAVES, COUNCIL_THRESHOLD, COUNCIL_THRESHOLD_IS)),
            _council(before.secretariat if before else None, after.secretariat, (SECRETARIAT_ENTERS, SECRETARIAT_LEAVES, SECRETARIAT_THRESHOLD, SECRETARIAT_THRESHOLD_IS)),
            _terms(before, after),
            _pdf(before.pdf_sha256 if before else None, after.pdf_sha256),
            _expiry(before.expires if before else None, after.expires),
            _others(before, after),
        )
    )  # fmt: skip
    if before is None:
        return [*found, Said(VERSION_IS, {"new": after.version})]
    if before.version != after.version:
        found.append(Said(VERSION, {"old": before.version, "new": after.version}))
    return found or [Said(OTHER)]


def changes(before: Agreement, nodes: tuple[Node, ...], after: Agreement) -> list[Said]:
    """Return what a next version changes of what is in force: the nodes as they stand with the routine changes.

    What those brought about and the version takes up is told last, as what it is: in force already.
    """
    found = differences(replace(before, nodes=nodes), after)
    taken_up = [node for node in nodes if before.node(node.id) != node and after.node(node.id) is not None]
    told = node_differences([node for node in before.nodes if node.id in {one.id for one in taken_up}], taken_up)
    return [*found, *(Said(IN_FORCE, {"what": one}) for one in told)]


def routine_differences(trusted: Agreement, before: Changes | Routine | None, after: Changes | Routine) -> list[Said]:
    """Return what routine changes do to the nodes as they stand, beside those in force, and until when they are good."""
    now = {node.id: node for node in routine.effective(trusted, before)}
    both = (one for held in (before, after) if held is not None for one in routine.documents(held))
    then = routine.effective(trusted, routine.joined(trusted, both))
    found = node_differences(tuple(now.values()), then)
    reached = {node.id: node.rev for node in then}
    found += [
        Said(ROUTINE_IDLE, {"who": name_of(node), "rev": node.rev})
        for node in after.nodes
        # Entries of before stay in the document; a new one that is in no chain does nothing.
        if (before is None or node not in before.nodes)
        and not (node.id in now and now[node.id].rev < node.rev <= reached[node.id])
    ]
    return [*found, Said(ROUTINE_EXPIRES, {"new": after.expires}), Said(ROUTINE_VERSION, {"new": after.version})]


def node_differences(before: Iterable[Node], after: Iterable[Node]) -> list[Said]:
    """Return what changes of the nodes, by id; the change of a status comes before all others."""
    old, new = {node.id: node for node in before}, {node.id: node for node in after}
    told = [entry_differences(old.get(node_id), new.get(node_id)) for node_id in sorted({*old, *new})]
    is_news = {node_id for node_id, node in new.items() if node_id in old and old[node_id].status != node.status}
    ordered = sorted(zip(sorted({*old, *new}), told, strict=True), key=lambda pair: pair[0] not in is_news | (old.keys() ^ new.keys()))  # fmt: skip
    return [said for _, one in ordered for said in one]


def _council(before: Council | None, after: Council, templates: tuple[str, str, str, str]) -> Iterator[Said]:
    enters, leaves, threshold, threshold_is = templates
    old = before.keys if before else {}
    yield from (Said(enters, {"key": keyid}) for keyid in sorted(after.keys.keys() - old.keys()))
    yield from (Said(leaves, {"key": keyid}) for keyid in sorted(old.keys() - after.keys.keys()))
    if before is None:
        yield Said(threshold_is, {"new": after.threshold})
    elif before.threshold != after.threshold:
        yield Said(threshold, {"old": before.threshold, "new": after.threshold})


def _terms(before: Agreement | None, after: Agreement) -> Iterator[Said]:
    old = before.terms.data if before else ()
    new = after.terms.data
    yield from (Said(DATA_ADDED if before else DATA_IS, {"kind": kind}) for kind in new if kind not in old)
    yield from (Said(DATA_GONE, {"kind": kind}) for kind in old if kind not in new)
    if [kind for kind in old if kind in new] != [kind for kind in new if kind in old]:
        yield Said(DATA_ORDERED)
    for name, changed, begun in NUMBERS:
        yield from _number(getattr(before.terms, name) if before else None, getattr(after.terms, name), changed, begun)
    for at, (changed, begun) in enumerate(QUORUM):
        yield from _number(before.quorum[at] if before else None, after.quorum[at], changed, begun)


def _number(old: int | None, new: int, changed: str, begun: str) -> Iterator[Said]:
    if old is None:
        yield Said(begun, {"new": new})
    elif old != new:
        yield Said(changed, {"old": old, "new": new})


def _pdf(old: str | None, new: str) -> Iterator[Said]:
    if old is None:
        yield Said(PDF_IS, {"new": new})
    elif old != new:
        yield Said(PDF, {"old": old, "new": new})


def _expiry(old: dt.datetime | None, new: dt.datetime) -> Iterator[Said]:
    if old is None:
        yield Said(EXPIRES_IS, {"new": new})
    elif old != new:
        # Two moments of one day would read as the same.
        yield Said(EXPIRES if old.date() != new.date() else EXPIRES_AT, {"old": old, "new": new})


def _others(before: Agreement | None, after: Agreement) -> Iterator[Said]:
    if before is None:
        return
    old, new = _body(before), _body(after)
    for name in sorted((old.keys() | new.keys()) - TOLD):
        if old.get(name) != new.get(name):
            yield Said(OTHER_FIELD, {"field": name})


def _body(document: Agreement) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(document.signed, strict=False)
    return found
