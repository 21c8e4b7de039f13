"""The part of the OpenAPI document about joint calls, courses and certificates.

In: nothing. Out: schemas, paths and responses. Source: node/web/calls_api.py, courses_api.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from node.domain.programme import call as rules
from node.domain.programme.call_query import STATES
from node.domain.programme.certificate import CERTIFICATES_MAX
from node.domain.programme.course import EditionState
from node.domain.programme.parameters import CURSOR_MAX_CHARS
from node.domain.query import LIMIT_DEFAULT, LIMIT_MAX
from node.web import calls_api, courses_api, exports, openapi_catalogue
from node.web import openapi_parts as parts
from node.web.openapi_parts import Schema

_ISSUERS_MAX: Final = 8
_ROWS_MAX: Final = 10_000_000
_DAY: Final = parts.text("A day.", 10, format="date")
_EURO: Final = parts.text("Euro, two decimals.", 13, pattern=r"^(0|[1-9][0-9]{0,9})\.[0-9]{2}$")
_UUID: Final = parts.text("A random UUID.", 36, format="uuid", pattern=parts.ID_PATTERN)
_DIGEST: Final = parts.text("SHA-256 of the endorsed object (PROTOCOL 14.2).", 64, pattern="^[0-9a-f]{64}$")
_MEMBER: Final = parts.text("A member.", 32)
_AT: Final = parts.text("A moment, UTC.", 40, format="date-time")


def _yes(description: str) -> Schema:
    return {"type": "boolean", "description": description}


def _nothing_or(schema: Schema) -> Schema:
    return {**schema, "nullable": True}


def _both(longest: int = 4_000) -> Schema:
    told = {"it": parts.text("In Italian.", longest), "en": parts.text("In English.", longest)}
    return parts.record(told, "A text.", ("en",))


def schemas() -> dict[str, Schema]:
    """Return the schemas by name."""
    return {**_of_calls(), **_of_courses(), **_of_certificates()}


def _of_calls() -> dict[str, Schema]:
    head = {
        "edition": parts.whole("Which edition of the ranking.", 1, 10_000),
        "published_by": parts.listing(_MEMBER, _ISSUERS_MAX, "The issuers that have published it."),
        "is_signed": _yes("Every issuer has published the same bytes."),
        "appeals_until": _DAY,
        "rows": parts.whole("How many applications it has.", 0, _ROWS_MAX),
    }
    endorsement = {
        "issuer": _MEMBER,
        "share": _EURO,
        "state": parts.text("Whether its log carries this very text.", 8, enum=list(calls_api.ENDORSEMENTS)),
    }
    call = {
        "call_id": _UUID,
        "digest": _DIGEST,
        "title": _both(),
        "text": _both(),
        "regions": parts.listing(parts.text("NUTS2 code.", 4), 30, "Empty: all Italy."),
        "opens": _AT,
        "closes": {**_AT, "description": "The first moment at which an application is late."},
        "mode": parts.text("By points, by arrival, or by arrival from a least score on.", 8, enum=list(rules.MODES)),
        "budget": _EURO,
        "max_grant": _EURO,
        "state": parts.text("How it stands by the logs alone, now.", 12, enum=list(STATES)),
        "is_open": _yes("Applications are taken now, at the issuers' offices."),
        "endorsements": parts.listing(parts.record(endorsement), _ISSUERS_MAX, "Of each issuer."),
    }
    row = {
        "rank": _nothing_or(parts.whole("Place; null for who takes no part.", 1, 1_000_000)),
        "office": _MEMBER,
        "protocol": parts.text("Year and number at that office.", 20),
        "points": parts.text("Points, two decimals; null where nobody judged.", 6, nullable=True),
        "status": parts.text("What came out.", 20),
        "reasons": parts.listing(parts.text("Code of PROTOCOL 14.4.", 40), 20),
        "granted": _EURO,
    }
    ranking = {**head, "items": parts.listing(parts.record(row), LIMIT_MAX), "cursor": _cursor()}
    other = parts.record({"digest": _DIGEST, "endorsers": parts.listing(_MEMBER, _ISSUERS_MAX)})
    return {
        "Call": parts.record(call),
        "Calls": parts.record(
            {"total": parts.whole("How many texts match."), "items": parts.listing(parts.ref("Call"), LIMIT_MAX), "cursor": _cursor()}
        ),
        "WholeCall": parts.record({
            **call,
            "document": {"type": "object", "additionalProperties": True, "description": "The object that every issuer endorses (schemas/call.v1.json)."},
            "others": parts.listing(other, _ISSUERS_MAX, "Other texts under the same identifier, of a contested call."),
            "ranking": _nothing_or(parts.record(head, "Of the published ranking; null before there is one.")),
        }),
        "Ranking": parts.record({"call_id": _UUID, "digest": _DIGEST, **ranking}),
    }  # fmt: skip


def _of_courses() -> dict[str, Schema]:
    item = openapi_catalogue.item()
    edition = {
        "code": parts.text("Of the edition, within its course.", 40),
        "state": parts.text("What became of it.", 9, enum=[state.value for state in EditionState]),
        "is_open": _yes("Places can be asked for today, by what is announced; how many are left is told to nobody."),
        "begins": _DAY,
        "ends": _DAY,
        "deadline": _nothing_or({**_DAY, "description": "The last day on which a place can be asked for."}),
        "seats": parts.whole("Places in all.", 1, 100_000),
        "attendance": _nothing_or(parts.whole("Per cent of the sessions that a certificate needs.", 1, 100)),
        "certificates": parts.whole("How many certificates were made.", 0, CERTIFICATES_MAX),
        "sessions": parts.whole("How many sessions it has.", 0, 60),
    }
    meeting = {
        "day": _DAY,
        "hour": parts.text("Of Rome.", 5),
        "place": parts.text("Where.", 200),
        "municipality": parts.text("ISTAT code.", 6, nullable=True),
        "title": _nothing_or(_both(200)),
        "online": _yes("It is held online."),
    }
    whole = {**edition, "meetings": parts.listing(parts.record(meeting), 60)}
    return {
        "Course": parts.record({**item, "editions": parts.listing(parts.record(edition), 40)}),
        "Courses": parts.record({**openapi_catalogue.counted(), "items": parts.listing(parts.ref("Course"), LIMIT_MAX), "cursor": _cursor()}),
        "WholeCourse": parts.record({
            **item,
            "editions": parts.listing(parts.record(whole), 40),
            "trainers": parts.listing(_both(200), 40, "Their roles, never their names."),
            "how": _both(),
            "proof": openapi_catalogue.PROOF,
        }),
    }  # fmt: skip


def _of_certificates() -> dict[str, Schema]:
    longest = courses_api.FIELD_MAX_CHARS
    told = {
        "is_valid": _yes("A member's log holds it; only then is the rest told."),
        "owner": _MEMBER,
        "course_id": _UUID,
        "title": _both(),
        "edition": parts.text("Code of the edition.", 40),
        "begins": _DAY,
        "ends": _DAY,
    }
    asked = {
        "code": parts.text("As it stands on the certificate; spaces and hyphens don't count.", longest),
        "name": parts.text("As it stands on the certificate; case and accents don't count.", longest),
    }
    return {
        "CertificateToCheck": parts.record(asked, "Nothing of it is kept."),
        "CertificateChecked": parts.record(
            told, "What the organiser's log says of it.", [name for name in told if name != "is_valid"]
        ),
    }


def _cursor() -> Schema:
    return parts.text("For the next page; empty on the last.", CURSOR_MAX_CHARS)


def paths() -> dict[str, Schema]:
    """Return the paths."""
    call = parts.parameter("call_id", _UUID, "Identifier of a call.", required=True, where="path")
    course = parts.parameter("course_id", _UUID, "Identifier of a course.", required=True, where="path")
    states = parts.text(longest=12, enum=list(STATES))
    issuer = parts.text(longest=32, pattern=openapi_catalogue.OWNER_PATTERN)
    paging = [
        parts.parameter("limit", parts.whole("", 1, LIMIT_MAX, default=LIMIT_DEFAULT), "Items on a page."),
        parts.parameter("cursor", parts.text(longest=CURSOR_MAX_CHARS), "Where the page before ended."),
    ]
    listed = [
        parts.parameter("state", states, "As it stands now."),
        parts.parameter("issuer", issuer, "Of this member."),
    ]
    answers = openapi_catalogue.answers
    return {
        calls_api.PATH: parts.get("calls", "Joint calls, what closes last first.", [*listed, *paging, _format(calls_api.LISTED)], answers("Calls", forms=calls_api.LISTED)),
        f"{calls_api.PATH}/{{call_id}}": parts.get("call", "One call, whole: who has endorsed it, and its ranking's head.", [call], answers("WholeCall", missing=True)),
        f"{calls_api.PATH}/{{call_id}}/ranking": parts.get("ranking", "The published ranking of a call.", [call, *paging, _format(calls_api.RANKED)], answers("Ranking", forms=calls_api.RANKED, missing=True)),
        courses_api.PATH: parts.get("courses", "Search courses.", [*openapi_catalogue.filters(courses_api.ASKED), _format(courses_api.FORMS)], answers("Courses", forms=courses_api.FORMS)),
        f"{courses_api.PATH}/{{course_id}}": parts.get("course", "One course, whole.", [course, openapi_catalogue.OWNER], answers("WholeCourse", missing=True)),
        courses_api.CHECKS: {"post": _check()},
    }  # fmt: skip


def _check() -> Schema:
    found = openapi_catalogue.answers("CertificateChecked")
    found.pop("304")
    found["200"] = {**found["200"], "headers": parts.headers()}
    found["413"] = found["415"] = {"$ref": "#/components/responses/Bad"}
    asked = parts.get("checkCertificate", "Whether a certificate is true.", [], found)["get"]
    body = {"required": True, "content": {"application/json": {"schema": parts.ref("CertificateToCheck")}}}
    return {**asked, "requestBody": body}


def _format(forms: Sequence[exports.Form]) -> dict[str, Any]:
    return openapi_catalogue.format_of(forms)
