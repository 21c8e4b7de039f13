"""What the public may ask of this node, as values: one function per question, laid out by every face alike.

In: what routes share, and a parsed question. Out: values of the flows; node/web/api.py makes JSON, CSV and XLSX of them,
node/web/pages/public.py pages, so no face tells more than another. Rules: a question waits for its turn at the database.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from node.domain.labels import LabelReference
from node.domain.query import NEWEST, Query, parse
from node.domain.ranking import FIRST_THEMES
from node.errors import N_, NotFoundError
from node.flows.logs import prove
from node.flows.searching import match as flow
from node.flows.searching import overview
from node.flows.searching.engines import Counted
from node.flows.searching.overview import Overview
from node.flows.searching.search import Hit, SearchResult, facets, read_profile, search
from node.protocol.member import Membership
from node.store.postgres import Pool
from node.store.text_index import TextIndex
from node.web import matches
from node.web.turns import Turns

# Questions that may wait for a turn; one more is refused at once.
WAITING: Final = 64
# For so long the first page and the list of bodies may show what was read before: many ask, little changes.
REMEMBERED: Final = dt.timedelta(seconds=15)
FRONT_HITS: Final = 10


@dataclass(frozen=True, slots=True)
class Front:
    """What the first page shows: how the federation stands, and what was published last."""

    overview: Overview
    newest: SearchResult


@dataclass(slots=True)
class Remembered:
    """What was read a moment ago."""

    front: Front | None = None
    read_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Cooperation:
    """What these routes need, and no more: the private registry is out of their reach."""

    pool: Pool
    reference: LabelReference
    clock: Callable[[], dt.datetime]
    turns: Turns
    first_themes: Sequence[str] = FIRST_THEMES
    index: TextIndex | None = None
    membership: Membership | None = None
    remembered: Remembered = field(default_factory=Remembered)


COOPERATION = web.AppKey("cooperation", Cooperation)


async def found(shared: Cooperation, query: Query) -> SearchResult:
    """Return one page of profiles. Raises: OperatorError search-busy, search-timeout."""
    async with shared.turns.turn():
        return await search(
            shared.pool, query, shared.reference, now=shared.clock(), first=shared.first_themes, index=shared.index
        )


async def counted(shared: Cooperation, query: Query) -> Counted:
    """Return how many profiles there are, in all and per facet. Raises: OperatorError search-busy, search-timeout."""
    async with shared.turns.turn():
        return await facets(shared.pool, query, shared.reference, now=shared.clock(), index=shared.index)


def profile_id_of(text: str) -> str:
    """Return an identifier in its one spelling. Raises: NotFoundError(profile-unknown)."""
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        raise NotFoundError("profile-unknown", N_("nessun profilo visibile con questo identificativo")) from error


async def one(shared: Cooperation, profile_id: str, owner: str) -> tuple[Hit, str | None]:
    """Return one profile and its proof; ``owner`` tells apart logs that show the same identifier, empty: any.

    Raises: NotFoundError(profile-unknown), CallerError(query-value-bad).
    """
    wanted = profile_id_of(profile_id)
    whose = parse([("owner", owner)], shared.reference).owner
    hit = await read_profile(shared.pool, wanted, shared.reference, now=shared.clock(), owner=whose or None)
    return hit, await prove.proof_text(shared.pool, hit.profile_id, hit.origin, hit.index)


def witnesses(shared: Cooperation, hit: Hit, proof: str | None) -> Mapping[str, dt.datetime]:
    """Return who witnessed the head of a profile's proof, and when, by member."""
    return {} if proof is None or shared.membership is None else prove.vouched(proof, shared.membership, hit.owner)


async def partners(shared: Cooperation, asked: matches.Asked) -> flow.Matches:
    """Return the partners of a profile. Raises: NotFoundError, CallerError(match-empty), OperatorError."""
    now = shared.clock()
    async with shared.turns.turn():
        hit = await read_profile(shared.pool, asked.profile_id, shared.reference, now=now)
        return await flow.match(shared.pool, hit.document, shared.reference, now=now, limit=asked.limit)


async def groups(shared: Cooperation, asked: matches.Asked) -> Sequence[flow.Suggestion]:
    """Return groups around a profile. Raises: NotFoundError, CallerError(match-empty), OperatorError."""
    now = shared.clock()
    async with shared.turns.turn():
        hit = await read_profile(shared.pool, asked.profile_id, shared.reference, now=now)
        return await flow.suggest(shared.pool, hit.document, shared.reference, now=now, limit=asked.limit)


async def front(shared: Cooperation) -> Front:
    """Return what the first page shows, at most some seconds old. Raises: OperatorError search-busy, search-timeout."""
    now, kept = shared.clock(), shared.remembered
    if kept.front is not None and kept.read_at is not None and now - kept.read_at < REMEMBERED:
        return kept.front
    newest = await found(shared, Query(sort=NEWEST, limit=FRONT_HITS))
    kept.front, kept.read_at = Front(await overview.read(shared.pool, now), newest), now
    return kept.front
