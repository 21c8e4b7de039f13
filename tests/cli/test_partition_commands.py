"""``rete partition`` as an officer and an administrator type it, on a real home."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_log_commands import rete
from tests.flows.profiles.test_partitions import load, two_offices
from tests.national_made import national


async def answer(town: Any, *words: str) -> tuple[int, Any, str]:
    """Run one command with --json; return (exit status, its JSON or None, standard error)."""
    status, out, err = await rete(town, "partition", *words, "--json")
    return status, json.loads(out) if out else None, err


@pytest.mark.timeout(120)
async def test_list_show_and_verify_speak_of_own_and_foreign_partitions(server: str, tmp_path: Path) -> None:
    """Before and after the first round, here and at a peer; a peer without the edition says what to do."""
    async with two_offices(server, tmp_path) as (town, office, other):
        status, found, _ = await answer(town, "list")
        assert (status, [(p["owner"], p["version"], p["logged"], p["origin"]) for p in found["partitions"]]) == (
            0, [("anna", 1, False, None)],
        )  # fmt: skip
        await office.queued(0)
        await office.release(town.node.clock())
        _, found, _ = await answer(town, "list")
        assert [(p["logged"], p["parts"]) for p in found["partitions"]] == [(True, 1)]

        status, shown, _ = await answer(town, "show")
        assert (status, shown["scope"], shown["group"], shown["k"], shown["k_build"]) == (0, ["LE"], [], 5, 8)
        active = [row for row in national() if row.province == "LE" and row.active]
        assert sum(block["count"] for block in shown["blocks"]) == len(active)
        assert sum(block["today"] for block in shown["blocks"]) == len(active)
        assert sum(block["profiles"] for block in shown["blocks"]) == 1
        assert {block["held"] for block in shown["blocks"]} == {None}

        status, words, _ = await rete(town, "partition", "show")
        assert (status, b"Partizione 1 di anna" in words) == (0, True)
        status, found, _ = await answer(town, "verify")
        assert (status, found["ok"], [p["state"] for p in found["partitions"]]) == (0, True, ["same"])

        await other.sync()
        status, found, err = await answer(other, "verify", "--owner", "anna")
        assert (status, found["partitions"][0]["state"], found["partitions"][0]["ok"]) == (1, "edition-missing", None)
        assert "partition-unverified" in err
        await load(other, [row for row in national() if row.province == "LE"])
        status, found, _ = await answer(other, "verify", "1", "--owner", "anna")
        assert (status, found["partitions"][0]["state"], found["partitions"][0]["profiles"]) == (0, "same", 1)
        status, shown, _ = await answer(other, "show", "--owner", "anna")
        assert (status, {block["today"] for block in shown["blocks"]}) == (0, {None})
        status, _, err = await answer(other, "show", "9", "--owner", "anna")
        assert (status, "partition-unknown" in err) == (1, True)


@pytest.mark.timeout(120)
async def test_a_wrong_partition_ends_with_status_one(server: str, tmp_path: Path) -> None:
    """A profile whose labels are no block's is named, in words and in JSON."""
    async with two_offices(server, tmp_path) as (town, office, _):
        await office.queued(0)
        await office.release(town.node.clock())
        async with town.node.pool.acquire() as conn:
            await conn.execute("UPDATE coop.profile SET territory = 'COM:075035'")
        status, found, err = await answer(town, "verify")
        assert (status, found["ok"], found["partitions"][0]["astray"]) == (1, False, 1)
        assert "partition-wrong" in err
        status, words, _ = await rete(town, "partition", "verify")
        assert (status, found["partitions"][0]["example"].encode() in words) == (1, True)
