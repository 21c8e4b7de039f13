"""What a case gives away as files, opened again: the draft by a parser of XML, calendars by a reader of iCalendar."""

from __future__ import annotations

import datetime as dt
import io
import xml.etree.ElementTree as ET
import zipfile
from typing import Any

import pytest
from networks_made import NOW

from node.domain import documents as kinds
from node.domain.programme import dossier
from node.domain.programme.dossier import Grid, Heading, Paragraph
from node.domain.roles import Role
from node.errors import NotFoundError
from node.flows.people import accounts
from node.flows.programme import case_calendar, case_papers, case_work, cases
from node.store import docx
from node.store.postgres import Pool, acquire
from tests.calendar_read import read
from tests.flows.programme.test_cases import LATER, meeting, network, opened, person, task

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
HOSTILE_TEXTS = (
    "</w:t></w:r></w:p><w:p><w:fldSimple w:instr='DDEAUTO c:\\\\x'/>", '{ INCLUDETEXT "http://x/y" }', "<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>&a;",
    "]]>", "a\x00b\x0bc\ufffe", "=cmd|' /C calc'!A0", "riga uno\r\nriga due", "  due  spazi ", "\u202etxet", "",
)  # fmt: skip


def text_of(paragraph: ET.Element) -> str:
    """The text of a paragraph, its breaks as lines."""
    return "".join("\n" if item.tag == f"{W}br" else item.text or "" for item in paragraph.iter() if item.tag in (f"{W}t", f"{W}br"))  # fmt: skip


def body_of(raw: bytes) -> list[Any]:
    """What a word processor sees: (style, text) of paragraphs, rows of tables."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        assert archive.testzip() is None
        parts = {name: ET.fromstring(archive.read(name)) for name in archive.namelist()}  # noqa: S314 - our own file
    body = parts["word/document.xml"][0]
    seen: list[Any] = []
    for item in body:
        if item.tag == f"{W}p":
            style = item.find(f"{W}pPr/{W}pStyle")
            seen.append(("" if style is None else style.get(f"{W}val"), text_of(item)))
        elif item.tag == f"{W}tbl":
            seen.append([tuple(text_of(cell) for cell in row.iter(f"{W}tc")) for row in item.iter(f"{W}tr")])
    return seen


def test_blocks_come_back_as_they_were_and_nothing_else_is_there() -> None:
    """Whatever texts hold: no field, no link, no further paragraph; the same blocks are the same bytes."""
    blocks = [
        Heading(0, "Titolo"),
        *(Paragraph(text) for text in HOSTILE_TEXTS),
        Grid(("A", "B"), ((HOSTILE_TEXTS[0], "x"),)),
    ]
    raw = docx.write(blocks)
    assert raw == docx.write(blocks)
    assert kinds.media_type_of(raw, "bozza.docx") == docx.MEDIA_TYPE
    seen = body_of(raw)
    plain = [
        text.replace("\x00", "").replace("\x0b", "").replace("\ufffe", "").replace("\r\n", "\n")
        for text in HOSTILE_TEXTS
    ]
    assert [text for _, text in seen[: len(blocks) - 1]] == ["Titolo", *plain]
    assert seen[len(blocks) - 1] == [("A", "B"), (plain[0], "x")]
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        assert archive.namelist() == ["[Content_Types].xml", "_rels/.rels", "word/document.xml", "word/_rels/document.xml.rels", "word/styles.xml"]  # fmt: skip
        whole = archive.read("word/document.xml")
    tags = {item.tag.removeprefix(W) for item in ET.fromstring(whole).iter()}  # noqa: S314 - our own file
    assert tags <= {
        "document", "body", "p", "pPr", "pStyle", "r", "t", "br", "tbl", "tblPr", "tblW", "tblBorders", "top", "left", "bottom", "right",
        "insideH", "insideV", "tblGrid", "gridCol", "tr", "trPr", "tblHeader", "tc", "tcPr", "tcW", "sectPr", "pgSz", "pgMar",
    }  # fmt: skip


async def test_the_draft_says_what_the_register_says(pool: Pool) -> None:
    """Names, codes, programme, texts of the office; what is missing stands marked in its place."""
    case_id = await opened(pool)
    await case_papers.write_clause(
        pool, case_id, "anna", NOW, point="decisions", text="A maggioranza di <due> terzi.", seen=0
    )
    raw = await case_papers.draft(pool, case_id, "Provincia di Lecce", LATER)
    assert raw == await case_papers.draft(pool, case_id, "Provincia di Lecce", LATER)
    assert kinds.media_type_of(raw, "bozza.docx") == docx.MEDIA_TYPE
    found = await case_papers.contract(pool, case_id)
    wanted = dossier.blocks(
        found.row.title, found.known.record, found.points, "Provincia di Lecce", dt.date(2026, 11, 26)
    )
    seen = body_of(raw)
    texts = [item[1] for item in seen if isinstance(item, tuple)]
    for block in wanted:
        if isinstance(block, Grid):
            assert [block.head, *block.rows] in seen
        else:
            assert block.text in texts
    assert "A maggioranza di <due> terzi." in texts
    assert [text for style, text in (item for item in seen if isinstance(item, tuple)) if style == "Marked"]


async def test_the_calendar_of_a_case_is_read_back(pool: Pool) -> None:
    """Hours of Italy, a UID that stays, what was moved and what was called off."""
    case_id = await opened(pool)
    one = await case_work.add_appointment(pool, case_id, "anna", meeting(), NOW)
    before = read(case_calendar.of_case(await cases.read(pool, case_id), "p_LE", "https://x/1")).events[0]
    await case_work.change_appointment(pool, case_id, one, "anna", meeting(11), LATER, seen=0)
    await case_work.cancel_appointment(pool, case_id, one, "anna", LATER)
    (after,) = read(case_calendar.of_case(await cases.read(pool, case_id), "p_LE", "https://x/1")).events
    assert before["UID"] == after["UID"] == f"{one}@p_LE.rete"
    assert (before["SEQUENCE"], before["STATUS"], before["DTSTART;TZID=Europe/Rome"]) == (
        "0",
        "CONFIRMED",
        "20261203T100000",
    )
    assert (after["SEQUENCE"], after["STATUS"], after["DTSTART;TZID=Europe/Rome"]) == (
        "2",
        "CANCELLED",
        "20261203T120000",
    )
    assert (after["SUMMARY"], after["LOCATION"]) == ("Incontro - Rete Uno", "Lecce")


async def test_a_followed_calendar_says_when_and_nothing_else(pool: Pool) -> None:
    """Neither network, nor place, nor words; own tasks as days; good while the account is, and until a new address."""
    case_id = await opened(pool, await network(pool))
    await person(pool, "anna")
    await case_work.add_appointment(pool, case_id, "anna", meeting(), NOW)
    await case_work.add_task(pool, case_id, "anna", task(title="Sentire Zeta", note="urgente"), NOW)
    secret = await case_calendar.make_feed(pool, "Anna", NOW)
    raw = await case_calendar.feed(pool, secret, "p_LE", "https://x", NOW)
    assert [event["SUMMARY"] for event in read(raw).events] == [
        f"Appuntamento, fascicolo {case_id[:8]}", f"Scadenza, fascicolo {case_id[:8]}",
    ]  # fmt: skip
    assert read(raw).events[1]["DTSTART;VALUE=DATE"] == "20261203"
    assert not any(word in raw for word in (b"Rete Uno", b"Lecce", b"Incontro", b"Zeta", b"urgente"))
    async with acquire(pool) as conn:
        assert secret not in str(await conn.fetch("SELECT * FROM programme.calendar_feed"))
    newer = await case_calendar.make_feed(pool, "anna", LATER)
    for gone in (secret, "", "è", "x" * 500):
        with pytest.raises(NotFoundError):
            await case_calendar.feed(pool, gone, "p_LE", "https://x", NOW)
    await accounts.disable(pool, LATER, name="anna", officer="admin")
    with pytest.raises(NotFoundError):
        await case_calendar.feed(pool, newer, "p_LE", "https://x", NOW)


async def test_a_calendar_is_ended_by_whose_it_is(pool: Pool) -> None:
    """And then nobody follows it."""
    await person(pool, "anna", Role.APPROVER)
    secret = await case_calendar.make_feed(pool, "anna", NOW)
    assert await case_calendar.feed_made_at(pool, "ANNA") == NOW
    assert read(await case_calendar.feed(pool, secret, "p_LE", "https://x", NOW)).events == []
    await case_calendar.end_feed(pool, "anna")
    assert await case_calendar.feed_made_at(pool, "anna") is None
    with pytest.raises(NotFoundError):
        await case_calendar.feed(pool, secret, "p_LE", "https://x", NOW)
