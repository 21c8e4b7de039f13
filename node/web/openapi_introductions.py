"""The part of the OpenAPI document about introductions: requests of firms by a token, cases of officers by their session.

In: nothing. Out: schemas, paths and ways to prove who one is, from the same lists that parsers and documents read. What describes the
API to everybody reaches no case and no register: bounds stand here, and those who keep to them import them.
Source: node/web/introduction_requests.py, introductions.py, introduction_documents.py.
"""

from __future__ import annotations

from typing import Any, Final

from node.domain.introduction import (
    DECLINE_REASONS,
    FOLLOW_UP_DAYS,
    HUMAN,
    OUTCOMES,
    SHORT_MAX_CHARS,
    TEXT_MAX_CHARS,
    WITHDRAW_REASONS,
    Kind,
    Party,
    State,
    Urgency,
)
from node.domain.vocabulary import PURPOSES
from node.web import introduction_requests
from node.web import openapi_parts as parts
from node.web.openapi_parts import ID_PATTERN, PROFILE_ID, Schema

PATH: Final = "/api/v1/introductions"
LIMIT_DEFAULT: Final = 50
LIMIT_MAX: Final = 200
CURSOR_MAX_CHARS: Final = 200
# What a consent says of the person whom the other side may speak to.
CONTACT: Final = ("person", "role", "email", "phone")
TAG: Final = {"name": "introductions", "description": "Introductions, for the firm that asks and for officers."}
SECURITY: Final[dict[str, Schema]] = {
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-rete",
        "description": "The session of an officer who signed in at /entra (in a trial by plain http: rete).",
    },
    "csrf": {
        "type": "apiKey",
        "in": "header",
        "name": "X-CSRF-Token",
        "description": "The session's token, as the answer to any GET of introductions has it in this header.",
    },
}
_ID: Final = parts.text("Identifier of an introduction: a random UUID.", 36, format="uuid", pattern=ID_PATTERN)
_OWNER: Final = "^[A-Za-z][A-Za-z0-9_-]{0,31}$"
_ONE: Final = parts.parameter("introduction_id", _ID, "Identifier of an introduction.", required=True, where="path")


def _choice(values: Any, description: str = "", **more: Any) -> Schema:
    return parts.text(description, 40, enum=sorted({str(value) for value in values}), **more)


def _short(description: str) -> Schema:
    return parts.text(description, SHORT_MAX_CHARS)


def _day(description: str) -> Schema:
    return parts.text(description, 10, format="date", nullable=True)


def _nullable(schema: Schema) -> Schema:
    return {**schema, "nullable": True}


_PARTY: Final = _choice(Party, "The office that asks, or the one whose profile is asked about.")
_STATE: Final = _choice(State, "Where it stands.")


def schemas() -> dict[str, Schema]:
    """Return the schemas by name."""
    return {**_of_firms(), **_of_officers()}


def _of_firms() -> dict[str, Schema]:
    applicant = {
        "name": _short("The firm."), "person": _short("Who speaks for it."), "email": _short("Where this office answers."),
        "phone": _short("Its phone."), "tax_code": _short("Its tax code."), "municipality": _short("Where it is."),
        "region": _short("Its NUTS2 region; leaves with the request, without its name."),
        "section": _short("The letter of its ATECO section; leaves with the request, without its name."),
    }  # fmt: skip
    event = {"by": _PARTY, "kind": _choice(Kind, "What was said."), "at": parts.moment("When.")}
    return {
        "IntroductionToRequest": parts.record(
            {
                "profile_id": PROFILE_ID,
                "owner": parts.text("The member that publishes the profile, where more than one publishes the identifier.", 32),
                "text": parts.text("What is looked for, in words that make nobody recognisable.", TEXT_MAX_CHARS),
                "purpose": _choice(PURPOSES, "What for.", default=introduction_requests.PURPOSE),
                "applicant": parts.record(applicant, "Who asks: known to this office alone until two consents are given.", sorted(set(applicant) - introduction_requests.APPLICANT_NEEDED)),
            },
            "A firm's own request, through the office of this node.",
            ("owner", "purpose"),
        ),
        "IntroductionRequested": parts.record(
            {"introduction_id": _ID, "state": _choice([State.DRAFT], "An officer looks at it first."), "token": parts.text("Shows how it stands; told only now.", 100)}
        ),
        "IntroductionStanding": parts.record(
            {
                "introduction_id": _ID, "profile_id": PROFILE_ID, "state": _STATE, "created_at": parts.moment("When it was asked."),
                "since": parts.moment("Since when it stands there."), "introduced_at": parts.moment("When both sides were named."),
                "events": parts.listing(parts.record(event), 1_000),
            },
            "States, days and kinds of events; no word of anybody.",
        ),
    }  # fmt: skip


def _of_officers() -> dict[str, Schema]:
    network = _nullable(parts.text("Of this office's register.", 36, format="uuid"))
    project = _nullable(parts.text("Shared by the requests of one joint project.", 36, format="uuid"))
    named = {"introduction_id": _ID, "party": _PARTY, "peer": parts.text("The other office.", 32), "profile_id": PROFILE_ID, "network_id": network, "project_id": project}  # fmt: skip
    stood = {
        "state": _STATE, "reason": parts.text("Why it ended.", 40), "outcome": parts.text("How it went.", 40),
        "own_due": _day("By when this office takes its step."), "other_due": _day("By when the other one does."),
        "since": parts.moment("Since when it stands there."), "introduced_at": parts.moment("When both sides were named."),
        "created_by": parts.text("The officer who drafted it; empty: a firm.", 200), "created_at": parts.moment("When it began here."),
    }  # fmt: skip
    event = {
        "by": _PARTY, "seq": parts.whole("Its number in that office's row."), "kind": _choice(Kind, "What was said."),
        "at": parts.moment("When."), "detail": parts.text("A reason, an outcome, a day of follow-up.", 40),
        "due": _day("By when the office that speaks takes the next step."), "text": parts.text("What was said beside it.", TEXT_MAX_CHARS),
        "officer": parts.text("Of this office.", 200), "overtaken": {"type": "boolean", "description": "It changed nothing: the other office was quicker."},
        "written_at": parts.moment("When it arrived or was said here."),
    }  # fmt: skip
    identity = {"type": "object", "additionalProperties": True, "nullable": True, "description": "Name, members, contact (docs/introductions.md); null once erased."}  # fmt: skip
    consent = {
        "person": _short("Who gave it."), "version": parts.text("Of the text.", 20), "identity": identity, "officer": parts.text("Who recorded it.", 200),
        "given_at": parts.moment("When."), "revoked_at": parts.moment("When it was taken back."),
    }  # fmt: skip
    told = {"identity": identity, "received_at": parts.moment("When it came."), "erased_at": parts.moment("When it was erased.")}  # fmt: skip
    words = {"type": "object", "additionalProperties": True}
    follow_up = parts.whole("The follow-up that this office has to tell, 0 for none.", 0, max(FOLLOW_UP_DAYS))
    return {
        "IntroductionListed": parts.record(
            {**named, "network": _nullable(_short("Its name.")), "applicant": _nullable(_short("The firm that asked.")), **stood, "turn": parts.text("Whose turn it is: seeker, owner, both, or empty.", 8), "follow_up_due": follow_up, "changed_at": parts.moment("When it last changed.")}
        ),
        "Introductions": parts.record(
            {"introductions": parts.listing(parts.ref("IntroductionListed"), LIMIT_MAX), "cursor": parts.text("For the next page; empty on the last.", CURSOR_MAX_CHARS)}
        ),
        "Introduction": parts.record(
            {
                **named, **stood, "applicant": {**words, "nullable": True, "description": "The firm that asked, as it said of itself."},
                "request": {**words, "description": "What was asked: text, purpose, and of who asks kind, region and section."},
                "ended_by": _nullable(parts.text("Who ended it.", 8)), "turn": parts.listing(_PARTY, 2), "urgency": _choice(Urgency, "How near the end of this office's step is."),
                "follow_up_due": follow_up,
                "may": parts.listing(_choice(HUMAN), len(HUMAN), "What people of this office may do now."),
                "seen": parts.text("SHA-256 of the draft, or of whom a consent would name, as this answer shows it: for the deed that endorses or consents.", 64),
                "would_tell": {**identity, "description": "Whom a consent of today would name, the person to call apart; null where none may be recorded."},
                "is_lost": {"type": "boolean", "description": "The other office has seen steps that are not here any more."},
                "consent": _nullable(parts.record(consent, "Of this office's side.")), "told": _nullable(parts.record(told, "Whom the other office named.")),
                "events": parts.listing(parts.record(event), 2_000),
            }
        ),
        "IntroductionDeed": parts.record(
            {
                "kind": _choice(HUMAN, "What is done; request: endorse a draft."), "text": parts.text("For the other office, without names.", TEXT_MAX_CHARS),
                "detail": _choice([*DECLINE_REASONS, *WITHDRAW_REASONS, *OUTCOMES, *FOLLOW_UP_DAYS], "Of decline and withdraw a reason, of outcome how it went, of follow-up the day."),
                "person": _short("Of consent: who gave it."),
                "contact": parts.record({name: _short("Of consent: whom the other side may speak to.") for name in CONTACT}, "", CONTACT),
                "seen": parts.text("Of request and consent: the case's seen, as it was read; 409 where the draft, or whom a consent names, has changed since.", 64),
                "sure": {"type": "boolean", "description": "For all doubtful words of the text: they were looked at and make nobody recognisable."},
            },
            "", ("text", "detail", "person", "contact", "sure", "seen"),
        ),
    }  # fmt: skip


def _answer(name: str, *more: str, description: str = "The answer.") -> Schema:
    return {"description": description, "headers": parts.headers(*more), "content": {"application/json": {"schema": parts.ref(name)}}}  # fmt: skip


def _refusals(*names: tuple[str, str]) -> dict[str, Schema]:
    every = (*names, ("429", "TooMany"), ("503", "Unavailable"), ("default", "Problem"))
    return {status: {"$ref": f"#/components/responses/{name}"} for status, name in every}


def _operation(
    operation: str, summary: str, security: Schema, answers: dict[str, Schema], parameters: list[Schema], body: str = ""
) -> Schema:
    told = {
        "operationId": operation, "summary": summary, "description": summary, "tags": [TAG["name"]], "security": [security],
        "parameters": parameters, "responses": answers,
    }  # fmt: skip
    if not body:
        return told
    content = {"application/json": {"schema": parts.ref(body)}}
    return {**told, "requestBody": {"required": True, "content": content}}


def paths() -> dict[str, Schema]:
    """Return the operations by path."""
    one = f"{introduction_requests.PATH}/{{introduction_id}}"
    case = f"{PATH}/{{introduction_id}}"
    bad, missing, token = ("400", "Bad"), ("404", "Missing"), ("401", "NoToken")
    signed_in, role, conflict = ("401", "NoSession"), ("403", "NoRole"), ("409", "NotNow")
    too_much = (("413", "Bad"), ("415", "Bad"))
    requested = {"201": _answer("IntroductionRequested", "Location", description="Asked; the token is told only now."), **_refusals(bad, role, missing, conflict, *too_much)}  # fmt: skip
    standing = {"200": _answer("IntroductionStanding"), **_refusals(token, missing)}
    listed = {"200": _answer("Introductions", "X-CSRF-Token"), **_refusals(bad, signed_in, role)}
    shown = {"200": _answer("Introduction", "X-CSRF-Token"), **_refusals(signed_in, role, missing)}
    done = {"201": _answer("Introduction", "X-CSRF-Token", "Location", description="Done; the case as it stands now."), **_refusals(bad, signed_in, role, missing, conflict, *too_much)}  # fmt: skip
    session: Schema = {"session": []}
    acting: Schema = {"session": [], "csrf": []}
    sought = [
        parts.parameter("state", _STATE, "Only in this state."),
        parts.parameter("party", _PARTY, "Only those asked by this office, or of it."),
        parts.parameter("peer", parts.text(longest=32, pattern=_OWNER), "Only with this office."),
        parts.parameter("waiting", parts.text(longest=1, enum=["0", "1"]), "1: only where it is this office's turn, or a follow-up is due."),
        parts.parameter("limit", parts.whole("", 1, LIMIT_MAX, default=LIMIT_DEFAULT), "How many."),
        parts.parameter("cursor", parts.text(longest=CURSOR_MAX_CHARS), "Where the page before ended."),
    ]  # fmt: skip
    return {
        introduction_requests.PATH: {"post": _operation("requestIntroduction", "Ask for an introduction, as a firm.", {}, requested, [], "IntroductionToRequest")},
        one: {"get": _operation("introductionStanding", "How a firm's own request stands.", {"token": []}, standing, [_ONE])},
        PATH: {"get": _operation("introductions", "Introductions of this office, what changed last first.", session, listed, sought)},
        case: {"get": _operation("introduction", "One introduction, whole.", session, shown, [_ONE])},
        f"{case}/events": {"post": _operation("actInIntroduction", "Do one deed in an introduction.", acting, done, [_ONE], "IntroductionDeed")},
    }  # fmt: skip


def responses() -> dict[str, Schema]:
    """Return the refusals that these operations alone have."""
    return {
        "NoSession": parts.problem_response("Who asks has not signed in."),
        "NoRole": parts.problem_response("The role does not allow it, the request is not of this session, or firms cannot ask here."),
        "NotNow": parts.problem_response("It cannot be done now: the introduction has changed, or it is the other office's turn."),
    }  # fmt: skip
