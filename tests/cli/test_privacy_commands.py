"""``rete privacy`` as an officer types it, on a real home: outcomes, exit status, the report's page, the files."""

from __future__ import annotations

import csv
import io
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.cli.test_log_commands import rete
from tests.flows.profiles.test_partitions import load, two_offices
from tests.office_made import lecce


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self) -> None:
        """Read nothing yet."""
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Note text."""
        self.words.append(data)


async def answer(town: Any, *words: str) -> tuple[int, Any, str]:
    """Run one command with --json; return (exit status, its JSON or None, standard error)."""
    status, out, err = await rete(town, "privacy", *words, "--json")
    return status, json.loads(out) if out else None, err


@pytest.mark.timeout(120)
async def test_the_audit_speaks_to_machines_and_people(server: str, tmp_path: Path) -> None:
    """JSON, tables, a page without anything foreign in it; a broken bound ends with status one."""
    async with two_offices(server, tmp_path) as (town, office, other):
        status, found, err = await answer(other, "audit")
        assert (status, found) == (1, None)
        assert "register-missing" in err
        for at in range(3):
            await office.queued(at)
        await office.release(town.node.clock())
        report = tmp_path / "report.html"
        status, found, err = await answer(town, "audit", "--html", str(report))
        assert (status, found["ok"], found["scope"], found["profiles"], err) == (0, True, "own", 3, "")
        assert [a["attack"] for a in found["attacks"]] == [
            "linkage", "scope", "rule", "versions", "today", "freshness", "text", "size", "order",
        ]  # fmt: skip
        assert {a["broken"] for a in found["attacks"]} == {False}
        assert found["attacks"][0]["smallest"] >= 8
        assert found["risks"]["journalist"] <= found["risks"]["bound"] == 0.2
        assert found["sample"]["profiles"] == 3
        assert "Tutti i limiti sono rispettati" in found["sentences"][0]

        page = Page()
        page.feed(report.read_text(encoding="utf-8"))
        names = [tag for tag, _ in page.tags]
        assert ("html", {"lang": "it"}) in page.tags
        assert (names.count("h1"), names.count("table"), names.count("caption")) == (1, 2, 2)
        assert {attrs.get("scope") for tag, attrs in page.tags if tag == "th"} == {"col", "row"}
        assert not {"script", "img", "link", "iframe"} & set(names)
        assert not [attrs for _, attrs in page.tags if {"src", "href", "onclick"} & set(attrs)]
        assert found["sentences"][0] in page.words
        assert report.stat().st_mode & 0o777 == 0o600
        status, _, err = await answer(town, "audit", "--html", str(report))
        assert (status, "file-exists" in err) == (1, True)
        status, words, _ = await rete(town, "privacy", "audit", "--html", str(report), "--force")
        assert (status, b"Tutti i limiti sono rispettati" in words) == (0, True)

        await other.sync()
        await load(other, lecce())
        status, found, _ = await answer(other, "audit", "--federation")
        assert (status, found["scope"], found["profiles"]) == (0, "federation", 3)

        async with town.node.pool.acquire() as conn:
            raw = await conn.fetchval("SELECT b.body FROM log.body b JOIN coop.profile USING (origin_id, idx) LIMIT 1")
            bent = orjson.loads(raw)
            bent["labels"]["territory"] = {"level": "COM", "values": ["075035"]}
            await conn.execute("UPDATE log.body SET body = $1 WHERE body = $2", orjson.dumps(bent), raw)
        status, found, _ = await answer(town, "audit", "--html", str(report), "--force")
        assert (status, found["ok"], [e["profile_id"] for e in found["exposed"]]) == (1, False, [bent["id"]])
        assert "NON è rispettato" in found["sentences"][0]
        assert bent["id"] in report.read_text(encoding="utf-8")
        status, words, _ = await rete(town, "privacy", "audit")
        assert (status, bent["id"][:8].encode() in words) == (1, True)


@pytest.mark.timeout(120)
async def test_the_export_writes_whole_files_and_keeps_the_truth_close(server: str, tmp_path: Path) -> None:
    """Four files with their headers; the truth for its owner alone; nothing is replaced without --force."""
    async with two_offices(server, tmp_path) as (town, office, _):
        await office.queued(0)
        await office.release(town.node.clock())
        out = tmp_path / "out"
        out.mkdir()
        files = {name: out / f"{name}.csv" for name in ("population", "profiles", "labels", "truth")}
        words = [word for name, path in files.items() for word in (f"--{name}", str(path))]
        status, found, _ = await answer(town, "export", *words)
        assert (status, sorted(found["files"])) == (0, sorted(map(str, files.values())))
        assert files["truth"].stat().st_mode & 0o777 == 0o600
        tables = {
            name: list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))
            for name, path in files.items()
        }
        assert {name: (len(rows) - 1) for name, rows in tables.items()} == {
            name: found["files"][str(path)] for name, path in files.items()
        }
        assert (len(tables["profiles"]), len(tables["truth"])) == (2, 2)
        assert tables["profiles"][1][:4] == [tables["truth"][1][0], "1", "0", "PRO:LE"]
        status, _, err = await answer(town, "export", *words)
        assert (status, "file-exists" in err) == (1, True)
        status, shown, _ = await rete(town, "privacy", "export", *words, "--force")
        assert (status, "non farlo uscire" in " ".join(shown.decode().split())) == (0, True)
        status, _, err = await answer(town, "export", *words[:4])
        assert (status, "--labels" in err) == (2, True)
