"""A case file as a partner office sees it: what of it is told, in how much room, and what the partner answers.

In: facts of a case, the room of one message; a copy or answers as they came. Out: a copy as a JSON object that fits, parsed copies and
answers, or one refusal. Rules: only what is listed here is told: no officer, no hours, no money, no appointment, no text of the contract;
what does not fit is left out in a fixed order and counted, never cut in the middle; documents come with their bytes only where they were
chosen and fit, else by name and hash. Pure. Source: PROTOCOL 16, docs/cases.md.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from node.domain.programme.case_file import lines_of_text, words
from node.domain.vocabulary import Titles
from node.errors import N_, UNSEEN, CallerError

REFERENCE_LONGEST: Final = 200
WORDS_LONGEST: Final = 1000
NETWORK_LONGEST: Final = 400
# Documents that may be chosen for one share, and answers of one partner.
DOCUMENTS_MAX: Final = 20
REPLIES_MAX: Final = 100
# Of 49,148 bytes of a message: what is left beside ids, numbers and the signature.
ROOM_BYTES: Final = 48_000


class State(StrEnum):
    """How a share stands at the sharing office."""

    PROPOSED = "proposed"
    LIVE = "live"
    ENDED = "ended"


class Kind(StrEnum):
    """What a partner may answer."""

    NOTE = "note"
    TASK = "task"


STATE_TITLES: Titles = {
    State.PROPOSED: ("da approvare", "to be approved"),
    State.LIVE: ("condiviso", "shared"),
    State.ENDED: ("non più condiviso", "no longer shared"),
}
KIND_TITLES: Titles = {Kind.NOTE: ("Nota", "Note"), Kind.TASK: ("Attività proposta", "Proposed task")}


@dataclass(frozen=True, slots=True)
class Task:
    """A task of a shared case; in whose hands it is, is not told."""

    title: str
    line: str
    due_on: dt.date | None
    state: str
    note: str


@dataclass(frozen=True, slots=True)
class Document:
    """A document of a shared case; ``content`` where its bytes came along."""

    document_id: str
    title: str
    kind: str
    file_name: str
    size: int
    sha256: str
    content: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Closure:
    """How a case was closed."""

    on: dt.date
    outcome: str
    words: str


@dataclass(frozen=True, slots=True)
class Copy:
    """What of a case file is told; ``points``: the contract's points with how they stand."""

    title: str
    network: str
    lines: tuple[str, ...]
    state: str
    opened_on: dt.date
    consent_on: dt.date
    consent_ref: str
    closure: Closure | None
    tasks: tuple[Task, ...]
    points: tuple[tuple[str, str], ...]
    documents: tuple[Document, ...]
    tasks_more: int = 0
    documents_more: int = 0
    notes_cut: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of a partner: a note, or a task that it proposes; ``number`` counts that partner's answers of this share."""

    number: int
    kind: Kind
    words: str
    due_on: dt.date | None
    on: dt.date


def size_of(value: Any) -> int:
    """Return how many bytes a JSON value has as it travels."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode())


def compose(told: Copy, room: int = ROOM_BYTES) -> dict[str, Any]:
    """Return a copy as it travels, in at most ``room`` bytes (10,000 at least).

    Where it does not fit go, in this order: bytes of documents, notes of tasks, the last documents, the last tasks.
    """
    made = _bare(told)
    tasks = [_task(task) for task in told.tasks[:1000]]
    files = [_file(item) for item in told.documents[:1000]]
    if size_of({**made, "tasks": tasks, "documents": files}) > room:
        tasks, made["notes_cut"] = [{**task, "note": ""} for task in tasks], any(task["note"] for task in tasks)
    # Half of what is left for the names of documents, where tasks need the other half.
    left = room - size_of({**made, "tasks": [], "documents": []})
    files = _fitting(files, max(left // 2, left - size_of(tasks)))
    tasks = _fitting(tasks, left - size_of(files))
    made |= {
        "tasks": tasks, "tasks_more": len(told.tasks) - len(tasks), "documents": files, "documents_more": len(told.documents) - len(files),
    }  # fmt: skip
    left = room - size_of(made)
    for item, file in zip(told.documents, files, strict=False):
        if item.content is not None:
            encoded = base64.b64encode(item.content).decode()
            if (cost := size_of({"content": encoded})) <= left:
                file["content"] = encoded
                left -= cost
    return made


def _bare(told: Copy) -> dict[str, Any]:
    made: dict[str, Any] = {
        "title": _line(told.title, 200) or "-", "network": _line(told.network, NETWORK_LONGEST), "lines": list(told.lines),
        "state": told.state, "opened": told.opened_on.isoformat(),
        "consent": {"on": told.consent_on.isoformat(), "reference": _line(told.consent_ref, REFERENCE_LONGEST) or "-"},
        "points": [{"point": point, "standing": standing} for point, standing in told.points],
        # As wide as they can get: what is counted afterwards needs no more room.
        "tasks_more": 99_999, "documents_more": 99_999, "notes_cut": False,
    }  # fmt: skip
    if told.closure is not None:
        closed = told.closure
        made["closure"] = {"on": closed.on.isoformat(), "outcome": closed.outcome, "words": _text(closed.words, 4000)}
    return made


def _task(task: Task) -> dict[str, Any]:
    due = task.due_on.isoformat() if task.due_on else ""
    return {
        "title": _line(task.title, 200) or "-", "line": task.line, "due": due, "state": task.state, "note": _text(task.note, 4000),
    }  # fmt: skip


def _file(item: Document) -> dict[str, Any]:
    return {
        "id": item.document_id, "title": _line(item.title, 200) or "-", "kind": item.kind, "file": _line(item.file_name, 150) or "-",
        "bytes": item.size, "sha256": item.sha256,
    }  # fmt: skip


def _fitting(items: Sequence[dict[str, Any]], room: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    left = room
    for item in items:
        left -= size_of(item) + 1
        if left < 0:
            break
        found.append(item)
    return found


def _line(text: str, longest: int) -> str:
    return " ".join(unicodedata.normalize("NFC", UNSEEN.sub(" ", text)).split())[:longest]


def _text(text: str, longest: int) -> str:
    said = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    return "\n".join(UNSEEN.sub(" ", line).rstrip() for line in said.split("\n"))[:longest]


def copy_of(came: Mapping[str, Any]) -> Copy:
    """Return a copy that came in its form (share.v1.json), without what nobody sees. Raises: ValueError for a day or bytes that are none."""
    closed = came.get("closure")
    return Copy(
        _line(came["title"], 200), _line(came["network"], NETWORK_LONGEST), tuple(came["lines"]), came["state"],
        dt.date.fromisoformat(came["opened"]), dt.date.fromisoformat(came["consent"]["on"]),
        _line(came["consent"]["reference"], REFERENCE_LONGEST),
        None if closed is None else Closure(dt.date.fromisoformat(closed["on"]), closed["outcome"], _text(closed["words"], 4000)),
        tuple(
            Task(_line(task["title"], 200), task["line"], _day(task["due"]), task["state"], _text(task["note"], 4000))
            for task in came["tasks"]
        ),
        tuple((point["point"], point["standing"]) for point in came["points"]),
        tuple(_document(item) for item in came["documents"]),
        came["tasks_more"], came["documents_more"], came["notes_cut"],
    )  # fmt: skip


def _day(text: str) -> dt.date | None:
    return dt.date.fromisoformat(text) if text else None


def _document(item: Mapping[str, Any]) -> Document:
    content = None
    if "content" in item:
        try:
            content = base64.b64decode(item["content"], validate=True)
        except binascii.Error as error:
            raise ValueError("content") from error
        if (len(content), hashlib.sha256(content).hexdigest()) != (item["bytes"], item["sha256"]):
            raise ValueError("content")
    return Document(
        item["id"], _line(item["title"], 200), item["kind"], _line(item["file"], 150), item["bytes"], item["sha256"], content
    )  # fmt: skip


def replies_of(came: Iterable[Mapping[str, Any]]) -> tuple[Reply, ...]:
    """Return answers that came in their form, by number, each number once. Raises: ValueError."""
    found = {
        item["n"]: Reply(item["n"], Kind(item["kind"]), _text(item["words"], WORDS_LONGEST), _day(item["due"]), dt.date.fromisoformat(item["on"]))
        for item in came
    }  # fmt: skip
    return tuple(found[number] for number in sorted(found))


def reply_document(reply: Reply) -> dict[str, Any]:
    """Return an answer as it travels."""
    due = reply.due_on.isoformat() if reply.due_on else ""
    return {"n": reply.number, "kind": str(reply.kind), "words": reply.words, "due": due, "on": reply.on.isoformat()}


def reply(kept: Sequence[Reply], kind: Kind, text: str, due_on: dt.date | None, today: dt.date) -> Reply:
    """Return a new answer beside those that are there. Raises: CallerError case-words-..., share-replies-full."""
    said = lines_of_text(text, "testo", WORDS_LONGEST, needed=True)
    made = Reply(max((item.number for item in kept), default=0) + 1, kind, said, due_on, today)
    if len(kept) >= REPLIES_MAX or size_of([reply_document(item) for item in (*kept, made)]) > ROOM_BYTES:
        raise CallerError(
            "share-replies-full", N_("le risposte a questo fascicolo sono già quante ne porta un messaggio"), where="testo",
            hint=N_("scrivere all'altro ufficio, o farsi condividere un nuovo fascicolo"),
        )  # fmt: skip
    return made


def consent(on: dt.date | None, reference: str, today: dt.date) -> tuple[dt.date, str]:
    """Return when the firms agreed, and where that stands. Raises: CallerError share-consent-missing, share-consent-future, case-words-..."""
    if on is None:
        raise CallerError(
            "share-consent-missing", N_("manca il giorno in cui le imprese hanno acconsentito"), where="consenso",
            hint=N_("un fascicolo si condivide soltanto con il consenso di chi vi è nominato"),
        )  # fmt: skip
    if on > today:
        raise CallerError("share-consent-future", N_("è un giorno che deve ancora venire"), where="consenso")
    return on, words(reference, "riferimento", REFERENCE_LONGEST, needed=True)
