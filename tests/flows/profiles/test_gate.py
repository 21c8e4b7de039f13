"""The gate on a real database: names kept and renewed, the attack on a draft, what is kept with the decision."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import orjson
import pytest

from node.domain.redaction.hits import RED
from node.errors import CallerError
from node.flows.profiles import preview
from node.flows.profiles.gate import KnownNames, judge, town_layer
from node.store import population, registry
from tests.national_made import national
from tests.office_made import Office


@pytest.fixture
def begun(italy_listed: str) -> str:
    """All Italy's list."""
    return italy_listed


async def own_object(office: Office, at: int = 0) -> tuple[str, str]:
    """A network's register id and its public object."""
    async with office.pool.acquire() as conn:
        _, register_id = await registry.register_id_of(conn, office.networks[at])
        assert register_id is not None
        row = await population.find_network(conn, register_id)
    assert row is not None
    return register_id, row.object_text


async def test_only_what_changed_is_gathered_again(office: Office) -> None:
    """One more firm renews the office's names alone; another edition renews the list's; nothing changed, nothing built."""
    known = KnownNames()
    async with office.pool.acquire() as conn:
        first = await known.read(conn, office.config)
        again = await known.read(conn, office.config)
        assert all(old is new for old, new in zip(first.layers, again.layers, strict=True))
        await conn.execute(
            "UPDATE registry.firm SET name = 'Zambrella Fratelli' WHERE firm_id = (SELECT min(firm_id::text)::uuid FROM registry.firm)"
        )
        changed = await known.read(conn, office.config)
    assert [old is new for old, new in zip(first.layers, changed.layers, strict=True)] == [False, True, True]
    assert changed.layers[2] is town_layer()
    assert not list(first.find("per Zambrella Fratelli"))
    assert list(changed.find("per zambrella fratelli"))
    await office.load([row for row in national() if row.province in ("LE", "BR")], dt.date(2025, 6, 30))
    async with office.pool.acquire() as conn:
        later = await known.read(conn, office.config)
    assert [old is new for old, new in zip(changed.layers, later.layers, strict=True)] == [True, False, True]


async def test_names_of_the_public_list_are_red_also_for_those_who_do_not_keep_them(office: Office) -> None:
    """A firm of the list that is in none of the office's networks; its tax code with it."""
    async with office.pool.acquire() as conn:
        listed = await conn.fetchrow(
            "SELECT f.name, f.tax_code FROM population.firm f WHERE f.province = 'LE' AND length(f.tax_code) = 11"
            " AND NOT EXISTS (SELECT FROM registry.firm r WHERE r.name = f.name OR r.tax_code = f.tax_code)"
            " AND f.name LIKE '% % %' ORDER BY f.name LIMIT 1"
        )
        names = await KnownNames().read(conn, office.config)
    for written in (listed["name"].title(), listed["tax_code"], " ".join(listed["tax_code"])):
        assert any(hit.severity == RED for hit in names.find(f"forniture di {written} ai soci"))


async def test_a_draft_made_from_the_public_object_is_never_approved(office: Office) -> None:
    """Six words in ten of the object: the preview says so in plain words, no reason helps, a text of one's own does."""
    _, text = await own_object(office)
    words = text.split()
    copied = " ".join(word for at, word in enumerate(words) if at % 5 < 3)[:480]
    profile_id = await office.draft(summary=copied, needs=[], offers=[], title="Collaborazioni")
    seen = await office.preview(profile_id)
    assert seen.attack is not None
    assert (seen.attack["found"], seen.attack["rank"]) == (True, 1)
    assert "correggere" in seen.sentence
    with pytest.raises(CallerError) as caught:
        await office.approve(profile_id, amber_reason="lo vogliamo così")
    assert caught.value.code == "text-finds-network"
    assert text[:30] not in str(caught.value)
    await office.draft(
        summary="Cerchiamo chi venda all'estero i nostri prodotti.", needs=[], offers=[], title="Collaborazioni"
    )
    assert await office.approve(profile_id)


async def test_a_copy_in_another_language_s_place_is_found_too(office: Office) -> None:
    """Each language is read by itself: an object in the English place is no less a copy beside an honest Italian text."""
    _, text = await own_object(office)
    honest = "Cerchiamo chi venda all'estero i nostri prodotti. " * 5
    profile_id = await office.draft(
        summary={"it": honest, "en": text[:480]}, needs=[], offers=[], title="Collaborazioni"
    )
    with pytest.raises(CallerError) as caught:
        await office.approve(profile_id)
    assert caught.value.code == "text-finds-network"


async def test_what_was_measured_is_kept_with_the_approval(office: Office) -> None:
    """Counts, rank and margin, no words; other decisions keep none."""
    profile_id = await office.draft(
        summary="Lavoriamo nel segno di Zambrella per tutti", title="Collaborazioni", needs=[], offers=[]
    )
    await office.approve(profile_id, amber_reason="è una varietà di pianta")
    async with office.pool.acquire() as conn:
        kept = {row["action"]: row["gate"] for row in await conn.fetch("SELECT action, gate FROM publication.decision")}
    assert kept["drafted"] is None
    gate = orjson.loads(kept["approved"])
    assert (gate["red"], gate["amber"]) == (0, 1)
    assert set(gate["attack"]) == {"found", "rank", "of", "margin", "score", "copied"}
    assert gate["attack"]["found"] is False
    assert "Zambrella" not in kept["approved"]


async def test_a_network_that_left_the_list_is_compared_with_its_last_object(office: Office) -> None:
    """The newest edition does not have it: whoever kept an older one still has its object."""
    register_id, text = await own_object(office)
    gone = [
        replace(row, object_text="Altro oggetto")
        for row in national()
        if row.province == "LE" and row.register_id != register_id
    ]
    await office.load(gone, dt.date(2025, 6, 30))
    async with office.pool.acquire() as conn:
        names = await KnownNames().read(conn, office.config)
        members = [row.register_id for row in gone[:10]]
        verdict = await judge(conn, names, (("summary.it", text),), members=members, own=register_id, k=5)
        assert verdict.is_found
        unknown = await judge(conn, names, (("summary.it", text),), members=members, own="nessuna", k=5)
    assert unknown.attack is None


async def test_a_text_alone_is_tried_with_and_without_its_network(office: Office) -> None:
    """Names need no network; the attack does."""
    _, text = await own_object(office)
    alone = await preview.check_text(office.pool, office.config, "scrivere a a@b.it")
    assert (alone.red, alone.attack) == (1, None)
    with_block = await preview.check_text(office.pool, office.config, text, network_id=office.networks[0])
    assert with_block.is_found
    assert with_block.objects >= 8
