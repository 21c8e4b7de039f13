"""Appointments for calendar programs: those of one case as a file, and an officer's own by an address that a program follows.

In: a case, or the secret of an address. Out: iCalendar. Rules: the file is for who signed in and says all; the address, which other
machines keep, says when and in which case file, and neither what for nor with whom nor where; it is good while its account is, and a
new one ends the one before; only a hash of the secret is kept. Source: RFC 5545; docs/cases.md.
"""

from __future__ import annotations

import datetime as dt
import secrets
from typing import Final

from node.domain import accounts, officers
from node.domain.programme import calendar
from node.domain.programme.calendar import Entry
from node.errors import N_, NotFoundError
from node.flows.programme.cases import READERS, ZONE, Opened, today_of
from node.store import cases
from node.store.cases import AppointmentRow, TaskRow
from node.store.postgres import Pool, acquire, run_tx

SECRET_BYTES: Final = 32
SECRET_LONGEST: Final = 100
# How long ago what a program is still told of may have ended.
KEPT: Final = dt.timedelta(days=90)
_WHAT: Final = "calendar"


def of_case(opened: Opened, node_id: str, url: str) -> bytes:
    """Return the appointments of a case as a calendar; ``url``: where the case is."""
    about = opened.row.network or opened.row.title
    entries = [
        _appointment(item, node_id, f"{item.title} - {about}", url, place=item.place, text=item.note)
        for item in opened.appointments
    ]
    return calendar.write(entries, f"Fascicolo {opened.row.title}")


def _appointment(item: AppointmentRow, node_id: str, title: str, url: str, *, place: str = "", text: str = "") -> Entry:
    return Entry(
        f"{item.appointment_id}@{node_id}.rete",
        item.changed_at,
        item.begins.astimezone(ZONE).replace(tzinfo=None),
        item.ends.astimezone(ZONE).replace(tzinfo=None),
        title,
        place,
        text,
        url,
        item.sequence,
        item.is_cancelled,
    )


def _day(item: TaskRow, node_id: str, title: str, url: str) -> Entry | None:
    if item.due_on is None:
        return None
    return Entry(
        f"{item.task_id}@{node_id}.rete", item.changed_at, item.due_on, item.due_on + dt.timedelta(days=1), title, url=url,
        sequence=item.revision - 1,
    )  # fmt: skip


async def make_feed(pool: Pool, officer: str, now: dt.datetime) -> str:
    """Return the secret of a new address for an officer's calendar; the one before it ends."""
    secret = secrets.token_urlsafe(SECRET_BYTES)
    name = officers.key_of(officers.check(officer))
    await run_tx(pool, lambda conn: cases.set_feed(conn, name, accounts.digest(_WHAT, secret), now))
    return secret


async def end_feed(pool: Pool, officer: str) -> None:
    """Let nobody follow an officer's calendar any more."""
    await run_tx(pool, lambda conn: cases.end_feed(conn, officers.key_of(officer)))


async def feed_made_at(pool: Pool, officer: str) -> dt.datetime | None:
    """Return since when an officer's calendar can be followed, None when it can't."""
    async with acquire(pool) as conn:
        return await cases.feed_made_at(conn, officers.key_of(officer))


async def feed(pool: Pool, secret: str, node_id: str, base_url: str, now: dt.datetime) -> bytes:
    """Return the calendar of an address: moments and case files, and no words. Raises: NotFoundError(calendar-unknown)."""
    gone = NotFoundError("calendar-unknown", N_("questo calendario non c'è, o non c'è più"))
    if len(secret) > SECRET_LONGEST or not secret.isascii():
        raise gone
    async with acquire(pool) as conn, conn.transaction(readonly=True, isolation="repeatable_read"):
        officer = await cases.feed_of(conn, accounts.digest(_WHAT, secret), READERS)
        if officer is None:
            raise gone
        appointments, tasks = await cases.feed_entries(conn, officer, now - KEPT)

    def where(case_id: str) -> str:
        return f"{base_url}/ufficio/fascicoli/{case_id}"

    entries = [
        _appointment(item, node_id, f"Appuntamento, fascicolo {item.case_id[:8]}", where(item.case_id))
        for item in appointments
    ]
    days = (_day(item, node_id, f"Scadenza, fascicolo {item.case_id[:8]}", where(item.case_id)) for item in tasks)
    return calendar.write([*entries, *filter(None, days)], "Fascicoli")


def soon_of(now: dt.datetime, days: int) -> tuple[dt.date, dt.date]:
    """Return today in Italy, and the day that is some days after it."""
    today = today_of(now)
    return today, today + dt.timedelta(days=days)
