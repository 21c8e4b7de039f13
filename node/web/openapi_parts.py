"""The pieces of the OpenAPI document: schemas, parameters, headers and operations by the rules of ModI.

In: what one thing of the API is. Out: the value that describes it; node/web/openapi.py puts them together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

ID_PATTERN: Final = "^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$"
Schema = dict[str, Any]


def text(description: str = "", longest: int = 4_000, **more: Any) -> Schema:
    """Return a text of at most ``longest`` characters."""
    return {"type": "string", "maxLength": longest, **({"description": description} if description else {}), **more}


def whole(description: str = "", low: int = 0, high: int = 2**53 - 1, **more: Any) -> Schema:
    """Return a whole number between bounds."""
    size = "int64" if high >= 2**31 else "int32"
    told = {"description": description} if description else {}
    return {"type": "integer", "format": size, "minimum": low, "maximum": high, **told, **more}


PROFILE_ID: Final = text("Identifier of a profile: a random UUID.", 36, format="uuid", pattern=ID_PATTERN)


def share(description: str) -> Schema:
    """Return a number from 0 to 1."""
    return {"type": "number", "format": "double", "minimum": 0, "maximum": 1, "description": description}


def moment(description: str) -> Schema:
    """Return a moment, or null."""
    return text(description, 40, format="date-time", nullable=True)


def listing(items: Schema, most: int = 10_000, description: str = "") -> Schema:
    """Return a list of at most ``most`` items."""
    return {"type": "array", "items": items, "maxItems": most, **({"description": description} if description else {})}


def record(properties: Mapping[str, Schema], description: str = "", optional: Sequence[str] = (), *, more: bool = False) -> Schema:  # fmt: skip
    """Return an object of these properties, all required but the optional ones, and no others unless ``more``."""
    return {
        "type": "object",
        **({"required": told} if (told := [name for name in properties if name not in optional]) else {}),
        "properties": dict(properties),
        "additionalProperties": more,
        **({"description": description} if description else {}),
    }


def ref(name: str) -> Schema:
    """Return a reference to a named schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def by_label(schema: Schema, names: Sequence[str]) -> Schema:
    """Return an object with one schema under each name."""
    return record(dict.fromkeys(names, schema))


def parameter(name: str, schema: Schema, description: str, *, required: bool = False, where: str = "query") -> Schema:
    """Return a parameter of a query, or of a path."""
    told = {"name": name, "in": where, "required": required, "description": description, "schema": schema}
    # A form sends its empty fields too: they count as not given.
    return told if required or where != "query" else {**told, "allowEmptyValue": True}


RATES: Final = {
    "X-RateLimit-Limit": "Requests that one address may make at once.",
    "X-RateLimit-Remaining": "Requests left now.",
    "X-RateLimit-Reset": "Seconds until all are there again.",
}


def headers(*more: str) -> dict[str, Schema]:
    """Return the headers of an answer: how many requests are left, how long it may be kept, and some more."""
    told = {name: {"$ref": f"#/components/headers/{name}"} for name in (*RATES, *more)}
    return {**told, "Cache-Control": {"$ref": "#/components/headers/Cache-Control"}}


def get(operation: str, summary: str, parameters: list[Schema], answers: dict[str, Schema]) -> Schema:
    """Return a path that is read by anybody."""
    return {
        "get": {
            "operationId": operation, "summary": summary, "description": summary, "tags": ["public"], "security": [{}],
            "parameters": parameters, "responses": answers,
        }
    }  # fmt: skip


def problem_response(description: str, *more: str) -> Schema:
    """Return an answer that says what is wrong (RFC 9457)."""
    return {
        "description": description,
        "headers": headers(*more),
        "content": {"application/problem+json": {"schema": ref("Problem")}},
    }
