"""Mails about introductions, to a real mail server: what waits is told once, the last day to a second address, and no name ever."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from node.domain.days import day_number
from node.domain.introduction import Kind, State
from node.errors import RoadWrongError
from node.flows.introductions import asking, remind
from node.flows.introductions.asking import Applicant, Wish
from node.flows.introductions.casework import Office
from node.flows.profiles import publish
from node.peers.mail import MailServer
from node.store import introduction_notices
from node.store.reference import load_label_reference
from tests.federation_made import Clock
from tests.introductions_made import ACCEPTED, INTRODUCED, Desk, Pair, two_offices
from tests.mail_made import Sink, mail_sink

FIRST, SECOND, URL = "ufficio@example.org", "dirigente@example.org", "https://lecce.example.it"


@pytest.fixture
async def pair(server: str, desk_listed: str, tmp_path: Path) -> AsyncIterator[Pair]:
    """Torino and Lecce."""
    async with two_offices(server, desk_listed, tmp_path, Clock()) as found:
        yield found


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    """A mail server."""
    async with mail_sink() as found:
        yield found


@dataclass
class Teller:
    """What tells one office's people."""

    desk: Desk
    sink: Sink
    mail: str = FIRST
    escalation: str = SECOND
    has_server: bool = True

    @property
    def office(self) -> Office:
        """The office, with its addresses."""
        made = self.desk.town.node.office()
        section = dataclasses.replace(
            made.config.introductions, mail=self.mail, escalation_mail=self.escalation, requests=True
        )
        return dataclasses.replace(made, configured=dataclasses.replace(made.config, introductions=section))

    async def tell(self) -> list[str]:
        """Tell; return who got a mail now."""
        before = len(self.sink.recipients)
        server = MailServer("127.0.0.1", self.sink.port, "none", "", "rete@lecce.example.it")
        await remind.tell(self.office, lambda: server if self.has_server else None, URL, self.desk.clock())
        return self.sink.recipients[before:]


async def test_what_waits_is_told_in_one_mail_and_not_twice(pair: Pair, sink: Sink) -> None:
    """Three requests that arrived are one mail; the next turn tells nothing, and what the office does itself is no news to it."""
    owner, seeker = Teller(pair.owner, sink), Teller(pair.seeker, sink)
    cases = [await pair.seeker.ask(pair.profile_id, at=at) for at in range(3)]
    await pair.carry()
    assert await owner.tell() == [FIRST]
    assert "3" in sink.messages[-1]["Subject"]
    assert await owner.tell() == []
    await pair.owner.do(cases[0], Kind.CHECK)
    assert await owner.tell() == []
    assert await seeker.tell() == []
    for number in (1, 2):
        await pair.owner.do(cases[0], Kind.QUESTION, "Quante imprese sono?")
        assert await owner.tell() == []
        await pair.carry()
        assert await seeker.tell() == [FIRST], number
        pair.clock.forward(seconds=1)
        await pair.seeker.do(cases[0], Kind.ANSWER, "Sono alcune.")
        await pair.carry()
        # Also the second question and the second answer of the same day.
        assert (await owner.tell(), await seeker.tell()) == ([FIRST], []), number


async def test_names_that_arrived_and_names_that_went_are_told(pair: Pair, sink: Sink) -> None:
    """Both offices are told once that the networks are introduced; the one whose names had to be erased is told that, too."""
    owner, seeker = Teller(pair.owner, sink), Teller(pair.seeker, sink)
    case = await pair.reach(*ACCEPTED)
    assert await seeker.tell() == [FIRST]
    await owner.tell()
    for desk in pair.desks:
        await desk.do(case, Kind.CONSENT)
        await pair.carry()
    assert (await owner.tell(), await seeker.tell()) == ([FIRST], [FIRST])
    assert (await owner.tell(), await seeker.tell()) == ([], [])
    await pair.seeker.do(case, Kind.REVOKE)
    await pair.carry()
    assert (await owner.tell(), await seeker.tell()) == ([FIRST], [])


async def test_an_end_is_told_to_who_did_not_bring_it(pair: Pair, sink: Sink) -> None:
    """A refusal to the office that asked, and not to the one that refused."""
    owner, seeker = Teller(pair.owner, sink), Teller(pair.seeker, sink)
    case = await pair.reach()
    assert await owner.tell() == [FIRST]
    await pair.owner.do(case, Kind.DECLINE, detail="other")
    await pair.carry()
    assert (await owner.tell(), await seeker.tell()) == ([], [FIRST])
    assert await seeker.tell() == []


async def test_whoever_ends_a_case_is_not_told_that_it_ended(pair: Pair, sink: Sink) -> None:
    """A withdrawal, a consent taken back, an outcome: news to the other office alone; a day that was over is news to both."""
    owner, seeker = Teller(pair.owner, sink), Teller(pair.seeker, sink)
    told = {}
    for at, (steps, who, kind, detail) in enumerate(
        (
            ((), "seeker", Kind.WITHDRAW, "other"),
            ((*ACCEPTED, ("owner", Kind.CONSENT)), "owner", Kind.REVOKE, ""),
            (INTRODUCED, "seeker", Kind.OUTCOME, "agreement"),
        )
    ):
        case = await pair.reach(*steps, at=at)
        await owner.tell()
        await seeker.tell()
        await getattr(pair, who).do(case, kind, detail=detail)
        await pair.carry()
        told[kind] = (await owner.tell(), await seeker.tell())
    assert told == {Kind.WITHDRAW: ([FIRST], []), Kind.REVOKE: ([], [FIRST]), Kind.OUTCOME: ([FIRST], [])}


async def test_a_profile_that_was_withdrawn_is_told_to_both(pair: Pair, sink: Sink) -> None:
    """Whoever withdraws a profile ends contacts that they may not have thought of."""
    owner, seeker = Teller(pair.owner, sink), Teller(pair.seeker, sink)
    await pair.reach()
    await owner.tell()
    node = pair.owner.town.node
    await publish.withdraw(node.pool, node.own, pair.profile_id, "anna", pair.clock())
    await pair.owner.due()
    await pair.carry()
    assert (await owner.tell(), await seeker.tell()) == ([FIRST], [FIRST])


async def test_a_consent_that_is_gone_is_news_to_the_office_whose_node_took_it_back(pair: Pair, sink: Sink) -> None:
    """The node revokes by itself where nothing may be told any more: nobody of its office has decided that."""
    owner, seeker = Teller(pair.owner, sink), Teller(pair.seeker, sink)
    case = await pair.reach(*ACCEPTED, ("owner", Kind.CONSENT))
    for teller in (owner, seeker):
        await teller.tell()
    async with pair.owner.town.node.pool.acquire() as conn:
        await conn.execute("DELETE FROM office.introduction_consent")
    await pair.seeker.do(case, Kind.CONSENT)
    await pair.carry()
    assert (await pair.owner.read(case)).case.state is State.WITHDRAWN
    assert (await owner.tell(), await seeker.tell()) == ([FIRST], [FIRST])


async def test_more_cases_than_a_page_are_told_whole(pair: Pair, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """Page after page, in one mail."""
    monkeypatch.setattr(remind, "PAGE", 2)
    for at in range(4):
        await pair.seeker.ask(pair.profile_id, at=at)
    await pair.carry()
    owner = Teller(pair.owner, sink)
    assert await owner.tell() == [FIRST]
    assert "4" in sink.messages[-1]["Subject"]
    assert await owner.tell() == []


async def test_the_end_of_a_step_is_told_to_both_and_its_last_day_goes_up(pair: Pair, sink: Sink) -> None:
    """Two days before, both offices; on the last day the office in turn and its second address, each once; afterwards the end."""
    owner, seeker = Teller(pair.owner, sink), Teller(pair.seeker, sink)
    case = await pair.reach()
    due = (await pair.owner.read(case)).case.due
    await owner.tell()
    told: dict[int, tuple[list[str], list[str]]] = {}
    (day,) = due.values()
    while (left := day - day_number(pair.clock().date())) >= 0:
        found = (await owner.tell(), await seeker.tell())
        if any(found):
            told[left] = found
        assert (await owner.tell(), await seeker.tell()) == ([], [])
        pair.clock.forward(days=1)
    assert told == {2: ([FIRST], [FIRST]), 0: ([FIRST, SECOND], [])}
    raised = sink.messages[-1]
    assert "ultimo giorno" in raised.get_content()
    assert "last day" in raised.get_content()
    await pair.owner.due()
    await pair.carry()
    assert (await owner.tell(), await seeker.tell()) == ([FIRST], [FIRST])


async def test_an_address_that_is_refused_does_not_repeat_the_other_s_mail(pair: Pair, sink: Sink) -> None:
    """The first address is told once though the second is refused again and again; once it is accepted it is told."""
    owner = Teller(pair.owner, sink)
    case = await pair.reach()
    await owner.tell()
    (day,) = (await pair.owner.read(case)).case.due.values()
    pair.clock.forward(days=day - day_number(pair.clock().date()))
    before = len(sink.recipients)
    good = MailServer("127.0.0.1", sink.port, "none", "", "rete@lecce.example.it")

    def server() -> MailServer:
        # From the second message on, nobody is known here.
        if len(sink.recipients) > before:
            sink.answers["RCPT"] = "550 nobody here"
        return good

    for _ in range(2):
        with pytest.raises(RoadWrongError) as refused:
            await remind.tell(owner.office, server, URL, pair.clock())
        assert refused.value.code == "mail-refused"
    assert sink.recipients[before:] == [FIRST]
    sink.answers.clear()
    assert await owner.tell() == [SECOND]
    assert await owner.tell() == []


async def test_a_mail_holds_no_name_no_identifier_and_no_word_of_a_case(pair: Pair, sink: Sink) -> None:
    """How much and where, in two languages, and the address of the list."""
    owner = Teller(pair.owner, sink)
    case = await pair.reach(*INTRODUCED)
    assert await owner.tell() == [FIRST]
    opened = await pair.owner.read(case)
    raw = sink.raw[-1].decode() + str(sink.messages[-1]["Subject"]) + sink.messages[-1].get_content()
    assert opened.told is not None
    assert opened.told.identity is not None
    names = [opened.told.identity["name"], *(m["name"] for m in opened.told.identity["members"])]
    for word in (case, case[:8], pair.profile_id, pair.seeker.id, "Prova Referente", "partner", *names):
        assert word not in raw, word
    assert raw.count(f"{URL}/ufficio/contatti") >= 2


async def test_nothing_is_told_where_nobody_is_to_be_told(pair: Pair, sink: Sink) -> None:
    """Without an address, and without a server; what waits then is told when both are there."""
    await pair.reach()
    assert await Teller(pair.owner, sink, mail="").tell() == []
    assert await Teller(pair.owner, sink, has_server=False).tell() == []
    assert await Teller(pair.owner, sink, escalation="").tell() == [FIRST]


async def test_a_firm_s_request_is_told_and_an_officer_s_draft_is_not(pair: Pair, sink: Sink) -> None:
    """Who wrote a draft knows of it; a firm's has been seen by nobody."""
    seeker = Teller(pair.seeker, sink)
    text, reference = "Cerchiamo un partner.", load_label_reference()
    wish = Wish(pair.profile_id, text, network_id=pair.seeker.networks[0])
    await asking.begin(seeker.office, wish, "anna", pair.clock(), reference)
    assert await seeker.tell() == []
    firm = Applicant("Prova Impresa", "Prova Titolare", "prova@example.org")
    await asking.ask(seeker.office, Wish(pair.profile_id, text, applicant=firm), pair.clock(), reference)
    assert await seeker.tell() == [FIRST]
    assert "Impresa" not in sink.raw[-1].decode()


async def test_a_follow_up_is_told_when_its_day_comes(pair: Pair, sink: Sink) -> None:
    """After 30, 90 and 180 days, once each."""
    owner = Teller(pair.owner, sink)
    await pair.reach(*INTRODUCED)
    await owner.tell()
    told, days = [], 0
    for days in range(0, 200, 5):
        if await owner.tell():
            told.append(days)
        pair.clock.forward(days=5)
    assert told == [30, 90, 180]
    assert days == 195


async def test_a_follow_up_that_was_told_is_waited_for_no_more(pair: Pair, sink: Sink) -> None:
    """By this office: the other's own is still to come."""
    owner, seeker = Teller(pair.owner, sink), Teller(pair.seeker, sink)
    case = await pair.reach(*INTRODUCED)
    pair.clock.forward(days=30)
    await pair.owner.do(case, Kind.FOLLOW_UP, detail="30")
    await pair.carry()
    # With the names that arrived, which are news of a month ago.
    async with pair.owner.town.node.pool.acquire() as conn:
        words = {word for found in await introduction_notices.untold(conn, pair.clock(), remind.NO_CASE, 9) for word in remind.words_of(found, pair.clock())}  # fmt: skip
    assert not [word for word in words if word.startswith(remind.FOLLOW_UP)]
    assert await seeker.tell() == [FIRST]
    pair.clock.forward(days=60)
    await owner.tell()
    assert (await owner.tell(), await seeker.tell()) == ([], [FIRST])
