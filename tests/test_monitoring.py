"""What Prometheus and Grafana are given beside the node: every number that they name is one that a node tells, every alert has its remedy."""

from __future__ import annotations

import datetime as dt
import json
import re
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest

from node import runtime
from node.flows.upkeep import measures
from node.flows.upkeep.backup_shelf import Shelf
from node.flows.upkeep.jobs import Schedule, Turn
from node.runtime import Node
from node.store.backup_folder import Checked, Copy
from node.store.replica import Replica, Sight
from tests.web.test_app import NOW, node

__all__ = ["node"]
ROOT = Path(__file__).resolve().parents[1]
RULES = ROOT / "deploy" / "prometheus" / "rules.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "node.json"
PAGE = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
NAMES = re.compile(r"\b(?:rete|process)_[a-z_]+\b")
_RULE = re.compile(
    r"      - alert: (?P<alert>[A-Za-z]+)\n        expr: '(?P<expr>(?:[^'\n]|'')+)'\n        for: (?P<wait>\d+[mh])\n"
    r"        labels:\n          severity: (?P<severity>warning|critical)\n        annotations:\n"
    r"          summary: '(?P<summary>(?:[^'\n]|'')+)'\n          runbook_url: docs/monitoring\.md#(?P<anchor>[a-z-]+)\n"
)


def rules() -> list[dict[str, str]]:
    """The rules of the file, which is of one form: whatever is of another is refused."""
    lines = RULES.read_text(encoding="utf-8").splitlines(keepends=True)
    text = "".join(line for line in lines if not line.startswith("#"))
    head = "groups:\n  - name: rete\n    rules:\n"
    assert text.startswith(head)
    found = list(_RULE.finditer(text))
    assert head + "".join(one[0] for one in found) == text
    return [one.groupdict() for one in found]


def expressions() -> list[str]:
    """Every question that the rules and the dashboard ask."""
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    asked += [item["query"] for item in board["templating"]["list"] if item["type"] == "query"]
    return [*(rule["expr"] for rule in rules()), *asked]


async def told(node: Node, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, set[str]]:
    """Every name that a node with all that can be watched tells, with its labels."""
    copy = Copy(tmp_path / "a", NOW, 1, "1", 1, "x", "", Checked(NOW, ""))

    async def shelf(_: object) -> Shelf:
        return Shelf(tmp_path, (copy,))

    async def end(*_: object) -> dt.datetime:
        return NOW + dt.timedelta(days=30)

    monkeypatch.setattr(measures.checkup, "backups", shelf)
    monkeypatch.setattr(measures.checkup, "certificate_end", end)
    async with node.pool.acquire() as conn:
        await conn.execute("INSERT INTO post.box (peer) VALUES ('cmto')")
        await conn.execute(
            "INSERT INTO log.origin (origin, owner, name, url, vkey, is_own, root, range_hashes, confirmed_at)"
            " SELECT 'x.example.it/federation/log/2026', 'cmto', 'x', 'https://x', 'x', false, root, range_hashes, now() FROM log.origin WHERE is_own"
        )
    node.meters.answered("/cerca", 200, 0.1)
    node.meters.pulled("cmto", "")
    node.meters.turned("due", "")
    turn = Turn("due", 60, began_at=NOW, ended_at=NOW)
    followed = Replica(node.dsn, node.pool, 2, 10, sight=Sight("ok", 1, 0.5), read={"replica": 1})
    node = replace(node, replica=followed)
    reading = measures.Reading(
        node.place, node.meters, lambda: runtime.current_own(node), node.clock, lambda: Schedule(NOW, (turn,))
    )
    families = await measures.read(reading)
    assert all(family.samples for family in families), [f.name for f in families if not f.samples]
    # Only of a home that lives by an agreement: the test below.
    found = {"rete_agreement_expiry_days": set[str]()}
    for family in families:
        labels = {label for sample in family.samples for label in sample.labels}
        found |= dict.fromkeys(family.sample_names, labels)
    return found


async def test_every_number_that_is_watched_is_told(
    node: Node, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """By its name, and by labels that it has; and what a node tells stands in the docs."""
    known = await told(node, monkeypatch, tmp_path)
    asked = expressions()
    assert len(asked) > 40
    for expression in asked:
        # Whether a node could be read at all is Prometheus's own number.
        assert NAMES.findall(expression) or expression == 'up{job="rete"} == 0', expression
        assert set(NAMES.findall(expression)) <= set(known), expression
    for text in asked:
        for name, matched in re.findall(r"((?:rete|process)_[a-z_]+)\{([^}]*)\}", text):
            labels = set(re.findall(r"([a-z_]+)(?:=~|!=|!~|=)", matched)) - {"instance", "job"}
            assert labels <= known[name], text
    missing = {name for name in known if name not in PAGE and name.removesuffix("_bucket") not in PAGE and not name.endswith(("_count", "_sum"))}  # fmt: skip
    assert not missing


async def test_the_agreement_s_end_is_told(node: Node) -> None:
    """The one number that only a home with an agreement has."""
    async with node.pool.acquire() as conn:
        server = await measures.doctor.server(conn)
        index = await measures.indexing.state(conn)
    seen = measures._Seen(server, None, (), (), index, NOW + dt.timedelta(days=10))
    families = {family.name: family for family in measures._of_database(seen, NOW)}
    assert families["rete_agreement_expiry_days"].samples[0].value == 10
    without = {family.name for family in measures._of_database(replace(seen, expires=None), NOW)}
    assert "rete_agreement_expiry_days" not in without


def test_every_alert_has_a_summary_and_a_remedy() -> None:
    """In Italian, with the place on the page where it stands; no two alerts of one name."""
    anchors = set()
    for heading in re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE):
        plain = unicodedata.normalize("NFC", heading.lower())
        anchors.add(re.sub(r"[^a-z0-9àèéìòù -]", "", plain).replace(" ", "-"))
    found = rules()
    assert len(found) >= 20
    assert len({rule["alert"] for rule in found}) == len(found)
    for rule in found:
        assert rule["anchor"] in anchors, rule["alert"]
        assert rule["alert"] in PAGE, rule["alert"]
        assert rule["expr"].count("(") == rule["expr"].count(")")


def test_every_panel_of_the_dashboard_has_a_place_and_a_question() -> None:
    """None lies over another."""
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    places = [tuple(panel["gridPos"][side] for side in "xywh") for panel in board["panels"]]
    assert len({panel["id"] for panel in board["panels"]}) == len(places)
    taken = {(x + dx, y + dy) for x, y, w, h in places for dx in range(w) for dy in range(h)}
    assert len(taken) == sum(w * h for _, _, w, h in places)
    assert all(panel["title"] and panel["targets"] for panel in board["panels"])
