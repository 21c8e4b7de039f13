"""Participants are told by mail how they stand: placed, waiting, moved up, not taken, cancelled; by their own office, in their language.

In: an Office, the mail server if there is one. Out: mails, each standing told once. Rules: it goes to the address that enrolled and says what
that person asked for, nothing of others; what one server or address refuses stops no other. Source: docs/courses.md.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP
from functools import partial
from typing import Final

import structlog

from node.domain.programme.course import REASON_TITLES, Reason, Standing
from node.errors import N_, ReteError
from node.flows.introductions.casework import Office
from node.i18n import translator
from node.peers import mail
from node.peers.mail import MailServer
from node.store import course_notices as store
from node.store.course_notices import Untold
from node.store.postgres import acquire, run_tx

logger = structlog.get_logger()
# What changed longer ago is told no more.
NEWS: Final = dt.timedelta(days=14)
PAGE: Final = 200
SUBJECTS: Final = {
    Standing.PLACED: N_("Iscrizione confermata: {title}"),
    Standing.WAITING: N_("In lista d'attesa: {title}"),
    Standing.REFUSED: N_("Iscrizione non accolta: {title}"),
    Standing.CANCELLED: N_("Iscrizione annullata: {title}"),
}
WORDS: Final = {
    Standing.PLACED: N_("Ha un posto al corso «{title}», dal {begins} al {ends}."),
    Standing.WAITING: N_(
        "I posti del corso «{title}» (dal {begins} al {ends}) sono finiti: è in lista d'attesa. Se si libera un posto glielo scriviamo."
    ),
    Standing.REFUSED: N_("L'iscrizione al corso «{title}» (dal {begins} al {ends}) non è stata accolta."),
    Standing.CANCELLED: N_("L'iscrizione al corso «{title}» (dal {begins} al {ends}) è annullata."),
}


async def tell(office: Office, server: Callable[[], MailServer | None], now: dt.datetime) -> int:
    """Tell participants whose standing changed; return how many were told.

    Raises: the first OperatorError or RoadWrongError mail-... after all were tried; who was not told is told later.
    """
    async with acquire(office.pool) as conn:
        found = await store.untold(conn, now - NEWS, PAGE)
    outgoing = server() if found else None
    if outgoing is None:
        return 0
    count, failed = 0, None
    for item in found:
        try:
            await mail.send(outgoing, notice(office, item, outgoing.sender, now))
        except ReteError as error:
            failed = failed or error
            continue
        # A crash before this line tells twice rather than never.
        await run_tx(office.pool, partial(store.mark_told, item=item))
        count += 1
    if failed is not None:
        raise failed
    if count:
        logger.info("courses.told", people=count)
    return count


def notice(office: Office, item: Untold, sender: str, now: dt.datetime) -> EmailMessage:
    """Return the mail that tells a participant how it stands."""
    tr = translator(item.language)
    facts = {"title": item.title, "begins": item.begins.isoformat(), "ends": item.ends.isoformat()}
    lines = [tr(WORDS[item.standing]).format(**facts)]
    if item.reason is not Reason.NONE:
        lines += [tr(N_("Motivo: {reason}.")).format(reason=tr(REASON_TITLES[item.reason]))]
    lines += ["", tr(N_("Organizza: {organiser}. Ha chiesto l'iscrizione presso {office}.")).format(organiser=item.organiser, office=office.config.node.name)]  # fmt: skip
    message = EmailMessage(policy=SMTP.clone(max_line_length=998))
    message["From"], message["To"] = sender, item.email
    message["Subject"] = tr(SUBJECTS[item.standing]).format(title=item.title)
    message["Date"] = now
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("\n".join(lines) + "\n", charset="utf-8", cte="quoted-printable")
    return message
