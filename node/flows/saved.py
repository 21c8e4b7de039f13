"""Saved searches: kept, listed, deleted, left, and told what is new by feed, daily digest and signed webhook.

In: a pool, a parsed Query, the time, how mail and webhooks go out. Out: values, and messages to those who asked. Rules: what is
new costs what arrived, not what is there; it is noted for each channel in one transaction with the mark behind it, so nothing
is lost and nothing noted twice; a message keeps its identifier at every attempt, and only a process that died, or a line that
broke, between handing it over and noting so can repeat it. A lease, not a leader, keeps two processes from one message.
No address, token or URL stands in a log line or an error. Source: domain.md 7, PROTOCOL 4 (signatures), RFC 8058.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hmac
import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import aiohttp
import orjson
import structlog

from node.domain import saved as domain
from node.domain.labels import LabelReference
from node.domain.query import NEWEST, Query, parse
from node.domain.saved import EMAIL, WEBHOOK, Item, Sheet
from node.errors import N_, CallerError, NotFoundError, OperatorError, ReteError
from node.flows.arrivals import settled
from node.flows.reading import read
from node.flows.search import EPOCH, search, snapshot
from node.i18n import translator
from node.peers import mail
from node.peers.client import PeerClient, RequestSigner
from node.peers.mail import MailServer
from node.store import saved as store
from node.store import search as search_store
from node.store.postgres import Connection, Pool, acquire, run_tx, transaction
from node.store.saved import Leased, Listed, Saved

logger = structlog.get_logger()
TOKEN_BYTES: Final = 32
# Longer than any attempt takes: only of a process that died is a lease waited for.
LEASE: Final = dt.timedelta(minutes=10)
BACKOFF_MIN: Final = dt.timedelta(minutes=1)
BACKOFF_MAX: Final = dt.timedelta(hours=6)
DUE_MAX: Final = 500
PARALLEL: Final = 4
LOOKS_MAX: Final = 20
REPLY_MAX_BYTES: Final = 64 * 1024
ACCEPTED: Final = (200, 201, 202, 204)
# How long it is remembered that something was told which is nowhere visible any more.
TOLD_KEPT: Final = dt.timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Settings:
    """What saved searches need to know of their node; ``leave_key`` signs unsubscribe links."""

    node: str
    base_url: str
    leave_key: bytes = field(repr=False)
    max_searches: int
    digest_hour: int
    loopback: bool

    def leave_url(self, search_id: str) -> str:
        """Return where a recipient leaves, by GET to see and by POST to do it."""
        return f"{self.base_url}/unsubscribe/{search_id}/{domain.leave_mark(self.leave_key, search_id)}"


@dataclass(frozen=True, slots=True)
class Outward:
    """How messages leave: the guarded session, the node's signature, its mail server if it has one."""

    session: aiohttp.ClientSession
    signer: RequestSigner
    mail: Callable[[], MailServer | None]


@dataclass(frozen=True, slots=True)
class Made:
    """A search that was just saved; ``token`` is shown now and never again."""

    search_id: str
    title: str
    query: str
    token: str = field(repr=False)


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
    made_by: str,
    email: str | None = None,
    webhook: str | None = None,
    has_mail: bool = False,
) -> Made:
    """Save a search; who is to be told hears of what becomes visible from now on.

    Raises: CallerError saved-title-bad, saved-email-bad, saved-webhook-bad, saved-mail-missing, saved-too-many.
    """
    checked = domain.check_title(title)
    channels = _channels(settings, email, webhook, now)
    if email is not None and not has_mail:
        raise CallerError(
            "saved-mail-missing",
            N_("questo nodo non spedisce posta: [mail] in node.toml non ha un server"),
            where="--email",
            hint=N_("configurare [mail], oppure salvare la ricerca senza --email e seguirne il feed"),
        )
    made = Made(str(uuid.uuid4()), checked, domain.write_query(query.parameters()), secrets.token_urlsafe(TOKEN_BYTES))
    # Public searches tell nobody by themselves, so they need no mark.
    arrival = await settled(pool) if channels else 0
    async with transaction(pool) as conn:
        await search_store.bound_time(conn)
        await store.hold_count(conn)
        if await store.count(conn, made_by) >= settings.max_searches:
            raise CallerError(
                "saved-too-many",
                N_("questo nodo tiene già {most} ricerche salvate"),
                hint=N_("cancellare quelle che non servono, o riprovare più avanti"),
                most=settings.max_searches,
            )
        hashed = domain.token_hash(made.token)
        await store.insert(conn, made.search_id, checked, made.query, hashed, made_by, now, arrival)
        for channel, (address, next_at) in channels.items():
            await store.insert_channel(conn, made.search_id, channel, address, next_at)
        if channels and query.witnessed:
            await store.insert_marks(conn, made.search_id)
    logger.info("search.saved", search_id=made.search_id, made_by=made_by, channels=sorted(channels))
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


def _unknown() -> NotFoundError:
    return NotFoundError("saved-unknown", N_("nessuna ricerca salvata con questo identificativo"))


async def _read(pool: Pool, text: str) -> Saved:
    search_id = domain.search_id_of(text)
    if search_id is None:
        raise _unknown()
    async with snapshot(pool) as conn:
        found = await store.read(conn, search_id)
    if found is None:
        raise _unknown()
    return found


async def open_with(pool: Pool, search_id: str, token: str) -> Saved:
    """Return the search that a token opens; a wrong token and an unknown search are the same answer.

    Raises: NotFoundError(saved-unknown).
    """
    found = await _read(pool, search_id)
    if not hmac.compare_digest(found.token_hash, domain.token_hash(token)):
        raise _unknown()
    return found


async def delete(pool: Pool, text: str) -> None:
    """Erase a search, with its addresses and all that was noted for it. Raises: NotFoundError(saved-unknown)."""
    search_id = domain.search_id_of(text)
    if search_id is None:
        raise _unknown()
    async with transaction(pool) as conn:
        await search_store.bound_time(conn)
        if not await store.delete(conn, search_id):
            raise _unknown()
    logger.info("search.deleted", search_id=search_id)


async def list_all(pool: Pool) -> list[Listed]:
    """Return all saved searches with their channels, by identifier."""
    found: list[Listed] = []
    async with acquire(pool) as conn:
        while page := await store.list_all(conn, found[-1].search_id if found else None, store.BATCH):
            found += page
    return found


async def unsubscribe(pool: Pool, settings: Settings, text: str, mark: str, now: dt.datetime) -> None:
    """Erase the address to which a search is mailed; once more is no error, and neither is a search that is gone.

    Raises: NotFoundError(saved-unknown) when the link is not ours.
    """
    search_id = check_link(settings, text, mark)
    async with transaction(pool) as conn:
        await search_store.bound_time(conn)
        if await store.unsubscribe(conn, search_id, now):
            logger.info("search.unsubscribed", search_id=search_id)


def check_link(settings: Settings, text: str, mark: str) -> str:
    """Return the search that an unsubscribe link is for. Raises: NotFoundError(saved-unknown)."""
    search_id = domain.search_id_of(text)
    if search_id is None or not domain.may_leave(settings.leave_key, search_id, mark):
        raise _unknown()
    return search_id


async def feed(
    pool: Pool, settings: Settings, search_id: str, reference: LabelReference, now: dt.datetime
) -> tuple[Sheet, tuple[Item, ...]]:
    """Return what the feed of a public search shows: its newest visible profiles.

    A search with somebody to tell has no feed: its title is the office's own. Raises: NotFoundError(saved-unknown),
    OperatorError(search-timeout).
    """
    found = await _read(pool, search_id)
    if found.told_to:
        raise _unknown()
    query = replace(_query(found.query, reference), sort=NEWEST, limit=domain.FEED_ENTRIES)
    result = await search(pool, query, reference, now=now)
    if found.read_on < now.date():
        async with transaction(pool) as conn:
            await store.mark_read(conn, found.search_id, now.date())
    items = tuple(
        domain.item_of(hit.owner, hit.origin, hit.index, hit.document, hit.published, quarantined=hit.quarantined)
        for hit in result.hits
    )
    return Sheet(found.search_id, found.title, found.created_at, settings.node, settings.base_url), items


def _query(text: str, reference: LabelReference) -> Query:
    return parse(domain.read_query(text).items(), reference)


async def news(pool: Pool, search_id: str, reference: LabelReference, until: int, now: dt.datetime) -> tuple[int, bool]:
    """Note for each channel of one search what became visible; return (how many, whether there is nothing left to look at).

    Raises: OperatorError(search-timeout), CallerError when the question means nothing any more.
    """
    today = (now.date() - EPOCH).days

    async def work(conn: Connection) -> tuple[int, bool]:
        await search_store.bound_time(conn)
        looking = await store.lock(conn, search_id)
        if looking is None:
            return 0, True
        query = _query(looking.query, reference)
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
    async with acquire(pool) as conn:
        due = await store.due(conn, clock(), DUE_MAX)
    slots = asyncio.Semaphore(PARALLEL)
    sent: list[tuple[str, bool | None]] = []

    async def one(search_id: str, channel: str) -> None:
        async with slots:
            sent.append((channel, await _deliver(pool, settings, outward, search_id, channel, clock)))

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
    return found


async def _deliver(
    pool: Pool, settings: Settings, outward: Outward, search_id: str, channel: str, clock: Callable[[], dt.datetime]
) -> bool | None:
    """Send one message; return whether it went, None when there was nothing to send or another process sends it."""
    now = clock()
    async with transaction(pool) as conn:
        leased = await store.lease(conn, search_id, channel, now, now + LEASE)
        if leased is None:
            return None
        delivery_id = await store.delivery(conn, search_id, channel, domain.DELIVERY_MAX)
        shown = await store.delivery_hits(conn, search_id, channel, delivery_id, today=(now.date() - EPOCH).days)
    sheet = Sheet(search_id, leased.title, leased.created_at, settings.node, settings.base_url)
    code = ""
    if shown:
        code = await _send(settings, outward, leased, sheet, delivery_id, [_item(hit) for hit in shown], channel, now)
    async with transaction(pool) as conn:
        if code:
            await store.fail(conn, search_id, channel, clock() + _backoff(leased.failures), code)
        else:
            next_at = domain.next_digest(clock(), settings.digest_hour) if channel == EMAIL else clock()
            await store.succeed(conn, search_id, channel, delivery_id, clock(), next_at)
    if code:
        logger.warning("search.tell_failed", search_id=search_id, channel=channel, code=code)
        return False
    return True if shown else None


def _backoff(failures: int) -> dt.timedelta:
    return min(BACKOFF_MAX, BACKOFF_MIN * float(2 ** min(failures, 20)))


def _item(shown: store.Shown) -> Item:
    day = EPOCH + dt.timedelta(days=max(0, min(shown.published, 2_000_000)))
    document = orjson.loads(shown.body)
    return domain.item_of(shown.owner, shown.origin, shown.idx, document, day, quarantined=shown.quarantined)


async def _send(
    settings: Settings,
    outward: Outward,
    leased: Leased,
    sheet: Sheet,
    delivery_id: str,
    items: list[Item],
    channel: str,
    now: dt.datetime,
) -> str:
    """Send one message; return the code of what went wrong, empty when it went."""
    try:
        if channel == EMAIL:
            await _mail(settings, outward, leased, sheet, delivery_id, items, now)
        else:
            await _post(outward, leased, sheet, delivery_id, items)
    except ReteError as error:
        # Only the code goes on: the rest may hold a host or an address.
        return error.code
    return ""


async def _mail(
    settings: Settings,
    outward: Outward,
    leased: Leased,
    sheet: Sheet,
    delivery_id: str,
    items: list[Item],
    now: dt.datetime,
) -> None:
    server = outward.mail()
    if server is None:
        raise OperatorError(
            "saved-mail-missing", N_("questo nodo non spedisce posta: [mail] in node.toml non ha un server")
        )
    message = domain.digest(
        sheet,
        items,
        sender=server.sender,
        recipient=leased.address,
        delivery_id=delivery_id,
        leave_url=settings.leave_url(sheet.search_id),
        now=now,
        languages=(translator("it"), translator("en")),
    )
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
            batch = await store.delete_unread(conn, (now - keep).date()) + await store.delete_left(
                conn, now - TOLD_KEPT
            )
        gone += batch
        if not batch:
            return gone
