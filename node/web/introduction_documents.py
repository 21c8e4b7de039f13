"""Introductions as JSON values: what ``/api/v1/introductions`` answers and ``rete intro ... --json`` prints.

In: cases as flows return them. Out: dictionaries with stable keys (docs/introductions.md). Rules: a case is for whoever may read
introductions; ``standing_document`` is for the firm that asked, and holds days, states and kinds of events, and no word of anybody.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Any

from node.domain import introduction
from node.domain.days import day_of
from node.domain.introduction import NO_DAY, Case, Kind, Party
from node.flows.introductions import casefile
from node.flows.introductions.casefile import Opened
from node.store.introductions import Consent, Listed, Step, Told


def _day(number: int | None) -> str | None:
    return None if number is None or number == NO_DAY else day_of(number).isoformat()


def _moment(moment: dt.datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _second(seconds: int) -> str | None:
    return _moment(dt.datetime.fromtimestamp(seconds, dt.UTC)) if seconds else None


def listed_document(item: Listed) -> dict[str, Any]:
    """Return a case of a list."""
    return {
        **dataclasses.asdict(item),
        "party": str(item.party),
        "state": str(item.state),
        "own_due": _day(item.own_due),
        "other_due": _day(item.other_due),
        "since": _moment(item.since),
        "introduced_at": _moment(item.introduced_at),
        "created_at": _moment(item.created_at),
        "changed_at": _moment(item.changed_at),
    }


def moved_document(introduction_id: str, case: Case, me: Party) -> dict[str, Any]:
    """Return how a case stands after something was done in it."""
    return {
        "introduction_id": introduction_id,
        "state": str(case.state),
        "turn": sorted(case.turn),
        "own_due": _day(case.due.get(me)),
        "other_due": _day(case.due.get(me.other)),
    }


def case_document(opened: Opened, now: dt.datetime, would_tell: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a case whole, with what may be done now, and whom a consent of today would name where it may be given."""
    row, case, me = opened.row, opened.case, opened.row.party
    return {
        "introduction_id": row.introduction_id,
        "party": str(me),
        "peer": row.peer,
        "profile_id": row.profile_id,
        "network_id": row.network_id,
        "project_id": row.project_id,
        "applicant": None if row.applicant is None else dict(row.applicant),
        "request": _request(opened),
        "state": str(opened.state),
        "reason": case.reason,
        "outcome": case.outcome,
        "ended_by": None if case.ended_by is None else str(case.ended_by),
        "turn": sorted(case.turn),
        "own_due": _day(case.due.get(me)),
        "other_due": _day(case.due.get(me.other)),
        "urgency": str(introduction.urgency(case, me, casefile.today_of(now))),
        "follow_up_due": introduction.follow_up_due(case, me, int(now.timestamp())),
        "since": _second(case.since),
        "introduced_at": _second(case.introduced_at),
        "created_by": row.created_by,
        "created_at": _moment(row.created_at),
        "may": [str(kind) for kind in opened.may],
        "seen": casefile.seen_of(row, opened.may, would_tell),
        "would_tell": None if would_tell is None else dict(would_tell),
        "is_lost": me in case.lost,
        "consent": _consent(opened.consent),
        "told": _told(opened.told),
        "events": [_event(step, case, me) for step in opened.steps],
    }


def _request(opened: Opened) -> dict[str, Any]:
    """Return what was asked: of a draft as it stands here, else as it left or arrived."""
    said = next((s.payload for s in opened.steps if s.event.kind == Kind.REQUEST and s.payload is not None), None)
    return dict(opened.row.request if said is None else said)


def _event(step: Step, case: Case, me: Party) -> dict[str, Any]:
    event, said = step.event, step.payload or {}
    return {
        "by": str(event.by),
        "seq": event.seq,
        "kind": str(event.kind),
        "at": _second(event.at),
        "detail": event.detail,
        "due": _day(event.due),
        # An identity stands under ``told``, and as long as it may be read.
        "text": str(said.get("text", "")) if event.kind != Kind.IDENTITY else "",
        "officer": step.officer if event.by is me else "",
        "overtaken": (event.by, event.seq) in case.overtaken,
        "written_at": _moment(step.written_at),
    }


def _consent(consent: Consent | None) -> dict[str, Any] | None:
    if consent is None:
        return None
    return {
        "person": consent.person,
        "version": consent.version,
        "identity": dict(consent.identity),
        "officer": consent.officer,
        "given_at": _moment(consent.given_at),
        "revoked_at": _moment(consent.revoked_at),
    }


def _told(told: Told | None) -> dict[str, Any] | None:
    if told is None:
        return None
    identity: Mapping[str, Any] | None = told.identity
    return {
        "identity": None if identity is None else dict(identity),
        "received_at": _moment(told.received_at),
        "erased_at": _moment(told.erased_at),
    }


def standing_document(opened: Opened) -> dict[str, Any]:
    """Return how a firm's own request stands: states, days and kinds of events, and no word of anybody."""
    case = opened.case
    return {
        "introduction_id": opened.row.introduction_id,
        "profile_id": opened.row.profile_id,
        "state": str(opened.state),
        "created_at": _moment(opened.row.created_at),
        "since": _second(case.since) or _moment(opened.row.created_at),
        "introduced_at": _second(case.introduced_at),
        "events": [
            {"by": str(step.event.by), "kind": str(step.event.kind), "at": _second(step.event.at)}
            for step in opened.steps
        ],
    }
