"""The audit and its export on a real database: honest nodes keep every bound, bent ones are told, nothing private slips out."""

from __future__ import annotations

import asyncio
import csv
import datetime as dt
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from node.domain import partition
from node.errors import CallerError
from node.flows.logs import epoch
from node.flows.profiles import privacy, privacy_export
from node.flows.profiles.privacy import Audit
from node.flows.profiles.privacy_export import Tables
from node.store import population, whole_file
from node.store.postgres import Pool
from node.store.reference import load_sectors, load_territories
from node.store.whole_file import SECRET, WholeFile
from tests.flows.profiles.test_partitions import load, two_offices
from tests.national_made import national
from tests.office_made import NOW, SNAPSHOT, Office, configured, lecce, make_office
from tests.tampering import unguarded

MONDAY = NOW + dt.timedelta(days=6)
LATER = dt.date(2026, 6, 30)
LEVELS = {
    "terr": {"COM", "PRO", "REG", "RIP"}, "sett": {"A6", "A2", "SEZ"}, "tema": {"T"},
}  # fmt: skip


async def audit(office: Office, **how: Any) -> Audit:
    """What the audit finds."""
    return await privacy.audit(office.pool, office.config, MONDAY, **how)


async def export(office: Office) -> dict[str, list[dict[str, str]]]:
    """The four tables as a stranger's program reads them back."""
    tables: Tables = await privacy_export.export(office.pool, office.config)
    columns = {
        "population": privacy_export.POPULATION, "profiles": privacy_export.PROFILES,
        "labels": privacy_export.LABELS, "truth": privacy_export.TRUTH,
    }  # fmt: skip
    return {
        name: list(csv.DictReader(io.StringIO(whole_file.csv_bytes(of, getattr(tables, name)).decode(), newline="")))
        for name, of in columns.items()
    }


def broken(found: Audit) -> list[str]:
    """The attacks whose bound is broken."""
    counted = [count.attack for count in found.counts if count.broken]
    return [
        *counted,
        *(g.attack for g in found.guesses if g.broken),
        *([found.order.attack] if found.order.broken else []),
    ]


async def test_without_a_register_there_is_nothing_to_attack_with(pool: Pool) -> None:
    """One clear refusal, for both commands."""
    for work in (privacy.audit(pool, configured(), NOW), privacy_export.export(pool, configured())):
        with pytest.raises(CallerError) as caught:
            await work
        assert caught.value.code == "register-missing"


async def test_an_honest_office_keeps_every_bound(office: Office) -> None:
    """Nothing yet; then five profiles, an update, a withdrawal and a new edition: all attacks leave k and more."""
    nothing = await audit(office)
    assert (nothing.ok, nothing.profiles, nothing.risks, nothing.sample) == (True, 0, None, None)
    ids = [await office.queued(at) for at in range(5)]
    await office.release(MONDAY)
    first = await audit(office)
    assert (first.ok, first.profiles, first.living, first.versions, first.exposed) == (True, 5, 5, 5, ())
    counts = {count.attack: count for count in first.counts}
    assert {name: count.tried for name, count in counts.items()} == {
        "linkage": 5, "scope": 5, "rule": 5, "versions": 5, "today": 5, "freshness": 0,
    }  # fmt: skip
    assert {count.smallest for count in first.counts if count.tried} == {counts["rule"].smallest}
    assert (counts["rule"].smallest or 0) >= 8
    assert [(g.attack, g.tried, g.bound) for g in first.guesses] == [("text", 5, 0.4), ("size", 5, 0.4)]
    assert first.risks is not None
    assert first.risks.journalist == 1 / (counts["rule"].smallest or 1)

    await office.draft(0, title="Un altro titolo")
    await office.approve(ids[0], amber_reason="prova")
    await office.publish(ids[0])
    await office.release(MONDAY + dt.timedelta(days=7))
    await office.withdraw(ids[1])
    await office.load(lecce()[:-3], LATER, MONDAY + dt.timedelta(days=8))
    then = await audit(office)
    assert (then.ok, then.profiles, then.living, then.versions, then.edition) == (True, 5, 4, 6, LATER)
    assert {c.attack: c.tried for c in then.counts} == {
        "linkage": 6, "scope": 6, "rule": 6, "versions": 6, "today": 4, "freshness": 0,
    }  # fmt: skip
    assert (then.unexamined, then.outside) == ({}, 0)


async def test_a_block_that_thinned_out_is_told_until_its_profile_is_withdrawn(office: Office) -> None:
    """Four active networks are left: the living profile breaks the bound of today; withdrawn, it breaks none."""
    profile_id = await office.queued()
    await office.release(MONDAY)
    async with office.pool.acquire() as conn:
        register_id = await conn.fetchval("SELECT register_id FROM publication.profile")
        stored = await population.latest_partition(conn)
    assert stored is not None
    built = partition.load(stored.document)
    inside = {row.register_id: built.find(row, load_sectors()) for row in lecce()}
    others = [name for name, block in inside.items() if block == inside[register_id] and name != register_id]
    thinner = [row for row in lecce() if row.register_id not in others[3:]]
    await office.load(thinner, LATER, MONDAY + dt.timedelta(days=8))
    found = await audit(office)
    assert (found.ok, broken(found)) == (False, ["today"])
    assert [(item.profile_id, item.attack, item.candidates, item.living) for item in found.exposed] == [
        (profile_id, "today", 4, True)
    ]
    await office.withdraw(profile_id)
    assert (await audit(office)).ok


async def test_a_profile_that_shows_more_than_its_block_is_told(office: Office) -> None:
    """Somebody bent the published body: its labels single out one network, and are no block's."""
    profile_id = await office.queued()
    await office.release(MONDAY)
    async with office.pool.acquire() as conn:
        raw = await conn.fetchval("SELECT body FROM log.body b JOIN coop.profile USING (origin_id, idx)")
        document = orjson.loads(raw)
        document["labels"]["territory"] = {"level": "COM", "values": ["075035"]}
        document["labels"]["sector"] = {"level": "A6", "values": ["10.41.10"]}
        await conn.execute(
            "UPDATE log.body b SET body = $1 FROM coop.profile c WHERE c.origin_id = b.origin_id AND c.idx = b.idx",
            orjson.dumps(document),
        )
    found = await audit(office)
    assert not found.ok
    assert {"rule", "linkage"} <= set(broken(found))
    assert [item.profile_id for item in found.exposed] == [profile_id]
    assert found.exposed[0].candidates == 0


async def test_a_wide_scope_without_a_group_counts_the_owners_networks_only(pool: Pool, tmp_path: Path) -> None:
    """The same profiles in a scope of three provinces: with a declared group all count, alone only Lecce's."""
    rows = [row for row in national() if row.province in ("LE", "BR", "TA")]
    office = await make_office(pool, rows, tmp_path)
    wide = replace(office.config, privacy=replace(office.config.privacy, scope=("BR", "LE", "TA")))
    office = replace(office, config=wide)
    await office.load(rows, LATER)
    async with pool.acquire() as conn:
        stored = await population.latest_partition(conn)
    assert stored is not None
    built = partition.load(stored.document)
    places: dict[int, set[str]] = {}
    for row in rows:
        if row.active and (block := built.find(row, load_sectors())) is not None:
            places.setdefault(block.block_id, set()).add(row.province)
    profile_ids = []
    for at in range(10):
        try:
            profile_ids.append(await office.queued(at))
        except CallerError as error:
            assert error.code == "block-too-small", error
    await office.release(MONDAY)
    found = await audit(office)
    assert (found.ok, found.living) == (True, len(profile_ids))
    assert {p["node_scope"] for p in (await export(office))["profiles"]} == {"PRO:LE"}
    # A stranger's view of the same documents in which everybody's networks count.
    counts = {count.attack: count.smallest or 0 for count in found.counts}
    assert counts["linkage"] >= counts["scope"] >= 5


async def test_a_nested_partition_of_before_is_read(office: Office) -> None:
    """Profiles may stand on a document of the old form: it attacks and exports like another."""
    async with office.pool.acquire() as conn:
        stored = await population.latest_partition(conn)
        assert stored is not None
        fields = json.loads(stored.document)

        def tree(number: int) -> dict[str, Any]:
            node = fields["nodes"][number]
            return node if "n" in node else {**node, "c": [[keys, tree(child)] for keys, child in node["c"]]}

        old = {name: value for name, value in fields.items() if name not in ("nodes", "group", "first")}
        document = json.dumps({**old, "tree": tree(0)}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        built = partition.load(document.encode())
        assert built.nested
        await conn.execute("UPDATE population.partition SET document = $1, digest = $2", built.document, built.digest)
    await office.queued()
    await office.release(MONDAY)
    found = await audit(office)
    assert (found.ok, found.living) == (True, 1)
    assert len((await export(office))["profiles"]) == 1


async def test_a_profile_whose_version_was_lost_with_a_database_is_still_attacked(office: Office) -> None:
    """After a restore the log knows what the decisions do not: with its private side, and without."""
    first, second = [await office.queued(at) for at in range(2)]
    await office.release(MONDAY)
    async with office.pool.acquire() as conn, unguarded(conn):
        await conn.execute("DELETE FROM publication.decision")
        await conn.execute("DELETE FROM publication.version WHERE profile_id = $1::text::uuid", first)
        await conn.execute("DELETE FROM publication.version WHERE profile_id = $1::text::uuid", second)
        await conn.execute("DELETE FROM publication.profile WHERE profile_id = $1::text::uuid", second)
    found = await audit(office)
    assert (found.ok, found.living, found.versions) == (True, 2, 2)
    assert [g.tried for g in found.guesses] == [1, 1]
    tables = await export(office)
    assert {p["profile_id"] for p in tables["profiles"]} == {first, second}
    assert [row["profile_id"] for row in tables["truth"]] == [first]


async def test_a_new_year_changes_no_outcome(office: Office) -> None:
    """After a rollover bodies stand in another log, under the same versions."""
    await office.queued()
    await office.release(MONDAY)
    before = await export(office)
    await epoch.rollover(office.pool, office.own, 2027, "anna", MONDAY)
    assert await export(office) == before
    assert (await audit(office)).living == 1


async def test_freshness_is_told_when_a_new_network_did_not_wait(office: Office) -> None:
    """A network registered since the edition before leaves with a deferral; had it not waited, the audit would say so."""
    async with office.pool.acquire() as conn:
        own = await conn.fetchval(
            "SELECT register_id FROM registry.network WHERE network_id::text = $1", office.networks[0]
        )
    day = dt.date(2025, 3, 1)
    await office.load([r if r.register_id != own else replace(r, registered_on=day) for r in lecce()], LATER)
    async with office.pool.acquire() as conn:
        # The private row goes with the register's new word.
        await conn.execute("UPDATE population.network SET registered_on = $2 WHERE register_id = $1", own, day)
    await office.queued()
    await office.release(MONDAY + dt.timedelta(days=60))
    found = await audit(office)
    counts = {count.attack: count for count in found.counts}
    assert (found.ok, counts["freshness"].tried) == (True, 1)
    assert (counts["freshness"].smallest or 0) >= 5
    async with office.pool.acquire() as conn, unguarded(conn):
        await conn.execute("UPDATE publication.profile SET deferred_until = NULL")
    found = await audit(office)
    assert broken(found) == ["freshness"]


async def test_an_order_of_work_in_the_log_is_told(office: Office) -> None:
    """Ten profiles in one round, as shuffled: no order. Put into the order in which they were begun, often enough: told."""
    for at in range(10):
        await office.queued(at)
    await office.release(MONDAY)
    assert not (await audit(office)).order.broken
    async with office.pool.acquire() as conn, unguarded(conn):
        await conn.execute(
            "WITH placed AS (SELECT profile_id, row_number() OVER (ORDER BY register_id) AS place FROM publication.profile)"
            " UPDATE publication.version v SET log_idx = 1000 + p.place FROM placed p WHERE p.profile_id = v.profile_id"
        )
        await conn.execute(
            "UPDATE log.item i SET last_idx = v.log_idx FROM publication.version v WHERE v.profile_id = i.item_id"
        )
        for table in ("coop.profile", "log.body"):
            # What stands is read at its own place.
            await conn.execute(f"DELETE FROM {table}")
    found = (await audit(office)).order
    assert (found.tried, found.follows) == (45, "register-id")
    assert found.deviations == pytest.approx(45 / (10 * 9 * 25 / 18) ** 0.5)


async def test_texts_that_point_at_their_network_are_told(office: Office) -> None:
    """Honest texts do not; texts that repeat the public object do, profile by profile and as a share."""
    for at in range(10):
        await office.queued(at)
    await office.release(MONDAY)
    found = await audit(office)
    assert (found.recognised, broken(found)) == ((), [])
    async with office.pool.acquire() as conn:
        rows = await conn.fetch(
            "SELECT c.origin_id, c.idx, b.body, n.object_text FROM coop.profile c JOIN log.body b USING (origin_id, idx)"
            " JOIN publication.profile p ON p.profile_id = c.profile_id JOIN population.network n USING (register_id)"
        )
        for row in rows:
            document = orjson.loads(row["body"]) | {"description": {"it": row["object_text"][:4000]}}
            await conn.execute(
                "UPDATE log.body SET body = $3 WHERE origin_id = $1 AND idx = $2",
                row["origin_id"], row["idx"], orjson.dumps(document),
            )  # fmt: skip
    found = await audit(office)
    assert "text" in broken(found)
    assert len(found.recognised) >= 8


async def test_what_a_whole_block_says_is_told(office: Office) -> None:
    """Two profiles of one block: the node withholds what both say; shown all the same, the audit tells."""
    ids = [await office.queued(at) for at in range(10)]
    await office.release(MONDAY)
    assert (await audit(office)).alike == ()
    async with office.pool.acquire() as conn:
        block = await conn.fetchval(
            "SELECT block_id FROM publication.profile GROUP BY block_id HAVING count(*) > 1 LIMIT 1"
        )
        assert block is not None, "the office has two networks in one block"
        await conn.execute(
            """
            UPDATE log.body b
            SET body = convert_to(jsonb_set(convert_from(b.body, 'UTF8')::jsonb, '{themes}', '["energy"]')::text, 'UTF8')
            FROM coop.profile c JOIN publication.profile p USING (profile_id)
            WHERE c.origin_id = b.origin_id AND c.idx = b.idx AND p.block_id = $1
            """,
            block,
        )
        expected = {
            str(row["profile_id"])
            for row in await conn.fetch("SELECT profile_id FROM publication.profile WHERE block_id = $1", block)
        }
    found = await audit(office)
    assert set(found.alike) == expected < set(ids)


async def test_the_federation_is_counted_by_what_it_shows(server: str, tmp_path: Path) -> None:
    """Without the other's edition its profiles are not examined; with it they are, with nothing of its private side."""
    async with two_offices(server, tmp_path) as (_, office, other):
        for at in range(4):
            await office.queued(at)
        await office.release(NOW)
        await other.sync()
        await load(other, lecce()[:-1], LATER)
        alone = await privacy.audit(other.node.pool, other.node.config, NOW)
        assert (alone.ok, alone.profiles) == (True, 0)
        blind = await privacy.audit(other.node.pool, other.node.config, NOW, federation=True)
        assert (blind.profiles, blind.unexamined) == (0, {("anna", "edition-missing"): 4})
        await load(other, lecce()[:-2])
        differs = await privacy.audit(other.node.pool, other.node.config, NOW, federation=True)
        assert differs.unexamined == {("anna", "edition-differs"): 4}
        async with other.node.pool.acquire() as conn:
            await conn.execute("DELETE FROM population.partition")
            await conn.execute("DELETE FROM population.snapshot")
        await load(other, lecce())
        seen = await privacy.audit(other.node.pool, other.node.config, NOW, federation=True)
        assert (seen.ok, seen.profiles, seen.unexamined) == (True, 4, {})
        assert [g.tried for g in seen.guesses] == [0, 0]
        assert min(count.smallest for count in seen.counts if count.smallest is not None) >= 8


async def test_the_tables_are_what_was_published_and_what_is_public(office: Office) -> None:
    """Columns, forms of values, one row per version, labels of every row in scope, the truth apart."""
    ids = [await office.queued(at) for at in range(3)]
    await office.release(MONDAY)
    await office.draft(0, title="Un altro titolo, di due righe\ne di una virgola")
    await office.approve(ids[0], amber_reason="prova")
    await office.publish(ids[0])
    await office.release(MONDAY + dt.timedelta(days=7))
    await office.withdraw(ids[1])
    await office.load(lecce()[:-3], LATER)
    tables = await export(office)
    assert list(tables["population"][0]) == (
        ["pop_id", "snapshot", "comune", "prov", "reg", "rip", "ateco", "anno", "n_imprese", "tema", "testo"]
    )
    assert list(tables["profiles"][0]) == [
        "profile_id", "version", "snapshot", "node_scope", "terr", "sett", "periodo", "taglia", "tema", "sensibile", "testo",
    ]  # fmt: skip
    assert list(tables["labels"][0]) == ["snapshot", "pop_id", "terr", "sett", "periodo", "taglia", "tema"]
    assert list(tables["truth"][0]) == ["profile_id", "pop_id"]

    active = [row for row in lecce() if row.active]
    newer = [row for row in lecce()[:-3] if row.active]
    assert [row["snapshot"] for row in tables["population"]] == ["0"] * len(active) + ["1"] * len(newer)
    assert [row["snapshot"] for row in tables["labels"]] == ["0"] * len(active) + ["1"] * len(newer)
    assert {(row["prov"], row["reg"], row["rip"]) for row in tables["population"]} == {("LE", "ITF4", "ITF")}

    profiles = {(row["profile_id"], row["version"]): row for row in tables["profiles"]}
    assert sorted(profiles) == sorted([(ids[0], "1"), (ids[0], "2"), (ids[1], "1"), (ids[2], "1")])
    assert [(row["profile_id"], row["version"]) for row in tables["profiles"]] == sorted(profiles)
    assert {row["node_scope"] for row in profiles.values()} == {"PRO:LE"}
    assert {row["snapshot"] for row in profiles.values()} == {"0"}
    assert {row["profile_id"] for row in tables["truth"]} == set(ids)
    assert profiles[ids[0], "2"]["testo"].startswith("Un altro titolo, di due righe e di una virgola")
    assert profiles[ids[0], "1"]["testo"] == profiles[ids[1], "1"]["testo"] == ""
    names = ("terr", "sett", "periodo", "taglia", "tema")
    assert [profiles[ids[0], "1"][n] for n in names] == [profiles[ids[0], "2"][n] for n in names]


async def test_a_stranger_links_by_the_tables_alone(office: Office) -> None:
    """The pre-image by labels is the candidates by comparing values with the population, and holds the truth, in 5 or more."""
    for at in range(10):
        await office.queued(at)
    await office.release(MONDAY)
    tables = await export(office)
    truth = {row["profile_id"]: row["pop_id"] for row in tables["truth"]}
    columns = {"COM": "comune", "PRO": "prov", "REG": "reg", "RIP": "rip", "T": "tema", "A6": "ateco"}

    def true_of(name: str, label: str, row: dict[str, str]) -> bool:
        if label == "*":
            return True
        if name == "periodo":
            return row["anno"] in label.split("|")
        if name == "taglia":
            members = int(row["n_imprese"])
            return ("2-3" if members < 4 else "4-9" if members < 10 else "10+") in label.split("|")
        level, _, values = label.partition(":")
        assert level in LEVELS[name], label
        if level == "A2":
            return row["ateco"][:2] in values.split("|")
        if level == "SEZ":
            return load_sectors().ancestors(row["ateco"])[-2] in values.split("|")
        return row[columns[level]] in values.split("|")

    names = ("terr", "sett", "periodo", "taglia", "tema")
    for shown in tables["profiles"]:
        preimage = {
            row["pop_id"]
            for row in tables["labels"]
            if row["snapshot"] == shown["snapshot"] and all(row[name] == shown[name] for name in names)
        }
        linked = {row["pop_id"] for row in tables["population"] if all(true_of(n, shown[n], row) for n in names)}
        assert truth[shown["profile_id"]] in preimage == linked
        assert len(preimage) >= 8


async def test_homonyms_are_told_apart_in_both_tables(office: Office) -> None:
    """Two Castros: the name with its province, the same in the population and in a label; a scope by its level."""
    names = privacy_export._Names(load_territories())
    two = {m.istat: m.province for m in load_territories().municipalities if m.name == "Castro"}
    assert {names.municipality(istat) for istat in two} == {f"Castro ({province})" for province in two.values()}
    assert (names.municipality("075035"), names.municipality("?"), names.municipality("")) == ("Lecce", "?", "?")


async def test_two_partitions_of_one_edition_are_two_snapshots(office: Office) -> None:
    """The scope was widened without a new edition: each profile's snapshot has the labels of its own partition."""
    first = await office.queued(0)
    await office.release(MONDAY)
    wide = replace(office.config, privacy=replace(office.config.privacy, k_build=20))
    office = replace(office, config=wide)
    await office.load(lecce(), SNAPSHOT)
    second = await office.queued(1)
    await office.release(MONDAY + dt.timedelta(days=7))
    tables = await export(office)
    assert {row["profile_id"]: row["snapshot"] for row in tables["profiles"]} == {first: "0", second: "1"}
    for shown in tables["profiles"]:
        same = [
            row for row in tables["labels"]
            if row["snapshot"] == shown["snapshot"] and (row["terr"], row["sett"]) == (shown["terr"], shown["sett"])
        ]  # fmt: skip
        assert same
    assert {row["snapshot"] for row in tables["population"]} == {"0", "1"}


async def test_whole_files_are_there_whole_or_not_at_all(tmp_path: Path) -> None:
    """Secret from the first byte, never over what is there, all of them or none."""
    folder = tmp_path / "out"
    folder.mkdir()
    files = [WholeFile(folder / "a.csv", b"a"), WholeFile(folder / "b.csv", b"b", SECRET)]
    await asyncio.to_thread(whole_file.write, files, replace=False)
    assert {p.name for p in folder.iterdir()} == {"a.csv", "b.csv"}
    assert (folder / "b.csv").stat().st_mode & 0o777 == 0o600
    for bad, code in (
        ([files[0]], "file-exists"),
        ([WholeFile(folder / "c.csv", b"c"), files[1]], "file-exists"),
        ([WholeFile(folder / "c.csv", b"c"), WholeFile(folder / "c.csv", b"d")], "file-twice"),
        ([WholeFile(folder, b"c")], "file-is-folder"),
    ):
        with pytest.raises(CallerError) as caught:
            whole_file.write(bad, replace=False)
        assert caught.value.code == code
    with pytest.raises(OSError, match="missing"):
        whole_file.write(
            [WholeFile(folder / "c.csv", b"c"), WholeFile(folder / "missing" / "d.csv", b"d")], replace=False
        )
    assert {p.name for p in folder.iterdir()} == {"a.csv", "b.csv"}
    whole_file.write([WholeFile(folder / "a.csv", b"new", SECRET)], replace=True)
    assert ((folder / "a.csv").read_bytes(), (folder / "a.csv").stat().st_mode & 0o777) == (b"new", 0o600)
