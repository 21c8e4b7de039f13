"""Walk the road to a peer step by step, and say at which step it ends: DNS, TCP, TLS, checkpoint, signature, clock, schema.

In: a peer's row and a client. Out: one line per step with what was found and, at a failure, what to do.
Nothing is stored.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from node.errors import N_, ReteError, RoadWrongError
from node.peers.client import PeerClient
from node.protocol import body, entry, feed, keys, limits, tiles
from node.store.log import Origin


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the walk: its name, whether it held, what was found, what to do when it did not."""

    name: str
    ok: bool
    found: str
    remedy: str = ""


def _good(name: str, found: str) -> Step:
    return Step(name=name, ok=True, found=found)


def _bad(name: str, found: str, remedy: str) -> Step:
    return Step(name=name, ok=False, found=found, remedy=remedy)


async def ping(origin: Origin, client: PeerClient, clock: Callable[[], dt.datetime]) -> list[Step]:
    """Return the steps up to and including the first that fails."""
    steps: list[Step] = []
    road = client.road
    name = "DNS"
    try:
        addresses = await road.resolve()
        steps.append(_good(name, ", ".join(sorted({str(info[4][0]) for info in addresses}))))
        name = "TCP"
        await road.connect(addresses)
        steps.append(_good(name, road.where))
        name = "TLS"
        steps.append(_good(name, await road.encrypt(addresses) if client.encrypted else N_("http, solo per prove")))
    except RoadWrongError as error:
        return [*steps, _bad(name, error.where, error.hint)]
    return [*steps, *await _protocol(origin, client, clock)]


async def _protocol(origin: Origin, client: PeerClient, clock: Callable[[], dt.datetime]) -> list[Step]:
    steps: list[Step] = []
    prefix = "/" + origin.origin.split("/", 1)[1]
    name = "checkpoint"
    try:
        reply = await client.get(f"{prefix}/checkpoint", max_bytes=limits.CHECKPOINT_MAX_BYTES)
        known = feed.Head.empty(origin.origin)
        head = feed.open_checkpoint(
            reply.body, origin=origin.origin, verifiers=[keys.parse_vkey(origin.vkey)], known=known
        )
        steps.append(_good("checkpoint", str(head.size)))
        steps.append(_clock_step(reply.date, clock()))
        name = N_("firma delle richieste")
        await client.post_signed(f"{prefix}/bodies", body.encode_request([0]), max_bytes=limits.BODIES_REPLY_MAX_BYTES)
        steps.append(_good(name, N_("riconosciuta")))
        name = "schema"
        if head.size:
            width = min(head.size, tiles.TILE_WIDTH)
            path = f"{prefix}/tile/entries/{tiles.encode_index(0, width)}"
            bundle = await client.get(path, max_bytes=limits.BUNDLE_MAX_BYTES)
            entry.decode(tiles.decode_bundle(bundle.body, width)[0])
        steps.append(_good(name, "entry/1"))
    except ReteError as error:
        what, where, hint = error.render()
        steps.append(_bad(name, f"{what} ({where})" if where else what, hint or error.code))
    return steps


def _clock_step(date: str | None, now: dt.datetime) -> Step:
    try:
        skew = abs((parsedate_to_datetime(date or "") - now).total_seconds())
    except (TypeError, ValueError):
        return _good(N_("orologio"), N_("il nodo non dice l'ora"))
    found = f"{skew:.0f} s"
    if skew > limits.CLOCK_SKEW_S:
        return _bad(N_("orologio"), found, N_("regolare l'orologio (NTP) di questo nodo o dell'altro"))
    return _good(N_("orologio"), found)
