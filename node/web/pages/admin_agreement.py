"""The agreement: what is in force, who is in it, what waits for signatures and what it would change, who asks to join, what was before.

In: a version, a digest, a file with signatures. Out: what ``rete agreement show``, ``requests`` and ``history`` say (node/flows/trust/agreement_board.py);
documents as files, to sign elsewhere. Rules: no key of the council comes near this page: it takes a file that was signed on another machine, and
whether that changes anything the signatures alone decide. Who brings a file decides nothing, so it is no event of the chain of decisions: who
decided is signed in the document itself.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import structlog
from aiohttp import web

from node.domain.days import day_of
from node.domain.roles import Permission
from node.errors import N_, CallerError, PeerWrongError, ReteError, Said
from node.flows.trust import agreement_board, council, council_road
from node.flows.trust.agreement_board import Asking, Board, Forked, Version, Waiting
from node.flows.trust.council import Taken
from node.flows.trust.council_draft import STATUS_NAMES
from node.protocol import limits
from node.protocol.agreement_values import Agreement, Council, Node, Status
from node.web import forms
from node.web.pages import admin_frame
from node.web.pages.admin_frame import AGREEMENT, DESK, told
from node.web.permission import needs

logger = structlog.get_logger()
COLOURS: Final = {Status.ACTIVE: "success", Status.SUSPENDED: "danger", Status.LEFT: "secondary"}
FIELD: Final = "file"
# A form around the largest document.
UPLOAD_MAX_BYTES: Final = limits.AGREEMENT_MAX_BYTES + 64 * 1024
# Whoever presses waits no longer for the others to hear of it: they ask by themselves in the next round.
TELL_S: Final = 10.0
# An old version of many changes is told whole on a page of its own; so is a proposal, but only one that nobody would read to its end here:
# what is to be signed hides nothing behind who enters.
SHOWN: Final = 12
SHOWN_PROPOSED: Final = 100


def routes() -> list[web.RouteDef]:
    """Return the page and its form."""
    return [
        web.get(AGREEMENT, page),
        web.post(AGREEMENT, take),
    ]


@needs(Permission.PEERS_READ)
async def page(request: web.Request) -> web.StreamResponse:
    """Show the agreement in force and all that waits."""
    return await _page(request)


async def _page(request: web.Request, error: CallerError | None = None) -> web.Response:
    desk = request.app[DESK]
    board = await agreement_board.read(desk.node.pool, desk.now)
    if board is None:
        return admin_frame.show(request, "agreement_none.html", error, {FIELD: FIELD})
    await agreement_board.note_looked(desk.node.pool, board, desk.now)
    return admin_frame.show(
        request, "agreement.html", error, {FIELD: FIELD}, **_board(request, board), shown=SHOWN, shown_proposed=SHOWN_PROPOSED,
        limit_mb=limits.AGREEMENT_MAX_BYTES // 2**20,
    )  # fmt: skip


def _board(request: web.Request, board: Board) -> dict[str, Any]:
    desk, standing = request.app[DESK], board.standing
    document, own_id = standing.agreement, desk.node.config.node.id
    left = document.expires - desk.now
    own = next((node for node in standing.nodes if node.id == own_id), None)
    return {
        **_document(document),
        "applied_at": standing.applied_at,
        "is_expired": document.is_expired(desk.now),
        "is_soon": left <= agreement_board.EXPIRES_SOON,
        "is_now": left <= agreement_board.EXPIRES_NOW,
        "days_left": standing.days_left(desk.now),
        "own": None if own is None else _node(own),
        "own_id": own_id,
        "own_is_new": own is None,
        "nodes": [_node(node) for node in standing.nodes],
        "proposals": [shown_proposal(request, one) for one in board.proposals],
        "requests": [_asking(one) for one in board.requests],
        "forks": [_fork(request, one) for one in board.forks],
        "refused": [one for one in board.refused if one.version > document.version],
        "versions": [shown_version(request, one) for one in board.versions],
        "changes": standing.changes,
        "changed": _sentences(request, board.changes),
    }


def _sentences(request: web.Request, said: tuple[Said, ...]) -> list[str]:
    return [told(request, one) for one in said]


def _document(document: Agreement) -> dict[str, Any]:
    """Return what is told of any version."""
    return {
        "version": document.version,
        "expires": document.expires,
        "digest": document.digest,
        "words": agreement_board.words_of(document.digest),
        "pdf_sha256": document.pdf_sha256,
        "quorum": document.quorum,
        "terms": document.terms,
        "councils": [
            _council(N_("Consiglio"), N_("decide chi appartiene, le chiavi, i termini"), document.council),
            _council(N_("Segreteria"), N_("fa le modifiche ordinarie, con il consenso del nodo"), document.secretariat),
        ],
    }


def _council(title: str, what: str, keys: Council) -> dict[str, Any]:
    return {"title": title, "what": what, "keys": sorted(keys.keys), "threshold": keys.threshold}


def _node(node: Node) -> dict[str, Any]:
    return {
        "row": node,
        "status": STATUS_NAMES[node.status],
        "colour": COLOURS[node.status],
        "is_suspended": node.status is Status.SUSPENDED,
        "has_left": node.status is Status.LEFT,
        "since": day_of(node.since),
        "keys": agreement_board.keys_of(node),
    }


def shown_proposal(request: web.Request, one: Waiting) -> dict[str, Any]:
    """Return what is told of a proposal."""
    waits = one.ballot.waiting if one.ballot else None
    return {
        "path": f"{AGREEMENT}/proposte/{one.proposal.digest}",
        "digest": one.proposal.digest,
        "words": agreement_board.words_of(one.proposal.digest),
        "is_routine": one.proposal.kind == agreement_board.ROUTINE,
        "version": one.proposal.version,
        "received_at": one.proposal.received_at,
        "by_member": one.proposal.by_member,
        "differences": _sentences(request, one.differences),
        "have": waits.have if waits else 0,
        "need": waits.need if waits else 0,
        "signed": one.signed,
        "missing": one.missing,
        "error": "" if one.error is None else admin_frame.sentence_of(request, one.error),
        "code": "" if one.error is None else one.error.code,
    }


def _asking(one: Asking) -> dict[str, Any]:
    return {
        "path": f"{AGREEMENT}/richieste/{one.request.fingerprint}/file",
        "fingerprint": one.request.fingerprint,
        "received_at": one.request.received_at,
        "words": one.words,
        "node": one.node,
        "keys": one.keys,
        "is_listed": one.is_listed,
    }


def _fork(request: web.Request, one: Forked) -> dict[str, Any]:
    return {
        "version": one.fork.version,
        "found_at": one.fork.found_at,
        "settled_at": one.fork.settled_at,
        "applied": one.fork.applied,
        "documents": [
            {"digest": digest, "words": agreement_board.words_of(digest), "path": f"{AGREEMENT}/doppie/{one.fork.version}/{digest}/file"}
            for digest in one.digests
        ],
        "differences": _sentences(request, one.differences),
    }  # fmt: skip


def shown_version(request: web.Request, one: Version) -> dict[str, Any]:
    """Return what is told of an applied version."""
    return {
        **_document(one.agreement),
        "path": f"{AGREEMENT}/versioni/{one.agreement.version}",
        "applied_at": one.applied_at,
        "differences": _sentences(request, one.differences),
        "signed": one.signed,
    }


@needs(Permission.PEERS_WRITE)
@forms.takes(max_bytes=UPLOAD_MAX_BYTES)
async def take(request: web.Request) -> web.StreamResponse:
    """Take a file with signatures; keep what is good of it, and let it come into force where that is enough."""
    try:
        raw = await _sent(request)
        taken = await _submit(request, raw)
    except (CallerError, PeerWrongError) as error:
        reply = await _page(request, _at_field(error))
        # Whatever other nodes would be answered: to a browser this is a form to mend.
        reply.set_status(web.HTTPBadRequest.status_code)
        return reply
    return admin_frame.go(AGREEMENT, "in-vigore" if taken.applied else "firme" if taken.is_new else "firme-note")


def _at_field(error: ReteError) -> CallerError:
    """Return a refusal of a file as said of the field that it came by; the place in the file stays in the sentence."""
    if error.where in ("", FIELD):
        return CallerError(error.code, error.what, where=FIELD, hint=error.hint, **error.facts)
    said = Said(error.what, error.facts)
    return CallerError(error.code, N_("{said} ({place})"), where=FIELD, hint=error.hint, **{**error.facts, "said": said, "place": error.where})  # fmt: skip


async def _sent(request: web.Request) -> bytes:
    """Return the file of the form. Raises: CallerError(file-missing)."""
    sent = (await request.post()).get(FIELD)
    if not isinstance(sent, web.FileField) or not sent.filename:
        raise CallerError("file-missing", N_("manca il file"), hint=N_("scegliere un file da inviare"))
    return await asyncio.to_thread(sent.file.read)


async def _submit(request: web.Request, raw: bytes) -> Taken:
    """Keep a proposal here, then bring it to the others. Raises: as ``council.receive``."""
    node, now = request.app[DESK].node, request.app[DESK].now
    taken = await council.receive(node.pool, council.place_of(node.agreement), raw, now)
    logger.info(
        "agreement.file_taken", version=taken.version, digest=taken.digest, have=taken.have, need=taken.need, applied=taken.applied
    )  # fmt: skip
    async with node.session() as session:
        try:
            async with asyncio.timeout(TELL_S):
                await council_road.submit(node.council_road(session), raw, now)
        except TimeoutError:
            logger.info("agreement.told_some", digest=taken.digest)
    return taken
