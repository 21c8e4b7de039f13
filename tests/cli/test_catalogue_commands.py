"""``rete catalogue`` as an officer types it, beside a node that is being served."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node import runtime
from node.flows.upkeep import audit
from tests.announcements_made import service, session
from tests.cli.test_log_commands import read, rete
from tests.federation_made import Clock, Town, federation


@pytest.fixture
async def town(server: str, tmp_path: Path) -> AsyncIterator[Town]:
    """One node."""
    async with federation(server, tmp_path, Clock(), ["p_LE"]) as (made,):
        yield made


@pytest.mark.timeout(120)
async def test_a_file_is_announced_found_shown_changed_and_withdrawn(town: Town, tmp_path: Path) -> None:
    """From a JSON file to the catalogue and away again; by whom stands in the chain."""
    file, document = tmp_path / "servizio.json", service(begins="2020-01-01")
    file.write_text(json.dumps(document), encoding="utf-8")
    first = await read(town, "catalogue", "announce", str(file), "--by", "anna")
    assert first == {"id": document["id"], "revision": 1, "changed": True, "index": 0, "doubts": []}
    assert (await read(town, "catalogue", "announce", str(file)))["changed"] is False
    (listed,) = (await read(town, "catalogue", "list", "sopralluogo", "--own", "--kind", "service"))["items"]
    assert (listed["id"], listed["state"], listed["revision"]) == (document["id"], "open", 1)
    file.write_text(json.dumps(document | {"title": {"it": "Con la dott.ssa Rossi"}}), encoding="utf-8")
    status, _, err = await rete(town, "catalogue", "announce", str(file), "--seen", "0")
    assert (status, "announcement-changed" in err) == (1, True)
    again = await read(town, "catalogue", "announce", str(file), "--seen", "1", "--by", "anna")
    assert (again["revision"], again["doubts"][0]["text"]) == (2, "dott.ssa Rossi")
    shown = await read(town, "catalogue", "show", document["id"][:8])
    assert (shown["title"], shown["document"]["service"]) == ({"it": "Con la dott.ssa Rossi"}, document["service"])
    assert shown["proof"].startswith("c2sp.org/tlog-proof@v1")
    status, out, _ = await rete(town, "catalogue", "list")
    assert (status, "servizio" in out.decode()) == (0, True)
    status, _, err = await rete(town, "catalogue", "withdraw", document["id"][:8], "--json")
    assert (status, "confirmation-missing" in err) == (1, True)
    gone = await read(town, "catalogue", "withdraw", document["id"][:8], "--yes", "--by", "anna")
    assert gone == {"id": document["id"], "revision": None, "changed": True, "index": 2}
    assert (await read(town, "catalogue", "list"))["items"] == []
    own = await runtime.current_own(town.node)
    assert (own.owner, (await audit.verify(town.node.pool, town.home)).ok) == ("p_LE", True)


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("no json", "announcement-file-bad"),
        ("[]", "announcement-file-bad"),
        ('{"type": "profile/1"}', "announcement-type-unknown"),
        (json.dumps(session(title={})), "announcement-malformed"),
    ],
)
async def test_a_file_that_is_no_announcement_is_refused(town: Town, tmp_path: Path, content: str, code: str) -> None:
    """With its code, and nothing written."""
    file = tmp_path / "annuncio.json"
    file.write_text(content, encoding="utf-8")
    status, _, err = await rete(town, "catalogue", "announce", str(file), "--by", "anna")
    assert (status, code in err) == (1, True)
