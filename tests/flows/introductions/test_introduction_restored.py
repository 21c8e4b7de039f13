"""Introductions in a backup: really dumped, really put back; what an older copy does not know comes back from the other office."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest

from node import runtime
from node.domain.introduction import Kind, State
from node.flows.introductions import casefile, remind
from node.flows.upkeep import audit, backup, backup_restore
from node.store import backup as moments
from node.store import backup_file
from tests.conftest import dsn_of
from tests.federation_made import Town
from tests.introductions_made import Pair

K = Kind
WORDS = "corretto cavallo graffetta"


@pytest.mark.timeout(120)
async def test_an_older_copy_is_given_back_what_was_said_since(
    pair: Pair, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy holds cases, events and post; after it the office went on; the restored one gets that back, and goes on to the end."""
    monkeypatch.setattr(backup_file, "COST", (2, 1, 1))
    case, later = await pair.reach(("owner", K.CHECK)), None
    old, path, name = pair.owner.town, tmp_path / "x", f"i_{tmp_path.name[-8:].lower().replace('-', '_')}"
    async with moments.hold(old.node.dsn) as moment:
        assert {"office.introduction", "office.introduction_event", "post.box", "post.outbox"} <= set(moment.tables)
    await backup.create(old.node.kept(), path, WORDS, pair.clock())
    for kind in (K.FORWARD, K.ACCEPT):
        await pair.owner.do(case, kind)
        await pair.carry()
    before = (await pair.owner.read(case)).case
    admin = await asyncpg.connect(dsn_of(server, "postgres"))
    await admin.execute(f'CREATE DATABASE "{name}"')
    await admin.close()
    await backup_restore.restore(path, tmp_path / "new", WORDS, dsn_of(server, name))
    await old.stop()
    async with runtime.open_node(tmp_path / "new", clock=pair.clock) as node:
        pair.owner.town = Town(tmp_path / "new", node, old.session, old.port)
        await pair.owner.town.start()
        try:
            copied = await casefile.read(node.office(), case)
            assert (copied.case.state, copied.case.lost) == (State.UNDER_CHECK, frozenset())
            assert (await audit.verify(node.pool, tmp_path / "new")).ok
            await pair.carry()
            assert await remind.give_back(pair.seeker.office(), pair.clock()) > 0
            await pair.carry()
            found = (await pair.owner.read(case)).case
            assert (found.state, found.lost, found.heard) == (before.state, frozenset(), before.heard)
            verdict = await audit.verify(node.pool, tmp_path / "new")
            assert verdict.broken is None, (verdict.broken, verdict.place)
            for desk in (pair.owner, pair.seeker):
                await desk.do(case, K.CONSENT)
                await pair.carry()
            later = (await pair.seeker.read(case)).case.state
        finally:
            await pair.owner.town.stop()
    assert later is State.INTRODUCED
