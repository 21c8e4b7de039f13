"""Joining a federation: from an empty folder to the first hits, with real processes, and everything that stops on the way."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from node import runtime
from node.errors import PeerWrongError
from node.flows.trust import agreement_pull, council, join
from node.flows.trust.council_edits import Edits
from node.flows.upkeep.home import make_home
from node.peers.client import PeerClient
from node.protocol import agreement, limits
from node.store import agreement as store
from node.store import pin
from tests.agreed_made import CONTACT, Agreed, agreed, facts_of, in_force, proposal, request_of
from tests.agreement_made import THREE, signed
from tests.cli.test_agreement_commands import done, refused, rete, write_key
from tests.cli.test_serve import ROOT, until_told
from tests.federation_made import Town, free_ports, new_database


@pytest.fixture
async def two(server: str, tmp_path: Path) -> AsyncIterator[Agreed]:
    """Two nodes that follow one agreement, both serving."""
    async with agreed(server, tmp_path / "nodes", runtime.utc_now, ("p_LE", "cmto")) as made:
        yield made


class Arezzo:
    """An administration that wants to join, by the words it types."""

    def __init__(self, folder: Path, database: str) -> None:
        """Nothing is there yet."""
        self.home = folder / "arezzo"
        (self.port,) = free_ports(1)
        self.options = (
            *("--id", "p_AR", "--name", "Provincia di Arezzo", "--territory", "AR", "--contact", CONTACT),
            *("--authority", f"127.0.0.1:{self.port}", "--port", str(self.port), "--database-url", database),
        )

    async def join(self, town: Town, *more: str) -> dict[str, Any]:
        """Join by a node, which must succeed."""
        return await done("join", url_of(town), *self.options, *more, home=self.home)

    async def stopped(self, town: Town, *more: str) -> str:
        """Join by a node, which must fail; return the code."""
        return await refused("join", url_of(town), *self.options, *more, home=self.home)


def url_of(town: Town) -> str:
    """The address of a node."""
    return f"http://127.0.0.1:{town.port}"


def words_of(town: Town) -> str:
    """What the secretariat says by telephone."""
    raw = pin.read(town.home)
    assert raw is not None
    return " ".join(join.words_of(agreement.first(raw)))


@pytest.fixture
async def arezzo(server: str, tmp_path: Path) -> Arezzo:
    """An administration that wants to join."""
    return Arezzo(tmp_path, await new_database(server))


@asynccontextmanager
async def serving(home: Path, log: Path) -> AsyncIterator[None]:
    """``rete serve`` in a process of its own."""
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-u", "-m", "node", "serve", "--home", str(home)), cwd=ROOT, stdout=out, stderr=out
        )
    try:
        await until_told(log, "in ascolto")
        yield
    finally:
        # Shown only when the test fails.
        sys.stdout.write(log.read_text(encoding="utf-8"))
        if process.returncode is None:
            process.terminate()
            await process.wait()


async def found_by(home: Path) -> int:
    """How many profiles a node finds."""
    status, found, err = await rete("search", "--json", home=home)
    assert status == 0, err
    return len(found["hits"])


@pytest.mark.timeout(180)
async def test_an_administration_joins_is_admitted_and_finds_what_others_published(
    two: Agreed, arezzo: Arezzo, tmp_path: Path
) -> None:
    """From an empty folder: words compared, a request, two signatures; the running node learns it and pulls by itself."""
    lecce, _ = two
    await lecce.publish(3)
    joined = await arezzo.join(lecce, "--expect", words_of(lecce))
    assert (joined["state"], joined["version"], joined["id"], joined["error_code"]) == ("pending", 1, "p_AR", "")
    assert (arezzo.home / "agreement" / "1.root.json").read_bytes() == two.first
    assert (await done("join", "--status", home=arezzo.home))["state"] == "pending"
    (waiting,) = (await done("agreement", "requests", home=lecce.home))["requests"]
    assert (waiting["words"], waiting["contact"]) == (joined["words"], CONTACT)
    async with serving(arezzo.home, tmp_path / "log"):
        assert await found_by(arezzo.home) == 0
        file = tmp_path / "2.json"
        made = await done("agreement", "propose", "--admit", waiting["fingerprint"][:12], "-o", file, home=lecce.home)
        assert any("entra: Provincia di Arezzo (p_AR)" in sentence for sentence in made["differences"])
        assert [(one["id"], one["words"]) for one in made["admitted"]] == [("p_AR", joined["words"])]
        # The same form of each key in the request and in what is signed.
        told = "\n".join(made["differences"])
        assert all(f"impronta {key['fingerprint']}" in told for key in waiting["keys"])
        for name in THREE[:2]:
            write_key(tmp_path / f"{name}.key", name)
            await done("agreement", "sign", file, "--key", tmp_path / f"{name}.key", "--yes", home=lecce.home)
        assert (await done("agreement", "submit", file, home=lecce.home))["applied"]
        # The server of Lecce, which has its timers in other tests, tells the others.
        await told_by(lecce)
        async with asyncio.timeout(60):
            while await found_by(arezzo.home) < 3:  # noqa: ASYNC110 - another process pulls
                await asyncio.sleep(0.2)
        status = await done("join", "--status", home=arezzo.home)
        assert (status["state"], status["version"]) == ("admitted", 2)
    assert (await done("agreement", "requests", home=lecce.home))["requests"] == []


async def told_by(town: Town) -> None:
    """One turn of the job that hears and hints versions."""
    road = town.node.agreement_road(town.session, town.node.own.origin)
    memory = agreement_pull.Memory()
    await agreement_pull.refresh(road, memory, town.node.clock())


async def test_other_words_than_the_expected_ones_leave_nothing(two: Agreed, arezzo: Arezzo) -> None:
    """No pin, no home, no request: whoever answers at an address is not believed for that."""
    lecce, _ = two
    words = words_of(lecce).split()
    wrong = " ".join([words[1], words[0], *words[2:]]) if words[0] != words[1] else " ".join(words[:-1])
    assert await arezzo.stopped(lecce, "--expect", wrong) == "agreement-words-differ"
    assert await arezzo.stopped(lecce) == "confirmation-missing"
    assert not arezzo.home.exists()
    async with lecce.node.pool.acquire() as conn:
        assert await store.read_requests(conn) == []


async def test_a_request_that_is_dropped_is_seen_by_who_made_it(two: Agreed, arezzo: Arezzo) -> None:
    """It waits, it is let fall, it is made again: the same words, so that nobody has to compare twice."""
    lecce, _ = two
    first = await arezzo.join(lecce, "--yes")
    fingerprint = first["fingerprint"]
    assert (await done("agreement", "requests", "--drop", fingerprint[:8], home=lecce.home))["dropped"] == fingerprint
    assert (await done("join", "--status", home=arezzo.home))["state"] == "gone"
    again = await done("join", url_of(lecce), "--yes", home=arezzo.home)
    assert (again["state"], again["words"]) == ("pending", first["words"])
    file = arezzo.home / "agreement" / "copy.json"
    await done("agreement", "requests", "--save", " ".join(first["words"].split()[:8]), str(file), home=lecce.home)
    assert file.read_bytes() == (arezzo.home / "agreement" / "request.json").read_bytes()
    await lecce.stop()
    assert (await done("join", "--status", home=arezzo.home))["state"] == "unknown"


async def test_a_chain_of_versions_is_verified_and_applied(two: Agreed, arezzo: Arezzo, tmp_path: Path) -> None:
    """Whoever joins late lives by the newest version; a member that shows a version nobody signed is not followed."""
    lecce, _ = two
    place = council.place_of(lecce.node.agreement)
    for edits in (Edits(suspend=("cmto",)), Edits(readmit=("cmto",)), Edits(terms={"k_min": 6})):
        await council.apply(lecce.node.pool, place, proposal(lecce.node, edits, *THREE), lecce.node.clock())
    digest = agreement.first(two.first).digest
    assert await arezzo.stopped(lecce, "--expect", digest[:-1]) == "agreement-words-differ"
    # All the digits, as they may be read out.
    assert (await arezzo.join(lecce, "--expect", f"{digest[:32]} {digest[32:].upper()}"))["version"] == 4
    shown = await done("agreement", "show", home=arezzo.home)
    assert (shown["version"], shown["terms"]["k_min"], shown["digest"]) == (4, 6, in_force(lecce.node).digest)
    async with lecce.node.pool.acquire() as conn:
        short = signed(proposal(lecce.node, Edits(terms={"k_min": 7})), THREE[:1])
        await store.insert_document(conn, 5, "0" * 64, short, lecce.node.clock())
    other = Arezzo(tmp_path / "other", "")
    assert await other.stopped(lecce, "--yes") == "agreement-unsigned"
    # The first one is compared before the others are read.
    assert await other.stopped(lecce, "--expect", "0" * 64) == "agreement-words-differ"
    assert not other.home.exists()


@pytest.mark.parametrize(("limit", "value"), [("JOIN_MAX_VERSIONS", 2), ("JOIN_MAX_BYTES", 9_999), ("JOIN_MAX_S", 0.0)])
async def test_a_chain_without_end_is_not_read(
    two: Agreed, monkeypatch: pytest.MonkeyPatch, limit: str, value: float
) -> None:
    """So many versions, bytes, seconds, and no more; what is within them is read."""
    lecce, _ = two
    place = council.place_of(lecce.node.agreement)
    for k_min in (6, 7):
        raw = proposal(lecce.node, Edits(terms={"k_min": k_min}), *THREE)
        await council.apply(lecce.node.pool, place, raw, lecce.node.clock())
    async with lecce.node.session() as session:
        client = PeerClient(session, url_of(lecce))
        first = await join.begin(client)
        assert (await join.fetch(client, first, lecce.node.clock())).newest.version == 3
        monkeypatch.setattr(limits, limit, value)
        with pytest.raises(PeerWrongError) as endless:
            await join.fetch(client, first, lecce.node.clock())
        assert endless.value.code == "join-chain-too-long"


async def test_one_question_catches_up_as_far_as_one_refresh(two: Agreed, monkeypatch: pytest.MonkeyPatch) -> None:
    """A member that has more and more versions does not keep a command from ending."""
    lecce, torino = two
    place, behind = (council.place_of(town.node.agreement) for town in two)
    for k_min in (6, 7, 8):
        raw = proposal(lecce.node, Edits(terms={"k_min": k_min}), *THREE)
        await council.apply(lecce.node.pool, place, raw, lecce.node.clock())
    monkeypatch.setattr(limits, "AGREEMENT_MAX_STEPS", 2)
    async with torino.node.session() as session:
        client = PeerClient(session, url_of(lecce))
        for version in (3, 4, 4):
            await join.catch_up(client, torino.node.pool, behind, torino.node.clock())
            assert behind.in_force.agreement.version == version


async def test_who_joins_by_an_expired_version_is_warned(two: Agreed, arezzo: Arezzo) -> None:
    """The newest that a node gives may have ended, or the node may hide what came after: version and expiry are said."""
    lecce, _ = two
    place = council.place_of(lecce.node.agreement)
    soon = Edits(expires=runtime.utc_now().replace(microsecond=0))
    await council.apply(lecce.node.pool, place, proposal(lecce.node, soon, *THREE), lecce.node.clock())
    status, told, _ = await rete("join", url_of(lecce), *arezzo.options, "--yes", home=arezzo.home)
    assert status == 0
    said = " ".join(told["text"].split())
    assert f"versione 2, che scade il {soon.expires:%d/%m/%Y}" in said
    assert "ATTENZIONE: è SCADUTA" in said
    again = await done("join", url_of(lecce), "--yes", home=arezzo.home)
    assert (again["version"], again["expired"], again["error_code"]) == (2, True, "agreement-expired")


async def test_what_stops_before_anything_is_made(two: Agreed, arezzo: Arezzo, server: str, tmp_path: Path) -> None:
    """A bad address, nobody there, a node without agreement, missing options, an id that is taken, nothing asked yet."""
    lecce, _ = two
    assert await refused("join", "lecce.example.it", home=arezzo.home) == "peer-url-bad"
    assert await refused("join", url_of(lecce), "--yes", home=arezzo.home) == "join-option-missing"
    (nobody,) = free_ports(1)
    assert await refused("join", f"http://127.0.0.1:{nobody}", *arezzo.options, home=arezzo.home) == "road-refused"
    assert await arezzo.stopped(lecce, "--yes", "--id", "p_LE") == "join-id-taken"
    assert await arezzo.stopped(lecce, "--yes", "--territory", "XX") == "config-bad-value"
    assert await arezzo.stopped(lecce, "--yes", "--contact", "") == "contact-missing"
    assert not arezzo.home.exists()
    alone = tmp_path / "alone"
    make_home(alone, facts_of("p_BA", free_ports(1)[0], await new_database(server)))
    assert await refused("join", "--status", home=alone) == "join-not-asked"


async def test_the_route_takes_requests_whose_keys_are_proved_and_no_others(
    two: Agreed, arezzo: Arezzo, server: str, tmp_path: Path
) -> None:
    """201 for a new one, 200 for a known one, 422 for one whose keys are not proved, 409 once the agreement has expired."""
    lecce, _ = two
    home = tmp_path / "home"
    make_home(home, facts_of("p_AR", arezzo.port, ""))
    asked = request_of(home, runtime.utc_now())
    async with aiohttp.ClientSession() as session:

        async def post(raw: bytes) -> tuple[int, str]:
            headers = {"Content-Type": "application/json"}
            async with session.post(url_of(lecce) + join.REQUESTS, data=raw, headers=headers) as reply:
                body = await reply.json()
                return reply.status, body.get("code") or body["fingerprint"]

        assert await post(asked.raw) == (201, asked.fingerprint)
        assert await post(asked.raw) == (200, asked.fingerprint)
        assert await post(asked.raw.replace(b'"p_AR"', b'"p_TO"')) == (422, "enrolment-unproved")
        assert await post(b"{}") == (422, "enrolment-malformed")
        assert await post(b" " * 70_000) == (413, "request-too-large")
        place = council.place_of(lecce.node.agreement)
        # The council may give its agreement an end that is near.
        soon = Edits(expires=runtime.utc_now().replace(microsecond=0))
        await council.apply(lecce.node.pool, place, proposal(lecce.node, soon, *THREE), lecce.node.clock())
        assert await post(asked.raw) == (409, "agreement-expired")


async def test_a_node_that_takes_no_requests_leaves_the_file_to_be_sent(two: Agreed, arezzo: Arezzo) -> None:
    """The home is whole and pinned, and the command says where the request is and why it did not arrive."""
    lecce, _ = two
    async with lecce.node.pool.acquire() as conn:
        for number in range(store.REQUESTS_KEPT):
            asker = store.Asker(f"n{number}", f"n{number}.example", b"")
            await store.put_request(conn, f"{number:064x}", b"x", lecce.node.clock(), asker)
        await store.look_at_requests(
            conn, [f"{number:064x}" for number in range(store.REQUESTS_KEPT)], runtime.utc_now()
        )
    joined = await arezzo.join(lecce, "--yes")
    assert (joined["state"], joined["error_code"]) == ("unknown", "enrolment-too-many")
    assert Path(joined["request"]).is_file()
    assert (await done("agreement", "show", home=arezzo.home))["version"] == 1
