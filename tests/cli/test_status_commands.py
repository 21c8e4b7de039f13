"""``rete status`` and ``rete du`` as an administrator types them, beside a node that is served and one that is not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node.store.postgres import acquire
from tests.cli.test_log_commands import read, rete
from tests.federation_made import Clock, Town, federation


@pytest.fixture
async def towns(server: str, tmp_path: Path) -> AsyncIterator[list[Town]]:
    """Two nodes, both serving, that have followed each other."""
    async with federation(server, tmp_path, Clock(), ("p_LE", "cmto")) as made:
        await made[0].publish(2)
        await made[1].publish(3)
        await made[0].sync()
        yield made


@pytest.mark.timeout(120)
async def test_the_node_in_a_few_lines(towns: list[Town]) -> None:
    """What runs, what is here, what is late; the lights are the doctor's, and a node that does not answer is said to stand."""
    lecce = towns[0]
    told = await read(lecce, "status")
    assert told["node"] == "p_LE"
    assert (told["serving"]["state"], told["serving"]["reasons"]) == ("running", [])
    assert (told["log"]["size"], told["log"]["signed_size"], told["log"]["state"]) == (2, 2, "new")
    assert (told["peers"]["known"], told["profiles"]) == (1, {"found": 5, "own": 2})
    assert told["backup"] is None
    doctor = await read(lecce, "doctor")
    levels = {light["area"]: light["level"] for light in told["lights"]}
    codes = {code for light in told["lights"] for code in light["codes"]}
    assert told["level"] == doctor["level"]
    assert codes == {one["code"] for one in doctor["findings"] if one["level"] != "ok"}
    assert all(levels[one["area"]] != "ok" for one in doctor["findings"] if one["level"] != "ok")
    async with acquire(lecce.node.pool) as conn:
        await conn.execute("UPDATE log.origin SET state = 'fenced' WHERE is_own")
        await conn.execute("UPDATE log.origin SET state = 'quarantined' WHERE owner = 'cmto'")
    told = await read(lecce, "status")
    assert (told["serving"]["state"], told["serving"]["reasons"]) == ("unready", ["log-fenced"])
    assert [late["id"] for late in told["peers"]["late"]] == ["cmto"]
    assert told["level"] == "danger"
    await lecce.stop()
    assert (await read(lecce, "status"))["serving"]["state"] == "stopped"
    status, out, _ = await rete(lecce, "status")
    text = out.decode()
    assert status == 0
    assert all(part in text for part in ("p_LE", "fermo", "cmto", "peer-quarantined", "log-fenced", "rete doctor"))


@pytest.mark.timeout(120)
async def test_where_the_room_goes(towns: list[Town]) -> None:
    """Tables add up to schemas, logs to members and years; nothing is counted twice."""
    lecce = towns[0]
    told = await read(lecce, "du")
    by_schema = {row["schema"]: row["bytes"] for row in told["schemas"]}
    assert {"log", "coop", "registry", "ops"} <= set(by_schema)
    assert sum(by_schema.values()) == sum(table["bytes"] for table in told["tables"]) < told["database_bytes"]
    assert sum(t["bytes"] for t in told["tables"] if t["schema"] == "log") == by_schema["log"]
    assert [t["bytes"] for t in told["tables"]] == sorted((t["bytes"] for t in told["tables"]), reverse=True)
    logs = {(row["owner"], row["epoch"]): row for row in told["logs"]}
    assert (logs["p_LE", "2026"]["entries"], logs["cmto", "2026"]["entries"]) == (2, 3)
    assert (logs["cmto", "2026"]["bodies"], logs["cmto", "2026"]["profiles"]) == (3, 3)
    async with acquire(lecce.node.pool) as conn:
        least = await conn.fetchval("SELECT sum(octet_length(b.entry)) FROM log.entry b JOIN log.origin o USING (origin_id) WHERE o.owner = 'cmto'")  # fmt: skip
    assert logs["cmto", "2026"]["bytes"] > least
    for key in ("peers", "epochs"):
        assert sum(row["bytes"] for row in told[key]) == sum(row["bytes"] for row in told["logs"])
    assert [row["epoch"] for row in told["epochs"]] == ["2026"]
    assert {row["id"] for row in told["peers"]} == {"p_LE", "cmto"}
    (lecce.home / "index").mkdir(exist_ok=True)
    (lecce.home / "index" / "part").write_bytes(bytes(1000))
    (lecce.home / "large").write_bytes(bytes(5_000_000))
    (lecce.home / "index" / "link").symlink_to(lecce.home / "large")
    quick = await read(lecce, "du", "--quick")
    (index,) = [row for row in quick["folders"] if row["what"] == "index"]
    assert (index["files"] >= 2, index["bytes"] >= 1000, index["bytes"] < 1_000_000) == (True, True, True)
    assert (quick["logs"], quick["peers"]) == (None, [])
    status, out, _ = await rete(lecce, "du")
    assert status == 0
    assert all(part in out.decode() for part in ("Base dati", "log.", "cmto", "2026", "Cartelle"))
