"""What saved searches tell is what search finds: two queries, one meaning, whatever is asked."""

from __future__ import annotations

import random
from dataclasses import fields, replace
from typing import Any

import pytest

from node.domain.query import Query, parse
from node.flows.logs import arrivals
from node.flows.searching import tell
from node.flows.searching.search import search
from node.store.postgres import Pool
from node.store.reference import load_label_reference
from tests.flows.searching.test_indexing import ASKED, WORDS, corpus
from tests.profiles_made import NOW, TODAY, add_origin, label, profile, store
from tests.web.test_saved_api import SETTINGS

REFERENCE = load_label_reference()
ROOMY = replace(SETTINGS, max_searches=500)
WANT = [{"category": "distribution", "text": {"it": "x"}}]
# Of each filter: a value, and what a profile changes to be left out by it.
PROBES: dict[str, tuple[str, dict[str, Any]]] = {
    "words": ("olio", {"title": "Vino"}),
    "territory": ("ITF4", {"territory": label("REG", "ITC1")}),
    "sector": ("10", {"sector": label("A2", "62")}),
    "period": ("2015", {"period": label("ANNO", "2020")}),
    "size": ("4-9", {"size": label("SIZE", "10+")}),
    "theme": ("innovation", {"theme": label("THEME", "energy")}),
    "kind": ("contract", {"kind": "entity"}),
    "purpose": ("offer", {"purpose": "request"}),
    "need": ("distribution", {"needs": []}),
    "offer": ("distribution", {"offers": []}),
    "target_country": ("AL", {"target_countries": ["DE"]}),
    "language": ("en", {"languages": ["de"]}),
    "certification": ("iso_9001", {"certifications": []}),
    "owner": ("p_LE", {"owner": "p_TO"}),
    "maturity": ("lt2", {"maturity": "gt5"}),
    "since": ("2026-10-01", {"round": TODAY - 400}),
    "witnessed": ("yes", {}),
}
MEETS: dict[str, Any] = {
    "title": "Olio", "theme": label("THEME", "innovation"), "period": label("ANNO", "2015"), "needs": WANT, "offers": WANT,
    "target_countries": ["AL"], "languages": ["en"], "certifications": ["iso_9001"], "maturity": "lt2",
}  # fmt: skip


async def save(pool: Pool, asked: dict[str, str]) -> str:
    """Save a search with somebody to tell; return its identifier."""
    made = await tell.save(pool, ROOMY, "x", parse(asked.items(), REFERENCE), NOW, webhook="https://example.org/hook")
    return made.search_id


async def told(pool: Pool, search_id: str) -> set[tuple[str, str]]:
    """Look for news of one search; return (owner, profile) of all that it was ever told."""
    until, done = await arrivals.settled(pool), False
    while not done:
        _, done = await tell.news(pool, search_id, REFERENCE, until, NOW)
    async with pool.acquire() as conn:
        rows = await conn.fetch(
            "SELECT owner, profile_id::text FROM office.saved_news WHERE search_id::text = $1", search_id
        )
    return {tuple(row) for row in rows}


async def found(pool: Pool, asked: dict[str, str]) -> set[tuple[str, str]]:
    """What the search itself finds, on all its pages."""
    hits: set[tuple[str, str]] = set()
    cursor = ""
    while True:
        query = parse({**asked, "limit": "100", "cursor": cursor}.items(), REFERENCE)
        page = await search(pool, query, REFERENCE, now=NOW, as_written=True)
        hits |= {(hit.owner, hit.profile_id) for hit in page.hits}
        cursor = page.cursor
        if not cursor:
            return hits


async def test_every_filter_of_a_question_parts_what_is_told_as_what_is_found(pool: Pool) -> None:
    """A filter that one of the two queries lacks is seen here, and so is one that this test does not know."""
    assert set(PROBES) == {f.name for f in fields(Query)} - {"sort", "limit", "cursor"}
    asked = {name: {"q" if name == "words" else name: value} for name, (value, _) in PROBES.items()}
    searches = {name: await save(pool, parameters) for name, parameters in asked.items()}
    async with pool.acquire() as conn:
        origin = await add_origin(conn)
        good = profile(1, **MEETS)
        await store(conn, origin, [good, *(profile(n, **{**MEETS, **without}) for n, (_, without) in enumerate(PROBES.values(), 2))])  # fmt: skip
        # All but the last, whose filter is about that.
        await conn.execute("UPDATE log.origin SET size = $2, witnessed_size = $2, witnessed_at = $3 WHERE origin_id = $1", origin, len(PROBES), NOW)  # fmt: skip
    for n, name in enumerate(PROBES, 2):
        hits = await found(pool, asked[name])
        assert await told(pool, searches[name]) == hits, name
        ids = {profile_id for _, profile_id in hits}
        assert (good["id"] in ids, profile(n)["id"] in ids, len(ids)) == (True, False, len(PROBES)), name


@pytest.mark.parametrize("seed", [1, 2])
async def test_random_questions_are_told_what_they_find(pool: Pool, seed: int) -> None:
    """Words and filters drawn together over expired, hidden, quarantined and unwitnessed profiles; and when witnesses come."""
    draw = random.Random(seed)
    asked = [
        {
            name: value
            for name, value in {"q": draw.choice(WORDS), **draw.choice(ASKED), **draw.choice(ASKED)}.items()
            if value
        }
        for _ in range(40)
    ]
    searches = [await save(pool, parameters) for parameters in asked]
    origins = await corpus(pool, seed, 30)
    hits = [await found(pool, parameters) for parameters in asked]
    for search_id, parameters, expected in zip(searches, asked, hits, strict=True):
        assert await told(pool, search_id) == expected, parameters
    assert sum(map(bool, hits)) > 10
    async with pool.acquire() as conn:
        await conn.execute("UPDATE log.origin SET witnessed_size = size, witnessed_at = $2 WHERE origin_id = $1", origins[3], NOW)  # fmt: skip
    for search_id, parameters, expected in zip(searches, asked, hits, strict=True):
        assert await told(pool, search_id) == expected | await found(pool, parameters), parameters
