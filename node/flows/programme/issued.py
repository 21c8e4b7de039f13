"""Which calls there are, and which are open: computed from the logs alone, alike at every node.

In: a pool, the time. Out: each text of a call that an issuer has endorsed, and how it stands; the rankings that issuers published. A
document that is no call by its own rules, or whose publisher it does not name as an issuer, says nothing. Source: PROTOCOL 14.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from node.domain.programme import announcement, published_ranking
from node.domain.programme.call import Call, Standing, parse, standing
from node.errors import N_, CallerError, NotFoundError
from node.store import issued
from node.store.postgres import Pool, acquire


@dataclass(frozen=True, slots=True)
class Issued:
    """One text of a call: who has endorsed it, and how it stands."""

    call: Call
    document: Mapping[str, Any] = field(repr=False)
    standing: Standing
    endorsers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rankings:
    """What issuers have published of a call's ranking: parts by node; ``is_signed``: all of them the same bytes."""

    parts: Mapping[str, Sequence[Mapping[str, Any]]]
    is_signed: bool


async def read_all(pool: Pool, now: dt.datetime) -> list[Issued]:
    """Return every text that some issuer has endorsed, those that close last first; of a contested call, each of its texts."""
    async with acquire(pool) as conn:
        return judged(await issued.documents(conn, announcement.CALL), now)


def judged(said: Sequence[tuple[str, Mapping[str, Any]]], now: dt.datetime) -> list[Issued]:
    """Return what documents of calls say, each with the owner of its log; those that close last first."""
    texts: dict[str, tuple[Call, Mapping[str, Any]]] = {}
    endorsed: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for owner, document in said:
        try:
            call = parse(document["call"])
        except CallerError:
            continue
        if owner in {issuer.node for issuer in call.issuers}:
            texts[call.digest] = (call, document["call"])
            endorsed[call.call_id][owner].append(call.digest)
    found = [
        Issued(
            call,
            document,
            standing(call, endorsed[call.call_id], now),
            tuple(i.node for i in call.issuers if call.digest in endorsed[call.call_id].get(i.node, ())),
        )
        for call, document in texts.values()
    ]
    return sorted(found, key=lambda one: (one.call.closes, one.call.call_id, one.call.digest), reverse=True)


async def of_id(pool: Pool, call_id: str, now: dt.datetime) -> list[Issued]:
    """Return the texts of one call, that which most issuers have endorsed first."""
    found = [one for one in await read_all(pool, now) if one.call.call_id == call_id]
    return sorted(found, key=lambda one: (-len(one.endorsers), one.call.digest))


async def read(pool: Pool, call_id: str, now: dt.datetime) -> Issued:
    """Return a call, of a contested one the text that most issuers have endorsed. Raises: NotFoundError(call-unknown)."""
    for one in await of_id(pool, call_id, now):
        return one
    raise unknown(call_id)


def unsaid(call: Call, document: Mapping[str, Any], said: Sequence[Issued], now: dt.datetime) -> Issued:
    """Return a text that no issuer has endorsed yet, as it stands beside the others of its call."""
    endorsed = {
        node: [one.call.digest for one in said if node in one.endorsers] for node in (i.node for i in call.issuers)
    }
    return Issued(call, document, standing(call, endorsed, now), ())


def unknown(call_id: str) -> NotFoundError:
    """Return the refusal of a call that no log carries."""
    return NotFoundError(
        "call-unknown", N_("nessun registro firmato contiene questo bando: {id}"), id=call_id[:60],
        hint=N_("«rete call show» elenca i bandi"),
    )  # fmt: skip


async def rankings(pool: Pool, call: Call) -> Rankings:
    """Return what the issuers have published of a call's ranking."""
    async with acquire(pool) as conn:
        return ranked(await issued.documents(conn, announcement.RANKING), call)


def ranked(said: Sequence[tuple[str, Mapping[str, Any]]], call: Call) -> Rankings:
    """Return what documents of rankings, each with the owner of its log, say of a call."""
    issuers = {issuer.node for issuer in call.issuers}
    parts: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for owner, document in said:
        if owner in issuers and document["ranking"]["call"] == call.digest:
            parts[owner].append(document["ranking"])
    ordered = {node: published_ranking.whole(found) or found for node, found in parts.items()}
    return Rankings(ordered, published_ranking.signed_by_all(call, ordered))
