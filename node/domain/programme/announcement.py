"""What an office announces: one envelope for sessions, services, calls, rankings and courses, and what may be done with it on a day.

In: a document that its schema let pass, or what an office fills in. Out: an ``Announcement`` and its document; ``State`` by day; the words by
which it is found. Rules: what a schema cannot count (the days of a month, what comes before what) is judged here, by every node alike; nothing
in it is a link. Source: docs/catalogue.md, PROTOCOL 13.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from node.domain.redaction import codes, contacts, names
from node.domain.redaction.hits import Hits, settle
from node.domain.redaction.plain import Plain
from node.errors import N_, CallerError

SESSION, SERVICE, CALL, RANKING, COURSE = "session", "service", "call", "ranking", "course"
KINDS: Final = (SESSION, SERVICE, CALL, RANKING, COURSE)
TYPES: Final[Mapping[str, str]] = {f"{kind}/1": kind for kind in KINDS}
KIND_TITLES: Final[Mapping[str, str]] = {
    SESSION: N_("incontro informativo"),
    SERVICE: N_("servizio di assistenza"),
    CALL: N_("bando"),
    RANKING: N_("graduatoria"),
    COURSE: N_("corso"),
}
# What an office helps with (domain.md 6), in the order in which it is offered.
LINE_TITLES: Final[Mapping[str, str]] = {
    "technical": N_("assistenza tecnica"),
    "guidance": N_("orientamento"),
    "design": N_("progettazione"),
    "management": N_("gestione"),
    "process-governance": N_("governo dei processi"),
    "certification": N_("certificazione"),
    "administrative": N_("assistenza amministrativa"),
    "legal": N_("assistenza legale"),
    "fiscal": N_("assistenza fiscale"),
}
ENVELOPE: Final = ("type", "id", "owner", "revision", "title", "summary", "regions", "begins", "ends", "deadline")
DAYS: Final = ("begins", "ends", "deadline")
# Where an office may say how it is reached: its own public addresses.
REACHED: Final = "how"
# Codes and days say nothing to a reader who looks for words.
_CODE = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*|[0-9.:-]+|IT[A-Z0-9]{2}")


class State(StrEnum):
    """What can be done about an announcement on a day.

    ``upcoming``: nothing yet, it opens later; ``open``: it can be asked for, applied to, enrolled in; ``closed``: no more.
    """

    UPCOMING = "upcoming"
    OPEN = "open"
    CLOSED = "closed"


STATE_TITLES: Final[Mapping[State, str]] = {
    State.UPCOMING: N_("prossimo"),
    State.OPEN: N_("aperto"),
    State.CLOSED: N_("chiuso"),
}


@dataclass(frozen=True, slots=True)
class Announcement:
    """One announcement; ``detail`` is what its kind alone says, under the kind's name in the document.

    ``begins``: of a call and a service the first day on which it can be asked for, of everything else the first on which it takes place.
    """

    kind: str
    id: str
    owner: str
    revision: int
    title: Mapping[str, str]
    summary: Mapping[str, str]
    regions: tuple[str, ...]
    begins: dt.date | None
    ends: dt.date | None
    deadline: dt.date | None
    detail: Mapping[str, Any]

    @property
    def opens(self) -> dt.date | None:
        """The first day on which anything can be done about it, None for always."""
        return self.begins if self.kind in (CALL, SERVICE) else None

    @property
    def closes(self) -> dt.date | None:
        """The last day on which anything can be done about it, None for never."""
        held = self.begins if self.kind == SESSION else None
        return self.deadline or self.ends or held

    def state(self, today: dt.date) -> State:
        """Return what can be done on a day."""
        if self.closes is not None and self.closes < today:
            return State.CLOSED
        return State.UPCOMING if self.opens is not None and self.opens > today else State.OPEN


def parse(document: Mapping[str, Any]) -> Announcement:
    """Return the announcement of a document that its schema let pass. Raises: CallerError(announcement-malformed)."""
    try:
        kind = TYPES[document["type"]]
        days = {name: None if document[name] is None else dt.date.fromisoformat(document[name]) for name in DAYS}
        made = Announcement(
            kind=kind,
            id=document["id"],
            owner=document["owner"],
            revision=document["revision"],
            title=document["title"],
            summary=document["summary"],
            regions=tuple(document["regions"]),
            begins=days["begins"],
            ends=days["ends"],
            deadline=days["deadline"],
            detail=document[kind],
        )
        _check_days(made)
    except (KeyError, TypeError, ValueError) as error:
        raise CallerError("announcement-malformed", N_("annuncio non valido")) from error
    if list(made.regions) != sorted(set(made.regions)):
        raise CallerError(
            "announcement-malformed", N_("annuncio non valido: le regioni vanno in ordine, una volta ciascuna")
        )
    return made


def _check_days(made: Announcement) -> None:
    for day in _days_within(made.detail):
        dt.date.fromisoformat(day)
    if made.begins is not None and made.ends is not None and made.ends < made.begins:
        raise CallerError("announcement-malformed", N_("annuncio non valido: finisce prima di cominciare"))
    if made.opens is not None and made.deadline is not None and made.deadline < made.opens:
        raise CallerError("announcement-malformed", N_("annuncio non valido: la scadenza è prima dell'inizio"))
    if made.kind == SESSION and (made.begins is None or made.detail["day"] != made.begins.isoformat()):
        raise CallerError("announcement-malformed", N_("annuncio non valido: l'incontro non è nel suo giorno"))


def _days_within(value: Any) -> Iterator[str]:
    """Yield every text under ``day``, ``begins``, ``ends``, ``deadline``, however deep."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            if name in ("day", *DAYS) and isinstance(item, str):
                yield item
            else:
                yield from _days_within(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _days_within(item)


def build(made: Announcement) -> dict[str, Any]:
    """Return the document of an announcement."""
    days = {name: day.isoformat() if (day := getattr(made, name)) else None for name in DAYS}
    return {
        "type": f"{made.kind}/1",
        "id": made.id,
        "owner": made.owner,
        "revision": made.revision,
        "title": dict(made.title),
        "summary": dict(made.summary),
        "regions": list(made.regions),
        **days,
        made.kind: dict(made.detail),
    }


def certificates(made: Announcement) -> frozenset[str]:
    """Return what a course's announcement says of certificates: commitments in base64; none for all else."""
    if made.kind != COURSE:
        return frozenset()
    return frozenset(one for edition in made.detail.get("editions", ()) for one in edition.get("certificates", ()))


def composed(value: Any) -> Any:
    """Return a document with its texts in NFC, as logs hold them: some keyboards and files write letter and accent apart."""
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, Mapping):
        return {name: composed(item) for name, item in value.items()}
    return [composed(item) for item in value] if isinstance(value, list) else value


def is_same(one: Announcement, other: Announcement) -> bool:
    """Tell whether two announcements say the same, whatever the number of their revisions."""
    return build(replace(one, revision=1)) == build(replace(other, revision=1))


def texts(made: Announcement) -> list[tuple[str, str]]:
    """Return every text for people, with its place: title, summary, then what the kind alone says."""
    head = [(f"{name}.{code}", text) for name in ("title", "summary") for code, text in getattr(made, name).items()]
    if made.kind == RANKING:
        # Its rows are codes, moments and points.
        return head
    return head + [(place, text) for place, text in _texts(made.kind, made.detail) if not _CODE.fullmatch(text)]


def _texts(place: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _texts(f"{place}.{name}", item)
    elif isinstance(value, Sequence):
        for number, item in enumerate(value, 1):
            yield from _texts(f"{place}.{number}", item)


def doubts(made: Announcement) -> Hits:
    """Return what should not stand in an announcement: names and codes of people or firms, ways to reach anybody outside ``how``.

    They are shown to the officer, and keep nothing back: the office answers for what it announces.
    """
    found = []
    for place, text in texts(made):
        plain = Plain(text)
        hits = [*codes.find(plain), *names.find(plain)]
        if REACHED not in place.split("."):
            hits += contacts.find(plain)
        found += [(place, text, hit) for hit in settle(hits)]
    return found
