"""A draft's way between who writes and who approves: put before the others, sent back with a reason; and all that became of it.

In: officers' decisions, the clock. Out: decisions kept with the others, and values to show. A draft that is written again waits no
more. Rules: only a draft that waits is sent back, by another officer, with a reason. Source: docs/profiles.md.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from node.config import Config
from node.domain import officers, release
from node.domain.progress import STATES, Progress, progress_of
from node.errors import N_, CallerError, NotFoundError
from node.flows.profiles.draft import refuse_other_content
from node.flows.profiles.standing import list_profiles, stand_of
from node.flows.profiles.versions import checked_id, open_profile, read_partition
from node.store import publication
from node.store.postgres import Connection, Pool, acquire, run_tx
from node.store.publication import OpenVersion, PublicationProfile

REASON_MAX_CHARS: Final = 1_000
BATCH: Final = 100
# Profiles looked at for one page of those that are held, or that wait: the rest is for the next page.
LOOKED_MAX: Final = 500


@dataclass(frozen=True, slots=True)
class Story:
    """One profile: where it is, why it is held if so, its versions and what was decided, the newest first."""

    profile: PublicationProfile
    progress: Progress
    candidates: int | None
    held: str | None
    versions: Sequence[Mapping[str, Any]]
    decisions: Sequence[Mapping[str, Any]]

    @property
    def version(self) -> Mapping[str, Any]:
        """The newest version."""
        return self.versions[0]


@dataclass(frozen=True, slots=True)
class Page:
    """Some profiles as ``standing.list_profiles`` gives them, with ``progress``; ``after``: where the next page begins."""

    profiles: Sequence[Mapping[str, Any]]
    after: str | None


async def submit(pool: Pool, config: Config, profile_id: str, officer: str, now: dt.datetime) -> None:
    """Put a draft before whoever approves; what waits already goes on waiting.

    Raises: NotFoundError(profile-unknown), CallerError profile-not-open, profile-already-approved.
    """
    officers.check(officer)

    async def work(conn: Connection) -> None:
        found, version = await open_profile(conn, checked_id(profile_id))
        if version.state != "draft":
            raise CallerError("profile-already-approved", N_("questa versione è già approvata"))
        if await publication.last_action(conn, found.profile_id, version.number) != "submitted":
            await _decide(conn, config, found, version, "submitted", officer, now)

    await run_tx(pool, work)


async def send_back(
    pool: Pool,
    config: Config,
    profile_id: str,
    officer: str,
    now: dt.datetime,
    *,
    reason: str,
    expected_hash: str | None,
) -> None:
    """Send a draft that waits back to who wrote it, with a reason.

    Raises: NotFoundError(profile-unknown), CallerError reason-missing, profile-not-open, content-hash-differs, profile-not-waiting,
    same-officer.
    """
    officers.check(officer)
    said = " ".join(reason.split())
    if not 1 <= len(said) <= REASON_MAX_CHARS:
        raise CallerError(
            "reason-missing",
            N_("serve un motivo, al massimo {most} caratteri"),
            where="reason",
            most=REASON_MAX_CHARS,
        )

    async def work(conn: Connection) -> None:
        found, version = await open_profile(conn, checked_id(profile_id))
        refuse_other_content(version, expected_hash)
        last = await publication.last_action(conn, found.profile_id, version.number)
        if version.state != "draft" or last != "submitted":
            raise CallerError("profile-not-waiting", N_("questa versione non è in attesa di approvazione"))
        if officers.is_same(version.author, officer):
            raise CallerError("same-officer", N_("chi approva deve essere diverso da chi ha scritto"))
        await _decide(conn, config, found, version, "returned", officer, now, reason=said)

    await run_tx(pool, work)


async def _decide(
    conn: Connection,
    config: Config,
    found: PublicationProfile,
    version: OpenVersion,
    action: str,
    officer: str,
    now: dt.datetime,
    *,
    reason: str | None = None,
) -> None:
    standing = await stand_of(conn, config, found, await read_partition(conn, found.partition_version))
    await publication.record_decision(
        conn,
        found.profile_id,
        version.number,
        action=action,
        officer=officer,
        now=now,
        candidates=standing.candidates,
        content_hash=version.content_hash,
        reason=reason,
    )


async def read(pool: Pool, config: Config, profile_id: str) -> Story:
    """Return all that became of a profile. Raises: NotFoundError(profile-unknown)."""
    async with acquire(pool) as conn, conn.transaction(readonly=True):
        found = await publication.find_profile(conn, checked_id(profile_id))
        if found is None:
            raise NotFoundError("profile-unknown", N_("profilo sconosciuto: {id}"), id=profile_id)
        versions = await publication.list_versions(conn, found.profile_id)
        decisions = await publication.list_decisions(conn, found.profile_id)
        newest = versions[0]
        last = next((d["action"] for d in decisions if d["number"] == newest["number"]), None)
        progress = progress_of(found.state, newest["state"], last)
        if progress is Progress.WITHDRAWN:
            return Story(found, progress, None, None, versions, decisions)
        standing = await stand_of(conn, config, found, await read_partition(conn, found.partition_version))
    held = release.held_now(standing.held, newest["held_code"])
    return Story(found, progress, standing.candidates, held, versions, decisions)


async def pages(
    pool: Pool, config: Config, *, progress: Progress | None, held: bool = False, after: str | None, limit: int
) -> Page:
    """Return profiles by identifier after ``after``, of one progress or all, with ``held`` only those that are held."""
    state = STATES[progress] if progress is not None else None
    # Where all that are read are shown, no more are read than that.
    size = BATCH if held or state == "draft" else min(BATCH, limit)
    found: list[Mapping[str, Any]] = []
    start = None if after is None else checked_id(after)
    async with acquire(pool) as conn:
        for _ in range(LOOKED_MAX // BATCH):
            batch = await list_profiles(conn, config, state=state, after=start, limit=size)
            for item in batch:
                start = item["profile_id"]
                where = progress_of(item["profile_state"], item["version_state"], item["last_action"])
                if (progress is None or where is progress) and (not held or item["held"] is not None):
                    found.append({**item, "progress": where})
                if len(found) == limit:
                    more = item is not batch[-1] or len(batch) == size
                    return Page(found, start if more else None)
            if len(batch) < size:
                return Page(found, None)
    return Page(found, start)
