"""Courses as JSON: one form for the command line and whoever reads it.

In: values of the flows. Out: documents. Source: docs/courses.md, docs/cli.md.
"""

from __future__ import annotations

from typing import Any

from node.domain.programme.course import Standing
from node.flows.programme.courses import Opened
from node.store.course_seats import Enrolment
from node.store.courses import Edition, Listed, Released


def _edition(edition: Edition) -> dict[str, Any]:
    return {
        "edition_id": edition.edition_id, "course_id": edition.course_id, "code": edition.code, "seats": edition.seats,
        "begins": edition.begins.isoformat(), "ends": edition.ends.isoformat(), "deadline": edition.deadline.isoformat(),
        "percent": edition.percent, "state": str(edition.state),
    }  # fmt: skip


def listed_document(item: Listed) -> dict[str, Any]:
    """Return an edition in a list."""
    return {**_edition(item.edition), "title": dict(item.title), "placed": item.placed, "waiting": item.waiting}


def opened_document(opened: Opened) -> dict[str, Any]:
    """Return an edition with all that belongs to it; of whoever has no place no name."""
    count = {standing: sum(s.standing is standing for s in opened.seats) for standing in Standing}
    return {
        **_edition(opened.edition), "title": dict(opened.course.title), "is_announced": opened.course.is_announced,
        "placed": count[Standing.PLACED], "waiting": count[Standing.WAITING], "trainers": opened.trainers,
        "sessions": [
            {"session_id": s.session_id, "number": s.number, "day": s.day.isoformat(), "hour": s.hour, "place": s.place, "title": s.title}
            for s in opened.sessions
        ],
        "participants": [
            {
                "seat_id": s.seat_id, "office": s.office, "standing": str(s.standing), "reason": str(s.reason), "place": s.place,
                "name": s.person.get("name", ""), "email": s.person.get("email", ""),
                "present": sum(opened.attendance.get((one.session_id, s.seat_id), False) for one in opened.sessions),
                "is_certified": s.seat_id in opened.certificates,
            }
            for s in opened.seats
        ],
        "materials": [
            {"material_id": m.material_id, "title": m.title, "file_name": m.file_name, "media_type": m.media_type, "bytes": m.bytes}
            for m in opened.materials
        ],
        "questionnaire": released_document(opened.released),
    }  # fmt: skip


def released_document(released: Released | None) -> dict[str, Any]:
    """Return what was told of a questionnaire; before the release nothing, not even how many answers there are."""
    if released is None:
        return {"released": None, "answers": 0, "questions": []}
    return {"released": released.released_at.isoformat(), "version": released.version, **released.told}


def enrolment_document(found: Enrolment) -> dict[str, Any]:
    """Return an enrolment of the own office."""
    return {
        "enrolment_id": found.enrolment_id, "organiser": found.organiser, "course_id": found.course_id, "edition": found.edition,
        "title": found.title, "begins": found.begins.isoformat(), "ends": found.ends.isoformat(), "name": found.person.get("name", ""),
        "email": found.person.get("email", ""), "standing": str(found.standing), "reason": str(found.reason),
        "is_answered": found.seen >= found.seq,
    }  # fmt: skip
