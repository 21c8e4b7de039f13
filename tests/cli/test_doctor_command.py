"""``rete doctor`` as an administrator types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.test_log_commands import rete
from tests.federation_made import Clock, federation


@pytest.mark.timeout(120)
async def test_the_doctor_says_what_is_wrong_and_how_to_mend_it(server: str, tmp_path: Path) -> None:
    """Status 0 while nothing is red; 1 with the code, the place and the remedy where something is, also when the node does not open."""
    async with federation(server, tmp_path, Clock(), ["p_LE", "cmto"]) as towns:
        town = towns[0]
        status, out, _ = await rete(town, "doctor", "--json")
        told = json.loads(out)
        assert (status, told["ok"], told["level"]) == (0, True, "warning")
        found = {one["code"] for one in told["findings"]}
        assert found >= {"clock", "keys", "audit-end"}
        # The last one: of the oldest server that is allowed.
        assert len(found & {"database-version", "database-version-last"}) == 1
        missing = [one for one in told["findings"] if one["code"] == "administrator-missing"]
        assert "rete user add" in missing[0]["remedy"]
        async with town.node.pool.acquire() as conn:
            await conn.execute("UPDATE log.origin SET state = 'quarantined' WHERE owner = 'cmto'")
        status, out, _ = await rete(town, "doctor", "--all")
        assert (status, "[peer-quarantined]" in out.decode(), "[keys]" in out.decode()) == (1, True, True)
        (town.home / "keys" / "http.pem").chmod(0o644)
        status, out, _ = await rete(town, "doctor", "--json")
        (found,) = json.loads(out)["findings"]
        assert (status, found["code"], found["level"]) == (1, "key-file-readable", "danger")
        assert "chmod 600" in found["remedy"]
