"""``partition/1`` on the wire: one document, or several parts that each fit a body.

In: a partition. Out: parts without identifiers; and from parts, in any order, the whole again or the reason why not. The
header stands in every part, so that each says alone what it belongs to; the digest is of the whole, without the fields that
only parts have. Source: PROTOCOL 8.4, 8.5.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from node.domain.partition import Partition
from node.domain.partition_form import canonical
from node.errors import N_, CallerError

# Well below the limit of a body (65,536): the identifier, the counts and the commas come on top.
PART_MAX_BYTES = 60_000
PARTS_MAX = 256
PART_FIELDS = ("id", "part", "parts", "digest")
_MARGIN_BYTES = 400


def parts_of(built: Partition, max_bytes: int = PART_MAX_BYTES) -> list[dict[str, Any]]:
    """Return the parts of a partition, each at most ``max_bytes`` long once it has its identifier; one where all fits.

    Raises: CallerError(partition-too-large) when a single node is longer than a part, or there are too many parts.
    """
    header = built.header
    room = max_bytes - len(canonical(header)) - _MARGIN_BYTES
    slices = list(_slices(built.nodes, room))
    if len(slices) > PARTS_MAX:
        raise _too_large()
    return [
        {**header, "part": number, "parts": len(slices), "digest": built.digest, "nodes": nodes}
        for number, nodes in enumerate(slices, 1)
    ]


def _slices(nodes: Sequence[Mapping[str, Any]], room: int) -> Iterator[list[Mapping[str, Any]]]:
    held: list[Mapping[str, Any]] = []
    size = 0
    for node in nodes:
        length = len(canonical(node)) + 1
        if length > room:
            raise _too_large()
        if held and size + length > room:
            yield held
            held, size = [], 0
        held.append(node)
        size += length
    yield held


def _too_large() -> CallerError:
    return CallerError(
        "partition-too-large",
        N_("la partizione non entra in un documento del registro firmato"),
        hint=N_("ridurre [privacy] scope, o abbassare k_build"),
    )


def joined(parts: Sequence[Mapping[str, Any]]) -> Partition:
    """Return the partition that parts make.

    Raises: CallerError partition-incomplete | partition-malformed | partition-digest-differs.
    """
    if not parts:
        raise _incomplete()
    by_number = {part["part"]: part for part in parts}
    first = parts[0]
    headers = {canonical({**part, "nodes": [], "id": "", "part": 0}) for part in parts}
    if len(headers) > 1:
        raise CallerError("partition-malformed", N_("documento partition/1 non valido"))
    if sorted(by_number) != list(range(1, first["parts"] + 1)):
        raise _incomplete()
    nodes = [node for number in sorted(by_number) for node in by_number[number]["nodes"]]
    whole = {name: value for name, value in first.items() if name not in PART_FIELDS} | {"nodes": nodes}
    built = Partition(canonical(whole))
    if built.digest != first["digest"]:
        raise CallerError(
            "partition-digest-differs", N_("le parti della partizione non danno l'impronta che dichiarano")
        )
    return built


def _incomplete() -> CallerError:
    return CallerError(
        "partition-incomplete",
        N_("mancano parti della partizione nel registro firmato"),
        hint=N_("«rete sync» e riprovare; se mancano ancora, chiederle al nodo che le ha pubblicate"),
    )
