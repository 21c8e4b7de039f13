"""The chain of decisions: what is hashed, and whether a sequence of events is whole.

In: events in order. Out: the first place where the chain breaks, and why. Anybody can do the same with docs/audit.md alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from node.errors import N_

PREFIX = "rete-audit/1"
BEGINNING = bytes(32)
NUMBER, PREVIOUS, HASH = "number", "previous", "hash"
# Why a chain is broken, in words for the officer.
BROKEN = {
    NUMBER: N_("manca l'evento {event}"),
    PREVIOUS: N_("l'evento {event} non segue quello prima"),
    HASH: N_("l'evento {event} è stato cambiato"),
}


class Link(Protocol):
    """What is asked of an event."""

    @property
    def event_id(self) -> int:
        """Its number, from 1 on without gaps."""

    @property
    def at(self) -> str:
        """Its instant, ``2026-11-24T10:00:00.000000Z``."""

    @property
    def kind(self) -> str:
        """What happened."""

    @property
    def document(self) -> str:
        """The facts as JSON, in the words that were hashed."""

    @property
    def previous(self) -> bytes:
        """The hash of the event before, 32 zero bytes for the first."""

    @property
    def hash(self) -> bytes:
        """Its own hash."""


@dataclass(frozen=True, slots=True)
class Break:
    """Where a chain breaks, and why (a key of ``BROKEN``)."""

    event_id: int
    why: str


@dataclass
class Walk:
    """A walk along a chain, page by page; ``count`` events were in order so far, ``last`` is the hash of the newest."""

    count: int = 0
    last: bytes = BEGINNING
    broken: Break | None = None

    def follow(self, events: Iterable[Link]) -> bool:
        """Go on along further events; return False at the first that does not fit."""
        for event in events:
            why = self._why(event)
            if why is not None:
                self.broken = Break(self.count + 1, why)
                return False
            self.count, self.last = event.event_id, event.hash
        return True

    def _why(self, event: Link) -> str | None:
        if event.event_id != self.count + 1:
            return NUMBER
        if event.previous != self.last:
            return PREVIOUS
        return None if event.hash == hash_of(event) else HASH


def hash_of(event: Link) -> bytes:
    """Return what an event's hash must be."""
    lines = (PREFIX, str(event.event_id), event.at, event.kind, event.previous.hex(), event.document)
    return hashlib.sha256("\n".join(lines).encode()).digest()
