"""The part of the OpenAPI document about the catalogue.

In: nothing. Out: schemas and paths. Source: node/web/catalogue.py.
"""

from __future__ import annotations

from typing import Any, Final

from node.domain.programme.announcement import KINDS, LINE_TITLES, State
from node.domain.programme.catalogue_query import CURSOR_MAX_CHARS
from node.domain.query import LIMIT_DEFAULT, LIMIT_MAX, WORDS_MAX_CHARS
from node.web import catalogue as api
from node.web import openapi_parts as parts
from node.web.openapi_parts import Schema

_OWNER: Final = "^[A-Za-z][A-Za-z0-9_-]{0,31}$"


def schemas() -> dict[str, Schema]:
    """Return the schemas by name."""
    day = parts.text("A day.", 10, format="date", nullable=True)
    both = parts.record(
        {"it": parts.text("In Italian.", 4_000), "en": parts.text("In English.", 4_000)}, "A text.", ("en",)
    )
    item: dict[str, Schema] = {
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
    return {
        "Announcement": parts.record(item),
        "Announcements": parts.record(
            {
                "total": parts.whole("How many announcements match."),
                "total_is_exact": {"type": "boolean", "description": "False: there are more."},
                "words_ignored": {"type": "boolean", "description": "The words were too common."},
                "items": parts.listing(parts.ref("Announcement"), LIMIT_MAX),
                "cursor": parts.text("For the next page; empty on the last.", CURSOR_MAX_CHARS),
            }
        ),
        "WholeAnnouncement": parts.record(
            {
                **item,
                "document": {
                    "type": "object",
                    "additionalProperties": True,
                    "description": "The whole document (schemas/session.v1.json and the others).",
                },
                "proof": parts.text(
                    "Its C2SP tlog-proof, for anybody to check offline; null while no signed checkpoint holds it.",
                    100_000,
                    nullable=True,
                ),
            }
        ),
    }


def paths() -> dict[str, Schema]:
    """Return the paths."""
    owner = parts.parameter("owner", parts.text(longest=32, pattern=_OWNER), "The administration that announced it.")
    one = parts.parameter(
        "item_id",
        parts.text("A random UUID.", 36, format="uuid", pattern=parts.ID_PATTERN),
        "Identifier of an announcement.",
        required=True,
        where="path",
    )
    filters = [
        parts.parameter("q", parts.text(longest=WORDS_MAX_CHARS), 'Words; "a phrase"; -without; or.'),
        parts.parameter("kind", parts.text(longest=16, enum=list(KINDS)), "What is announced."),
        parts.parameter("line", parts.text(longest=32, enum=list(LINE_TITLES)), "Of a service: what it helps with."),
        parts.parameter("region", parts.text(longest=200), "For this region, by NUTS2 code or name."),
        owner,
        parts.parameter("state", parts.text(longest=8, enum=[state.value for state in State]), "As it is today."),
        parts.parameter("limit", parts.whole("", 1, LIMIT_MAX, default=LIMIT_DEFAULT), "Items on a page."),
        parts.parameter("cursor", parts.text(longest=CURSOR_MAX_CHARS), "Where the page before ended."),
    ]
    return {
        api.PATH: parts.get("announcements", "Search what the administrations announce.", filters, _answers("Announcements", "Link")),
        f"{api.PATH}/{{item_id}}": parts.get("announcement", "One announcement, whole.", [one, owner], _answers("WholeAnnouncement", missing=True)),
    }  # fmt: skip


def _answers(name: str, *headers: str, missing: bool = False) -> dict[str, Any]:
    told = parts.headers("ETag", *headers)
    refused = {"400": "Bad", **({"404": "Missing"} if missing else {}), "429": "TooMany", "503": "Unavailable"}
    return {
        "200": {"description": "The answer.", "headers": told, "content": {"application/json": {"schema": parts.ref(name)}}},
        "304": {"description": "As it was.", "headers": told},
        **{status: {"$ref": f"#/components/responses/{response}"} for status, response in refused.items()},
        "default": {"$ref": "#/components/responses/Problem"},
    }  # fmt: skip
