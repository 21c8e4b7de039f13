"""In which form an answer of the API goes out: JSON, CSV, XLSX or GeoJSON, all made from the same values.

In: the ``format`` parameter, else the ``Accept`` header (RFC 9110, 12.5.1). Out: a form of those that a path offers, and the
bytes of an answer in it. Rules: JSON unless something else is asked for; a header that names none of the forms gets JSON too,
an unknown ``format`` is refused; names of files tell nothing of the question. Source: docs/exports.md; RFC 4180, 7946, 8288.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlencode

from node.errors import N_, CallerError
from node.flows.searching.engines import Bucket
from node.flows.searching.search import SearchResult
from node.flows.searching.search_rows import COLUMNS, rows
from node.store.table import csv_table, xlsx_table

PARAMETER: Final = "format"
SHEET: Final = "profiles"


@dataclass(frozen=True, slots=True)
class Form:
    """One form of an answer: its name in ``format``, its media type, what a Content-Type says besides, its file's name."""

    name: str
    media_type: str
    details: str = ""
    file: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers that say what the bytes are."""
        told = {"Content-Type": self.media_type + self.details}
        return {**told, "Content-Disposition": f'attachment; filename="{self.file}"'} if self.file else told


JSON: Final = Form("json", "application/json")
CSV: Final = Form("csv", "text/csv", "; charset=utf-8; header=present", "profiles.csv")
XLSX: Final = Form("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "", "profiles.xlsx")
GEOJSON: Final = Form("geojson", "application/geo+json")
# The first is given to whom all are equally welcome.
PROFILES: Final = (JSON, CSV, XLSX)
FACETS: Final = (JSON, GEOJSON)


def tables(name: str) -> tuple[Form, Form]:
    """Return the forms of a list that is had as JSON or CSV; ``name``: of the file."""
    return (JSON, replace(CSV, file=f"{name}.csv"))


def choose(
    parameters: Iterable[tuple[str, str]], accept: str, offered: Sequence[Form]
) -> tuple[Form, list[tuple[str, str]]]:
    """Return the asked form and the parameters that are not about it.

    Raises: CallerError query-parameter-repeated, query-value-unknown (``where``: format; the hint names the offered forms).
    """
    given = list(parameters)
    asked = [value.strip().casefold() for name, value in given if name == PARAMETER]
    others = [(name, value) for name, value in given if name != PARAMETER]
    if len(asked) > 1:
        raise CallerError("query-parameter-repeated", N_("parametro ripetuto: {name}"), where=PARAMETER, name=PARAMETER)
    if not asked or not asked[0]:
        return max(offered, key=lambda form: welcome(form.media_type, accept)), others
    for form in offered:
        if form.name == asked[0]:
            return form, others
    raise CallerError(
        "query-value-unknown",
        N_("valore sconosciuto per {name}: {value}"),
        where=PARAMETER,
        hint=N_("valori ammessi: {near}"),
        name=PARAMETER,
        value=asked[0][:60],
        near=", ".join(form.name for form in offered),
    )


def welcome(media_type: str, accept: str) -> tuple[float, int]:
    """Return how welcome a media type is: the weight of the most exact range that holds it, and how exact that one is."""
    ranges = ("*/*", media_type.partition("/")[0] + "/*", media_type)
    found = (-1, 0.0)
    for item in accept.lower().split(","):
        named, *details = (part.strip() for part in item.split(";"))
        if named in ranges:
            weights = [detail[2:] for detail in details if detail.startswith("q=")]
            found = max(found, (ranges.index(named), _weight(weights[0]) if weights else 1.0))
    # What is not welcome, or not named at all, is no reason to leave JSON.
    return (found[1], found[0]) if found[1] else (0.0, 0)


def _weight(text: str) -> float:
    try:
        # Also «nan» and «inf» are numbers to Python.
        return min(1.0, max(0.0, float(text))) if text[:1].isdigit() or text[:1] == "." else 0.0
    except ValueError:
        return 0.0


def table(form: Form, result: SearchResult) -> bytes:
    """Return the hits of one page as CSV or XLSX."""
    if form is CSV:
        return csv_table(COLUMNS, rows(result.hits))
    return xlsx_table(SHEET, COLUMNS, rows(result.hits))


def answer(
    body: bytes, headers: Mapping[str, str], asked: str, form: Form, *, cache: str = "no-cache"
) -> tuple[int, bytes, dict[str, str]]:
    """Return status, body and headers of an answer that is not sent to whoever has it; ``asked``: If-None-Match."""
    # A page that has become followed by another is a new answer, also where only the Link tells so.
    etag = f'"{hashlib.sha256(body + headers.get("Link", "").encode()).hexdigest()[:32]}"'
    told = {"ETag": etag, "Cache-Control": cache, **headers}
    tags = {tag.strip().removeprefix("W/") for tag in asked.split(",")}
    return (304, b"", told) if etag in tags or "*" in tags else (200, body, {**told, **form.headers})


def next_link(path: str, parameters: Iterable[tuple[str, str]], form: Form, cursor: str) -> dict[str, str]:
    """Return the Link header to the page after this one of the question in ``parameters``; nothing on the last."""
    if not cursor:
        return {}
    shaped = [(PARAMETER, form.name)] if form is not JSON else []
    return {"Link": f'<{path}?{urlencode([*parameters, *shaped, ("cursor", cursor)])}>; rel="next"'}


def regions(total: int, counted: Mapping[str, Sequence[Bucket]], *, exact: bool) -> dict[str, Any]:
    """Return the facet of territories as a GeoJSON FeatureCollection, one feature per region with hits.

    Geometries are null (RFC 7946, 3.2): this node has no boundaries, ``code`` (NUTS2) joins them from elsewhere.
    A profile that may be in several regions counts in each, so counts may add up to more than ``total``.
    """
    features = [
        {
            "type": "Feature",
            "id": bucket.value,
            "geometry": None,
            "properties": {
                "code": bucket.value,
                "name": bucket.title,
                "count": bucket.count,
                "certain": bucket.certain,
                "exact": exact,
            },
        }
        for bucket in counted["territory"]
    ]
    return {"type": "FeatureCollection", "total": total, "total_is_exact": exact, "features": features}
