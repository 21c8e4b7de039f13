"""The part of the OpenAPI document about the Observatory's open data.

In: nothing. Out: schemas and paths. Source: node/web/observatory_api.py.
"""

from __future__ import annotations

from typing import Any, Final

from node.domain.observatory.figures import Status
from node.web import observatory_api as api
from node.web import openapi_parts as parts
from node.web.openapi_parts import Schema

TABLES_MAX: Final = 1_000
_RELEASE: Final = "^(ultima|[0-9]{4}-[0-9]{2}-[0-9]{2})$"
_IDENT: Final = "^[a-z0-9]+(-[a-z0-9]+)*$"


def schemas() -> dict[str, Schema]:
    """Return the schemas by name."""
    text = parts.ref("ObservatoryText")
    day = parts.text("A day.", 10, format="date")
    ident = parts.text("Its name, which never changes.", 80)
    release = parts.text("The release; null: the newest build.", 10, format="date", nullable=True)
    tier = parts.whole("1: public data; 2: under disclosure control.", 1, 2)
    indicator = parts.text("What it measures: the ident of an indicator.", 80)
    dimension = {
        "ident": ident,
        "title": text,
        "codes": parts.listing(parts.record({"code": parts.text("As it stands in cells.", 40), "name": text})),
    }
    made = {
        "made_at": parts.text("When it was built.", 40, format="date-time"),
        "digest": parts.text("SHA-256 of the document, in hexadecimal.", 64),
    }
    return {
        "ObservatoryText": parts.record({"it": parts.text("In Italian.", 10_000), "en": parts.text("In English.", 10_000)}),
        "ObservatoryIndicators": parts.record({"indicators": parts.listing(parts.record(
            {"ident": ident, "title": text, "definition": text, "formula": text, "unit": text, "source": text, "tier": tier, "decimals": parts.whole("How exactly it is said.", 0, 10)}
        ), TABLES_MAX)}),
        "ObservatoryTables": parts.record({
            "release": release, "as_of": day, **made, "licence": _licence(), "coverage": _open(parts.whole("A count."), "What the numbers rest on."),
            "tables": parts.listing(parts.record({
                "ident": ident, "indicator": indicator, "title": text, "dimensions": parts.listing(ident, 10), "as_of": day, "tier": tier,
                "cells": parts.whole("How many cells."), "files": parts.by_label(parts.text("Path of the file.", 400), ("csv", "json", "xlsx")),
            }), TABLES_MAX),
        }),
        "ObservatoryTable": parts.record({
            "release": release, "ident": ident, "indicator": indicator, "title": text, "unit": text, "source": text, "notes": parts.listing(text, 100),
            "as_of": day, "tier": tier, "licence": _licence(), "dimensions": parts.listing(parts.record(dimension), 10), "cells_total": parts.whole("How many cells in all."),
            "cells": parts.listing(parts.ref("ObservatoryCell"), api.LIMIT_MAX), "cursor": parts.text("For the next page; empty on the last.", api.CURSOR_MAX_CHARS),
        }),
        "ObservatoryCell": parts.record({
            "at": _open(parts.text("A code.", 40), "A code for each dimension."),
            "value": {"type": "number", "format": "double", "nullable": True, "description": "Null where nothing is told."},
            "status": parts.text("Whether there is a number, and if not, why.", 16, enum=[status.value for status in Status]),
        }),
        "ObservatoryReleases": parts.record({"releases": parts.listing(parts.record({"release": day, "as_of": day, **made, "archive": parts.text("Path of all its files.", 400)}), 1_000)}),
    }  # fmt: skip


def _licence() -> Schema:
    return parts.text("Address of the licence.", 200)


def _open(values: Schema, description: str) -> Schema:
    return {"type": "object", "additionalProperties": values, "description": description}


def paths() -> dict[str, Schema]:
    """Return the paths."""
    release = parts.parameter(
        "release", parts.text(longest=10, pattern=_RELEASE), "A release, by its day; empty or ultima: the newest build."
    )
    one = parts.parameter(
        "table", parts.text("Name of a table.", 80, pattern=_IDENT), "Name of a table.", required=True, where="path"
    )
    paging = [
        parts.parameter("limit", parts.whole("", 1, api.LIMIT_MAX, default=api.LIMIT_DEFAULT), "Cells on a page."),
        parts.parameter("cursor", parts.text(longest=api.CURSOR_MAX_CHARS), "Where the page before ended."),
    ]
    return {
        f"{api.PATH}/indicators": parts.get("observatoryIndicators", "What each number of the Observatory is.", [], _answers("ObservatoryIndicators", missing=False)),
        f"{api.PATH}/tables": parts.get("observatoryTables", "Tables of the newest build or of a release.", [release], _answers("ObservatoryTables")),
        f"{api.PATH}/tables/{{table}}": parts.get("observatoryTable", "One table, with the names of its codes.", [one, release, *paging], _answers("ObservatoryTable")),
        f"{api.PATH}/releases": parts.get("observatoryReleases", "Releases, the newest first.", [], _answers("ObservatoryReleases", missing=False)),
    }  # fmt: skip


def _answers(name: str, *, missing: bool = True) -> dict[str, Any]:
    headers = parts.headers("ETag", "Link")
    refused = {"400": "Bad", **({"404": "Missing"} if missing else {}), "429": "TooMany", "503": "Unavailable"}
    return {
        "200": {"description": "The answer.", "headers": headers, "content": {"application/json": {"schema": parts.ref(name)}}},
        "304": {"description": "As it was.", "headers": headers},
        **{status: {"$ref": f"#/components/responses/{response}"} for status, response in refused.items()},
        "default": {"$ref": "#/components/responses/Problem"},
    }  # fmt: skip
