"""This node's keys as an administrator sees them: which files there are, which keys the others know, and which one speaks.

In: the key ring, this node's entry in the agreement (None where members are [[peer]] tables). Out: one line for each key, of public halves
alone; one that is listed and not here is shown too: it is lost, or the home was put back from a copy. Source: PROTOCOL 7.10.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass

from node.flows.trust import rotate
from node.flows.trust.key_ring import KeyRing
from node.flows.trust.public_keys import fingerprint, seal_shown
from node.protocol import keys
from node.protocol.agreement import Node
from node.store import keyfiles


@dataclass(frozen=True, slots=True)
class Shown:
    """One key: ``file`` is empty where it is not here; ``speaks``: the newest that is listed and here.

    ``public`` is its text as others write it; ``until_size``: of a log's key that was withdrawn.
    """

    role: str
    file: str
    public: str
    fingerprint: str
    listed: bool
    speaks: bool
    until_size: int | None = None


def all_keys(ring: KeyRing, entry: Node | None, origin: str, authority: str) -> list[Shown]:
    """Return every key, by role and age."""
    line = origin if entry is None else rotate.listed_origin(entry, origin)
    return [shown for role in keyfiles.ROLES for shown in _of_role(ring, entry, role, line, authority)]


def _of_role(ring: KeyRing, entry: Node | None, role: str, origin: str, authority: str) -> Iterator[Shown]:
    here = rotate.held(ring, role)
    # Without an agreement the first key is the one that the others have in their [[peer]] tables.
    first = here[min(here)]
    there = [first] if entry is None else rotate.listed(entry, role, origin)
    ended = {} if entry is None or role != "log" else _ended(entry, origin)
    speaks = next((public for public in reversed(there) if public in here.values()), None)
    for number, public in sorted(here.items()):
        text, print_ = _text(ring, entry, role, number, public, origin, authority)
        yield Shown(
            role, keyfiles.file_of(role, number), text, print_, public in there or public in ended, public == speaks,
            ended.get(public),
        )  # fmt: skip
    for public in (p for p in there if p not in here.values()):
        text, print_ = _text(ring, entry, role, 0, public, origin, authority)
        yield Shown(role, "", text, print_, listed=True, speaks=False)


def _ended(entry: Node, origin: str) -> dict[bytes, int]:
    return {
        verifier.public: item.until_size
        for item in entry.log
        if item.origin == origin and item.until_size is not None
        for verifier in item.verifiers
    }


def _text(
    ring: KeyRing, entry: Node | None, role: str, number: int, public: bytes, origin: str, authority: str
) -> tuple[str, str]:
    """Return a key's text and print: under the name by which it is listed, or the one that it would have."""
    if role == keyfiles.SEAL_ROLE:
        seal = ring.held.seals[number].public if number else (entry.seal if entry is not None else None)
        shown = None if seal is None else seal_shown(seal)
        return ("", "") if shown is None else (shown.text, shown.fingerprint)
    if role == "http":
        named = {} if entry is None else {key.public: key.keyid for key in entry.http}
        keyid = named.get(public, f"{authority}#http-{number}")
        return f"{keyid} {base64.b64encode(public).decode()}", fingerprint(public)
    if role == "log":
        return keys.format_vkey(origin, public), fingerprint(public)
    cosigners = () if entry is None else (entry.witness if role == "witness" else entry.mirror)
    name = next((verifier.name for verifier in cosigners if verifier.public == public), f"{authority}/{role}")
    return keys.format_vkey(name, public, keys.COSIGNATURE_TYPE), fingerprint(public)
