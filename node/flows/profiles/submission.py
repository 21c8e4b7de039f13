"""A draft's way between who writes and who approves: put before the others, approved, sent back; and all that became of it.

In: officers' decisions, the clock. Out: decisions kept with the others, and values to show. A draft that is written again waits no
more. Rules (docs/rules.md P, T): the author is not the approver; red text never passes; a block below k in the newest edition stops
here; only a draft that waits is sent back, by another officer, with a reason. Each flow may run twice: what already stands, by the
same officer, is done. Source: docs/profiles.md.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from node.config import Config
from node.domain import officers, profile, release
from node.domain.progress import STATES, Progress, progress_of
from node.errors import N_, CallerError, NotFoundError
from node.flows.profiles import gate
from node.flows.profiles.gate import KnownNames
from node.flows.profiles.standing import list_profiles, stand_now, stand_of
from node.flows.profiles.versions import checked_id, open_profile, read_partition
from node.store import publication
from node.store.postgres import Connection, Pool, acquire, run_tx
from node.store.publication import OpenVersion, PublicationProfile

# Shorter, a hash could be met by chance.
HASH_MIN_DIGITS: Final = 8
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


async def approve(
    pool: Pool,
    config: Config,
    profile_id: str,
    officer: str,
    now: dt.datetime,
    *,
    amber_reason: str | None = None,
    expected_hash: str | None = None,
    warned: bool = False,
    only_waiting: bool = False,
    known: KnownNames | None = None,
) -> str:
    """Approve the open draft as another officer and return the hash of what was approved, in hexadecimal.

    ``expected_hash`` (the first 8 digits or more) binds the approval to what ``preview`` showed.
    ``only_waiting``: refuse what was not submitted, or was sent back since. ``warned``: the officer has read what the preview says of a potential aggregation. ``known``: the names of earlier texts.
    Raises: CallerError content-hash-differs, potential-warning, text-refused, text-finds-network, text-doubtful, same-officer, block-too-small,
    partition-missing, profile-already-approved (by somebody else), ...
    """
    officers.check(officer)

    async def work(conn: Connection) -> str:
        found, version = await open_profile(conn, profile_id)
        _refuse_other_content(version, expected_hash)
        if only_waiting and version.state == "draft":
            await _refuse_unsubmitted(conn, found.profile_id, version.number)
        if version.state != "draft":
            if officers.is_same(version.approver or "", officer):
                return version.content_hash.hex()
            raise CallerError("profile-already-approved", N_("questa versione è già approvata"))
        standing = await stand_now(conn, config, found)
        _refuse_unwarned(found, warned=warned)
        verdict = await gate.judge(
            conn,
            await (known or KnownNames()).read(conn, config),
            tuple(profile.parse_content(version.content).texts()),
            members=standing.members,
            own=found.register_id,
            k=standing.k,
        )
        verdict.refuse(amber_reason)
        await publication.approve(conn, found.profile_id, version.number, officer, now)
        await publication.record_decision(
            conn,
            found.profile_id,
            version.number,
            action="approved",
            officer=officer,
            now=now,
            candidates=standing.candidates,
            content_hash=version.content_hash,
            reason=amber_reason,
            gate=verdict.facts(),
        )
        return version.content_hash.hex()

    return await run_tx(pool, work)


async def _refuse_unsubmitted(conn: Connection, profile_id: str, number: int) -> None:
    if await publication.last_action(conn, profile_id, number) != "submitted":
        raise CallerError(
            "profile-not-waiting",
            N_("questa versione non è in attesa di approvazione"),
            hint=N_("chi l'ha scritta la presenti, o la presenti di nuovo"),
        )


def _refuse_other_content(version: OpenVersion, expected_hash: str | None) -> None:
    """Refuse a decision about another content than the one that was seen. Raises: CallerError(content-hash-differs)."""
    if expected_hash is None:
        return
    expected, found = expected_hash.strip().lower(), version.content_hash.hex()
    if len(expected) < HASH_MIN_DIGITS or not found.startswith(expected):
        raise CallerError(
            "content-hash-differs",
            N_("il contenuto non è quello dell'anteprima: ora è {found}"),
            hint=N_("rivedere «rete profile preview», poi approvare con --hash (almeno otto cifre)"),
            found=found[:12],
        )


def _refuse_unwarned(found: PublicationProfile, *, warned: bool) -> None:
    if not found.potential or warned:
        return
    raise CallerError(
        "potential-warning",
        N_(
            "nessun elenco pubblico nasconde un'aggregazione potenziale: chi sa con chi lavora l'ufficio può riconoscerla"
        ),
        hint=N_("leggere l'avvertenza di «rete profile preview», poi approvare con --potential"),
    )


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
        _refuse_other_content(version, expected_hash)
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
