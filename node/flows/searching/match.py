"""Partners for one network, and groups for a joint project: the cooperation database asked with what a network has and lacks.

In: a document, the time. Out: matches with reasons, best first. Compared are at most ``COMPARED`` profiles, those with something
for both sides first, then the newest; whether there were more is told. An own network's document: flows/searching/seek.py.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from node.config import Config
from node.domain import matching
from node.domain.days import day_number
from node.domain.labels import LabelReference
from node.domain.matching import Group, Match
from node.domain.query import exact_term
from node.errors import N_, CallerError
from node.flows.searching.engines import snapshot
from node.store import matching as store
from node.store.matching import Candidate
from node.store.postgres import Connection, Pool

COMPARED: Final = 500
# How many partners a group is built from, and of how many of them the partners are asked for as well.
GROUPED: Final = 40
HOPS: Final = 4
SEEDS: Final = 20


@dataclass(frozen=True, slots=True)
class Fit:
    """One partner: its document, where it stands, and how it fits."""

    document: Mapping[str, Any]
    owner: str
    origin: str
    index: int
    witnessed_at: dt.datetime | None
    match: Match


@dataclass(frozen=True, slots=True)
class Matches:
    """The partners of one network, best first; ``compared`` were looked at, ``complete`` tells whether that was all."""

    document: Mapping[str, Any]
    fits: tuple[Fit, ...]
    compared: int
    complete: bool


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A group for a joint project, with the documents of its members in their order."""

    group: Group
    documents: tuple[Mapping[str, Any], ...]


async def match(
    pool: Pool,
    document: Mapping[str, Any],
    reference: LabelReference,
    *,
    now: dt.datetime,
    limit: int,
    own_too: bool = False,
) -> Matches:
    """Return the partners of a document, best first; with ``own_too`` also those of its own owner.

    Raises: CallerError(match-empty) when it neither needs nor offers anything; OperatorError(search-timeout).
    """
    today = now.date()
    found, complete = await _candidates(pool, document, today, None if own_too else document["owner"])
    fits = []
    for item in found:
        other = orjson.loads(item.body)
        fitting = matching.match(document, other, reference, today)
        if fitting is not None:
            fits.append(Fit(other, item.owner, item.origin, item.index, item.witnessed_at, fitting))
    fits.sort(key=lambda fit: (-fit.match.score, fit.document["id"], fit.origin))
    return Matches(document, tuple(fits[:limit]), len(found), complete)


async def _candidates(
    pool: Pool, document: Mapping[str, Any], today: dt.date, without_owner: str | None
) -> tuple[list[Candidate], bool]:
    offering = sorted({exact_term("offer", need["category"]) for need in document["needs"]})
    looking = sorted({exact_term("need", offer["category"]) for offer in document["offers"]})
    if not offering and not looking:
        raise CallerError(
            "match-empty",
            N_("la scheda non dice né che cosa cerca né che cosa offre: non c'è nulla da abbinare"),
            hint=N_("aggiungere fabbisogni o offerte"),
        )
    async with snapshot(pool) as conn:
        return await _read(conn, offering, looking, document["id"], day_number(today), without_owner)


async def _read(
    conn: Connection, offering: list[str], looking: list[str], own: str, today: int, without_owner: str | None
) -> tuple[list[Candidate], bool]:
    found: list[Candidate] = []
    # Both ways first: who has something for us and needs something of ours.
    for both in (True, False):
        if both and not (offering and looking):
            continue
        missing = COMPARED - len(found)
        more = await store.candidates(
            conn,
            offering,
            looking,
            both=both,
            without_owner=without_owner,
            without=[own, *(item.profile_id for item in found)],
            today=today,
            limit=missing + 1,
        )
        found += more[:missing]
        if len(more) > missing:
            return found, False
    return found, True


async def suggest(
    pool: Pool, document: Mapping[str, Any], reference: LabelReference, *, now: dt.datetime, limit: int
) -> list[Suggestion]:
    """Return groups of three to five networks around a document, best first. Raises: as ``match``.

    A chain goes on beyond who fits the first: asked are also those who fit its best partners.
    """
    found = await match(pool, document, reference, now=now, limit=GROUPED)
    near = {fit.document["id"]: fit.document for fit in found.fits}
    for partner in [fit.document for fit in found.fits[:HOPS]]:
        further = await match(pool, partner, reference, now=now, limit=GROUPED // HOPS)
        near |= {fit.document["id"]: fit.document for fit in further.fits if fit.document["id"] not in near}
    near.pop(document["id"], None)
    documents = [document, *near.values()]
    return [
        Suggestion(group, tuple(documents[member] for member in group.members))
        for group in matching.groups(documents, 0, limit)
    ]


async def suggest_own(
    pool: Pool, config: Config, reference: LabelReference, *, now: dt.datetime, limit: int
) -> list[Suggestion]:
    """Return the best groups around this node's own newest profiles, at most one for each."""
    async with snapshot(pool) as conn:
        bodies = await store.own_newest(conn, config.node.id, day_number(now.date()), SEEDS)
    found = []
    for body in bodies:
        document = orjson.loads(body)
        if document["needs"] or document["offers"]:
            found += await suggest(pool, document, reference, now=now, limit=1)
    found.sort(key=lambda item: (-item.group.score, item.documents[0]["id"]))
    return found[:limit]
