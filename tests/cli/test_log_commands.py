"""The log's commands as an administrator types them, beside nodes that are being served."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from node.store import origins
from tests.federation_made import Clock, Town, federation
from tests.forked import FORGE


@pytest.fixture
async def towns(server: str, tmp_path: Path) -> AsyncIterator[list[Town]]:
    """Three nodes, all serving."""
    async with federation(server, tmp_path, Clock(), ("p_LE", "cmto", "bic-lazio")) as made:
        yield made


async def rete(town: Town | None, *words: str, stdin: bytes = b"") -> tuple[int, bytes, str]:
    """Run one command in a home; return (exit status, standard output, standard error)."""
    home = ("--home", str(town.home)) if town is not None else ()
    environment = {**os.environ, "RETE_HOME": ""}
    status, out, err = await asyncio.to_thread(FORGE.run, (*words, *home), environment, stdin)
    assert b"Traceback" not in err, err.decode()
    return status, out, err.decode()


async def read(town: Town, *words: str) -> dict[str, Any]:
    """Run one command that must succeed, with --json."""
    status, out, err = await rete(town, *words, "--json")
    assert status == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


async def test_a_proof_convinces_a_stranger_offline_and_a_bent_one_nobody(towns: list[Town], tmp_path: Path) -> None:
    """A foreign profile's proof is written, verified without network or database, and refused when one byte changes."""
    lecce, torino, lazio = towns
    ids = await lecce.publish(5)
    await lecce.announce()
    await torino.gossip()
    status, proof, err = await rete(torino, "log", "proof", ids[2])
    assert (status, err) == (0, "")
    assert proof.startswith(b"c2sp.org/tlog-proof@v1\nextra ")
    file = tmp_path / "proof.tlog"
    file.write_bytes(proof)
    for town in towns:
        await town.stop()
    shown = await read(lazio, "log", "verify", str(file))
    assert (shown["ok"], shown["profile_id"], shown["op"], shown["index"], shown["size"]) == (True, ids[2], "pub", 2, 5)
    assert set(shown["cosigned"]) == {"cmto", "bic-lazio"}
    assert shown["witnessed"] is True
    vkey = (await read(lecce, "log", "show"))["vkey"]
    status, out, _ = await rete(None, "log", "verify", "-", "--vkey", vkey, "--json", stdin=proof)
    assert (status, json.loads(out)["witnessed"]) == (0, False)
    for at in (30, len(proof) // 2, len(proof) - 10):
        file.write_bytes(proof[:at] + bytes([proof[at] ^ 1]) + proof[at + 1 :])
        status, _, err = await rete(lazio, "log", "verify", str(file))
        assert status == 1, (at, err)
        assert "[" in err


async def test_receipts_are_asked_for_and_shown(towns: list[Town]) -> None:
    """Who has applied a withdrawal is confirmed, who is down is named as missing."""
    lecce, torino, lazio = towns
    (gone,) = await lecce.publish(1)
    for town in (torino, lazio):
        await town.sync(owner="p_LE")
    await lazio.stop()
    await lecce.withdraw(gone)
    await torino.sync(owner="p_LE")
    found = await read(lecce, "profile", "receipts", gone)
    assert (found["withdrawn"], list(found["confirmed"]), found["missing"]) == (True, ["cmto"], ["bic-lazio"])
    status, _, err = await rete(lecce, "profile", "receipts", "00000000-0000-4000-8000-000000000000")
    assert status == 1
    assert "[profile-unknown]" in err


async def test_the_state_of_the_log_and_of_its_witnesses_is_shown(towns: list[Town]) -> None:
    """`rete log show` and `rete peer list` say size, signature, witnesses and since when they vouch."""
    lecce, torino, _ = towns
    await lecce.publish(2)
    await lecce.announce()
    await torino.gossip()
    shown = await read(lecce, "log", "show")
    assert (shown["size"], shown["signed_size"], shown["highwater_size"], shown["witnessed_size"]) == (2, 2, 2, 2)
    assert {w["member"]: w["size"] for w in shown["witnesses"]} == {"cmto": 2, "bic-lazio": 2}
    peers = {p["id"]: p for p in (await read(torino, "peer", "list"))["peers"]}
    assert peers["p_LE"]["witnessed_size"] == 2
    # The tests' clock stands; to the command's own clock these witnesses have long been silent, or are fresh.
    assert peers["p_LE"]["state"] in ("ready", "stale")
    status, out, _ = await rete(lecce, "log", "show")
    assert status == 0
    assert "bic-lazio" in out.decode()


async def test_a_new_year_begins_by_one_command(towns: list[Town]) -> None:
    """Rollover freezes the old log, begins the next, and the file names its year; an earlier year is refused."""
    lecce, torino, _ = towns
    await lecce.publish(3)
    done = await read(lecce, "log", "rollover", "--year", "2027", "--by", "anna")
    assert (done["size"], done["origin"][-4:], done["frozen"][-4:]) == (3, "2027", "2026")
    assert "epoch = 2027" in (lecce.home / "node.toml").read_text()
    status, _, err = await rete(lecce, "log", "rollover", "--year", "2026")
    assert status == 1
    assert "[epoch-not-later]" in err
    await torino.gossip()
    await torino.gossip()
    assert await torino.known() == 3
    text = (lecce.home / "node.toml").read_text().replace("epoch = 2027", "epoch = 2029")
    (lecce.home / "node.toml").write_text(text)
    status, _, err = await rete(lecce, "log", "show")
    assert status == 2
    assert "[epoch-not-begun]" in err


async def test_a_fenced_log_is_opened_by_its_commands(towns: list[Town]) -> None:
    """Recover settles with the peers' answers, confirm needs a reason, and both say what they did."""
    lecce, *others = towns
    await lecce.publish(1)
    async with lecce.node.pool.acquire() as conn:
        await conn.execute("UPDATE ops.fence SET system_id = 'another'")
        await origins.set_state(conn, lecce.node.own.origin_id, "fenced")
    settled = await read(lecce, "log", "recover")
    assert (settled["state"], settled["heard"], settled["asked"]) == ("whole", 2, 2)
    for town in others:
        await town.stop()
    async with lecce.node.pool.acquire() as conn:
        await conn.execute("UPDATE ops.fence SET system_id = 'another'")
    status, _, err = await rete(lecce, "log", "recover")
    assert status == 2
    assert "[log-fenced]" in err
    status, _, _ = await rete(lecce, "log", "confirm")
    assert status == 2
    assert (await read(lecce, "log", "confirm", "--reason", "nuovo server"))["state"] == "ready"


async def test_releasing_who_is_not_held_is_told_so(towns: list[Town]) -> None:
    """Nothing quarantined: one clear line, exit 1."""
    status, _, err = await rete(towns[0], "peer", "release", "cmto", "--reason", "prova")
    assert status == 1
    assert "[peer-not-quarantined]" in err
