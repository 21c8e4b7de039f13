"""The schemas that judge what peers send are quick whatever they are given: nothing in them grows faster than its text."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from node.protocol import limits
from node.store import schemas

FILES = sorted(
    (file.name, json.loads(file.read_text(encoding="utf-8")))
    for file in schemas.folder().iterdir()
    if re.fullmatch(r"[a-z_-]+\.v[0-9]+\.json", file.name) and not file.name.startswith("openapi")
)
IDS = [name for name, _ in FILES]
# Also an engine that goes back, as another supplier may have, must end: the time of (a+)+ there doubles with each sign.
# What it likes least is much of one kind, and then one sign that does not fit.
WORST = [
    stem * (50_000 // len(stem)) + end
    for stem in ("a", "0", "A0", "AAAA", "a-", "-", ".", "1.", ":/", "w")
    for end in ("!", "\n", "")
]
# 64 KiB take under a millisecond here; a loaded machine, a slow one and an engine that goes back are still told apart.
LONGEST_S = 0.5


def walk(schema: object) -> Iterator[dict[str, Any]]:
    """Every object inside a schema."""
    if isinstance(schema, dict):
        yield schema
        for part in schema.values():
            yield from walk(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from walk(part)


def resolved(part: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """A part, or what it refers to."""
    while "$ref" in part:
        found: Any = schema
        for key in part["$ref"].removeprefix("#/").split("/"):
            found = found[key]
        part = found
    return part


@pytest.mark.parametrize(("name", "schema"), FILES, ids=IDS)
def test_no_schema_reaches_outside_itself_or_compares_objects(name: str, schema: dict[str, Any]) -> None:
    """References stay in the file; items that must differ are few short texts or numbers: comparing objects is slow."""
    for part in walk(schema):
        reference = part.get("$ref")
        assert not isinstance(reference, str) or reference.startswith("#"), (name, reference)
        if part.get("uniqueItems") is True:
            items = resolved(part["items"], schema)
            assert "maxItems" in part, (name, part)
            assert items.get("type") in ("string", "integer") or "enum" in items or "const" in items, (name, part)


@pytest.mark.parametrize(("name", "schema"), FILES, ids=IDS)
def test_no_expression_of_a_schema_is_slow_or_lets_a_line_end_through(name: str, schema: dict[str, Any]) -> None:
    """By our engine and by one that goes back, 50,000 signs of the worst kind are judged at once; a final line end counts."""
    for pattern in {part["pattern"] for part in walk(schema) if isinstance(part.get("pattern"), str)}:
        judge = jsonschema_rs.validator_for({"type": "string", "pattern": pattern})
        for text in WORST:
            begun = time.perf_counter()
            assert judge.is_valid(text) == bool(re.search(pattern, text))
            assert time.perf_counter() - begun < LONGEST_S, (name, pattern, text[:9])
        assert not pattern.endswith("$"), (name, pattern)


@pytest.mark.parametrize("kind", sorted(schemas.validators()))
def test_a_body_of_the_largest_size_is_judged_at_once(kind: str) -> None:
    """Arrays, objects and texts that fill 64 KiB, in every field that the schema knows and in none: a no in no time."""
    judge = schemas.validators()[kind]
    (schema,) = [
        found for name, found in FILES if name == f"{kind.split('/', maxsplit=1)[0]}.v{kind.split('/')[1]}.json"
    ]
    room = limits.BODY_MAX_BYTES
    fills: list[object] = [
        "x" * room,
        ["x"] * (room // 4),
        [{"a": n} for n in range(room // 10)],
        {f"k{n}": n for n in range(room // 12)},
    ]
    for key in [*schema["properties"], "unknown"]:
        for fill in fills:
            begun = time.perf_counter()
            assert not judge.is_valid({"type": kind, key: fill})
            assert time.perf_counter() - begun < LONGEST_S, (kind, key)
