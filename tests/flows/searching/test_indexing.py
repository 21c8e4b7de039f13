"""The text index answers what the database answers: same hits, same order, same counts, whatever came and went before."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import random
import shutil
import tempfile
import uuid
from pathlib import Path

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.domain.query import Query, parse
from node.domain.territory import Area
from node.flows.searching import indexing
from node.flows.searching.search import SearchResult, facets, search
from node.store import indexing as marks
from node.store import text_folder, text_index
from node.store.postgres import Pool, open_pool
from node.store.reference import load_label_reference
from node.store.text_index import TextIndex
from tests.profiles_made import NOW, TODAY, add_origin, label, profile, store
from tests.size import size
from tests.tampering import unguarded

REFERENCE = load_label_reference()
TITLES = ("olio", "olearia", "vino rosso", "meccatronica", "automazione industriale", "agroalimentare", "l'acqua", "qualità", "Rete 10.41", "a-b c/d", "vino")  # fmt: skip
PLACES = [label("*"), label("RIP", "ITF"), label("REG", "ITF4"), label("REG", "ITF4", "ITF5"), label("PRO", "LE"), label("PRO", "LE", "TO")]  # fmt: skip
SECTORS = [label("*"), label("SEZ", "C"), label("A2", "10"), label("A2", "10", "62")]
THEMES = [label("*"), label("THEME", "innovation"), label("THEME", "innovation", "energy"), label("THEME", "energy")]
WORDS = ["", "olio", "olio vino", "vino OR meccatronica", "-vino", "olio -vino", '"vino rosso"', '"rosso vino"', "rete prova", "agroalimetare", "olio turismo calzature", "di e", "qualita", "10.41", "acqua", "automazione", '"automazione industriale" OR olio']  # fmt: skip
ASKED = [
    {}, {"territory": "ITF4"}, {"territory": "LE", "sector": "10"}, {"sector": "C", "theme": "innovation"}, {"owner": "p_LE"},
    {"need": "distribution"}, {"maturity": "lt2"}, {"since": "2026-08-01"}, {"witnessed": "yes"}, {"kind": "entity", "territory": "ITF"},
]  # fmt: skip


def made(number: int, draw: random.Random) -> dict[str, object]:
    """A random profile, many of which are alike but for their identifiers."""
    return profile(
        number,
        " ".join(draw.sample(TITLES, draw.randint(1, 2))),
        id=str(uuid.UUID(int=draw.getrandbits(128), version=4)),
        summary=f"Imprese che lavorano con {draw.choice(TITLES)} e {draw.choice(TITLES)}.",
        description=draw.choice(
            ("Una descrizione.", f"Anche {draw.choice(TITLES)}, e di nuovo {draw.choice(TITLES)}.")
        ),
        territory=draw.choice(PLACES),
        sector=draw.choice(SECTORS),
        theme=draw.choice(THEMES),
        kind=draw.choice(("contract", "entity")),
        maturity=draw.choice(("any", "lt2")),
        needs=draw.choice(([], [{"category": "distribution", "text": {"it": "vino"}}])),
        round=TODAY - draw.choice((0, 20, 60, 120, 200, 500)),
        valid_until=draw.choice(("2027-11-30", "2026-11-24", "2026-11-23")),
    )


async def corpus(pool: Pool, seed: int, count: int = 60) -> list[int]:
    """Four logs: two shown and partly witnessed, one suspended, one that nobody vouches for."""
    draw = random.Random(seed)
    origins = []
    async with pool.acquire() as conn:
        for owner, state, witnessed in (("p_LE", "ready", count // 3), ("p_TO", "quarantined", count), ("p_RM", "suspended", 0), ("p_MI", "ready", 0)):  # fmt: skip
            origin = await add_origin(conn, owner, state=state)
            await store(conn, origin, [{**made(n, draw), "owner": owner} for n in range(count)])
            await conn.execute("UPDATE log.origin SET size = $2, witnessed_size = $3::bigint, witnessed_at = CASE WHEN $3::bigint > 0 THEN $4::timestamptz END WHERE origin_id = $1", origin, count, witnessed, NOW)  # fmt: skip
            origins.append(origin)
    return origins


async def follow(pool: Pool, index: TextIndex) -> indexing.Followed:
    """Bring the index up to date, however few profiles there are."""
    return await indexing.follow(pool, index, NOW, worth=1)


def ask(**parameters: str) -> Query:
    """A parsed question."""
    return parse(parameters.items(), REFERENCE)


async def both(pool: Pool, index: TextIndex, **parameters: str) -> SearchResult:
    """The answer of the index, which is that of the database."""
    query = ask(**parameters)
    told = await search(pool, query, REFERENCE, now=NOW, index=index)
    plain = await search(pool, query, REFERENCE, now=NOW)
    assert [(h.profile_id, h.origin, h.rank, h.why, h.match) for h in told.hits] == [(h.profile_id, h.origin, h.rank, h.why, h.match) for h in plain.hits], parameters  # fmt: skip
    assert dataclasses.replace(told, hits=()) == dataclasses.replace(plain, hits=()), parameters
    return told


@pytest.fixture
def index(tmp_path: Path) -> TextIndex:
    """An index that is not there yet."""
    return TextIndex(tmp_path / "index")


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the index itself was asked: none of these went to the database instead."""
    said: list[str] = []
    inner = TextIndex.answer

    def spy(self: TextIndex, *given: object) -> object:
        result = inner(self, *given)  # type: ignore[arg-type]
        said.append("answer")
        return result

    monkeypatch.setattr(TextIndex, "answer", spy)
    return said


def parted(monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    """Have all that is more than ``few`` hits looked at cell by cell, and taken to be so before it is counted."""
    monkeypatch.setattr(text_index, "GUESSED", few)
    monkeypatch.setattr(text_index, "FEW", few)
    monkeypatch.setattr(text_index, "FEWER", few)


@pytest.mark.parametrize(("seed", "few"), [(1, 50), (2, 0)])
async def test_every_question_has_one_answer(
    pool: Pool, index: TextIndex, answers: list[str], monkeypatch: pytest.MonkeyPatch, seed: int, few: int
) -> None:
    """Words, filters and both orders; each asked of the index and of the database, also where it guesses what the best ones have."""
    parted(monkeypatch, few)
    await corpus(pool, seed)
    done = await follow(pool, index)
    assert (done.built, done.added) == (True, 240)
    asked = 0
    # Of each three, either seed asks another one.
    questions = itertools.product(WORDS, ASKED, ("relevance", "newest"))
    for words, filters, sort in itertools.islice(questions, seed % size(3, 1), None, size(3, 1)):
        # A short page is filled by a good guess, a long one by none.
        await both(pool, index, q=words, sort=sort, limit=str(3 + asked % 3 * 18), **filters)
        asked += 1
    # Twice when not all words were found; never the database instead.
    assert len(answers) >= asked


async def test_nothing_found_is_told_by_both_as_it_was_asked(pool: Pool, index: TextIndex, answers: list[str]) -> None:
    """No word is called put right or relaxed above an empty list; with one hit both say so alike."""
    async with pool.acquire() as conn:
        await store(conn, await add_origin(conn), [profile(1, "Olio e vino"), profile(2, "Meccatronica")])
    await follow(pool, index)
    for asked in (
        {"q": "zootecnia turismo"},
        {"q": "mecatronica", "kind": "entity"},
        {"q": "olio turismo", "kind": "entity"},
    ):
        told = await both(pool, index, **asked)
        assert (told.total, told.words_relaxed, told.words_corrected) == (0, False, "")
    told = await both(pool, index, q="mecatronica turismo")
    assert (told.total, told.words_relaxed, told.words_corrected) == (1, True, "meccatronica turismo")
    assert answers


async def test_both_suggest_the_same_and_search_what_was_written(pool: Pool, index: TextIndex) -> None:
    """A rare word with a much commoner one beside it; a common one is left alone."""
    async with pool.acquire() as conn:
        origin = await add_origin(conn)
        await store(conn, origin, [profile(n, "Meccatronica" if n else "Mecatronica") for n in range(12)])
    await follow(pool, index)
    for words, total, meant in (
        ("mecatronica", 1, "meccatronica"),
        ("meccatronica", 11, ""),
        ("rete mecatronica", 0, ""),
    ):
        told = await both(pool, index, q=words)
        assert (0 if told.words_relaxed else told.total, told.suggestion) == (total, meant)


@pytest.mark.parametrize(("sort", "few"), [("relevance", 0), ("relevance", text_index.FEW), ("newest", 0)])
async def test_pages_among_equals_hold_every_hit_once(
    pool: Pool, index: TextIndex, monkeypatch: pytest.MonkeyPatch, sort: str, few: int
) -> None:
    """Hundreds of hits with the same points, looked at a few at a time: the same walk as the database's."""
    monkeypatch.setattr(text_index, "FIRST_LOOK", 4)
    monkeypatch.setattr(text_index, "LATER_LOOK", 16)
    monkeypatch.setattr(text_index, "EQUALS_LOOK", 8)
    parted(monkeypatch, few)
    draw = random.Random(3)
    async with pool.acquire() as conn:
        origin = await add_origin(conn)
        await store(conn, origin, [profile(n, draw.choice(("Olio", "Vino con olio")), id=str(uuid.UUID(int=draw.getrandbits(128), version=4))) for n in range(300)])  # fmt: skip
    await follow(pool, index)
    walked: list[str] = []
    cursor = ""
    while True:
        page = await both(pool, index, q="olio", sort=sort, limit="7", cursor=cursor)
        walked += [hit.profile_id for hit in page.hits]
        cursor = page.cursor
        if not cursor:
            break
    assert len(walked) == len(set(walked)) == 300


@pytest.mark.parametrize("sort", ["relevance", "newest"])
async def test_pages_whose_hits_went_a_moment_ago_do_not_end_the_walk(
    pool: Pool, index: TextIndex, answers: list[str], sort: str
) -> None:
    """The index knows of them still: each page is full all the same, and every hit that is left is met once."""
    draw = random.Random(13)
    async with pool.acquire() as conn:
        origin = await add_origin(conn)
        await store(conn, origin, [{**made(n, draw), "owner": "p_LE", "valid_until": "2027-11-30"} for n in range(60)])
        await follow(pool, index)
        # More than a page of them in one place, too.
        await conn.execute("DELETE FROM log.body WHERE idx % 4 = 1 OR idx < 25")
    plain = await search(pool, ask(sort=sort, limit="100"), REFERENCE, now=NOW)
    walked: list[str] = []
    cursor = ""
    while True:
        page = await search(pool, ask(sort=sort, limit="5", cursor=cursor), REFERENCE, now=NOW, index=index)
        walked += [hit.profile_id for hit in page.hits]
        cursor = page.cursor
        if not cursor:
            break
        assert len(page.hits) == 5
    assert walked == [hit.profile_id for hit in plain.hits]
    assert answers


@pytest.mark.parametrize("few", [0, text_index.FEW])
@pytest.mark.parametrize(
    ("words", "filters"),
    [
        ("", {"territory": "LE"}),
        ("vino OR olio OR meccatronica", {}),
        ("vino OR olio OR meccatronica", {"territory": "ITF4", "sector": "C"}),
        ("olio", {"territory": "LE"}),
    ],
)
async def test_every_page_goes_on_where_the_last_one_ended(
    pool: Pool, index: TextIndex, monkeypatch: pytest.MonkeyPatch, words: str, filters: dict[str, str], few: int
) -> None:
    """Page by page through hits of all cells and tiers, or of all at once: the database's own walk, wherever a page begins."""
    monkeypatch.setattr(text_index, "FIRST_LOOK", 4)
    monkeypatch.setattr(text_index, "LATER_LOOK", 16)
    parted(monkeypatch, few)
    await corpus(pool, 4)
    await follow(pool, index)
    walked: list[str] = []
    cursor = ""
    while True:
        page = await both(pool, index, q=words, limit="9", cursor=cursor, **filters)
        walked += [hit.profile_id for hit in page.hits]
        cursor = page.cursor
        if not cursor:
            break
    assert len(walked) == len(set(walked)) == page.total > 20


async def test_what_comes_and_goes_is_followed_in_any_order(pool: Pool, index: TextIndex) -> None:
    """Added, erased, erased and added again under the same place; nothing is done when nothing changed."""
    origins = await corpus(pool, 4, 20)
    await follow(pool, index)
    assert await follow(pool, index) == indexing.Followed()
    draw = random.Random(5)
    async with pool.acquire() as conn:
        await conn.execute("DELETE FROM log.body WHERE origin_id = $1 AND idx < 7", origins[0])
        await store(conn, origins[0], [{**made(n, draw), "owner": "p_LE"} for n in range(3)], first=0)
        await store(conn, origins[3], [{**made(n, draw), "owner": "p_MI"} for n in range(5)], first=20)
        assert await conn.fetchval("SELECT count(*) FROM coop.removed") == 7
    done = await follow(pool, index)
    assert (done.built, done.added, done.removed) == (False, 8, 7)
    async with pool.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM coop.removed") == 0
    for words in WORDS:
        await both(pool, index, q=words, limit="50")


async def test_a_removal_that_commits_late_is_not_forgotten(
    pool: Pool, db: str, index: TextIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numbers are given before their transactions end: a lower one may be told after a higher one was dealt with."""
    origins = await corpus(pool, 14, 6)
    await follow(pool, index)

    async def settled(_: Pool) -> int:
        # As if the slow one had begun just after the look.
        return 24

    monkeypatch.setattr(indexing, "settled", settled)
    late = await asyncpg.connect(db)
    slow = late.transaction()
    await slow.start()
    await late.execute("DELETE FROM log.body WHERE origin_id = $1 AND idx = 1", origins[3])
    async with pool.acquire() as conn:
        await conn.execute("DELETE FROM log.body WHERE origin_id = $1 AND idx = 2", origins[0])
    assert (await follow(pool, index)).removed == 1
    await slow.commit()
    await late.close()
    assert (await follow(pool, index)).removed == 1
    await both(pool, index, limit="50")


async def test_an_index_built_otherwise_gives_the_same_order(pool: Pool, index: TextIndex, tmp_path: Path) -> None:
    """In one go or in many commits with deletions between: what a hit scores depends on neither."""
    draw = random.Random(6)
    async with pool.acquire() as conn:
        origin = await add_origin(conn)
    for turn in range(6):
        async with pool.acquire() as conn:
            await store(conn, origin, [{**made(n, draw), "owner": "p_LE"} for n in range(25)], first=turn * 25)
            await conn.execute("DELETE FROM log.body WHERE origin_id = $1 AND idx % 5 = $2", origin, turn)
        await follow(pool, index)
    before = [await search(pool, ask(q=words), REFERENCE, now=NOW, index=index) for words in WORDS]
    other = TextIndex(tmp_path / "other")
    await indexing._build(pool, other, NOW)
    after = [await search(pool, ask(q=words), REFERENCE, now=NOW, index=other) for words in WORDS]
    assert before == after


async def test_an_index_of_another_database_is_not_asked(pool: Pool, index: TextIndex, answers: list[str]) -> None:
    """A copy that was put back, a lost folder, another version: the database answers, and the index is built anew."""
    await corpus(pool, 7, 10)
    await follow(pool, index)
    async with pool.acquire() as conn:
        await conn.execute("UPDATE coop.indexed SET token = gen_random_uuid()")
    answers.clear()
    await both(pool, index, q="olio")
    assert answers == []
    assert (await follow(pool, index)).built
    await both(pool, index, q="olio")
    assert answers
    answers.clear()
    shutil.rmtree(index.folder)
    late = TextIndex(index.folder)
    await both(pool, late, q="olio")
    assert answers == []
    assert (await follow(pool, late)).built
    await both(pool, late, q="olio")
    assert answers
    (index.folder / text_folder.META).write_bytes(b'{"version": 0, "token": "x", "before": ""}')
    assert (await follow(pool, TextIndex(index.folder))).built


@pytest.mark.parametrize("at", ["commit", "keep", "follow"])
async def test_a_turn_that_is_cut_off_is_taken_again(
    pool: Pool, index: TextIndex, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """Before the commit, between commit and name, between name and note: nothing is missing and nothing is there twice."""
    origins = await corpus(pool, 8, 15)
    await follow(pool, index)
    async with pool.acquire() as conn:
        await store(conn, origins[0], [{**made(n, random.Random(9)), "owner": "p_LE"} for n in range(4)], first=15)
        await conn.execute("DELETE FROM log.body WHERE origin_id = $1 AND idx < 3", origins[0])

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError(at)

    with monkeypatch.context() as patched:
        if at == "follow":
            patched.setattr(marks, "follow", broken)
        elif at == "keep":
            patched.setattr(TextIndex, "keep", broken)
        else:
            patched.setattr(indexing, "document_of", broken)
        with pytest.raises(RuntimeError):
            await follow(pool, index)
    fresh = TextIndex(index.folder)
    done = await follow(pool, fresh)
    assert (done.built, done.added, done.removed) == (False, 4, 3)
    for words in WORDS:
        await both(pool, fresh, q=words, limit="50")


async def test_beyond_the_bound_labels_are_counted_of_a_sample(pool: Pool, index: TextIndex, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    """The total stays exact up to a bound of its own; what is estimated says so and is near."""
    monkeypatch.setattr("node.store.search.COUNT_BOUND", 400)
    draw = random.Random(10)
    async with pool.acquire() as conn:
        origin = await add_origin(conn)
        await store(conn, origin, [{**made(n, draw), "valid_until": "2027-11-30"} for n in range(2000)])
    await follow(pool, index)
    told = await facets(pool, ask(), REFERENCE, now=NOW, index=index)
    assert (told.total, told.total_is_exact, told.facets_are_exact) == (2000, True, False)
    kinds = {bucket.value: bucket.count for bucket in told.facets["kind"]}
    assert abs(kinds["contract"] + kinds["entity"] - 2000) <= 2
    assert all(abs(count - 1000) < 200 for count in kinds.values())
    monkeypatch.setattr(text_index, "COUNTED_MAX", 500)
    told = await facets(pool, ask(), REFERENCE, now=NOW, index=index)
    assert (told.total_is_exact, told.facets_are_exact) == (False, False)
    assert abs(told.total - 2000) < 400
    # Few hits among many profiles are counted one by one.
    few = await facets(pool, ask(q="zafferano"), REFERENCE, now=NOW, index=index)
    assert few == await facets(pool, ask(q="zafferano"), REFERENCE, now=NOW)


async def test_a_second_writer_leaves_the_folder_alone(pool: Pool, index: TextIndex) -> None:
    """Two processes of one node: one follows, the other does nothing."""
    origins = await corpus(pool, 11, 5)
    await follow(pool, index)
    async with pool.acquire() as conn:
        await store(conn, origins[0], [{**made(n, random.Random(12)), "owner": "p_LE"} for n in range(2)], first=5)
    held = index.writer()
    assert await follow(pool, TextIndex(index.folder)) == indexing.Followed()
    held.rollback()
    del held
    assert (await follow(pool, TextIndex(index.folder))).added == 2


PROVINCES = REFERENCE.territories.provinces
REGIONS = {region.code: region.parent for region in REFERENCE.territories.regions}
DIVISIONS = {
    code: section for section in REFERENCE.sectors.children("*") for code in REFERENCE.sectors.children(section)
}


def asked_around(province: Area, division: str, steps: tuple[int, int]) -> dict[str, str]:
    """A question whose areas hold a province and a division, read from the tables and not from what labels mean to an index."""
    region = str(province.parent)
    territory = (province.code, region, REGIONS[region], "")[steps[0]]
    return {"territory": str(territory), "sector": (division, DIVISIONS[division], "")[steps[1]]}


def test_what_lies_inside_is_never_missed_in_any_order_of_arrival_or_by_a_rebuilt_index(
    server: str, db: str, answers: list[str]
) -> None:
    """Labels anywhere in Italy and ATECO: certain for every area around them, for both engines, and nothing else changes."""

    async def arrive(pool: Pool, folder: Path, arrangement: list[dict[str, object]]) -> tuple[TextIndex, TextIndex]:
        async with pool.acquire() as conn, unguarded(conn):
            await conn.execute("TRUNCATE log.origin, log.body, coop.profile, coop.removed CASCADE")
            await conn.execute("UPDATE coop.indexed SET token = NULL, arrival = 0, at = NULL")
            origin = await add_origin(conn)
        followed, rebuilt = TextIndex(folder / "followed"), TextIndex(folder / "rebuilt")
        for first, part in ((0, arrangement[:2]), (2, arrangement[2:])):
            async with pool.acquire() as conn:
                await store(conn, origin, part, first=first)
            await follow(pool, followed)
        return followed, rebuilt

    async def check(chosen: list[tuple[Area, str]], around: int, steps: tuple[int, int], seed: int) -> None:
        documents = [
            profile(n, territory=label("PRO", province.code), sector=label("A2", division))
            for n, (province, division) in enumerate(chosen)
        ]
        asked = ask(**asked_around(*chosen[around % len(chosen)], steps), limit="100")
        seen: list[object] = []
        pool = await open_pool(db, max_size=2)
        try:
            for arrangement in (documents, random.Random(seed).sample(documents, len(documents))):
                with tempfile.TemporaryDirectory(prefix="rete-test-") as folder:
                    followed, rebuilt = await arrive(pool, Path(folder), arrangement)
                    for index in (None, followed, rebuilt):
                        if index is rebuilt:
                            await indexing._build(pool, rebuilt, NOW)
                        answers.clear()
                        result = await search(pool, asked, REFERENCE, now=NOW, index=index)
                        assert bool(answers) == (index is not None)
                        seen.append(dataclasses.replace(result, hits=tuple(dataclasses.replace(hit, index=0) for hit in result.hits)))  # fmt: skip
                        sure = {hit.profile_id for hit in result.hits if hit.match == "certain"}
                        assert documents[around % len(chosen)]["id"] in sure
        finally:
            pool.terminate()
        assert all(answer == seen[0] for answer in seen)

    @settings(max_examples=4, deadline=None)
    @given(
        st.lists(st.tuples(st.sampled_from(PROVINCES), st.sampled_from(sorted(DIVISIONS))), min_size=1, max_size=8),
        st.integers(0, 7), st.tuples(st.integers(0, 3), st.integers(0, 2)), st.integers(0, 99),
    )  # fmt: skip
    def run(chosen: list[tuple[Area, str]], around: int, steps: tuple[int, int], seed: int) -> None:
        asyncio.run(check(chosen, around, steps, seed))

    run()
