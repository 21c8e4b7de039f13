"""Whom saved searches tell: what is new is found, noted, and sent by daily digest and signed webhook.

In: a pool, a parsed Query, the time, how mail and webhooks go out. Out: values, and messages to those who asked. Rules: what is
new costs what arrived, not what is there; it is noted for each channel in one transaction with the mark behind it, so nothing
is lost and nothing noted twice; a message keeps its identifier at every attempt, and only a process that died, or a line that
broke, between handing it over and noting so can repeat it. A lease, not a leader, keeps two processes from one message.
No address, token or URL stands in a log line or an error. Source: docs/saved-searches.md, PROTOCOL 4 (signatures), RFC 8058.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import aiohttp
import orjson
import structlog

from node.domain import saved as domain
from node.domain.days import day_number, day_of
from node.domain.labels import LabelReference
from node.domain.query import Query
from node.domain.saved import EMAIL, WEBHOOK, Envelope, Item, Sheet
from node.errors import N_, OperatorError, ReteError
from node.flows.logs.arrivals import settled
from node.flows.searching import watch
from node.flows.searching.reading import read
from node.flows.searching.saved import Made, Settings, insert, prepare, question
from node.i18n import translator
from node.peers import mail
from node.peers.client import PeerClient, RequestSigner
from node.peers.mail import MailServer
from node.store import saved as saved_store
from node.store import search as search_store
from node.store import telling as store
from node.store import watching
from node.store.postgres import Connection, Pool, acquire, run_tx, transaction
from node.store.saved import CATALOGUE, OFFICE
from node.store.telling import Leased, Listed

logger = structlog.get_logger()
# Longer than any attempt takes: only of a process that died is a lease waited for.
LEASE: Final = dt.timedelta(minutes=10)
BACKOFF_MIN: Final = dt.timedelta(minutes=1)
BACKOFF_MAX: Final = dt.timedelta(hours=6)
DUE_MAX: Final = 500
PARALLEL: Final = 4
LOOKS_MAX: Final = 20
REPLY_MAX_BYTES: Final = 64 * 1024
ACCEPTED: Final = (200, 201, 202, 204)
# The code of what no sentence of ours was written for, as the public's routes say it.
BROKEN: Final = "internal-error"
# How long it is remembered that something was told which is nowhere visible any more.
TOLD_KEPT: Final = dt.timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Outward:
    """How messages leave: the guarded session, the node's signature, its mail server if it has one."""

    session: aiohttp.ClientSession
    signer: RequestSigner
    mail: Callable[[], MailServer | None]


@dataclass(frozen=True, slots=True)
class Told:
    """One turn: news found (counted for each channel), messages sent by channel, attempts that failed."""

    found: int
    email: int
    webhook: int
    failed: int


async def save(
    pool: Pool,
    settings: Settings,
    title: str,
    query: Query,
    now: dt.datetime,
    *,
    email: str | None = None,
    webhook: str | None = None,
    has_mail: bool = False,
) -> Made:
    """Save a search of the office; who is to be told hears of what becomes visible from now on.

    Raises: CallerError saved-title-bad, saved-email-bad, saved-webhook-bad, saved-mail-missing, saved-too-many,
    OperatorError(saved-unsettled).
    """
    made = prepare(title, query)
    channels = _channels(settings, email, webhook, now)
    if email is not None and not has_mail:
        raise watch.mail_missing()
    arrival = await settled(pool) if channels else 0
    async with transaction(pool) as conn:
        await search_store.bound_time(conn)
        await insert(conn, settings, made, now, made_by=OFFICE, arrival=arrival)
        for channel, (address, next_at) in channels.items():
            await store.insert_channel(conn, made.search_id, channel, address, next_at)
        if channels and query.witnessed:
            await store.insert_marks(conn, made.search_id)
    logger.info("search.saved", search_id=made.search_id, made_by=OFFICE, channels=sorted(channels))
    return made


def _channels(
    settings: Settings, email: str | None, webhook: str | None, now: dt.datetime
) -> Mapping[str, tuple[str, dt.datetime]]:
    channels = {}
    if email is not None:
        channels[EMAIL] = (domain.check_email(email), domain.next_digest(now, settings.digest_hour))
    if webhook is not None:
        channels[WEBHOOK] = (domain.check_webhook(webhook, loopback=settings.loopback), now)
    return channels


async def list_all(pool: Pool) -> list[Listed]:
    """Return all saved searches with their channels, by identifier."""
    found: list[Listed] = []
    async with acquire(pool) as conn:
        while page := await store.list_all(conn, found[-1].search_id if found else None, store.BATCH):
            found += page
    return found


async def news(pool: Pool, search_id: str, reference: LabelReference, until: int, now: dt.datetime) -> tuple[int, bool]:
    """Note for each channel of one search what became visible; return (how many, whether there is nothing left to look at).

    Raises: OperatorError(search-timeout), CallerError when the question means nothing any more.
    """
    today = day_number(now.date())

    async def work(conn: Connection) -> tuple[int, bool]:
        await search_store.bound_time(conn)
        looking = await store.lock(conn, search_id)
        if looking is None:
            return 0, True
        query = question(looking.query, reference)
        positions, reached = await store.arrived(conn, looking.arrival, until)
        if query.witnessed:
            positions = list({*positions, *await store.vouched(conn, search_id)})
        found = 0
        if positions:
            meant = await read(conn, query.words)
            terms = search_store.terms_of(query, reference, meant.match, (), ())
            hits = await store.matching(conn, terms, positions, today=today)
            found = await store.insert_news(conn, search_id, hits, now) if hits else 0
        if reached > looking.arrival:
            await store.move_arrival(conn, search_id, reached)
        return found, reached >= until

    return await run_tx(pool, work)


async def tell_due(
    pool: Pool, settings: Settings, outward: Outward, reference: LabelReference, clock: Callable[[], dt.datetime]
) -> Told:
    """Look for news of every search with somebody to tell, then send what is due; one failure stops nobody else's.

    Raises: OperatorError(saved-unsettled).
    """
    until = await settled(pool)
    async with acquire(pool) as conn:
        waiting = await store.behind(conn, until)
    found = sum([await _look(pool, search_id, reference, until, clock()) for search_id in waiting])
    found += await watch.look_due(pool, clock())
    async with acquire(pool) as conn:
        due = await store.due(conn, clock(), DUE_MAX)
    slots = asyncio.Semaphore(PARALLEL)
    sent: list[tuple[str, bool | None]] = []

    async def one(search_id: str, channel: str) -> None:
        async with slots:
            try:
                done = await _deliver(pool, settings, outward, search_id, channel, clock)
            except Exception as error:
                # What became of it could not even be noted: the lease ends by itself, and the others go on.
                logger.exception("search.tell_failed", search_id=search_id, channel=channel, code=_code(error))
                done = False
            sent.append((channel, done))

    async with asyncio.TaskGroup() as group:
        for search_id, channel in due:
            group.create_task(one(search_id, channel))
    async with transaction(pool) as conn:
        await store.pass_digest(conn, clock(), domain.next_digest(clock(), settings.digest_hour))
    told = Told(found, sent.count((EMAIL, True)), sent.count((WEBHOOK, True)), sum(done is False for _, done in sent))
    if found or sent:
        logger.info("searches.told", found=found, emails=told.email, webhooks=told.webhook, failed=told.failed)
    return told


async def _look(pool: Pool, search_id: str, reference: LabelReference, until: int, now: dt.datetime) -> int:
    found = 0
    try:
        for _ in range(LOOKS_MAX):
            more, done = await news(pool, search_id, reference, until, now)
            found += more
            if done:
                break
    except ReteError as error:
        logger.warning("search.look_failed", search_id=search_id, code=error.code)
    except Exception:
        # Whatever is wrong with one question, the others are looked after.
        logger.exception("search.look_failed", search_id=search_id, code=BROKEN)
    return found


def _code(error: Exception) -> str:
    """Return what is kept and logged of an error: the rest may hold a host or an address."""
    return error.code if isinstance(error, ReteError) else BROKEN


async def _deliver(
    pool: Pool, settings: Settings, outward: Outward, search_id: str, channel: str, clock: Callable[[], dt.datetime]
) -> bool | None:
    """Send one message; return whether it went, None when there was nothing to send or another process sends it."""
    now = clock()
    async with transaction(pool) as conn:
        leased = await store.lease(conn, search_id, channel, now, now + LEASE)
    if leased is None:
        return None
    try:
        if leased.corpus == CATALOGUE:
            return await _announce(pool, settings, outward, leased, search_id, clock)
        delivery_id, count = await _attempt(pool, settings, outward, leased, search_id, channel, now)
    except Exception as error:
        # Of one delivery and of no other, whatever it is.
        code = _code(error)
        async with transaction(pool) as conn:
            await store.fail(conn, search_id, channel, clock() + _backoff(leased.failures), code)
        unexpected = None if isinstance(error, ReteError) else error
        logger.warning("search.tell_failed", search_id=search_id, channel=channel, code=code, exc_info=unexpected)
        return False
    next_at = domain.next_digest(clock(), settings.digest_hour) if channel == EMAIL else clock()
    async with transaction(pool) as conn:
        await store.succeed(conn, search_id, channel, delivery_id, clock(), next_at)
    return True if count else None


async def _announce(
    pool: Pool, settings: Settings, outward: Outward, leased: Leased, search_id: str, clock: Callable[[], dt.datetime]
) -> bool | None:
    """Mail what waits for a search of the catalogue; return whether there was anything. Raises: whatever went wrong."""
    told = await watch.waiting(pool, search_id)
    delivery_id = watch.delivery_id(search_id, leased)
    if told:
        server = _server(outward)
        envelope = _envelope(server, settings, leased, search_id, delivery_id, clock())
        await mail.send(server, watch.message(_sheet(settings, leased, search_id), told, envelope))
    async with transaction(pool) as conn:
        # A crash before this tells twice, under one name, rather than never.
        await watching.mark(conn, search_id, told, watch.near(clock()))
        next_at = domain.next_digest(clock(), settings.digest_hour)
        await store.succeed(conn, search_id, EMAIL, delivery_id, clock(), next_at)
    return True if told else None


def _sheet(settings: Settings, leased: Leased, search_id: str) -> Sheet:
    return Sheet(search_id, leased.title, leased.created_at, settings.node, settings.base_url)


def _envelope(
    server: MailServer, settings: Settings, leased: Leased, search_id: str, delivery_id: str, now: dt.datetime
) -> Envelope:
    return Envelope(server.sender, leased.address, delivery_id, settings.leave_url(search_id), now)


def _server(outward: Outward) -> MailServer:
    server = outward.mail()
    if server is None:
        raise OperatorError(
            "saved-mail-missing", N_("questo nodo non spedisce posta: [mail] in node.toml non ha un server")
        )
    return server


async def _attempt(
    pool: Pool, settings: Settings, outward: Outward, leased: Leased, search_id: str, channel: str, now: dt.datetime
) -> tuple[str, int]:
    """Send what waits in a leased channel; return (the delivery, how many profiles it told). Raises: whatever went wrong."""
    async with transaction(pool) as conn:
        delivery_id = await store.delivery(conn, search_id, channel, domain.DELIVERY_MAX)
        shown = await store.delivery_hits(conn, search_id, channel, delivery_id, today=day_number(now.date()))
    sheet = _sheet(settings, leased, search_id)
    items = [_item(hit) for hit in shown]
    if items and channel == EMAIL:
        await _mail(settings, outward, leased, sheet, delivery_id, items, now)
    elif items:
        await _post(outward, leased, sheet, delivery_id, items)
    return delivery_id, len(items)


def _backoff(failures: int) -> dt.timedelta:
    return min(BACKOFF_MAX, BACKOFF_MIN * float(2 ** min(failures, 20)))


def _item(shown: store.Shown) -> Item:
    day = day_of(max(0, min(shown.published, 2_000_000)))
    document = orjson.loads(shown.body)
    return domain.item_of(shown.owner, shown.origin, shown.idx, document, day, quarantined=shown.quarantined)


async def _mail(
    settings: Settings,
    outward: Outward,
    leased: Leased,
    sheet: Sheet,
    delivery_id: str,
    items: list[Item],
    now: dt.datetime,
) -> None:
    server = _server(outward)
    envelope = _envelope(server, settings, leased, sheet.search_id, delivery_id, now)
    message = domain.digest(sheet, items, envelope=envelope, languages=(translator("it"), translator("en")))
    await mail.send(server, message)


async def _post(outward: Outward, leased: Leased, sheet: Sheet, delivery_id: str, items: list[Item]) -> None:
    base, path = domain.split_webhook(leased.address)
    body = orjson.dumps(domain.webhook_document(sheet, delivery_id, items))
    client = PeerClient(outward.session, base, outward.signer)
    await client.post_signed(path, body, max_bytes=REPLY_MAX_BYTES, allow=ACCEPTED)


async def tidy(pool: Pool, now: dt.datetime, keep: dt.timedelta) -> int:
    """Erase public searches whose feed nobody has read for ``keep``, and news of no use any more; return how many rows went."""
    gone = 0
    while True:
        async with transaction(pool) as conn:
            batch = await saved_store.delete_unread(conn, (now - keep).date())
            batch += await store.delete_left(conn, now - TOLD_KEPT) + await watching.delete_left(conn)
        gone += batch
        if not batch:
            return gone
