"""Announcements for tests: one of each kind, as an office would write them."""

from __future__ import annotations

import uuid
from typing import Any


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
