"""``rete text check`` and the marked preview, as an officer at a terminal uses them."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from tests.cli.test_network_commands import Terminal
from tests.cli.test_profile_commands import edition, office

__all__ = ["edition", "office"]

NAMED = "La Zambrella 3 lavora con Pierluigi Antani, tel. 0832 123456, a Casarano."


def test_a_text_is_tried_at_once(office: Terminal, tmp_path: Path) -> None:
    """Exit 1 and every point with its place when it could not leave; exit 0 when it could, with or without a reason."""
    path = tmp_path / "testo.txt"
    path.write_text(NAMED, encoding="utf-8")
    status, out, _ = office.run("text", "check", str(path))
    assert status == 1
    for shown in ("⟦1 Zambrella 3⟧", "⟦3 tel. 0832 123456⟧", "⟦4 Casarano⟧", "[rete]", "[contatto]", "ambra", "rosso"):
        assert shown in out
    path.write_text("Cerchiamo distributori di pane nei mercati esteri.", encoding="utf-8")
    assert office.json("text", "check", str(path)) == {
        "ok": True, "red": 0, "amber": 0, "hits": [], "redacted": "Cerchiamo distributori di pane nei mercati esteri.", "attack": None,
    }  # fmt: skip
    path.write_text("Lavoriamo per Antanacci da anni.", encoding="utf-8")
    seen = office.json("text", "check", str(path))
    assert (seen["ok"], seen["amber"], seen["hits"][0]["text"]) == (True, 1, "Antanacci")
    hit = seen["hits"][0]
    assert (hit["number"], hit["start"], hit["end"], hit["severity"], hit["suggestion"]) == (
        1, 14, 23, "amber", "Lavoriamo per [nome] da anni.",
    )  # fmt: skip


def test_a_text_comes_from_standard_input_too(office: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a file, or with ``-``."""
    for words in ([], ["-"]):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"Pane e olio, scrivere a x@y.it")))
        status, out, _ = office.run("text", "check", *words)
        assert (status, "⟦1 x@y.it⟧" in out) == (1, True)


def test_a_text_is_compared_with_its_network_s_block(office: Terminal, tmp_path: Path) -> None:
    """With --network: here all objects are alike, so that even a copy finds nobody; an unknown network is refused."""
    network_id = office.json("network", "list")["networks"][0]["network_id"]
    path = tmp_path / "testo.txt"
    path.write_text("Cerchiamo distributori di pane.", encoding="utf-8")
    attack = office.json("text", "check", str(path), "--network", network_id)["attack"]
    assert (attack["found"], attack["of"]) == (False, 12)
    assert "12" in office.run("text", "check", str(path), "--network", network_id)[1]
    for unknown in ("nonsense", "00000000-0000-4000-8000-000000000000"):
        status, _, err = office.run("text", "check", str(path), "--network", unknown)
        assert (status, "network-unknown" in err) == (1, True)


def test_what_cannot_be_read_is_told_apart(office: Terminal, tmp_path: Path) -> None:
    """Missing, a folder, not UTF-8, too long: one line each, with its code."""
    (tmp_path / "latin").write_bytes("qualità".encode("latin-1"))
    (tmp_path / "long").write_text("a" * 20_001, encoding="utf-8")
    for name, code in (
        ("none", "file-not-found"),
        ("", "file-is-folder"),
        ("latin", "text-not-utf8"),
        ("long", "text-too-long"),
    ):
        status, _, err = office.run("text", "check", str(tmp_path / name))
        assert (status, code in err) == (1, True)


def test_the_preview_marks_what_must_go(office: Terminal, tmp_path: Path) -> None:
    """The marked text, the list with reasons, the suggestion, the plain sentence; approving is refused and stays refused."""
    network_id = office.json("network", "list")["networks"][0]["network_id"]
    content = tmp_path / "content.json"
    content.write_text(
        '{"title": "Pane", "summary": "Forniture della Zambrella 5 e di Antanacci.", "purpose": "offer"}'
    )
    profile_id = office.json("profile", "draft", network_id, "--content", str(content), "--by", "anna")["profile_id"]
    _, out, _ = office.run("profile", "preview", profile_id)
    assert "summary.it: Forniture della ⟦1 Zambrella 5⟧" in out
    assert "correggere" in out
    seen = office.json("profile", "preview", profile_id)
    assert seen["redacted"] == {"summary.it": "Forniture della [rete] e di [nome]."}
    assert [(hit["number"], hit["severity"], hit["where"]) for hit in seen["hits"]] == [
        (1, "red", "summary.it"),
        (2, "amber", "summary.it"),
    ]
    assert seen["attack"]["found"] is False
    status, _, err = office.run("profile", "approve", profile_id, "--by", "bruno", "--reason", "va bene")
    assert (status, "text-refused" in err) == (1, True)
