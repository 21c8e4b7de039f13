"""An edition that is changed while it is open: days, share, sessions, who teaches; files that are taken out again; courses in a list.

In: what an officer decides. Out: the edition in the database and, once its course is announced, at once in the signed log. Rules: the code of
an edition never changes, for certificates and enrolments name it; a session that somebody's attendance is marked at is not taken out;
a session keeps its identity while its day and hour stay. Source: docs/courses.md.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from node.domain import officers
from node.domain.programme.course import EditionState
from node.domain.roles import Permission, Role, permissions_of
from node.errors import N_, CallerError
from node.flows.programme import courses
from node.flows.programme.courses import Desk
from node.flows.registry.acting import tell
from node.store import accounts
from node.store import courses as store
from node.store.courses import Course, Edition, Session
from node.store.postgres import Connection, Pool, acquire, run_tx

COURSES_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class Changes:
    """What an edition is to be; seats are changed apart (``courses.widen``): who waits moves up by them."""

    begins: dt.date
    ends: dt.date
    deadline: dt.date
    percent: int
    sessions: Sequence[Session]
    trainers: Sequence[str]


async def rewrite(desk: Desk, edition_id: str, changes: Changes, now: dt.datetime) -> str:
    """Change an open edition; return its id. Raises: edition-unknown, edition-over, edition-bad, session-attended, officer-name-bad, announcement-...."""
    named = [(officers.check(name), officers.key_of(name)) for name in changes.trainers]

    async def work(conn: Connection, edition: Edition) -> None:
        if edition.state is not EditionState.OPEN:
            raise CallerError("edition-over", N_("si cambia solo un'edizione aperta"), where="edition")
        made = replace(
            edition, begins=changes.begins, ends=changes.ends, deadline=changes.deadline, percent=changes.percent
        )
        courses.check_edition(made, changes.sessions)
        before = await store.sessions_of(conn, edition.edition_id)
        kept, new = _matched(before, changes.sessions)
        gone = {one.session_id for one in before} - {one.session_id for one in kept}
        if await store.count_attended(conn, sorted(gone)):
            raise CallerError("session-attended", N_("di un incontro sono già segnate le presenze: giorno e ora restano quelli"), where="sessions")  # fmt: skip
        if made != edition:
            await store.change_edition(conn, made, now)
        await store.change_sessions(conn, edition.edition_id, kept)
        await store.add_sessions(conn, edition.edition_id, new)
        await store.replace_trainers(conn, edition.edition_id, named)

    return await courses.change_edition(desk, edition_id, now, work)


def _matched(before: Sequence[Session], wanted: Sequence[Session]) -> tuple[list[Session], list[Session]]:
    """Return the sessions that stay, as they are to be, and those that are new; numbered by day and hour."""
    left = list(before)
    kept, new = [], []
    for number, one in enumerate(sorted(wanted, key=lambda s: (s.day, s.hour)), 1):
        same = next((old for old in left if (old.day, old.hour) == (one.day, one.hour)), None)
        if same is None:
            new.append(replace(one, session_id=str(uuid.uuid4()), number=number))
            continue
        left.remove(same)
        # A municipality is typed at no form: it stays while the place does.
        town = same.municipality if same.place == one.place else ""
        kept.append(replace(one, session_id=same.session_id, number=number, municipality=one.municipality or town))
    return kept, new


async def drop_material(pool: Pool, edition_id: str, material_id: str) -> None:
    """Take a file of an edition out. Raises: NotFoundError edition-unknown, material-unknown."""
    key = courses.checked_id(edition_id, courses.no_edition)
    which = courses.checked_id(material_id, courses.no_material)

    async def work(conn: Connection) -> None:
        await tell(conn)
        if await store.lock_edition(conn, key) is None:
            raise courses.no_edition(key)
        if not await store.delete_material(conn, key, which):
            raise courses.no_material(which)

    await run_tx(pool, work)


async def listed(pool: Pool) -> list[tuple[str, Mapping[str, str], bool, int]]:
    """Return the courses, those that changed last first: id, title, whether it is announced, how many editions."""
    async with acquire(pool) as conn:
        return await store.list_courses(conn, COURSES_SHOWN)


async def read(pool: Pool, course_id: str) -> tuple[Course, list[Edition]]:
    """Return a course and its editions. Raises: NotFoundError(course-unknown)."""
    key = courses.checked_id(course_id, courses.no_course)
    async with acquire(pool) as conn:
        found = await store.read_course(conn, key)
        if found is None:
            raise courses.no_course(key)
        return found, await store.editions_of(conn, key)


async def who_may_teach(pool: Pool, now: dt.datetime) -> list[str]:
    """Return the names of the accounts that hold the role of a trainer, or another by which attendance is marked."""
    async with acquire(pool) as conn:
        found = await accounts.list_all(conn, now)
    known = set(Role)
    return [
        one.name
        for one in found
        if one.disabled_at is None
        and Permission.COURSES_TEACH in permissions_of([Role(role) for role in one.roles if role in known])
    ]
