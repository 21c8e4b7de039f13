"""The other nodes: the board of all, one of them, the road to it, the quarantine and the way out of it.

In: a node's id; a reason. Out: what ``rete peer list``, ``ping`` and ``release`` say and do (node/flows/logs/board.py, ping.py, accuse.py).
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from aiohttp import web

from node.domain.roles import Permission
from node.errors import N_, CallerError, NotFoundError, Said
from node.flows.introductions import post_board
from node.flows.logs import accuse, board, ping
from node.flows.logs.board import Peer
from node.flows.logs.ping import Step
from node.flows.upkeep import audit
from node.peers.client import PeerClient
from node.runtime import current_own
from node.store.origins import Origin
from node.web.pages import admin_frame
from node.web.pages.admin_frame import DESK, PEERS, QUARANTINE, told
from node.web.permission import needs

COLOURS: Final = {
    "ready": "success",
    "quarantined": "danger",
    "suspended": "danger",
    "fenced": "danger",
    "frozen": "secondary",
}
STEPS: Final = {
    ping.DNS: N_("nome"),
    ping.TCP: N_("connessione"),
    ping.TLS: N_("connessione cifrata"),
    ping.CHECKPOINT: N_("registro firmato"),
    ping.CLOCK: N_("orologio"),
    ping.SIGNATURE: N_("firma delle richieste"),
    ping.SCHEMA: N_("formato delle voci"),
}
AT: Final = {"--reason": "motivo"}


def routes() -> list[web.RouteDef]:
    """Return the pages."""
    return [
        web.get(PEERS, peers),
        web.get(f"{PEERS}/{{peer}}", peer),
        web.get(f"{PEERS}/{{peer}}/strada", road),
        web.post(f"{PEERS}/{{peer}}/preleva", pull),
        web.get(QUARANTINE, quarantine),
        web.get(f"{QUARANTINE}/{{peer}}", ask_release),
        web.post(f"{QUARANTINE}/{{peer}}", release),
    ]


def path_of(owner: str) -> str:
    """Return where a node's page is."""
    return f"{PEERS}/{quote(owner, safe='')}"


def _shown(request: web.Request, item: Peer) -> dict[str, Any]:
    row = item.row
    return {
        "row": row,
        "path": path_of(row.owner),
        "state": board.STATES.get(item.state, item.state),
        "colour": COLOURS.get(item.state, "warning"),
        "profiles": item.profiles,
        "waiting": item.waiting,
        "behind": max(0, row.checkpoint_size - row.size),
        "set_aside": item.set_aside,
        "cause": told(request, item.cause),
        "remedy": told(request, item.remedy),
        "acknowledged": item.acknowledged,
        "receipt": item.receipt,
    }


async def _read(request: web.Request, owner: str | None = None) -> list[dict[str, Any]]:
    desk = request.app[DESK]
    found = await board.read(desk.node.pool, await current_own(desk.node), desk.now, owner)
    # A name of the path is a node's, never a log's or this node's own.
    return [
        _shown(request, item) for item in found if owner is None or (item.row.owner == owner and not item.row.is_own)
    ]


@needs(Permission.PEERS_READ)
async def peers(request: web.Request) -> web.StreamResponse:
    """Show how every log stands, and what to do where something is wrong."""
    return admin_frame.show(request, "peers.html", peers=await _read(request))


@needs(Permission.PEERS_READ)
async def peer(request: web.Request) -> web.StreamResponse:
    """Show the logs of one node, and how the sealed post with it stands."""
    shown = await _one(request)
    desk = request.app[DESK]
    found = await post_board.read(desk.node.pool, desk.node.membership, desk.now)
    post = next((item for item in found if item.member == shown["owner"]), None)
    return admin_frame.show(request, "peer.html", post=None if post is None else _post(request, post), **shown)


def _post(request: web.Request, post: post_board.Post) -> dict[str, Any]:
    return {
        "can_seal": post.can_seal,
        "box": post.box,
        "cause": told(request, post.cause),
        "remedy": told(request, post.remedy),
        "refused": [(one, told(request, one.remedy)) for one in post.refused],
    }


async def _one(request: web.Request) -> dict[str, Any]:
    found = await _read(request, request.match_info["peer"])
    if not found:
        raise NotFoundError("peer-unknown", N_("nodo sconosciuto: {peer}"), peer=request.match_info["peer"][:60])
    return {"logs": found, "name": found[0]["row"].name, "here_path": found[0]["path"], "owner": found[0]["row"].owner}


@needs(Permission.PEERS_WRITE)
async def road(request: web.Request) -> web.StreamResponse:
    """Walk the road to one node and show each step; nothing is stored."""
    node, one = request.app[DESK].node, await _one(request)
    origin: Origin = one["logs"][-1]["row"]
    async with node.session() as session:
        steps = await ping.ping(origin, PeerClient(session, str(origin.url), node.request_signer()), node.clock)
    return admin_frame.show(request, "road.html", steps=[_step(request, step) for step in steps], **one)


def _step(request: web.Request, step: Step) -> dict[str, Any]:
    found = told(request, Said(ping.FOUND.get(step.found, step.found))) if step.ok else ""
    wrong = "" if step.error is None else admin_frame.sentence_of(request, step.error)
    return {"title": STEPS[step.name], "ok": step.ok, "found": found or wrong, "remedy": told(request, step.remedy)}


@needs(Permission.PEERS_WRITE)
async def pull(request: web.Request) -> web.StreamResponse:
    """Make one node's logs due at once."""
    desk, owner = request.app[DESK], request.match_info["peer"]
    await board.pull_soon(desk.node.pool, owner, desk.now)
    return admin_frame.go(path_of(owner), "prelievo")


@needs(Permission.PEERS_READ)
async def quarantine(request: web.Request) -> web.StreamResponse:
    """Show what is in quarantine, why, and what was decided about logs until now."""
    desk = request.app[DESK]
    held = [
        {
            "row": item.row,
            "path": f"{QUARANTINE}/{quote(item.row.owner, safe='')}",
            "cause": told(request, board.cause_of(item.row, board.QUARANTINED, desk.now)),
            "remedy": told(request, board.remedy_of(item.row, board.QUARANTINED)),
            "found": item.found,
        }
        for item in await board.held(desk.node.pool)
    ]
    return admin_frame.show(
        request, "quarantine.html", held=held, rulings=await board.rulings(desk.node.pool), actions=audit.RULINGS
    )


@needs(Permission.PEERS_WRITE)
async def ask_release(request: web.Request) -> web.StreamResponse:
    """Ask for the reason of a release, and whether to begin that log anew."""
    return await _ask(request)


async def _ask(request: web.Request, error: CallerError | None = None, reason: str = "") -> web.Response:
    owner = request.match_info["peer"]
    held = await board.held(request.app[DESK].node.pool, owner)
    if not held:
        raise NotFoundError("peer-not-quarantined", N_("nessun registro di «{peer}» è in quarantena"), peer=owner[:60])
    return admin_frame.show(request, "release.html", error, AT, held=held, name=held[0].row.name, reason=reason)


@needs(Permission.PEERS_WRITE)
async def release(request: web.Request) -> web.StreamResponse:
    """Follow a node's quarantined logs again; the reason stays written."""
    desk, owner = request.app[DESK], request.match_info["peer"]
    reason = await admin_frame.text(request, "motivo")
    forget = bool(await admin_frame.text(request, "dimentica"))
    try:
        await accuse.release_peer(
            desk.node.pool, owner, admin_frame.officer_of(request), reason, desk.now, forget=forget
        )
    except NotFoundError:
        raise
    except CallerError as error:
        return await _ask(request, error, reason)
    await admin_frame.decided(request)
    return admin_frame.go(QUARANTINE, "liberato")
