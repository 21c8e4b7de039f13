"""``rete observatory publish | told`` as an officer types them, on real homes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from node import runtime
from node.domain.observatory.plan import PLAN
from tests.cli.test_log_commands import rete
from tests.federation_made import Clock, Town, federation
from tests.statistics_made import JANUARY, STATUSES, Bureau


async def answer(town: Town, *words: str) -> tuple[int, Any, str]:
    """Run one command with --json; return (exit status, its JSON or None, standard error)."""
    status, out, err = await rete(town, "observatory", *words, "--json")
    return status, json.loads(out) if out else None, err


@pytest.mark.timeout(120)
async def test_what_would_leave_leaves_once_and_is_told_to_all(server: str, tmp_path: Path) -> None:
    """A dry run, the publication, the same again; the other node sees who told, and gets the documents as files."""
    async with federation(server, tmp_path, Clock(JANUARY), ("p_LE", "p_TO")) as (town, other):
        bureau = Bureau(town.node.pool, await runtime.current_own(town.node))
        await bureau.keep(8)
        status, dry, _ = await answer(town, "publish", "--dry-run")
        assert (status, dry["dry_run"], {t["way"] for t in dry["tables"]}) == (0, True, {"first"})
        status, told, _ = await answer(town, "publish")
        assert (status, told) == (0, {**dry, "dry_run": False})
        (cell,) = next(t for t in told["tables"] if t["table"] == STATUSES)["cells"]
        assert cell["at"] == ["ITF4", "registered"]
        assert 5 <= cell["value"] <= 11
        status, again, _ = await answer(town, "publish")
        assert (status, {t["way"] for t in again["tables"]}, {t["leaves"] for t in again["tables"]}) == (
            0, {"not-due"}, {False},
        )  # fmt: skip
        await other.sync()
        status, seen, _ = await answer(other, "told", "--bodies", str(tmp_path / "out"))
        assert (status, seen["known"], seen["written"], {t["table"] for t in seen["tables"]}) == (
            0,
            2,
            len(PLAN),
            set(PLAN),
        )
        assert {(tuple(t["told"]), tuple(t["missing"]), tuple(t["refused"])) for t in seen["tables"]} == {
            (("p_LE",), ("p_TO",), ())
        }
        assert all(t["retold"] == {} for t in seen["tables"])
        assert len(list((tmp_path / "out" / "p_LE" / "2026").glob("*.json"))) == len(PLAN)
        status, words, _ = await rete(other, "observatory", "told")
        assert (status, b"p_TO" in words) == (0, True)
        status, words, _ = await rete(town, "observatory", "publish", "--dry-run")
        assert (status, "già comunicata".encode() in words) == (0, True)
