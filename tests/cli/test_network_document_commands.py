"""``rete network document`` and ``rete network history`` as an officer types them."""

from __future__ import annotations

import stat
from pathlib import Path

from networks_made import record

from node.domain import template
from node.store.spreadsheet import write_sheets
from tests.cli.test_network_commands import Terminal, terminal
from tests.documents_made import OLD_OFFICE, PDF, office

__all__ = ["terminal"]
NOBODY = "00000000-0000-4000-8000-000000000000"


def network(terminal: Terminal, tmp_path: Path, officer: str = "anna") -> str:
    """A network that an import brought in."""
    path = tmp_path / "reti.csv"
    write_sheets(path, template.sheets_of([record()]), replace=True)
    terminal.json("network", "import", str(path), "--apply", "--by", officer)
    return str(terminal.json("network", "list")["networks"][0]["network_id"])


def test_a_document_is_added_listed_taken_replaced_and_deleted(terminal: Terminal, tmp_path: Path) -> None:
    """The documented keys of --json; what comes back is what went in, for its writer's eyes alone; the history tells it all."""
    network_id = network(terminal, tmp_path)
    path = tmp_path / "contratto.pdf"
    path.write_bytes(PDF)
    words = ("network", "document", "add", network_id, str(path), "--kind", "contract")
    added = terminal.json(*words, "--date", "01/03/2026", "--title", "Contratto firmato", "--by", "Anna")
    assert (added["network_id"], added["bytes"]) == (network_id, len(PDF))
    path.write_bytes(PDF + b"\n")
    newer = terminal.json(*words, "--replaces", added["document_id"], "--by", "bruno")
    found = terminal.json("network", "document", "list", network_id)["documents"]
    assert [(d["title"], d["number"], d["is_newest"], d["officer"], d["dated_on"]) for d in found] == [
        ("contratto", 2, True, "bruno", None), ("Contratto firmato", 1, False, "anna", "2026-03-01"),
    ]  # fmt: skip
    assert set(found[0]) == {
        "document_id", "title", "kind", "file_name", "media_type", "dated_on", "bytes", "sha256", "added_at", "officer",
        "series_id", "number", "is_newest",
    }  # fmt: skip
    there = tmp_path / "copia.pdf"
    taken = terminal.json("network", "document", "get", network_id, added["document_id"], str(there), "--by", "carla")
    assert (there.read_bytes(), stat.S_IMODE(there.stat().st_mode)) == (PDF, 0o600)
    assert (taken["file_name"], taken["media_type"], taken["sha256"]) == (
        "contratto.pdf",
        "application/pdf",
        found[1]["sha256"],
    )
    _, out, _ = terminal.run("network", "document", "list", network_id)
    assert all(text in out for text in (newer["document_id"], "Contratto firmato", "Contratto di rete", "01/03/2026"))
    gone = terminal.json("network", "document", "delete", network_id, newer["document_id"], "--yes", "--by", "anna")
    assert gone == {"document_id": newer["document_id"], "deleted": 2}
    _, out, _ = terminal.run("network", "document", "list", network_id)
    assert "Nessun documento." in out
    history = terminal.json("network", "history", network_id)["history"]
    assert [(h["source"], h["action"], h["officer"]) for h in history] == [
        ("document", "deleted", "anna"), ("document", "deleted", "anna"), ("document", "replaced", "bruno"),
        ("document", "added", "anna"), ("template", "created", "anna"),
    ]  # fmt: skip
    _, out, _ = terminal.run("network", "history", network_id)
    assert all(
        text in out for text in ("documento sostituito", "rete aggiunta al registro", "per importazione", "bruno")
    )
    kinds = [event["kind"] for event in terminal.json("audit", "list")["events"]]
    assert kinds == ["chain-begun", "register-import", *["document"] * 5]
    assert terminal.json("audit", "verify")["ok"]


def test_what_is_wrong_is_said_with_its_code(terminal: Terminal, tmp_path: Path) -> None:
    """A file that is none of ours, a network or a document that is not there, no confirmation, a day that is none."""
    network_id = network(terminal, tmp_path)
    path = tmp_path / "contratto.docx"
    words = ("network", "document", "add", network_id, str(path), "--kind", "contract")

    def refused(code: str, *words: str) -> None:
        status, _, err = terminal.run(*words)
        assert (status, f"[{code}]" in err, "Traceback" in err) == (1, True, False), err

    refused("file-not-found", *words)
    for content, code in (
        (office(word__vbaProject_DOT_bin=OLD_OFFICE), "document-macros"),
        (PDF, "document-name-mismatch"),
        (b"a" * (10 * 2**20 + 1), "document-too-large"),
    ):
        path.write_bytes(content)
        refused(code, *words)
    path.write_bytes(office())
    refused("date-bad", *words, "--date", "31/02/2026")
    refused("officer-name-bad", *words, "--by", "\u202e")
    refused("document-unknown", *words, "--replaces", NOBODY)
    refused("network-unknown", "network", "document", "add", NOBODY, str(path), "--kind", "contract")
    refused("network-unknown", "network", "document", "list", "niente")
    refused("network-unknown", "network", "history", NOBODY)
    there = tmp_path / "copia"
    refused("document-unknown", "network", "document", "get", network_id, NOBODY, str(there))
    assert not there.exists()
    refused("document-unknown", "network", "document", "delete", network_id, NOBODY, "--yes")
    refused("confirmation-missing", "network", "document", "delete", network_id, NOBODY, "--json")
    status, _, err = terminal.run(*words[:-1], "romanzo")
    assert (status, "usage" in err) == (2, True)
    there.write_text("prima")
    refused("file-exists", "network", "document", "get", network_id, NOBODY, str(there))


def test_who_changes_nothing_needs_no_name(terminal: Terminal, tmp_path: Path) -> None:
    """A dry run leaves no event; without --by an import is the system user's."""
    path = tmp_path / "reti.csv"
    write_sheets(path, template.sheets_of([record()]), replace=True)
    terminal.json("network", "import", str(path))
    assert len(terminal.json("audit", "list")["events"]) == 1
    terminal.json("network", "import", str(path), "--apply")
    (event,) = terminal.json("audit", "list", "--kind", "register-import")["events"]
    assert event["facts"]["officer"]
    assert event["facts"]["added"] == 1
