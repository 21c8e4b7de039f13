"""The first version of an agreement, from the cards of its signatories and the requests of its first nodes.

In: cards, thresholds, requests, the signed PDF's hash. Out: bytes that the council then signs. Source: PROTOCOL 7.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from node.errors import N_, CallerError, Said
from node.flows.trust.council_card import Card
from node.flows.trust.council_draft import QUORUM, Draft, write
from node.flows.trust.enrol import Asked
from node.protocol.agreement_steps import day_of
from node.protocol.agreement_values import Agreement, Council, Terms

_SHA_256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Beginning:
    """What the first version says."""

    council: Sequence[Card]
    threshold: int
    secretariat: Sequence[Card]
    secretariat_threshold: int
    requests: Sequence[Asked]
    expires: dt.datetime
    terms: Terms
    pdf_sha256: str


def first(asked: Beginning, now: dt.datetime) -> bytes:
    """Return the unsigned first version. Raises: CallerError(council-card-twice | council-threshold | agreement-node-there | ...)."""
    nodes = [replace(request.node, since=day_of(now)) for request in asked.requests]
    for at, node in enumerate(nodes):
        if node.id in {other.id for other in nodes[:at]}:
            raise CallerError(
                "agreement-node-there",
                N_("«{node}» è già nel protocollo d'intesa"),
                where=node.id,
                hint=N_("ogni ente entra una volta sola: togliere la richiesta di troppo"),
                node=node.id,
            )
    council = council_of(asked.council, asked.threshold, "--threshold")
    secretariat = council_of(asked.secretariat, asked.secretariat_threshold, "--secretariat-threshold")
    by_id = {node.id: node for node in nodes}
    return write(1, Draft(asked.expires, council, secretariat, by_id, QUORUM, asked.terms, asked.pdf_sha256))


def council_of(cards: Sequence[Card], threshold: int, where: str) -> Council:
    """Return the council of some cards; one without any has threshold 1, that nobody reaches."""
    found: dict[str, bytes] = {}
    for card in cards:
        if card.keyid in found:
            raise CallerError(
                "council-card-twice",
                N_("la stessa chiave è indicata due volte: una voce conterebbe per due"),
                where=card.name or card.keyid,
                hint=N_(
                    "indicare ogni biglietto una volta sola; se due persone hanno lo stesso, una delle due fa una chiave propria"
                ),
            )
        found[card.keyid] = card.public
    if not found:
        return Council({}, 1)
    check_threshold(len(found), threshold, where)
    return Council(found, threshold)


def doubts(found: Agreement, now: dt.datetime) -> list[Said]:
    """Return what is allowed in a version and seldom meant: few signatures that suffice, nobody in it, an end that has passed."""
    said = []
    need, keys = found.council.threshold, len(found.council.keys)
    if 2 * need <= keys:
        said.append(Said(N_("per decidere tutto bastano {need} firme del consiglio su {keys}: non più della metà"), {"need": need, "keys": keys}))  # fmt: skip
    if not found.nodes:
        said.append(Said(N_("nessun ente ne fa parte")))
    if found.is_expired(now):
        said.append(Said(N_("è scaduta il {day:%d/%m/%Y}"), {"day": found.expires}))
    return said


def check_threshold(count: int, threshold: int, where: str) -> None:
    """Refuse a number of signatures that nobody needs, or that nobody could reach. Raises: CallerError(council-threshold)."""
    if not 1 <= threshold <= count:
        raise CallerError(
            "council-threshold",
            N_("la soglia {threshold} non va bene per {count} chiavi"),
            where=where,
            hint=N_("serve un numero da 1 al numero delle chiavi"),
            threshold=threshold,
            count=count,
        )


def sha256_of(pdf: bytes) -> str:
    """Return what binds the agreement to its signed PDF. Raises: CallerError(agreement-pdf-bad)."""
    if not pdf.startswith(b"%PDF-"):
        raise CallerError(
            "agreement-pdf-bad",
            N_("il file non è un PDF"),
            where="--pdf",
            hint=N_("indicare il PDF firmato del protocollo d'intesa, o la sua impronta con --pdf-sha256"),
        )
    return hashlib.sha256(pdf).hexdigest()


def check_sha256(digits: str) -> str:
    """Return the hash of a PDF as the agreement writes it. Raises: CallerError(agreement-pdf-hash-bad)."""
    if not _SHA_256.fullmatch(digits.lower()):
        raise CallerError(
            "agreement-pdf-hash-bad",
            N_("l'impronta SHA-256 ha 64 cifre esadecimali"),
            where="--pdf-sha256",
            hint=N_("la stampa «sha256sum FILE»"),
        )
    return digits.lower()
