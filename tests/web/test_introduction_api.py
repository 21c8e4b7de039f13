"""Introductions over HTTP: firms ask and look by a token alone, officers read and act by their session, and no other site can."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import jsonschema
import pytest

from node.domain.introduction import Kind
from node.domain.roles import Role
from node.flows.introductions import deeds
from node.web import openapi
from node.web.openapi_introductions import PATH
from tests import canary
from tests.accounts_made import Desk as Accounts
from tests.admin_made import session as entered
from tests.federation_made import Clock, Town
from tests.introductions_made import ACCEPTED, CONTACT, INTRODUCED, Pair, two_offices
from tests.web.test_openapi import resolved

FIRMS = "/api/v1/introduction-requests"
DOCUMENT = openapi.document(openapi.SANDBOX, sandbox=True)
APPLICANT = {
    "name": "Prova Impresa",
    "person": "Prova Titolare",
    "email": "prova@example.org",
    "region": "ITC1",
    "section": "C",
}
TEXT = "Cerchiamo un partner per la distribuzione."
UNKNOWN = "0b5a3a52-0000-4000-8000-000000000000"
JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def pair(server: str, desk_listed: str, tmp_path: Path) -> AsyncIterator[Pair]:
    """Torino and Lecce."""
    with canary.HEARD.in_office():
        async with two_offices(server, desk_listed, tmp_path, Clock()) as found:
            yield found


def held(document: Any, path: str, method: str, status: int) -> None:
    """Hold an answer against the OpenAPI document."""
    answers = DOCUMENT["paths"][path][method]["responses"]
    assert str(status) in answers, (path, method, status)
    (media,) = resolved(answers[str(status)], DOCUMENT)["content"].values()
    jsonschema.validate(document, media["schema"], cls=jsonschema.Draft202012Validator)


@dataclasses.dataclass
class Caller:
    """Somebody who calls one office's API, with the session of a role or none; every answer is held against the document."""

    town: Town
    secret: str = ""
    csrf: str = ""

    async def ask(self, method: str, path: str, at: str, status: int, **more: Any) -> Any:
        """Ask once; ``path`` is the place in the document, ``at`` the address."""
        base = f"http://127.0.0.1:{self.town.port}"
        headers = {**more.pop("headers", {}), **({"Cookie": f"rete={self.secret}"} if self.secret else {})}
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.request(method, base + at, headers=headers, **more) as reply,
        ):
            body = await reply.read()
            assert reply.status == status, body
            assert reply.headers["Cache-Control"] == "no-store"
            told = json.loads(body)
            held(told, path, method.lower(), status)
            self.csrf = reply.headers.get("X-CSRF-Token", self.csrf)
            if status == 201:
                assert reply.headers["Location"] == at.removesuffix("/events") or path == FIRMS
        return told

    async def request(self, body: Any, status: int = 201) -> Any:
        """Ask for an introduction as a firm."""
        return await self.ask("POST", FIRMS, FIRMS, status, json=body)

    async def standing(self, case: str, token: str, status: int = 200) -> Any:
        """Look how it stands."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return await self.ask("GET", f"{FIRMS}/{{introduction_id}}", f"{FIRMS}/{case}", status, headers=headers)

    async def listed(self, status: int = 200, **asked: str) -> Any:
        """Read a page of the list."""
        return await self.ask("GET", PATH, PATH, status, params=asked)

    async def case(self, case: str, status: int = 200) -> Any:
        """Read one case."""
        return await self.ask("GET", f"{PATH}/{{introduction_id}}", f"{PATH}/{case}", status)

    async def act(self, case: str, status: int = 201, headers: dict[str, str] | None = None, **deed: Any) -> Any:
        """Do a deed."""
        sent = {"X-CSRF-Token": self.csrf} if headers is None else headers
        place = f"{PATH}/{{introduction_id}}/events"
        return await self.ask("POST", place, f"{PATH}/{case}/events", status, json=deed, headers=sent)


async def caller(town: Town, role: Role | None = Role.OFFICER) -> Caller:
    """Somebody signed in with a role, or nobody."""
    if role is None:
        return Caller(town)
    desk = Accounts(town.node.pool, dataclasses.replace(town.node.sign_in_settings(), pad_s=0), town.node.clock())
    return Caller(town, await entered(desk, f"persona {role}", role))


def firm(pair: Pair, **changes: Any) -> dict[str, Any]:
    """The body of a firm's request."""
    return {"profile_id": pair.profile_id, "text": TEXT, "applicant": APPLICANT, **changes}


async def test_a_firm_asks_an_officer_endorses_and_the_token_shows_how_it_stands(pair: Pair) -> None:
    """No word of anybody in what the token shows, from the draft to the introduction; what left names no firm."""
    public, officer = await caller(pair.seeker.town, None), await caller(pair.seeker.town)
    made = await public.request(firm(pair, purpose="offer"))
    case, token = made["introduction_id"], made["token"]
    assert (await public.standing(case, token))["state"] == "draft"
    (listed,) = (await officer.listed(waiting="1"))["introductions"]
    assert (listed["introduction_id"], listed["applicant"], listed["created_by"]) == (case, "Prova Impresa", "")
    shown = await officer.case(case)
    assert (shown["may"], shown["request"]["purpose"], shown["applicant"]["email"]) == (
        ["request"],
        "offer",
        "prova@example.org",
    )
    assert (await officer.act(case, kind="request"))["state"] == "sent"
    await pair.carry()
    request = next(step for step in (await pair.owner.read(case)).steps if step.event.kind == Kind.REQUEST)
    assert request.payload is not None
    # Neither region nor section: the public list here has no k networks in them.
    assert request.payload["seeker"] == {"kind": "firm", "territory": "", "sector": ""}
    for who, kind in INTRODUCED:
        desk = pair.seeker if who == "seeker" else pair.owner
        await desk.do(case, kind)
        await pair.carry()
    told = await public.standing(case, token)
    assert told["state"] == "introduced"
    assert {event["kind"] for event in told["events"]} >= {"request", "accept", "consent", "identity"}
    assert set(told["events"][0]) == {"by", "kind", "at"}
    words = json.dumps(told)
    for word in ("Prova", "example.org", "Cerchiamo", "p_LE", "cmto", "anna"):
        assert word not in words, word


async def test_a_wrong_token_and_an_unknown_request_are_one_answer(pair: Pair) -> None:
    """And none is asked for by a 401 that says what to show."""
    public = await caller(pair.seeker.town, None)
    made = await public.request(firm(pair))
    case, said = made["introduction_id"], set()
    for at, token in ((case, "w" * 43), (UNKNOWN, made["token"]), ("x", made["token"])):
        problem = await public.standing(at, token, 404)
        said.add((problem["code"], problem["title"], problem.get("detail")))
    assert len(said) == 1
    assert (await public.standing(case, "", 401))["code"] == "token-missing"
    # The token opens what the firm may see, and nothing of the office's.
    bearer = {"Authorization": f"Bearer {made['token']}"}
    for place, at in ((PATH, PATH), (f"{PATH}/{{introduction_id}}", f"{PATH}/{case}")):
        assert (await public.ask("GET", place, at, 401, headers=bearer))["code"] == "sign-in-needed"
    assert (await public.act(case, 401, bearer, kind="request"))["code"] == "sign-in-needed"
    # Nor does an officer's session stand for a firm's token.
    officer = await caller(pair.seeker.town)
    assert (await officer.standing(case, "", 401))["code"] == "token-missing"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"extra": "x"}, "introduction-body-bad"),
        ({"applicant": None}, "introduction-body-bad"),
        ({"applicant": {"name": "Prova"}}, "introduction-body-bad"),
        ({"applicant": {**APPLICANT, "role": "x"}}, "introduction-body-bad"),
        ({"text": 7}, "introduction-body-bad"),
        ({"text": ""}, "introduction-text-bad"),
        ({"text": "x" * 4001}, "introduction-text-bad"),
        ({"purpose": "gain"}, "introduction-choice-bad"),
        ({"applicant": {**APPLICANT, "email": "prova"}}, "saved-email-bad"),
        ({"applicant": {**APPLICANT, "region": "XX"}}, "introduction-applicant-bad"),
        ({"applicant": {**APPLICANT, "section": "10"}}, "introduction-applicant-bad"),
    ],
)
async def test_a_request_that_is_none_is_refused_with_its_code(pair: Pair, changes: dict[str, Any], code: str) -> None:
    """And leaves no draft."""
    public = await caller(pair.seeker.town, None)
    assert (await public.request(firm(pair, **changes), 400))["code"] == code
    assert await pair.seeker.town.node.pool.fetchval("SELECT count(*) FROM office.introduction") == 0


async def test_a_flood_of_requests_is_told_to_wait(pair: Pair) -> None:
    """As searches that are saved are counted: ten at once from one address."""
    public = await caller(pair.seeker.town, None)
    for _ in range(10):
        await public.request(firm(pair))
    assert (await public.request(firm(pair), 429))["code"] == "rate-limited"


async def test_an_office_that_takes_no_requests_says_so(pair: Pair) -> None:
    """By its configuration; one's own profile and an unknown one are refused as well."""
    node = pair.seeker.town.node
    public = await caller(pair.owner.town, None)
    assert (await public.request(firm(pair), 400))["code"] == "introduction-own-profile"
    public = await caller(pair.seeker.town, None)
    assert (await public.request(firm(pair, profile_id=UNKNOWN), 404))["code"] == "profile-unknown"
    off = dataclasses.replace(node.config.introductions, requests=False)
    closed = dataclasses.replace(node, configured=dataclasses.replace(node.config, introductions=off))
    await pair.seeker.town.stop()
    pair.seeker.town.node = closed
    await pair.seeker.town.start()
    assert (await public.request(firm(pair), 403))["code"] == "introduction-requests-off"


async def test_officers_go_through_a_case_by_the_api(pair: Pair) -> None:
    """Deeds of both sides with what each needs; one that cannot be done now is 409 and says so."""
    case = await pair.seeker.ask(pair.profile_id)
    await pair.carry()
    owner, seeker = await caller(pair.owner.town), await caller(pair.seeker.town)
    assert (await owner.case(case))["may"] == ["check", "question", "decline"]
    await seeker.case(case)
    assert (await owner.act(case, kind="check"))["state"] == "under_check"
    assert (await owner.act(case, 409, kind="check"))["code"] == "introduction-not-now"
    assert (await owner.act(case, 409, kind="answer", text="Sono alcune."))["code"] == "introduction-not-now"
    refused = await owner.act(case, 400, kind="question", text="Scrivere a prova@example.org")
    assert refused["code"] == "text-refused"
    assert (await owner.act(case, kind="question", text="Quante imprese sono?"))["turn"] == ["seeker"]
    await pair.carry()
    assert (await seeker.act(case, kind="answer", text="Sono alcune."))["state"] == "answered"
    await pair.carry()
    await owner.act(case, kind="forward")
    assert (await owner.act(case, 400, kind="decline", detail="perché no"))["code"] == "introduction-choice-bad"
    await owner.act(case, kind="accept")
    await pair.carry()
    assert (await owner.act(case, 400, kind="consent", person="Prova Legale"))["code"] == "introduction-consent-bad"
    for side in (owner, seeker):
        await side.act(case, kind="consent", person="Prova Legale", contact=CONTACT)
        await pair.carry()
    told = (await seeker.case(case))["told"]
    assert told["identity"]["contact"] == CONTACT
    said = (await seeker.case(case))["events"]
    assert [event["text"] for event in said if event["kind"] in ("question", "answer")] == [
        "Quante imprese sono?",
        "Sono alcune.",
    ]
    assert all(event["text"] == "" for event in said if event["kind"] == "identity")
    chain = await pair.owner.town.node.pool.fetch(
        "SELECT document::jsonb ->> 'officer' AS who FROM audit.event WHERE kind = 'introduction'"
    )
    assert {row["who"] for row in chain} == {"persona officer"}


async def test_a_program_says_what_it_has_read_before_it_endorses_or_consents(pair: Pair) -> None:
    """By ``seen``: a draft that was written anew and an identity that is another are 409, what is as it was read is done."""
    case = await pair.seeker.begin(pair.profile_id)
    owner, seeker = await caller(pair.owner.town), await caller(pair.seeker.town)
    read = (await seeker.case(case))["seen"]
    office = pair.seeker.town.node.office()
    await deeds.rewrite(office, case, "Cerchiamo altro.", "request", pair.clock())
    assert (await seeker.act(case, 409, kind="request", seen=read))["code"] == "introduction-not-now"
    shown = await seeker.case(case)
    assert (shown["would_tell"], len(shown["seen"])) == (None, 64)
    assert (await seeker.act(case, kind="request", seen=shown["seen"]))["state"] == "sent"
    await pair.carry()
    await owner.case(case)
    for kind in ("check", "forward", "accept"):
        await owner.act(case, kind=kind)
    await pair.carry()
    shown = await seeker.case(case)
    assert shown["would_tell"]["members"]
    given = {"kind": "consent", "person": "Prova Legale", "contact": CONTACT}
    assert (await seeker.act(case, 409, **given, seen=read))["code"] == "introduction-not-now"
    await seeker.act(case, **given, seen=shown["seen"])
    assert (await seeker.case(case))["seen"] == ""


NO_DEEDS: tuple[dict[str, Any], ...] = (
    {"kind": "identity"}, {"kind": "check", "more": 1}, {"kind": "check", "sure": "yes"}, {"kind": "consent", "contact": []},
    {"kind": "consent", "contact": {"iban": "x"}}, {"kind": 1}, {},
)  # fmt: skip


async def test_a_deed_that_is_none_is_refused(pair: Pair) -> None:
    """Above all what only nodes say."""
    case = await pair.seeker.ask(pair.profile_id)
    officer = await caller(pair.seeker.town)
    await officer.case(case)
    for deed in NO_DEEDS:
        assert (await officer.act(case, 400, **deed))["code"] == "introduction-body-bad", deed


async def test_another_site_cannot_act_with_an_officer_s_session(pair: Pair) -> None:
    """Without the token, from another origin, by a form or as plain text: refused, and nothing was said in the case."""
    case = await pair.seeker.ask(pair.profile_id)
    await pair.carry()
    officer = await caller(pair.owner.town)
    await officer.case(case)
    good = {"X-CSRF-Token": officer.csrf}
    assert len(officer.csrf) == 64
    for headers in ({}, {"X-CSRF-Token": "0" * 64}, {**good, "Origin": "https://evil.example"}, {**good, "Origin": "null"}, {**good, "Sec-Fetch-Site": "cross-site"}, {**good, "Sec-Fetch-Site": "same-site"}):  # fmt: skip
        assert (await officer.act(case, 403, headers, kind="check"))["code"] == "form-not-ours", headers
    place, at = f"{PATH}/{{introduction_id}}/events", f"{PATH}/{case}/events"
    deed = json.dumps({"kind": "check"})
    plain = {"Content-Type": "text/plain"}
    assert (await officer.ask("POST", place, at, 403, data=deed, headers=plain))["code"] == "form-not-ours"
    assert (await officer.ask("POST", place, at, 415, data=deed, headers={**good, **plain}))[
        "code"
    ] == "content-type-bad"
    form = {"csrf": officer.csrf, "kind": "check"}
    assert (await officer.ask("POST", place, at, 415, data=form))["code"] == "content-type-bad"
    # Another session's token is no better than none.
    other = await caller(pair.owner.town, Role.APPROVER)
    await other.case(case)
    assert other.csrf != officer.csrf
    assert (await officer.act(case, 403, {"X-CSRF-Token": other.csrf}, kind="check"))["code"] == "form-not-ours"
    assert (await officer.case(case))["state"] == "received"
    own = {**good, "Origin": f"http://127.0.0.1:{pair.owner.town.port}", "Sec-Fetch-Site": "same-origin"}
    assert (await officer.act(case, 201, own, kind="check"))["state"] == "under_check"


async def test_roles_read_and_act_as_the_matrix_says(pair: Pair) -> None:
    """An approver reads and cannot act; an analyst and an administrator see nothing; nobody is asked to sign in."""
    case = await pair.seeker.ask(pair.profile_id)
    town = pair.seeker.town
    for role in (Role.ANALYST, Role.AUDITOR):
        someone = await caller(town, role)
        for told in (await someone.listed(403), await someone.case(case, 403), await someone.case(UNKNOWN, 403)):
            assert told["code"] == "permission-missing"
        assert (await someone.act(case, 403, {}, kind="withdraw"))["code"] == "permission-missing"
    approver = await caller(town, Role.APPROVER)
    await approver.case(case)
    assert (await approver.act(case, 403, kind="withdraw", detail="mistake"))["code"] == "permission-missing"
    nobody = await caller(town, None)
    assert (await nobody.listed(401))["code"] == "sign-in-needed"
    assert (await nobody.case(case, 401))["code"] == "sign-in-needed"
    officer = await caller(town)
    await officer.listed()
    for at in (UNKNOWN, "x"):
        assert (await officer.case(at, 404))["code"] == "introduction-unknown"
        assert (await officer.act(at, 404, kind="withdraw", detail="mistake"))["code"] == "introduction-unknown"


async def test_a_list_is_read_page_by_page_and_narrowed(pair: Pair) -> None:
    """Each case once, what changed last first; a parameter that is none, or has no such value, is refused."""
    cases = []
    for at in range(5):
        cases.append(await pair.seeker.ask(pair.profile_id, at=at))
        pair.clock.forward(seconds=1)
    officer = await caller(pair.seeker.town)
    found, cursor = [], ""
    while True:
        page = await officer.listed(limit="2", **({"cursor": cursor} if cursor else {}))
        found += [item["introduction_id"] for item in page["introductions"]]
        cursor = page["cursor"]
        if not cursor:
            break
    assert found == cases[::-1]
    for asked, count in (({"state": "sent"}, 5), ({"state": "draft"}, 0), ({"party": "owner"}, 0), ({"peer": "p_LE"}, 5), ({"peer": "cmto"}, 0), ({"waiting": "1"}, 0), ({"waiting": "0", "state": ""}, 5)):  # fmt: skip
        assert len((await officer.listed(**asked))["introductions"]) == count, asked
    for wrong in ({"state": "x"}, {"party": "both"}, {"limit": "0"}, {"limit": "201"}, {"limit": "x"}, {"waiting": "yes"}, {"cursor": "x"}, {"cursor": "MDAwMS0wMS0wMVQwMDowMDowMCswMDowMHw"}, {"more": "1"}):  # fmt: skip
        assert (await officer.listed(400, **wrong))["code"] in ("query-value-bad", "query-parameter-unknown"), wrong


async def test_names_are_in_no_list_and_no_case_before_both_consents(pair: Pair) -> None:
    """What an officer's program reads of the other side is what its page shows."""
    case = await pair.reach(*ACCEPTED, ("owner", Kind.CONSENT))
    officer = await caller(pair.seeker.town)
    shown = await officer.case(case)
    assert (shown["told"], shown["consent"]) == (None, None)
    assert CONTACT["person"] not in json.dumps(shown)
