"""The changes that one proposal makes, several at once, in the order in which they could also be made one by one.

In: a draft, what somebody wants changed, and where the logs of those that leave end. Out: the changed draft. Source: PROTOCOL 7.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from node.errors import N_, Said
from node.flows.trust import council_draft
from node.flows.trust.council_card import Card
from node.flows.trust.council_draft import Draft
from node.flows.trust.council_first import check_threshold
from node.flows.trust.enrol import Asked
from node.protocol.agreement_steps import day_of
from node.protocol.agreement_values import Council, Node, Status
from node.store import origins, own_log
from node.store.postgres import Connection

Ends = Mapping[str, tuple[int, bytes]]


@dataclass(frozen=True, slots=True)
class CouncilEdits:
    """Changes of the council, or of the secretariat; ``threshold`` None: as it is."""

    add: tuple[Card, ...] = ()
    remove: tuple[str, ...] = ()
    threshold: int | None = None

    def on(self, council: Council, where: str) -> Council:
        """Return the changed council. Raises: CallerError(council-key-there | council-key-unknown | council-threshold)."""
        for keyid in self.remove:
            council = council_draft.remove_key(council, keyid)
        for card in self.add:
            council = council_draft.add_key(council, card.keyid, card.public)
        if self.threshold is not None:
            council = replace(council, threshold=self.threshold)
        if council.keys:
            check_threshold(len(council.keys), council.threshold, where)
        return council


@dataclass(frozen=True, slots=True)
class Edits:
    """All that one proposal changes; what is empty or None stays as it is."""

    admit: tuple[Asked, ...] = ()
    suspend: tuple[str, ...] = ()
    readmit: tuple[str, ...] = ()
    leave: tuple[str, ...] = ()
    change: tuple[Node, ...] = ()
    move: tuple[tuple[str, str], ...] = ()
    council: CouncilEdits = field(default_factory=CouncilEdits)
    secretariat: CouncilEdits = field(default_factory=CouncilEdits)
    terms: Mapping[str, int] = field(default_factory=dict)
    data_add: tuple[str, ...] = ()
    data_remove: tuple[str, ...] = ()
    pdf_sha256: str | None = None
    expires: dt.datetime | None = None


def edited(draft: Draft, edits: Edits, now: dt.datetime, ends: Ends) -> Draft:
    """Return a draft with all changes made. Raises: CallerError agreement-..., council-..., with the node or option at fault."""
    today = day_of(now)
    for node in edits.change:
        draft = council_draft.change(draft, node)
    for node_id, url in edits.move:
        draft = council_draft.move(draft, node_id, url)
    for node_id in edits.suspend:
        draft = council_draft.suspend(draft, node_id, today)
    for node_id in edits.readmit:
        draft = council_draft.readmit(draft, node_id, today)
    for node_id in edits.leave:
        draft = council_draft.leave(draft, node_id, today, ends)
    for request in edits.admit:
        draft = council_draft.admit(draft, request.node, today)
    return replace(
        draft,
        council=edits.council.on(draft.council, "--threshold"),
        secretariat=edits.secretariat.on(draft.secretariat, "--secretariat-threshold"),
        terms=council_draft.set_data(
            council_draft.set_numbers(draft.terms, edits.terms), edits.data_add, edits.data_remove
        ),
        pdf_sha256=edits.pdf_sha256 or draft.pdf_sha256,
        expires=edits.expires or draft.expires,
    )


def warnings(draft: Draft, edits: Edits) -> list[Said]:
    """Return what a changed draft does that may be allowed and is seldom meant."""
    active = [node for node in draft.nodes.values() if node.status is Status.ACTIVE]
    if (edits.suspend or edits.leave) and len(active) < 2:
        return [Said(N_("dopo questa proposta gli enti attivi sarebbero {count}: nessuno avrebbe più a chi pubblicare"), {"count": len(active)})]  # fmt: skip
    return []


async def ends_of(conn: Connection, owners: tuple[str, ...]) -> dict[str, tuple[int, bytes]]:
    """Return (size, root) up to which the logs of some nodes are known here: of the own one what is signed, of others what is applied."""
    found: dict[str, tuple[int, bytes]] = {}
    for owner in owners:
        for origin in await origins.list_origins(conn, owner):
            signed = await own_log.signed_latest(conn, origin.origin_id) if origin.is_own else None
            size, root = (signed.size, signed.root) if signed is not None else (origin.size, origin.root)
            if size:
                found[origin.origin] = (size, root)
    return found
