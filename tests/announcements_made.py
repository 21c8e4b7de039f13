"""Announcements for tests: one of each kind, as an office would write them."""

from __future__ import annotations

import uuid
from typing import Any

from tests.calls_made import call_document


def session(**changes: Any) -> dict[str, Any]:
    """An information session of December."""
    return {
        "type": "session/1",
        "id": str(uuid.uuid4()),
        "title": {"it": "Incontro informativo sui contratti di rete", "en": "Information session on network contracts"},
        "summary": {"it": "Che cos'è una rete di imprese e come si fa il contratto."},
        "regions": ["ITF4"],
        "begins": "2026-12-10",
        "ends": None,
        "deadline": "2026-12-09",
        "session": {
            "place": "Sala consiliare",
            "day": "2026-12-10",
            "hour": "10:00",
            "seats": 40,
            "free": True,
            "how": {"it": "Scrivere all'ufficio: reti@ufficio.example"},
        },
    } | changes


def service(line: str = "certification", **changes: Any) -> dict[str, Any]:
    """A line of assistance, with no end."""
    return {
        "type": "service/1",
        "id": str(uuid.uuid4()),
        "title": {"it": "Assistenza per la certificazione di filiera"},
        "summary": {"it": "Accompagniamo la rete fino alla verifica."},
        "regions": [],
        "begins": None,
        "ends": None,
        "deadline": None,
        "service": {
            "line": line,
            "description": {"it": "Sopralluogo, manuale, prove."},
            "cost": "free",
            "how": {"it": "Allo sportello, dal lunedì al venerdì."},
        },
    } | changes


def call(**changes: Any) -> dict[str, Any]:
    """A call for applications that opens next year."""
    return {
        "type": "call/1",
        "id": str(uuid.uuid4()),
        "title": {"it": "Bando per le reti d'impresa"},
        "summary": {"it": "Contributi a progetti comuni."},
        "regions": ["ITF4"],
        "begins": "2027-01-15",
        "ends": None,
        "deadline": "2027-03-31",
        "call": call_document(
            opens="2027-01-15T08:00:00Z",
            closes="2027-03-31T11:00:00Z",
            budget="1000000.00",
            shares=["600000.00", "400000.00"],
        ),
    } | changes


def course(**changes: Any) -> dict[str, Any]:
    """A course with one edition."""
    return {
        "type": "course/1",
        "id": str(uuid.uuid4()),
        "title": {"it": "Masterclass sulla rete"},
        "summary": {"it": "Per chi guida una rete."},
        "regions": [],
        "begins": "2027-01-12",
        "ends": "2027-02-12",
        "deadline": "2027-01-05",
        "course": {
            "editions": [
                {
                    "code": "2027-01",
                    "begins": "2027-01-12",
                    "ends": "2027-02-12",
                    "seats": 20,
                    "sessions": [{"day": "2027-01-12", "hour": "09:30", "place": "Aula grande"}],
                }
            ],
            "trainers": [{"it": "docente di diritto commerciale"}],
            "how": {"it": "Presso il proprio ufficio."},
        },
    } | changes
