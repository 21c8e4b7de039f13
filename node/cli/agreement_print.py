"""How the agreement is shown at a terminal, and as JSON: a version, a proposal, a request, what changes.

In: values of protocol and flows. Out: JSON values of docs/cli.md, and sentences. What is shown of a node is public.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from node.cli.frame import Face
from node.domain.days import day_of
from node.errors import N_, Said
from node.flows.trust import agreement_board
from node.flows.trust.ballot import Ballot, Count
from node.flows.trust.council_draft import STATUS_NAMES
from node.flows.trust.enrol import Asked
from node.flows.trust.join import words_of
from node.flows.trust.public_keys import fingerprint
from node.protocol import agreement, enrolment
from node.protocol.agreement_values import Agreement, Council, Node
from node.protocol.routine import Routine
from node.store import agreement as store


def told(face: Face, said: Sequence[Said]) -> list[str]:
    """Return sentences in the reader's language."""
    return [sentence.told(face.tr) for sentence in said]


def council_json(council: Council, signed: Collection[str]) -> dict[str, Any]:
    """Return a council with who of it has signed."""
    keys = [{"keyid": keyid, "signed": keyid in signed} for keyid in sorted(council.keys)]
    return {"threshold": council.threshold, "keys": keys}


def node_json(node: Node) -> dict[str, Any]:
    """Return what is said of one node, without its keys."""
    return {
        "id": node.id,
        "name": node.name,
        "ipa_code": node.ipa_code,
        "status": node.status.value,
        "since": day_of(node.since),
        "rev": node.rev,
        "url": node.url,
        "territory": list(node.territory),
        "contact": node.contact,
    }


def agreement_json(found: Agreement, now: dt.datetime) -> dict[str, Any]:
    """Return a version; ``signed`` tells of each of its own council's keys whether it signed well."""
    return {
        "kind": "root",
        "version": found.version,
        "digest": found.digest,
        "fingerprint": " ".join(words_of(found)),
        "expires": found.expires,
        "expired": found.is_expired(now),
        "agreement_sha256": found.pdf_sha256,
        "quorum": {"k": found.quorum[0], "q": found.quorum[1]},
        "terms": {
            "data": list(found.terms.data),
            "introductions_days": found.terms.introductions_days,
            "k_min": found.terms.k_min,
            "keep_epochs_days": found.terms.keep_epochs_days,
            "suspended_days": found.terms.suspended_days,
        },
        "council": council_json(found.council, agreement.signers(found, found.council)),
        "secretariat": council_json(found.secretariat, ()),
        "nodes": [node_json(node) for node in found.nodes],
    }


def routine_json(found: Routine) -> dict[str, Any]:
    """Return routine changes."""
    return {
        "kind": "routine",
        "version": found.version,
        "expires": found.expires,
        "nodes": [node_json(node) for node in found.nodes],
        "signed_by": sorted(found.signatures),
    }


def ballot_json(ballot: Ballot, said: list[str]) -> dict[str, Any]:
    """Return how a proposal stands."""
    return {
        "kind": ballot.kind,
        "version": ballot.version,
        "digest": ballot.digest,
        "fingerprint": " ".join(enrolment.words(bytes.fromhex(ballot.digest))),
        "have": ballot.waiting.have,
        "need": ballot.waiting.need,
        "signed": sorted(ballot.now.signed | (ballot.then.signed if ballot.then else frozenset())),
        "missing": sorted(missing_of(ballot.now) | (missing_of(ballot.then) if ballot.then else frozenset())),
        "complete": ballot.is_complete,
        "differences": said,
    }


def missing_of(count: Count) -> frozenset[str]:
    """Return who of a council has not signed."""
    return frozenset(count.council.keys) - count.signed


def request_json(asked: Asked) -> dict[str, Any]:
    """Return a request to join."""
    keys = [
        {"role": role, "public": public.hex(), "fingerprint": fingerprint(public)}
        for role, public in enrolment.labels(asked.node)
    ]
    return {
        "fingerprint": asked.fingerprint,
        "words": " ".join(asked.words),
        **node_json(asked.node),
        "keys": keys,
        "origins": sorted(asked.node.origins),
    }


def show_words(face: Face, title: str, words: Sequence[str], digest: str = "", **facts: object) -> None:
    """Print a fingerprint as it is read out: a title, then lines of four names; then all of its digits, where a command may be told them."""
    face.say(title, **facts)
    for line in enrolment.grouped(words):
        face.say(N_("    {line}"), line=line)
    if digest:
        face.say(N_("    {line}"), line=digest)


def warn(face: Face, doubts: Sequence[Said]) -> None:
    """Print what is allowed and seldom meant."""
    for doubt in told(face, doubts):
        face.say(N_("ATTENZIONE: {doubt}."), doubt=doubt)


def show_ballot(face: Face, ballot: Mapping[str, Any]) -> None:
    """Print an open proposal: how it stands, what signatories compare, who has signed and who has not, what it changes."""
    title = N_("Proposta aperta della versione {version}, firme {have} su {need}: {digest}")
    if ballot["kind"] == store.ROUTINE:
        title = N_("Proposta aperta di modifiche ordinarie (versione {version}), firme {have} su {need}: {digest}")
    face.say(title, **{name: ballot[name] for name in ("version", "have", "need", "digest")})
    for line in enrolment.grouped(ballot["fingerprint"].split(" ")):
        face.say(N_("    {line}"), line=line)
    for keyid in ballot["signed"]:
        face.say(N_("    {keyid} {mark}"), keyid=keyid, mark=face.tr(N_("ha firmato")))
    for keyid in ballot["missing"]:
        face.say(N_("    {keyid} {mark}"), keyid=keyid, mark=face.tr(N_("non ha firmato")))
    show_differences(face, ballot["differences"])


def signed_title(found: Agreement | Routine) -> str:
    """Return what heads a document that is about to be signed: routine changes count by themselves."""
    if isinstance(found, Routine):
        return N_("Il documento sono modifiche ordinarie, versione {version}. Ciò che si firma:")
    return N_("Il documento è la versione {version}. Ciò che si firma:")


def in_force_title(found: Agreement | Routine) -> str:
    """Return what is said of a document that came into force."""
    if isinstance(found, Routine):
        return N_("Le modifiche ordinarie, versione {version}, sono in vigore qui.")
    return N_("La versione {version} è in vigore qui.")


def collecting_title(found: Agreement | Routine) -> str:
    """Return what is said of a document that waits for signatures."""
    if isinstance(found, Routine):
        return N_("Proposta di modifiche ordinarie, versione {version}: firme {have} su {need}.")
    return N_("Proposta della versione {version}: firme {have} su {need}.")


def show_differences(face: Face, said: Sequence[str]) -> None:
    """Print what changes, a line each."""
    for sentence in said:
        face.say(N_("  - {sentence}"), sentence=sentence)


def show_agreement(face: Face, found: Agreement, now: dt.datetime, first: Agreement | None = None) -> None:
    """Print a version for a person; ``first``: the one whose fingerprint somebody compares who joins."""
    title = N_("Protocollo d'intesa, versione {version}; scade il {expires:%d/%m/%Y}.")
    face.say(title, version=found.version, expires=found.expires)
    if found.is_expired(now):
        face.say(N_("È SCADUTO: tutto continua a funzionare, ma nessuno può entrare finché non è rinnovato."))
    if first is not None:
        show_words(face, N_("Impronta della PRIMA versione (la confronta chi entra):"), words_of(first), first.digest)
    show_words(
        face, N_("Impronta di questa versione ({version}):"), words_of(found), found.digest, version=found.version
    )
    face.say(N_("PDF firmato, SHA-256: {digest}"), digest=found.pdf_sha256)
    terms = N_("Termini: almeno {k_min} reti; contatti conclusi {introductions_days} giorni; registri {keep_epochs_days} giorni; sospesi cancellati dopo {suspended_days} giorni.")  # fmt: skip
    face.say(
        terms,
        k_min=found.terms.k_min,
        introductions_days=found.terms.introductions_days,
        keep_epochs_days=found.terms.keep_epochs_days,
        suspended_days=found.terms.suspended_days,
    )
    _show_council(face, N_("Consiglio, firme necessarie: {threshold}"), found.council, agreement.signers(found, found.council))  # fmt: skip
    if found.secretariat.keys:
        _show_council(face, N_("Segreteria, firme necessarie: {threshold}"), found.secretariat, None)
    rows = [
        (node.id, node.name, face.tr(STATUS_NAMES[node.status]), f"{day_of(node.since):%d/%m/%Y}")
        for node in found.nodes
    ]
    face.table(N_("Enti"), (N_("id"), N_("nome"), N_("stato"), N_("dal")), rows)
    # Below: in a column of a narrow terminal they would be cut, and are copied.
    for node in found.nodes:
        face.say(N_("    {id}: {url}"), id=node.id, url=node.url or face.tr(N_("senza indirizzo")))


def _show_council(face: Face, title: str, council: Council, signed: Collection[str] | None) -> None:
    face.say(title, threshold=council.threshold)
    for keyid in sorted(council.keys):
        mark = "" if signed is None else face.tr(N_("ha firmato") if keyid in signed else N_("non ha firmato"))
        face.say(N_("    {keyid} {mark}"), keyid=keyid, mark=mark)


def show_request(face: Face, asked: Asked, title: str = N_("Impronta da leggere per telefono:")) -> None:
    """Print a request under a title that says what its fingerprint is for: to be read out, or to be compared."""
    node = asked.node
    face.say(N_("Richiesta di adesione di {name} ({id})"), name=node.name, id=node.id)
    face.say(N_("    indirizzo {url}, territori {territory}, recapito {contact}"), url=node.url, territory=", ".join(node.territory), contact=node.contact)  # fmt: skip
    # As whoever proposes or signs its entrance is told of the same keys.
    for role, key, digits in agreement_board.keys_of(node):
        face.say(N_("    chiave {role} {key}, impronta {print}"), role=role, key=key, print=digits)
    show_words(face, title, asked.words)
