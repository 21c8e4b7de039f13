"""Which schemas judge bodies of logs, and which only describe the wire."""

from __future__ import annotations

import json

from node.protocol import canonical
from node.store import schemas


def test_only_schemas_that_say_their_type_judge_bodies() -> None:
    """An envelope, an entry or a problem has a schema, and is none of the bodies that a log may hold (PROTOCOL 3.5)."""
    bodies = {"partition/1", "profile/1", "session/1", "service/1", "call/1", "course/1"}
    assert bodies <= set(schemas.validators())
    assert not {"sealed/1", "entry/1", "problem/1", "agreement/1", "outbox/1", "introduction/1"} & set(
        schemas.validators()
    )
    described = {file.name for file in schemas.folder().iterdir()}
    assert {"sealed.v1.json", "entry.v1.json", "problem.v1.json", "profile.v1.json"} <= described


def test_a_body_that_calls_itself_an_envelope_has_an_unknown_type() -> None:
    """Whatever else it says."""
    document = json.loads(canonical.dumps({"type": "sealed/1", "id": "7c9e6679-7425-40de-944b-e07fc1f90ae7"}))
    assert document["type"] not in schemas.validators()
