"""The one family of errors, split by WHO must act.

In: a stable kebab-case code, an Italian sentence (the gettext message id, with ``{facts}``), where, and a hint.
Out: exceptions that the CLI, the web middleware and the scheduler render once each; nothing else catches broadly.
The code is at once metric label, log key and problem type, so it never changes once released.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Translate = Callable[[str], str]


def N_(message: str) -> str:  # noqa: N802 - the gettext convention for "mark, do not translate here"
    """Mark ``message`` for the catalogue; it is translated where it is shown."""
    return message


# What can move a cursor, recolour or reorder a line, or can't be written at all: C0, C1, bidi controls, lone surrogates.
UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_SPACES = frozenset("\t\n\r\x85\u2028\u2029")


def plain(value: object) -> str:
    """Return somebody else's words as one line that a terminal, a log or a page shows as it is and does not obey."""
    return UNSEEN.sub(lambda found: " " if found.group() in _SPACES else "", str(value))


def plain_facts(facts: Mapping[str, object]) -> dict[str, object]:
    """Return facts for a sentence: numbers and days as they are, everything else as ``plain`` text."""
    return {name: fact if isinstance(fact, (int, float, dt.date)) else plain(fact) for name, fact in facts.items()}


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence inside a sentence: a catalogue id with its own facts, translated where the whole is shown."""

    template: str
    facts: Mapping[str, object] = field(default_factory=dict)

    def told(self, translate: Translate = str) -> str:
        """Return the sentence in the language of ``translate``; one without facts is shown as it is, braces and all."""
        if not self.facts:
            return plain(translate(self.template))
        facts = {name: fact.told(translate) if isinstance(fact, Said) else fact for name, fact in self.facts.items()}
        return translate(self.template).format(**plain_facts(facts))


class ReteError(Exception):
    """Root of every expected failure: what is wrong, where, and what to do.

    ``what`` and ``hint`` are Italian catalogue ids with ``{name}`` placeholders filled from ``facts``;
    ``where`` is a place as is (``file:line``, ``sheet!row``, a URL without query).
    """

    exit_status = 1

    def __init__(self, code: str, what: str, /, *, where: str = "", hint: str = "", **facts: object) -> None:
        """Keep the parts apart, so that each face renders them in its own language and layout."""
        super().__init__(code, what, where, hint, facts)
        self.code = code
        self.what = what
        self.where = where
        self.hint = hint
        self.facts = facts

    def render(self, translate: Translate = str) -> tuple[str, str, str]:
        """Return (what, where, hint) in the language of ``translate``; a fact can't add lines or control characters."""
        facts = plain_facts(
            {name: fact.told(translate) if isinstance(fact, Said) else fact for name, fact in self.facts.items()}
        )
        what = translate(self.what).format(**facts)
        hint = translate(self.hint).format(**facts) if self.hint else ""
        return what, plain(self.where), hint

    def __str__(self) -> str:
        """One line for logs: code, place, Italian sentence."""
        what, where, _ = self.render()
        return f"{self.code}: {f'{where}: ' if where else ''}{what}"


class OperatorError(ReteError):
    """The administrator must act: configuration, keys, disk, port, database."""

    exit_status = 2


class CallerError(ReteError):
    """Whoever called must act: a wrong file, argument, request or state."""


class NotFoundError(CallerError):
    """The thing asked for does not exist, or is not the caller's to see."""


class PeerWrongError(ReteError):
    """The peer sent something false or malformed: refuse it, say why, never retry blindly."""


class RoadWrongError(ReteError):
    """The way to the peer failed (refused, timeout, reset): nothing is known, retry later."""


class LogStateError(ReteError):
    """The state of the own log is unknown or contradictory: stop writing until it is cleared."""

    exit_status = 2


class LeadLostError(ReteError):
    """Another process of this node leads now: whatever this one was writing is the other's to do."""
