"""The JSON face: documented keys, one snapshot per ETag, clear problems."""

from __future__ import annotations

from collections.abc import AsyncIterator

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from profiles_made import NOW, add_origin, label, profile, store

from node.store.postgres import Pool
from node.web import api
from node.web.middleware import errors

Client = TestClient[web.Request, web.Application]


@pytest.fixture
async def client(pool: Pool) -> AsyncIterator[Client]:
    """A client of the API routes alone, over two logs."""
    async with pool.acquire() as conn:
        await store(
            conn, await add_origin(conn, "p_LE", is_own=True), [profile(1, "Olio"), profile(2, "Vino")], first=5
        )
        torino = [profile(3, "Olio di Torino", territory=label("PRO", "TO"), owner="p_TO")]
        await store(conn, await add_origin(conn, "p_TO"), torino)
    app = web.Application(middlewares=[errors])
    api.install(app, pool, lambda: NOW)
    async with TestClient(TestServer(app)) as client:
        yield client


async def test_a_result_has_the_documented_keys(client: Client) -> None:
    """Keys, types and dates are those of the module's docstring."""
    reply = await client.get("/api/v1/profiles", params={"q": "olio", "territory": "ITF4"})
    assert (reply.status, reply.content_type) == (200, "application/json")
    document = await reply.json()
    assert set(document) == {
        "total",
        "total_is_exact",
        "facets_are_exact",
        "words_ignored",
        "words_corrected",
        "words_relaxed",
        "suggestion",
        "hits",
        "facets",
        "cursor",
        "completeness",
    }
    assert (document["total"], document["total_is_exact"], document["cursor"]) == (1, True, "")
    (hit,) = document["hits"]
    assert (hit["profile_id"], hit["owner"], hit["index"]) == (profile(1)["id"], "p_LE", 5)
    assert hit["origin"] == "p-le.example/federation/log/2026"
    assert (hit["title"], hit["match"], hit["published"]) == ("Olio", "certain", "2026-10-25")
    assert set(hit["labels"]) == {"territory", "sector", "period", "size", "theme", "kind"}
    assert hit["labels"]["territory"] == {
        "level": "REG", "values": ["ITF4"], "title": "Puglia", "match": "certain", "share": 1.0,
    }  # fmt: skip
    assert {"value": "ITF4", "title": "Puglia", "count": 1, "certain": 1} in document["facets"]["territory"]
    assert document["completeness"] == {"nodes": 2, "current": 2, "stale": []}


async def test_pages_follow_by_cursor(client: Client) -> None:
    """The cursor of a page leads to the rest."""
    first = await (await client.get("/api/v1/profiles", params={"limit": "2"})).json()
    second = await (await client.get("/api/v1/profiles", params={"limit": "2", "cursor": first["cursor"]})).json()
    assert len({hit["profile_id"] for hit in first["hits"] + second["hits"]}) == 3
    assert second["cursor"] == ""


async def test_an_unchanged_answer_is_not_sent_twice(client: Client) -> None:
    """A known ETag gets 304 without a body; another question gets its own."""
    reply = await client.get("/api/v1/profiles")
    again = await client.get("/api/v1/profiles", headers={"If-None-Match": f'W/"x", {reply.headers["ETag"]}'})
    assert (again.status, await again.read()) == (304, b"")
    other = await client.get("/api/v1/profiles", params={"q": "vino"}, headers={"If-None-Match": reply.headers["ETag"]})
    assert other.status == 200


@pytest.mark.parametrize("path", ["/api/v1/profiles", "/api/v1/facets"])
async def test_a_wrong_question_is_a_problem_document(client: Client, path: str) -> None:
    """The code, the parameter and the hint, as problem+json."""
    reply = await client.get(path, params={"theme": "inovation"})
    assert (reply.status, reply.content_type) == (400, "application/problem+json")
    document = orjson.loads(await reply.read())
    assert document["code"] == "query-value-unknown"
    assert "innovation" in document["detail"]


async def test_facets_alone(client: Client) -> None:
    """Counts without hits, by the same question."""
    document = await (await client.get("/api/v1/facets", params={"q": "olio"})).json()
    assert document["total"] == 2
    assert [bucket["value"] for bucket in document["facets"]["owner"]] == ["p_LE", "p_TO"]
    assert "hits" not in document


async def test_one_profile_whole(client: Client) -> None:
    """The document as published, with whose and where it is; an unknown or malformed identifier is 404."""
    document = await (await client.get(f"/api/v1/profiles/{profile(3)['id']}")).json()
    assert (document["owner"], document["index"]) == ("p_TO", 0)
    assert document["document"]["labels"]["territory"]["values"] == ["TO"]
    for wrong in (profile(9)["id"], "x", "..%2f..", "%00"):
        reply = await client.get(f"/api/v1/profiles/{wrong}")
        assert (reply.status, reply.content_type) == (404, "application/problem+json")
    elsewhere = await client.get(f"/api/v1/profiles/{profile(3)['id']}", params={"owner": "p_LE"})
    assert elsewhere.status == 404
