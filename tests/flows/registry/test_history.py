"""What the register remembers of its own changes: who, which network, which fields by name, which firms; never what stood in them."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import orjson
from networks_made import NOW, firm, member, record

from node.domain import entry_form
from node.flows.registry import intake, keeping
from node.flows.registry.acting import acting
from node.flows.registry.intake import IntakeFile
from node.flows.upkeep import audit
from node.store import registry
from node.store.postgres import Pool, acquire

LATER = NOW + dt.timedelta(days=1)


async def told(pool: Pool, *kinds: str) -> list[dict[str, object]]:
    """What the chain tells, of some kinds."""
    async with acquire(pool) as conn:
        rows = await conn.fetch("SELECT document FROM audit.event WHERE kind = ANY($1) ORDER BY event_id", list(kinds))
    return [orjson.loads(row["document"]) for row in rows]


async def write(pool: Pool, made: object, network_id: str | None = None) -> str:
    """A network as a form says it."""
    seen = (await keeping.read_network(pool, network_id)).seen if network_id else ""
    entry = entry_form.entry_of(made)  # type: ignore[arg-type]
    outcome = await keeping.write(pool, entry, LATER, network_id=network_id, seen=seen)
    assert outcome.network_id, outcome.problems
    return outcome.network_id


async def test_a_change_by_form_is_told_by_the_names_of_its_fields(pool: Pool, tmp_path: Path) -> None:
    """Added, changed, a firm out, closed: each an event with its officer, and no value of before or after."""
    made = record(members=(*record().members, member(3)))
    with acting("anna"):
        network_id = await write(pool, made)
    with acting("bruno"):
        await write(pool, replace(made, notary="Dott. Segreto", seat_municipality="Castrignano"), network_id)
        kept = await keeping.read_network(pool, network_id)
        at = next(n for n, m in enumerate(kept.record.members) if m.firm == firm(3))
        await keeping.end_membership(pool, network_id, at, dt.date(2020, 5, 1), kept.seen, LATER)
        gone = tuple(replace(m, left_on=m.left_on or dt.date(2021, 1, 1)) for m in (await keeping.read_network(pool, network_id)).record.members)  # fmt: skip
        await write(pool, replace(made, notary="Dott. Segreto", seat_municipality="Castrignano", status="closed", members=gone), network_id)  # fmt: skip
        # Written again as it is: nothing to tell.
        await write(pool, (await keeping.read_network(pool, network_id)).record, network_id)
    found = await told(pool, "network")
    assert [(e["action"], e["officer"], e["fields"], len(e["begun"]), len(e["ended"])) for e in found] == [  # type: ignore[arg-type]
        ("created", "anna", [], 3, 0), ("changed", "bruno", ["notaio", "sede"], 0, 0), ("members", "bruno", [], 0, 1),
        ("closed", "bruno", ["stato"], 0, 2),
    ]  # fmt: skip
    assert {e["network"] for e in found} == {network_id}
    assert not [word for word in ("Segreto", "Castrignano", record().name, firm(3).name) if word in str(found)]
    assert (await audit.verify(pool, tmp_path)).ok
    history = await keeping.history(pool, network_id)
    assert [(h["action"], h["officer"]) for h in history] == [
        ("closed", "bruno"), ("members", "bruno"), ("changed", "bruno"), ("created", "anna"),
    ]  # fmt: skip
    assert history[1]["ended"] == [firm(3).name]


async def test_an_import_is_one_event_and_each_network_remembers_its_own_part(pool: Pool) -> None:
    """With counts and who; again the same file is an event with nothing changed; a dry run is none."""

    async def come(*records: object, layout: str = "template", apply: bool = True) -> None:
        found = IntakeFile(layout, "elenco segreto.xlsx", bytes(32), 0, records, 0, ())  # type: ignore[arg-type]
        with acting("anna"):
            await intake.import_networks(pool, found, LATER, apply=apply)

    one, two = record(), record(name="Seconda", deed_number="2", members=(member(5), member(6)))
    await come(one, two, apply=False)
    await come(one, two)
    await come(one, two)
    await come(replace(one, programme="segreto", members=(*one.members, member(7))))
    found = await told(pool, "register-import", "network")
    assert [(e["added"], e["changed"], e["unchanged"], e["officer"]) for e in found] == [
        (2, 0, 0, "anna"), (0, 0, 2, "anna"), (0, 1, 0, "anna"),
    ]  # fmt: skip
    assert "segreto" not in str(found)
    async with acquire(pool) as conn:
        network_id = str(await conn.fetchval("SELECT network_id FROM registry.network WHERE name = $1", one.name))
    history = await keeping.history(pool, network_id)
    assert [(h["source"], h["action"], h["fields"], h["begun"]) for h in history] == [
        ("template", "changed", ["programma"], [firm(7).name]),
        ("template", "created", [], sorted(m.firm.name for m in one.members)),
    ]  # fmt: skip


async def test_a_newer_public_list_is_remembered_network_by_network(pool: Pool) -> None:
    """Who came and who left of a contract, by the list's own rules; a list that says the same changes nothing."""
    network_id = "00000000-0000-4000-8000-000000000001"
    one = record(members=(member(1), member(2), member(3)))
    for listed in (one, one, replace(one, members=(member(1), member(2), member(4)))):
        async with acquire(pool) as conn, conn.transaction():
            await registry.lock_for_import(conn)
            await registry.apply_import(conn, [(network_id, listed)], source="chamber", now=LATER)
    newest, first = await keeping.history(pool, network_id)
    assert (first["action"], len(first["begun"]), first["source"]) == ("created", 3, "chamber")
    assert (newest["action"], newest["fields"], newest["begun"], newest["ended"]) == (
        "members", [], [firm(4).name], [firm(3).name],
    )  # fmt: skip
    assert await told(pool, "network") == []


async def test_other_data_of_a_firm_are_told_by_every_network_that_holds_it(pool: Pool, tmp_path: Path) -> None:
    """By form and by import, of who is in it and of who has left; networks of other firms, and the same data again, tell nothing."""
    gone = member(2, left_on=dt.date(2020, 5, 1))
    first = await write(pool, record(members=(member(1), gone, member(3))))
    aside = await write(pool, record(name="Seconda", deed_number="2", members=(member(5), member(6))))
    other = record(
        name="Terza", deed_number="3", members=(member(1), member(2, firm=firm(2, name="Nome Nuovo S.r.l.")))
    )
    with acting("anna"):
        await write(pool, other)
    with acting("bruno"):
        moved = firm(1, municipality="074001", municipality_name="Brindisi", province="BR")
        fourth = record(name="Quarta", deed_number="4", members=(member(1, firm=moved), other.members[1]))
        for _ in range(2):
            found = IntakeFile("template", "x.xlsx", bytes(32), 0, (fourth,), 0, ())
            await intake.import_networks(pool, found, LATER, apply=True)
    history = await keeping.history(pool, first)
    assert [(h["source"], h["officer"], h["action"], h["fields"], h["corrected"]) for h in history] == [
        ("template", "bruno", "changed", ["imprese"], [moved.name]),
        ("officer", "anna", "changed", ["imprese"], ["Nome Nuovo S.r.l."]),
        ("officer", None, "created", [], ["Nome Nuovo S.r.l."]),
    ]  # fmt: skip
    assert [h["action"] for h in await keeping.history(pool, aside)] == ["created"]
    assert [(e["action"], e["officer"]) for e in await told(pool, "network") if e["network"] == first] == [
        ("created", None), ("changed", "anna"),
    ]  # fmt: skip
    assert (await audit.verify(pool, tmp_path)).ok


async def test_a_name_ends_with_its_request(pool: Pool) -> None:
    """Nobody acts under the name of whoever came before; where nobody is named, none is told."""
    with acting("anna"):
        with acting("bruno"):
            network_id = await write(pool, record())
        await write(pool, record(name="Prima Prova"), network_id)
    await write(pool, record(name="Altra Prova"), network_id)
    assert [e["officer"] for e in await told(pool, "network")] == ["bruno", "anna", None]
