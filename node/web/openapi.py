"""The OpenAPI document of the public API, made from the same lists that its parsers read: ``/api/v1/openapi.json``.

In: the node's public address. Out: OpenAPI 3.0.3, by the rules of the Italian public administration (ModI). The copy in
schemas/openapi.v1.json is for who has no node at hand; a test keeps both the same. Source: docs/rules.md F.7.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from node.domain.labels import KINDS, PERIODS, SIZES
from node.domain.query import CURSOR_MAX_CHARS, LIMIT_DEFAULT, LIMIT_MAX, SORTS, WORDS_MAX_CHARS, YES
from node.domain.saved import TITLE_MAX_CHARS
from node.domain.theme import THEMES
from node.domain.vocabulary import CATEGORIES, CERTIFICATIONS, MATURITIES, PURPOSES
from node.web import (
    exports,
    matches,
    openapi_catalogue,
    openapi_health,
    openapi_introductions,
    openapi_observatory,
    openapi_programme,
)
from node.web import openapi_parts as parts
from node.web.openapi_parts import PROFILE_ID, Schema

VERSION: Final = "1.0.0"
# A full page of the longest texts.
TABLE_MAX_CHARS: Final = 100_000_000
SANDBOX: Final = "https://node.example.it"
_OWNER_PATTERN = "^[A-Za-z][A-Za-z0-9_-]{0,31}$"


_LABELS = ("territory", "sector", "period", "size", "theme", "kind")
_FACETS = ("territory", "sector", "size", "theme", "kind", "owner")


def _schemas() -> dict[str, Schema]:
    counted = {"total": parts.whole("How many profiles match."), "total_is_exact": {"type": "boolean", "description": "False: estimated."}, "facets_are_exact": {"type": "boolean", "description": "False: estimated from a sample."}}  # fmt: skip
    facets = {"facets": parts.by_label(parts.listing(parts.ref("Bucket")), _FACETS)}
    hit: dict[str, Schema] = {
        "profile_id": PROFILE_ID, "owner": parts.text("Who published it.", 32), "origin": parts.text("The signed log it stands in.", 300),
        "index": parts.whole("Its position in that log."), "title": parts.text(longest=150), "summary": parts.text(longest=500),
        "purpose": parts.text(longest=32, enum=sorted(PURPOSES)), "published": parts.text("Publication round.", 10, format="date"),
        "rank": {"type": "number", "format": "double", "description": "Points of 10,000, as a share."},
        "why": parts.listing(parts.record({"part": parts.text("Part of the formula.", 16, enum=["words", "theme", "freshness", "witnessed"]), "points": parts.whole("What it gave.", 0, 10_000), "share": parts.share("Its share of the hit's points.")}), 4),
        "match": parts.text("Whether it surely meets what was asked.", 8, enum=["certain", "possible"]),
        "witnessed_at": parts.moment("Since when witnesses vouch for it."),
        "quarantined": {"type": "boolean", "description": "Its log told two histories."},
        "labels": parts.by_label(parts.ref("Label"), _LABELS),
    }  # fmt: skip
    return {
        "Problem": parts.record(
            {
                "type": parts.text("URN of the problem.", 200), "title": parts.text("What is wrong.", 2_000), "status": parts.whole("", 400, 599),
                "detail": parts.text("Where, and what to do."), "code": parts.text("Stable code.", 80), "request_id": parts.text("For whoever has to look.", 40),
            },
            "RFC 9457", ("detail",), more=True,
        ),
        "Label": parts.record(
            {
                "level": parts.text(longest=8), "values": parts.listing(parts.text(longest=40)), "title": parts.text("In words.", 100_000),
                "match": parts.text("How it meets what was asked.", 8, enum=["", "certain", "possible"]),
                "share": parts.share("How much of it lies inside what was asked."),
            }
        ),
        "Hit": parts.record(hit),
        "Bucket": parts.record({"value": parts.text(longest=40), "title": parts.text(longest=400), "count": parts.whole(), "certain": parts.whole("How many surely.")}),
        "Completeness": parts.record(
            {
                "nodes": parts.whole("Logs the answer rests on."), "current": parts.whole("Logs that are current."),
                "stale": parts.listing(parts.record({"owner": parts.text(longest=32), "origin": parts.text(longest=300), "state": parts.text(longest=32), "since": parts.moment("When it last grew here.")})),
            }
        ),
        "Profiles": parts.record(
            {
                **counted, "words_ignored": {"type": "boolean", "description": "The words were too common."},
                "words_corrected": parts.text("What was searched instead of words with typing errors; empty when nothing was put right.", 400),
                "words_relaxed": {"type": "boolean", "description": "No profile has all the words: hits have some of them."},
                "suggestion": parts.text("What else may be meant and finds more, for words that found little; nothing was searched by it. Empty when there is nothing to ask.", 400),
                "hits": parts.listing(parts.ref("Hit"), LIMIT_MAX), **facets, "cursor": parts.text("For the next page; empty on the last.", CURSOR_MAX_CHARS),
                "completeness": parts.ref("Completeness"),
            }
        ),
        "Profile": parts.record({**hit, "document": {"type": "object", "additionalProperties": True, "description": "The whole profile/1 document (schemas/profile.v1.json)."}, "proof": parts.text("Its C2SP tlog-proof, for anybody to check offline; null while no signed checkpoint holds it.", 100_000, nullable=True)}),
        "Facets": parts.record({**counted, **facets}),
        "Regions": _regions({name: counted[name] for name in ("total", "total_is_exact")}),
        **_match_schemas(hit),
        **_saved_schemas(),
        "Status": _status(),
    }  # fmt: skip


def _status() -> Schema:
    return parts.record(
        {
            "status": parts.text(longest=8, enum=["ok"]), "node": parts.text(longest=32),
            "log": parts.record({"origin": parts.text(longest=300), "size": parts.whole()}),
            "peers": parts.record({"known": parts.whole(), "ready": parts.whole(), "failing": parts.whole()}),
            "leader": parts.record(
                {
                    "leads": {"type": "boolean", "description": "Whether a process of this node runs its jobs: signs, pulls, sends."},
                    "since": parts.text("Since when, RFC 3339; null while none does.", 40, nullable=True),
                }
            ),
        }
    )  # fmt: skip


def _regions(counted: Mapping[str, Schema]) -> Schema:
    properties = {
        "code": parts.text("NUTS2 code.", 40), "name": parts.text(longest=400), "count": parts.whole("How many may be there."),
        "certain": parts.whole("How many surely are."), "exact": {"type": "boolean", "description": "False: estimated."},
    }  # fmt: skip
    feature = {
        "type": parts.text(longest=8, enum=["Feature"]), "id": parts.text("NUTS2 code.", 40),
        "geometry": {"type": "object", "nullable": True, "additionalProperties": True, "description": "Always null: no boundaries are told."},
        "properties": parts.record(properties),
    }  # fmt: skip
    return parts.record(
        {
            "type": parts.text(longest=32, enum=["FeatureCollection"]),
            **counted,
            "features": parts.listing(parts.record(feature), 100),
        },
        "RFC 7946: one feature per region with hits.",
    )


def _match_schemas(hit: Mapping[str, Schema]) -> dict[str, Schema]:
    return {
        "Link": parts.record({"needs": PROFILE_ID, "offers": PROFILE_ID, "category": parts.text(longest=32, enum=sorted(CATEGORIES)), "closeness": parts.share("How close the words are.")}),
        "Matches": parts.record(
            {
                "profile_id": PROFILE_ID, "compared": parts.whole("Profiles that were compared."), "complete": {"type": "boolean", "description": "Whether those were all."},
                "matches": parts.listing(parts.record({
                    **{name: hit[name] for name in ("profile_id", "owner", "origin", "index", "title", "summary", "witnessed_at")},
                    "score": parts.share("How well it fits."), "links": parts.listing(parts.ref("Link"), 100),
                    "parts": parts.listing(parts.record({"name": parts.text(longest=32), "weight": parts.share(""), "share": parts.share(""), "values": parts.listing(parts.text(longest=40), 100)}), 10),
                }), matches.LIMIT_MAX),
                "groups": parts.listing(parts.record({
                    "score": parts.share(""), "countries": parts.listing(parts.text(longest=2), 20), "links": parts.listing(parts.ref("Link"), 100),
                    "members": parts.listing(parts.record({"profile_id": PROFILE_ID, "owner": parts.text(longest=32), "title": parts.text(longest=150)}), 5),
                }), matches.LIMIT_MAX),
            },
            "Partners of a profile or, with suggest=1, groups around it.", ("profile_id", "compared", "complete", "matches", "groups"),
        ),
    }  # fmt: skip


def _saved_schemas() -> dict[str, Schema]:
    asked = {item["name"]: item["schema"] for item in _filters()}
    named = {
        "search_id": parts.text("A random UUID.", 36, format="uuid", pattern=parts.ID_PATTERN),
        "title": parts.text("One line.", TITLE_MAX_CHARS),
    }
    kept = {
        **named,
        "query": parts.record(asked, "The parameters of a search, without order and page.", list(asked)),
        "created_at": parts.text(longest=40, format="date-time"),
        "feed": parts.text("Atom 1.0 (RFC 4287).", 400),
    }
    return {
        "SearchToSave": parts.record({name: kept[name] for name in ("title", "query")}),
        "SavedSearch": parts.record(kept),
        "NewSavedSearch": parts.record({**kept, "token": parts.text("Opens and deletes it; shown only now.", 100)}),
    }  # fmt: skip


def _format(forms: Sequence[exports.Form]) -> Schema:
    names = [form.name for form in forms]
    return parts.parameter(
        exports.PARAMETER,
        parts.text(longest=8, enum=names, default=names[0]),
        "Form of the answer; it overrules Accept.",
    )


def _filters() -> list[Schema]:
    return [
        parts.parameter("q", parts.text(longest=WORDS_MAX_CHARS), 'Words; "a phrase"; -without; or.'),
        parts.parameter(
            "territory", parts.text(longest=200), "Municipality (ISTAT), province, NUTS region or area, or a name."
        ),
        parts.parameter("sector", parts.text(longest=20), "ATECO code of any level and edition."),
        parts.parameter("period", parts.text(longest=4, enum=list(PERIODS)), "Year of registration."),
        parts.parameter("size", parts.text(longest=4, enum=list(SIZES)), "Number of firms."),
        parts.parameter("theme", parts.text(longest=32, enum=sorted(THEMES)), "What the network is about."),
        parts.parameter("kind", parts.text(longest=16, enum=sorted(KINDS)), "Legal form."),
        parts.parameter(
            "purpose", parts.text(longest=16, enum=sorted(PURPOSES)), "Offer, request, joint project or call."
        ),
        parts.parameter("need", parts.text(longest=32, enum=sorted(CATEGORIES)), "What is looked for."),
        parts.parameter("offer", parts.text(longest=32, enum=sorted(CATEGORIES)), "What is offered."),
        parts.parameter("target_country", parts.text(longest=2, pattern="^[A-Za-z]{2}$"), "A country aimed at."),
        parts.parameter("language", parts.text(longest=2, pattern="^[A-Za-z]{2}$"), "A language spoken."),
        parts.parameter(
            "certification", parts.text(longest=32, enum=sorted(CERTIFICATIONS)), "A family of certifications."
        ),
        parts.parameter(
            "owner", parts.text(longest=32, pattern=_OWNER_PATTERN), "The administration that published it."
        ),
        parts.parameter(
            "maturity", parts.text(longest=16, enum=sorted(set(MATURITIES) - {"any"})), "Age of the network."
        ),
        parts.parameter("since", parts.text(longest=10, format="date"), "Published since."),
        parts.parameter("witnessed", parts.text(longest=3, enum=[YES]), "Only what witnesses vouch for."),
    ]


def _contents(name: str, forms: Sequence[exports.Form]) -> dict[str, Schema]:
    schemas = {
        exports.JSON: parts.ref(name),
        exports.CSV: parts.text("A header and one line per hit: RFC 4180, UTF-8.", TABLE_MAX_CHARS),
        exports.XLSX: parts.text("A workbook of one sheet.", TABLE_MAX_CHARS, format="binary"),
        exports.GEOJSON: parts.ref("Regions"),
    }
    return {form.media_type: {"schema": schemas[form]} for form in forms}


def _answers(
    name: str,
    *,
    forms: Sequence[exports.Form] = (exports.JSON,),
    missing: bool = False,
    bad: bool = True,
    cached: bool = True,
) -> dict[str, Schema]:
    headers = [
        *(["ETag"] if cached else []),
        *(["Vary"] if len(forms) > 1 else []),
        *(["Link"] if exports.CSV in forms else []),
    ]
    found: dict[str, Schema] = {
        "200": {"description": "The answer.", "headers": parts.headers(*headers), "content": _contents(name, forms)}
    }
    if cached:
        found["304"] = {"description": "As it was.", "headers": parts.headers(*headers)}
    if bad:
        found["400"] = {"$ref": "#/components/responses/Bad"}
    if missing:
        found["404"] = {"$ref": "#/components/responses/Missing"}
    return {
        **found,
        "429": {"$ref": "#/components/responses/TooMany"},
        "503": {"$ref": "#/components/responses/Unavailable"},
        "default": {"$ref": "#/components/responses/Problem"},
    }


def _saved_paths() -> dict[str, Schema]:
    one = parts.parameter(
        "search_id",
        parts.text("A random UUID.", 36, format="uuid", pattern=parts.ID_PATTERN),
        "Identifier of a saved search.",
        required=True,
        where="path",
    )
    made = _answers("NewSavedSearch", cached=False)
    made["201"] = {
        **made.pop("200"),
        "description": "Saved; the token is told only now.",
        "headers": {**parts.headers(), "Location": {"$ref": "#/components/headers/Location"}},
    }
    made["409"] = {"$ref": "#/components/responses/Full"}
    made["413"] = made["415"] = {"$ref": "#/components/responses/Bad"}
    opened = {**_answers("SavedSearch", missing=True, bad=False), "401": {"$ref": "#/components/responses/NoToken"}}
    gone = {
        **_answers("SavedSearch", missing=True, bad=False, cached=False),
        "401": {"$ref": "#/components/responses/NoToken"},
    }
    gone.pop("200")
    gone["204"] = {"description": "Erased.", "headers": parts.headers()}
    feed = _answers("Profiles", missing=True)
    feed["200"] = {
        **feed["200"],
        "content": {
            "application/atom+xml": {
                "schema": {"type": "string", "description": "An Atom feed of at most 50 profiles, the newest first."}
            }
        },
    }
    body = {"required": True, "content": {"application/json": {"schema": parts.ref("SearchToSave")}}}
    delete = parts.get("deleteSavedSearch", "Erase a saved search.", [one], gone)["get"]
    show = parts.get("savedSearch", "One saved search.", [one], opened)["get"]
    create = parts.get("saveSearch", "Save a search, to follow its feed.", [], made)["get"]
    token: Schema = {"security": [{"token": []}]}
    return {
        "/api/v1/saved-searches": {"post": {**create, "requestBody": body}},
        "/api/v1/saved-searches/{search_id}": {"get": {**show, **token}, "delete": {**delete, **token}},
        "/api/v1/saved-searches/{search_id}/feed.atom": parts.get("savedSearchFeed", "What a saved search finds now.", [one], feed),
    }  # fmt: skip


def _responses() -> dict[str, Schema]:
    return {
        "Bad": parts.problem_response("What was asked can't be answered; the parameter and what to write are told."),
        "Missing": parts.problem_response("There is no such thing."),
        "NoToken": parts.problem_response("The token is missing.", "WWW-Authenticate"),
        "Full": parts.problem_response("This node keeps as many saved searches as it may."),
        "TooMany": parts.problem_response("Too many requests.", "Retry-After"),
        "Unavailable": parts.problem_response("For a moment not.", "Retry-After"),
        "Problem": parts.problem_response("Anything else."),
    }


def document(server: str, *, sandbox: bool) -> dict[str, Any]:
    """Return the document of a node that answers at ``server`` (scheme and authority)."""
    paging = [
        parts.parameter("sort", parts.text(longest=16, enum=list(SORTS)), "Order."),
        parts.parameter("limit", parts.whole("", 1, LIMIT_MAX, default=LIMIT_DEFAULT), "Hits on a page."),
        parts.parameter("cursor", parts.text(longest=CURSOR_MAX_CHARS), "Where the page before ended."),
    ]
    whose = parts.parameter("owner", parts.text(longest=32, pattern=_OWNER_PATTERN), "Of this administration only.")
    one = parts.parameter("profile_id", PROFILE_ID, "Identifier of a profile.", required=True, where="path")
    partners = [
        parts.parameter("profile", PROFILE_ID, "Identifier of a profile.", required=True),
        parts.parameter("limit", parts.whole("", 1, matches.LIMIT_MAX, default=matches.LIMIT_DEFAULT), "How many."),
        parts.parameter("suggest", parts.text(longest=1, enum=["0", "1"]), "1: groups of three to five."),
    ]
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "Rete delle Reti", "version": VERSION,
            "x-summary": "Anonymous profiles of Italian business networks: search, facets, matching.",
            "description": "The cooperation database of one node: what all administrations of the federation have published, verified. Profiles are anonymous; contacts go through two offices.",
            "termsOfService": "https://creativecommons.org/licenses/by/4.0/",
            "contact": {"name": "Rete delle Reti", "url": "https://example.org/rete-delle-reti", "email": "info@example.org"},
            "license": {"name": "CC-BY-4.0", "url": "https://creativecommons.org/licenses/by/4.0/"},
            "x-api-id": "urn:uuid:3b0c2d0a-6f5e-4c39-9a53-6e1f7f3a9a11",
        },
        "servers": [{"url": server, "description": "This node.", **({"x-sandbox": True} if sandbox else {})}],
        "tags": [{"name": "public", "description": "Open to everybody."}, openapi_introductions.TAG],
        "paths": {
            "/status": parts.get("status", "Whether the node can work.", [], _answers("Status", bad=False, cached=False)),
            "/api/v1/profiles": parts.get("profiles", "Search profiles.", [*_filters(), *paging, _format(exports.PROFILES)], _answers("Profiles", forms=exports.PROFILES)),
            "/api/v1/profiles/{profile_id}": parts.get("profile", "One profile, whole.", [one, whose], _answers("Profile", missing=True)),
            "/api/v1/facets": parts.get("facets", "Counts without hits.", [*_filters(), *paging, _format(exports.FACETS)], _answers("Facets", forms=exports.FACETS)),
            "/api/v1/matches": parts.get("matches", "Partners of one profile.", partners, _answers("Matches", missing=True)),
            **openapi_health.paths(),
            **openapi_catalogue.paths(),
            **openapi_programme.paths(),
            **openapi_observatory.paths(),
            **_saved_paths(),
            **openapi_introductions.paths(),
        },
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "The token of one saved search or request, told when it was made."},
                **openapi_introductions.SECURITY,
            },
            "schemas": {**_schemas(), **openapi_health.schemas(), **openapi_catalogue.schemas(), **openapi_programme.schemas(), **openapi_observatory.schemas(), **openapi_introductions.schemas()},
            "headers": {
                **{name: {"description": text, "schema": parts.whole("", 0, 1_000_000)} for name, text in parts.RATES.items()},
                "ETag": {"description": "Of this very answer.", "schema": parts.text(longest=80)},
                "Location": {"description": "Where it is.", "schema": parts.text(longest=200)},
                "X-CSRF-Token": {"description": "What a POST of the same session carries in this header.", "schema": parts.text(longest=64)},
                "WWW-Authenticate": {"description": "RFC 6750.", "schema": parts.text(longest=80)},
                "Vary": {"description": "The form may follow Accept.", "schema": parts.text(longest=80)},
                "Link": {"description": "RFC 8288: the next page, rel=next, missing on the last; of open data the licence, rel=license.", "schema": parts.text(longest=8_000)},
                "Retry-After": {"description": "Seconds to wait.", "schema": parts.whole("", 1, 86_400)},
                "Cache-Control": {"description": "RFC 9111: whether and how long the answer may be kept; always ask again.", "schema": parts.text(longest=80)},
            },
            "responses": {**_responses(), **openapi_introductions.responses()},
        },
    }  # fmt: skip
