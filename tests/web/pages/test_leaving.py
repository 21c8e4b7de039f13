"""The page on which whoever is told of a search leaves."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestClient, TestServer

from node.domain.saved import leave_mark
from node.flows.searching import saved as flow
from node.flows.searching import tell
from node.store.postgres import Pool
from node.web import saved
from node.web.pages import frame
from tests.profiles_made import NOW
from tests.web.test_saved_api import KEY, SETTINGS, Client, application


@pytest.fixture
async def client(pool: Pool) -> AsyncIterator[Client]:
    """A client of a node."""
    async with TestClient(TestServer(application(pool))) as client:
        yield client


async def test_leaving_takes_one_click_and_erases_the_address(client: Client, pool: Pool) -> None:
    """GET only asks, in both languages, in the frame of every page; POST erases, the same again; a bent link does nothing."""
    query = saved.parse([("q", "olio")], saved.load_label_reference())
    made = await tell.save(pool, SETTINGS, "Olio", query, NOW, email="a@example.org", has_mail=True)
    link = SETTINGS.leave_url(made.search_id).removeprefix("https://lecce.example.it")
    assert link == f"/unsubscribe/{made.search_id}/{leave_mark(KEY, made.search_id)}"

    async def address() -> str:
        async with pool.acquire() as conn:
            found: str = await conn.fetchval("SELECT address FROM office.saved_channel")
        return found

    async with client.get(link) as reply:
        page = await reply.text()
        assert "Vuole smettere di ricevere i messaggi di questa ricerca?" in page
        assert "Do you want to stop receiving the messages of this search?" in page
        assert (reply.status, reply.content_type) == (200, "text/html")
        assert all(
            part in page for part in ('<html lang="it">', '<section lang="en"', '<form method="post">', "/static/")
        )
        assert reply.headers["Content-Security-Policy"] == frame.HEADERS["Content-Security-Policy"]
        kept = [reply.headers[name] for name in ("Referrer-Policy", "Cache-Control", "X-Robots-Tag")]
        assert kept == ["no-referrer", "no-store", "noindex"]
    # What the policy forbids is not there: nothing that is styled or runs by what stands in the page itself.
    assert not re.search(r"<style|<script(?! src=)|\sstyle=|\son[a-z]+=", page)
    for bent in (link[:-1] + ("A" if link[-1] != "A" else "B"), f"/unsubscribe/x/{link[-43:]}", link + "%C3%A8"):
        async with client.post(bent) as reply:
            assert (reply.status, reply.content_type) == (404, "text/html")
    assert await address() == "a@example.org"
    for _ in range(2):
        async with client.post(link, data={"List-Unsubscribe": "One-Click"}) as reply:
            assert (reply.status, "<form" in await reply.text()) == (200, False)
        assert await address() == ""
    await flow.delete(pool, made.search_id)
    async with client.post(link) as reply:
        assert reply.status == 200
