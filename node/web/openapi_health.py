"""What the OpenAPI document says of the probes (node/web/health.py).

In: nothing. Out: paths and schemas; node/web/openapi.py puts them together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from node.web import openapi_parts as parts
from node.web.openapi_parts import Schema

# As node/flows/upkeep/ready.py gives them, which the public's routes cannot import; a test holds both together.
CHECKS: Final[Mapping[str, tuple[str, ...]]] = {
    "database": ("ok", "database-unavailable"),
    "schema": ("ok", "schema-older", "schema-newer", "unknown"),
    "log": ("ok", "log-fenced", "log-missing", "unknown"),
    "jobs": ("ok", "jobs-standing", "elsewhere"),
    "process": ("ok", "stopping"),
}
# As node/store/replica.py gives them.
REPLICA: Final = (
    "ok", "unknown", "replica-away", "replica-lagging", "replica-paused", "replica-promoted", "replica-other",
)  # fmt: skip
REASONS: Final = tuple(
    code for codes in CHECKS.values() for code in codes if code not in ("ok", "unknown", "elsewhere")
)


def schemas() -> dict[str, Schema]:
    """Return the schemas of what probes are told."""
    checks = {name: parts.text(longest=32, enum=list(codes)) for name, codes in CHECKS.items()}
    replica = {
        "replica": parts.text("The read replica, where there is one; never a reason.", longest=32, enum=list(REPLICA))
    }
    return {
        "Alive": parts.record({"status": parts.text(longest=8, enum=["alive"])}),
        "Ready": parts.record(
            {
                "status": parts.text(longest=8, enum=["ready", "unready"]),
                "reasons": parts.listing(parts.text(longest=32, enum=list(REASONS)), 5, "Why it is not ready."),
                "checks": parts.record({**checks, **replica}, "Each check by a code.", ["replica"]),
            }
        ),
    }


def _answer(schema: str, description: str, *headers: str) -> Schema:
    content = {"application/json": {"schema": parts.ref(schema)}}
    return {"description": description, "headers": parts.headers(*headers), "content": content}


def paths() -> dict[str, Schema]:
    """Return the paths of probes."""
    others = {
        "429": {"$ref": "#/components/responses/TooMany"},
        "default": {"$ref": "#/components/responses/Problem"},
    }
    alive = {"200": _answer("Alive", "It does."), **others}
    answers = {
        "200": _answer("Ready", "The node can do all that a node does."),
        "503": _answer("Ready", "Something is missing: the reasons say what.", "Retry-After"),
        **others,
    }
    return {
        "/livez": parts.get("livez", "Whether the process answers; nothing else is asked.", [], alive),
        "/readyz": parts.get("readyz", "Whether the node can do all that a node does.", [], answers),
    }
