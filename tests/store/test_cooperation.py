"""Rows in: what a profile becomes in the cooperation database, and that it goes with its body."""

from __future__ import annotations

import datetime as dt
import time

import asyncpg
import pytest
from profiles_made import add_origin, label, profile, store

from node.store import cooperation, schemas
from node.store.cooperation import COLUMNS, index_row
from node.store.copying import Remembered
from node.store.postgres import Connection
from node.store.reference import load_sectors, load_territories


def test_made_profiles_are_valid() -> None:
    """What these tests store is what a pull would let through."""
    wants = [{"category": "distribution", "text": {"it": "x"}}, {"category": "logistics"}]
    made = profile(1, needs=wants, offers=wants, territory=label("PRO", "LE", "BR"), size=label("SIZE", "2-3"))
    assert schemas.validators()["profile/1"].is_valid(made)
    assert not schemas.validators()["profile/1"].is_valid(profile(1, languages=["english"]))


def row_of(**changes: object) -> dict[str, object]:
    """The row of a made profile, by column."""
    document = profile(1, **changes)
    return dict(zip(COLUMNS, index_row(3, 41, document, load_territories(), load_sectors()), strict=True))


def test_a_row_holds_what_finds_a_profile() -> None:
    """Position, owner, day, labels, exact attributes and words by weight."""
    row = row_of(
        title="Olio e farina",
        summary="Cerchiamo sbocchi.",
        themes=["innovation"],
        needs=[{"category": "distribution", "text": {"it": "un distributore", "en": "a distributor"}}],
        offers=[{"category": "logistics", "text": {"it": "magazzini"}}],
        target_countries=["AL"],
        languages=["en"],
        certifications=["iso_9001"],
    )
    assert (row["origin_id"], row["idx"], row["owner"]) == (3, 41, "p_LE")
    assert row["territory"] == "REG:ITF4"
    assert row["theme"] == "*:"
    assert row["kind"] == "KIND:contract"
    assert {"t<ITF4", "t=ITF4", "t~ITF", "h=*", "own=p_le", "use=offer", "need=distribution", "offer=logistics"} <= set(
        row["keys"]  # type: ignore[call-overload]
    )
    assert {"to=AL", "lang=en", "cert=iso_9001"} <= set(row["keys"])  # type: ignore[call-overload]
    assert row["text_a"] == "Olio e farina"
    assert "innovation" in str(row["text_b"])
    assert "logistics" in str(row["text_b"])
    assert all(word in str(row["text_c"]) for word in ("sbocchi", "distributor", "magazzini"))
    assert row["text_d"] == "Una descrizione."


@pytest.mark.parametrize(
    ("changes", "column", "value"),
    [
        ({"valid_until": "2027-02-31"}, "valid_until", dt.date.min),
        ({"valid_until": "2027-02-28"}, "valid_until", dt.date(2027, 2, 28)),
        ({"round": 2**53 - 1}, "published", 2**31 - 1),
        ({"round": -5}, "published", 0),
        ({"territory": label("PRO", "a,b")}, "territory", "PRO:a,b"),
    ],
)
def test_odd_values_still_make_a_row(changes: dict[str, object], column: str, value: object) -> None:
    """One odd profile must not stop the pull of a whole log."""
    assert row_of(**changes)[column] == value


async def test_odd_rows_are_stored(conn: Connection) -> None:
    """The database takes what ``index_row`` makes of the oddest documents, also a repeated identifier."""
    first, second = await add_origin(conn, "p_LE"), await add_origin(conn, "p_TO")
    odd = [
        profile(1, valid_until="2027-02-31", round=2**53 - 1, title="x " * 3000 + "y" * 3000),
        profile(2, territory=label("PRO", "Z" * 5000), languages=["e" * 3000]),
    ]
    await store(conn, first, odd)
    await store(conn, second, [profile(1)])
    assert await cooperation.count_by_origin(conn) == {first: 2, second: 1}


async def test_profiles_leave_by_position_and_by_origin(conn: Connection) -> None:
    """A withdrawal takes out its position only; a closed log takes out all of its own."""
    first, second = await add_origin(conn, "p_LE"), await add_origin(conn, "p_TO")
    await store(conn, first, [profile(n) for n in range(3)])
    await store(conn, second, [profile(n) for n in range(3)])
    await cooperation.delete_positions(conn, first, [0, 2, 77])
    assert await cooperation.count_by_origin(conn) == {first: 1, second: 3}
    await cooperation.delete_positions(conn, first, [])
    await cooperation.delete_origin(conn, second)
    assert await cooperation.count_by_origin(conn) == {first: 1}


async def test_a_profile_goes_with_its_body(conn: Connection) -> None:
    """Whoever erases a body erases what was searchable of it."""
    origin = await add_origin(conn)
    await store(conn, origin, [profile(1), profile(2)])
    await conn.execute("DELETE FROM log.body WHERE origin_id = $1 AND idx = 0", origin)
    assert await cooperation.count_by_origin(conn) == {origin: 1}


async def test_a_profile_without_its_body_is_refused(conn: Connection) -> None:
    """Nothing can be found that has no verified bytes behind it."""
    origin = await add_origin(conn)
    row = index_row(origin, 0, profile(1), load_territories(), load_sectors())
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await cooperation.copy_profiles(conn, map(cooperation.pack_row, [row]))


async def test_words_are_italian_without_accents(conn: Connection) -> None:
    """Plural, accents and elisions are one word, in title and text."""
    origin = await add_origin(conn)
    await store(conn, origin, [profile(1, "Qualità dell'olio", summary="Imprese e città")])
    for words in ("qualita", "QUALITÀ", "oli", "impresa", "citta", "l’olio"):
        assert await conn.fetchval(
            "SELECT words @@ websearch_to_tsquery('public.rete_it', $1) FROM coop.profile", words
        ), words


async def test_packed_rows_are_stored_as_they_are(conn: Connection) -> None:
    """Every column reads back as the row said, also days without end and signs of any alphabet."""
    origin = await add_origin(conn)
    documents = [
        profile(1, "Qualità €\n«ł»", valid_until="9999-12-31"),
        profile(2, valid_until="2027-02-31", round=2**53 - 1, description="à" * 300),
    ]
    rows = await store(conn, origin, documents)
    stored = await conn.fetch(f"SELECT {', '.join(COLUMNS)} FROM coop.profile ORDER BY idx")
    for row, found in zip(rows, stored, strict=True):
        assert [str(value) if name == "profile_id" else value for name, value in found.items()] == list(row)


def test_rows_are_cheap() -> None:
    """The hot path stays far below the cost of storing: 25 microseconds a profile, tripled for a busy machine."""
    territories, sectors = load_territories(), load_sectors()
    wants = [{"category": "distribution", "text": {"it": "un distributore per il mercato estero"}}] * 3
    documents = [
        profile(
            n, needs=wants, offers=wants, target_countries=["AL", "TN"], languages=["en", "fr"], themes=["innovation"]
        )
        for n in range(500)
    ]
    best = 1.0
    for _ in range(5):
        started = time.perf_counter()
        for number, document in enumerate(documents):
            index_row(1, number, document, territories, sectors)
        best = min(best, (time.perf_counter() - started) / len(documents))
    assert best < 75e-6


def test_what_is_remembered_of_texts_is_bounded() -> None:
    """A peer that invents a code per profile fills no memory, and each code is still its own."""
    known = Remembered(str.upper, 100)
    assert [known[f"c{n}"] for n in range(250)] == [f"C{n}" for n in range(250)]
    assert len(known) <= 100
