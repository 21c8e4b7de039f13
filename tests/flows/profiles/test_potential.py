"""Aggregations without a contract: region and section only, after a warning, and only as long as they are potential."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import orjson
import pytest

from node.domain.network import Member, NetworkRecord
from node.domain.register import NetworkKind
from node.errors import CallerError
from node.flows.profiles import draft, partitions, preview, privacy, privacy_export, publish
from node.flows.registry import intake
from tests.networks_made import firm
from tests.office_made import NOW, Office
from tests.tampering import unguarded

MONDAY = NOW + dt.timedelta(days=6)
CONTENT = {"title": "Cerchiamo partner", "summary": "Cerchiamo chi distribuisca all'estero i nostri prodotti"}


def aggregation(**changes: object) -> NetworkRecord:
    """Two firms of Lecce that talk about a network."""
    fields: dict[str, object] = {
        "name": "Aggregazione nascente",
        "kind": NetworkKind.CONTRACT,
        "status": "potential",
        "object_text": "",
        "members": (
            Member(firm(701), dt.date(2026, 9, 1), is_reference=True),
            Member(firm(702, ateco="62.01.00", province="TO", municipality="001272", municipality_name="Torino"), dt.date(2026, 9, 1)),
        ),
    }  # fmt: skip
    return NetworkRecord(**{**fields, **changes})


@pytest.fixture
async def office(office: Office) -> Office:
    """Lecce's office, with an aggregation after its ten networks."""
    office.networks.append(await keep(office, aggregation()))
    return office


async def keep(office: Office, record: NetworkRecord) -> str:
    """Import one record and return its id."""
    found = intake.IntakeFile("template", "altra.xlsx", bytes(32), 0, (record,), 0, ())
    await intake.import_networks(office.pool, found, NOW, apply=True)
    async with office.pool.acquire() as conn:
        return str(await conn.fetchval("SELECT network_id FROM registry.network WHERE name = $1", record.name))


async def begin(office: Office, at: int = -1, *, as_potential: bool = True) -> str:
    """Draft it."""
    return await draft.draft(
        office.pool, office.config, office.networks[at], CONTENT, "anna", NOW, as_potential=as_potential
    )


async def refused(work: object) -> str:
    """The code of a refusal."""
    with pytest.raises(CallerError) as caught:
        await work  # type: ignore[misc]
    return caught.value.code


async def test_region_and_section_leave_after_a_warning_that_was_read(office: Office) -> None:
    """Nothing finer, marked as potential; the preview warns, the approver confirms, verifiers take it for what it is."""
    assert await refused(begin(office, as_potential=False)) == "not-in-register"
    profile_id = await begin(office)
    seen = await office.preview(profile_id)
    assert (seen.potential, seen.held, seen.attack) == (True, None, None)
    assert seen.sentence.startswith("ATTENZIONE")
    assert seen.candidates >= seen.k == 5
    assert await refused(office.approve(profile_id)) == "potential-warning"
    await office.approve(profile_id, warned=True)
    await office.publish(profile_id)
    assert await office.release(NOW) == []
    assert await office.release(MONDAY) == [profile_id]
    async with office.pool.acquire() as conn:
        body = orjson.loads(await conn.fetchval("SELECT body FROM log.body ORDER BY idx DESC LIMIT 1"))
    anything = {"level": "*", "values": []}
    assert body["labels"] == {
        "territory": {"level": "REG", "values": ["ITF4"]},
        "sector": {"level": "SEZ", "values": ["C"]},
        **dict.fromkeys(("period", "size", "theme"), anything),
    }
    assert (body["kind"], body["maturity"]) == ("any", "potential")
    (verdict,) = await partitions.verify(office.pool, "p_LE")
    assert (verdict.state, verdict.profiles, verdict.astray) == ("same", 1, 0)
    found = await privacy.audit(office.pool, office.config, MONDAY)
    assert (found.ok, found.profiles, found.outside) == (True, 0, 1)
    tables = await privacy_export.export(office.pool, office.config)
    assert (len(tables.profiles), len(tables.truth)) == (1, 0)
    async with office.pool.acquire() as conn, unguarded(conn):
        # As a peer holds it, or who lost its decisions: the document tells all.
        await conn.execute("DELETE FROM publication.decision")
        await conn.execute("DELETE FROM publication.version")
        await conn.execute("DELETE FROM publication.profile")
    found = await privacy.audit(office.pool, office.config, MONDAY, federation=True)
    assert (found.ok, found.outside) == (True, 1)


async def test_a_potential_profile_with_finer_labels_is_seen(office: Office) -> None:
    """The mark is no way round the partition."""
    profile_id = await begin(office)
    await office.approve(profile_id, warned=True)
    await office.publish(profile_id)
    await office.release(MONDAY)
    async with office.pool.acquire() as conn:
        await conn.execute("UPDATE coop.profile SET territory = 'PRO:LE'")
    (verdict,) = await partitions.verify(office.pool, "p_LE")
    assert (verdict.wrong, verdict.astray, verdict.example) == (True, 1, profile_id)


@pytest.mark.parametrize("status", ["signed", "closed"])
async def test_what_is_signed_is_potential_no_more(office: Office, status: str) -> None:
    """A profile on its way is held, with the reason; a new draft is refused; it can be withdrawn."""
    profile_id = await begin(office)
    await office.approve(profile_id, warned=True)
    await office.publish(profile_id)
    async with office.pool.acquire() as conn:
        await conn.execute("UPDATE registry.network SET status = $2 WHERE network_id::text = $1", office.networks[-1], status)  # fmt: skip
    assert await office.release(MONDAY) == []
    assert (await office.preview(profile_id)).held == "potential-over"
    assert await refused(begin(office)) == "potential-signed"
    await office.withdraw(profile_id)
    assert await refused(begin(office)) == "potential-signed"


async def test_one_network_has_profiles_of_one_kind_at_a_time(office: Office) -> None:
    """A registered network is drafted as what it is; a potential one that entered the register is withdrawn first."""
    assert await refused(begin(office, 0)) == "potential-signed"
    profile_id = await begin(office)
    async with office.pool.acquire() as conn:
        other = await conn.fetchrow("SELECT deed_register_number, deed_number, signed_on, register_id FROM registry.network WHERE network_id::text = $1", office.networks[0])  # fmt: skip
        await conn.execute(
            "UPDATE registry.network SET register_id = NULL WHERE network_id::text = $1", office.networks[0]
        )
        await conn.execute(
            "UPDATE registry.network SET status = 'registered', deed_register_number = $2, deed_number = $3,"
            " signed_on = $4, register_id = $5 WHERE network_id::text = $1",
            office.networks[-1], *other.values(),
        )  # fmt: skip
    assert await refused(begin(office, as_potential=False)) == "potential-over"
    await office.withdraw(profile_id)
    assert await refused(begin(office, as_potential=False)) == "republish-too-early"
    later = NOW + dt.timedelta(days=21)
    again = await draft.draft(office.pool, office.config, office.networks[-1], CONTENT, "anna", later)
    assert again != profile_id
    assert not (await office.preview(again)).potential


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"members": ()}, "potential-incomplete"),
        ({"members": (Member(firm(703, ateco=""), NOW.date(), is_reference=True),)}, "potential-incomplete"),
        ({"members": (Member(firm(703, province="", municipality="", municipality_name=""), NOW.date()),)}, "potential-incomplete"),
        ({"members": (Member(firm(703), NOW.date()), Member(firm(704, ateco="62.01.00"), NOW.date()))}, "potential-incomplete"),
        ({"members": (Member(firm(703, province="TO", municipality="001272", municipality_name="Torino"), NOW.date()),)}, "out-of-scope"),
        ({"members": (Member(firm(703, ateco="06.10.00"), NOW.date()),)}, "block-too-small"),
    ],
)  # fmt: skip
async def test_where_it_stands_must_be_known_and_crowded(
    office: Office, changes: dict[str, object], expected: str
) -> None:
    """Region and section of the reference firm, or shared by all; inside the territory; where at least k networks are."""
    network_id = await keep(office, replace(aggregation(), name="Altra aggregazione", **changes))  # type: ignore[arg-type]
    office.networks.append(network_id)
    assert await refused(begin(office)) == expected


async def test_its_own_names_are_red_in_its_texts(office: Office) -> None:
    """The office's names are known to the gate whether they are in the register or not."""
    profile_id = await draft.draft(
        office.pool, office.config, office.networks[-1], {**CONTENT, "summary": "Con Aggregazione nascente si vende meglio"}, "anna", NOW, as_potential=True
    )  # fmt: skip
    seen = await preview.preview(office.pool, office.config, profile_id, NOW)
    assert any(hit.severity == "red" for _, _, hit in seen.hits)
    assert await refused(office.approve(profile_id, warned=True, amber_reason="x")) == "text-refused"
    with pytest.raises(CallerError) as caught:
        await publish.publish(office.pool, office.config, profile_id, "bruno", NOW)
    assert caught.value.code == "profile-not-approved"
