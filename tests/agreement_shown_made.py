"""A node in whose database an agreement is in force, with everything that can wait: for its pages and for the doctor."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

from node.flows.trust.agreement import Place
from node.flows.trust.agreement_terms import InForce, roll_of
from node.protocol import agreement, enrolment, keys, routine
from node.protocol.agreement import HttpKey, LogKeys, Node, Status
from node.protocol.member import Membership
from node.runtime import Node as Running
from node.store import agreement as store
from node.store.agreement import Asker, Fork, Proposal
from node.store.postgres import acquire
from tests.agreement_said_made import EXPIRES, NODES, TERMS, member, private, raw, signed

LAZIO = NODES[0]
COUNCIL = ("uno", "due", "tre")


@dataclass(frozen=True, slots=True)
class Shown:
    """What was put there: the digests of the open proposals, of a request, and of the documents of a fork."""

    proposal: str
    changes: str
    fingerprint: str
    fork: tuple[str, str]


def own_entry(node: Running, **other: object) -> Node:
    """This node's entry, with the keys that it has."""
    config, held = node.config, node.keys
    publics = {role: key.public_key().public_bytes_raw() for role, key in held.signing.items()}
    authority, origin = config.federation.authority, config.federation.origin
    made = member(config.node.id, config.node.name)
    entry = replace(
        made,
        url=f"http://{authority}",
        http=(HttpKey(f"{authority}#http-1", publics["http"]),),
        log=(LogKeys(origin, (keys.Verifier(origin, keys.LOG_TYPE, publics["log"]),), None, None),),
        witness=(keys.Verifier(f"{authority}/witness", keys.COSIGNATURE_TYPE, publics["witness"]),),
        mirror=(keys.Verifier(f"{authority}/mirror", keys.COSIGNATURE_TYPE, publics["mirror"]),),
        seal=held.seal.public,
    )
    return replace(entry, **other)  # type: ignore[arg-type] # the tests name fields


def members_of(node: Running, **other: object) -> tuple[Node, ...]:
    """BIC Lazio, and this node."""
    return (LAZIO, own_entry(node, **other))


def placed(node: Running, *versions: bytes) -> Running:
    """The node, as if it had begun by an agreement: the last of these versions is in force."""
    document = agreement.parse(versions[-1])
    in_force = InForce.of(document, None)
    own = node.membership.members[node.membership.own_id]
    place = Place(own, Membership(roll_of(in_force, own)), in_force)
    return replace(node, agreement=place)


def under(node: Running, *versions: bytes) -> Running:
    """The same, with the members that the agreement makes."""
    running = placed(node, *versions)
    return replace(running, membership=running.agreement.membership if running.agreement else node.membership)


def two_versions(node: Running) -> tuple[bytes, bytes]:
    """A first version and the one that followed: the number of networks was raised."""
    nodes = members_of(node)
    first = signed(raw(1, nodes=nodes), *COUNCIL)
    return first, signed(raw(2, nodes=nodes, terms=replace(TERMS, k_min=6)), *COUNCIL)


async def in_force(node: Running, *versions: bytes) -> None:
    """Put versions into the database as applied."""
    async with acquire(node.pool) as conn, conn.transaction():
        for number, document in enumerate(versions, 1):
            await store.insert_document(conn, number, agreement.parse(document).digest, document, node.clock())


def admission(node: Running) -> bytes:
    """The third version, which nobody has signed: Arezzo enters and BIC Lazio has a second http key."""
    second = HttpKey(f"{LAZIO.authority}#http-2", private("second").public_key().public_bytes_raw())
    lazio = replace(LAZIO, rev=2, http=(*LAZIO.http, second))
    nodes = (lazio, member("p_AR", "Provincia di Arezzo", since=agreement.day_of(node.clock())), own_entry(node))
    return raw(3, nodes=nodes, terms=replace(TERMS, k_min=6))


def request(node_id: str, name: str) -> bytes:
    """An enrolment request with all its proofs."""
    entry = member(node_id, name)
    held = {label: private(f"{node_id} {label}") for label, _ in enrolment.labels(entry)}
    return enrolment.make(entry, held)


def changed_contact(version: int = 1) -> bytes:
    """Routine changes that nobody of the secretariat has signed: BIC Lazio's contact, with its consent."""
    after = replace(LAZIO, rev=2, contact="nuovo@bic.example")
    own = routine.consent(agreement.node_json(after), private("bic_LAZ http"), {})
    return routine.build(
        version=version, expires=EXPIRES, secretariat=agreement.parse(raw(1)).secretariat, changes=[own]
    )


async def fill_agreement(node: Running) -> Shown:
    """Two versions; an admission that one has signed; routine changes in force and more of them waiting; a request; a fork; a refusal."""
    now = node.clock()
    first, second = two_versions(node)
    await in_force(node, first, second)
    admitted, changes = admission(node), changed_contact(2)
    one, other = raw(2, nodes=members_of(node), pdf_sha256="0" * 64), raw(2, nodes=members_of(node), quorum=(2, 1))
    asked = request("p_FI", "Provincia di Firenze")
    digest, of_changes = agreement.parse(admitted).digest, store.digest_of(routine.parse(changes).signed)
    fingerprint = enrolment.digest_of(enrolment.parse(asked).node).hex()
    forked = agreement.parse(one).digest, agreement.parse(other).digest
    async with acquire(node.pool) as conn, conn.transaction():
        await store.put_proposal(conn, Proposal(digest, store.ROOT, 3, admitted, now, "bic_LAZ"))
        await store.put_signatures(conn, digest, [agreement.sign(admitted, private("uno"))], now)
        await store.put_proposal(conn, Proposal(of_changes, store.ROUTINE, 2, changes, now, ""))
        in_effect = changed_contact()
        await store.put_routine(conn, 1, store.digest_of(routine.parse(in_effect).signed), in_effect, now)
        await store.put_request(conn, fingerprint, asked, now, Asker("p_FI", "fi.example", b""))
        await store.put_fork(conn, Fork(2, forked[1], True, one, other, now, None))
        await store.put_refused(conn, "bic_LAZ", 3, "agreement-unsigned", now)
    return Shown(digest, of_changes, fingerprint, forked)


def suspended(node: Running) -> tuple[Node, ...]:
    """The members, this node suspended since yesterday."""
    return members_of(node, status=Status.SUSPENDED, since=agreement.day_of(node.clock() - dt.timedelta(days=1)))
