"""The agreement's papers, one at a time: a version, a proposal, and each as a file to keep or to sign on another machine.

In: a version, a digest. Out: pages of one document, and documents as they were received. docs/administration.md.
"""

from __future__ import annotations

from aiohttp import web

from node.domain.roles import Permission
from node.errors import N_, NotFoundError
from node.flows.trust import agreement_papers
from node.flows.trust.agreement_board import ROUTINE
from node.web.pages import admin_frame
from node.web.pages.admin_agreement import shown_proposal, shown_version
from node.web.pages.admin_frame import AGREEMENT, DESK
from node.web.permission import needs


def routes() -> list[web.RouteDef]:
    """Return the pages and the files."""
    return [
        web.get(f"{AGREEMENT}/versioni/{{version}}", version),
        web.get(f"{AGREEMENT}/versioni/{{version}}/file", version_file, allow_head=False),
        web.get(f"{AGREEMENT}/proposte/{{digest}}", proposal),
        web.get(f"{AGREEMENT}/proposte/{{digest}}/file", proposal_file, allow_head=False),
        web.get(f"{AGREEMENT}/richieste/{{fingerprint}}/file", request_file, allow_head=False),
        web.get(f"{AGREEMENT}/doppie/{{version}}/{{digest}}/file", fork_file, allow_head=False),
        web.get(f"{AGREEMENT}/modifiche/file", routine_file, allow_head=False),
    ]


def _number(request: web.Request) -> int:
    """Return the version of the address. Raises: NotFoundError(not-found)."""
    text = request.match_info["version"]
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise NotFoundError("not-found", N_("indirizzo inesistente"))
    return int(text)


@needs(Permission.PEERS_READ)
async def version(request: web.Request) -> web.StreamResponse:
    """Show one version: what it changed, who signed it."""
    desk = request.app[DESK]
    found = await agreement_papers.read_version(desk.node.pool, _number(request))
    newest = await agreement_papers.newest(desk.node.pool)
    return admin_frame.show(
        request,
        "agreement_version.html",
        one=shown_version(request, found),
        before=found.agreement.version - 1,
        after=found.agreement.version + 1 if found.agreement.version < newest else 0,
    )


@needs(Permission.PEERS_READ)
async def proposal(request: web.Request) -> web.StreamResponse:
    """Show one proposal whole."""
    desk = request.app[DESK]
    found = await agreement_papers.read_proposal(desk.node.pool, request.match_info["digest"], desk.now)
    return admin_frame.show(request, "agreement_proposal.html", one=shown_proposal(request, found))


def _file(raw: bytes, name: str) -> web.Response:
    return web.Response(
        body=raw,
        headers={
            "Content-Type": "application/json",
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )


@needs(Permission.PEERS_READ)
async def version_file(request: web.Request) -> web.StreamResponse:
    """Send one version as it was received."""
    found = await agreement_papers.read_version(request.app[DESK].node.pool, _number(request))
    return _file(found.agreement.raw, f"{found.agreement.version}.root.json")


@needs(Permission.PEERS_READ)
async def proposal_file(request: web.Request) -> web.StreamResponse:
    """Send a proposal with the signatures that it has, to be signed on another machine."""
    desk = request.app[DESK]
    found = await agreement_papers.read_proposal(desk.node.pool, request.match_info["digest"], desk.now)
    kind = "modifiche" if found.proposal.kind == ROUTINE else "proposta"
    return _file(found.raw, f"{kind}-{found.proposal.version}-{found.proposal.digest[:8]}.json")


@needs(Permission.PEERS_READ)
async def request_file(request: web.Request) -> web.StreamResponse:
    """Send an enrolment request, for a proposal made on another machine."""
    found = await agreement_papers.read_request(request.app[DESK].node.pool, request.match_info["fingerprint"])
    return _file(found.raw, f"richiesta-{found.fingerprint[:8]}.json")


@needs(Permission.PEERS_READ)
async def fork_file(request: web.Request) -> web.StreamResponse:
    """Send one of two documents for one version."""
    number, digest = _number(request), request.match_info["digest"]
    raw = await agreement_papers.read_fork(request.app[DESK].node.pool, number, digest)
    return _file(raw, f"{number}.root-{digest[:8]}.json")


@needs(Permission.PEERS_READ)
async def routine_file(request: web.Request) -> web.StreamResponse:
    """Send the routine changes in force."""
    found = await agreement_papers.read_changes(request.app[DESK].node.pool)
    return _file(found.raw, f"modifiche-{found.version}.json")
