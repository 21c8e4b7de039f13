"""Profiles in the office's pages: written, previewed, listed, withdrawn, and shown to nobody without a right."""

from __future__ import annotations

import html
import json
import re

import pytest

from node.domain.roles import Permission
from node.errors import CallerError
from node.flows.profiles import preview
from node.store.postgres import acquire
from node.web.pages import content_form, office_approvals, office_matches, office_profiles, office_searches
from node.web.permission import needed_by
from tests.desk_made import Staff
from tests.pages_made import XSS

UNKNOWN = "11111111-2222-4333-8444-555555555555"


def words(text: str) -> str:
    """What a page says, without its markup."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def document_in(text: str) -> dict[str, object]:
    """The JSON that a page shows."""
    found = re.search(r"<pre[^>]*><code>(.*?)</code></pre>", text, re.DOTALL)
    assert found
    document: dict[str, object] = json.loads(html.unescape(found.group(1)))
    return document


async def test_the_preview_is_the_flow_s_own_before_and_after_saving(staff: Staff) -> None:
    """Of a form that nobody saved, of the saved draft and at the terminal: one document, one sentence, one hash."""
    anna, page = staff["anna"], f"/ufficio/profili/nuovo?rete={staff.networks[0]}"
    fields = await staff.form(title_it="Pane da forno", needs_1_category="distribution", needs_1_it="chi porta il pane")
    seen = await anna.post(page, "/ufficio/profili/nuovo", **{**fields, "azione": "anteprima"})
    assert seen.status == 200
    typed = await seen.text()
    fragment = await (await anna.post(page, "/ufficio/profili/anteprima", **fields)).text()
    assert "<html" not in fragment
    assert document_in(typed) == document_in(fragment)
    async with acquire(staff.node.pool) as conn:
        assert await conn.fetchval("SELECT count(*) FROM publication.profile") == 0
    profile_id = await staff.drafted(**fields)
    flow = await preview.preview(staff.node.pool, staff.node.config, profile_id, staff.node.clock())
    shown = await anna.get(f"/ufficio/profili/{profile_id}")
    assert document_in(shown) == flow.document
    assert {**document_in(typed), "id": profile_id} == flow.document
    assert f"almeno {flow.candidates} reti del registro pubblico" in words(typed)
    assert "Pane da forno" in words(shown)
    assert flow.author == "anna"


async def test_what_the_gate_finds_is_marked_in_the_text_with_why_and_what_instead(staff: Staff) -> None:
    """A firm's name in red, an unknown name in amber; the proposal has the marker; the draft can be saved all the same."""
    page = f"/ufficio/profili/nuovo?rete={staff.networks[0]}"
    fields = await staff.form(summary_it="Alfa Resine S.r.l. cerca chi lavora con Zorbax.")
    text = await (await staff["anna"].post(page, "/ufficio/profili/anteprima", **fields)).text()
    assert re.search(r'<mark class="rete-point rete-point-red">Alfa Resine S\.r\.l\. <a href="#punto-1">', text)
    assert '<mark class="rete-point">Zorbax' in text
    said = words(text)
    assert "[impresa] cerca chi lavora con [nome]." in said
    assert "Al suo posto: [impresa]" in said
    assert "il testo la farebbe riconoscere: correggere" in said
    assert "Sintesi, in italiano" in said


async def test_a_wrong_form_keeps_what_was_written_and_leads_to_its_field(staff: Staff) -> None:
    """Nothing is saved; the summary on top links to the field; the preview says why there is none."""
    page = f"/ufficio/profili/nuovo?rete={staff.networks[0]}"
    for changes, field in (
        ({"title_it": ""}, "title_it"),
        ({"title_it": "x" * 151}, "title_it"),
        ({"description_en": "only English"}, "description_it"),
        ({"needs_3_it": "senza categoria", "needs_1_category": "", "needs_2_category": ""}, "needs_3_category"),
        ({"partner_sector": "zzz"}, "partner_sector"),
        ({"target_countries": "Albania"}, "target_countries"),
        ({"valid_until": "domani"}, "valid_until"),
        ({"purpose": "<b>"}, "purpose"),
    ):
        fields = await staff.form(summary_it="Un <b>testo</b> che resta", **changes)
        reply = await staff["anna"].post(page, "/ufficio/profili/nuovo", **fields)
        text = await reply.text()
        assert reply.status == 400, changes
        assert f'<a href="#{field}">' in text, changes
        assert f'id="{field}"' in text, changes
        assert "Un &lt;b&gt;testo&lt;/b&gt; che resta" in text
        assert "L&#39;anteprima non si può ancora fare" in text
        fragment = await staff["anna"].post(page, "/ufficio/profili/anteprima", **fields)
        assert fragment.status == 200


async def test_who_decides_is_the_account_and_no_field(staff: Staff) -> None:
    """Fields that name another officer change nothing."""
    profile_id = await staff.drafted(author="bruno", officer="bruno", by="bruno", user="bruno")
    async with acquire(staff.node.pool) as conn:
        assert await conn.fetchval("SELECT author FROM publication.version") == "anna"
    assert "anna" in await staff["anna"].get(f"/ufficio/profili/{profile_id}")


async def test_two_who_write_at_once_do_not_overwrite_each_other(staff: Staff) -> None:
    """The second is told so, with its text still there; the same draft sent twice is one draft."""
    profile_id = await staff.drafted()
    edit = f"/ufficio/profili/{profile_id}/modifica"
    began = (await staff["anna"].get(edit)).partition('name="impronta" value="')[2][:64]
    fields = {**await staff.form(), "impronta": began}
    first = await staff["anna"].post(edit, edit, **{**fields, "title_it": "Primo titolo"})
    assert first.status == 303
    again = await staff["anna"].post(edit, edit, **{**fields, "title_it": "Primo titolo"})
    assert again.status == 303
    second = await staff["dario"].post(edit, edit, **{**fields, "title_it": "Secondo titolo"})
    assert second.status == 400
    text = await second.text()
    assert "intanto la scheda è stata cambiata" in words(text).lower()
    assert 'value="Secondo titolo"' in text
    assert "Primo titolo" in await staff["anna"].get(edit)
    # The network has its profile: a new one is that one.
    reply = await staff["anna"].client.get(
        f"/ufficio/profili/nuovo?rete={staff.networks[0]}", headers={"Accept": "text/html"}, allow_redirects=False
    )
    assert reply.headers["Location"] == edit


async def test_the_list_says_where_each_profile_is_and_pages(staff: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    """States in words, a filter for each, why what is held is held, and no profile lost between two pages."""
    drafted, waiting = await staff.drafted(0), await staff.waiting(1)
    queued = await staff.waiting(2)
    assert (await staff.approve(queued)).status == 303
    anna = staff["anna"]
    for asked, found in (("", 3), ("draft", 1), ("waiting", 1), ("queued", 1), ("published", 0), ("held", 0), ("x", 3)):
        text = await anna.get(f"/ufficio/profili?stato={asked}")
        ids = set(re.findall(r'href="/ufficio/profili/([0-9a-f-]{36})"', text))
        assert len(ids) == found, asked
    text = words(await anna.get("/ufficio/profili"))
    assert "in attesa di approvazione" in text
    assert "approvata per un turno turno del" in text
    monkeypatch.setattr(office_profiles, "SHOWN", 2)
    text = await anna.get("/ufficio/profili")
    more = re.search(r'href="(/ufficio/profili\?dopo=[^"]+)"', text)
    assert more
    ids = re.findall(r'href="/ufficio/profili/([0-9a-f-]{36})"', text + await anna.get(html.unescape(more.group(1))))
    assert sorted(ids) == sorted((drafted, waiting, queued))
    await anna.get("/ufficio/profili?dopo=x", 404)
    # The block thins out: held, and said why.
    async with acquire(staff.node.pool) as conn:
        await conn.execute("UPDATE publication.version SET held_code = 'text-refused' WHERE state = 'queued'")
    text = await anna.get("/ufficio/profili?stato=held")
    assert re.findall(r'href="/ufficio/profili/([0-9a-f-]{36})"', text) == [queued]
    assert "il testo farebbe riconoscere qualcuno: va corretto" in words(text)


async def test_a_withdrawal_asks_first_and_shows_who_confirmed(staff: Staff) -> None:
    """What was never published has no receipts; the text is gone from every page; a second time by another is refused."""
    profile_id = await staff.waiting(title_it="Titolo che sparisce")
    one = f"/ufficio/profili/{profile_id}"
    assert "Non si torna indietro" in await staff["anna"].get(f"{one}/ritiro")
    reply = await staff["anna"].post(f"{one}/ritiro", f"{one}/ritiro")
    assert reply.headers["Location"] == f"{one}?fatto=ritirata"
    text = await staff["anna"].get(reply.headers["Location"])
    assert "La scheda è ritirata" in text
    assert "Titolo che sparisce" not in text + await staff["anna"].get("/ufficio/profili")
    assert (await staff["bruno"].post("/ufficio/profili", f"{one}/ritiro")).status == 400
    await staff["anna"].get(f"{one}/modifica", 400)
    await staff["anna"].get(f"{one}/ritiro", 303)


async def test_a_role_without_a_right_is_told_nothing_of_any_object(staff: Staff) -> None:
    """An analyst: 403 at the lists, and at a profile that is there the very answer of one that is not; so for a form."""
    profile_id, gina = await staff.waiting(), staff["gina"]
    for path in ("profili", "approvazioni", "corrispondenze", "ricerche"):
        await gina.get(f"/ufficio/{path}", 403)
    for path in ("profili/{}", "profili/{}/modifica", "profili/{}/ritiro", "approvazioni/{}"):
        there, nowhere = [await gina.get(f"/ufficio/{path}".format(one), 404) for one in (profile_id, UNKNOWN)]
        strip = re.compile(r"[0-9a-f-]{16,64}")
        assert strip.sub("", there) == strip.sub("", nowhere)
    for path in ("profili/{}/presenta", "profili/{}/ritiro", "approvazioni/{}", "approvazioni/{}/rimanda", "approvazioni/{}/turno"):  # fmt: skip
        reply = await gina.post("/utente", f"/ufficio/{path}".format(profile_id))
        assert reply.status == 404, path
    # Whoever writes does not approve, and whoever approves does not write.
    await staff["anna"].get(f"/ufficio/approvazioni/{profile_id}", 404)
    await staff["bruno"].get(f"/ufficio/profili/{profile_id}/modifica", 404)
    for person, path in (("anna", f"/ufficio/profili/{UNKNOWN}"), ("bruno", f"/ufficio/approvazioni/{UNKNOWN}")):
        await staff[person].get(path, 404)
    await staff["anna"].get("/ufficio/profili/nuovo?rete=x", 404)


async def test_nothing_is_changed_by_a_form_of_another_site_nor_kept_by_a_cache(staff: Staff) -> None:
    """CSRF on every route that changes something; every page of the office is of nobody else's."""
    profile_id = await staff.drafted()
    modules = (office_profiles, office_approvals, office_matches, office_searches)
    for route in (route for module in modules for route in module.routes()):
        path = route.path.format(profile_id=profile_id, search_id=UNKNOWN)
        if route.method == "POST":
            reply = await staff["dario"].client.post(path, data={"csrf": "0" * 64})
            assert (reply.status, (await reply.json())["code"]) == (403, "form-not-ours"), path
        else:
            reply = await staff["dario"].client.get(path, headers={"Accept": "text/html"})
            assert reply.status == 200, path
            assert reply.headers["Cache-Control"] == "no-store", path
        needed = needed_by(route.handler)
        assert needed is not None
        assert needed.permission not in (Permission.PUBLIC, Permission.SIGNED_IN), path
    async with acquire(staff.node.pool) as conn:
        assert await conn.fetchval("SELECT count(*) FROM publication.decision") == 1


async def test_the_private_name_of_a_network_is_on_no_page_of_the_public(staff: Staff) -> None:
    """The editor shows it to who writes; the preview and the document do not."""
    page = f"/ufficio/profili/nuovo?rete={staff.networks[0]}"
    text = await staff["anna"].get(page)
    name = re.search(r"Rete: (.*?) \(il nome resta in ufficio\)", html.unescape(text))
    assert name
    fragment = await (await staff["anna"].post(page, "/ufficio/profili/anteprima", **await staff.form())).text()
    assert name.group(1) not in html.unescape(fragment)
    assert staff.networks[0] not in fragment


def test_a_form_says_the_content_it_was_filled_from() -> None:
    """Every part of a content, there and back."""
    content = {
        "purpose": "request", "title": {"it": "Titolo", "en": "Title"}, "summary": {"it": "Sintesi"},
        "description": {"it": "Una riga\nun'altra"}, "themes": ["energy"], "capabilities": ["design", "export"],
        "needs": [{"category": "logistics"}, {"category": "energy", "text": {"it": "sole", "en": "sun"}}], "offers": [],
        "partner": {"role": "producer", "sector": "10", "territory": "ITC1", "size": "4-9"},
        "target_countries": ["AL", "DE"], "languages": ["it", "en"], "certifications": ["emas"],
        "valid_until": "2027-11-30", "deadline": None,
    }  # fmt: skip
    again = content_form.fill(content)
    kept = content_form.profile.parse_content(again.content()).to_dict()
    assert kept == content_form.profile.parse_content(content).to_dict()
    assert [again.field_of(where) for where in ("needs.2", "title", "partner.size", "needs.9", "x")] == [
        "needs_2_category", "title_it", "partner_size", "needs", "",
    ]  # fmt: skip
    with pytest.raises(CallerError):
        content_form.fill({"title": 1})


async def test_what_an_officer_writes_is_text_on_every_page(staff: Staff) -> None:
    """The corpus of attacks in every free text: escaped in the form, the preview, the profile and the approval."""
    page = f"/ufficio/profili/nuovo?rete={staff.networks[0]}"
    for text in XSS:
        fields = await staff.form(
            summary_it=f"x {text}", description_it=text, needs_1_category="logistics", needs_1_it=text
        )
        for path in ("/ufficio/profili/nuovo", "/ufficio/profili/anteprima"):
            reply = await staff["anna"].post(page, path, **{**fields, "azione": "anteprima"})
            assert "<" not in text or text not in await reply.text(), text
    profile_id = await staff.waiting(0, title_it=XSS[0], summary_it=XSS[1], description_it="".join(XSS[2:]))
    for name, path in (
        ("anna", f"/ufficio/profili/{profile_id}"),
        ("anna", f"/ufficio/profili/{profile_id}/modifica"),
        ("anna", f"/ufficio/profili/{profile_id}/ritiro"),
        ("anna", "/ufficio/profili"),
        ("bruno", "/ufficio/approvazioni"),
        ("bruno", f"/ufficio/approvazioni/{profile_id}"),
    ):
        text = await staff[name].get(path)
        assert not re.search(r"<script(?![^>]* src=)|<svg onload|<img src=x|<iframe|<b onmouseover|' onfocus", text), (
            path
        )
        assert "xss" in text or "ritiro" in path
