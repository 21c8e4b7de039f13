"""The part of the OpenAPI document about the catalogue.

In: nothing. Out: schemas and paths. Source: node/web/catalogue.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from node.domain.programme.announcement import KINDS, LINE_TITLES, State
from node.domain.programme.catalogue_query import PARAMETERS
from node.domain.programme.parameters import CURSOR_MAX_CHARS
from node.domain.query import LIMIT_DEFAULT, LIMIT_MAX, WORDS_MAX_CHARS
from node.web import catalogue as api
from node.web import exports
from node.web import openapi_parts as parts
from node.web.openapi_parts import Schema

OWNER_PATTERN: Final = "^[A-Za-z][A-Za-z0-9_-]{0,31}$"
# A full page of the longest texts.
TABLE_MAX_CHARS: Final = 10_000_000
OWNER: Final = parts.parameter(
    "owner", parts.text(longest=32, pattern=OWNER_PATTERN), "The administration that announced it."
)
PROOF: Final = parts.text(
    "Its C2SP tlog-proof, for anybody to check offline; null while no signed checkpoint holds it.",
    100_000,
    nullable=True,
)
_FILTERS: Final = {
    "q": parts.parameter("q", parts.text(longest=WORDS_MAX_CHARS), 'Words; "a phrase"; -without; or.'),
    "kind": parts.parameter("kind", parts.text(longest=16, enum=list(KINDS)), "What is announced."),
    "line": parts.parameter(
        "line", parts.text(longest=32, enum=list(LINE_TITLES)), "Of a service: what it helps with."
    ),
    "region": parts.parameter("region", parts.text(longest=200), "For this region, by NUTS2 code or name."),
    "owner": OWNER,
    "state": parts.parameter("state", parts.text(longest=8, enum=[state.value for state in State]), "As it is today."),
    "from": parts.parameter(
        "from", parts.text(longest=10, format="date"), "What takes place, or can be asked for, on this day or later."
    ),
    "until": parts.parameter(
        "until", parts.text(longest=10, format="date"), "What takes place, or can be asked for, on this day or earlier."
    ),
    "limit": parts.parameter("limit", parts.whole("", 1, LIMIT_MAX, default=LIMIT_DEFAULT), "Items on a page."),
    "cursor": parts.parameter("cursor", parts.text(longest=CURSOR_MAX_CHARS), "Where the page before ended."),
}


def item() -> dict[str, Schema]:
    """Return what every list tells of an announcement."""
    day = parts.text("A day.", 10, format="date", nullable=True)
    both = parts.record(
        {"it": parts.text("In Italian.", 4_000), "en": parts.text("In English.", 4_000)}, "A text.", ("en",)
    )
    return {
        "id": parts.text("Identifier of an announcement: a random UUID.", 36, format="uuid", pattern=parts.ID_PATTERN),
        "type": parts.text("Type of the document.", 20),
        "kind": parts.text("What is announced.", 16, enum=list(KINDS)),
        "owner": parts.text("Who announced it.", 32),
        "origin": parts.text("The signed log it stands in.", 300),
        "index": parts.whole("Its position in that log."),
        "revision": parts.whole("How often it was said anew, from 1.", 1),
        "title": both,
        "summary": both,
        "regions": parts.listing(parts.text("NUTS2 code.", 4), 30, "Empty: all Italy."),
        "begins": day,
        "ends": day,
        "deadline": day,
        "state": parts.text("What can be done about it today, in Italy.", 8, enum=[state.value for state in State]),
        "announced": parts.text("Day of this revision.", 10, format="date"),
        "witnessed_at": parts.moment("Since when witnesses vouch for it."),
        "quarantined": {"type": "boolean", "description": "Its log told two histories."},
    }


def counted() -> dict[str, Schema]:
    """Return what a list tells of itself."""
    return {
        "total": parts.whole("How many announcements match."),
        "total_is_exact": {"type": "boolean", "description": "False: there are more."},
        "words_ignored": {"type": "boolean", "description": "The words were too common."},
    }


def schemas() -> dict[str, Schema]:
    """Return the schemas by name."""
    document = {
        "type": "object",
        "additionalProperties": True,
        "description": "The whole document (schemas/session.v1.json and so on).",
    }
    cursor = parts.text("For the next page; empty on the last.", CURSOR_MAX_CHARS)
    return {
        "Announcement": parts.record(item()),
        "Announcements": parts.record({**counted(), "items": parts.listing(parts.ref("Announcement"), LIMIT_MAX), "cursor": cursor}),
        "WholeAnnouncement": parts.record({**item(), "document": document, "proof": PROOF}),
    }  # fmt: skip


def filters(names: Sequence[str] = PARAMETERS) -> list[Schema]:
    """Return the parameters of a search of the catalogue that have these names."""
    return [_FILTERS[name] for name in names]


def format_of(forms: Sequence[exports.Form]) -> Schema:
    """Return the parameter that chooses among forms."""
    names = [form.name for form in forms]
    return parts.parameter(
        exports.PARAMETER,
        parts.text(longest=8, enum=names, default=names[0]),
        "Form of the answer; it overrules Accept.",
    )


def paths() -> dict[str, Schema]:
    """Return the paths."""
    one = parts.parameter(
        "item_id",
        parts.text("A random UUID.", 36, format="uuid", pattern=parts.ID_PATTERN),
        "Identifier of an announcement.",
        required=True,
        where="path",
    )
    return {
        api.PATH: parts.get("announcements", "Search what the administrations announce.", [*filters(), format_of(api.FORMS)], answers("Announcements", forms=api.FORMS)),
        f"{api.PATH}/{{item_id}}": parts.get("announcement", "One announcement, whole.", [one, OWNER], answers("WholeAnnouncement", missing=True)),
    }  # fmt: skip


def answers(name: str, forms: Sequence[exports.Form] = (exports.JSON,), *, missing: bool = False) -> dict[str, Any]:
    """Return the answers of a path: a document by its schema's name, or a table of it."""
    told = parts.headers("ETag", *(("Vary", "Link") if len(forms) > 1 else ()))
    table = parts.text("A header and one line per item: RFC 4180, UTF-8.", TABLE_MAX_CHARS)
    content = {form.media_type: {"schema": parts.ref(name) if form is exports.JSON else table} for form in forms}
    refused = {"400": "Bad", **({"404": "Missing"} if missing else {}), "429": "TooMany", "503": "Unavailable"}
    return {
        "200": {"description": "The answer.", "headers": told, "content": content},
        "304": {"description": "As it was.", "headers": told},
        **{status: {"$ref": f"#/components/responses/{response}"} for status, response in refused.items()},
        "default": {"$ref": "#/components/responses/Problem"},
    }  # fmt: skip
