"""Profiles of the office: the list, one profile with its history, the editor with its preview, presenting and withdrawing.

In: requests of officers. Out: pages of what the commands ``rete profile`` show and do, by the same flows. Rules: the preview is the
flow's own, also of what is not saved yet; so much is previewed at once and no more; who has no right to a profile is told nothing of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web

from node.domain import release
from node.domain.days import day_of
from node.domain.potential import STATUSES
from node.domain.profile import DESCRIPTION_MAX, SUMMARY_MAX, TITLE_MAX, WANT_TEXT_MAX, WANTS_MAX
from node.domain.progress import ACTION_TITLES, TITLES, Progress
from node.domain.roles import Permission
from node.errors import N_, CallerError, NotFoundError, ReteError
from node.flows.logs import prove
from node.flows.profiles import draft as drafting
from node.flows.profiles import preview as previewing
from node.flows.profiles import publish, submission
from node.flows.profiles.versions import checked_id, record_of
from node.runtime import current_own
from node.store import publication
from node.store.postgres import acquire
from node.web.middleware import status_of
from node.web.pages import content_form, desk
from node.web.pages.content_form import Filled
from node.web.pages.desk import DESK, PREVIEWS, PROFILES
from node.web.pages.frame import render
from node.web.pages.proposed import Proposed, held_in_words, propose
from node.web.permission import needs

NEW: Final = f"{PROFILES}/nuovo"
PREVIEW: Final = f"{PROFILES}/anteprima"
ONE: Final = f"{PROFILES}/{{profile_id}}"
SHOWN: Final = 25
HELD: Final = "held"
LIMITS: Final[Mapping[str, int]] = {
    "title": TITLE_MAX,
    "summary": SUMMARY_MAX,
    "description": DESCRIPTION_MAX,
    "want": WANT_TEXT_MAX,
    "wants": WANTS_MAX,
}
BADGES: Final[Mapping[Progress, str]] = {
    Progress.DRAFT: "secondary",
    Progress.RETURNED: "warning",
    Progress.WAITING: "warning",
    Progress.APPROVED: "primary",
    Progress.QUEUED: "primary",
    Progress.PUBLISHED: "success",
    Progress.WITHDRAWN: "secondary",
}
BUSY: Final = N_("Ora il nodo è occupato: chiedere di nuovo l'anteprima tra poco.")


def routes() -> list[web.RouteDef]:
    """Return the pages of profiles."""
    return [
        web.get(PROFILES, profiles),
        web.get(NEW, begin),
        web.post(NEW, write_new),
        web.post(PREVIEW, look),
        web.get(ONE, one),
        web.get(f"{ONE}/modifica", edit),
        web.post(f"{ONE}/modifica", write),
        web.post(f"{ONE}/presenta", present),
        web.get(f"{ONE}/ritiro", ask_withdrawal),
        web.post(f"{ONE}/ritiro", withdraw),
    ]


def profile_path(profile_id: str, rest: str = "", done: str = "") -> str:
    """Return where a profile of the office is."""
    return f"{PROFILES}/{profile_id}{rest}" + (f"?{desk.DONE}={done}" if done else "")


@needs(Permission.PROFILE_READ)
async def profiles(request: web.Request) -> web.StreamResponse:
    """Show the profiles of the office, with how far each is and why it is held, if it is."""
    node, reader = request.app[DESK], desk.reader_of(request)
    asked = request.query.get("stato", "")
    held, progress = asked == HELD, Progress(asked) if asked in set(Progress) else None
    after = request.query.get("dopo") or None
    page = await submission.pages(node.pool, node.config, progress=progress, held=held, after=after, limit=SHOWN)
    rows = [
        {
            **item,
            "state": reader.tr(TITLES[item["progress"]]),
            "badge": BADGES[item["progress"]],
            "day": _round(item["progress"], item["release_day"]),
            "why": held_in_words(reader, item["held"]),
        }
        for item in page.profiles
    ]
    kept = [(name, request.query[name]) for name in ("stato",) if request.query.get(name)]
    return render(
        request,
        "office/profiles.html",
        done=desk.said_of(request),
        rows=rows,
        asked=asked,
        states=[*((str(key), reader.tr(title)) for key, title in TITLES.items()), (HELD, reader.tr(N_("trattenuta")))],
        next=f"{PROFILES}?{urlencode([*kept, ('dopo', page.after)])}" if page.after else "",
        first=f"{PROFILES}?{urlencode(kept)}" if after else "",
        may_write=desk.may(request, Permission.PROFILE_WRITE),
    )


def _round(progress: Progress, release_day: int | None) -> Any:
    return day_of(release_day) if progress is Progress.QUEUED and release_day is not None else None


@needs(Permission.PROFILE_READ, hidden=True, invites=True)
async def one(request: web.Request) -> web.StreamResponse:
    """Show one profile: what it says, where it is, its versions, what was decided, who has erased it."""
    return await _page_of(request)


async def _page_of(request: web.Request, error: CallerError | None = None) -> web.Response:
    node, reader = request.app[DESK], desk.reader_of(request)
    story = await submission.read(node.pool, node.config, request.match_info["profile_id"])
    profile_id, progress = story.profile.profile_id, story.progress
    proposed = None if progress is Progress.WITHDRAWN else await seen_of(request, profile_id)
    receipts = await _receipts(request, profile_id) if progress is Progress.WITHDRAWN else None
    return render(
        request,
        "office/profile.html",
        status=200 if error is None else status_of(error),
        done=desk.said_of(request) if error is None else "",
        errors=[] if error is None else [("", desk.explained(error, request))],
        story=story,
        state=reader.tr(TITLES[progress]),
        badge=BADGES[progress],
        day_of_round=_round(progress, story.version["release_day"]),
        why=held_in_words(reader, story.held),
        network=await network_name(request, story.profile.network_id),
        proposed=proposed,
        receipts=receipts,
        owner=node.config.node.name,
        decided=[
            {**item, "what": reader.tr(ACTION_TITLES.get(item["action"], item["action"]))} for item in story.decisions
        ],
        returned=_returned(story),
        may={
            "write": progress is not Progress.WITHDRAWN and desk.may(request, Permission.PROFILE_WRITE),
            "present": progress in (Progress.DRAFT, Progress.RETURNED)
            and desk.may(request, Permission.PROFILE_WRITE),
            "judge": progress is Progress.WAITING and desk.may(request, Permission.PROFILE_APPROVE),
            "queue": progress is Progress.APPROVED and desk.may(request, Permission.PROFILE_APPROVE),
            "withdraw": progress is not Progress.WITHDRAWN and desk.may(request, Permission.PROFILE_WITHDRAW),
            "match": progress is Progress.PUBLISHED and desk.may(request, Permission.MATCHES_READ),
        },
    )  # fmt: skip


def _returned(story: submission.Story) -> Mapping[str, Any] | None:
    """Return the decision by which a draft came back, None when it did not."""
    return story.decisions[0] if story.progress is Progress.RETURNED else None


async def _receipts(request: web.Request, profile_id: str) -> prove.Receipts | None:
    """Return who has confirmed a withdrawal, None of what was never published."""
    node = request.app[DESK]
    try:
        return await prove.receipts(node.pool, node.membership, profile_id)
    except NotFoundError:
        return None


async def network_name(request: web.Request, network_id: str) -> str:
    """Return what the office calls a network, empty for whoever does not read the register, or where it is gone."""
    if not desk.may(request, Permission.REGISTER_READ):
        return ""
    try:
        async with acquire(request.app[DESK].pool) as conn:
            return (await record_of(conn, network_id))[1].name
    except NotFoundError:
        return ""


async def seen_of(request: web.Request, profile_id: str) -> Proposed:
    """Return the preview of a profile that is kept. Raises: as the flow; OperatorError(search-busy)."""
    node = request.app[DESK]
    async with request.app[PREVIEWS].turn():
        seen = await previewing.preview(node.pool, node.config, profile_id, node.clock(), known=node.known)
    return propose(desk.reader_of(request), seen)


@dataclass(frozen=True, slots=True)
class _Editing:
    """What is written about: a network, and its profile if there is one; ``began``: the hash of the content that was there."""

    network_id: str
    name: str
    profile_id: str
    potential: bool
    may_be_potential: bool
    began: str

    @property
    def action(self) -> str:
        return profile_path(self.profile_id, "/modifica") if self.profile_id else NEW


@needs(Permission.PROFILE_WRITE)
async def begin(request: web.Request) -> web.StreamResponse:
    """Show the form of a network's new profile, filled in from what the office recorded; where there is one, go to it."""
    node, network_id = request.app[DESK], request.query.get("rete", "").strip()
    if not network_id:
        return render(request, "office/profile_begin.html", errors=[])
    async with acquire(node.pool) as conn:
        key, record = await record_of(conn, network_id)
        living = await publication.living_profile(conn, key)
    if living is not None:
        return desk.go(profile_path(living.profile_id, "/modifica"))
    editing = _Editing(key, record.name, "", potential=False, may_be_potential=record.status in STATUSES, began="")
    form = content_form.fill(drafting.suggest_content(record))
    return await _editor(request, editing, form)


async def _kept(request: web.Request) -> tuple[_Editing, Mapping[str, Any]]:
    """Return what an existing profile's form is about, and its content. Raises: profile-unknown, profile-not-open."""
    node, profile_id = request.app[DESK], checked_id(request.match_info["profile_id"])
    async with acquire(node.pool) as conn:
        found = await publication.find_profile(conn, profile_id)
        version = await publication.shown_version(conn, profile_id)
    if found is None:
        raise NotFoundError("profile-unknown", N_("profilo sconosciuto: {id}"), id=profile_id)
    if version is None or found.state == "withdrawn":
        raise CallerError("profile-not-open", N_("nessuna versione in lavorazione per questo profilo"))
    name = await network_name(request, found.network_id)
    began = version.content_hash.hex()
    editing = _Editing(found.network_id, name, profile_id, found.potential, may_be_potential=False, began=began)
    return editing, version.content


@needs(Permission.PROFILE_WRITE, hidden=True, invites=True)
async def edit(request: web.Request) -> web.StreamResponse:
    """Show the form of a profile's version under way, else of the published one."""
    editing, content = await _kept(request)
    return await _editor(request, editing, content_form.fill(content))


async def _editor(
    request: web.Request, editing: _Editing, form: Filled, error: CallerError | None = None
) -> web.Response:
    reader = desk.reader_of(request)
    proposed, refused = await _preview(request, editing.network_id, form, potential=editing.potential)
    errors = [] if error is None else [(form.field_of(error.where), desk.explained(error, request))]
    return render(
        request,
        "office/profile_edit.html",
        status=200 if error is None else status_of(error),
        errors=errors,
        editing=editing,
        form=form,
        options=content_form.options(reader),
        limits=LIMITS,
        proposed=proposed,
        refused=refused,
        owner=request.app[DESK].config.node.name,
    )


async def _preview(
    request: web.Request, network_id: str, form: Filled, *, potential: bool
) -> tuple[Proposed | None, str]:
    """Return the preview of what a form says, or why there is none."""
    node, reader = request.app[DESK], desk.reader_of(request)
    try:
        async with request.app[PREVIEWS].turn():
            seen = await previewing.preview_content(
                node.pool,
                node.config,
                network_id,
                form.content(),
                node.clock(),
                as_potential=potential,
                known=node.known,
            )
    except CallerError as error:
        return None, desk.explained(error, request)
    except ReteError:
        return None, reader.tr(BUSY)
    return propose(reader, seen), ""


@needs(Permission.PROFILE_WRITE, hidden=True, invites=True)
async def look(request: web.Request) -> web.StreamResponse:
    """Show the preview of a form as it stands, and save nothing: what a script asks for while somebody types."""
    sent = await desk.form_of(request)
    potential = desk.text_in(sent, "potential") == "yes"
    proposed, refused = await _preview(
        request, desk.text_in(sent, "rete"), content_form.read(sent), potential=potential
    )
    owner = request.app[DESK].config.node.name
    return render(request, "office/preview.html", proposed=proposed, refused=refused, owner=owner)


@needs(Permission.PROFILE_WRITE, hidden=True, invites=True)
async def write_new(request: web.Request) -> web.StreamResponse:
    """Save the first draft of a network, or show its preview."""
    sent, node = await desk.form_of(request), request.app[DESK]
    async with acquire(node.pool) as conn:
        key, record = await record_of(conn, desk.text_in(sent, "rete"))
    potential = desk.text_in(sent, "potential") == "yes"
    editing = _Editing(key, record.name, "", potential, may_be_potential=record.status in STATUSES, began="")
    return await _save(request, editing, content_form.read(sent))


@needs(Permission.PROFILE_WRITE, hidden=True, invites=True)
async def write(request: web.Request) -> web.StreamResponse:
    """Save a draft of a profile, or show its preview."""
    sent = await desk.form_of(request)
    editing, _ = await _kept(request)
    began = desk.text_in(sent, "impronta")
    editing = _Editing(
        editing.network_id, editing.name, editing.profile_id, editing.potential, may_be_potential=False, began=began
    )
    return await _save(request, editing, content_form.read(sent))


async def _save(request: web.Request, editing: _Editing, form: Filled) -> web.Response:
    node = request.app[DESK]
    if desk.text_in(await desk.form_of(request), "azione") != "salva":
        return await _editor(request, editing, form)
    try:
        profile_id = await drafting.draft(
            node.pool,
            node.config,
            editing.network_id,
            form.content(),
            desk.officer_of(request),
            node.clock(),
            as_potential=editing.potential,
            on_top_of=editing.began,
        )
    except NotFoundError:
        raise
    except CallerError as error:
        return await _editor(request, editing, form, error)
    await desk.keep_mark(request)
    return desk.go(profile_path(profile_id, done="bozza"))


@needs(Permission.PROFILE_WRITE, hidden=True, invites=True)
async def present(request: web.Request) -> web.StreamResponse:
    """Put a draft before whoever approves."""
    node, profile_id = request.app[DESK], request.match_info["profile_id"]
    try:
        await submission.submit(node.pool, node.config, profile_id, desk.officer_of(request), node.clock())
    except NotFoundError:
        raise
    except CallerError as error:
        return await _page_of(request, error)
    await desk.keep_mark(request)
    return desk.go(profile_path(profile_id, done="presentata"))


@needs(Permission.PROFILE_WITHDRAW, hidden=True, invites=True)
async def ask_withdrawal(request: web.Request) -> web.StreamResponse:
    """Ask whether a profile is to go for ever, and say what that means."""
    node, reader = request.app[DESK], desk.reader_of(request)
    story = await submission.read(node.pool, node.config, request.match_info["profile_id"])
    if story.progress is Progress.WITHDRAWN:
        return desk.go(profile_path(story.profile.profile_id))
    back = release.returns_on(node.clock().date(), node.config.privacy.round)
    proposed = await seen_of(request, story.profile.profile_id)
    return render(
        request, "office/withdraw.html", story=story, state=reader.tr(TITLES[story.progress]), back=back, proposed=proposed
    )  # fmt: skip


@needs(Permission.PROFILE_WITHDRAW, hidden=True, invites=True)
async def withdraw(request: web.Request) -> web.StreamResponse:
    """Withdraw a profile at once."""
    node, profile_id = request.app[DESK], request.match_info["profile_id"]
    # What stands in the log alone is for the command, which leaves a ruling.
    await submission.read(node.pool, node.config, profile_id)
    try:
        await publish.withdraw(node.pool, await current_own(node), profile_id, desk.officer_of(request), node.clock())
    except NotFoundError:
        raise
    except CallerError as error:
        return await _page_of(request, error)
    await desk.keep_mark(request)
    return desk.go(profile_path(profile_id, done="ritirata"))
