"""``rete profile`` as two officers type it: what is previewed is what is approved, and a hold is seen with its number."""

from __future__ import annotations

from pathlib import Path

import pytest
from networks_made import pair, sheets

from node.flows.upkeep.home import Facts, make_home
from node.store.spreadsheet import write_sheets
from tests.cli.test_network_commands import Terminal


@pytest.fixture
def office(db: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    """A home of Provincia di Lecce that knows twelve networks, all alike, and lists them as its own."""
    home = tmp_path / "home"
    make_home(home, Facts("p_LE", "Provincia di Lecce", "p_LE", ("LE",), "127.0.0.1:8441", 8441, 2026, db))
    terminal = Terminal(home, monkeypatch, capsys)
    terminal.json("register", "load", str(edition(tmp_path, 12)), "--snapshot", "2025-12-31")
    terminal.json("network", "import", str(edition(tmp_path, 12)), "--apply")
    return terminal


def edition(folder: Path, count: int) -> Path:
    """A list with that many contracts of Lecce."""
    path = folder / f"elenco-{count}.xls"
    write_sheets(path, sheets(*(row for n in range(count) for row in pair(name=f"Zambrella {n}", deed=str(n)))))
    return path


def test_an_approval_names_what_it_approves(office: Terminal) -> None:
    """The documented keys; another content is refused with its code, and the hash of what was approved is printed."""
    first = office.json("network", "list")["networks"][0]
    assert first["owner"] == "p_LE"
    profile_id = office.json("profile", "draft", first["network_id"], "--by", "anna")["profile_id"]
    seen = office.json("profile", "preview", profile_id)
    assert (seen["candidates"], seen["k"], seen["held"], seen["withheld"]) == (12, 5, None, [])
    status, out, _ = office.run("profile", "preview", profile_id)
    assert status == 0
    assert seen["content_hash"][:12] in out
    assert office.json("profile", "submit", profile_id, "--by", "anna")["state"] == "waiting"
    back = ("profile", "return", profile_id, "--reason", "troppo preciso", "--hash", seen["content_hash"][:12])
    assert office.run(*back, "--by", "anna")[0] != 0
    assert office.json(*back, "--by", "bruno") == {"profile_id": profile_id, "state": "returned"}
    assert office.json("profile", "list")["profiles"][0]["last_action"] == "returned"
    status, _, err = office.run("profile", "approve", profile_id, "--by", "bruno", "--hash", "00000000")
    assert (status, "content-hash-differs" in err) == (1, True)
    words = ("profile", "approve", profile_id, "--by", "bruno", "--hash", seen["content_hash"][:12])
    assert office.json(*words) == {"profile_id": profile_id, "state": "approved", "content_hash": seen["content_hash"]}
    assert seen["content_hash"][:12] in office.run(*words)[1]
    queued = office.json("profile", "publish", profile_id, "--by", "bruno")
    assert (queued["state"], queued["held"]) == ("queued", None)


def test_a_hold_is_seen_in_the_list_and_in_the_preview(office: Terminal, tmp_path: Path) -> None:
    """With the number of networks that are left and the reason, in words and as a code."""
    network_id = office.json("network", "list")["networks"][0]["network_id"]
    profile_id = office.json("profile", "draft", network_id, "--by", "anna")["profile_id"]
    office.json("register", "load", str(edition(tmp_path, 4)), "--snapshot", "2026-06-30", "--accept-shrunk")
    listed = office.json("profile", "list")["profiles"][0]
    assert (listed["candidates"], listed["held"], listed["deferred_until"]) == (4, "partition-missing", None)
    _, out, _ = office.run("profile", "list")
    assert "partition-missing" in out
    _, out, _ = office.run("profile", "preview", profile_id)
    assert "Trattenuto" in out
    status, _, err = office.run("profile", "approve", profile_id, "--by", "bruno")
    assert (status, "partition-missing" in err) == (1, True)
