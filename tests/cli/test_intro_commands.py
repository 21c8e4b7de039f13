"""``rete intro`` as two offices type it: from the draft to the outcome, each command with its documented keys."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from node.domain.introduction import Kind
from node.flows.introductions import asking
from node.flows.introductions.asking import Applicant, Wish
from node.i18n import moment
from node.store import registry
from node.store.reference import load_label_reference
from tests.federation_made import Clock
from tests.forked import FORGE
from tests.introductions_made import ACCEPTED, INTRODUCED, Desk, Pair, published, two_offices

TEXT = "Cerchiamo un partner per la distribuzione."
CONTACT = ("--person", "Prova Legale", "--contact-person", "Prova Referente", "--role", "referente", "--phone", "0832 000000")  # fmt: skip
BY = ("--by", "anna")


@pytest.fixture
async def pair(server: str, desk_listed: str, tmp_path: Path) -> AsyncIterator[Pair]:
    """Torino and Lecce; commands read the true clock, so theirs begins there."""
    async with two_offices(server, desk_listed, tmp_path, Clock(dt.datetime.now(dt.UTC))) as found:
        yield found


async def rete(desk: Desk, *words: str, stdin: bytes = b"") -> tuple[int, bytes, str]:
    """Run one command in an office's home; return (exit status, standard output, standard error)."""
    environment = {**os.environ, "RETE_HOME": "", "COLUMNS": "220"}
    words = ("intro", *words, "--home", str(desk.town.home))
    status, out, err = await asyncio.to_thread(FORGE.run, words, environment, stdin)
    assert b"Traceback" not in err, err.decode()
    return status, out, err.decode()


async def read(desk: Desk, *words: str) -> dict[str, Any]:
    """Run one command that must succeed, with --json."""
    status, out, err = await rete(desk, *words, "--json")
    assert status == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


async def said(desk: Desk, *words: str) -> str:
    """Run one command that must succeed, for a person."""
    status, out, err = await rete(desk, *words)
    assert status == 0, err
    return out.decode()


async def assert_refused(desk: Desk, code: str, *words: str) -> str:
    """Run one command that must be refused with a code; return what it says."""
    status, out, err = await rete(desk, *words)
    assert status != 0, out
    assert f"[{code}]" in err, err
    return err


async def drafted(pair: Pair) -> str:
    """A draft of Torino's, by command."""
    made = await read(pair.seeker, "ask", pair.profile_id, "--network", pair.seeker.networks[0], "--text", TEXT, *BY)
    assert made["state"] == "draft"
    return str(made["introduction_id"])


async def step(pair: Pair, desk: Desk, case: str, state: str, *words: str) -> None:
    """Do one thing, see where the case stands then, and let it arrive."""
    moved = await read(desk, words[0], case[:8], *words[1:], *BY)
    assert set(moved) == {"introduction_id", "state", "turn", "own_due", "other_due"}
    assert (moved["introduction_id"], moved["state"]) == (case, state)
    await pair.carry(2)


async def test_two_offices_go_from_the_draft_to_the_outcome(pair: Pair) -> None:
    """Every deed by its command; at the end each office knows the other side's contact, and both tell the same timeline."""
    torino, lecce_ = pair.seeker, pair.owner
    case = await drafted(pair)
    (listed,) = (await read(torino, "list", "--waiting"))["introductions"]
    assert (listed["introduction_id"], listed["state"], listed["party"], listed["peer"]) == (
        case,
        "draft",
        "seeker",
        "p_LE",
    )
    assert (await read(lecce_, "list"))["introductions"] == []
    await step(pair, torino, case, "sent", "endorse")
    assert (await read(torino, "list", "--waiting"))["introductions"] == []
    await step(pair, lecce_, case, "under_check", "check")
    await step(pair, lecce_, case, "info_requested", "question", "--text", "Quante imprese sono?")
    seen = await read(torino, "show", case)
    assert (seen["turn"], seen["may"], seen["events"][-2]["text"]) == (
        ["seeker"],
        ["answer", "withdraw"],
        "Quante imprese sono?",
    )
    await step(pair, torino, case, "answered", "answer", "--text", "Sono alcune.")
    await step(pair, lecce_, case, "forwarded", "forward")
    await step(pair, lecce_, case, "accepted", "accept")
    assert (await read(torino, "show", case))["told"] is None
    await step(pair, torino, case, "accepted", "consent", *CONTACT, "--yes")
    await step(pair, lecce_, case, "consented", "consent", *CONTACT, "--yes")
    await pair.carry(3)
    for desk in pair.desks:
        seen = await read(desk, "show", case)
        assert seen["state"] == "introduced"
        assert seen["told"]["identity"]["contact"]["person"] == "Prova Referente"
        assert "0832 000000" in await said(desk, "show", case)
    await step(pair, lecce_, case, "followed_up", "follow-up", "--days", "30")
    await step(pair, torino, case, "concluded", "outcome", "--outcome", "agreement")
    kinds = [[(e["by"], e["kind"]) for e in (await read(desk, "show", case))["events"]] for desk in pair.desks]
    assert kinds[0] == kinds[1]
    counts = (await read(torino, "counts"))["counts"]
    assert counts == [{"party": "seeker", "state": "concluded", "outcome": "agreement", "cases": 1, "waiting": 0}]
    assert "accordo concluso" in await said(torino, "counts")


async def test_a_consent_shows_what_leaves_and_asks_before_it_is_recorded(pair: Pair) -> None:
    """The text, the firms and the contact; «no» records nothing, «sì» does; for a program --yes answers."""
    case = await pair.reach(*ACCEPTED)
    async with pair.seeker.town.node.pool.acquire() as conn:
        record = (await registry.read_records(conn, [pair.seeker.networks[0]]))[pair.seeker.networks[0]]
    words = ("consent", case, *CONTACT, *BY)
    await assert_refused(pair.seeker, "confirmation-missing", *words, "--json")
    status, out, _ = await rete(pair.seeker, *words, stdin=b"n\n")
    assert status != 0
    for text in ("Acconsento a che questo ufficio", record.name, record.members[0].firm.name, "Prova Referente"):
        assert text in " ".join(out.decode().split()), text
    assert (await read(pair.seeker, "show", case))["consent"] is None
    status, out, err = await rete(pair.seeker, *words, stdin=b"y\n")
    assert status == 0, err
    assert (await read(pair.seeker, "show", case))["consent"]["person"] == "Prova Legale"


async def test_a_case_is_shown_with_who_asks_and_the_name_of_the_command(pair: Pair) -> None:
    """A draft names «endorse» and the firm that asks; the owner's office reads what it is, and hours are Italy's."""
    node = pair.seeker.town.node
    wish = Wish(pair.profile_id, TEXT, applicant=Applicant("Prova Ventosa", "Prova Scrivente", "prova@example.org"))
    case, _ = await asking.ask(node.office(), wish, pair.clock(), load_label_reference())
    told = await said(pair.seeker, "show", case)
    assert "endorse (Convalidare e inviare)" in told
    assert "Prova Ventosa, Prova Scrivente, prova@example.org" in told
    await pair.seeker.do(case, Kind.REQUEST)
    await pair.carry()
    told = await said(pair.owner, "show", case)
    assert "Chi chiede: impresa." in told
    assert moment(pair.clock(), "it") in " ".join(told.split())


async def test_a_consent_is_revoked_and_what_was_told_is_erased(pair: Pair) -> None:
    """The other office shows no name any more and says so."""
    case = await pair.reach(*INTRODUCED)
    assert (await read(pair.owner, "show", case))["told"]["identity"] is not None
    await step(pair, pair.seeker, case, "introduced", "revoke")
    told = (await read(pair.owner, "show", case))["told"]
    assert told["identity"] is None
    assert told["erased_at"] is not None
    assert "cancellati" in await said(pair.owner, "show", case)
    assert (await read(pair.seeker, "show", case))["consent"]["revoked_at"] is not None


async def test_a_request_is_declined_or_withdrawn_with_a_reason(pair: Pair) -> None:
    """The reason is of a closed list, and stands in the list of cases."""
    declined = await pair.reach()
    await step(pair, pair.owner, declined, "declined", "decline", "--reason", "no-capacity")
    withdrawn = await pair.reach()
    await step(pair, pair.seeker, withdrawn, "withdrawn", "withdraw", "--reason", "mistake")
    found = {
        item["introduction_id"]: item["reason"]
        for item in (await read(pair.owner, "list", "--party", "owner"))["introductions"]
    }
    assert found == {declined: "no-capacity", withdrawn: "mistake"}
    (one,) = (await read(pair.owner, "list", "--state", "declined", "--peer", "cmto"))["introductions"]
    assert one["introduction_id"] == declined
    assert (await read(pair.owner, "list", "--peer", "a_WELL"))["introductions"] == []


async def test_a_joint_project_is_one_draft_for_each_profile(pair: Pair) -> None:
    """Linked by one project; a draft is rewritten and deleted, and is no draft once it has left."""
    second = await published(pair.owner.town, pair.owner.networks[1], pair.clock())
    await pair.seeker.town.sync()
    words = ("--network", pair.seeker.networks[0], "--text", TEXT, *BY)
    made = await read(pair.seeker, "propose", pair.profile_id, second, *words)
    assert len(made["introductions"]) == 2
    shown = [await read(pair.seeker, "show", case) for case in made["introductions"]]
    assert {case["project_id"] for case in shown} == {made["project_id"]}
    assert {case["request"]["purpose"] for case in shown} == {"joint_project"}
    await assert_refused(pair.seeker, "introduction-project-size", "propose", pair.profile_id, *words)
    first, other = made["introductions"]
    await read(pair.seeker, "rewrite", first, "--text", "Altro testo.", *BY)
    assert (await read(pair.seeker, "show", first))["request"] == {**shown[0]["request"], "text": "Altro testo."}
    assert (await read(pair.seeker, "discard", other, *BY)) == {"introduction_id": other, "discarded": True}
    await assert_refused(pair.seeker, "introduction-unknown", "show", other)
    await step(pair, pair.seeker, first, "sent", "endorse")
    await assert_refused(pair.seeker, "introduction-not-now", "discard", first, *BY)
    await assert_refused(pair.seeker, "introduction-not-now", "rewrite", first, "--text", TEXT, *BY)


async def test_post_is_carried_by_hand_and_whoever_carries_it_reads_nothing(pair: Pair, tmp_path: Path) -> None:
    """Export and import in the place of the network: the case arrives, twice is once, and a wrong sender is counted by its code."""
    case = await drafted(pair)
    await read(pair.seeker, "endorse", case, *BY)
    status, raw, err = await rete(pair.seeker, "export", "p_LE")
    assert (status, "1" in err) == (0, True)
    assert json.loads(raw)["more"] is False
    assert TEXT.encode() not in raw
    file = tmp_path / "posta.json"
    file.write_bytes(raw)
    for _ in range(2):
        assert await read(pair.owner, "import", str(file), "--from", "cmto") == {
            "peer": "cmto",
            "received": 1,
            "refused": 0,
        }
    assert (await read(pair.owner, "show", case[:6]))["state"] == "received"
    status, raw, _ = await rete(pair.owner, "export", "cmto")
    assert status == 0
    status, out, _ = await rete(pair.seeker, "import", "-", "--from", "p_LE", "--json", stdin=raw)
    assert (status, json.loads(out)["refused"]) == (0, 0)
    assert (await read(pair.seeker, "show", case))["state"] == "received"
    # What Lecce wrote for Torino is nothing that Torino wrote for Lecce.
    file.write_bytes(raw)
    assert (await read(pair.owner, "import", str(file), "--from", "cmto"))["refused"] == len(json.loads(raw)["m"])
    (box,) = (await read(pair.owner, "outbox"))["boxes"]
    assert (box["peer"], box["refusals"]) == ("cmto", {"seal-sender-wrong": box["refused"]})
    assert "seal-sender-wrong" in await said(pair.owner, "outbox")
    file.write_bytes(b"{}")
    await assert_refused(pair.owner, "outbox-malformed", "import", str(file), "--from", "cmto")
    await assert_refused(pair.owner, "file-not-found", "import", str(tmp_path / "manca"), "--from", "cmto")
    for words in (("import", str(file), "--from", "a_WELL"), ("export", "a_WELL"), ("export", "p_LE")):
        await assert_refused(pair.owner, "peer-unknown", *words)


async def test_what_cannot_be_is_refused_with_its_code(pair: Pair) -> None:
    """Unknown and ambiguous beginnings, deeds out of turn, texts that name somebody, consents without a way to call."""
    case = await drafted(pair)
    await assert_refused(pair.seeker, "introduction-unknown", "show", case[:5])
    await assert_refused(pair.seeker, "introduction-unknown", "show", "ffffffff")
    await assert_refused(pair.seeker, "introduction-unknown", "show", "non-esadecimale")
    await assert_refused(pair.seeker, "introduction-not-now", "accept", case, *BY)
    await assert_refused(
        pair.seeker,
        "introduction-there",
        "ask",
        pair.profile_id,
        "--network",
        pair.seeker.networks[0],
        "--text",
        TEXT,
        *BY,
    )
    named = "Scrivere a prova@example.org"
    await assert_refused(
        pair.seeker, "text-refused", "ask", pair.profile_id, "--network", pair.seeker.networks[1], "--text", named, *BY
    )
    await assert_refused(
        pair.seeker, "profile-unknown", "ask", case, "--network", pair.seeker.networks[1], "--text", TEXT, *BY
    )
    await assert_refused(
        pair.owner,
        "introduction-own-profile",
        "ask",
        pair.profile_id,
        "--network",
        pair.owner.networks[1],
        "--text",
        TEXT,
        *BY,
    )
    await assert_refused(pair.seeker, "usage", "decline", case, "--reason", "perché no", *BY)
    await assert_refused(pair.seeker, "usage", "question", case, *BY)


async def test_a_beginning_of_two_cases_names_none(pair: Pair) -> None:
    """As many digits as it takes."""
    case = await drafted(pair)
    twin = case[:30] + ("0" if case[30] != "0" else "1") + case[31:]
    async with pair.seeker.town.node.pool.acquire() as conn:
        await conn.execute(
            "UPDATE office.introduction SET introduction_id = $2::uuid WHERE introduction_id = $1::uuid", case, twin
        )
    again = await read(pair.seeker, "ask", pair.profile_id, "--network", pair.seeker.networks[1], "--text", TEXT, *BY)
    async with pair.seeker.town.node.pool.acquire() as conn:
        await conn.execute(
            "UPDATE office.introduction SET introduction_id = $2::uuid WHERE introduction_id = $1::uuid",
            again["introduction_id"],
            case,
        )
    await assert_refused(pair.seeker, "introduction-ambiguous", "show", case[:8])
    assert (await read(pair.seeker, "show", case[:32]))["introduction_id"] == case
    assert (await read(pair.seeker, "show", twin.upper()))["introduction_id"] == twin
