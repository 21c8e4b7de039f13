"""Calls, rankings, courses and certificates as JSON and CSV: what the logs say, at every node alike, and of nobody anything."""

from __future__ import annotations

import base64
import csv
import datetime as dt
import io
import json
import uuid
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import jsonschema
import pytest

from node import runtime
from node.domain.programme import certificate, published_ranking
from node.domain.programme.certificate import Facts
from node.domain.programme.published_ranking import Head
from node.flows.logs.append import sign_head
from node.flows.programme import announce
from node.store.postgres import transaction
from node.web import openapi
from tests.announcements_made import call, course, service, session
from tests.calls_made import CALL_ID, a_call, a_sheet, an_entry, applied, call_document
from tests.federation_made import Clock, Town, federation
from tests.flows.programme.test_announce import put
from tests.web.test_catalogue_api import ATOM, get, read_feed
from tests.web.test_openapi import ask, resolved

CODE = bytes(range(16))


@pytest.fixture
async def towns(server: str, tmp_path: Path) -> AsyncIterator[list[Town]]:
    """Two members that issue calls together, and know what each other's log says."""
    async with federation(server, tmp_path, Clock(), ("p_LE", "cciaa_le")) as found:
        yield found


async def told(town: Town, path: str, status: int = 200) -> Any:
    """Ask for JSON and hold the answer against the document."""
    async with (
        aiohttp.ClientSession() as session_,
        session_.get(f"http://127.0.0.1:{town.port}/api/v1{path}") as reply,
    ):
        assert reply.status == status, await reply.text()
        return await reply.json(content_type=None)


async def table(town: Town, path: str) -> list[dict[str, str]]:
    """Ask for CSV."""
    status, text = await get(town, f"/api/v1{path}", Accept="text/csv")
    assert status == 200
    return list(csv.DictReader(io.StringIO(text)))


async def endorse(town: Town, others: Town, **changes: Any) -> None:
    """Announce a call from one office, and let the other know."""
    await put(town, call(call=call_document(**changes)))
    await others.sync()


async def rank(town: Town, count: int) -> list[dict[str, Any]]:
    """Publish a ranking of so many applications; return its parts."""
    made = a_call()
    entries = [an_entry(n, [a_sheet("p_LE-1", 9, 8, 7, n % 10), a_sheet("p_LE-2", 9, 8, 7, 1)]) for n in range(1, count)]  # fmt: skip
    found = [applied(entry) for entry in entries]
    found.append(applied(an_entry(count, requested=Decimal("1.00")), reasons=("members-few",)))
    at = dt.datetime(2026, 12, 21, 9, tzinfo=dt.UTC)
    parts = published_ranking.documents(made, Head(str(uuid.UUID(int=9, version=4)), at, 1), published_ranking.compute(made, found))  # fmt: skip
    node = town.node
    own = await runtime.current_own(node)
    for part in parts:
        document = {
            "type": "ranking/1", "id": str(uuid.uuid4()), "title": {"it": "Graduatoria"}, "summary": {"it": "Parte."}, "regions": [],
            "begins": None, "ends": None, "deadline": part["appeals_until"], "ranking": part,
        }  # fmt: skip
        # As its own flow does, once two people have agreed (tests/flows/programme/test_joint_call.py).
        async with transaction(node.pool) as conn:
            await announce.put(conn, node.config, own, node.clock(), document)
    await sign_head(node.pool, own, node.clock())
    return parts


async def test_a_call_tells_who_has_endorsed_it_and_whether_it_is_open(towns: list[Town]) -> None:
    """One of two: unendorsed; both: open at both nodes; another text of one: contested, with the other text named."""
    lecce, chamber = towns
    await endorse(lecce, chamber)
    (one,) = (await told(chamber, "/calls"))["items"]
    assert (one["state"], one["is_open"]) == ("unendorsed", False)
    assert [(said["issuer"], said["state"]) for said in one["endorsements"]] == [("p_LE", "endorsed"), ("cciaa_le", "missing")]  # fmt: skip
    await endorse(chamber, lecce)
    for town in towns:
        whole = await told(town, f"/calls/{CALL_ID}")
        assert (whole["state"], whole["is_open"], whole["ranking"], whole["others"]) == ("open", True, None, [])
        assert whole["document"] == call_document()
        assert (await told(town, "/calls?state=open&issuer=CCIAA_LE"))["total"] == 1
    assert (await told(lecce, "/calls?state=closed"))["items"] == []
    (row,) = await table(lecce, "/calls")
    assert (row["call_id"], row["state"], row["endorsed_by"], row["budget"]) == (CALL_ID, "open", "p_LE cciaa_le", "200000.00")  # fmt: skip
    await endorse(chamber, lecce, max_grant="10000.00")
    whole = await told(lecce, f"/calls/{CALL_ID}")
    assert (whole["state"], whole["endorsements"][1]["state"], len(whole["others"])) == ("contested", "differs", 1)


async def test_calls_come_page_by_page_each_once(towns: list[Town]) -> None:
    """What closes last first; a cursor of another question, or of nothing, is refused."""
    lecce = towns[0]
    ids = [str(uuid.UUID(int=n, version=4)) for n in range(1, 8)]
    for n, ident in enumerate(ids):
        await put(lecce, call(call=call_document(id=ident, closes=f"2026-12-{10 + n // 2}T11:00:00Z")))
    seen, cursor = [], ""
    while True:
        page = await told(lecce, f"/calls?limit=3&cursor={cursor}")
        assert page["total"] == 7
        seen += [(one["closes"], one["call_id"]) for one in page["items"]]
        cursor = page["cursor"]
        if not cursor:
            break
        assert (await told(lecce, f"/calls?limit=3&state=open&cursor={cursor}", 400))["code"] == "query-cursor-bad"
    assert (seen, len(set(seen))) == (sorted(seen, reverse=True), 7)
    for path in ("/calls?cursor=AAAA", "/calls?state=x", "/calls?issuer=%22", "/calls?limit=0", "/calls?q=x", f"/calls/{CALL_ID}?q=x"):  # fmt: skip
        assert (await told(lecce, path, 400))["code"].startswith("query-")
    for ident in ("x", str(uuid.uuid4())):
        for path in (f"/calls/{ident}", f"/calls/{ident}/ranking"):
            assert (await told(lecce, path, 404))["code"] == "call-unknown"


async def test_a_ranking_is_told_as_published_and_no_application_behind_it(towns: list[Town]) -> None:
    """Who is funded and with how many points, page by page; no identifier of an application, no evaluator's sheet."""
    lecce, chamber = towns
    await endorse(lecce, chamber)
    await endorse(chamber, lecce)
    assert (await told(lecce, f"/calls/{CALL_ID}/ranking", 404))["code"] == "ranking-unpublished"
    parts = await rank(lecce, 12)
    head = (await told(lecce, f"/calls/{CALL_ID}"))["ranking"]
    assert (head["published_by"], head["is_signed"], head["rows"]) == (["p_LE"], False, 12)
    await rank(chamber, 12)
    await lecce.sync()
    first = await told(lecce, f"/calls/{CALL_ID}/ranking?limit=8")
    rest = await told(lecce, f"/calls/{CALL_ID}/ranking?limit=8&cursor={first['cursor']}")
    assert (first["is_signed"], len(first["items"]), len(rest["items"]), rest["cursor"]) == (True, 8, 4, "")
    rows = [row for part in parts for row in part["rows"]]
    shown = first["items"] + rest["items"]
    assert [row["protocol"] for row in shown] == [row["protocol"] for row in rows]
    assert (shown[0]["rank"], shown[0]["status"], shown[-1]["reasons"]) == (1, "funded", ["members-few"])
    for row in shown:
        assert set(row) == {"rank", "office", "protocol", "points", "status", "reasons", "granted"}
    assert "p_LE-1" not in json.dumps(shown)
    assert [row["granted"] for row in await table(lecce, f"/calls/{CALL_ID}/ranking?limit=100")] == [row["granted"] for row in rows]  # fmt: skip
    assert (await told(lecce, f"/calls/{CALL_ID}/ranking?cursor={first['cursor'][:-2]}xx", 400))["code"] == "query-cursor-bad"  # fmt: skip


async def test_a_course_tells_its_editions_and_nobody(towns: list[Town]) -> None:
    """Open until its last day; meetings with the single one; a row of CSV an edition; another kind is no course."""
    lecce, chamber = towns
    made = course()
    second = {**made["course"]["editions"][0], "code": "2027-02", "state": "cancelled", "deadline": "2026-12-31"}
    made["course"]["editions"].append(second)
    done, other = await put(lecce, made), await put(lecce, session())
    await chamber.sync()
    (one,) = (await told(chamber, "/courses?q=masterclass"))["items"]
    assert [(e["code"], e["state"], e["is_open"], e["seats"], e["sessions"]) for e in one["editions"]] == [
        ("2027-01", "open", True, 20, 1), ("2027-02", "cancelled", False, 20, 1),
    ]  # fmt: skip
    whole = await told(chamber, f"/courses/{done.id}?owner=p_LE")
    assert whole["editions"][0]["meetings"] == [
        {"day": "2027-01-12", "hour": "09:30", "place": "Aula grande", "municipality": None, "title": None, "online": False}
    ]  # fmt: skip
    assert (whole["how"], whole["owner"], whole["proof"] is None) == ({"it": "Presso il proprio ufficio."}, "p_LE", False)  # fmt: skip
    assert [(row["edition"], row["is_open"]) for row in await table(chamber, "/courses")] == [("2027-01", "true"), ("2027-02", "false")]  # fmt: skip
    chamber.node.clock.forward(days=60)  # type: ignore[attr-defined]
    assert [e["is_open"] for e in (await told(chamber, f"/courses/{done.id}"))["editions"]] == [False, False]
    for path in (f"/courses/{other.id}", "/courses/x", f"/courses/{uuid.uuid4()}", f"/courses/{done.id}?owner=cciaa_le"):  # fmt: skip
        assert (await told(chamber, path, 404))["code"] == "announcement-unknown"
    for path in ("/courses?kind=course", "/courses?line=legal", f"/courses/{done.id}?q=x"):
        assert (await told(chamber, path, 400))["code"] == "query-parameter-unknown"


async def test_whoever_has_a_certificate_is_told_that_it_is_true(towns: list[Town]) -> None:
    """At another member's node, by code and name in a body; a wrong name, a wrong code and a wrong body are each told."""
    lecce, chamber = towns
    made = course()
    edition = made["course"]["editions"][0]
    secret = certificate.commitment(CODE, Facts("p_LE", made["id"], edition["code"], "Persona di Prova"))
    made["course"]["editions"] = [{**edition, "state": "held", "certificates": [base64.b64encode(secret).decode()]}]
    await put(lecce, made)
    await chamber.sync()
    document = openapi.document("http://x.example", sandbox=True)
    path, spelled = "/api/v1/certificates/checks", certificate.spelled(CODE)
    good = {"code": spelled.lower(), "name": "persona  di PROVA"}
    async with aiohttp.ClientSession(f"http://127.0.0.1:{chamber.port}") as asking:

        async def check(status: int, **sent: Any) -> Any:
            async with asking.post(path, **sent) as reply:
                assert reply.status == status, await reply.text()
                answer = resolved(document["paths"][path]["post"]["responses"][str(status)], document)
                assert set(answer["headers"]) <= set(reply.headers)
                found = json.loads(await reply.read())
                jsonschema.validate(found, answer["content"][reply.content_type]["schema"])
                assert reply.headers["Cache-Control"] == "no-store"
                return found

        found = await check(200, json=good)
        assert (found["is_valid"], found["owner"], found["edition"], found["course_id"]) == (True, "p_LE", "2027-01", made["id"])  # fmt: skip
        assert await check(200, json={**good, "name": "Altra Persona"}) == {"is_valid": False}
        assert (await check(400, json={**good, "code": spelled[:-1]}))["code"] == "certificate-code-bad"
        for body in ({}, {"code": spelled}, {**good, "more": 1}, {"code": 7, "name": "x"}, {**good, "name": "x" * 201}, [good]):  # fmt: skip
            assert (await check(400, json=body))["code"] == "certificate-check-bad"
        assert (await check(415, data=b"code=x"))["code"] == "content-type-bad"
        statuses = []
        for _ in range(60):
            async with asking.post(path, json=good) as reply:
                statuses.append(reply.status)
                left = reply.headers["X-RateLimit-Remaining"]
        assert (statuses[-1], left) == (429, "0")


async def test_days_and_words_part_the_catalogue_and_its_feed(towns: list[Town]) -> None:
    """What takes place, or can be asked for, between two days; the feed takes the words of the page it is linked from."""
    lecce = towns[0]
    for document in (session(), service(), call(), course()):
        await put(lecce, document)
    for asked, kinds in (
        ("from=2026-12-10&until=2026-12-10", ["service", "session"]),
        ("from=2026-12-11&until=2026-12-31", ["service"]),
        ("from=2027-02-01&until=2027-02-10", ["call", "course", "service"]),
        ("until=2027-01-12&q=rete", ["course", "service", "session"]),
        ("from=2027-04-01", ["service"]),
    ):
        found = await told(lecce, f"/announcements?{asked}")
        assert sorted(item["kind"] for item in found["items"]) == kinds, asked
        assert found["total"] == len(kinds)
        feed = read_feed((await get(lecce, f"/catalogo.atom?{asked}"))[1])
        terms = sorted(one.attrib["term"] for one in feed.iter(f"{ATOM}category"))
        assert terms == kinds, asked
    for bad in ("from=2027-13-01", "until=20270101", "from=2027-02-01&until=2027-01-01"):
        assert (await told(lecce, f"/announcements?{bad}", 400))["code"] == "query-value-bad"
    assert [row["kind"] for row in await table(lecce, "/announcements?kind=session")] == ["session"]
    _, text = await get(lecce, "/catalogo?q=masterclass&from=2027-01-01")
    assert 'href="/catalogo.atom?q=masterclass&amp;from=2027-01-01"' in text


@pytest.mark.parametrize("path", ["/api/v1/announcements", "/api/v1/calls", "/api/v1/courses"])
async def test_every_form_of_a_list_is_as_the_document_says(towns: list[Town], path: str) -> None:
    """JSON and CSV, unchanged as 304, and no other form."""
    await put(towns[0], call())
    await put(towns[0], course())
    base = f"http://127.0.0.1:{towns[0].port}"
    document = openapi.document(base, sandbox=True)
    async with aiohttp.ClientSession() as asking:
        for form in ("json", "csv"):
            for limit in ("1", "100"):
                asked = {"format": form, "limit": limit}
                assert await ask(asking, base + path, document, path, params=asked) == 200
                async with asking.get(base + path, params=asked) as reply:
                    tag = {"If-None-Match": reply.headers["ETag"]}
                assert await ask(asking, base + path, document, path, params=asked, headers=tag) == 304
        assert await ask(asking, base + path, document, path, params={"format": "xlsx"}) == 400
