"""The next version of the agreement while it is being written: what is in force, and one change after the other.

In: the version in force with the routine changes since, and edits. Out: the bytes of a proposal that nobody has signed. Nothing here reads
or writes anything. Rules: a node that left stays listed; an entry's ``rev`` grows by one when the entry changes and not otherwise;
routine changes are folded in, so that the next version says what is true already. What a step may change at all is judged by
``protocol/agreement``. Source: PROTOCOL 7.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final

from node.errors import N_, CallerError, Said
from node.protocol import agreement, routine
from node.protocol.agreement_form import TERM_BOUNDS
from node.protocol.agreement_values import Agreement, Council, HttpKey, Node, Status, Terms
from node.protocol.routine import Changes

YEAR = dt.timedelta(days=365)
# What the pilot's signatories agreed on; each is said by ``rete agreement init --terms`` where it is to be something else.
TERMS = Terms(
    data=("call/1", "course/1", "partition/1", "profile/1", "ranking/1", "service/1", "session/1", "statistics/1"),
    introductions_days=1_095,
    k_min=5,
    keep_epochs_days=730,
    suspended_days=30,
)
NUMBERS = ("introductions_days", "k_min", "keep_epochs_days", "suspended_days")
QUORUM = (3, 2)
STATUS_NAMES: Final = {Status.ACTIVE: N_("attivo"), Status.SUSPENDED: N_("sospeso"), Status.LEFT: N_("uscito")}


@dataclass(frozen=True, slots=True)
class Draft:
    """All that the next version will say; ``nodes`` by id, as they stand with the routine changes."""

    expires: dt.datetime
    council: Council
    secretariat: Council
    nodes: Mapping[str, Node]
    quorum: tuple[int, int]
    terms: Terms
    pdf_sha256: str


def end_of(day: dt.date) -> dt.datetime:
    """Return the last second of a day: until then what expires on it is good."""
    return dt.datetime.combine(day, dt.time(23, 59, 59), dt.UTC)


def begin(base: Agreement, changes: Changes | None) -> Draft:
    """Return a draft that changes nothing yet."""
    nodes = {node.id: node for node in routine.effective(base, changes)}
    return Draft(base.expires, base.council, base.secretariat, nodes, base.quorum, base.terms, base.pdf_sha256)


def build(base: Agreement, changes: Changes | None, draft: Draft) -> bytes:
    """Return the unsigned bytes of the version after ``base``. Raises: CallerError(proposal-empty), what ``agreement.parse`` refuses."""
    before = {node.id: node for node in routine.effective(base, changes)}
    nodes = [_counted(before.get(node.id), node) for node in draft.nodes.values()]
    made = write(base.version + 1, replace(draft, nodes={node.id: node for node in nodes}))
    same = write(base.version + 1, Draft(
        base.expires, base.council, base.secretariat, {node.id: node for node in base.nodes}, base.quorum, base.terms, base.pdf_sha256
    ))  # fmt: skip
    if made == same:
        raise CallerError(
            "proposal-empty",
            N_("la proposta non cambia nulla"),
            hint=N_("indicare almeno una modifica: «rete agreement propose --help» le elenca"),
        )
    return made


def write(version: int, draft: Draft) -> bytes:
    """Return the unsigned bytes of a version that says what a draft says."""
    return agreement.build(
        version=version,
        expires=draft.expires,
        council=draft.council,
        secretariat=draft.secretariat,
        nodes=tuple(sorted(draft.nodes.values(), key=lambda node: node.id)),
        quorum=draft.quorum,
        terms=draft.terms,
        pdf_sha256=draft.pdf_sha256,
    )


def _counted(before: Node | None, after: Node) -> Node:
    """Return an entry with the number of changes that it has after this one."""
    if before is None:
        return replace(after, rev=1)
    return before if replace(after, rev=before.rev) == before else replace(after, rev=before.rev + 1)


def _known(draft: Draft, node_id: str) -> Node:
    found = draft.nodes.get(node_id)
    if found is None:
        raise CallerError(
            "agreement-node-unknown",
            N_("nessun ente del protocollo d'intesa ha l'identificativo «{node}»"),
            where=node_id,
            hint=N_("«rete agreement show» elenca gli enti"),
            node=node_id,
        )
    return found


def _with(draft: Draft, node: Node) -> Draft:
    return replace(draft, nodes={**draft.nodes, node.id: node})


def _to(draft: Draft, node_id: str, status: Status, since: int, *allowed: Status) -> Node:
    """Return a node in another status. Raises: CallerError(agreement-node-unknown | agreement-status-wrong)."""
    found = _known(draft, node_id)
    if found.status not in allowed:
        raise CallerError(
            "agreement-status-wrong",
            N_("«{node}» è nello stato «{status}»: questa modifica non si può fare"),
            where=node_id,
            hint=N_(
                "si sospende un ente attivo, si riammette uno sospeso, esce uno attivo o sospeso; chi è uscito torna con una richiesta nuova (--admit)"
            ),
            node=node_id,
            status=Said(STATUS_NAMES[found.status]),
        )
    return replace(found, status=status, since=since)


def admit(draft: Draft, asking: Node, since: int) -> Draft:
    """Let in whoever asks; an id that left comes back by its own new request. Raises: CallerError(agreement-node-there | agreement-log-ended)."""
    node = replace(asking, status=Status.ACTIVE, since=since)
    known = draft.nodes.get(node.id)
    if known is not None and known.status is not Status.LEFT:
        raise CallerError(
            "agreement-node-there",
            N_("«{node}» è già nel protocollo d'intesa"),
            where=node.id,
            hint=N_("per cambiarne le chiavi o i dati: --change; per riammetterlo dopo una sospensione: --readmit"),
            node=node.id,
        )
    if known is not None:
        # What its logs were called is its own for ever: the old ones stay listed beside the new.
        ended = {item.origin for item in known.log if item.frozen is not None}
        for origin in sorted(ended & node.origins):
            raise CallerError(
                "agreement-log-ended",
                N_("il registro {origin} è stato chiuso quando l'ente è uscito: non può continuare"),
                where=node.id,
                hint=N_("l'ente che torna comincia un registro nuovo («rete log rollover») e rifà la richiesta"),
                origin=origin,
            )
        # What was said of the end of a log, or of a key of it, stays said.
        kept = (item for item in known.log if item.origin not in node.origins or item.until_size is not None)
        node = replace(node, log=(*kept, *node.log))
    return _with(draft, node)


def suspend(draft: Draft, node_id: str, since: int) -> Draft:
    """Suspend an active node."""
    return _with(draft, _to(draft, node_id, Status.SUSPENDED, since, Status.ACTIVE))


def readmit(draft: Draft, node_id: str, since: int) -> Draft:
    """Let a suspended node, or one that left before its log had an end, be active again with the keys it is listed with."""
    return _with(draft, _to(draft, node_id, Status.ACTIVE, since, Status.SUSPENDED, Status.LEFT))


def leave(draft: Draft, node_id: str, since: int, ends: Mapping[str, tuple[int, bytes]]) -> Draft:
    """Let a node leave; each of its logs that ``ends`` names ends at that (size, root)."""
    found = _to(draft, node_id, Status.LEFT, since, Status.ACTIVE, Status.SUSPENDED)
    logs = tuple(item if item.frozen else replace(item, frozen=ends.get(item.origin)) for item in found.log)
    return _with(draft, replace(found, log=logs))


def change(draft: Draft, node: Node) -> Draft:
    """Put a whole entry in the place of the one of its id."""
    _known(draft, node.id)
    return _with(draft, node)


def move(draft: Draft, node_id: str, url: str) -> Draft:
    """Give a node another address; its request keys are named after it, its logs keep their names."""
    found = _known(draft, node_id)
    authority = url.partition("://")[2]
    http = tuple(HttpKey(f"{authority}#{key.keyid.rpartition('#')[2]}", key.public) for key in found.http)
    return _with(draft, replace(found, url=url, http=http))


def set_numbers(terms: Terms, changes: Mapping[str, int]) -> Terms:
    """Return terms with some numbers changed. Raises: CallerError(agreement-term-unknown | agreement-term-bad)."""
    for name, number in changes.items():
        if name not in NUMBERS:
            raise CallerError(
                "agreement-term-unknown",
                N_("termine sconosciuto: «{name}»"),
                where=name,
                hint=N_("valori ammessi: {values}"),
                name=name,
                values=", ".join(NUMBERS),
            )
        least, most = TERM_BOUNDS[name]
        if not least <= number <= most:
            raise CallerError(
                "agreement-term-bad",
                N_("{name}={number} non va bene"),
                where=name,
                hint=N_("{name} va da {least} a {most}"),
                name=name,
                number=number,
                least=least,
                most=most,
            )
    named = {name: getattr(terms, name) for name in NUMBERS} | dict(changes)
    return Terms(
        data=terms.data,
        introductions_days=named["introductions_days"],
        k_min=named["k_min"],
        keep_epochs_days=named["keep_epochs_days"],
        suspended_days=named["suspended_days"],
    )


def set_data(terms: Terms, add: Collection[str], remove: Collection[str]) -> Terms:
    """Return terms with some types of documents added to those that may be published, and some taken out.

    Raises: CallerError(agreement-data-unknown) for one that is not among them; what is no type is refused where the version is built.
    """
    absent = sorted(set(remove) - set(terms.data))
    if absent:
        raise CallerError(
            "agreement-data-unknown",
            N_("«{type}» non è fra i tipi di dati che si possono pubblicare"),
            where=absent[0],
            hint=N_("valori ammessi: {values}"),
            type=absent[0],
            values=", ".join(terms.data),
        )
    return replace(terms, data=tuple(sorted({*terms.data, *add} - set(remove))))


def add_key(council: Council, keyid: str, public: bytes) -> Council:
    """Return a council with one key more. Raises: CallerError(council-key-there)."""
    if keyid in council.keys:
        raise CallerError(
            "council-key-there",
            N_("questa chiave è già nell'elenco"),
            where=keyid,
            hint=N_("togliere il suo biglietto dal comando; per cambiare solo quante firme servono: --threshold"),
        )
    return replace(council, keys={**council.keys, keyid: public})


def remove_key(council: Council, keyid: str) -> Council:
    """Return a council without a key, named whole or by its first eight digits or more. Raises: CallerError(council-key-unknown)."""
    found = [known for known in council.keys if known.startswith(keyid)] if len(keyid) >= 8 else []
    if len(found) != 1:
        raise CallerError(
            "council-key-unknown",
            N_("nessuna chiave dell'elenco, o più d'una, comincia con «{keyid}»"),
            where=keyid,
            hint=N_("servono almeno 8 cifre: «rete agreement show» elenca le chiavi"),
            keyid=keyid,
        )
    return replace(council, keys={known: public for known, public in council.keys.items() if known != found[0]})
