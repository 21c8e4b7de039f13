"""``rete audit`` as an officer types it, and the chain read by a program that shares no code with ours."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tests.cli.test_log_commands import rete
from tests.flows.profiles.test_partitions import two_offices
from tests.tampering import unguarded


def walk(path: Path) -> int:
    """What docs/audit.md tells anybody to do; return how many events are in order."""
    previous, count = "00" * 32, 0
    for line in path.read_text(encoding="utf-8").splitlines():
        event = json.loads(line)
        said = "\n".join(
            ["rete-audit/1", str(event["event_id"]), event["at"], event["kind"], event["previous"], event["document"]]
        )
        if event["previous"] != previous or event["event_id"] != count + 1:
            break
        if hashlib.sha256(said.encode()).hexdigest() != event["hash"]:
            break
        previous, count = event["hash"], count + 1
    return count


@pytest.mark.timeout(120)
async def test_the_chain_is_verified_listed_exported_and_read_by_anybody(server: str, tmp_path: Path) -> None:
    """Whole: status 0. A word changed in the file or the table: status 1, with the place."""
    async with two_offices(server, tmp_path) as (town, office, _):
        profile_id = await office.queued()
        status, out, _ = await rete(town, "audit", "verify", "--json")
        whole = json.loads(out)
        assert (status, whole["ok"], whole["broken"]) == (0, True, None)
        status, out, _ = await rete(town, "audit", "list", "--profile", profile_id, "--json")
        events = json.loads(out)["events"]
        actions = [event["facts"].get("action") for event in events if event["kind"] == "decision"]
        assert (status, actions[0], actions[-2:]) == (0, "drafted", ["approved", "queued"])
        assert events[-2]["facts"]["candidates"] >= 8
        assert "approvazione" in (await rete(town, "audit", "list"))[1].decode()
        file = tmp_path / "catena.jsonl"
        status, out, _ = await rete(town, "audit", "export", str(file), "--json")
        assert (status, json.loads(out)["events"], file.stat().st_mode & 0o777) == (0, whole["events"], 0o600)
        assert walk(file) == whole["events"]
        assert (await rete(town, "audit", "export", str(file)))[0] == 1
        assert (await rete(town, "audit", "verify", "--from", str(file)))[0] == 0
        bent = tmp_path / "piegata.jsonl"
        bent.write_text(file.read_text(encoding="utf-8").replace("bruno", "carla"), encoding="utf-8")
        status, out, _ = await rete(town, "audit", "verify", "--from", str(bent), "--json")
        assert (status, json.loads(out)["broken"], json.loads(out)["place"]) == (1, "hash", walk(bent) + 1)
        (tmp_path / "rotta.jsonl").write_text("{}\n", encoding="utf-8")
        status, _, err = await rete(town, "audit", "verify", "--from", str(tmp_path / "rotta.jsonl"))
        assert (status, "audit-file-bad" in err) == (1, True)
        async with office.pool.acquire() as conn, unguarded(conn):
            await conn.execute("UPDATE publication.decision SET candidates = 80 WHERE action = 'approved'")
        status, out, _ = await rete(town, "audit", "verify")
        assert (status, "audit-broken" in out.decode()) == (1, True)
