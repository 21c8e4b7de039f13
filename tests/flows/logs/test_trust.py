"""Four nodes that trust nobody: relays, witnesses, split views, restored copies, receipts, epochs; over real HTTP and databases."""

from __future__ import annotations

import asyncio
import datetime as dt
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from node import runtime
from node.errors import CallerError, LogStateError
from node.flows.logs import accuse, announce, epoch, recover
from node.flows.logs.append import Operation
from node.protocol import heads, inconsistency, keys, limits, merkle, note, tlog_proof
from node.protocol.checkpoint import Checkpoint
from node.store import evidence, highwater, origins, own_log
from node.store import witness as witnesses
from tests.conftest import dsn_of
from tests.federation_made import Clock, Town, federation

CHECKER = Path(__file__).resolve().parents[2] / "check_inconsistency.py"
LECCE, TORINO, CAMERA, LAZIO = range(4)
IDS = ("p_LE", "cmto", "cciaa_le", "bic-lazio")


@pytest.fixture
def clock() -> Clock:
    """The federation's time."""
    return Clock()


@pytest.fixture
async def towns(server: str, tmp_path: Path, clock: Clock) -> AsyncIterator[list[Town]]:
    """Lecce, Torino, the Chamber of Lecce and BIC Lazio, all serving."""
    async with federation(server, tmp_path, clock, IDS) as made:
        yield made


async def spread(towns: list[Town]) -> None:
    """Let everybody announce and hear one round."""
    for town in towns:
        if town.runner is not None:
            await town.announce()
    for town in towns:
        if town.runner is not None:
            await town.gossip()


async def test_one_round_brings_everything_to_everybody(towns: list[Town]) -> None:
    """Four nodes publish; after one round each finds all profiles, and an idle round is three requests a node."""
    for count, town in enumerate(towns, 1):
        await town.publish(count)
    await spread(towns)
    assert [await town.known() for town in towns] == [10] * 4
    await spread(towns)
    quiet = [await town.gossip() for town in towns]
    assert [(done.asked, done.answered, done.bytes_in, done.reports) for done in quiet] == [(3, 3, 0, [])] * 4


async def test_a_withdrawal_reaches_everyone_though_its_node_went_down(towns: list[Town]) -> None:
    """Lecce withdraws, one node hears of it, Lecce goes down: the others learn it from that node's mirror."""
    lecce, torino, camera, lazio = towns
    secret, _ = await lecce.publish(2, title={"it": "Titolo da dimenticare"})
    await spread(towns)
    assert "dimenticare" in await lazio.everything()
    await lecce.withdraw(secret)
    await camera.sync(owner="p_LE")
    await lecce.stop()
    rounds = [await torino.gossip(), await lazio.gossip()]
    for town, done in zip((torino, lazio), rounds, strict=True):
        (report,) = done.reports
        # Torino has it from the Chamber, BIC Lazio from either, since whoever has verified it relays it.
        assert (report.owner, report.entries) == ("p_LE", 1)
        assert report.relay in ("cciaa_le", "cmto")
        assert (await town.origin("p_LE")).relay == report.relay
        assert await town.known() == 1


async def test_what_is_withdrawn_is_in_no_table_of_either_node(towns: list[Town]) -> None:
    """Lecce withdraws, Torino syncs: gone from Torino's search; title, body and salt in no table of Lecce or Torino."""
    lecce, torino, *_ = towns
    gone, stays = await lecce.publish(2, title={"it": "Titolo da dimenticare"})
    await lecce.publish(1, title={"it": "Titolo che resta"})
    await torino.sync(owner="p_LE")
    async with lecce.node.pool.acquire() as conn:
        rows = await conn.fetch("SELECT salt, body FROM log.body ORDER BY idx LIMIT 2")
    secrets = [row[part].hex() for row in rows for part in ("salt", "body")] + ["dimenticare"]
    for town in (lecce, torino):
        before = await town.everything()
        assert all(secret in before for secret in secrets)
    for profile_id in (gone, stays):
        await lecce.withdraw(profile_id)
    (report,) = await torino.sync(owner="p_LE")
    assert (report.error_code, report.entries) == (None, 2)
    for town in (lecce, torino):
        after = await town.everything()
        assert [secret[:40] for secret in secrets if secret in after] == []
        assert "che resta" in after
    url = f"http://127.0.0.1:{torino.port}/api/v1/profiles"
    async with torino.session.get(url, params={"q": "titolo"}) as response:
        assert [hit["title"] for hit in (await response.json())["hits"]] == ["Titolo che resta"]
    async with torino.session.get(f"{url}/{gone}") as response:
        assert response.status == 404


async def test_a_new_node_gets_a_dead_node_s_log_from_mirrors(towns: list[Town], clock: Clock) -> None:
    """Entries and bodies of a log whose node is down come whole from those who mirror it, and the row says why."""
    lecce, torino, camera, lazio = towns
    await lecce.publish(300)
    await lecce.announce()
    for town in (torino, camera):
        await town.gossip()
    await lecce.stop()
    report = next(r for r in await lazio.sync(owner="p_LE"))
    assert (report.entries, report.bodies, report.error_code) == (300, 300, "road-refused")
    assert report.relay in ("cmto", "cciaa_le")
    origin = await lazio.origin("p_LE")
    assert (origin.state, origin.checkpoint_size, origin.error_code) == ("waiting", 300, "road-refused")
    assert origin.confirmed_at == clock.now


async def test_a_lying_relay_is_passed_over(towns: list[Town]) -> None:
    """A mirror whose entries do not give the signed root is left for another; nobody is accused of what it did."""
    lecce, torino, camera, lazio = towns
    await lecce.publish(5)
    for town in (torino, camera):
        await town.gossip()
    await lecce.stop()
    async with torino.node.pool.acquire() as conn:
        await conn.execute("UPDATE log.entry SET entry = entry || ' ' WHERE idx = 3")
    reports = [r for r in await lazio.sync(owner="p_LE") if r.owner == "p_LE"]
    assert reports[0].entries == 5
    assert reports[0].relay == "cciaa_le"
    assert (await lazio.origin("p_LE")).state == "waiting"


async def test_witnesses_vouch_and_everybody_sees_since_when(towns: list[Town], clock: Clock) -> None:
    """Three witnesses cosign, the checkpoint carries their lines, and a quorum's time stands on every copy."""
    lecce, torino, *_ = towns
    await lecce.publish(3)
    done = await lecce.announce()
    assert done.cosigned == ("bic-lazio", "cciaa_le", "cmto")
    assert done.hinted == 3
    await torino.gossip()
    copy = await torino.origin("p_LE")
    assert (copy.witnessed_size, copy.witnessed_at, copy.cosigned_at) == (3, clock.now, clock.now)
    assert (await lecce.origin("p_LE")).witnessed_at == clock.now
    again = await lecce.announce()
    assert (again.cosigned, again.hinted) == ((), 0)
    clock.forward(hours=7)
    assert len((await lecce.announce()).cosigned) == 3
    await torino.gossip()
    assert (await torino.origin("p_LE")).witnessed_at == clock.now


async def test_too_few_witnesses_are_shown_and_block_nothing(towns: list[Town], clock: Clock) -> None:
    """With two of three witnesses down the log goes on, unwitnessed; a dead witness is not asked at every turn."""
    lecce, torino, camera, lazio = towns
    await camera.stop()
    await lazio.stop()
    await lecce.publish(1)
    assert (await lecce.announce()).cosigned == ("cmto",)
    await torino.gossip()
    copy = await torino.origin("p_LE")
    assert (copy.size, copy.witnessed_size, copy.witnessed_at, copy.cosigned_at) == (1, 0, None, clock.now)
    before = dict(lecce.announced.retry_at)
    assert set(before) == {"cciaa_le", "bic-lazio"}
    await lecce.announce()
    assert lecce.announced.retry_at == before
    await camera.start()
    clock.forward(hours=1, minutes=30)
    assert (await lecce.announce()).cosigned == ("cciaa_le",)
    await torino.gossip()
    assert (await torino.origin("p_LE")).witnessed_size == 1


async def fork(towns: list[Town]) -> Checkpoint:
    """Lecce shows Torino one third entry, and everybody else another."""
    lecce, torino, *_ = towns
    await lecce.publish(2)
    await spread(towns)
    saved = await save(lecce)
    await lecce.publish(1, title={"it": "Una storia"})
    await torino.sync(owner="p_LE")
    await restore(lecce, saved)
    await lecce.publish(1, title={"it": "Un'altra storia"})
    async with lecce.node.pool.acquire() as conn:
        signed = await own_log.signed_latest(conn, lecce.node.own.origin_id)
    assert signed is not None
    return Checkpoint(lecce.node.own.origin, signed.size, signed.root)


async def save(town: Town) -> dict[str, list[tuple[object, ...]]]:
    """A copy of the own log's tables, as an evil administrator would make one."""
    tables = ("log.entry", "log.item", "log.body", "log.signed", "coop.profile", "log.origin")
    async with town.node.pool.acquire() as conn:
        return {
            table: [tuple(row.values()) for row in await conn.fetch(f"SELECT * FROM {table} WHERE origin_id = $1", town.node.own.origin_id)]
            for table in tables
        }  # fmt: skip


async def restore(town: Town, saved: dict[str, list[tuple[object, ...]]]) -> None:
    """Put the copy back, and the high-water mark with it: the fence is to be got around."""
    own = town.node.own
    async with town.node.pool.acquire() as conn:
        for table in ("coop.profile", "log.body", "log.entry", "log.item", "log.signed"):
            await conn.execute(f"DELETE FROM {table} WHERE origin_id = $1", own.origin_id)
        columns = [r["column_name"] for r in await conn.fetch(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'log' AND table_name = 'origin' ORDER BY ordinal_position"
        )]  # fmt: skip
        row = dict(zip(columns, saved["log.origin"][0], strict=True))
        await conn.execute(
            "UPDATE log.origin SET size = $2, root = $3, range_hashes = $4 WHERE origin_id = $1",
            own.origin_id, row["size"], row["root"], row["range_hashes"],
        )  # fmt: skip
        for table in ("log.entry", "log.item", "log.body", "log.signed"):
            schema, name = table.split(".")
            await conn.copy_records_to_table(name, schema_name=schema, records=saved[table])
    own.mark.unlink(missing_ok=True)


async def test_a_split_view_is_proved_at_every_peer_within_one_round(towns: list[Town], tmp_path: Path) -> None:
    """Two views of one log meet: every peer holds a proof that a stranger's program accepts, and follows no more."""
    lecce, *others = towns
    await fork(towns)
    for town in others:
        await town.gossip()
    for town in others:
        assert (await town.origin("p_LE")).state == "quarantined"
        async with town.node.pool.acquire() as conn:
            documents = await evidence.evidence(conn)
        assert len(documents) >= 1
        claim = inconsistency.parse(documents[0])
        old, new = inconsistency.verify(claim, [lecce.verifier])
        assert (old.size, new.size) == (3, 3)
        async with town.session.get(f"http://127.0.0.1:{town.port}/federation/proofs") as response:
            shown = inconsistency.parse_list(await response.read())
        assert [inconsistency.digest(item) for item in shown] == [inconsistency.digest(claim)]
        vkey = keys.format_vkey(lecce.node.own.origin, lecce.verifier.public)
        (tmp_path / "proof.json").write_bytes(documents[0])
        checker = await asyncio.create_subprocess_exec(sys.executable, CHECKER, tmp_path / "proof.json", vkey)
        assert await checker.wait() == 0
        # What was held stays searchable, and is no longer relayed.
        assert await town.known() >= 2
        async with town.session.get(f"http://127.0.0.1:{town.port}/federation/heads") as response:
            assert lecce.node.own.origin not in {item.origin for item in heads.parse(await response.read())}


async def test_a_fork_of_different_lengths_is_proved_from_tiles(towns: list[Town]) -> None:
    """When one view is longer, the proof is a path of the longer tree that does not lead to the shorter's root."""
    lecce, torino, camera, _ = towns
    await fork(towns)
    await lecce.publish(4)
    await camera.sync(owner="p_LE")
    report = (await torino.sync(owner="p_LE"))[0]
    assert report.error_code == evidence.INCONSISTENT
    claim = report.contradiction
    assert claim is not None
    old, new = inconsistency.verify(claim, [lecce.verifier])
    assert (old.size, new.size, bool(claim.proof)) == (3, 7, True)
    for town in (torino, camera):
        assert (await town.origin("p_LE")).state == "quarantined"


async def test_an_accused_log_is_followed_again_only_by_decision(towns: list[Town], clock: Clock) -> None:
    """A quarantined log is not pulled; an administrator releases it with a reason, and the same proof accuses no more."""
    _, torino, camera, _ = towns
    await fork(towns)
    await camera.sync(owner="p_LE")
    await torino.gossip()
    assert await torino.sync(owner="p_LE") == []
    origin = await torino.origin("p_LE")
    await accuse.release(torino.node.pool, origin, "anna", "chiarito per telefono", clock.now, forget=True)
    (report,) = await torino.sync(owner="p_LE")
    assert (report.error_code, report.entries) == (None, 3)
    async with torino.node.pool.acquire() as conn:
        (proof,) = await evidence.evidence_of(conn, origin.origin_id)
        ruling = await conn.fetchrow("SELECT action, officer, reason FROM log.ruling")
    assert proof[3] == clock.now
    assert tuple(ruling) == ("forgotten", "anna", "chiarito per telefono")
    assert await accuse.quarantine(torino.node.pool, inconsistency.parse(proof[1]), clock.now) is False
    assert (await torino.origin("p_LE")).state == "ready"


async def test_slander_is_refused(towns: list[Town], clock: Clock) -> None:
    """A claim that proves nothing changes nothing: two heads of one honest history, or one signed by somebody else."""
    lecce, torino, *_ = towns
    await lecce.publish(2)
    async with lecce.node.pool.acquire() as conn:
        first = await own_log.signed_latest(conn, lecce.node.own.origin_id)
    await lecce.publish(1)
    async with lecce.node.pool.acquire() as conn:
        second = await own_log.signed_latest(conn, lecce.node.own.origin_id)
    assert first is not None
    assert second is not None
    claim = inconsistency.Inconsistency(lecce.node.own.origin, first.note, second.note, (merkle.EMPTY_ROOT,) * 2)
    url = f"http://127.0.0.1:{torino.port}/federation/proofs"
    headers = {"Content-Type": "application/json"}
    for body, expected in (
        (inconsistency.encode(claim), (422, "inconsistency-unproven")),
        (b"{}", (400, "inconsistency-malformed")),
        (b"[" * 5000, (400, "inconsistency-malformed")),
    ):
        async with torino.session.post(url, data=body, headers=headers) as response:
            document = await response.json(content_type="application/problem+json")
            assert (response.status, document["code"]) == expected
    assert (await torino.origin("p_LE")).state != "quarantined"


async def test_a_restored_database_never_signs_a_second_history(
    towns: list[Town], server: str, tmp_path: Path, clock: Clock
) -> None:
    """Dump, go on, restore: the node is fenced, takes its own entries and bodies back from mirrors, then works again."""
    lecce, torino, *_ = towns
    kept = await lecce.publish(3)
    await spread(towns)
    name = database_of(lecce)
    await clone(server, name, "copia")
    later = await lecce.publish(2)
    await lecce.withdraw(kept[0])
    await spread(towns)
    await lecce.node.pool.expire_connections()
    await replace(server, name, "copia")
    with pytest.raises(LogStateError, match="log-fenced"):
        await lecce.publish(1)
    verdict = await lecce.settle()
    assert (verdict.state, verdict.here, verdict.doubt) == (recover.WHOLE, 6, None)
    assert await lecce.known() == 4
    everything = await lecce.everything()
    assert all(item in everything for item in later)
    await lecce.publish(1)
    await spread(towns)
    assert {await town.known() for town in towns} == {5}
    assert (await torino.origin("p_LE")).state == "ready"


def database_of(town: Town) -> str:
    """The name of a node's database."""
    return town.node.dsn.partition("?")[0].rsplit("/", 1)[1]


async def clone(server: str, name: str, copy: str) -> None:
    """Make a copy of a database, as a dump and restore would."""
    admin = await asyncpg.connect(dsn_of(server, "postgres"))
    try:
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()",
            name,
        )
        await admin.execute(f'DROP DATABASE IF EXISTS "{copy}" WITH (FORCE)')
        await admin.execute(f'CREATE DATABASE "{copy}" TEMPLATE "{name}"')
    finally:
        await admin.close()


async def replace(server: str, name: str, copy: str) -> None:
    """Put the copy in the place of the database."""
    admin = await asyncpg.connect(dsn_of(server, "postgres"))
    try:
        await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        await admin.execute(f'ALTER DATABASE "{copy}" RENAME TO "{name}"')
    finally:
        await admin.close()


async def test_a_machine_restored_with_its_mark_is_found_out_by_the_others(towns: list[Town], server: str) -> None:
    """When the home comes from the same copy, nothing local tells: the witnesses do, before anything is signed."""
    lecce, *_ = towns
    await lecce.publish(2)
    await spread(towns)
    name = database_of(lecce)
    await clone(server, name, "copia_due")
    shutil.copy(lecce.node.own.mark, lecce.home / "mark.copy")
    await lecce.publish(1)
    await lecce.announce()
    await towns[TORINO].sync(owner="p_LE")
    await lecce.node.pool.expire_connections()
    await replace(server, name, "copia_due")
    shutil.copy(lecce.home / "mark.copy", lecce.node.own.mark)
    async with lecce.node.pool.acquire() as conn:
        assert (await own_log.current(conn)).size == 2  # type: ignore[union-attr]
    verdict = await recover.check(lecce.syncer, lecce.node.own)
    assert (verdict.state, verdict.here, verdict.there) == (recover.BEHIND, 2, 3)
    assert (await lecce.settle()).here == 3
    mark = highwater.read(lecce.node.own.mark)
    assert mark is not None
    assert mark.size == 3


async def test_a_signature_that_only_one_member_has_is_waited_for(towns: list[Town], server: str) -> None:
    """It is away while all others answer: the mark tells that something was signed which they lack, and nothing is signed anew before it is back."""
    lecce, torino, *others = towns
    await lecce.publish(2)
    await spread(towns)
    name = database_of(lecce)
    await clone(server, name, "copia_tre")
    for town in others:
        await town.stop()
    await lecce.publish(1)
    await torino.sync(owner="p_LE")
    await torino.stop()
    for town in others:
        await town.start()
    await lecce.node.pool.expire_connections()
    await replace(server, name, "copia_tre")
    verdict = await recover.check(lecce.syncer, lecce.node.own)
    assert (verdict.state, verdict.missing) == (recover.UNHEARD, True)
    assert verdict.heard >= 2
    with pytest.raises(LogStateError, match="log-fenced") as refused:
        await lecce.settle()
    assert "tutti i nodi" in str(refused.value.render()[2])
    with pytest.raises(LogStateError, match="log-fenced"):
        await lecce.publish(1)
    await torino.start()
    assert (await lecce.settle()).here == 3
    await lecce.publish(1)
    await spread(towns)
    assert {await town.known() for town in towns} == {4}
    assert (await torino.origin("p_LE")).state == "ready"


async def test_a_witness_that_has_seen_more_fences_the_log_until_it_is_settled(
    towns: list[Town], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next turn asks the others, and opens the fence where all is here after all; a log that is ready is left alone."""
    lecce, *_ = towns
    await lecce.publish(1)
    await spread(towns)
    node, own = lecce.node, await runtime.current_own(lecce.node)
    assert await recover.settle_if_fenced(lecce.syncer, own) is None

    async def seen_more(*_: object) -> announce.Announced:
        raise LogStateError("log-fenced", "un testimone ha visto {there} voci", there=9)

    with monkeypatch.context() as patched, pytest.raises(LogStateError, match="log-fenced"):
        patched.setattr(announce, "announce", seen_more)
        await announce.sign_and_announce(node.pool, lecce.session, own, node.membership, node.clock, announce.Memory())
    fenced = await lecce.origin("p_LE")
    assert (fenced.state, fenced.error_text) == ("fenced", "un testimone ha visto 9 voci")
    settled = await recover.settle_if_fenced(lecce.syncer, own)
    assert settled is not None
    assert settled.state == recover.WHOLE
    assert (await lecce.origin("p_LE")).state == "ready"


async def test_without_voices_a_doubt_stays_a_fence_until_an_administrator_decides(
    towns: list[Town], clock: Clock
) -> None:
    """Another server and nobody to ask: no signature. A word with a reason opens the fence, unless the mark itself forbids it."""
    lecce, *others = towns
    await lecce.publish(1)
    for town in others:
        await town.stop()
    async with lecce.node.pool.acquire() as conn:
        await conn.execute("UPDATE ops.fence SET system_id = 'another'")
    with pytest.raises(LogStateError, match="log-fenced"):
        await lecce.settle()
    assert (await lecce.origin("p_LE")).state == "fenced"
    with pytest.raises(LogStateError, match="log-fenced"):
        await lecce.publish(1)
    mark = lecce.node.own.mark.read_bytes()
    known = highwater.read(lecce.node.own.mark)
    assert known is not None
    # More entries than here, and as many with another history: both are proof, and no word stands against proof.
    for size in (99, known.size):
        lecce.node.own.mark.unlink()
        highwater.write(lecce.node.own.mark, highwater.Mark(known.origin, size, bytes(32)))
        with pytest.raises(LogStateError, match="log-fenced"):
            await recover.confirm(lecce.node.pool, lecce.node.own, "anna", "nuovo server", clock.now)
        assert highwater.read(lecce.node.own.mark) == highwater.Mark(known.origin, size, bytes(32))
    lecce.node.own.mark.write_bytes(mark)
    with pytest.raises(CallerError, match="officer-name-bad"):
        await recover.confirm(lecce.node.pool, lecce.node.own, "an\u200bna", "nuovo server", clock.now)
    await recover.confirm(lecce.node.pool, lecce.node.own, "anna", "nuovo server", clock.now)
    await lecce.publish(1)
    assert (await lecce.origin("p_LE")).state == "ready"


async def test_receipts_tell_who_has_erased(towns: list[Town]) -> None:
    """A withdrawal is confirmed by each member's mirror cosignature over a head past it, and by nobody who is down."""
    lecce, torino, camera, lazio = towns
    gone, _ = await lecce.publish(2)
    await spread(towns)
    await lazio.stop()
    await lecce.withdraw(gone)
    for town in (torino, camera):
        await town.sync(owner="p_LE")
    await lecce.gossip()
    async with lecce.node.pool.acquire() as conn:
        receipts = {r.member: r.size for r in await witnesses.receipts(conn, lecce.node.own.origin_id)}
        kept = {r.member: r.note for r in await witnesses.receipts(conn, lecce.node.own.origin_id)}
    # What BIC Lazio confirmed before it went down may have been heard or not; the withdrawal it has not.
    assert {member: size for member, size in receipts.items() if size >= 3} == {"cmto": 3, "cciaa_le": 3}
    (verifier,) = torino.node.membership.members["cmto"].mirror
    parsed = note.parse(kept["cmto"])
    assert any(line.name == verifier.name for line in parsed.signatures)
    assert tlog_proof.signed_checkpoint(kept["cmto"], [lecce.verifier]).size == 3


async def test_a_new_epoch_carries_the_living_and_ends_the_old(towns: list[Town], clock: Clock) -> None:
    """Rollover: the new log holds the live profiles under their ids; peers follow it by themselves and freeze the old one."""
    lecce, torino, *_ = towns
    gone, *alive = await lecce.publish(4)
    await lecce.withdraw(gone)
    await spread(towns)
    clock.forward(days=60)
    with pytest.raises(CallerError, match="officer-name-bad"):
        await epoch.rollover(lecce.node.pool, lecce.node.own, 2027, "an\u200bna", clock.now)
    begun = await epoch.rollover(lecce.node.pool, lecce.node.own, 2027, "anna", clock.now)
    assert begun.origin.endswith("/2027")
    # A server that was started before tells of the log that is written now.
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{lecce.port}/status") as reply:
        assert (await reply.json())["log"] == {"origin": begun.origin, "size": 3}
    assert await lecce.known() == 3
    await spread(towns)
    await spread(towns)
    assert [await town.known() for town in towns] == [3] * 4
    async with torino.node.pool.acquire() as conn:
        rows = {o.origin[-4:]: o for o in await origins.list_origins(conn, "p_LE")}
        ids = {str(row["profile_id"]) for row in await conn.fetch("SELECT profile_id FROM coop.profile")}
    assert (rows["2026"].state, rows["2027"].state, rows["2027"].size) == ("frozen", "ready", 3)
    assert ids == set(alive)
    await lecce.publish(1)
    with pytest.raises(CallerError, match="epoch-not-later"):
        await epoch.rollover(lecce.node.pool, begun, 2027, "anna", clock.now)
    base = f"http://127.0.0.1:{lecce.port}/federation/log/2026"
    async with lecce.session.get(f"{base}/tile/entries/000.p/5") as response:
        assert response.status == 200
    clock.forward(days=800)
    assert await epoch.prune(lecce.node.pool, dt.timedelta(days=730), clock.now) == [lecce.node.own.origin]
    async with lecce.session.get(f"{base}/checkpoint") as response:
        assert (response.status, (await response.json(content_type=None))["code"]) == (410, "epoch-gone")


async def test_a_far_head_comes_in_slices_and_goes_on_where_it_was_cut(
    towns: list[Town], monkeypatch: pytest.MonkeyPatch
) -> None:
    """More entries than one commit takes: each slice is proved alone; a cut pull keeps what it has and resumes there."""
    monkeypatch.setattr(limits, "EXTEND_MAX_ENTRIES", 500)
    monkeypatch.setattr("node.flows.logs.extend.SLICE_BUNDLES", 2)
    lecce, torino, *_ = towns
    ids = await lecce.publish(1200)
    await lecce.write(*(Operation(item, None) for item in ids[:300]))
    bundles = 0
    real = type(torino.syncer.client("http://127.0.0.1:1")).get

    async def cut(self: object, path: str, **more: object) -> object:
        nonlocal bundles
        bundles += "entries" in path
        if bundles == 4:
            raise ConnectionResetError
        return await real(self, path, **more)  # type: ignore[arg-type]

    monkeypatch.setattr("node.peers.client.PeerClient.get", cut)
    (broken,) = await torino.sync(owner="p_LE")
    half = await torino.origin("p_LE")
    assert broken.error_code is not None
    assert (half.size, half.checkpoint_size, half.pending is not None) == (512, 0, True)
    monkeypatch.setattr("node.peers.client.PeerClient.get", real)
    (report,) = await torino.sync(owner="p_LE")
    whole = await torino.origin("p_LE")
    assert (report.entries, report.error_code) == (988, None)
    assert (whole.size, whole.checkpoint_size, whole.pending) == (1500, 1500, None)
    assert await torino.known() == 900
    own = await lecce.origin("p_LE")
    assert (whole.root, whole.range_hashes) == (own.root, own.range_hashes)


async def test_a_flood_is_throttled_and_goes_on_tomorrow(
    towns: list[Town], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log that grows faster than a day allows is followed as far as it does, with an alarm; the rest comes the next day."""
    lecce, torino, *_ = towns
    await lecce.publish(1)
    await torino.sync(owner="p_LE")
    monkeypatch.setattr(limits, "ENTRIES_PER_DAY_MAX", 600)
    monkeypatch.setattr("node.flows.logs.extend.SLICE_BUNDLES", 1)
    await lecce.publish(900)
    (report,) = await torino.sync(owner="p_LE")
    assert report.error_code == "growth-throttled"
    half = (await torino.origin("p_LE")).size
    assert 600 <= half <= 768
    clock.forward(days=1)
    (report,) = await torino.sync(owner="p_LE")
    assert (report.error_code, (await torino.origin("p_LE")).size) == (None, 901)


async def test_a_log_s_past_is_no_growth(towns: list[Town], monkeypatch: pytest.MonkeyPatch) -> None:
    """A first pull larger than a day allows is followed on the same day by what is new."""
    monkeypatch.setattr(limits, "ENTRIES_PER_DAY_MAX", 3)
    lecce, torino, *_ = towns
    await lecce.publish(5)
    await torino.sync(owner="p_LE")
    await lecce.publish(2)
    (report,) = await torino.sync(owner="p_LE")
    assert (report.error_code, report.entries) == (None, 2)
    assert (await torino.origin("p_LE")).grown == 2


async def test_a_hint_makes_a_log_due_at_once_whatever_its_pause(towns: list[Town], clock: Clock) -> None:
    """A hint resets the back-off; one about a size already known, or of an unknown log, wakes nothing."""
    lecce, torino, *_ = towns
    await lecce.publish(1)
    await torino.sync(owner="p_LE")
    await lecce.stop()
    for _ in range(5):
        await torino.sync(owner="p_LE")
    assert ((await torino.origin("p_LE")).next_pull_at or clock.now) > clock.now
    await lecce.start()
    await lecce.publish(1)
    assert await torino.sync(owner="p_LE", force=False) == []
    assert (await lecce.announce()).hinted == 3
    (report,) = await torino.sync(owner="p_LE", force=False)
    assert (report.error_code, report.entries) == (None, 1)
    url = f"http://127.0.0.1:{torino.port}/federation/hint"
    for body, status in (
        (b'{"o":"nowhere.it/federation/log/2026","size":1}', 404),
        (b'{"o":"x"}', 400),
        (b'{"o":"' + lecce.node.own.origin.encode() + b'","size":true}', 400),
    ):
        async with torino.session.post(url, data=body, headers={"Content-Type": "application/json"}) as response:
            assert response.status == status


async def test_a_member_s_witness_key_cannot_count_twice(towns: list[Town]) -> None:
    """Two members with one key, or one key in two roles, are refused: one voice would count as two."""
    one = towns[LECCE].node.membership.members["cmto"]
    two = towns[LECCE].node.membership.members["cciaa_le"]
    own = towns[LECCE].node.membership.members["p_LE"]
    twin = type(two)(two.id, two.url, two.http, one.witness, two.mirror, two.seal)
    with pytest.raises(CallerError, match="member-key-reused"):
        type(towns[LECCE].node.membership).of(own, [one, twin])
    both = type(one)(one.id, one.url, one.http, one.witness, one.witness, one.seal)
    with pytest.raises(CallerError, match="member-key-reused"):
        type(towns[LECCE].node.membership).of(own, [both])
    assert keys.COSIGNATURE_TYPE == 4
