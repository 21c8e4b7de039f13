"""The OpenAPI document of the public API, made from the same lists that its parsers read: ``/api/v1/openapi.json``.

In: the node's public address. Out: OpenAPI 3.0.3, by the rules of the Italian public administration (ModI). The copy in
schemas/openapi.v1.json is for who has no node at hand; a test keeps both the same. Source: domain.md 7.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from node.domain.labels import KINDS, PERIODS, SIZES
from node.domain.query import CURSOR_MAX_CHARS, LIMIT_DEFAULT, LIMIT_MAX, SORTS, WORDS_MAX_CHARS, YES
from node.domain.saved import TITLE_MAX_CHARS
from node.domain.theme import THEMES
from node.domain.vocabulary import CATEGORIES, CERTIFICATIONS, MATURITIES, PURPOSES
from node.web import exports, matches

VERSION: Final = "1.0.0"
# A full page of the longest texts.
TABLE_MAX_CHARS: Final = 100_000_000
SANDBOX: Final = "https://node.example.it"
_ID_PATTERN = "^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$"
_OWNER_PATTERN = "^[A-Za-z][A-Za-z0-9_-]{0,31}$"
Schema = dict[str, Any]


def _text(description: str = "", longest: int = 4_000, **more: Any) -> Schema:
    return {"type": "string", "maxLength": longest, **({"description": description} if description else {}), **more}


def _whole(description: str = "", low: int = 0, high: int = 2**53 - 1, **more: Any) -> Schema:
    size = "int64" if high >= 2**31 else "int32"
    told = {"description": description} if description else {}
    return {"type": "integer", "format": size, "minimum": low, "maximum": high, **told, **more}


def _share(description: str) -> Schema:
    return {"type": "number", "format": "double", "minimum": 0, "maximum": 1, "description": description}


def _moment(description: str) -> Schema:
    return _text(description, 40, format="date-time", nullable=True)


def _list(items: Schema, most: int = 10_000, description: str = "") -> Schema:
    return {"type": "array", "items": items, "maxItems": most, **({"description": description} if description else {})}


def _object(properties: Mapping[str, Schema], description: str = "", optional: Sequence[str] = (), *, more: bool = False) -> Schema:  # fmt: skip
    return {
        "type": "object",
        **({"required": told} if (told := [name for name in properties if name not in optional]) else {}),
        "properties": dict(properties),
        "additionalProperties": more,
        **({"description": description} if description else {}),
    }


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _by_label(schema: Schema, names: Sequence[str]) -> Schema:
    return _object(dict.fromkeys(names, schema))


_LABELS = ("territory", "sector", "period", "size", "theme", "kind")
_FACETS = ("territory", "sector", "size", "theme", "kind", "owner")
_PROFILE_ID = _text("Identifier of a profile: a random UUID.", 36, format="uuid", pattern=_ID_PATTERN)


def _schemas() -> dict[str, Schema]:
    counted = {"total": _whole("How many profiles match."), "total_is_exact": {"type": "boolean", "description": "False: estimated."}, "facets_are_exact": {"type": "boolean", "description": "False: estimated from a sample."}}  # fmt: skip
    facets = {"facets": _by_label(_list(_ref("Bucket")), _FACETS)}
    hit: dict[str, Schema] = {
        "profile_id": _PROFILE_ID, "owner": _text("Who published it.", 32), "origin": _text("The signed log it stands in.", 300),
        "index": _whole("Its position in that log."), "title": _text(longest=150), "summary": _text(longest=500),
        "purpose": _text(longest=32, enum=sorted(PURPOSES)), "published": _text("Publication round.", 10, format="date"),
        "rank": {"type": "number", "format": "double", "description": "Points of 10,000, as a share."},
        "why": _list(_object({"part": _text("Part of the formula.", 16, enum=["words", "theme", "freshness", "witnessed"]), "points": _whole("What it gave.", 0, 10_000), "share": _share("Its share of the hit's points.")}), 4),
        "match": _text("Whether it surely meets what was asked.", 8, enum=["certain", "possible"]),
        "witnessed_at": _moment("Since when witnesses vouch for it."),
        "quarantined": {"type": "boolean", "description": "Its log told two histories."},
        "labels": _by_label(_ref("Label"), _LABELS),
    }  # fmt: skip
    return {
        "Problem": _object(
            {
                "type": _text("URN of the problem.", 200), "title": _text("What is wrong.", 2_000), "status": _whole("", 400, 599),
                "detail": _text("Where, and what to do."), "code": _text("Stable code.", 80), "request_id": _text("For whoever has to look.", 40),
            },
            "RFC 9457", ("detail",), more=True,
        ),
        "Label": _object(
            {
                "level": _text(longest=8), "values": _list(_text(longest=40)), "title": _text("In words.", 100_000),
                "match": _text("How it meets what was asked.", 8, enum=["", "certain", "possible"]),
                "share": _share("How much of it lies inside what was asked."),
            }
        ),
        "Hit": _object(hit),
        "Bucket": _object({"value": _text(longest=40), "title": _text(longest=400), "count": _whole(), "certain": _whole("How many surely.")}),
        "Completeness": _object(
            {
                "nodes": _whole("Logs the answer rests on."), "current": _whole("Logs that are current."),
                "stale": _list(_object({"owner": _text(longest=32), "origin": _text(longest=300), "state": _text(longest=32), "since": _moment("When it last grew here.")})),
            }
        ),
        "Profiles": _object(
            {
                **counted, "words_ignored": {"type": "boolean", "description": "The words were too common."},
                "words_corrected": _text("What was searched instead of words with typing errors; empty when nothing was put right.", 400),
                "words_relaxed": {"type": "boolean", "description": "No profile has all the words: hits have some of them."},
                "suggestion": _text("What else may be meant and finds more, for words that found little; nothing was searched by it. Empty when there is nothing to ask.", 400),
                "hits": _list(_ref("Hit"), LIMIT_MAX), **facets, "cursor": _text("For the next page; empty on the last.", CURSOR_MAX_CHARS),
                "completeness": _ref("Completeness"),
            }
        ),
        "Profile": _object({**hit, "document": {"type": "object", "additionalProperties": True, "description": "The whole profile/1 document (schemas/profile.v1.json)."}, "proof": _text("Its C2SP tlog-proof, for anybody to check offline; null while no signed checkpoint holds it.", 100_000, nullable=True)}),
        "Facets": _object({**counted, **facets}),
        "Regions": _regions({name: counted[name] for name in ("total", "total_is_exact")}),
        **_match_schemas(hit),
        **_saved_schemas(),
        "Status": _object(
            {
                "status": _text(longest=8, enum=["ok"]), "node": _text(longest=32),
                "log": _object({"origin": _text(longest=300), "size": _whole()}),
                "peers": _object({"known": _whole(), "ready": _whole(), "failing": _whole()}),
            }
        ),
    }  # fmt: skip


def _regions(counted: Mapping[str, Schema]) -> Schema:
    properties = {
        "code": _text("NUTS2 code.", 40), "name": _text(longest=400), "count": _whole("How many may be there."),
        "certain": _whole("How many surely are."), "exact": {"type": "boolean", "description": "False: estimated."},
    }  # fmt: skip
    feature = {
        "type": _text(longest=8, enum=["Feature"]), "id": _text("NUTS2 code.", 40),
        "geometry": {"type": "object", "nullable": True, "additionalProperties": True, "description": "Always null: no boundaries are told."},
        "properties": _object(properties),
    }  # fmt: skip
    return _object(
        {"type": _text(longest=32, enum=["FeatureCollection"]), **counted, "features": _list(_object(feature), 100)},
        "RFC 7946: one feature per region with hits.",
    )


def _match_schemas(hit: Mapping[str, Schema]) -> dict[str, Schema]:
    return {
        "Link": _object({"needs": _PROFILE_ID, "offers": _PROFILE_ID, "category": _text(longest=32, enum=sorted(CATEGORIES)), "closeness": _share("How close the words are.")}),
        "Matches": _object(
            {
                "profile_id": _PROFILE_ID, "compared": _whole("Profiles that were compared."), "complete": {"type": "boolean", "description": "Whether those were all."},
                "matches": _list(_object({
                    **{name: hit[name] for name in ("profile_id", "owner", "origin", "index", "title", "summary", "witnessed_at")},
                    "score": _share("How well it fits."), "links": _list(_ref("Link"), 100),
                    "parts": _list(_object({"name": _text(longest=32), "weight": _share(""), "share": _share(""), "values": _list(_text(longest=40), 100)}), 10),
                }), matches.LIMIT_MAX),
                "groups": _list(_object({
                    "score": _share(""), "countries": _list(_text(longest=2), 20), "links": _list(_ref("Link"), 100),
                    "members": _list(_object({"profile_id": _PROFILE_ID, "owner": _text(longest=32), "title": _text(longest=150)}), 5),
                }), matches.LIMIT_MAX),
            },
            "Partners of a profile or, with suggest=1, groups around it.", ("profile_id", "compared", "complete", "matches", "groups"),
        ),
    }  # fmt: skip


def _saved_schemas() -> dict[str, Schema]:
    asked = {item["name"]: item["schema"] for item in _filters()}
    named = {
        "search_id": _text("A random UUID.", 36, format="uuid", pattern=_ID_PATTERN),
        "title": _text("One line.", TITLE_MAX_CHARS),
    }
    kept = {
        **named,
        "query": _object(asked, "The parameters of a search, without order and page.", list(asked)),
        "created_at": _text(longest=40, format="date-time"),
        "feed": _text("Atom 1.0 (RFC 4287).", 400),
    }
    return {
        "SearchToSave": _object({name: kept[name] for name in ("title", "query")}),
        "SavedSearch": _object(kept),
        "NewSavedSearch": _object({**kept, "token": _text("Opens and deletes it; shown only now.", 100)}),
    }  # fmt: skip


def _format(forms: Sequence[exports.Form]) -> Schema:
    names = [form.name for form in forms]
    return _parameter(
        exports.PARAMETER, _text(longest=8, enum=names, default=names[0]), "Form of the answer; it overrules Accept."
    )


def _parameter(name: str, schema: Schema, description: str, *, required: bool = False, where: str = "query") -> Schema:
    told = {"name": name, "in": where, "required": required, "description": description, "schema": schema}
    # A form sends its empty fields too: they count as not given.
    return told if required or where != "query" else {**told, "allowEmptyValue": True}


def _filters() -> list[Schema]:
    return [
        _parameter("q", _text(longest=WORDS_MAX_CHARS), 'Words; "a phrase"; -without; or.'),
        _parameter("territory", _text(longest=200), "Municipality (ISTAT), province, NUTS region or area, or a name."),
        _parameter("sector", _text(longest=20), "ATECO code of any level and edition."),
        _parameter("period", _text(longest=4, enum=list(PERIODS)), "Year of registration."),
        _parameter("size", _text(longest=4, enum=list(SIZES)), "Number of firms."),
        _parameter("theme", _text(longest=32, enum=sorted(THEMES)), "What the network is about."),
        _parameter("kind", _text(longest=16, enum=sorted(KINDS)), "Legal form."),
        _parameter("purpose", _text(longest=16, enum=sorted(PURPOSES)), "Offer, request, joint project or call."),
        _parameter("need", _text(longest=32, enum=sorted(CATEGORIES)), "What is looked for."),
        _parameter("offer", _text(longest=32, enum=sorted(CATEGORIES)), "What is offered."),
        _parameter("target_country", _text(longest=2, pattern="^[A-Za-z]{2}$"), "A country aimed at."),
        _parameter("language", _text(longest=2, pattern="^[A-Za-z]{2}$"), "A language spoken."),
        _parameter("certification", _text(longest=32, enum=sorted(CERTIFICATIONS)), "A family of certifications."),
        _parameter("owner", _text(longest=32, pattern=_OWNER_PATTERN), "The administration that published it."),
        _parameter("maturity", _text(longest=16, enum=sorted(set(MATURITIES) - {"any"})), "Age of the network."),
        _parameter("since", _text(longest=10, format="date"), "Published since."),
        _parameter("witnessed", _text(longest=3, enum=[YES]), "Only what witnesses vouch for."),
    ]


_RATES: Final = {
    "X-RateLimit-Limit": "Requests that one address may make at once.",
    "X-RateLimit-Remaining": "Requests left now.",
    "X-RateLimit-Reset": "Seconds until all are there again.",
}


def _headers(*more: str) -> dict[str, Schema]:
    told = {name: {"$ref": f"#/components/headers/{name}"} for name in (*_RATES, *more)}
    return {**told, "Cache-Control": {"$ref": "#/components/headers/Cache-Control"}}


def _contents(name: str, forms: Sequence[exports.Form]) -> dict[str, Schema]:
    schemas = {
        exports.JSON: _ref(name),
        exports.CSV: _text("A header and one line per hit: RFC 4180, UTF-8.", TABLE_MAX_CHARS),
        exports.XLSX: _text("A workbook of one sheet.", TABLE_MAX_CHARS, format="binary"),
        exports.GEOJSON: _ref("Regions"),
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
        "200": {"description": "The answer.", "headers": _headers(*headers), "content": _contents(name, forms)}
    }
    if cached:
        found["304"] = {"description": "As it was.", "headers": _headers(*headers)}
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


def _get(operation: str, summary: str, parameters: list[Schema], answers: dict[str, Schema]) -> Schema:
    return {
        "get": {
            "operationId": operation, "summary": summary, "description": summary, "tags": ["public"], "security": [{}],
            "parameters": parameters, "responses": answers,
        }
    }  # fmt: skip


def _saved_paths() -> dict[str, Schema]:
    one = _parameter(
        "search_id",
        _text("A random UUID.", 36, format="uuid", pattern=_ID_PATTERN),
        "Identifier of a saved search.",
        required=True,
        where="path",
    )
    made = _answers("NewSavedSearch", cached=False)
    made["201"] = {
        **made.pop("200"),
        "description": "Saved; the token is told only now.",
        "headers": {**_headers(), "Location": {"$ref": "#/components/headers/Location"}},
    }
    made["409"] = {"$ref": "#/components/responses/Full"}
    made["413"] = made["415"] = {"$ref": "#/components/responses/Bad"}
    opened = {**_answers("SavedSearch", missing=True, bad=False), "401": {"$ref": "#/components/responses/NoToken"}}
    gone = {
        **_answers("SavedSearch", missing=True, bad=False, cached=False),
        "401": {"$ref": "#/components/responses/NoToken"},
    }
    gone.pop("200")
    gone["204"] = {"description": "Erased.", "headers": _headers()}
    feed = _answers("Profiles", missing=True)
    feed["200"] = {
        **feed["200"],
        "content": {
            "application/atom+xml": {
                "schema": {"type": "string", "description": "An Atom feed of at most 50 profiles, the newest first."}
            }
        },
    }
    body = {"required": True, "content": {"application/json": {"schema": _ref("SearchToSave")}}}
    delete = _get("deleteSavedSearch", "Erase a saved search.", [one], gone)["get"]
    show = _get("savedSearch", "One saved search.", [one], opened)["get"]
    create = _get("saveSearch", "Save a search, to follow its feed.", [], made)["get"]
    token: Schema = {"security": [{"token": []}]}
    return {
        "/api/v1/saved-searches": {"post": {**create, "requestBody": body}},
        "/api/v1/saved-searches/{search_id}": {"get": {**show, **token}, "delete": {**delete, **token}},
        "/api/v1/saved-searches/{search_id}/feed.atom": _get("savedSearchFeed", "What a saved search finds now.", [one], feed),
    }  # fmt: skip


def _problem_response(description: str, *headers: str) -> Schema:
    return {
        "description": description,
        "headers": _headers(*headers),
        "content": {"application/problem+json": {"schema": _ref("Problem")}},
    }


def document(server: str, *, sandbox: bool) -> dict[str, Any]:
    """Return the document of a node that answers at ``server`` (scheme and authority)."""
    paging = [
        _parameter("sort", _text(longest=16, enum=list(SORTS)), "Order."),
        _parameter("limit", _whole("", 1, LIMIT_MAX, default=LIMIT_DEFAULT), "Hits on a page."),
        _parameter("cursor", _text(longest=CURSOR_MAX_CHARS), "Where the page before ended."),
    ]
    whose = _parameter("owner", _text(longest=32, pattern=_OWNER_PATTERN), "Of this administration only.")
    one = _parameter("profile_id", _PROFILE_ID, "Identifier of a profile.", required=True, where="path")
    partners = [
        _parameter("profile", _PROFILE_ID, "Identifier of a profile.", required=True),
        _parameter("limit", _whole("", 1, matches.LIMIT_MAX, default=matches.LIMIT_DEFAULT), "How many."),
        _parameter("suggest", _text(longest=1, enum=["0", "1"]), "1: groups of three to five."),
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
        "tags": [{"name": "public", "description": "Open to everybody."}],
        "paths": {
            "/status": _get("status", "Whether the node can work.", [], _answers("Status", bad=False, cached=False)),
            "/api/v1/profiles": _get("profiles", "Search profiles.", [*_filters(), *paging, _format(exports.PROFILES)], _answers("Profiles", forms=exports.PROFILES)),
            "/api/v1/profiles/{profile_id}": _get("profile", "One profile, whole.", [one, whose], _answers("Profile", missing=True)),
            "/api/v1/facets": _get("facets", "Counts without hits.", [*_filters(), *paging, _format(exports.FACETS)], _answers("Facets", forms=exports.FACETS)),
            "/api/v1/matches": _get("matches", "Partners of one profile.", partners, _answers("Matches", missing=True)),
            **_saved_paths(),
        },
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "The token of one saved search, told when it was saved."}},
            "schemas": _schemas(),
            "headers": {
                **{name: {"description": text, "schema": _whole("", 0, 1_000_000)} for name, text in _RATES.items()},
                "ETag": {"description": "Of this very answer.", "schema": _text(longest=80)},
                "Location": {"description": "Where it is.", "schema": _text(longest=200)},
                "WWW-Authenticate": {"description": "RFC 6750.", "schema": _text(longest=80)},
                "Vary": {"description": "The form may follow Accept.", "schema": _text(longest=80)},
                "Link": {"description": "RFC 8288: the next page, rel=next; missing on the last.", "schema": _text(longest=8_000)},
                "Retry-After": {"description": "Seconds to wait.", "schema": _whole("", 1, 86_400)},
                "Cache-Control": {"description": "RFC 9111: whether and how long the answer may be kept; always ask again.", "schema": _text(longest=80)},
            },
            "responses": {
                "Bad": _problem_response("What was asked can't be answered; the parameter and what to write are told."),
                "Missing": _problem_response("There is no such thing."),
                "NoToken": _problem_response("The token is missing.", "WWW-Authenticate"),
                "Full": _problem_response("This node keeps as many saved searches as it may."),
                "TooMany": _problem_response("Too many requests.", "Retry-After"),
                "Unavailable": _problem_response("For a moment not.", "Retry-After"),
                "Problem": _problem_response("Anything else."),
            },
        },
    }  # fmt: skip
