"""What is over goes: numbers once used, logs of past years and of who left, searches nobody reads, sessions, introductions.

In: an office, how people sign in, what the process remembers, the time. Out: rows deleted. Rules: each part may run twice; what is
promised by the day is looked for once a day, and a turn that failed does not count.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from node.flows.introductions import remind
from node.flows.introductions.casework import Office
from node.flows.logs import epoch
from node.flows.people import sign_in
from node.flows.programme import sessions
from node.flows.searching import tell
from node.flows.trust import agreement_logs
from node.protocol import limits
from node.store import nonces
from node.store.postgres import acquire


@dataclass(slots=True)
class Memory:
    """The day on which a process last looked for what goes by the day; one begun anew looks once more."""

    swept: dt.date | None = None


async def tidy(office: Office, settings: sign_in.Settings, memory: Memory, now: dt.datetime) -> None:
    """Delete what is over, everywhere."""
    pool, config = office.pool, office.config
    async with acquire(pool) as conn:
        await nonces.purge(conn, now - dt.timedelta(seconds=limits.NONCE_KEEP_S))
    if (terms := office.membership.terms) is not None:
        await agreement_logs.erase_suspended(pool, terms.suspended_days, now)
    await epoch.prune(pool, dt.timedelta(days=config.federation.keep_epochs_days), now)
    await tell.tidy(pool, now, dt.timedelta(days=config.saved.unread_days))
    await sign_in.tidy(pool, settings, now)
    if memory.swept != now.date():
        # The public form says after how many days: nobody has to remember it.
        await remind.tidy(office, now)
        await remind.end_over_term(office, now)
        await sessions.end_over_term(pool, config, now)
        memory.swept = now.date()
