"""``rete case`` as an officer types it: the documented keys of --json, from opening to report."""

from __future__ import annotations

import zipfile
from pathlib import Path

from tests.calendar_read import read
from tests.cli.test_network_commands import Terminal, terminal
from tests.cli.test_network_document_commands import network
from tests.documents_made import OLD_OFFICE, PDF

__all__ = ["terminal"]


def test_a_case_from_its_opening_to_its_report(terminal: Terminal, tmp_path: Path) -> None:
    """Opened, worked in, handed to another desk, closed; files are written, and shown again."""
    network_id = network(terminal, tmp_path)
    by = ("--by", "anna")
    case = terminal.json("case", "open", "Verso il contratto", "--network", network_id, "--line", "legal", *by)[
        "case_id"
    ]
    task = terminal.json("case", "task", "add", case, "Bozza", "--line", "legal", "--due", "01/03/2026", *by)["task_id"]
    assert set(terminal.json("case", "hours", case[:8], "1,5", "--task", task, *by)) == {"case_id", "entry_id"}
    assert set(terminal.json("case", "cost", case, "1.250,50", "Notaio", "--line", "legal", *by)) == {
        "case_id",
        "entry_id",
    }
    when = terminal.json("case", "appointment", "add", case, "Dal notaio", "--day", "03/12/2026", "--from", "10:30", "--to", "11:30", *by)  # fmt: skip
    assert terminal.json("case", "appointment", "cancel", case, when["appointment_id"], *by)["cancelled"] is True
    calendar = tmp_path / "fascicolo.ics"
    assert terminal.json("case", "appointment", "calendar", case, str(calendar))["appointments"] == 1
    assert read(calendar.read_bytes()).events[0]["STATUS"] == "CANCELLED"
    paper = tmp_path / "bozza.pdf"
    paper.write_bytes(PDF)
    kept = terminal.json("case", "document", "add", case, str(paper), "--kind", "contract", *by)
    copy = tmp_path / "copia.pdf"
    terminal.json("case", "document", "get", case, kept["document_id"], str(copy), *by)
    assert copy.read_bytes() == PDF
    assert terminal.json("case", "document", "delete", case, kept["document_id"], "--yes", *by)["deleted"] is True
    told = terminal.json("case", "checklist", case)
    assert told["complete"] is False
    assert {"key", "letter", "title", "standing", "facts", "lacks", "clause", "revision"} == set(told["points"][0])
    assert terminal.json("case", "clause", case, "decisions", "A maggioranza.", *by)["revision"] == 1
    draft = tmp_path / "bozza.docx"
    written = terminal.json("case", "dossier", case, str(draft))
    assert "decisions" not in written["missing"]
    with zipfile.ZipFile(draft) as archive:
        assert "A maggioranza." in archive.read("word/document.xml").decode()
    code, _, err = terminal.run("case", "close", case, "--outcome", "advice-given", *by)
    assert (code, "case-tasks-open" in err) == (1, True)
    assert terminal.json("case", "task", "set", case, task, "--state", "done", *by)["revision"] == 2
    assert terminal.json("case", "hand-over", case, "--office", "Maglie", *by) == {"case_id": case, "officer": "anna", "office": "Maglie"}  # fmt: skip
    assert terminal.json("case", "suspend", case, *by)["state"] == "suspended"
    assert terminal.json("case", "resume", case, *by)["state"] == "open"
    report = terminal.json("case", "close", case, "--outcome", "advice-given", *by)["report"]
    assert (report["hours"], report["cost"], report["handovers"]) == ("1.50", "1250.50", 1)
    shown = terminal.json("case", "show", case)
    assert (shown["state"], shown["report"], shown["may"]) == ("closed", report, [])
    (listed,) = terminal.json("case", "list", "--state", "closed")["cases"]
    assert (listed["case_id"], listed["network_id"]) == (case, network_id)
    _, out, _ = terminal.run("case", "show", case)
    assert all(text in out for text in ("Verso il contratto", "Bozza", "Assistenza legale", "Fascicolo chiuso"))


def test_what_is_refused_at_a_terminal(terminal: Terminal, tmp_path: Path) -> None:
    """By its code, with what to do; nothing is written."""
    network_id = network(terminal, tmp_path)
    case = terminal.json("case", "open", "Prova", "--network", network_id, "--line", "legal", "--by", "anna")["case_id"]
    old = tmp_path / "vecchio.doc"
    old.write_bytes(OLD_OFFICE)
    for words, wanted in (
        (("hours", case, "25", "--line", "legal"), "case-hours-bad"),
        (("hours", "ffffffff", "1", "--line", "legal"), "case-unknown"),
        (("cost", case, "uno", "x", "--line", "legal"), "case-amount-bad"),
        (("document", "add", case, str(old), "--kind", "other"), "document-type-bad"),
        (("hand-over", case, "--to", "nessuno"), "case-owner-unknown"),
        (("resume", case), "case-not-suspended"),
        (("open", "Senza rete", "--line", "legal"), "case-subject"),
    ):
        code, _, err = terminal.run("case", *words, "--by", "anna")
        assert (code, wanted in err) == (1, True), (words, err)
