"""Saved searches without a database: checked values, links that can't be bent, documents that any reader takes."""

from __future__ import annotations

import datetime as dt
import xml.etree.ElementTree as ET
from dataclasses import replace
from email.message import EmailMessage
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain import saved
from node.errors import CallerError
from node.i18n import translator

NOW = dt.datetime(2026, 11, 24, 10, 0, tzinfo=dt.UTC)
SEARCH = "3b0c2d0a-6f5e-4c39-9a53-6e1f7f3a9a11"
SHEET = saved.Sheet(SEARCH, "Olio & <vino>", NOW, "Provincia di Lecce", "https://lecce.example.it:8441")


def item(title: str = "Olio", summary: str = "Imprese.", number: int = 1) -> saved.Item:
    """One found profile."""
    return saved.Item(f"00000000-0000-4000-8000-{number:012d}", "p_TO", "o", number, title, summary, NOW.date(), False)


def digest(items: list[saved.Item], recipient: str = "a@example.org") -> EmailMessage:
    """A message of those profiles."""
    envelope = saved.Envelope(
        "rete@example.org", recipient, "d", f"https://lecce.example.it/unsubscribe/{SEARCH}/{'x' * 43}", NOW
    )
    return saved.digest(SHEET, items, envelope=envelope, languages=(translator("it"), translator("en")))


@given(st.text(), st.text())
def test_any_words_of_a_profile_make_a_whole_feed(title: str, summary: str) -> None:
    """Whatever a peer writes, the document is XML, and equal profiles give equal bytes."""
    made = saved.atom(SHEET, [item(title, summary), item(number=2), item(number=2)])
    root = ET.fromstring(made)  # noqa: S314 - our own bytes
    assert len(root.findall(f"{{{saved.ATOM}}}entry")) == 2
    assert made == saved.atom(SHEET, [item(title, summary), item(number=2)])


def test_a_feed_says_that_a_log_is_quarantined() -> None:
    """To people in the entry's title, to programs as a category; of the others nothing is said."""
    root = ET.fromstring(saved.atom(SHEET, [replace(item(), quarantined=True), item(number=2)]))  # noqa: S314
    name = f"{{{saved.ATOM}}}"
    titles = [entry.findtext(f"{name}title") for entry in root.findall(f"{name}entry")]
    assert titles == ["Olio (registro in quarantena)", "Olio"]
    terms = [[c.get("term") for c in entry.findall(f"{name}category")] for entry in root.findall(f"{name}entry")]
    assert terms == [["quarantined"], []]


@given(st.text(), st.text())
def test_any_words_of_a_profile_make_one_message(title: str, summary: str) -> None:
    """They add no header and no recipient; the link is in one piece."""
    message = digest([item(title, summary)])
    raw = message.as_bytes()
    assert {name.lower() for name in message} == {"from", "to", "subject", "date", "message-id", "list-unsubscribe", "list-unsubscribe-post", "auto-submitted", "content-type", "content-transfer-encoding", "mime-version"}  # fmt: skip
    assert raw.count(b"\r\nTo: a@example.org\r\n") == 1
    assert f"\r\nList-Unsubscribe: <https://lecce.example.it/unsubscribe/{SEARCH}/{'x' * 43}>\r\n".encode() in raw
    assert max(map(len, raw.split(b"\r\n"))) <= 998


@pytest.mark.parametrize(
    "bad",
    [
        "=?utf-8?q?a=40evil.com=2c_b?=@x.it",
        "=?utf-8?q?=0d=0aBcc=3a_x?=@x.it",
        "a=?utf-8?q?b?=@x.it",
        "=?utf-8?b?YUBldmlsLmNvbSw=?=@x.it",
        '"a b"@x.it',
        "a(b)@x.it",
        "<a@x.it>",
        "A <a@x.it>",
        "a@x.it,b@x.it",
        "a@[127.0.0.1]",
    ],
)
def test_an_address_is_a_plain_one(bad: str) -> None:
    """Nothing that a mail program would read as more, or other, than what was checked."""
    with pytest.raises(CallerError) as caught:
        saved.check_email(bad)
    assert (caught.value.code, bad in str(caught.value.render())) == ("saved-email-bad", False)
    # One that was kept before is sent to nobody either.
    with pytest.raises(CallerError) as caught:
        digest([item()], recipient=bad)
    assert (caught.value.code, bad in str(caught.value.render())) == ("saved-email-bad", False)


_ATOM = st.text("abc019!#$%&'*+/=?^_`{|}~-.", min_size=1, max_size=30)


@given(st.one_of(_ATOM, _ATOM.map(lambda text: f"=?utf-8?q?{text}?="), st.from_regex(r"=\?[a-z]+\?[bq]\?[a-z=0-9]{1,9}\?=", fullmatch=True)))  # fmt: skip
def test_an_address_that_is_taken_is_the_one_that_is_written_to(local: str) -> None:
    """Whatever its signs, the message goes to it alone."""
    try:
        address = saved.check_email(f"{local}@x.example.it")
    except CallerError as error:
        assert error.code == "saved-email-bad"
        return
    message = digest([item()], recipient=address)
    assert [found.addr_spec for found in message["To"].addresses] == [address]
    assert f"\r\nTo: {address}\r\n".encode() in message.as_bytes()


def test_a_link_is_of_one_search_and_one_node() -> None:
    """Another key, another search, a cut or a longer mark: no."""
    key = saved.leave_key(b"s" * 32)
    mark = saved.leave_mark(key, SEARCH)
    assert saved.may_leave(key, SEARCH, mark)
    for wrong in ("", mark[:-1], mark + "A", mark.swapcase(), "è\udcff"):
        assert not saved.may_leave(key, SEARCH, wrong)
    assert not saved.may_leave(saved.leave_key(b"t" * 32), SEARCH, mark)
    assert not saved.may_leave(key, SEARCH.replace("3", "4", 1), mark)


@pytest.mark.parametrize(
    ("now", "found"),
    [
        ("2026-11-24T05:59:59", "2026-11-24"),
        ("2026-11-24T06:00:00", "2026-11-25"),
        ("2026-12-31T23:00:00", "2027-01-01"),
    ],
)
def test_the_next_digest_is_always_later(now: str, found: str) -> None:
    """At the hour itself it is tomorrow's."""
    moment = dt.datetime.fromisoformat(now).replace(tzinfo=dt.UTC)
    assert saved.next_digest(moment, 6) == dt.datetime.fromisoformat(f"{found}T06:00:00+00:00")


@pytest.mark.parametrize("night", ["2026-03-29", "2026-10-25"])
def test_nights_on_which_the_clocks_change_have_one_digest(night: str) -> None:
    """Looked for each minute from noon to noon by the clocks of Italy, also at an hour that is leapt over or comes twice."""
    day = dt.datetime.fromisoformat(f"{night}T12:00:00").replace(tzinfo=ZoneInfo("Europe/Rome"))
    begin = day.astimezone(dt.UTC) - dt.timedelta(hours=24)
    for hour in range(24):
        due, told = saved.next_digest(begin.astimezone(ZoneInfo("Europe/Rome")), hour), 0
        for minute in range(24 * 60 + 1):
            now = (begin + dt.timedelta(minutes=minute)).astimezone(ZoneInfo("Europe/Rome"))
            if due <= now:
                due, told = saved.next_digest(now, hour), told + 1
        assert told == 1, (night, hour)


def test_webhooks_and_titles_have_one_spelling() -> None:
    """Case of the host, a missing path, spaces of a title; http only for trials on this machine."""
    assert saved.check_webhook("https://Example.ORG", loopback=False) == "https://example.org/"
    assert saved.split_webhook("https://example.org:8443/a/b") == ("https://example.org:8443", "/a/b")
    assert saved.check_webhook("http://127.0.0.1:1/x", loopback=True) == "http://127.0.0.1:1/x"
    assert saved.check_title("  Olio \t in  Puglia ") == "Olio in Puglia"
    for url in ("http://127.0.0.1.example.org/", "http://10.0.0.1/", "https://example.org?", "https://example.org#", "https://exämple.org/", "https://[::1", "//example.org/"):  # fmt: skip
        with pytest.raises(CallerError) as caught:
            saved.check_webhook(url, loopback=True)
        assert caught.value.code == "saved-webhook-bad"


def test_a_question_is_kept_without_order_and_page() -> None:
    """And reads back as it was."""
    kept = saved.write_query([("q", "olio & è"), ("sort", "newest"), ("limit", "5"), ("territory", "ITF4")])
    assert saved.read_query(kept) == {"q": "olio & è", "territory": "ITF4"}
