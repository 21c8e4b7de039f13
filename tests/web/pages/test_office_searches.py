"""Saved searches in the office's pages: from a link to a feed or a message, and away again."""

from __future__ import annotations

import dataclasses
import html
import re

import pytest

from node.domain.query import Query
from node.flows.searching import saved
from node.store.postgres import acquire
from tests.desk_made import Staff
from tests.web.pages.test_office_profiles import UNKNOWN, words

PAGE = "/ufficio/ricerche"


async def test_a_search_is_saved_from_its_link_followed_and_erased(staff: Staff) -> None:
    """The very question of the link, without order and page; its feed is there; once erased it is gone."""
    anna = staff["anna"]
    reply = await anna.post(PAGE, PAGE, titolo="Olio", collegamento="https://x.example/cerca?q=olio&territory=ITF4&sort=newest&lang=en")  # fmt: skip
    assert reply.headers["Location"] == f"{PAGE}?fatto=salvata"
    text = await anna.get(f"{PAGE}?fatto=salvata")
    assert "La ricerca è salvata." in text
    assert "Territorio Puglia" in words(text)
    assert 'href="/cerca?q=olio&amp;territory=ITF4"' in text
    feed = re.search(r"/api/v1/saved-searches/([0-9a-f-]{36})/feed\.atom", text)
    assert feed
    assert (await anna.client.get(feed.group())).status == 200
    search_id = feed.group(1)
    assert (await anna.post(PAGE, f"{PAGE}/{search_id}/togli")).headers["Location"] == f"{PAGE}?fatto=tolta"
    assert search_id not in await anna.get(PAGE)
    assert (await anna.post(PAGE, f"{PAGE}/{search_id}/togli")).status == 404


async def test_whom_to_tell_is_checked_and_shown_to_the_office_alone(staff: Staff) -> None:
    """A webhook is kept; without a mail server no address is; the address is in no redirect."""
    anna = staff["anna"]
    fields = {"titolo": "Olio", "collegamento": "/cerca?q=olio"}
    reply = await anna.post(PAGE, PAGE, **fields, webhook="https://enti.example/novita")
    assert reply.headers["Location"] == f"{PAGE}?fatto=salvata"
    text = await anna.get(PAGE)
    assert "https://enti.example/novita" in text
    assert "feed.atom" not in text
    assert 'name="posta"' not in text
    assert (await anna.post(PAGE, PAGE, **fields, posta="ufficio@enti.example")).status == 400


async def test_a_search_of_the_catalogue_is_saved_from_its_link_and_told_by_mail(
    staff: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the page of the catalogue to the list, in words; without an address, or with a webhook, it is refused."""
    anna, link = staff["anna"], "/catalogo?q=olio&kind=call&region=ITF4"
    text = await anna.get(link)
    offered = re.search(r'href="(/ufficio/ricerche\?[^"]+)"', text)
    assert offered
    assert 'value="/catalogo?q=olio&amp;kind=call&amp;region=ITF4"' in await anna.get(html.unescape(offered.group(1)))
    assert "/ufficio/ricerche?" not in await staff["gina"].get(link)
    fields = {"titolo": "Bandi dell'olio", "collegamento": link}
    assert (await anna.post(PAGE, PAGE, **fields)).status == 400
    monkeypatch.setattr(type(staff.node.config.mail), "host", "mail.example.org", raising=False)
    for more in ({}, {"posta": "a@enti.example", "webhook": "https://enti.example/x"}):
        refused = await anna.post(PAGE, PAGE, **fields, **more)
        assert (refused.status, '<a href="#posta">' in await refused.text()) == (400, True)
    saved_ = await anna.post(PAGE, PAGE, **fields, posta="a@enti.example")
    assert saved_.headers["Location"] == f"{PAGE}?fatto=salvata"
    text = await anna.get(PAGE)
    assert 'href="/catalogo?q=olio&amp;kind=call&amp;region=ITF4"' in text
    assert "Regione Puglia" in words(text)
    assert "feed.atom" not in text


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"titolo": ""}, "titolo"),
        ({"collegamento": ""}, "collegamento"),
        ({"collegamento": "https://x.example/altro?q=olio"}, "collegamento"),
        ({"collegamento": "http://[/cerca"}, "collegamento"),
        ({"collegamento": "/cerca?territory=Atlantide"}, "collegamento"),
        ({"webhook": "http://enti.example/x?y=1"}, "webhook"),
    ],
)
async def test_a_wrong_form_says_where(staff: Staff, changes: dict[str, str], field: str) -> None:
    """With what was written still in it, and nothing saved."""
    fields = {"titolo": "Il mio titolo", "collegamento": "/cerca?q=olio", **changes}
    reply = await staff["anna"].post(PAGE, PAGE, **fields)
    text = await reply.text()
    assert reply.status == 400
    assert f'<a href="#{field}">' in text
    assert fields["titolo"] in text
    async with acquire(staff.node.pool) as conn:
        assert await conn.fetchval("SELECT count(*) FROM office.saved_search") == 0


async def test_searches_of_the_public_are_neither_shown_nor_erased_here(staff: Staff) -> None:
    """They are their makers' alone; an identifier that nobody has is the same answer."""
    node = staff.node
    made = await saved.save(node.pool, node.saved_settings(), "Di qualcuno", Query(words="olio"), node.clock())
    assert "Di qualcuno" not in await staff["anna"].get(PAGE)
    for search_id in (made.search_id, UNKNOWN, "x"):
        assert (await staff["anna"].post(PAGE, f"{PAGE}/{search_id}/togli")).status == 404
    assert dataclasses.is_dataclass(await saved.open_with(node.pool, made.search_id, made.token))


async def test_from_a_page_of_results_an_officer_comes_to_the_office_s_form(staff: Staff) -> None:
    """The link is there for whoever may use it, with the question in it; the public is shown none."""
    text = await staff["anna"].get("/cerca/salva?q=olio&territory=ITF4")
    link = re.search(r'href="(/ufficio/ricerche\?[^"]+)"', text)
    assert link
    assert 'value="/cerca?q=olio&amp;territory=ITF4"' in await staff["anna"].get(html.unescape(link.group(1)))
    assert "/ufficio/ricerche" not in await staff["gina"].get("/cerca/salva?q=olio")
