"""A table as a JSON-stat 2.0 dataset: a cube that programs for statistics read.

In: a table, how things are called, where it lies. Out: bytes of JSON. Rules: the last dimension is the indicator itself (role ``metric``,
with its unit and decimals), so that a table of one number is a cube too; places of the cube that the table has no cell for are
absent, numbers that are not told are null and have their status; the default status is ``given`` and is not written. Labels are
Italian. Source: json-stat.org, full format 2.0. Pure.
"""

from __future__ import annotations

import json
import math
from typing import Any, Final

from node.domain.observatory.figures import Number, Status, Table
from node.domain.observatory.wording import LICENCE, LICENCE_NAME, STATUS_TITLES, Publisher, Wording, codes_of

METRIC: Final = "indicator"
_ROLES: Final = {"time": "time", "territory": "geo"}


def dataset(table: Table, wording: Wording, publisher: Publisher, made_at: str, release: str | None) -> bytes:
    """Return the dataset; ``made_at`` is the moment of the build (RFC 3339), ``release`` its name, None for the newest build."""
    codes = {**codes_of(table), METRIC: [table.indicator]}
    sizes = [len(found) for found in codes.values()]
    places = {ident: {code: at for at, code in enumerate(found)} for ident, found in codes.items()}
    values: dict[str, int | float | None] = {}
    statuses: dict[str, str] = {}
    for cell in table.cells:
        at = str(_position([places[i][code] for i, code in zip(table.dimensions, cell.at, strict=True)] + [0], sizes))
        values[at] = plain(cell.value)
        if cell.status is not Status.GIVEN:
            statuses[at] = cell.status.value
    full = len(values) == math.prod(sizes)
    document = {
        "version": "2.0",
        "class": "dataset",
        "label": wording.title(table),
        "source": wording.source(table),
        "updated": made_at,
        "id": list(codes),
        "size": sizes,
        "role": _roles(table, wording),
        "dimension": {ident: _dimension(ident, found, table, wording) for ident, found in codes.items()},
        # A cube with holes is told by the places that are filled.
        "value": [values[str(at)] for at in range(len(values))] if full else values,
        **({"status": statuses} if statuses else {}),
        "note": [text for text in (wording.indicator(table).definition, *table.notes) if text],
        "link": {"license": [{"type": "text/html", "href": LICENCE, "label": LICENCE_NAME}]},
        "extension": {
            "table": table.ident,
            "release": release,
            "as_of": table.as_of.isoformat(),
            "tier": table.tier,
            "licence": LICENCE,
            "publisher": publisher.name,
            "titles": wording.titles(table),
            "status_label": {status.value: title for status, title in STATUS_TITLES.items()},
        },
    }
    return (json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n").encode()


def plain(value: Number | None) -> int | float | None:
    """Return a number as JSON has it: the shortest that is read as the same."""
    return value if value is None or isinstance(value, int) else float(value)


def _position(at: list[int], sizes: list[int]) -> int:
    # Row-major order: the last dimension changes first.
    found = 0
    for place, size in zip(at, sizes, strict=True):
        found = found * size + place
    return found


def _roles(table: Table, wording: Wording) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for ident in table.dimensions:
        role = _ROLES.get(wording.dimension(ident).kind)
        if role:
            found.setdefault(role, []).append(ident)
    return {**found, "metric": [METRIC]}


def _dimension(ident: str, codes: list[str], table: Table, wording: Wording) -> dict[str, Any]:
    index = {code: at for at, code in enumerate(codes)}
    if ident == METRIC:
        told = wording.indicator(table)
        unit = {"label": told.unit, "decimals": told.decimals}
        category = {"index": index, "label": {told.ident: told.title}, "unit": {told.ident: unit}}
        return {"label": "Indicatore", "category": category}
    label = {code: wording.name(ident, code) for code in codes}
    return {"label": wording.dimension(ident).title, "category": {"index": index, "label": label}}
