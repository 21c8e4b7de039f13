"""The catalogue as a mail and as a feed: texts of other offices as text, addresses of this node alone, each announcement once."""

from __future__ import annotations

import datetime as dt
import xml.etree.ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from node.domain import saved
from node.domain.programme import catalogue_digest, catalogue_feed
from node.domain.programme.announcement import KINDS
from node.i18n import translator

NOW = dt.datetime(2026, 12, 1, 6, tzinfo=dt.UTC)
ID = "3f6c2f8e-1111-4111-8111-111111111111"
SHEET = saved.Sheet(ID, "Bandi", NOW, "Provincia di Lecce", "https://lecce.example.it")
ENVELOPE = saved.Envelope("rete@example.org", "a@example.org", "d", "https://lecce.example.it/via", NOW)
SOURCE = catalogue_feed.Source("https://lecce.example.it", "Lecce", "/catalogo.atom", "/catalogo")
LANGUAGES = (translator("it"), translator("en"))


def digest(*notices: catalogue_digest.Notice) -> str:
    """The text of a digest."""
    mail = catalogue_digest.digest(SHEET, notices, ENVELOPE, "/catalogo", LANGUAGES)
    assert mail["Subject"] == "Novità del catalogo: Bandi"
    return str(mail.get_content())


def test_a_digest_tells_what_closes_first_and_of_what_went_only_that_it_went() -> None:
    """Once in each language, Italian first, with the way out at the end of each."""
    closing = catalogue_digest.Notice("closing", ID, "p_LE", KINDS[0], "Bando A", "Testo.", dt.date(2026, 12, 5))
    gone = catalogue_digest.Notice("withdrawn", "gone-id", "cmto", KINDS[0])
    new = catalogue_digest.Notice("new", "new-id", "cmto", KINDS[-1], "Corso B", "Testo.")
    text = digest(gone, new, closing)
    italian, english = text[: text.index("Per non ricevere")], text[text.index("Per non ricevere") :]
    heads = ["Si chiudono entro 7 giorni:", "Nuovi:", "Ritirati da chi li aveva annunciati:"]
    assert [italian.index(head) for head in heads] == sorted(italian.index(head) for head in heads)
    assert "Cambiati" not in text
    assert f"fino al 05/12/2026\n  Testo.\n  https://lecce.example.it/catalogo/{ID}?owner=p_LE" in italian
    assert "gone-id" in italian
    assert "catalogo/gone-id" not in text
    assert text.count("https://lecce.example.it/via") == len(LANGUAGES)
    assert "Bando A" in english


@given(st.text(), st.text())
def test_any_words_of_an_announcement_stay_words(title: str, summary: str) -> None:
    """No line of their own in the mail, no element of their own in the feed."""
    notice = catalogue_digest.Notice("new", ID, "p_LE", KINDS[0], title or "x", summary)
    lines = digest(notice).replace("\r\n", "\n").split("\n")
    assert len(lines) == len(digest(catalogue_digest.Notice("new", ID, "p_LE", KINDS[0], "x", "y")).split("\n"))
    told = catalogue_feed.Told(ID, "p_LE", title, KINDS[0], title, summary, NOW.date())
    root = ET.fromstring(catalogue_feed.atom([told, told], SOURCE))  # noqa: S314 - made here
    entries = root.findall(f"{{{catalogue_feed.ATOM}}}entry")
    names = ["id", "title", "updated", "author", "link", "category", "summary"]
    assert [[child.tag.rpartition("}")[2] for child in entry] for entry in entries] == [names, names]


def test_a_feed_says_when_it_changed_and_leads_here() -> None:
    """Also one of which nothing is told yet."""
    space = f"{{{catalogue_feed.ATOM}}}"
    empty = ET.fromstring(catalogue_feed.atom([], SOURCE))  # noqa: S314 - made here
    assert empty.findtext(f"{space}updated") == "1970-01-01T00:00:00Z"
    told = catalogue_feed.Told(ID, "p_LE", "Lecce", KINDS[0], "Bando", "Testo", dt.date(2026, 11, 30))
    root = ET.fromstring(catalogue_feed.atom([told], SOURCE))  # noqa: S314 - made here
    assert root.findtext(f"{space}updated") == "2026-11-30T00:00:00Z"
    assert root.findtext(f"{space}entry/{space}id") == f"https://lecce.example.it/catalogo/{ID}?owner=p_LE"
