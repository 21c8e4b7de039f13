"""What waits in an outbox, as its recipient gets it (PROTOCOL 10): numbered envelopes.

In: (number, envelope) pairs or the bytes of a reply. Out: the same; an envelope is opened elsewhere, and one that nobody can open
spoils no other. Rules: canonical JSON; numbers ascend, all after the one asked for and not absurdly far; never more than was
promised, and no promise of more without anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from node.errors import N_, CallerError, PeerWrongError
from node.protocol import canonical, limits

_PAGE_KEYS, _ITEM_KEYS = {"m", "more"}, {"n", "s"}
_AFTER = re.compile(r"after=(0|[1-9][0-9]{0,15})")


@dataclass(frozen=True, slots=True)
class Numbered:
    """One envelope under its sender's number for this recipient."""

    number: int
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """Some of what waits, by number, and whether there is more."""

    messages: tuple[Numbered, ...]
    more: bool


def _malformed() -> PeerWrongError:
    return PeerWrongError("outbox-malformed", N_("risposta sui messaggi in attesa non valida"))


def encode_after(number: int) -> str:
    """Return the query that asks for what comes after ``number``."""
    return f"after={number}"


def parse_after(query: str) -> int:
    """Return the number asked after, which has one spelling. Raises: CallerError(outbox-after-bad)."""
    match = _AFTER.fullmatch(query)
    if match is None or int(match.group(1)) > limits.JSON_INTEGER_MAX:
        raise CallerError("outbox-after-bad", N_("serve ?after= con un numero intero, senza zeri iniziali"))
    return int(match.group(1))


def encode(messages: Iterable[tuple[int, bytes]], *, more: bool) -> bytes:
    """Return the page of numbered envelopes: joined as they are. One that is no canonical JSON any more stands as ``{}``.

    Nobody could open it, and nobody could read the page: its number alone is refused, and what comes after it arrives.
    """
    parts = [b'{"n":%d,"s":%s}' % (number, raw if _is_whole(raw) else b"{}") for number, raw in messages]
    return b'{"m":[%s],"more":%s}' % (b",".join(parts), b"true" if more else b"false")


def _is_whole(raw: bytes) -> bool:
    try:
        canonical.parse(raw, max_bytes=limits.OUTBOX_REPLY_MAX_BYTES)
    except PeerWrongError:
        return False
    return True


def parse(raw: bytes, after: int, *, ahead: int | None = limits.OUTBOX_AHEAD_MAX) -> Page:
    """Return a page that was asked for after ``after``, its last number at most ``ahead`` further (None: any).

    Raises: PeerWrongError(outbox-malformed).
    """
    try:
        value = canonical.parse(raw, max_bytes=limits.OUTBOX_REPLY_MAX_BYTES)
    except PeerWrongError as error:
        raise _malformed() from error
    if type(value) is not dict or value.keys() != _PAGE_KEYS or type(value["more"]) is not bool:
        raise _malformed()
    items = value["m"]
    if type(items) is not list or len(items) > limits.OUTBOX_MESSAGES or (value["more"] and not items):
        raise _malformed()
    messages = tuple(_read(item) for item in items)
    _check_numbers([message.number for message in messages], after, ahead)
    return Page(messages, value["more"])


def _read(item: Any) -> Numbered:
    if type(item) is not dict or item.keys() != _ITEM_KEYS or type(item["n"]) is not int:
        raise _malformed()
    # The page is canonical, and so is each part of it: these are the bytes that were sent.
    return Numbered(item["n"], canonical.dumps(item["s"]))


def _check_numbers(numbers: Sequence[int], after: int, ahead: int | None) -> None:
    before = after
    for number in numbers:
        if number <= before:
            raise _malformed()
        before = number
    # A number beyond all measure would make us deaf to all that has a smaller one.
    if ahead is not None and before - after > ahead:
        raise _malformed()
