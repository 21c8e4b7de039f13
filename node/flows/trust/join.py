"""Joining a federation: read its agreement from one member, pin what people have compared, ask to be let in.

In: a member's address and a home. Out: the verified chain; a pinned home; a request that waits at that member. Rules: nothing is trusted
because an address said it: the first version's fingerprint is compared by telephone, all later ones follow from it. Nothing else is read, and nothing is
pinned, before that; and no more is read than a federation can have said. Who is not listed yet may read all that members serve unsigned, the agreement above all, and so learns by itself that it is let in.
Source: PROTOCOL 7.9.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import zip_longest

from node.errors import N_, CallerError, PeerWrongError, ReteError
from node.flows.trust import agreement as in_force
from node.flows.trust.enrol import Asked
from node.peers.client import PeerClient
from node.protocol import agreement, enrolment, limits
from node.protocol.agreement_values import Agreement, Status
from node.store.postgres import Pool

VERSIONS = "/federation/agreement/{version}.root.json"
REQUESTS = "/federation/agreement/requests"
# Of a chain that was read to be verified, so much is kept to be applied; the rest is read again by the node's own refresh.
KEPT_MAX_BYTES = 64 * 1024 * 1024
_NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class Chain:
    """The agreement as one member tells it, every step verified: its first and newest version, and bytes from the first on."""

    first: Agreement
    newest: Agreement
    kept: Sequence[bytes] = field(repr=False)


class Standing(StrEnum):
    """How a request to join stands."""

    ADMITTED = "admitted"
    SUSPENDED = "suspended"
    LEFT = "left"
    PENDING = "pending"
    GONE = "gone"
    UNKNOWN = "unknown"


def words_of(found: Agreement) -> list[str]:
    """Return the names by which people compare a version."""
    return enrolment.words(bytes.fromhex(found.digest))


def check_words(found: Agreement, expected: str) -> None:
    """Refuse a first version whose fingerprint is not the expected one, told as words or as the 64 digits of its digest.

    Raises: CallerError(agreement-words-differ).
    """
    told, words = expected.split(), words_of(found)
    # Digits may be told in groups.
    digits = "".join(told).lower()
    if [word.lower() for word in told] == [word.lower() for word in words] or digits == found.digest:
        return
    what, parts, there = N_("l'impronta trovata non è quella attesa: diversa dalla parola {at} in poi. Attesa: {expected}. Trovata: {found}"), told, words  # fmt: skip
    if digits and not set(digits) - set("0123456789abcdef"):
        what, parts, there = N_("l'impronta trovata non è quella attesa: diversa dalla cifra {at} in poi. Attesa: {expected}. Trovata: {found}"), list(digits), list(found.digest)  # fmt: skip
    pairs = zip_longest(parts, there, fillvalue="")
    raise CallerError(
        "agreement-words-differ",
        what,
        where="--expect",
        hint=N_("non fidarsi di nulla; chiedere l'impronta alla segreteria per telefono, a un numero trovato altrove: non a questo indirizzo"),
        at=next(at for at, (one, other) in enumerate(pairs, 1) if one.lower() != other.lower()),
        expected=" ".join(told)[:700],
        found=" ".join(words) if parts is told else found.digest,
    )  # fmt: skip


async def begin(client: PeerClient) -> Agreement:
    """Read the first version from a member, signed by its own council: people compare it before anything else is read.

    Raises: CallerError(join-no-agreement), RoadWrongError, PeerWrongError as ``agreement.first`` does.
    """
    raw = await _version(client, 1)
    if raw is None:
        raise CallerError(
            "join-no-agreement",
            N_("a questo indirizzo non c'è un protocollo d'intesa"),
            where=client.authority,
            hint=N_("chiedere alla segreteria l'indirizzo di un nodo della federazione: schema e host, senza altro"),
        )
    return agreement.first(raw)


async def fetch(client: PeerClient, first: Agreement, now: dt.datetime) -> Chain:
    """Read what follows the first version from a member, each version verified from the one before.

    Raises: RoadWrongError, PeerWrongError(join-chain-too-long, or as ``agreement.step`` does).
    """
    try:
        async with asyncio.timeout(limits.JOIN_MAX_S):
            return await _fetch(client, first, now)
    except TimeoutError as error:
        raise _too_long(client) from error


async def _fetch(client: PeerClient, first: Agreement, now: dt.datetime) -> Chain:
    newest, kept, size, whole = first, [first.raw], len(first.raw), True
    while (raw := await _version(client, newest.version + 1)) is not None:
        size += len(raw)
        if newest.version >= limits.JOIN_MAX_VERSIONS or size > limits.JOIN_MAX_BYTES:
            raise _too_long(client)
        newest = agreement.step(newest, raw, now)
        whole = whole and size <= KEPT_MAX_BYTES
        if whole:
            kept.append(raw)
    return Chain(first, newest, kept)


def _too_long(client: PeerClient) -> PeerWrongError:
    return PeerWrongError(
        "join-chain-too-long",
        N_("il protocollo d'intesa che questo nodo dà non finisce: troppe versioni, troppi byte o troppo tempo"),
        where=client.authority,
        hint=N_("riprovare con un altro nodo della federazione, e dirlo alla segreteria"),
    )


async def _version(client: PeerClient, version: int) -> bytes | None:
    """Return one version as a member has it; None where it has none of that number."""
    try:
        reply = await client.get(VERSIONS.format(version=version), max_bytes=limits.AGREEMENT_MAX_BYTES)
    except PeerWrongError as error:
        if error.facts.get("status") == _NOT_FOUND:
            return None
        raise
    return reply.body


async def catch_up(client: PeerClient, pool: Pool, place: in_force.Place, now: dt.datetime) -> None:
    """Bring into force here what a member has beyond it, as much as in one refresh.

    Raises: RoadWrongError, PeerWrongError as ``agreement.step`` does.
    """
    for _ in range(limits.AGREEMENT_MAX_STEPS):
        raw = await _version(client, place.in_force.agreement.version + 1)
        if raw is None:
            return
        await in_force.apply(pool, place, raw, now)


async def send(client: PeerClient, request: Asked) -> None:
    """Leave a request at a member. Raises: RoadWrongError, PeerWrongError."""
    await client.post(
        REQUESTS, request.raw, max_bytes=limits.PROBLEM_MAX_BYTES, content_type="application/json", allow=(200, 201)
    )


async def ask_standing(client: PeerClient, request: Asked) -> Standing:
    """Return whether a request still waits at a member: PENDING, GONE, or UNKNOWN where it does not answer."""
    try:
        await client.get(f"{REQUESTS}/{request.fingerprint}", max_bytes=limits.PROBLEM_MAX_BYTES)
    except PeerWrongError as error:
        return Standing.GONE if error.facts.get("status") == _NOT_FOUND else Standing.UNKNOWN
    except ReteError:
        return Standing.UNKNOWN
    return Standing.PENDING


def standing_in(found: Agreement, node_id: str, request: Asked | None) -> Standing | None:
    """Return how the agreement itself lists a node; None where it does not, or lists another under that id.

    Raises: CallerError(join-id-taken).
    """
    listed = found.node(node_id)
    if listed is None:
        return None
    if request is not None and not {key.public for key in listed.http} & {key.public for key in request.node.http}:
        if listed.status is Status.LEFT:
            return None
        raise CallerError(
            "join-id-taken",
            N_("«{node}» è già nel protocollo d'intesa, con altre chiavi"),
            where=node_id,
            hint=N_("se è la stessa amministrazione ripristinare le sue chiavi; altrimenti scegliere un altro --id"),
            node=node_id,
        )
    return {Status.ACTIVE: Standing.ADMITTED, Status.SUSPENDED: Standing.SUSPENDED, Status.LEFT: Standing.LEFT}[
        listed.status
    ]
