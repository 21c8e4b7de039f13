"""``rete match`` and ``/api/v1/matches``: one answer, two faces."""

from __future__ import annotations

import json
from pathlib import Path

import aiohttp
import pytest

from node.flows.logs.append import Operation
from node.protocol import canonical
from tests.cli.test_log_commands import rete
from tests.federation_made import Clock, federation
from tests.profiles_made import label, profile


def want(category: str, text: str) -> dict[str, object]:
    """A need or an offer."""
    return {"category": category, "text": {"it": text}}


def timeless(item: dict[str, object]) -> dict[str, object]:
    """A match without what the day tells."""
    parts = [part for part in item["parts"] if part["name"] != "fresh"]  # type: ignore[attr-defined, index]
    return {**item, "parts": parts, "score": None}


CHAIN = (
    ("lecce", "PRO", "LE", [want("production_capacity", "imbottigliamento")], [want("raw_materials", "olio sfuso")]),
    ("torino", "PRO", "TO", [want("raw_materials", "olio"), want("distribution", "negozi esteri")], [want("production_capacity", "linea di imbottigliamento")]),
    ("roma", "PRO", "RM", [want("production_capacity", "imbottigliamento")], [want("distribution", "rete di negozi esteri")]),
)  # fmt: skip


@pytest.mark.timeout(120)
async def test_partners_and_groups_across_three_nodes(server: str, tmp_path: Path) -> None:
    """Published, pulled, matched: the same by command and by API, with reasons in words; mistakes are told."""
    async with federation(server, tmp_path, Clock(), [name for name, *_ in CHAIN]) as towns:
        ids = {}
        for number, (town, (name, level, place, needs, offers)) in enumerate(zip(towns, CHAIN, strict=True), 1):
            document = profile(number, f"Scheda di {name}", owner=name, territory=label(level, place), needs=needs, offers=offers, target_countries=["AL"])  # fmt: skip
            ids[name] = document["id"]
            await town.write(Operation(document["id"], canonical.dumps(document)))
        for town in towns:
            await town.sync()
        lecce = towns[0]
        status, out, _ = await rete(lecce, "match", ids["lecce"], "--json")
        found = json.loads(out)
        assert (status, found["complete"], found["matches"][0]["profile_id"]) == (0, True, ids["torino"])
        assert {link["category"] for link in found["matches"][0]["links"]} == {"production_capacity", "raw_materials"}
        status, out, _ = await rete(lecce, "match", ids["lecce"][:8])
        assert (status, "offre ciò che serve: Capacità" in " ".join(out.decode().split())) == (0, True)
        status, out, _ = await rete(lecce, "match", "--suggest", "--json")
        (group,) = json.loads(out)["groups"]
        assert {member["owner"] for member in group["members"]} == {"lecce", "torino", "roma"}
        assert group["countries"] == ["AL"]
        status, out, _ = await rete(lecce, "match", "--suggest")
        assert (status, "torino → lecce: Capacità produttiva" in out.decode()) == (0, True)
        base = f"http://127.0.0.1:{lecce.port}/api/v1/matches"
        async with aiohttp.ClientSession() as session:
            async with session.get(base, params={"profile": ids["lecce"]}) as reply:
                told = await reply.json()
            # The command has another clock than this node: a day's freshness apart, the two say the same.
            assert reply.status == 200
            assert [timeless(item) for item in told.pop("matches")] == [timeless(item) for item in found.pop("matches")]
            assert told == found
            async with session.get(base, params={"profile": ids["lecce"], "suggest": "1"}) as reply:
                assert (await reply.json())["groups"] == [group]
            for wrong, code in (({}, 404), ({"profile": "x"}, 404), ({"profile": ids["lecce"], "limit": "0"}, 400), ({"profile": ids["lecce"], "x": "1"}, 400), ({"profile": ids["lecce"], "suggest": "y"}, 400)):  # fmt: skip
                async with session.get(base, params=wrong) as reply:
                    assert (reply.status, reply.content_type) == (code, "application/problem+json")
        for words, code in ((("match",), "match-subject-missing"), (("match", "nessuna"), "match-unknown")):
            status, _, err = await rete(lecce, *words)
            assert (status, code in err) == (1, True)
