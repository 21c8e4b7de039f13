"""What time brings to introductions: steps whose day is over, profiles that were withdrawn, events that never arrived, people to remind.

In: an Office, the time, the mail server if there is one. Out: cases closed with notice, messages put out once more, mails that say how
much waits and where, and nothing of what it is. Rules: each of it may run twice; a mail is told once for each thing that happened; on
the last day of a step the second address is told, too. Source: docs/introductions.md.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP
from typing import Final

import structlog

from node.domain.days import day_number
from node.domain.introduction import CLOSED, FOLLOW_UP_DAYS, KNOWN, SOON_DAYS, UNREACHABLE_DAYS, UNTOLD_DAYS, State
from node.errors import N_
from node.flows import casework, hear
from node.flows.casework import Office
from node.i18n import translator
from node.peers import mail
from node.peers.mail import MailServer
from node.store import introductions
from node.store.introductions import Untold
from node.store.postgres import Connection, acquire, run_tx

logger = structlog.get_logger()
# What happened longer ago is told no more: a node that was switched off does not wake with a hundred mails.
NEWS: Final = dt.timedelta(days=14)
PAGE: Final = 500
NO_CASE: Final = "00000000-0000-0000-0000-000000000000"
WAITS, SOON, LAST_DAY, FOLLOW_UP, ENDED = "waits", "soon", "last-day", "follow-up", "ended"


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
        for item in works:
            casework.settle(office, item, now)
        await casework.save(conn, office, works, now)
        # One in which there is nothing to say after all holds up nobody behind it.
        return sum(bool(item.added) for item in works), ids[-1] if len(ids) == PAGE else ""

    return await run_tx(office.pool, work)


async def send_again(office: Office, now: dt.datetime) -> int:
    """Put out once more what the other office has not said it knows: it may have been lost there; return how many messages."""

    async def work(conn: Connection) -> int:
        found = await introductions.unknown_cases(conn, now - hear.AGAIN, PAGE)
        if not found:
            return 0
        works = await casework.lock(conn, found)
        count = await casework.put_again(conn, office, list(works.values()), now)
        await introductions.sent_again(conn, found, now)
        return count

    return await run_tx(office.pool, work)


def words_of(case: Untold, now: dt.datetime) -> set[str]:
    """Return what there is to tell of a case, each as the word under which it is told once."""
    today, mine = day_number(now.date()), case.turn in (str(case.party), "both")
    words = set()
    if mine or case.state is State.DRAFT:
        words.add(f"{WAITS}-{case.state}-{case.own_due or 0}")
    if mine and case.own_due is not None:
        left = case.own_due - today
        if 0 < left <= SOON_DAYS:
            words.add(f"{SOON}-{case.own_due}")
        if left == 0:
            words.add(f"{LAST_DAY}-{case.own_due}")
    if case.state in KNOWN and case.introduced_at is not None:
        passed = [day for day in FOLLOW_UP_DAYS if now >= case.introduced_at + dt.timedelta(days=day)]
        words |= {f"{FOLLOW_UP}-{day}" for day in passed[-1:]}
    if case.state in CLOSED:
        words.add(f"{ENDED}-{case.state}")
    return words


async def tell(office: Office, server: Callable[[], MailServer | None], base_url: str, now: dt.datetime) -> int:
    """Tell this office's people by mail what waits for them; return of how many things.

    Raises: OperatorError or RoadWrongError mail-...; then nothing counts as told.
    """
    to = office.config.introductions
    if not to.mail:
        return 0
    async with acquire(office.pool) as conn:
        cases = await introductions.untold(conn, now - NEWS, PAGE * 10)
    fresh = [(c.introduction_id, word) for c in cases for word in sorted(words_of(c, now) - c.told)]
    if not fresh:
        return 0
    outgoing = server()
    if outgoing is None:
        return 0
    last = [word for _, word in fresh if word.startswith(LAST_DAY)]
    await mail.send(outgoing, notice(office, to.mail, outgoing.sender, base_url, len(fresh), now))
    if last and to.escalation_mail:
        await mail.send(
            outgoing, notice(office, to.escalation_mail, outgoing.sender, base_url, len(last), now, last=True)
        )

    async def work(conn: Connection) -> None:
        await introductions.mark_told(conn, fresh, now)

    # A crash before this line tells twice rather than never.
    await run_tx(office.pool, work)
    logger.info("introductions.told", news=len(fresh), last_day=len(last))
    return len(fresh)


def notice(
    office: Office, to: str, sender: str, base_url: str, count: int, now: dt.datetime, *, last: bool = False
) -> EmailMessage:
    """Return a mail that says how much waits and where, in both languages; no case, no name."""
    subject = N_("Contatti tra reti: {count} cose da vedere")
    said = (
        N_("In {count} contatti oggi è l'ultimo giorno per il prossimo passo di questo ufficio.")
        if last
        else N_("Nei contatti tra reti ci sono {count} novità.")
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
