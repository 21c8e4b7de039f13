"""Courses of this office: editions, sessions, trainers, materials, attendance, answers, certificates. Private (schema ``programme``).

In: connections inside transactions that the flow opened, values. Out: rows as values. Rules: an edition is locked before anything is decided
in it; answers carry no name and are read in the order of what they say. Source: docs/courses.md.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from node.domain.programme.course import EditionState
from node.store.postgres import Connection, load_queries

QUERIES = load_queries("courses")


@dataclass(frozen=True, slots=True)
class Course:
    """A course as its office wrote it; texts by language."""

    course_id: str
    title: Mapping[str, str]
    summary: Mapping[str, str]
    how: Mapping[str, str]
    regions: tuple[str, ...]
    trainers: tuple[Mapping[str, str], ...]
    is_announced: bool = False


@dataclass(frozen=True, slots=True)
class Edition:
    """One edition of a course."""

    edition_id: str
    course_id: str
    code: str
    seats: int
    begins: dt.date
    ends: dt.date
    deadline: dt.date
    percent: int
    state: EditionState


@dataclass(frozen=True, slots=True)
class Session:
    """One meeting of an edition; the hour is Rome's."""

    session_id: str
    number: int
    day: dt.date
    hour: str
    place: str
    municipality: str = ""
    title: str = ""
    is_online: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """An edition in a list, with how many have a place and how many wait."""

    edition: Edition
    title: Mapping[str, str]
    placed: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Material:
    """A file for the participants, without its bytes."""

    material_id: str
    title: str
    file_name: str
    media_type: str
    sha256: bytes
    bytes: int
    added_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Released:
    """What was told of an edition's answers, for good."""

    version: str
    told: Mapping[str, Any]
    released_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate; without a seat and a code once its person was erased."""

    commitment: bytes
    seat_id: str | None
    code: bytes | None
    issued_at: dt.datetime


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


async def keep_course(conn: Connection, course: Course, now: dt.datetime) -> None:
    """Write a course, new or changed."""
    await conn.execute(
        QUERIES["insert_course"], course.course_id, _json(course.title), _json(course.summary), _json(course.how),
        list(course.regions), _json(list(course.trainers)), now,
    )  # fmt: skip


def _course(row: Mapping[str, Any]) -> Course:
    texts = {name: orjson.loads(row[name]) for name in ("title", "summary", "how", "trainers")}
    return Course(
        str(row["course_id"]), texts["title"], texts["summary"], texts["how"], tuple(row["regions"]),
        tuple(texts["trainers"]), row["is_announced"],
    )  # fmt: skip


async def lock_course(conn: Connection, course_id: str) -> Course | None:
    """Lock a course until the transaction ends; None where there is none."""
    row = await conn.fetchrow(QUERIES["lock_course"], course_id)
    return None if row is None else _course(row)


async def read_course(conn: Connection, course_id: str) -> Course | None:
    """Return one course."""
    row = await conn.fetchrow(QUERIES["read_course"], course_id)
    return None if row is None else _course(row)


async def mark_announced(conn: Connection, course_id: str, *, is_announced: bool) -> None:
    """Note whether a course stands in the log."""
    await conn.execute(QUERIES["mark_announced"], course_id, is_announced)


async def list_courses(conn: Connection, limit: int) -> list[tuple[str, Mapping[str, str], bool, int]]:
    """Return courses, what changed last first: id, title, whether it is announced, how many editions."""
    rows = await conn.fetch(QUERIES["list_courses"], limit)
    return [(str(r["course_id"]), orjson.loads(r["title"]), r["is_announced"], r["editions"]) for r in rows]


def _edition(row: Mapping[str, Any]) -> Edition:
    return Edition(
        str(row["edition_id"]), str(row["course_id"]), row["code"], row["seats"], row["begins"], row["ends"], row["deadline"],
        row["percent"], EditionState(row["state"]),
    )  # fmt: skip


async def add_edition(conn: Connection, edition: Edition, now: dt.datetime) -> bool:
    """Add an edition; False where the course has one of that code."""
    e = edition
    return (
        await conn.fetchval(
            QUERIES["insert_edition"], e.edition_id, e.course_id, e.code, e.seats, e.begins, e.ends, e.deadline, e.percent, now
        )
        is not None
    )  # fmt: skip


async def add_sessions(conn: Connection, edition_id: str, sessions: Sequence[Session]) -> None:
    """Add the sessions of an edition."""
    if not sessions:
        return
    columns = zip(*((s.session_id, s.number, s.day, s.hour, s.place, s.municipality, s.title, s.is_online) for s in sessions), strict=True)  # fmt: skip
    await conn.execute(QUERIES["insert_sessions"], edition_id, *map(list, columns))


async def add_trainers(conn: Connection, edition_id: str, named: Sequence[tuple[str, str]]) -> None:
    """Let people mark the attendance of an edition: (name, the key of it)."""
    await conn.execute(QUERIES["insert_trainers"], edition_id, [n for n, _ in named], [k for _, k in named])


async def is_trainer(conn: Connection, edition_id: str, name_key: str) -> bool:
    """Tell whether somebody teaches an edition."""
    return bool(await conn.fetchval(QUERIES["is_trainer"], edition_id, name_key))


async def trainers_of(conn: Connection, edition_id: str) -> list[str]:
    """Return who teaches an edition."""
    return [r["name"] for r in await conn.fetch(QUERIES["trainers_of"], edition_id)]


async def lock_edition(conn: Connection, edition_id: str) -> Edition | None:
    """Lock an edition until the transaction ends: whoever decides about its places does so alone."""
    row = await conn.fetchrow(QUERIES["lock_edition"], edition_id)
    return None if row is None else _edition(row)


async def lock_edition_of(conn: Connection, course_id: str, code: str) -> Edition | None:
    """Lock the edition of a course that has a code."""
    row = await conn.fetchrow(QUERIES["lock_edition_of"], course_id, code)
    return None if row is None else _edition(row)


async def read_edition(conn: Connection, edition_id: str) -> Edition | None:
    """Return one edition."""
    row = await conn.fetchrow(QUERIES["read_edition"], edition_id)
    return None if row is None else _edition(row)


async def editions_of(conn: Connection, course_id: str) -> list[Edition]:
    """Return the editions of a course, the first first."""
    return [_edition(row) for row in await conn.fetch(QUERIES["editions_of"], course_id)]


async def list_editions(conn: Connection, limit: int, trainer_key: str | None = None) -> list[Listed]:
    """Return editions, the newest first; ``trainer_key``: only those that somebody teaches."""
    rows = await conn.fetch(QUERIES["list_editions"], trainer_key, limit)
    return [Listed(_edition(row), orjson.loads(row["title"]), row["placed"], row["waiting"]) for row in rows]


async def set_state(conn: Connection, edition_id: str, state: EditionState, now: dt.datetime) -> None:
    """Write what became of an edition."""
    await conn.execute(QUERIES["set_state"], edition_id, str(state), now)


async def set_seats(conn: Connection, edition_id: str, seats: int, now: dt.datetime) -> bool:
    """Write how many seats a locked edition has; False where somebody holds a place beyond."""
    return bool((await conn.execute(QUERIES["set_seats"], edition_id, seats, now)) == "UPDATE 1")


async def change_edition(conn: Connection, edition: Edition, now: dt.datetime) -> None:
    """Write an edition's days and share anew."""
    await conn.execute(
        QUERIES["change_edition"], edition.edition_id, edition.begins, edition.ends, edition.deadline, edition.percent, now
    )  # fmt: skip


async def count_attended(conn: Connection, session_ids: Sequence[str]) -> int:
    """Return how often attendance is marked at these sessions."""
    return int(await conn.fetchval(QUERIES["count_attended"], session_ids))


async def change_sessions(conn: Connection, edition_id: str, kept: Sequence[Session]) -> None:
    """Keep these sessions of an edition, as they are now, and delete all others."""
    await conn.execute(QUERIES["drop_sessions"], edition_id, [one.session_id for one in kept])
    if kept:
        columns = zip(*((s.session_id, s.number, s.place, s.municipality, s.title, s.is_online) for s in kept), strict=True)  # fmt: skip
        await conn.execute(QUERIES["change_sessions"], edition_id, *map(list, columns))


async def replace_trainers(conn: Connection, edition_id: str, named: Sequence[tuple[str, str]]) -> None:
    """Let these people mark the attendance of an edition, and nobody else: (name, the key of it)."""
    await conn.execute(QUERIES["drop_trainers"], edition_id, [key for _, key in named])
    await add_trainers(conn, edition_id, named)


async def sessions_of(conn: Connection, edition_id: str) -> list[Session]:
    """Return the sessions of an edition in their order."""
    rows = await conn.fetch(QUERIES["sessions_of"], edition_id)
    return [Session(**{**dict(row), "session_id": str(row["session_id"])}) for row in rows]


async def mark_attendance(
    conn: Connection, session_id: str, present: Mapping[str, bool], officer: str, now: dt.datetime
) -> None:
    """Note who was at a session, of those who have a place."""
    await conn.execute(QUERIES["mark_attendance"], session_id, list(present), list(present.values()), officer, now)


async def session_edition(conn: Connection, session_id: str) -> tuple[str, dt.date] | None:
    """Return the edition of a session and its day."""
    row = await conn.fetchrow(QUERIES["session_edition"], session_id)
    return None if row is None else (str(row["edition_id"]), row["day"])


async def attendance_of(conn: Connection, edition_id: str) -> dict[tuple[str, str], bool]:
    """Return who was marked present or absent: by (session, seat)."""
    rows = await conn.fetch(QUERIES["attendance_of"], edition_id)
    return {(str(r["session_id"]), str(r["seat_id"])): r["is_present"] for r in rows}


async def add_material(
    conn: Connection, edition_id: str, title: str, file: tuple[str, str, bytes, bytes], now: dt.datetime
) -> None:
    """Keep a file: (name, media type, SHA-256, bytes); the same bytes are kept once."""
    await conn.execute(QUERIES["insert_material"], uuid.uuid4(), edition_id, title, *file, now)


async def materials_of(conn: Connection, edition_id: str) -> list[Material]:
    """Return the files of an edition, without their bytes."""
    rows = await conn.fetch(QUERIES["materials_of"], edition_id)
    return [Material(**{**dict(row), "material_id": str(row["material_id"])}) for row in rows]


async def material(conn: Connection, edition_id: str, material_id: str) -> tuple[str, str, bytes] | None:
    """Return a file: name, media type, bytes."""
    row = await conn.fetchrow(QUERIES["material"], material_id, edition_id)
    return None if row is None else (row["file_name"], row["media_type"], row["content"])


async def delete_material(conn: Connection, edition_id: str, material_id: str) -> bool:
    """Delete a file; False where there is none."""
    return bool((await conn.execute(QUERIES["delete_material"], material_id, edition_id)) == "DELETE 1")


async def add_answer(conn: Connection, edition_id: str, answers: Sequence[int]) -> None:
    """Keep one participant's answers, without whose they are."""
    await conn.execute(QUERIES["insert_answer"], edition_id, list(answers))


async def answers_of(conn: Connection, edition_id: str) -> list[tuple[int, ...]]:
    """Return the answers of an edition, ordered by what they say."""
    return [tuple(r["answers"]) for r in await conn.fetch(QUERIES["answers_of"], edition_id)]


async def keep_release(
    conn: Connection, edition_id: str, version: str, told: Mapping[str, Any], officer: str, now: dt.datetime
) -> None:
    """Keep what is told of an edition's answers, and delete these: nothing else can ever be told of them."""
    await conn.execute(QUERIES["keep_release"], edition_id, version, _json(told), officer, now)
    await conn.execute(QUERIES["delete_answers"], edition_id)


async def release_of(conn: Connection, edition_id: str) -> Released | None:
    """Return what was told of an edition's answers, None before."""
    row = await conn.fetchrow(QUERIES["release_of"], edition_id)
    return None if row is None else Released(row["version"], orjson.loads(row["told"]), row["released_at"])


async def add_certificates(
    conn: Connection, edition_id: str, made: Sequence[tuple[bytes, str, bytes]], officer: str, now: dt.datetime
) -> None:
    """Keep certificates: (commitment, seat, code); a seat has one."""
    commitments, seats, codes = zip(*made, strict=True) if made else ((), (), ())
    await conn.execute(QUERIES["insert_certificates"], edition_id, list(commitments), list(seats), list(codes), officer, now)  # fmt: skip


async def commitments_of(conn: Connection, edition_id: str) -> list[bytes]:
    """Return the commitments of an edition, ascending: their order says nothing."""
    return [r["commitment"] for r in await conn.fetch(QUERIES["commitments_of"], edition_id)]


async def count_certificates(conn: Connection, course_id: str) -> int:
    """Return how many certificates a course has."""
    return int(await conn.fetchval(QUERIES["count_certificates"], course_id))


async def certificates_of(conn: Connection, edition_id: str) -> dict[str, Certificate]:
    """Return the certificates of an edition by seat, those of erased people left out."""
    rows = await conn.fetch(QUERIES["certificates_of"], edition_id)
    return {
        str(r["seat_id"]): Certificate(r["commitment"], str(r["seat_id"]), r["code"], r["issued_at"])
        for r in rows
        if r["seat_id"] is not None
    }
