"""The agreement as every member hands it on: each version for ever the same, the newest with a tag, what is open with its signatures."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path

import pytest

from node.flows.trust import agreement as flow
from node.flows.trust import council
from node.flows.trust.council_edits import Edits
from node.protocol import agreement, enrolment, metadata, proposals
from node.store import agreement as store
from node.store.postgres import Connection
from tests.agreed_made import Agreed, agreed, in_force, proposal
from tests.agreement_made import OFFICE, THREE, changes, private, proving, signed
from tests.agreement_made import node as node_of
from tests.federation_made import Clock, Town, federation

BASE = "/federation/agreement"


@pytest.fixture
def clock() -> Clock:
    """The time of the federation."""
    return Clock()


@pytest.fixture
async def made(server: str, tmp_path: Path, clock: Clock) -> AsyncIterator[Agreed]:
    """Two nodes that follow one agreement."""
    async with agreed(server, tmp_path, clock, ("p_LE", "bic-lazio")) as both:
        yield both


async def get(town: Town, path: str, **headers: str) -> tuple[int, bytes, Mapping[str, str]]:
    """Ask a node without any signature; return status, body, headers."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with town.session.get(f"{town.node.public_url}{BASE}/{path}", headers=named) as reply:
        return reply.status, await reply.read(), reply.headers


async def test_every_version_is_handed_on_as_it_came(made: Agreed) -> None:
    """The first as it was pinned, each later one for ever; the newest under a tag that is the digest; beyond it there is nothing."""
    lecce, _ = made
    status, body, headers = await get(lecce, "latest")
    assert (status, body, headers["Content-Type"]) == (200, made.first, "application/json")
    assert headers["ETag"] == f'"{in_force(lecce.node).digest}"'
    assert (headers["Cache-Control"], headers["Rete-Routine"]) == ("no-cache", "none")
    raw = proposal(lecce.node, Edits(terms={"k_min": 7}), *THREE)
    await flow.apply(lecce.node.pool, council.place_of(lecce.node.agreement), raw, lecce.node.clock())
    assert (await get(lecce, "latest"))[1] == raw
    for number, document in ((1, made.first), (2, raw)):
        status, body, headers = await get(lecce, f"{number}.root.json")
        assert (status, body) == (200, document)
        assert "immutable" in headers["Cache-Control"]
    for path in ("3.root.json", "2147483648.root.json", "9999999999.root.json"):
        status, body, _ = await get(lecce, path)
        assert status == 404
        assert b"agreement-version-unknown" in body
    for path in ("0.root.json", "01.root.json", "99999999999.root.json", "x.root.json", "1.root.json.x"):
        assert (await get(lecce, path))[0] == 404


async def test_whoever_has_it_is_answered_without_a_body(made: Agreed) -> None:
    """304 for the newest and for any other; the header of routine changes is there all the same."""
    lecce, _ = made
    etag = f'"{agreement.parse(made.first).digest}"'
    for path in ("latest", "1.root.json"):
        status, body, headers = await get(lecce, path, If_None_Match=etag)
        assert (status, body, headers["ETag"]) == (304, b"", etag)
    assert (await get(lecce, "latest", If_None_Match=etag))[2]["Rete-Routine"] == "none"
    assert (await get(lecce, "latest", If_None_Match='"other"'))[0] == 200


async def test_routine_changes_and_what_is_open_are_handed_on(made: Agreed, clock: Clock) -> None:
    """None yet: 404, and an empty list; then the document, and each proposal with its signatures."""
    lecce, _ = made
    status, body, _ = await get(lecce, "routine")
    assert (status, b"routine-none" in body) == (404, True)
    assert proposals.parse((await get(lecce, "proposals"))[1]) == []
    routine = changes(3, by=OFFICE[:2])
    place = council.place_of(lecce.node.agreement)
    await flow.apply_routine(lecce.node.pool, place, routine, clock())
    assert (await get(lecce, "routine"))[:2] == (200, routine)
    [digest] = place.membership.roll.routines
    assert (await get(lecce, "latest"))[2]["Rete-Routine"] == digest
    assert (await get(lecce, f"routine/{digest}"))[:2] == (200, routine)
    assert (await get(lecce, f"routine/{'0' * 64}"))[0] == 404
    raw = proposal(lecce.node, Edits(terms={"k_min": 7}), THREE[0])
    await council.receive(lecce.node.pool, place, raw, clock())
    status, body, headers = await get(lecce, "proposals")
    [told] = proposals.parse(body)
    draft = agreement.parse(told)
    assert agreement.signers(draft, in_force(lecce.node).council) == agreement.signers(
        agreement.parse(raw), draft.council
    )
    assert (await get(lecce, "proposals", If_None_Match=headers["ETag"]))[0] == 304


async def test_whether_a_request_waits_is_told_and_no_more(made: Agreed, clock: Clock) -> None:
    """Pending or gone; nothing of what stands in it."""
    lecce, _ = made
    fingerprint = "ab" * 32
    assert (await get(lecce, f"requests/{fingerprint}"))[0] == 404
    async with lecce.node.pool.acquire() as conn:
        await store.put_request(conn, fingerprint, b"{}", clock(), store.Asker("p_AR", "ar.example", b""))
    assert (await get(lecce, f"requests/{fingerprint}"))[:2] == (200, b'{"status": "pending"}')


async def test_the_list_of_proposals_is_made_once_for_all_who_ask(
    made: Agreed, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tag that is known costs no document; twenty that ask at once make it once, off the loop; a signature more makes it anew."""
    lecce, _ = made
    place = council.place_of(lecce.node.agreement)
    raw = proposal(lecce.node, Edits(suspend=("bic-lazio",)))
    await council.receive(lecce.node.pool, place, signed(raw, THREE[:1]), clock())
    threads: list[int] = []
    merge = metadata.with_signatures

    def counted(raw: bytes, more: Iterable[tuple[str, str]]) -> bytes:
        threads.append(threading.get_ident())
        return merge(raw, more)

    monkeypatch.setattr(metadata, "with_signatures", counted)
    answers = await asyncio.gather(*(get(lecce, "proposals") for _ in range(20)))
    etags = {headers["ETag"] for _, _, headers in answers}
    assert (len(threads), len(etags), {status for status, _, _ in answers}) == (1, 1, {200})
    assert threading.get_ident() not in threads
    (etag,) = etags
    assert (await get(lecce, "proposals", If_None_Match=etag))[0] == 304
    assert len(threads) == 1
    async with lecce.node.pool.acquire() as conn:
        (kept,) = await store.read_proposals(conn)
        await store.put_signatures(conn, kept.digest, [agreement.sign(raw, private(THREE[1]))], clock())
    status, body, headers = await get(lecce, "proposals", If_None_Match=etag)
    assert (status, headers["ETag"] != etag, len(threads)) == (200, True, 2)
    assert len(agreement.parse(proposals.parse(body)[0]).signatures) == 2


async def test_a_stranger_s_request_costs_no_reading_of_the_agreement(
    made: Agreed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taken, and refused once it has expired, by what the process lives by: whoever sends many makes nobody read megabytes."""
    lecce, _ = made
    asked = enrolment.make(node_of("arezzo", rev=1), proving("arezzo"))

    async def read_latest(_: Connection) -> None:
        pytest.fail("read")

    async def post() -> tuple[int, bytes]:
        url, headers = f"{lecce.node.public_url}{BASE}/requests", {"Content-Type": "application/json"}
        async with lecce.session.post(url, data=asked, headers=headers) as reply:
            return reply.status, await reply.read()

    monkeypatch.setattr(store, "read_latest", read_latest)
    assert [(await post())[0] for _ in range(2)] == [201, 200]
    monkeypatch.undo()
    place = council.place_of(lecce.node.agreement)
    soon = Edits(expires=lecce.node.clock().replace(microsecond=0))
    await flow.apply(lecce.node.pool, place, proposal(lecce.node, soon, *THREE), lecce.node.clock())
    monkeypatch.setattr(store, "read_latest", read_latest)
    status, body = await post()
    assert (status, b"agreement-expired" in body) == (409, True)


async def test_where_members_are_tables_there_is_none(server: str, tmp_path: Path, clock: Clock) -> None:
    """404 with its code, for all of it, and hints of an agreement wake nobody."""
    async with federation(server, tmp_path, clock, ("p_LE", "bic-lazio")) as (lecce, bic):
        for path in ("latest", "1.root.json", "proposals"):
            status, body, _ = await get(lecce, path)
            assert (status, b"agreement-none" in body) == (404, True)
        hint = b'{"agreement":2,"o":"%s","routine":[]}' % bic.node.own.origin.encode()
        url = f"{lecce.node.public_url}/federation/hint"
        async with lecce.session.post(url, data=hint, headers={"Content-Type": "application/json"}) as reply:
            assert reply.status == 404
        assert lecce.node.agreement is None
        assert lecce.node.config is lecce.node.configured
