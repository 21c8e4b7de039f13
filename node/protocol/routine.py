"""Routine changes: what the secretariat may change of a node's entry, if the node itself agrees (PROTOCOL 7.8; TUF ``targets``).

In: the trusted agreement, the documents that are held, bytes. Out: the documents that are held then; and the nodes as they are in effect.
Rules: signed by the threshold of the agreement's secretariat, for that one and no other; for each node a chain of whole entries on the
agreement's own, each with the next ``rev``, the consent of the node by an http key of the entry before it, and a proof by each new key. So
neither the secretariat nor a node changes anything alone, and whoever joins later checks the whole chain. Only address, name, contact, keys and
ends change; everything about belonging is the council's, and so are keys that are lost or stolen.

Documents add up: whoever holds two holds what both say, in whatever order they came. So two that were signed at one time part nobody from
anybody; nothing in effect is taken back by a document that leaves it out; and no number can be counted to its end. Only two documents that say
different things of one node cannot both be held: they are a fork, for people to decide. A new secretariat begins with nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from node.errors import N_, PeerWrongError
from node.protocol import agreement_steps, limits
from node.protocol.agreement_form import check_nodes
from node.protocol.agreement_node import authority_of, publics_of
from node.protocol.agreement_values import Agreement, Node, Status
from node.protocol.metadata import encode
from node.protocol.routine_form import (
    Consented,
    Routine,
    build,
    consent,
    is_consented,
    new_keys,
    parse,
    secretariat_digest,
    signers,
    unproved,
)

__all__ = [
    "Changes",
    "Consented",
    "Routine",
    "brings_news",
    "build",
    "check",
    "consent",
    "documents",
    "effective",
    "encode",
    "in_effect",
    "joined",
    "live",
    "new_keys",
    "parse",
    "signers",
    "take",
]


@dataclass(frozen=True, slots=True)
class Changes:
    """The documents that are held, by digest, none of which says only what another says, too. Built by ``joined`` alone."""

    documents: tuple[Routine, ...]

    @property
    def newest(self) -> Routine:
        """The one with the greatest number."""
        return max(self.documents, key=lambda one: (one.version, one.digest))

    @property
    def version(self) -> int:
        """The greatest number of them."""
        return self.newest.version

    @property
    def expires(self) -> dt.datetime:
        """When the newest expires."""
        return self.newest.expires

    @property
    def digests(self) -> tuple[str, ...]:
        """By what they are known, in order."""
        return tuple(one.digest for one in self.documents)

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All entries, in effect or not, by id and ``rev``."""
        found = dict.fromkeys(node for one in self.documents for node in one.nodes)
        return tuple(sorted(found, key=lambda node: (node.id, node.rev)))

    def is_expired(self, now: dt.datetime) -> bool:
        """Tell whether the newest has expired."""
        return self.newest.is_expired(now)


Held = Changes | Routine | None


def documents(held: Held) -> tuple[Routine, ...]:
    """Return the documents of what is held."""
    if held is None:
        return ()
    return held.documents if isinstance(held, Changes) else (held,)


def live(trusted: Agreement, held: Held) -> set[Consented]:
    """Return the changes of the present secretariat that are newer than the agreement's own entries, whether they follow or not."""
    office = secretariat_digest(trusted.secretariat)
    revs = {node.id: node.rev for node in trusted.nodes}
    return {
        change
        for one in documents(held)
        if one.secretariat == office
        for change in one.changes
        if change.node.rev > revs.get(change.node.id, limits.AGREEMENT_VERSION_MAX)
    }


def joined(trusted: Agreement, several: Iterable[Routine]) -> Changes | None:
    """Return what several documents are together: those of another secretariat, and those that another one contains, are left out.

    The same for all who hold the same documents, in whatever order they came.
    """
    office = secretariat_digest(trusted.secretariat)
    own = {one.digest: one for one in several if one.secretariat == office}
    said = {digest: live(trusted, one) for digest, one in own.items()}

    def contains(more: str, less: str) -> bool:
        if said[more] == said[less]:
            return (own[more].version, more) > (own[less].version, less)
        return said[more] > said[less]

    kept = [own[one] for one in sorted(own) if not any(contains(other, one) for other in own)]
    return Changes(tuple(kept)) if kept else None


def _as_the_council_says(root: Node, entry: Node) -> Node:
    """Return an entry with all about belonging as in the agreement."""
    return replace(
        entry, status=root.status, since=root.since, territory=root.territory, ipa_code=root.ipa_code
    )  # fmt: skip


def _broken(node_id: str, what: str) -> PeerWrongError:
    return PeerWrongError("routine-rule-broken", what, where=node_id)


def _check_follows(before: Node, change: Consented) -> None:
    """Refuse an entry that does not follow the one in effect, whoever of the two offices wrote it."""
    after = change.node
    if after.rev != before.rev + 1:
        raise _broken(after.id, N_("la revisione di una voce cresce di uno a ogni modifica"))
    if not is_consented(before, change):
        raise PeerWrongError(
            "routine-unconsented", N_("il nodo non ha firmato questa modifica con una sua chiave http"), where=after.id
        )
    if (role := unproved(before, change)) is not None:
        raise PeerWrongError(
            "routine-unproved",
            N_("il nodo non ha dimostrato di avere la chiave nuova «{role}»"),
            where=after.id,
            role=role,
        )
    if {(item.origin, item.frozen) for item in after.log} != {(item.origin, item.frozen) for item in before.log}:
        raise _broken(after.id, N_("quali registri ci sono e dove finiscono lo decide il consiglio"))
    try:
        agreement_steps.check_logs(before, after)
    except PeerWrongError as error:
        raise _broken(after.id, error.what) from error


def _follows(before: Node, change: Consented) -> bool:
    try:
        _check_follows(before, change)
    except PeerWrongError:
        return False
    return True


def _chain(root: Node, offered: dict[int, list[Consented]]) -> list[Node]:
    """Return the entries that follow each other, up to the first of which there is none, or two different ones."""
    chain, current = list[Node](), root
    while len(chain) < limits.ROUTINE_CHANGES:
        good = {change.node for change in offered.get(current.rev + 1, ()) if _follows(current, change)}
        if len(good) != 1:
            break
        current = good.pop()
        chain.append(current)
    return chain


def _claims(node: Node, status: Status) -> Iterator[bytes | str]:
    """Yield what is one node's alone: its keys, and the authorities that are named in its entry (PROTOCOL 7.4)."""
    yield from publics_of(node)
    names = (*node.origins, *(verifier.name for verifier in (*node.witness, *node.mirror)))
    yield from {authority_of(name) for name in names} | ({node.authority} if status is not Status.LEFT else set())


def _in_effect(trusted: Agreement, held: Held) -> dict[str, list[Node]]:
    """Return the entries that count, by node: each follows the one before it, the first the agreement's own, and takes nothing of another's.

    What the agreement itself gives to somebody is that one's; of two nodes that take the same, the one with the lesser id has it.
    """
    roots = {node.id: node for node in trusted.nodes}
    offered: dict[str, dict[int, list[Consented]]] = {}
    for change in live(trusted, held):
        offered.setdefault(change.node.id, {}).setdefault(change.node.rev, []).append(change)
    owners: dict[bytes | str, str] = dict.fromkeys(
        (*trusted.council.keys.values(), *trusted.secretariat.keys.values()), ""
    )
    if offered:
        owners.update((claim, node.id) for node in trusted.nodes for claim in _claims(node, node.status))
    found: dict[str, list[Node]] = {}
    for node_id in sorted(offered):
        chain: list[Node] = []
        for entry in _chain(roots[node_id], offered[node_id]):
            claims = list(_claims(entry, roots[node_id].status))
            if len(set(claims)) != len(claims) or any(owners.get(one, node_id) != node_id for one in claims):
                break
            chain.append(entry)
        if chain:
            owners.update((claim, node_id) for claim in _claims(chain[-1], roots[node_id].status))
            found[node_id] = chain
    return found


def in_effect(trusted: Agreement, held: Held) -> list[Consented]:
    """Return the changes that count, each as it was consented to: what a new document has to say again."""
    chains = _in_effect(trusted, held)
    found = {
        (change.node.id, change.node.rev): change
        for change in sorted(live(trusted, held), key=lambda change: change.consent)
        if change.node in chains.get(change.node.id, ())
    }
    return [found[key] for key in sorted(found)]


def effective(trusted: Agreement, held: Held) -> tuple[Node, ...]:
    """Return the nodes as they are now: of each the newest entry that follows, belonging as the agreement says; by id.

    A function of the documents alone: entries that another version of the agreement has overtaken, or that take what it gives to somebody
    else, are passed over by all alike.
    """
    newer = _in_effect(trusted, held)
    return tuple(
        _as_the_council_says(root, newer[root.id][-1]) if root.id in newer else root for root in trusted.nodes
    )  # fmt: skip


def _check_office(trusted: Agreement, found: Routine) -> None:
    if found.secretariat != secretariat_digest(trusted.secretariat):
        raise PeerWrongError(
            "routine-other-secretariat",
            N_("le modifiche ordinarie sono di un'altra segreteria: quella di ora riparte da capo"),
        )


def _check_signed(trusted: Agreement, found: Routine) -> None:
    have = len(signers(found, trusted))
    if have < trusted.secretariat.threshold:
        raise PeerWrongError(
            "routine-unsigned",
            N_("firme valide della segreteria: {have}, ne servono {need}"),
            have=have,
            need=trusted.secretariat.threshold,
        )


def take(trusted: Agreement, held: Held, raw: bytes) -> Changes:
    """Return what is held with one document more; the same as before, where it says nothing new.

    Entries of it that do not follow are passed over, as by whoever took it before the agreement changed; and it may have expired since.
    Raises: PeerWrongError(routine-other-secretariat | routine-unsigned | routine-forked | routine-too-many, or as ``parse``).
    """
    found = parse(raw)
    _check_office(trusted, found)
    _check_signed(trusted, found)
    return _with(trusted, held, found)


def _with(trusted: Agreement, held: Held, found: Routine) -> Changes:
    both = joined(trusted, (*documents(held), found)) or Changes((found,))
    together = _in_effect(trusted, both)
    for alone in (_in_effect(trusted, held), _in_effect(trusted, found)):
        for node_id, entries in alone.items():
            if together.get(node_id, [])[: len(entries)] != entries:
                raise PeerWrongError(
                    "routine-forked",
                    N_(
                        "di questo nodo ci sono due modifiche ordinarie diverse, entrambe firmate: vale quella che c'è già"
                    ),
                    where=node_id,
                    hint=N_("il consiglio decide quale voce vale, con una nuova versione del protocollo d'intesa"),
                )
    if len(both.documents) > limits.ROUTINE_DOCUMENTS:
        raise PeerWrongError(
            "routine-too-many",
            N_(
                "ci sono già {count} documenti di modifiche ordinarie: la segreteria ne firma uno che le contenga tutte"
            ),
            count=limits.ROUTINE_DOCUMENTS,
        )
    return both


def brings_news(trusted: Agreement, held: Held, found: Routine) -> bool:
    """Tell whether a document, once it is signed, would change what is held."""
    both = joined(trusted, (*documents(held), found))
    return both is not None and both.digests != tuple(one.digest for one in documents(held))


def check(trusted: Agreement, held: Held, raw: bytes, now: dt.datetime, *, collecting: bool = False) -> Routine:
    """Return a document that may be signed, and be taken by everybody: all that it says counts. ``collecting``: signed or not yet.

    Raises: PeerWrongError(routine-expired | routine-rule-broken | routine-unconsented | routine-unproved | agreement-key-reused, or as
    ``take``).
    """
    found = parse(raw)
    _check_office(trusted, found)
    if not collecting:
        _check_signed(trusted, found)
    if found.is_expired(now):
        raise PeerWrongError(
            "routine-expired", N_("le modifiche ordinarie sono scadute: la segreteria le firma di nuovo")
        )
    by_id = {node.id: node for node in trusted.nodes}
    reached = dict(by_id)
    for change in found.changes:
        node = change.node
        root = by_id.get(node.id)
        if root is None:
            raise _broken(node.id, N_("il nodo non è nel protocollo d'intesa"))
        if node.rev <= root.rev:
            continue
        if node.rev > root.rev + limits.ROUTINE_CHANGES:
            raise _broken(node.id, N_("troppe modifiche ordinarie: il consiglio le riprende nel protocollo d'intesa"))
        if _as_the_council_says(root, node) != node:
            raise _broken(node.id, N_("stato, territorio e codice IPA li decide il consiglio"))
        _check_follows(reached[node.id], change)
        reached[node.id] = node
    check_nodes(reached.values(), (*trusted.council.keys.values(), *trusted.secretariat.keys.values()))
    chains = _in_effect(trusted, found)
    for node_id, entry in reached.items():
        if entry != by_id[node_id] and chains.get(node_id, [None])[-1] != entry:
            raise PeerWrongError(
                "agreement-key-reused", N_("la stessa chiave serve due ruoli o due nodi"), where=node_id
            )  # fmt: skip
    _with(trusted, held, found)
    return found
