"""What time brings to introductions: steps whose day is over, profiles that were withdrawn, events that never arrived, people to remind.

In: an Office, the time, the mail server if there is one. Out: cases closed with notice, messages put out once more, mails that say how
much waits and where, and nothing of what it is. Rules: each of it may run twice; a thing is told to an address once, and not to those
who did it; two days before the end of a step both offices are told, on its last day the second address of the office in turn, too.
Source: docs/introductions.md.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from email.message import EmailMessage
from email.policy import SMTP
from typing import Final

import structlog

from node.domain.days import day_number
from node.domain.introduction import (
    CLOSED,
    FOLLOW_UP_DAYS,
    KNOWN,
    SOON_DAYS,
    UNREACHABLE_DAYS,
    UNTOLD_DAYS,
    Party,
    State,
)
from node.errors import N_, ReteError
from node.flows.introductions import casework, hear
from node.flows.introductions.casework import Office
from node.flows.registry import gdpr
from node.i18n import translator
from node.peers import mail
from node.peers.mail import MailServer
from node.store import introduction_notices, introductions, outbox
from node.store.introduction_notices import Untold
from node.store.postgres import Connection, acquire, run_tx

logger = structlog.get_logger()
# What happened longer ago is told no more: a node that was switched off does not wake with a hundred mails.
NEWS: Final = dt.timedelta(days=14)
PAGE: Final = 500
# Cases given back in one transaction: officers' decisions in them wait for it.
GIVEN: Final = 20
UNBEGUN_DAYS: Final = 30
AGAIN_DAYS: Final = 730
NO_CASE: Final = "00000000-0000-0000-0000-000000000000"
WAITS, SOON, LAST_DAY, RAISED, FOLLOW_UP, ERASED, ENDED = (
    "waits",
    "soon",
    "last-day",
    "raised",
    "follow-up",
    "erased",
    "ended",
)
BOTH: Final = "both"
# What the other office or the nodes have brought a case to, and people of this one have to know.
NEWS_OF: Final[Mapping[Party, frozenset[State]]] = {
    Party.OWNER: frozenset({State.RECEIVED, State.ANSWERED, State.INTRODUCED}),
    Party.SEEKER: frozenset({State.INFO_REQUESTED, State.ACCEPTED, State.INTRODUCED}),
}


async def work_due(office: Office, now: dt.datetime) -> int:
    """Say what nodes owe because time went by; return in how many cases something was said."""
    done, after = 0, NO_CASE
    while after:
        said, after = await _work_page(office, now, after)
        done += said
    if done:
        logger.info("introductions.settled", cases=done)
    return done


async def _work_page(office: Office, now: dt.datetime, after: str) -> tuple[int, str]:
    """Say what is owed in a page of cases; return in how many, and the last case of a page that was full."""
    silent, untold = now - dt.timedelta(days=UNREACHABLE_DAYS), now - dt.timedelta(days=UNTOLD_DAYS)

    async def work(conn: Connection) -> tuple[int, str]:
        ids = await introductions.due_cases(conn, day_number(now.date()), silent, untold, after, PAGE)
        works = list((await casework.lock(conn, ids)).values()) if ids else []
        casework.settle(office, works, now)
        await casework.save(conn, office, works, now)
        # One in which there is nothing to say after all holds up nobody behind it.
        return sum(bool(item.added) for item in works), ids[-1] if len(ids) == PAGE else ""

    return await run_tx(office.pool, work)


async def give_back(office: Office, now: dt.datetime) -> int:
    """Tell offices that put back an older copy of their database all that was said with them; return how many messages."""
    done = 0
    async with acquire(office.pool) as conn:
        rewound = await outbox.rewound(conn, now - hear.AGAIN)
    for peer in rewound:
        after = NO_CASE
        while after:
            said, after = await _give_page(office, peer, now, after)
            done += said

        async def given(conn: Connection, peer: str = peer) -> None:
            await outbox.mark_given(conn, peer, now)

        # A crash before this line begins again, and leaves out what waits already.
        await run_tx(office.pool, given)
    if done:
        logger.warning("introductions.given-back", messages=done)
    return done


async def _give_page(office: Office, peer: str, now: dt.datetime, after: str) -> tuple[int, str]:
    """Put out what was said in a page of the cases with an office; return how much, and the last case of a page that was full."""

    async def work(conn: Connection) -> tuple[int, str]:
        await outbox.lock_boxes(conn, [peer])
        ids = await introductions.cases_with(conn, peer, now - dt.timedelta(days=UNREACHABLE_DAYS), after, GIVEN)
        works = (await casework.lock(conn, ids, peer=peer)).values() if ids else ()
        return await casework.give_back(conn, office, list(works), now), ids[-1] if len(ids) == GIVEN else ""

    return await run_tx(office.pool, work)


async def tidy(office: Office, now: dt.datetime) -> int:
    """Delete cases of which for a month nothing has come that can be read; return how many.

    Another office's of which only something that was said later came, and our own of which a giving back left nothing.
    """

    async def work(conn: Connection) -> int:
        return await introductions.delete_unbegun(conn, now - dt.timedelta(days=UNBEGUN_DAYS))

    return await run_tx(office.pool, work)


async def end_over_term(office: Office, now: dt.datetime) -> int:
    """Delete introductions that ended, and drafts, over their term; return how many. What the public form promises, daily."""
    until = now - dt.timedelta(days=office.config.retention.introductions_days)
    return await gdpr.end_over(office.pool, "introductions", until)


async def send_again(office: Office, now: dt.datetime) -> int:
    """Put out once more what the other office has not said it knows: it may have been lost there; return how many messages."""

    async def work(conn: Connection) -> int:
        # A node that was down for months still says what it had to say; of what is older the other office has had all the time to hear.
        since = now - dt.timedelta(days=AGAIN_DAYS)
        found = await introductions.unknown_cases(conn, now - hear.AGAIN, since, PAGE)
        if not found:
            return 0
        works = await casework.lock(conn, found)
        count = await casework.put_again(conn, office, list(works.values()), now)
        await introductions.sent_again(conn, found, now)
        return count

    return await run_tx(office.pool, work)


def words_of(case: Untold, now: dt.datetime) -> set[str]:
    """Return what there is to tell of a case, each as the word under which it is told once.

    What the other office, a firm or time did: nobody is told of what they did themselves a minute ago.
    """
    words = set()
    if case.state in NEWS_OF[case.party] or (case.state is State.DRAFT and not case.created_by):
        # With the moment: of two answers to two questions each is told.
        words.add(f"{WAITS}-{case.state}-{int(case.since.timestamp())}")
    today = day_number(now.date())
    days = {day for day in (_own_day(case), _other_day(case)) if day is not None}
    words |= {f"{SOON}-{day}" for day in days if 0 < day - today <= SOON_DAYS}
    if case.state in KNOWN and case.introduced_at is not None:
        passed = [day for day in FOLLOW_UP_DAYS if now >= case.introduced_at + dt.timedelta(days=day)]
        words |= {f"{FOLLOW_UP}-{day}" for day in passed[-1:] if str(day) not in case.followed_up}
    if case.state in KNOWN and case.is_erased:
        words.add(ERASED)
    if case.state in CLOSED and not case.is_own_end:
        words.add(f"{ENDED}-{case.state}")
    return words | last_day_of(case, now)


def last_day_of(case: Untold, now: dt.datetime) -> set[str]:
    """Return the word of the last day of a step of this office, where today is that day."""
    return {f"{LAST_DAY}-{case.own_due}"} if _own_day(case) == day_number(now.date()) else set()


def _own_day(case: Untold) -> int | None:
    return case.own_due if case.turn in (str(case.party), BOTH) else None


def _other_day(case: Untold) -> int | None:
    return case.other_due if case.turn in (str(case.party.other), BOTH) else None


def _raised(case: Untold, now: dt.datetime) -> set[str]:
    return {f"{RAISED}-{word}" for word in last_day_of(case, now)}


async def tell(office: Office, server: Callable[[], MailServer | None], base_url: str, now: dt.datetime) -> int:
    """Tell this office's people by mail what waits for them, and the second address what is on its last day; return of how many cases.

    Each address counts for itself: what one server refuses is told to the other, once.
    Raises: OperatorError or RoadWrongError mail-..., key-file-...; of what did not go nothing counts as told.
    """
    to = office.config.introductions
    if not to.mail:
        return 0
    addresses = [(to.mail, words_of, False), (to.escalation_mail, _raised, True)]
    fresh: dict[bool, list[tuple[str, str]]] = {last: [] for _, _, last in addresses}
    async for case in _untold(office, now):
        for _, words, last in addresses:
            fresh[last] += [(case.introduction_id, word) for word in sorted(words(case, now) - case.told)]
    count, failed = 0, None
    for address, _, last in addresses:
        if not fresh[last] or not address:
            continue
        try:
            count += await _tell_one(office, server, base_url, now, address, fresh[last], last=last)
        except ReteError as error:
            failed = failed or error
    if failed is not None:
        raise failed
    return count


async def _untold(office: Office, now: dt.datetime) -> AsyncIterator[Untold]:
    after = NO_CASE
    while after:
        async with acquire(office.pool) as conn:
            page = await introduction_notices.untold(conn, now - NEWS, after, PAGE)
        for case in page:
            yield case
        after = page[-1].introduction_id if len(page) == PAGE else ""


async def _tell_one(
    office: Office,
    server: Callable[[], MailServer | None],
    base_url: str,
    now: dt.datetime,
    address: str,
    fresh: Sequence[tuple[str, str]],
    *,
    last: bool,
) -> int:
    outgoing = server()
    if outgoing is None:
        return 0
    count = len({case for case, _ in fresh})
    await mail.send(outgoing, notice(office, address, outgoing.sender, base_url, count, now, last=last))
    # A crash before this line tells twice rather than never.
    await run_tx(office.pool, lambda conn: introduction_notices.mark_told(conn, fresh, now))
    logger.info("introductions.told", cases=count, last_day=last)
    return count


def notice(
    office: Office, to: str, sender: str, base_url: str, count: int, now: dt.datetime, *, last: bool = False
) -> EmailMessage:
    """Return a mail that says how much waits and where, in both languages; no case, no name."""
    subject = N_("Contatti tra reti da vedere: {count}")
    said = (
        N_("Contatti in cui oggi è l'ultimo giorno per il prossimo passo di questo ufficio: {count}.")
        if last
        else N_("Contatti tra reti con novità: {count}.")
    )
    where = N_("Si vedono qui, dopo l'accesso: {url}")
    url = f"{base_url}/ufficio/contatti"
    lines = []
    for language in ("it", "en"):
        tr = translator(language)
        lines += [tr(said).format(count=count), tr(where).format(url=url), ""]
    message = EmailMessage(policy=SMTP.clone(max_line_length=998))
    message["From"], message["To"] = sender, to
    message["Subject"] = f"{office.config.node.name}: {translator('it')(subject).format(count=count)}"
    message["Date"] = now
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("\n".join(lines), charset="utf-8")
    return message
