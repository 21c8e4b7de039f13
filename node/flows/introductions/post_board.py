"""How sealed post with each other office stands: what waits, what came, what was refused and why, and what to do about it.

In: a pool, the members, the time. Out: one value per member, for its page and for the doctor. Rules: codes and numbers alone, never a
word of a message; whatever is wrong comes with what to do. Whether this node's own card and its seal key go together cannot be seen
from here: it shows where others seal for a key that is not ours any more (``seal-key-unknown``). Source: PROTOCOL 9.7, 10.5, 11.13.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from node.errors import N_, Said
from node.flows.logs import ping
from node.protocol.member import Membership
from node.store import outbox
from node.store.outbox import Box
from node.store.postgres import Pool, acquire

# What was refused longer ago is nobody's business any more.
REFUSED_SINCE: Final = dt.timedelta(days=7)
_UNOPENED: Final = N_(
    "avvisare chi gestisce {peer} e citare {code}: il suo nodo manda messaggi che non sono come devono"
)
_LATER: Final = N_("riprovare più tardi; se dura, avvisare chi gestisce {peer}")
_REMEDIES: Final[Mapping[str, str]] = {
    "seal-key-unknown": N_(
        "{peer} usa una chiave vecchia di questo nodo: mandargli di nuovo il proprio «rete peer card»; poi sigilla di nuovo da sé"
    ),
    "message-signature-bad": N_(
        "la chiave «http» di {peer} non è quella del suo biglietto [[peer]]: chiedere il suo «rete peer card» di oggi"
    ),
    "introduction-forked": N_(
        "{peer} ha ripreso una copia vecchia e ha perso dei passi: questo nodo glieli rimanda da sé; se dura, i due uffici si sentono, chiudono quei contatti e ne aprono altri"
    ),
    "introduction-unknown": N_(
        "{peer} risponde a una richiesta che qui non c'è più: se questo nodo è ripartito da una copia, sentire il suo ufficio"
    ),
    "introduction-future": N_("regolare l'orologio (NTP) di questo nodo o di {peer}"),
    "introduction-too-many": N_("{peer} ha troppi contatti aperti, o troppi passi in uno: sentire il suo ufficio"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Refused:
    """Messages of a member that were refused for one reason in the last week, and what to do about them."""

    code: str
    count: int
    newest: dt.datetime
    remedy: Said


@dataclass(frozen=True, slots=True)
class Post:
    """The post with one member: ``can_seal`` is whether it can be written to at all, ``box`` None where nothing was said yet."""

    member: str
    can_seal: bool
    box: Box | None = None
    refused: tuple[Refused, ...] = field(default=())

    @property
    def cause(self) -> Said | None:
        """What was wrong when it was last asked, None where nothing was."""
        if self.box is None or not self.box.error_code:
            return None
        return Said(N_("chiedere i messaggi in attesa non riesce [{code}]"), {"code": self.box.error_code})

    @property
    def remedy(self) -> Said | None:
        """What to do about it."""
        if self.box is None or not self.box.error_code:
            return None
        return ping.remedy_by_code(self.box.error_code, self.member) or Said(_LATER, {"peer": self.member})


def remedy_of(code: str, member: str) -> Said:
    """Return what to do about messages of a member that were refused by a code."""
    return Said(_REMEDIES.get(code, _UNOPENED), {"peer": member, "code": code})


async def read(pool: Pool, membership: Membership, now: dt.datetime) -> list[Post]:
    """Return how the post with each other member stands, by id; members that left and whose messages wait are among them."""
    async with acquire(pool) as conn:
        boxes = {box.peer: box for box in await outbox.boxes(conn)}
        refused = await outbox.refused_by_code(conn, now - REFUSED_SINCE)
    here = {member.id: member.seal is not None for member in membership.peers}
    told: dict[str, list[Refused]] = {}
    for one in refused:
        told.setdefault(one.peer, []).append(Refused(one.code, one.count, one.newest, remedy_of(one.code, one.peer)))
    members = sorted({*here, *(peer for peer, box in boxes.items() if box.waiting)} - {membership.own_id})
    return [Post(key, here.get(key, False), boxes.get(key), tuple(told.get(key, ()))) for key in members]
