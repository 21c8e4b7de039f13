"""The private register's tables: what is written comes back, history stays, and the database refuses what must never be."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import replace
from decimal import Decimal
from typing import Any

import asyncpg
import pytest
from networks_made import NOW, PERSON_CODE, code, firm, member, record

from node.domain.network import ContactRecord, NetworkRecord
from node.domain.register import NetworkKind
from node.store import registry
from node.store.postgres import Connection

LATER = NOW + dt.timedelta(days=100)
ID = str(uuid.UUID(int=1, version=4))
OTHER = str(uuid.UUID(int=2, version=4))


async def put(
    conn: Connection,
    *records: NetworkRecord,
    source: str = "template",
    now: dt.datetime = NOW,
    ids: tuple[str, ...] = (ID, OTHER),
) -> None:
    """Write records as an import does."""
    async with conn.transaction():
        await registry.lock_for_import(conn)
        await registry.apply_import(conn, list(zip(ids, records, strict=False)), source=source, now=now)


async def get(conn: Connection, network_id: str = ID) -> NetworkRecord:
    """Read one record back."""
    return (await registry.read_records(conn, [network_id]))[network_id]


def same(found: NetworkRecord, made: NetworkRecord) -> bool:
    """Equal apart from the order of people and firms, which says nothing."""
    return found.digest() == made.digest()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"kind": NetworkKind.ENTITY},
        {"status": "potential", "deed_register_number": "", "signed_on": None, "deed_form": None, "purpose": None},
        {"members": (member(1), member(2), member(2, joined_on=dt.date(2009, 1, 1), left_on=dt.date(2011, 1, 1)))},
        {"members": (member(1, firm=firm(1, tax_code="")), member(2, firm=firm(2, tax_code=PERSON_CODE)))},
        {"needs": (), "contacts": (), "objectives": (), "languages": ()},
    ],
)
async def test_a_whole_record_comes_back_as_it_was(conn: Connection, changes: dict[str, Any]) -> None:
    """Every field of the record has its place in the tables."""
    made = record(**changes)
    await put(conn, made)
    assert same(await get(conn), made)


async def test_writing_again_and_writing_a_change_leave_no_remains(conn: Connection) -> None:
    """The office's file is the whole truth about its network: what it no longer says is gone."""
    await put(conn, record())
    await put(conn, record())
    assert same(await get(conn), record())
    changed = record(
        name="Rete Uno bis", needs=(), objectives=("altro",), contacts=(ContactRecord("nuova"),), initial_fund=None
    )
    await put(conn, changed)
    assert same(await get(conn), changed)
    assert await conn.fetchval("SELECT count(*) FROM registry.firm") == 2


async def test_a_firm_in_two_networks_is_one_firm(conn: Connection) -> None:
    """By tax code; without one by folded name and province; and its facts are refreshed everywhere."""
    nameless = firm(3, tax_code="", name="Senza Codice S.r.l.")
    first = record(members=(member(1), member(3, firm=nameless)))
    second = record(
        name="Due", deed_number="88", members=(member(1), member(3, firm=replace(nameless, name="SENZA CODICE S.R.L.")))
    )
    await put(conn, first, second)
    assert await conn.fetchval("SELECT count(*) FROM registry.firm") == 2
    moved = firm(1, vat_number=code(1), municipality="074001", municipality_name="Brindisi", province="BR", rea="BR-1")
    await put(conn, replace(second, members=(member(1, firm=moved), second.members[1])), ids=(OTHER,))
    assert {m.firm for m in (await get(conn)).members if m.firm.tax_code} == {moved}
    elsewhere = replace(nameless, province="BR")
    await put(
        conn,
        record(name="Tre", deed_number="99", members=(member(1), member(3, firm=elsewhere))),
        ids=(str(uuid.uuid4()),),
    )
    assert await conn.fetchval("SELECT count(*) FROM registry.firm") == 3


async def test_the_public_list_does_not_blank_what_the_office_knows(conn: Connection) -> None:
    """The list says little of a firm; what it leaves out stays, what it says is taken."""
    await put(conn, record(members=(member(1, firm=firm(1, vat_number=code(1))), member(2))))
    bare = firm(1, name="Nuovo nome S.r.l.", rea="", ateco="", legal_form="", municipality="", municipality_name="")
    await put(
        conn,
        record(name="Due", deed_number="88", members=(member(1, firm=bare), member(2))),
        source="chamber",
        ids=(OTHER,),
    )
    known = next(m.firm for m in (await get(conn)).members if m.firm.tax_code == code(1))
    assert known == firm(1, name="Nuovo nome S.r.l.", vat_number=code(1))


async def test_firms_of_networks_that_the_office_keeps_are_known(conn: Connection) -> None:
    """By the key that tells firms apart; those of the public list alone are not among them."""
    nameless = firm(3, tax_code="")
    await put(conn, record(members=(member(1), member(3, firm=nameless))))
    await put(
        conn,
        record(name="Due", deed_number="88", members=(member(1), member(4))),
        source="chamber",
        ids=(OTHER,),
    )
    assert await registry.office_firms(conn) == {firm(1).key, nameless.key}


async def test_who_is_no_longer_in_the_file_has_left_today_and_stays_in_history(conn: Connection) -> None:
    """Leaving is recorded, coming back opens a new period."""
    three = record(members=(member(1), member(2), member(3)))
    await put(conn, three)
    await put(conn, record(members=(member(1), member(2))), now=LATER)
    gone = [m for m in (await get(conn)).members if m.firm.tax_code == code(3)]
    assert [m.left_on for m in gone] == [LATER.date()]
    back = record(members=(member(1), member(2), member(3, joined_on=dt.date(2027, 6, 1), founding=False)))
    await put(conn, back, now=LATER)
    periods = [(m.joined_on, m.left_on) for m in (await get(conn)).members if m.firm.tax_code == code(3)]
    assert periods == [(dt.date(2013, 3, 15), LATER.date()), (dt.date(2027, 6, 1), None)]


async def test_a_corrected_date_of_joining_is_a_correction_not_a_second_period(conn: Connection) -> None:
    """Also together with the day of leaving."""
    await put(conn, record())
    await put(conn, record(members=(member(1), member(2, joined_on=dt.date(2014, 1, 1)))))
    assert [m.joined_on for m in (await get(conn)).members if m.firm.tax_code == code(2)] == [dt.date(2014, 1, 1)]
    ended = (member(1), member(3), member(2, joined_on=dt.date(2014, 2, 1), left_on=dt.date(2015, 1, 1)))
    await put(conn, record(members=ended))
    assert same(await get(conn), record(members=ended))


async def test_one_file_may_end_a_period_and_open_the_next(conn: Connection) -> None:
    """In whatever order the rows come: the period that goes on finds its place free."""
    await put(conn, record())
    moved = (
        member(1),
        member(2, joined_on=dt.date(2020, 1, 1), contribution=Decimal("5.00")),
        member(2, left_on=dt.date(2019, 1, 1)),
    )
    await put(conn, record(members=moved))
    assert same(await get(conn), record(members=moved))


async def test_a_newer_public_list_tells_who_came_and_who_left(conn: Connection) -> None:
    """The first list gives founders; a later one newcomers, as of the day it was read; the deed's facts stay."""
    first = record(members=(member(1, is_reference=True), member(2)))
    await put(conn, first, source="chamber")
    newer = record(name="Nuovo nome", members=(member(1), member(3, is_reference=True)))
    await put(conn, newer, source="chamber", now=LATER)
    found = {m.firm.tax_code: m for m in (await get(conn)).members}
    assert (found[code(1)].founding, found[code(1)].is_reference, found[code(1)].left_on) == (True, False, None)
    assert found[code(2)].left_on == LATER.date()
    assert (found[code(3)].joined_on, found[code(3)].founding) == (LATER.date(), False)
    await put(conn, first, source="chamber", now=LATER)
    again = [m for m in (await get(conn)).members if m.firm.tax_code == code(2)]
    assert [m.left_on for m in again if m.joined_on == LATER.date()] == [None]
    await put(conn, newer, source="chamber", now=LATER)
    await put(conn, first, source="chamber", now=LATER)
    present = [m.firm.tax_code for m in (await get(conn)).members if m.left_on is None]
    assert sorted(present) == sorted([code(1), code(2)])


async def test_import_state_knows_networks_by_deed_and_before_it_by_name(conn: Connection) -> None:
    """Only a network without a deed is known by its name."""
    waiting = record(name="In attesa", status="potential", deed_register_number="")
    await put(conn, record(), waiting)
    keys = ["15829/77/2013-03-15", "name:rete uno", "name:in attesa", "name:altra"]
    state = await registry.import_state(conn, keys)
    assert {key: (network_id, source) for key, (network_id, _, source) in state.items()} == {
        "15829/77/2013-03-15": (ID, "template"),
        "name:in attesa": (OTHER, "template"),
    }
    assert state["name:in attesa"][1] == waiting.digest()


async def test_networks_are_listed_by_name_page_by_page(conn: Connection) -> None:
    """Each network once, whatever the page size; a filter takes text as it is, without wildcards."""
    names = ["Alfa 100%", "Beta", "Beta", "Gamma_x"]
    ids = tuple(str(uuid.UUID(int=n + 10, version=4)) for n in range(4))
    await put(conn, *(record(name=name, deed_number=str(n)) for n, name in enumerate(names)), ids=ids)
    seen: list[str] = []
    after: tuple[str, str] | None = None
    while page := await registry.list_networks(conn, after=after, limit=2):
        seen += [row["network_id"] for row in page]
        after = (page[-1]["name"], page[-1]["network_id"])
    assert sorted(seen) == sorted(ids)
    row = (await registry.list_networks(conn, name="0%"))[0]
    assert (row["name"], row["members"], row["province"], row["ateco"]) == ("Alfa 100%", 2, "LE", "10.41.10")
    assert [r["name"] for r in await registry.list_networks(conn, name="_X")] == ["Gamma_x"]
    assert await registry.list_networks(conn, name="%a%") == []


async def test_records_are_read_all_or_by_id(conn: Connection) -> None:
    """An unknown id is absent, not an error."""
    await put(conn, record(), record(name="Due", deed_number="88"))
    assert list(await registry.read_records(conn)) == [OTHER, ID]
    assert list(await registry.read_records(conn, [ID, str(uuid.uuid4())])) == [ID]
    assert await registry.register_id_of(conn, ID) == (True, "15829/77/2013-03-15")
    assert await registry.register_id_of(conn, str(uuid.uuid4())) == (False, None)


async def test_secret_terms_hold_every_name_that_must_not_leave(conn: Connection) -> None:
    """Networks, firms, codes, people and the domains of their post."""
    person = firm(2, tax_code=PERSON_CODE, name="ditta individuale")
    await put(conn, record(members=(member(1), member(2, firm=person))))
    terms = {(term.kind, term.text) for term in await registry.secret_terms(conn)}
    assert terms >= {
        ("network", "Rete Uno"),
        ("firm", "Impresa 1 S.r.l."),
        ("person", "ditta individuale"),
        ("code", code(1)),
        ("code", PERSON_CODE),
        ("person", "referente A"),
        ("person", "presidente pro tempore"),
        ("contact", "example.org"),
    }


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE registry.network SET status = 'other'",
        "UPDATE registry.network SET name = ''",
        "UPDATE registry.network SET kind = 'entity', deed_form = 'digital'",
        "UPDATE registry.network SET start_on = '2020-01-02', end_on = '2020-01-01'",
        "UPDATE registry.network SET initial_fund = -1",
        "UPDATE registry.network SET extras = '{luck}'",
        "UPDATE registry.network SET register_id = NULL, name_key = 'same'",
        "UPDATE registry.network SET register_id = 'same'",
        "UPDATE registry.membership SET left_on = joined_on - 1",
        "UPDATE registry.membership SET contribution = -1",
        "UPDATE registry.membership SET firm_id = (SELECT min(firm_id::text)::uuid FROM registry.firm)",
        "UPDATE registry.firm SET tax_code = (SELECT min(tax_code) FROM registry.firm)",
        "UPDATE registry.firm SET tax_code = '', name_key = '', province = ''",
        "UPDATE registry.firm SET led_by = '{nobody}'",
        "DELETE FROM registry.firm",
        "UPDATE registry.firm SET tax_code = left(tax_code, 10)",
        "UPDATE registry.firm SET tax_code = 'abcdefghilmnopqr' WHERE tax_code = (SELECT max(tax_code) FROM registry.firm)",
        "UPDATE registry.network SET deed_register_number = ''",
        "UPDATE registry.network SET signed_on = NULL, status = 'amended'",
        "UPDATE registry.network SET kind = 'entity', deed_form = NULL, has_common_fund = false",
        "UPDATE registry.network SET kind = 'entity', deed_form = NULL, has_common_body = false, status = 'signed'",
        "UPDATE registry.network SET kind = 'entity', deed_form = NULL, seat_municipality = '', status = 'closed'",
        "UPDATE registry.membership SET left_on = joined_on WHERE is_reference",
        "DELETE FROM registry.membership WHERE is_reference",
        "UPDATE registry.network SET owner = NULL",
        "UPDATE registry.want SET position = 6",
    ],
)
async def test_the_database_refuses_what_must_never_be(conn: Connection, statement: str) -> None:
    """Constraints hold where no program can forget them."""
    await put(conn, record(), record(name="Due", deed_number="88"))
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await conn.execute(statement)


async def test_what_is_only_thought_of_may_be_incomplete(conn: Connection) -> None:
    """Neither members nor deed nor an entity's fund, body and seat are asked of it, until it is signed."""
    bare = record(
        kind=NetworkKind.ENTITY, status="drafting", members=(), deed_register_number="", signed_on=None,
        has_common_fund=False, has_common_body=False, seat_municipality="",
    )  # fmt: skip
    await put(conn, bare)
    await conn.execute("UPDATE registry.network SET status = 'potential'")
    with pytest.raises(asyncpg.CheckViolationError):
        await conn.execute("UPDATE registry.network SET status = 'signed'")
    with pytest.raises(asyncpg.CheckViolationError, match="two firms"):
        await conn.execute("UPDATE registry.network SET status = 'signed', kind = 'contract'")


async def test_members_are_counted_when_the_transaction_ends(conn: Connection) -> None:
    """Firms may change places inside one; a closed network keeps those that have left; a deleted one needs none."""
    await put(conn, record())
    async with conn.transaction():
        await conn.execute("UPDATE registry.membership SET left_on = joined_on")
        await conn.execute("UPDATE registry.membership SET left_on = NULL")
    async with conn.transaction():
        await conn.execute("UPDATE registry.network SET status = 'closed'")
        await conn.execute("UPDATE registry.membership SET left_on = joined_on")
    with pytest.raises(asyncpg.CheckViolationError, match="two firms"):
        await conn.execute("UPDATE registry.network SET status = 'registered'")
    async with conn.transaction():
        for table in ("want", "membership", "network"):
            await conn.execute(f"DELETE FROM registry.{table}")
    assert await conn.fetchval("SELECT count(*) FROM registry.network") == 0


async def test_every_record_is_the_nodes_own(conn: Connection) -> None:
    """The owner is the node whose log this database holds, whatever path a record comes in by."""
    await conn.execute(
        "INSERT INTO log.origin (origin, owner, name, vkey, is_own, root) VALUES ('o', 'p_LE', 'n', 'k', true, $1)",
        bytes(32),
    )
    await put(conn, record())
    assert [row["owner"] for row in await registry.list_networks(conn)] == ["p_LE"]


async def test_a_contract_that_the_list_calls_an_entity_becomes_one(conn: Connection) -> None:
    """With the fund, body and seat that the law gives it; what the list said before does not stand in the way."""
    await put(
        conn,
        record(has_common_fund=False, has_common_body=False, seat_municipality="", deed_form=None),
        source="chamber",
    )
    await put(
        conn, record(kind=NetworkKind.ENTITY, seat_municipality="Lecce", deed_form=None), source="chamber", now=LATER
    )
    found = await get(conn)
    assert (found.kind, found.has_common_fund, found.has_common_body, found.seat_municipality) == (
        NetworkKind.ENTITY, True, True, "Lecce",
    )  # fmt: skip


async def test_a_natural_person_is_marked_by_the_database(conn: Connection) -> None:
    """Rows to which the GDPR applies are found without knowing how codes are made."""
    await put(conn, record(members=(member(1), member(2, firm=firm(2, tax_code=PERSON_CODE)))))
    assert await conn.fetchval("SELECT tax_code FROM registry.firm WHERE natural_person") == PERSON_CODE
