"""Saved searches over HTTP: made by anybody within bounds, opened by their token alone, followed by feed, left with one click."""

from __future__ import annotations

import dataclasses
import datetime as dt
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import jsonschema
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request
from multidict import CIMultiDict

from node.domain.saved import ATOM
from node.errors import CallerError
from node.flows.searching import saved as flow
from node.flows.searching import tell
from node.store import gdpr
from node.store.postgres import Pool, open_pool
from node.web import assets, openapi, saved
from node.web.allowance import Allowances, caller_of, limiter, teller
from node.web.middleware import errors
from node.web.pages import frame, leaving
from tests.profiles_made import NOW, add_origin, profile, store
from tests.web.test_openapi import resolved

Client = TestClient[web.Request, web.Application]
KEY = b"k" * 32
SETTINGS = flow.Settings("Provincia di Lecce", "https://lecce.example.it", KEY, 5, 6, False)
PATH = "/api/v1/saved-searches"
DOCUMENT = openapi.document(openapi.SANDBOX, sandbox=True)
ROLES = Path(__file__).resolve().parents[2] / "deploy" / "roles.sql"
OLIO = {"title": "Olio in Puglia", "query": {"q": "olio", "territory": "ITF4"}}


def application(pool: Pool, *, limited: bool = False, behind_proxy: bool = False) -> web.Application:
    """The routes alone; without an allowance unless it is what is tried."""
    allowances = Allowances()
    limits = [limiter(allowances, lambda: NOW, behind_proxy=behind_proxy)] if limited else []
    app = web.Application(middlewares=[errors, *limits])
    app.on_response_prepare.append(teller(allowances, lambda: NOW, behind_proxy=False))
    saved.install(app, pool, lambda: NOW, SETTINGS)
    assets.install(app, assets.load())
    frame.install(app, frame.Site("Provincia di Lecce", "", production=False))
    app.add_routes(leaving.routes())
    return app


@pytest.fixture
async def client(pool: Pool) -> AsyncIterator[Client]:
    """A client of a node that knows three profiles."""
    async with pool.acquire() as conn:
        origin = await add_origin(conn, is_own=True)
        titles = ("Olio nuovo", "Vino & <terra>\ufffe", "Olio vecchio")
        made = [profile(n, title, round=20_000 + n) for n, title in enumerate(titles, 1)]
        await store(conn, origin, made)
    async with TestClient(TestServer(application(pool))) as client:
        yield client


async def make(client: Client, **changes: Any) -> dict[str, Any]:
    """Save one and return what was answered."""
    async with client.post(PATH, json={**OLIO, **changes}) as reply:
        assert reply.status == 201, await reply.text()
        held(await reply.json(), "/api/v1/saved-searches", "post", "201")
        assert reply.headers["Cache-Control"] == "no-store"
        found: dict[str, Any] = await reply.json()
        assert reply.headers["Location"] == f"{PATH}/{found['search_id']}"
    return found


def held(document: Any, path: str, method: str, status: str) -> None:
    """Hold an answer against the OpenAPI document."""
    answer = resolved(DOCUMENT["paths"][path][method]["responses"][status], DOCUMENT)
    (media,) = answer["content"].values()
    jsonschema.validate(document, media["schema"], cls=jsonschema.Draft202012Validator)


def bearer(token: str) -> dict[str, str]:
    """The header that shows a token."""
    return {"Authorization": f"Bearer {token}"}


async def feed_of(client: Client, search_id: str) -> ET.Element:
    """A feed as XML."""
    async with client.get(f"{PATH}/{search_id}/feed.atom") as reply:
        assert (reply.status, reply.content_type) == (200, "application/atom+xml")
        return ET.fromstring(await reply.read())  # noqa: S314 - our own bytes


async def test_a_search_is_saved_read_and_erased_by_its_token_alone(client: Client, pool: Pool) -> None:
    """The token is told once and kept as a hash; a wrong one and an unknown search are the same answer."""
    made = await make(client)
    where = f"{PATH}/{made['search_id']}"
    async with client.get(where, headers=bearer(made["token"])) as reply:
        found = await reply.json()
        held(found, f"{PATH}/{{search_id}}", "get", "200")
        assert found == {key: value for key, value in made.items() if key != "token"}
        tag = reply.headers["ETag"]
    async with client.get(where, headers={**bearer(made["token"]), "If-None-Match": tag}) as reply:
        assert (reply.status, await reply.read()) == (304, b"")
    async with pool.acquire() as conn:
        (row,) = await conn.fetch("SELECT t::text AS row FROM office.saved_search t")
    assert made["token"] not in row["row"]
    for method in ("GET", "DELETE"):
        async with client.request(method, where) as reply:
            assert (reply.status, reply.headers["WWW-Authenticate"]) == (401, "Bearer")
        texts = set()
        for path, token in ((where, "w" * 43), (f"{PATH}/{'0' * 8}-0000-4000-8000-{'0' * 12}", made["token"]), (f"{PATH}/x", made["token"])):  # fmt: skip
            async with client.request(method, path, headers=bearer(token)) as reply:
                problem = await reply.json()
                texts.add((reply.status, problem["code"], problem["title"], problem.get("detail")))
        assert len(texts) == 1
        assert next(iter(texts))[:2] == (404, "saved-unknown")
    async with client.delete(where, headers=bearer(made["token"])) as reply:
        assert (reply.status, await reply.read()) == (204, b"")
    for path in (where, f"{where}/feed.atom"):
        async with client.get(path, headers=bearer(made["token"])) as reply:
            assert reply.status == 404
    async with pool.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM office.saved_search") == 0


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "saved-body-bad"),
        (b"[]", 400, "saved-body-bad"),
        (b"{" * 100, 400, "saved-body-bad"),
        (b'{"title": "x"}', 400, "saved-body-bad"),
        (b'{"title": "x", "query": {"q": 1}}', 400, "saved-body-bad"),
        (b'{"title": 1, "query": {}}', 400, "saved-body-bad"),
        (b'{"title": "x", "query": {}, "email": "a@example.org"}', 400, "saved-body-bad"),
        (b'{"title": "x", "query": {}, "webhook": "https://example.org/"}', 400, "saved-body-bad"),
        (b'{"title": "", "query": {}}', 400, "saved-title-bad"),
        (b'{"title": "a\\u0000b", "query": {}}', 400, "saved-title-bad"),
        (b'{"title": "a\\u202eb", "query": {}}', 400, "saved-title-bad"),
        (b'{"title": "%s", "query": {}}' % (b"a" * 121), 400, "saved-title-bad"),
        (b'{"title": "x", "query": {"cursor": "x"}}', 400, "query-parameter-unknown"),
        (b'{"title": "x", "query": {"colour": "red"}}', 400, "query-parameter-unknown"),
        (b'{"title": "x", "query": {"theme": "inovation"}}', 400, "query-value-unknown"),
        (b'{"title": "x", "query": {"q": "a\\u0000"}}', 400, "query-value-bad"),
        (b'{"title": "x", "query": {"q": "%s"}}' % (b"a" * 20_000), 413, "request-too-large"),
    ],
)
async def test_what_is_no_search_is_refused(client: Client, body: bytes, status: int, code: str) -> None:
    """With a stable code, and never as a failure of ours; addresses can't be given here."""
    async with client.post(PATH, data=body, headers={"Content-Type": "application/json"}) as reply:
        problem = await reply.json()
        assert (reply.status, reply.content_type, problem["code"]) == (status, "application/problem+json", code)
        held(problem, PATH, "post", str(status))


async def test_only_json_and_only_so_many(client: Client, pool: Pool) -> None:
    """Another content type is 415; when all that there may be are read, one more is 409, until one is erased."""
    async with client.post(PATH, data=b"{}", headers={"Content-Type": "text/plain"}) as reply:
        assert reply.status == 415
    made = [await make(client) for _ in range(SETTINGS.max_searches)]
    async with pool.acquire() as conn:
        await conn.execute("UPDATE office.saved_search SET created_at = created_at - interval '1 day'")
    async with client.post(PATH, json=OLIO) as reply:
        problem = await reply.json()
        assert (reply.status, problem["code"]) == (409, "saved-too-many")
        held(problem, PATH, "post", "409")
    async with client.delete(f"{PATH}/{made[0]['search_id']}", headers=bearer(made[0]["token"])) as reply:
        assert reply.status == 204
    await make(client)


async def test_a_full_quota_drops_what_nobody_ever_read(client: Client, pool: Pool) -> None:
    """The longest unread first; never one that was read after its first day, and never the office's."""
    query = saved.parse([], saved.load_label_reference())
    office = await tell.save(pool, SETTINGS, "Ufficio", query, NOW)
    made = [(await make(client, title=f"Ricerca {n}"))["search_id"] for n in range(SETTINGS.max_searches)]
    async with pool.acquire() as conn:
        # Made ever earlier, the last first; the last of all was read on a later day.
        for days, search_id in enumerate(made):
            day = NOW - dt.timedelta(days=days + 1)
            await conn.execute("UPDATE office.saved_search SET created_at = $2, read_on = $3 WHERE search_id::text = $1", search_id, day, day.date())  # fmt: skip
        await conn.execute("UPDATE office.saved_search SET read_on = read_on + 1 WHERE search_id::text = $1", made[-1])

    async def kept() -> set[str]:
        async with pool.acquire() as conn:
            return {str(row["search_id"]) for row in await conn.fetch("SELECT search_id FROM office.saved_search")}

    new = [(await make(client))["search_id"] for _ in range(2)]
    assert await kept() == {office.search_id, made[0], made[1], made[4], *new}
    # A smaller number than there are: all that is above it goes, or nothing.
    smaller = dataclasses.replace(SETTINGS, max_searches=2)
    found = await flow.save(pool, smaller, "x", query, NOW)
    assert {office.search_id, made[4], found.search_id} == await kept()
    async with pool.acquire() as conn:
        await conn.execute("UPDATE office.saved_search SET created_at = created_at - interval '1 day'")
    before = await kept()
    for most in (2, 1, 0):
        with pytest.raises(CallerError) as caught:
            await flow.save(pool, dataclasses.replace(SETTINGS, max_searches=most), "x", query, NOW)
        assert caught.value.code == "saved-too-many"
    with pytest.raises(CallerError):
        await tell.save(pool, dataclasses.replace(SETTINGS, max_searches=1), "x", query, NOW)
    assert await kept() == before


@pytest.mark.parametrize(
    ("address", "caller"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::1]", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("who knows", "who knows"),
    ],
)
def test_a_caller_of_ipv6_is_its_network(address: str, caller: str) -> None:
    """Whoever has one address of a /64 has all of them; the same address has one spelling."""
    request = make_mocked_request("GET", "/", headers={"X-Forwarded-For": f"10.0.0.9, {address}"})
    assert caller_of(request, behind_proxy=True) == caller


async def test_strangers_that_want_to_join_are_counted_by_their_site() -> None:
    """Requests to join wait for people: ten from one /48 and no more, from whichever /64 of it; another kind counts by /64."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response()

    limit = limiter(Allowances(), lambda: NOW, behind_proxy=True)

    async def ask(method: str, path: str, number: int) -> None:
        headers = {"X-Forwarded-For": f"2001:db8:1:{number:x}::1"}
        await limit(make_mocked_request(method, path, headers=headers), answer)

    for number in range(10):
        await ask("POST", "/federation/agreement/requests", number)
    with pytest.raises(CallerError, match="richieste"):
        await ask("POST", "/federation/agreement/requests", 10)
    for number in range(200):
        await ask("POST", "/federation/agreement/signatures", number)


def test_of_several_lines_of_proxies_the_last_counts() -> None:
    """What the caller wrote first is no address of ours."""
    lines = CIMultiDict([("X-Forwarded-For", "203.0.113.1"), ("X-Forwarded-For", "198.51.100.7")])
    assert caller_of(make_mocked_request("GET", "/", headers=lines), behind_proxy=True) == "198.51.100.7"


async def test_one_network_saves_no_more_than_one_address(pool: Pool) -> None:
    """From ever new addresses of one /64 as from one; the next /64 is somebody else."""
    async with TestClient(TestServer(application(pool, limited=True, behind_proxy=True))) as client:
        statuses = []
        for address in (*(f"2001:db8::{n}" for n in range(1, 12)), "2001:db8:0:1::1"):
            async with client.post(PATH, data=b"", headers={"X-Forwarded-For": address}) as reply:
                statuses.append(reply.status)
        assert statuses == [415] * 10 + [429, 415]


async def test_saving_is_rationed_more_than_reading(pool: Pool) -> None:
    """One address saves ten at once; then 429 with what is left, while reading goes on."""
    async with TestClient(TestServer(application(pool, limited=True))) as client:
        statuses = []
        for _ in range(11):
            async with client.post(PATH, data=b"") as reply:
                statuses.append(reply.status)
                left = reply.headers["X-RateLimit-Remaining"]
        assert (statuses, left) == ([415] * 10 + [429], "0")
        async with client.get(f"{PATH}/x/feed.atom") as reply:
            assert reply.status == 404


async def test_a_feed_is_atom_and_holds_what_the_search_finds(client: Client, pool: Pool) -> None:
    """Stable identifiers, days of publication, newest first, one ETag; signs that XML may not hold are left out."""
    made = await make(client, query={})
    root = await feed_of(client, made["search_id"])
    name = f"{{{ATOM}}}"
    assert root.tag == f"{name}feed"
    assert root.findtext(f"{name}id") == f"urn:uuid:{made['search_id']}"
    entries = root.findall(f"{name}entry")
    assert [e.findtext(f"{name}title") for e in entries] == ["Olio vecchio", "Vino & <terra>", "Olio nuovo"]
    assert [e.findtext(f"{name}id") for e in entries] == [f"urn:uuid:{profile(n)['id']}" for n in (3, 2, 1)]
    assert entries[0].findtext(f"{name}updated") == "2024-10-07T00:00:00Z"
    links = {(link.get("rel"), link.get("href")) for link in root.iter(f"{name}link")}
    assert ("self", made["feed"]) in links
    async with client.get(f"{PATH}/{made['search_id']}/feed.atom") as reply:
        first, tag = await reply.read(), reply.headers["ETag"]
    async with client.get(f"{PATH}/{made['search_id']}/feed.atom", headers={"If-None-Match": tag}) as reply:
        assert (reply.status, await reply.read()) == (304, b"")
    async with pool.acquire() as conn:
        await conn.execute("DELETE FROM log.body WHERE idx = 1")
    async with client.get(f"{PATH}/{made['search_id']}/feed.atom", headers={"If-None-Match": tag}) as reply:
        assert reply.status == 200
        assert profile(2)["id"].encode() in first
        assert profile(2)["id"].encode() not in await reply.read()


async def test_a_search_that_tells_somebody_has_no_feed(client: Client, pool: Pool) -> None:
    """Its title is the office's own; neither its token, which nobody has, nor its identifier opens it."""
    query = saved.parse([("q", "olio")], saved.load_label_reference())
    made = await tell.save(pool, SETTINGS, "Per Rossi", query, NOW, email="a@example.org", has_mail=True)
    async with client.get(f"{PATH}/{made.search_id}/feed.atom") as reply:
        text = await reply.text()
        assert (reply.status, "Rossi" in text, "a@example.org" in text) == (404, False, False)


async def test_a_search_whose_address_was_erased_has_no_feed(client: Client, pool: Pool) -> None:
    """Once an office's search told somebody its title is never public, also after an erasure under the GDPR."""
    query = saved.parse([], saved.load_label_reference())
    made = await tell.save(pool, SETTINGS, "Mia", query, NOW, email="zeno.quarantotti@example.org", has_mail=True)
    hooked = await tell.save(pool, SETTINGS, "Mia", query, NOW, webhook="https://example.org/zeno-quarantotti")
    async with pool.acquire() as conn, conn.transaction():
        counts = await gdpr.erase(conn, gdpr.Seeker([], ["Zeno Quarantotti"]), "anna")
    assert counts == {"office.saved_channel": 2}
    for search_id in (made.search_id, hooked.search_id):
        async with client.get(f"{PATH}/{search_id}/feed.atom") as reply:
            assert (reply.status, "Mia" in await reply.text()) == (404, False)
    async with pool.acquire() as conn:
        rows = await conn.fetch("SELECT address, unsubscribed_at IS NOT NULL AS left FROM office.saved_channel")
    assert [(row["address"], row["left"]) for row in rows] == [("", True)] * 2


async def test_the_peer_facing_role_serves_all_of_it_and_reads_no_address(db: str, pool: Pool) -> None:
    """Saved, read, followed, left and erased over connections that can't read whom to tell."""
    async with pool.acquire() as conn:
        await conn.execute(ROLES.read_text(encoding="utf-8"))
    query = saved.parse([], saved.load_label_reference())
    told = await tell.save(pool, SETTINGS, "Olio", query, NOW, email="a@example.org", has_mail=True)
    public = await open_pool(f"{db}&role=rete_public" if "?" in db else f"{db}?role=rete_public", max_size=2)
    try:
        async with TestClient(TestServer(application(public))) as client:
            for _ in range(SETTINGS.max_searches + 1):
                made = await make(client)
            async with pool.acquire() as conn:
                await conn.execute("UPDATE office.saved_search SET read_on = '2026-01-01'")
            await feed_of(client, made["search_id"])
            async with pool.acquire() as conn:
                read_on = "SELECT read_on FROM office.saved_search WHERE search_id::text = $1"
                assert await conn.fetchval(read_on, made["search_id"]) == NOW.date()
            async with client.delete(f"{PATH}/{made['search_id']}", headers=bearer(made["token"])) as reply:
                assert reply.status == 204
            async with client.post(SETTINGS.leave_url(told.search_id).removeprefix(SETTINGS.base_url)) as reply:
                assert (reply.status, reply.content_type) == (200, "text/html")
        async with public.acquire() as conn:
            for column in ("address", "*"):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await conn.fetch(f"SELECT {column} FROM office.saved_channel")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await conn.fetch("SELECT * FROM office.saved_news")
    finally:
        public.terminate()
    async with pool.acquire() as conn:
        assert await conn.fetchval("SELECT address FROM office.saved_channel") == ""
