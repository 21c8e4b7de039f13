"""Does the sealed post go? Members that cannot be written to or do not answer, messages that wait or were refused.

In: what was seen of the node. Out: findings (node/flows/upkeep/doctor.py). docs/administration.md.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

from node.errors import N_, Said
from node.flows.introductions.post_board import Post
from node.flows.upkeep.findings import OK, WARNING, Finding, Seen

AREA: Final = "peers"
# Nights, weekends and a restart are nobody's business before that.
FAILURES_TOLD: Final = 3
WAITS_MOST: Final = dt.timedelta(days=7)


def check(seen: Seen) -> list[Finding]:
    """Return what is to be said of sealed messages."""
    found = [finding for post in seen.post for finding in _one(post, seen.now, is_agreed=seen.agreement is not None)]
    waiting = sum(post.box.waiting for post in seen.post if post.box is not None)
    said = Said(N_("i messaggi riservati vanno e vengono; in attesa: {count}"), {"count": waiting})
    return found or ([Finding("post", AREA, OK, said)] if seen.post else [])


def _one(post: Post, now: dt.datetime, *, is_agreed: bool) -> list[Finding]:
    facts = {"peer": post.member}
    found = []
    if not post.can_seal:
        found.append(
            Finding(
                "seal-missing", AREA, WARNING, Said(N_("con {peer} non si possono scambiare messaggi riservati: la sua scheda non ha la chiave «seal»"), facts),
                post.member,
                Said(N_("chiedere a chi gestisce {peer} di mettere la sua chiave «seal» nel protocollo d'intesa («rete keys rotate seal»)"), facts)
                if is_agreed
                else Said(N_("chiedere a chi gestisce {peer} il suo «rete peer card» di oggi e copiarlo al posto del [[peer]]"), facts),
            )
        )  # fmt: skip
    box, cause, remedy = post.box, post.cause, post.remedy
    if box is not None and cause is not None and remedy is not None and box.failures >= FAILURES_TOLD:
        found.append(Finding("post-failing", AREA, WARNING, cause, post.member, remedy))
    if box is not None and box.oldest is not None and now - box.oldest > WAITS_MOST:
        days = (now - box.oldest).days
        found.append(
            Finding(
                "post-waiting", AREA, WARNING, Said(N_("{peer} non ritira i messaggi riservati da {days} giorni; in attesa: {count}"), {**facts, "days": days, "count": box.waiting}),
                post.member, Said(N_("avvisare chi gestisce {peer}; intanto si possono portare con un file («rete intro export»)"), facts),
            )
        )  # fmt: skip
    found += [
        Finding(
            "post-refused", AREA, WARNING, Said(N_("messaggi riservati di {peer} rifiutati nell'ultima settimana: {count} [{code}]"), {**facts, "count": one.count, "code": one.code}),
            post.member, one.remedy,
        )
        for one in post.refused
    ]  # fmt: skip
    return found
