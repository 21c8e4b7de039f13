"""What waits for a second officer: the queue, one draft with what the gate measured, approval into the next round, sending back.

In: requests of approvers. Out: pages, and the decisions of ``rete profile approve`` and ``publish`` by the same flows. Rules: an
approval is bound to the content that was shown; the author never decides about the own text, which the database refuses too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from node.domain import officers
from node.domain.progress import ACTION_TITLES, TITLES, Progress
from node.domain.roles import Permission
from node.errors import CallerError, LogStateError, NotFoundError
from node.flows.profiles import publish, submission
from node.runtime import current_own
from node.web.middleware import status_of
from node.web.pages import desk
from node.web.pages.desk import APPROVALS, DESK
from node.web.pages.frame import render
from node.web.pages.office_profiles import network_name, profile_path, seen_of
from node.web.pages.proposed import held_in_words
from node.web.permission import needs

ONE: Final = f"{APPROVALS}/{{profile_id}}"
SHOWN: Final = 25
# At which field of the form a refusal is shown.
FIELDS: Final[Mapping[str, str]] = {
    "text-doubtful": "motivo",
    "potential-warning": "avvertenza",
    "reason-missing": "motivo_rinvio",
}


def routes() -> list[web.RouteDef]:
    """Return the pages of approval."""
    return [
        web.get(APPROVALS, queue),
        web.get(ONE, one),
        web.post(ONE, approve),
        web.post(f"{ONE}/rimanda", send_back),
        web.post(f"{ONE}/turno", enqueue),
    ]


@needs(Permission.PROFILE_APPROVE)
async def queue(request: web.Request) -> web.StreamResponse:
    """Show the drafts that wait for an approval."""
    node, reader = request.app[DESK], desk.reader_of(request)
    after = request.query.get("dopo") or None
    page = await submission.pages(node.pool, node.config, progress=Progress.WAITING, after=after, limit=SHOWN)
    rows = [
        {**item, "why": held_in_words(reader, item["held"]), "is_own": _is_own(request, item["author"])}
        for item in page.profiles
    ]
    return render(
        request,
        "office/approvals.html",
        done=desk.said_of(request),
        rows=rows,
        next=f"{APPROVALS}?dopo={page.after}" if page.after else "",
        first=APPROVALS if after else "",
    )


def _is_own(request: web.Request, author: str) -> bool:
    return officers.is_same(author, desk.officer_of(request))


@needs(Permission.PROFILE_APPROVE, hidden=True, invites=True)
async def one(request: web.Request) -> web.StreamResponse:
    """Show a draft as it would leave, what the gate measured, and what can be decided."""
    return await _page(request)


async def _page(
    request: web.Request, error: CallerError | None = None, given: Mapping[str, Any] | None = None
) -> web.Response:
    node, reader, given = request.app[DESK], desk.reader_of(request), given or {}
    story = await submission.read(node.pool, node.config, request.match_info["profile_id"])
    if story.version["state"] != "draft":
        if error is not None:
            # Somebody else decided first: whoever decided now must know that it did not count.
            raise error
        return desk.go(profile_path(story.profile.profile_id))
    proposed = await seen_of(request, story.profile.profile_id)
    errors = [] if error is None else [(FIELDS.get(error.code, ""), desk.explained(error, request))]
    return render(
        request,
        "office/approval.html",
        status=200 if error is None else status_of(error),
        errors=errors,
        story=story,
        state=reader.tr(TITLES[story.progress]),
        waits=story.progress is Progress.WAITING,
        is_own=_is_own(request, story.version["author"]),
        proposed=proposed,
        owner=node.config.node.name,
        network=await network_name(request, story.profile.network_id),
        given={name: desk.text_in(given, name) for name in ("motivo", "motivo_rinvio")},
        decided=[
            {**item, "what": reader.tr(ACTION_TITLES.get(item["action"], item["action"]))} for item in story.decisions
        ],
    )


@needs(Permission.PROFILE_APPROVE, hidden=True, invites=True)
async def approve(request: web.Request) -> web.StreamResponse:
    """Approve what was shown, as the second officer, and put it into the next round."""
    node, profile_id = request.app[DESK], request.match_info["profile_id"]
    sent = await desk.form_of(request)
    try:
        await submission.approve(
            node.pool,
            node.config,
            profile_id,
            desk.officer_of(request),
            node.clock(),
            amber_reason=desk.text_in(sent, "motivo").strip()[: submission.REASON_MAX_CHARS] or None,
            # An approval of something that nobody was shown is none.
            expected_hash=desk.text_in(sent, "impronta"),
            warned=desk.text_in(sent, "avvertenza") == "yes",
            only_waiting=True,
            known=node.known,
        )
    except NotFoundError:
        raise
    except CallerError as error:
        return await _page(request, error, sent)
    await desk.keep_mark(request)
    return await _enqueue(request, profile_id)


async def _enqueue(request: web.Request, profile_id: str) -> web.Response:
    """Put an approved version into its round, and let leave all whose round has come, as the command does."""
    node = request.app[DESK]
    own, officer = await current_own(node), desk.officer_of(request)
    try:
        _, gone, _ = await publish.publish_and_release(
            node.pool, node.config, own, profile_id, officer, node.clock(), known=node.known
        )
    except LogStateError:
        # The version is in its round, and the log can't be written now: the scheduler's turn tries again and tells why.
        gone = False
    await desk.keep_mark(request)
    return desk.go(profile_path(profile_id, done="uscita" if gone else "turno"))


@needs(Permission.PROFILE_APPROVE, hidden=True, invites=True)
async def enqueue(request: web.Request) -> web.StreamResponse:
    """Put an approved version into the next round, where that was not done with the approval."""
    profile_id = request.match_info["profile_id"]
    try:
        return await _enqueue(request, profile_id)
    except NotFoundError:
        raise
    except CallerError as error:
        return await _page(request, error)


@needs(Permission.PROFILE_APPROVE, hidden=True, invites=True)
async def send_back(request: web.Request) -> web.StreamResponse:
    """Send a draft back to who wrote it, with a reason."""
    node, profile_id = request.app[DESK], request.match_info["profile_id"]
    sent = await desk.form_of(request)
    try:
        await submission.send_back(
            node.pool,
            node.config,
            profile_id,
            desk.officer_of(request),
            node.clock(),
            reason=desk.text_in(sent, "motivo_rinvio"),
            expected_hash=desk.text_in(sent, "impronta"),
        )
    except NotFoundError:
        raise
    except CallerError as error:
        return await _page(request, error, sent)
    await desk.keep_mark(request)
    return desk.go(f"{APPROVALS}?{desk.DONE}=rimandata")
