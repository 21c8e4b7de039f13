"""The JSON Schemas that travel with the program: compiled once, looked up by document type.

In: schemas/*.json (ours, never a peer's). Out: validators for ``profile/1`` and the other document types (PROTOCOL 3.5).
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import jsonschema_rs

_FILE = re.compile(r"([a-z][a-z_-]*)\.v([0-9]+)\.json")


def folder() -> Traversable:
    """Return the folder of schemas: inside an installed package, beside it in a checkout."""
    packaged = resources.files("node").joinpath("schemas")
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[2] / "schemas"


@functools.cache
def validators() -> Mapping[str, Any]:
    """Return compiled validators of the bodies of logs by type, for example ``profile/1`` from profile.v1.json.

    What else a schema describes (entries, problems, envelopes) says no ``type``, and is no body that a log may hold.
    """
    found: dict[str, Any] = {}
    for file in folder().iterdir():
        match = _FILE.fullmatch(file.name)
        if match:
            schema = json.loads(file.read_text(encoding="utf-8"))
            name = f"{match.group(1)}/{match.group(2)}"
            if schema.get("properties", {}).get("type", {}).get("const") == name:
                found[name] = jsonschema_rs.validator_for(schema)
    return found


@functools.cache
def introduction_validator() -> Any:
    """Return the compiled validator of the messages of introductions, introduction.v1.json (PROTOCOL 11)."""
    text = folder().joinpath("introduction.v1.json").read_text(encoding="utf-8")
    return jsonschema_rs.validator_for(json.loads(text))


@functools.cache
def seat_validator() -> Any:
    """Return the compiled validator of the messages about places at courses, seat.v1.json (PROTOCOL 15)."""
    text = folder().joinpath("seat.v1.json").read_text(encoding="utf-8")
    return jsonschema_rs.validator_for(json.loads(text))


@functools.cache
def share_validator() -> Any:
    """Return the compiled validator of the messages about shared case files, share.v1.json (PROTOCOL 16)."""
    text = folder().joinpath("share.v1.json").read_text(encoding="utf-8")
    return jsonschema_rs.validator_for(json.loads(text))
