"""A node that moves to another address: its log keeps its name, both addresses are known for a while, the next year's log begins there."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from node import runtime
from node.errors import OperatorError
from node.flows.logs import epoch
from node.flows.trust import council
from node.flows.trust.council_edits import Edits
from node.protocol import body, request
from node.store import origins
from tests.agreed_made import Agreed, agreed, proposal
from tests.agreement_made import THREE
from tests.federation_made import Clock, Town, federation, free_ports

IDS = ("p_LE", "cmto", "bic-lazio")


@pytest.fixture
def clock() -> Clock:
    """The time of the federation."""
    return Clock()


@pytest.fixture
async def three(server: str, tmp_path: Path, clock: Clock) -> AsyncIterator[Agreed]:
    """Three nodes that follow one agreement, all serving."""
    async with agreed(server, tmp_path, clock, IDS) as made:
        yield made


async def agree_to(port: int, by: Town, *towns: Town) -> None:
    """Have the council give a node another address, and the nodes hear of it."""
    raw = proposal(by.node, Edits(move=((by.id, f"http://127.0.0.1:{port}"),)), *THREE)
    for town in towns:
        place = council.place_of(town.node.agreement)
        assert (await council.receive(town.node.pool, place, raw, town.node.clock())).applied


def rename(town: Town, port: int) -> None:
    """Write another address into a home's configuration, as its administrator does."""
    path = town.home / "node.toml"
    text = path.read_text().replace(f"127.0.0.1:{town.port}", f"127.0.0.1:{port}")
    path.write_text(re.sub(rf"^port = {town.port}$", f"port = {port}", text, flags=re.MULTILINE))


@asynccontextmanager
async def again(town: Town, port: int) -> AsyncIterator[Town]:
    """The node started again at another port."""
    await town.stop()
    rename(town, port)
    async with runtime.open_node(town.home, clock=town.node.clock) as node:
        moved = Town(town.home, node, town.session, port)
        await moved.start()
        try:
            yield moved
        finally:
            await moved.stop()


async def read_body(town: Town, asker: Town, authority: str) -> int:
    """Ask for a body in a request signed for an authority; return the status."""
    raw, keyid = body.encode_request([0]), asker.node.http_keyid
    headers = request.sign(
        method="POST", authority=authority, path="/federation/log/2026/bodies", query="", body=raw, keyid=keyid,
        private_key=asker.node.signing_key(), now=int(asker.node.clock().timestamp()), nonce=bytes(8) + authority.encode()[-8:],
    )  # fmt: skip
    url = f"http://127.0.0.1:{town.port}/federation/log/2026/bodies"
    async with town.session.post(url, data=raw, headers={**headers, "Content-Type": "application/json"}) as reply:
        return reply.status


def free_port(old: int, *, after: bool) -> int:
    """A free port whose name stands before or after another's: which log is the newest must not hang on how addresses are spelled."""
    while True:
        for port in free_ports(16):
            if (str(port) > str(old)) == after:
                return port


@pytest.mark.parametrize("after", [False, True])
async def test_a_node_moves_and_its_log_goes_on_under_its_name(three: Agreed, *, after: bool) -> None:
    """Followed at the new address, from mirrors as before, by callers of either address; the next year's log is named after it."""
    lecce, torino, lazio = three
    old, port = lecce.port, free_port(lecce.port, after=after)
    await lecce.publish(2)
    await torino.publish(1)
    await torino.sync()
    await agree_to(port, lecce, *three)
    async with again(lecce, port) as moved:
        assert moved.node.own.origin == lecce.node.own.origin == f"127.0.0.1:{old}/federation/log/2026"
        assert moved.node.http_keyid == f"127.0.0.1:{port}#http-1"
        await moved.publish(1)
        for town in (torino, lazio):
            (report,) = await town.sync(owner="p_LE")
            assert (report.error_code, report.relay, report.size) == (None, None, 3)
        # It asks under its new name, and is known.
        (report,) = await moved.sync(owner="cmto")
        assert (report.error_code, report.bodies) == (None, 1)
        # Whoever has not heard of the move, and comes by a proxy that leads on, signs for the old address.
        for authority, status in ((f"127.0.0.1:{port}", 200), (f"127.0.0.1:{old}", 200), ("altrove.example", 401)):
            assert await read_body(moved, torino, authority) == status
        await moved.announce()
        assert (await moved.gossip()).receipts == 2

        begun = await epoch.rollover(
            moved.node.pool,
            await runtime.current_own(moved.node),
            2027,
            "anna",
            moved.node.clock(),
            f"127.0.0.1:{port}",
        )
        assert begun.origin == f"127.0.0.1:{port}/federation/log/2027"
        moved.heard.chosen_at = None
        await torino.gossip()
        assert (await torino.origin("p_LE")).origin == begun.origin
        async with torino.node.pool.acquire() as conn:
            assert [known.origin for known in await origins.list_origins(conn, "p_LE")] == [
                lecce.node.own.origin,
                begun.origin,
            ]
            states = dict(await conn.fetch("SELECT origin, state FROM log.origin WHERE owner = 'p_LE'"))
        assert states == {lecce.node.own.origin: "frozen", begun.origin: "ready"}
        assert await torino.known() == 3 + 1


async def test_a_log_of_the_year_is_served_whatever_the_address_was_called(three: Agreed) -> None:
    """The year in the path names the own log; one that nobody wrote is unknown."""
    lecce, *_ = three
    (port,) = free_ports(1)
    await lecce.publish(1)
    await agree_to(port, lecce, *three)
    async with again(lecce, port) as moved:
        for year, status in (("2026", 200), ("2025", 404)):
            async with moved.session.get(f"http://127.0.0.1:{port}/federation/log/{year}/checkpoint") as reply:
                assert reply.status == status


async def test_a_node_that_moved_before_the_agreement_says_so_still_opens(three: Agreed) -> None:
    """Its log is listed under its old name: the administrator may do the two steps in either order."""
    lecce, torino, _ = three
    (port,) = free_ports(1)
    await lecce.publish(1)
    async with again(lecce, port) as moved:
        assert moved.node.own.origin == lecce.node.own.origin
        # The others know the old address still: they get nothing, and lose nothing.
        (report,) = await torino.sync(owner="p_LE")
        assert report.error_code is not None
        await agree_to(port, moved, moved, torino)
        (report,) = await torino.sync(owner="p_LE")
        assert (report.error_code, report.size) == (None, 1)


async def test_without_an_agreement_a_log_s_name_binds_its_node_for_ever(server: str, tmp_path: Path) -> None:
    """Nobody else could tell that the other address is the same node: it is refused, and says what to put back."""
    async with federation(server, tmp_path, Clock(), ("p_LE", "cmto")) as (lecce, _):
        await lecce.publish(1)
        rename(lecce, lecce.port + 1)
        with pytest.raises(OperatorError, match="own-log-authority-changed"):
            async with runtime.open_node(lecce.home, clock=lecce.node.clock):
                pass
