"""What nodes tell each other about logs: the heads they hold, and hints that one has grown (PROTOCOL 1, 6).

In: (origin, checkpoint) pairs or their bytes. Out: the same; nothing in them is verified, since each checkpoint is
signed by its log and proves itself. Rules: each origin once, at most 10,000; a hint wakes a pull and is never trusted.
What canonical JSON can't say, or would make the reply too large to be read, is left out rather than spoil the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from node.errors import N_, CallerError, PeerWrongError
from node.protocol import canonical, keys, limits

ITEMS_MAX = 10_000
# How the agreement stands, beside the heads and also where these have not changed.
AGREEMENT_HEADER, ROUTINE_HEADER, PROPOSALS_HEADER = "Rete-Agreement", "Rete-Routine", "Rete-Proposals"
_KEYS = {"cp", "o"}
_HINT_KEYS = {"o", "size"}
_OUTBOX_KEYS = {"o", "outbox"}
_AGREEMENT_KEYS = {"agreement", "o", "routine"}
_DIGEST = re.compile(r"[0-9a-f]{64}")
_STANDING, _TAG = re.compile(r"([1-9][0-9]{0,9}) ([0-9a-f]{64})"), re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Offered:
    """The last signed checkpoint that a node has of a log, as a note."""

    origin: str
    checkpoint: bytes


def _malformed() -> PeerWrongError:
    return PeerWrongError("heads-malformed", N_("elenco dei registri non valido"))


def encode(items: Iterable[Offered]) -> bytes:
    """Return the canonical array of ``items``, by origin."""
    parts: list[bytes] = []
    size = 1
    for item in sorted(items, key=lambda item: item.origin):
        try:
            part = canonical.dumps({"cp": item.checkpoint.decode(), "o": item.origin})
        except (CallerError, UnicodeDecodeError):
            # A log can put into its checkpoint a stranger's line that is no canonical text: that is its own loss.
            continue
        # Each part brings a comma, the last one the closing bracket.
        if size + len(part) + 1 <= limits.HEADS_MAX_BYTES and len(parts) < ITEMS_MAX:
            parts.append(part)
            size += len(part) + 1
    return b"[" + b",".join(parts) + b"]"


def _read(value: Any) -> Offered:
    if type(value) is not dict or value.keys() != _KEYS:
        raise _malformed()
    origin, text = value["o"], value["cp"]
    if type(origin) is not str or type(text) is not str:
        raise _malformed()
    return Offered(origin, text.encode())


def parse(raw: bytes) -> list[Offered]:
    """Return what a peer offers, in its order. Raises: PeerWrongError(heads-malformed)."""
    try:
        values = canonical.parse(raw, max_bytes=limits.HEADS_MAX_BYTES)
    except PeerWrongError as error:
        raise _malformed() from error
    if type(values) is not list or len(values) > ITEMS_MAX:
        raise _malformed()
    items = [_read(value) for value in values]
    if len({item.origin for item in items}) != len(items):
        raise _malformed()
    return items


def encode_hint(origin: str, size: int) -> bytes:
    """Return the hint that a log has ``size`` entries."""
    return canonical.dumps({"o": origin, "size": size})


def encode_outbox_hint(origin: str) -> bytes:
    """Return the hint that something waits in the outbox of the node whose log this is."""
    return canonical.dumps({"o": origin, "outbox": True})


def encode_agreement_hint(origin: str, version: int, routine: Sequence[str]) -> bytes:
    """Return the hint that the node whose log this is holds this version of the agreement, and routine documents of these digests."""
    return canonical.dumps({"agreement": version, "o": origin, "routine": list(routine)})


def encode_routines(digests: Sequence[str]) -> str:
    """Return how the digests of routine documents stand in a header."""
    return " ".join(digests) or "none"


def parse_routines(said: str) -> tuple[str, ...]:
    """Return the digests that a header names, none where it is of another form."""
    found = said.split(" ")
    is_good = len(found) <= limits.ROUTINE_DOCUMENTS and all(map(_DIGEST.fullmatch, found))
    return tuple(found) if is_good else ()


@dataclass(frozen=True, slots=True)
class Standing:
    """What a node says of its agreement beside its heads: version and digest, routine documents, the tag of its open proposals."""

    version: int
    digest: str
    routines: tuple[str, ...]
    proposals: str


def encode_tag(digest: str) -> str:
    """Return the tag of the open proposals from what their database says of them."""
    return digest[:32]


def encode_version(version: int, digest: str) -> str:
    """Return how the version in force stands in a header."""
    return f"{version} {digest}"


def parse_standing(version: str, routines: str, proposals: str) -> Standing | None:
    """Return what the three headers say; None where there is no agreement, or they have another form."""
    found = _STANDING.fullmatch(version)
    if found is None or not _TAG.fullmatch(proposals) or int(found[1]) > limits.AGREEMENT_VERSION_MAX:
        return None
    return Standing(int(found[1]), found[2], parse_routines(routines), proposals)


def parse_agreement_hint(raw: bytes) -> tuple[str, int, tuple[str, ...]] | None:
    """Return (origin, version, digests of the routine documents) of a hint of the agreement; None for any other."""
    if len(raw) > limits.HINT_MAX_BYTES:
        return None
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    if type(value) is not dict or value.keys() != _AGREEMENT_KEYS:
        return None
    origin, version, routine = value["o"], value["agreement"], value["routine"]
    if type(origin) is not str or type(version) is not int or type(routine) is not list:
        return None
    if not 1 <= version <= limits.AGREEMENT_VERSION_MAX or len(routine) > limits.ROUTINE_DOCUMENTS:
        return None
    if any(type(digest) is not str or not _DIGEST.fullmatch(digest) for digest in routine):
        return None
    try:
        return keys.check_name(origin), version, tuple(routine)
    except CallerError:
        return None


def parse_hint(raw: bytes) -> tuple[str, int | None]:
    """Return the origin and size of a hint, in any spelling of JSON; no size for a hint of an outbox.

    Raises: CallerError(hint-bad).
    """
    bad = CallerError("hint-bad", N_('avviso non valido: serve {{"o":registro,"size":voci}}'))
    # So few bytes can't nest deeper than the parser bears.
    if len(raw) > limits.HINT_MAX_BYTES:
        raise bad
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise bad from error
    if type(value) is not dict or value.keys() not in (_HINT_KEYS, _OUTBOX_KEYS):
        raise bad
    origin, size = value["o"], value.get("size")
    if type(origin) is not str or value.get("outbox", True) is not True:
        raise bad
    # bool is an int in Python; on the wire true is not 1.
    if "size" in value and (type(size) is not int or not 0 <= size <= limits.TREE_SIZE_MAX):
        raise bad
    try:
        return keys.check_name(origin), size
    except CallerError as error:
        raise bad from error
