"""Walk the road to a peer step by step, and say at which step it ends: DNS, TCP, TLS, checkpoint, clock, signature, schema.

In: a peer's row and a client. Out: one line per step with what was found and, at a failure, what to do in words.
Nothing is stored.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from node.errors import N_, PeerWrongError, ReteError, RoadWrongError, Said
from node.peers.client import PeerClient
from node.protocol import body, entry, feed, limits, tiles
from node.store.origins import Origin

# Stable ids of the steps and of what is found where it is no number or address.
DNS, TCP, TLS, CHECKPOINT, CLOCK, SIGNATURE, SCHEMA = (
    "dns", "tcp", "tls", "checkpoint", "clock", "signature", "schema"
)  # fmt: skip
PLAIN_HTTP, RECOGNISED, NO_DATE = "plain-http", "recognised", "no-date"
# What a step found, in words, where it is not told as it is.
FOUND = {
    PLAIN_HTTP: N_("http, solo per prove"),
    RECOGNISED: N_("riconosciuta"),
    NO_DATE: N_("il nodo non dice l'ora"),
}

_SET_CLOCK = N_("regolare l'orologio (NTP) di questo nodo o dell'altro")
_SEND_CARD = N_("mandare il proprio «rete peer card» a chi gestisce {peer}")
_ASK_CARD = N_("chiedere a chi gestisce {peer} il suo «rete peer card» di oggi e copiarlo al posto del [[peer]]")
_TELL = N_("avvisare chi gestisce {peer} e citare {code}: il suo nodo, o un proxy davanti, non segue il protocollo")
_LATER = N_("riprovare più tardi; se dura, avvisare chi gestisce {peer}")
# What to do by the code of a failure; a peer's own code says more than "reply-status" does.
_REMEDIES = {
    "signature-unknown-key": _SEND_CARD,
    "signature-bad": _SEND_CARD,
    "signature-wrong-authority": N_(
        "quel nodo si chiama in altro modo: confrontare url e origin nel [[peer]] di {peer}"
    ),
    "signature-expired": _SET_CLOCK,
    "clock-skew": _SET_CLOCK,
    "member-suspended": N_("questo nodo è sospeso per decisione del consiglio: sentire la segreteria"),
    "log-unknown": _ASK_CARD,
    "not-found": _ASK_CARD,
    "epoch-gone": _ASK_CARD,
    "log-empty": N_("{peer} non ha ancora firmato nulla: riprovare più tardi"),
    "checkpoint-bad-signature": _ASK_CARD,
    "checkpoint-other-origin": _ASK_CARD,
    "nonce-replayed": _LATER,
}


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the walk: its id, whether it held, what was found, and what to do when it did not."""

    name: str
    ok: bool
    found: str = ""
    error: ReteError | None = None
    remedy: Said | None = None


def remedy(error: ReteError, peer: str) -> Said:
    """Return what to do about a failure, in words, whatever it is."""
    code = str(error.facts.get("problem") or error.code)
    if code not in _REMEDIES and error.hint:
        return Said(error.hint, error.facts)
    default = _TELL if isinstance(error, PeerWrongError) else _LATER
    return Said(_REMEDIES.get(code, default), {"peer": peer, "code": code})


def remedy_by_code(code: str, peer: str) -> Said | None:
    """Return what to do about a failure of which only the code is known, None where the code alone does not tell."""
    return Said(_REMEDIES[code], {"peer": peer, "code": code}) if code in _REMEDIES else None


async def ping(origin: Origin, client: PeerClient, clock: Callable[[], dt.datetime]) -> list[Step]:
    """Return the steps up to and including the first that fails."""
    steps: list[Step] = []
    road = client.road
    name = DNS
    try:
        addresses = await road.resolve()
        steps.append(Step(name, ok=True, found=", ".join(sorted({str(info[4][0]) for info in addresses}))))
        name = TCP
        await road.connect(addresses)
        steps.append(Step(name, ok=True, found=road.where))
        name = TLS
        steps.append(Step(name, ok=True, found=await road.encrypt(addresses) if client.encrypted else PLAIN_HTTP))
    except RoadWrongError as error:
        return [*steps, Step(name, ok=False, error=error, remedy=remedy(error, origin.owner))]
    return [*steps, *await _protocol(origin, client, clock)]


async def _protocol(origin: Origin, client: PeerClient, clock: Callable[[], dt.datetime]) -> list[Step]:
    steps: list[Step] = []
    prefix = "/" + origin.origin.split("/", 1)[1]
    name = CHECKPOINT
    try:
        reply = await client.get(f"{prefix}/checkpoint", max_bytes=limits.CHECKPOINT_MAX_BYTES)
        known = feed.Head.empty(origin.origin)
        head = feed.open_checkpoint(reply.body, origin=origin.origin, verifiers=origin.verifiers, known=known)
        steps.append(Step(name, ok=True, found=str(head.size)))
        name = CLOCK
        steps.append(Step(name, ok=True, found=_clock(reply.date, clock())))
        name = SIGNATURE
        await client.post_signed(f"{prefix}/bodies", body.encode_request([0]), max_bytes=limits.BODIES_REPLY_MAX_BYTES)
        steps.append(Step(name, ok=True, found=RECOGNISED))
        name = SCHEMA
        if head.size:
            width = min(head.size, tiles.TILE_WIDTH)
            path = f"{prefix}/tile/entries/{tiles.encode_index(0, width)}"
            bundle = await client.get(path, max_bytes=limits.BUNDLE_MAX_BYTES)
            entry.decode(tiles.decode_bundle(bundle.body, width)[0])
        steps.append(Step(name, ok=True, found="entry/1"))
    except ReteError as error:
        steps.append(Step(name, ok=False, error=error, remedy=remedy(error, origin.owner)))
    return steps


def _clock(date: str | None, now: dt.datetime) -> str:
    """Return how far apart the two clocks are. Raises: RoadWrongError(clock-skew)."""
    try:
        skew = abs((parsedate_to_datetime(date or "") - now).total_seconds())
    except (TypeError, ValueError):
        return NO_DATE
    if skew > limits.CLOCK_SKEW_S:
        raise RoadWrongError("clock-skew", N_("gli orologi differiscono di {seconds} secondi"), seconds=round(skew))
    return f"{skew:.0f} s"
