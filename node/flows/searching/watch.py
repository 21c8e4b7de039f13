"""Saved searches of the catalogue: whoever is told hears of announcements that are new, changed, withdrawn, or soon over.

In: a pool, a parsed CatalogueQuery, the time. Out: searches that are kept; what waits to be told, and mails of it (flows/searching/tell sends them).
Rules: what is told is what the catalogue says when the message is made, held against what was told before, so that a look may be repeated or left out
and nothing is lost; an announcement is told once as new, once for each time it changes between two messages, once when its last day is near, once
when it is withdrawn; what was there when the search was saved is not new. Source: docs/saved-searches.md.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from email.message import EmailMessage
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson
import structlog

from node.domain import saved as domain
from node.domain.days import day_number
from node.domain.programme import announcement, catalogue_digest, catalogue_query
from node.domain.programme.announcement import State
from node.domain.programme.catalogue_digest import CLOSING_DAYS, Notice
from node.domain.programme.catalogue_query import CatalogueQuery
from node.domain.saved import Envelope, Sheet
from node.domain.words import apart
from node.errors import N_, CallerError, ReteError
from node.flows.searching.saved import Made, Settings, insert, prepare
from node.i18n import translator
from node.store import search as search_store
from node.store import telling
from node.store import watching as store
from node.store.postgres import Connection, Pool, acquire, run_tx
from node.store.reference import load_territories
from node.store.saved import CATALOGUE, OFFICE
from node.store.telling import Leased
from node.store.watching import Waiting

logger = structlog.get_logger()
# Where every node shows an announcement.
PAGES: Final = "/catalogo"
ROME: Final = ZoneInfo("Europe/Rome")


async def save(
    pool: Pool,
    settings: Settings,
    title: str,
    query: CatalogueQuery,
    now: dt.datetime,
    *,
    email: str | None,
    has_mail: bool,
    is_hooked: bool = False,
) -> Made:
    """Save a search of the catalogue for the office; what is there now is not new, what changes of it is.

    ``is_hooked``: a webhook was asked for too, which only searches of profiles have.

    Raises: CallerError saved-title-bad, saved-email-bad, saved-mail-missing, saved-catalogue-email, saved-too-many.
    """
    if query.state == State.CLOSED:
        raise CallerError(
            "query-value-bad", N_("di ciò che è chiuso non ci sono novità"), where="state", hint=N_("togliere lo stato")
        )
    if email is None or is_hooked:
        raise CallerError(
            "saved-catalogue-email",
            N_("una ricerca nel catalogo avvisa solo per posta: serve un indirizzo"),
            where="--email",
            hint=N_("senza indirizzo si segue il feed, /catalogo.atom con gli stessi filtri"),
        )
    made, address = prepare(title, query), domain.check_email(email)
    if not has_mail:
        raise mail_missing()

    async def work(conn: Connection) -> None:
        await search_store.bound_time(conn)
        await insert(conn, settings, made, now, made_by=OFFICE, arrival=0, corpus=CATALOGUE)
        await telling.insert_channel(
            conn, made.search_id, domain.EMAIL, address, domain.next_digest(now, settings.digest_hour)
        )
        await _find(conn, made.search_id, query, now, is_told=True)

    await run_tx(pool, work)
    logger.info("search.saved", search_id=made.search_id, made_by=OFFICE, channels=[domain.EMAIL])
    return made


def mail_missing() -> CallerError:
    """Return the refusal of an address where no mail is sent."""
    return CallerError(
        "saved-mail-missing",
        N_("questo nodo non spedisce posta: [mail] in node.toml non ha un server"),
        where="--email",
        hint=N_("configurare [mail], oppure salvare la ricerca senza --email e seguirne il feed"),
    )


async def _find(conn: Connection, search_id: str, query: CatalogueQuery, now: dt.datetime, *, is_told: bool) -> None:
    match = await search_store.read_words(conn, apart(query.words)) if query.words else ""
    await store.find(conn, search_id, query, match or None, _today(now), is_told=is_told)


def _today(now: dt.datetime) -> dt.date:
    """Return the day in Rome, by which announcements open and close."""
    return now.astimezone(ROME).date()


def near(now: dt.datetime) -> dt.date:
    """Return the day up to which a last day is told as near."""
    return _today(now) + dt.timedelta(days=CLOSING_DAYS)


async def look(pool: Pool, search_id: str, now: dt.datetime) -> int:
    """Settle what one search has to tell; return how many announcements that is.

    Raises: OperatorError(search-timeout), CallerError when the question means nothing any more.
    """

    async def work(conn: Connection) -> int:
        await search_store.bound_time(conn)
        looking = await telling.lock(conn, search_id)
        if looking is None:
            return 0
        asked = domain.read_query(looking.query).items()
        query = catalogue_query.parse(asked, load_territories(), day_number(_today(now)))
        await _find(conn, search_id, query, now, is_told=False)
        return await store.weigh(conn, search_id, _today(now), near(now))

    return await run_tx(pool, work)


async def look_due(pool: Pool, now: dt.datetime) -> int:
    """Look for every search of the catalogue whose message may go; return how many announcements wait. One failure stops no other."""
    async with acquire(pool) as conn:
        due = await store.due(conn, now)
    found = 0
    for search_id in due:
        try:
            found += await look(pool, search_id, now)
        except ReteError as error:
            logger.warning("search.look_failed", search_id=search_id, code=error.code)
        except Exception:
            # Whatever is wrong with one question, the others are looked after.
            logger.exception("search.look_failed", search_id=search_id, code="internal-error")
    return found


async def waiting(pool: Pool, search_id: str) -> list[Waiting]:
    """Return what the next message of a search tells."""
    async with acquire(pool) as conn:
        return await store.waiting(conn, search_id, domain.DELIVERY_MAX)


def delivery_id(search_id: str, leased: Leased) -> str:
    """Return the name of the message after the last that arrived: the same at every attempt."""
    return str(uuid.uuid5(uuid.UUID(search_id), "" if leased.told_at is None else leased.told_at.isoformat()))


def message(sheet: Sheet, told: Sequence[Waiting], envelope: Envelope) -> EmailMessage:
    """Return the mail of what waits. Raises: CallerError(saved-email-bad)."""
    languages = (translator("it"), translator("en"))
    return catalogue_digest.digest(sheet, [_notice(one) for one in told], envelope, PAGES, languages)


def _notice(one: Waiting) -> Notice:
    if one.body is None:
        return Notice(one.waits, one.item_id, one.owner, one.kind)
    document: dict[str, Any] = orjson.loads(one.body)
    made = announcement.parse(document)
    return Notice(one.waits, made.id, made.owner, made.kind, made.title["it"], made.summary["it"], made.closes)
