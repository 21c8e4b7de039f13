"""``/api/v1/matches``: partners of a published profile, with the reasons.

In: ``profile`` (an identifier), ``limit`` (1 to 100), ``suggest`` (``1``: groups of three to five instead). Out, stable within v1
(keys may be added)::

    {"profile_id", "compared": 120, "complete": true,
     "matches": [{"profile_id", "owner", "origin", "index", "title", "summary", "score": 0.71, "witnessed_at": time or null,
                  "parts": [{"name", "weight", "share", "values": []}],
                  "links": [{"needs", "offers", "category", "closeness"}]}]}
    {"groups": [{"score", "countries": [], "members": [{"profile_id", "owner", "title"}], "links": []}]}

Own networks that are not published are asked for on the command line only. Source: domain/matching.py.
"""

from __future__ import annotations

import dataclasses
import re
import uuid
from collections.abc import Iterable, Sequence
from typing import Any, Final

from node.errors import N_, CallerError, NotFoundError
from node.flows.searching.match import Fit, Matches, Suggestion

LIMIT_MAX: Final = 100
LIMIT_DEFAULT: Final = 10
PARAMETERS: Final = ("profile", "limit", "suggest")


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """One question: whose partners, how many, or groups."""

    profile_id: str
    limit: int
    suggest: bool


def parse(parameters: Iterable[tuple[str, str]]) -> Asked:
    """Return the question that parameters ask.

    Raises: CallerError query-parameter-unknown, query-parameter-repeated, query-value-bad; NotFoundError(profile-unknown).
    """
    given: dict[str, str] = {}
    for name, value in parameters:
        if name not in PARAMETERS:
            raise CallerError(
                "query-parameter-unknown",
                N_("parametro sconosciuto: {name}"),
                hint=N_("valori ammessi: {near}"),
                name=name[:60],
                near=", ".join(PARAMETERS),
            )
        if name in given:
            raise CallerError("query-parameter-repeated", N_("parametro ripetuto: {name}"), where=name, name=name)
        given[name] = value.strip()
    try:
        profile_id = str(uuid.UUID(given.get("profile", "")))
    except ValueError as error:
        raise NotFoundError("profile-unknown", N_("nessun profilo visibile con questo identificativo")) from error
    limit = given.get("limit") or str(LIMIT_DEFAULT)
    if not re.fullmatch(r"[0-9]{1,3}", limit) or not 1 <= int(limit) <= LIMIT_MAX:
        raise CallerError("query-value-bad", N_("serve un numero da 1 a {most}"), where="limit", most=LIMIT_MAX)
    if given.get("suggest", "") not in ("", "0", "1"):
        raise CallerError("query-value-bad", N_("la forma attesa è, per esempio, {like}"), where="suggest", like="1")
    return Asked(profile_id, int(limit), given.get("suggest") == "1")


def matches_document(found: Matches) -> dict[str, Any]:
    """Return partners as the JSON value described above; the command line prints the same."""
    return {
        "profile_id": found.document["id"],
        "compared": found.compared,
        "complete": found.complete,
        "matches": [_fit(fit) for fit in found.fits],
    }


def _fit(fit: Fit) -> dict[str, Any]:
    return {
        "profile_id": fit.document["id"],
        "owner": fit.owner,
        "origin": fit.origin,
        "index": fit.index,
        "title": fit.document["title"]["it"],
        "summary": fit.document["summary"]["it"],
        "score": fit.match.score,
        "witnessed_at": fit.witnessed_at.strftime("%Y-%m-%dT%H:%M:%SZ") if fit.witnessed_at else None,
        "parts": [{**dataclasses.asdict(part), "values": list(part.values)} for part in fit.match.parts],
        "links": [dataclasses.asdict(link) for link in fit.match.links],
    }


def suggestions_document(groups: Sequence[Suggestion]) -> dict[str, Any]:
    """Return groups as the JSON value described above; the command line prints the same."""
    return {
        "groups": [
            {
                "score": item.group.score,
                "countries": list(item.group.countries),
                "members": [
                    {"profile_id": d["id"], "owner": d["owner"], "title": d["title"]["it"]} for d in item.documents
                ],
                "links": [dataclasses.asdict(link) for link in item.group.links],
            }
            for item in groups
        ]
    }
