"""``rete call`` as two offices type it: a call from its text to the file for the register of aid."""

from __future__ import annotations

import asyncio
import functools
import json
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from node import runtime
from node.__main__ import main
from tests.call_offices_made import CLOSES, OPENS, PDF, CallOffice, Issuers, issuers, make_call_template
from tests.calls_made import WEIGHTS, call_document

SCRIPT = Path(__file__).parents[1] / "recompute_ranking.py"


@pytest.fixture(scope="session")
def called(server: str) -> str:
    """A database with four networks of Lecce."""
    return asyncio.run(make_call_template(server, "rete_calls_typed", 4))


@pytest.fixture
async def two(server: str, called: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Issuers]:
    """The Province and the Chamber of Lecce; commands see the federation's clock."""
    async with issuers(server, called, tmp_path) as found:
        monkeypatch.setattr(runtime, "open_node", functools.partial(runtime.open_node, clock=found.clock))
        yield found


class Typist:
    """Types commands at the homes of two offices."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    async def __call__(self, office: CallOffice, *words: str, code: str = "") -> Any:
        """The JSON of a command; with ``code`` the refusal that it ends with."""
        self._monkeypatch.setenv("RETE_HOME", str(office.town.home))
        self._monkeypatch.setattr("sys.argv", ["rete", "call", *words, "--json"])
        self._capsys.readouterr()

        def run() -> int:
            try:
                main()
            except SystemExit as end:
                return int(end.code or 0)
            return 0

        status = await asyncio.to_thread(run)
        out, err = self._capsys.readouterr()
        if code:
            assert status, out
            assert f"[{code}]" in err
            return None
        assert not status, err
        return json.loads(out)


async def test_a_call_is_typed_from_its_text_to_the_register_of_aid(
    two: Issuers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each step has its JSON; a second officer publishes; the ranking's file is recomputed by the script."""
    rete = Typist(monkeypatch, capsys)
    ident = str(uuid.uuid4())
    text = tmp_path / "bando.json"
    text.write_text(json.dumps(call_document(id=ident, opens=OPENS, closes=CLOSES), indent=1), encoding="utf-8")
    made = await rete(two.province, "draft", str(text), "--by", "anna")
    assert set(made) == {"call_id", "digest", "issuers"}
    await rete(two.province, "endorse", ident, "--digest", "0" * 64, "--by", "anna", code="call-digest-other")
    await rete(two.province, "endorse", ident, "--digest", made["digest"], "--by", "Anna", code="call-own")
    done = await rete(two.province, "endorse", ident, "--digest", made["digest"], "--by", "bruno")
    assert (done["state"], done["changed"]) == ("unendorsed", True)
    await two.meet()
    await rete(two.chamber, "draft", "--from-log", ident, "--by", "anna")
    await rete(two.chamber, "endorse", ident, "--digest", made["digest"], "--by", "bruno")
    await two.meet()
    shown = await rete(two.province, "show", ident)
    assert (shown["state"], shown["endorsers"], shown["texts"]) == ("open", ["p_LE", "cciaa_le"], [made["digest"]])
    assert (await rete(two.province, "show"))["calls"][0]["call_id"] == ident
    paper, lines = tmp_path / "contratto.pdf", tmp_path / "imprese.txt"
    paper.write_bytes(PDF)
    lines.write_text("01234567890; 10.000,00; 2025-01-31=5000\n", encoding="utf-8")
    found = []
    for office, network in ((two.province, 0), (two.province, 0), (two.chamber, 1)):
        words = ("--network", office.networks[network], "--amount", "10000", "--undertakings", str(lines))
        found.append(await rete(office, "apply", ident, *words, "--document", f"contract:{paper}", "--by", "anna"))
    assert [one["reasons"] for one in found] == [[], ["application-duplicate"], []]
    assert [one["protocol"] for one in found] == ["2026-000001", "2026-000002", "2026-000001"]
    opened = await rete(two.province, "application", found[0]["application_id"])
    assert (opened["undertakings"][0]["part"], opened["attached"][0]["kind"]) == ("10000.00", "contract")
    copy = tmp_path / "copia.pdf"
    await rete(two.province, "document", found[0]["application_id"], opened["attached"][0]["document_id"], str(copy))
    assert copy.read_bytes() == PDF
    two.close()
    for office, one in ((two.province, found[0]), (two.chamber, found[2])):
        application = one["application_id"]
        await rete(office, "assign", application, "--evaluator", "carla", "--evaluator", "dario", "--by", "anna")
        for who in ("carla", "dario"):
            assert (await rete(office, "tasks", "--by", who))["tasks"][0]["conflict"] is None
            await rete(office, "declare", application, "--no-conflict", "--by", who)
            points = [word for code in WEIGHTS for word in ("--points", f"{code}=7,5", "--reason", f"{code}=buono")]
            await rete(office, "score", application, *points, "--by", who)
            seen = await rete(office, "scores", application, "--by", who)
            assert len(seen["scores"]) == (1 if who == "carla" else 2)
    for office, other in (two.both, two.both[::-1]):
        sheets = tmp_path / f"{office.id}.sheets"
        await rete(office, "export-sheets", ident, str(sheets), "--to", other.id)
        told = await rete(other, "import-sheets", ident, str(sheets), "--by", "anna")
        assert told["from"] == office.id
    for office in two.both:
        ranked = await rete(office, "rank", ident, "--by", "anna")
        await rete(office, "publish", ident, "--digest", ranked["digest"], "--by", "ANNA", code="ranking-own")
        done = await rete(office, "publish", ident, "--digest", ranked["digest"], "--by", "bruno")
        await two.meet()
    assert done["signed_by_all"]
    file = tmp_path / "graduatoria.json"
    await rete(two.chamber, "ranking", ident, str(file))
    again = await asyncio.to_thread(
        subprocess.run, [sys.executable, SCRIPT, str(file)], capture_output=True, check=True
    )
    assert b"3 rows, 2 funded" in again.stdout
    await _grants(rete, two, ident, found[0]["application_id"], tmp_path)


async def _grants(rete: Typist, two: Issuers, ident: str, application: str, folder: Path) -> None:
    two.clock.forward(days=32)
    granted = await rete(two.province, "grant", application, "--by", "anna")
    assert granted["granted"] == "10000.00"
    await rete(two.province, "pay", application, "--amount", "4000", "--by", "anna")
    await rete(two.province, "expense", application, "--amount", "4000", "--accepted", "4000", "--by", "anna")
    await rete(two.province, "revoke", application, "--amount", "1000", "--reason", "rinuncia", "--by", "anna")
    account = await rete(two.province, "aid-code", application, "COR7", "--by", "anna")
    assert (account["paid"], account["due"], account["to_recover"]) == ("4000.00", "9000.00", "0.00")
    assert (await rete(two.province, "grants", ident))["grants"][0]["aid_code"] == "COR7"
    file = folder / "rna.csv"
    assert (await rete(two.province, "export", ident, str(file)))["rows"] == 1
    assert b"01234567890" in file.read_bytes()
    assert (await rete(two.province, "applications", ident))["applications"][0]["takes_part"]
    await rete(two.province, "withdraw", application, "--by", "anna")
    await rete(two.chamber, "retract", ident, "--by", "anna")
