"""Sealed messages of introductions that were changed, misdirected or said twice, end to end between two live nodes.

Each is refused with its stable code, counted, and stops nothing: what comes after it arrives, and what was lost by it is sent again.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from node.domain.introduction import Kind, State
from node.protocol import canonical, sealed
from node.protocol.sealed import Header
from node.store import keyfiles, outbox
from node.store.outbox import Posted
from tests.introductions_made import ACCEPTED, Desk, Pair

K = Kind
Envelope = dict[str, Any]


async def waiting(desk: Desk) -> list[bytes]:
    """What waits in an office's outbox, in its order."""
    async with desk.town.node.pool.acquire() as conn:
        return [row["sealed"] for row in await conn.fetch("SELECT sealed FROM post.outbox ORDER BY number")]


async def spoil(desk: Desk, change: Callable[[bytes], bytes]) -> None:
    """Change what waits in an office's outbox."""
    async with desk.town.node.pool.acquire() as conn:
        for row in await conn.fetch("SELECT number, sealed FROM post.outbox ORDER BY number"):
            await conn.execute("UPDATE post.outbox SET sealed = $2 WHERE number = $1", row["number"], change(row["sealed"]))  # fmt: skip


async def add(desk: Desk, other: Desk, *envelopes: bytes) -> None:
    """Put envelopes into an office's outbox, whatever they are."""
    posted = [Posted(str(uuid.uuid4()), 1, "0" * 16, raw) for raw in envelopes]
    async with desk.town.node.pool.acquire() as conn, conn.transaction():
        await outbox.put(conn, other.id, posted, desk.clock())


async def codes(desk: Desk, other: Desk) -> list[str]:
    """Why messages of the other office were refused, the oldest first."""
    async with desk.town.node.pool.acquire() as conn:
        return [item.code for item in reversed(await outbox.refused(conn, other.id))]


def field(**values: Any) -> Callable[[bytes], bytes]:
    """Say something else in fields of an envelope."""
    return lambda raw: canonical.dumps(orjson.loads(raw) | values)


def flip(place: Callable[[bytes], int]) -> Callable[[bytes], bytes]:
    """Turn one bit of the ciphertext over: at the start (the key's own half), in the text, in the tag at the end."""

    def change(raw: bytes) -> bytes:
        envelope = orjson.loads(raw)
        text = bytearray(base64.b64decode(envelope["ct"]))
        text[place(bytes(text))] ^= 1
        return canonical.dumps(envelope | {"ct": base64.b64encode(bytes(text)).decode()})

    return change


def byte(at: int) -> Callable[[bytes], bytes]:
    """Turn one bit of the envelope itself over."""
    return lambda raw: raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]


CHANGES = {
    "version": (field(v=2), "sealed-malformed"),
    "suite": (field(suite=1), "seal-suite-unknown"),
    "suite nobody has": (field(suite=9), "seal-suite-unknown"),
    "sender": (field(**{"from": "p_MI"}), "seal-sender-wrong"),
    "recipient": (field(to="p_MI"), "seal-not-for-us"),
    "introduction": (field(id=str(uuid.UUID(int=7, version=4))), "seal-broken"),
    "number": (field(seq=2), "seal-broken"),
    "key": (field(key="0" * 16), "seal-key-unknown"),
    "a field more": (field(x=1), "sealed-malformed"),
    "first byte of the ciphertext": (flip(lambda _: 0), "seal-broken"),
    "a byte of the half of X25519": (flip(lambda _: 1088 + 5), "seal-broken"),
    "a byte of the text": (flip(lambda text: len(text) // 2 + 600), "seal-broken"),
    "the last byte of the tag": (flip(lambda text: len(text) - 1), "seal-broken"),
    "ciphertext cut short": (lambda raw: field(ct=orjson.loads(raw)["ct"][:1600])(raw), "seal-broken"),
    "no ciphertext": (field(ct=""), "seal-broken"),
    "the first bracket": (byte(0), "sealed-malformed"),
    "a quote": (byte(1), "sealed-malformed"),
    "the last bracket": (byte(-1), "sealed-malformed"),
}


@pytest.mark.parametrize("what", CHANGES)
async def test_a_changed_message_is_refused_by_its_code_and_the_next_one_arrives(pair: Pair, what: str) -> None:
    """Wherever the outbox was touched; six hours later the message is sent again, whole."""
    change, code = CHANGES[what]
    first = await pair.seeker.ask(pair.profile_id)
    await spoil(pair.seeker, change)
    second = await pair.seeker.ask(pair.profile_id, at=1)
    await pair.carry()
    assert await codes(pair.owner, pair.seeker) == [code]
    assert (await pair.seeker.read(first)).case.state is State.SENT
    assert (await pair.seeker.read(second)).case.state is State.RECEIVED
    pair.clock.forward(hours=6.1)
    await pair.seeker.due()
    await pair.carry()
    assert (await pair.seeker.read(first)).case.state is State.RECEIVED
    assert await codes(pair.owner, pair.seeker) == [code]


async def test_a_message_that_comes_twice_has_no_second_effect(pair: Pair) -> None:
    """The very envelopes of a case, put out again under other numbers: nothing is refused and nothing is added."""
    case = await pair.seeker.ask(pair.profile_id)
    kept = await waiting(pair.seeker)
    await pair.carry()
    before = await pair.owner.read(case)
    await add(pair.seeker, pair.owner, *kept, *kept)
    await pair.carry()
    after = await pair.owner.read(case)
    assert (after.case, after.steps) == (before.case, before.steps)
    assert await codes(pair.owner, pair.seeker) == []


async def test_an_event_of_one_introduction_says_nothing_in_another(pair: Pair) -> None:
    """Its header changed it does not open; sealed anew by its own sender it is not what its envelope says."""
    first, second = await pair.reach(), await pair.reach(at=1)
    await pair.owner.do(first, K.CHECK)
    (raw,) = await waiting(pair.owner)
    moved = field(id=second)(raw)
    keys, opened = pair.seeker.town.node.keys.seal, sealed.parse(raw)
    plaintext = sealed.unseal(opened, pair.seeker.id, keys)
    again = sealed.seal(Header(pair.owner.id, pair.seeker.id, second, opened.header.seq), plaintext, keys.public)
    ahead = sealed.seal(Header(pair.owner.id, pair.seeker.id, first, opened.header.seq + 1), plaintext, keys.public)
    await add(pair.owner, pair.seeker, moved, again, ahead)
    await pair.carry()
    assert await codes(pair.seeker, pair.owner) == ["seal-broken", "introduction-mismatch", "introduction-mismatch"]
    assert (await pair.seeker.read(first)).case.state is State.UNDER_CHECK
    assert (await pair.seeker.read(second)).case.state is State.RECEIVED


async def test_what_another_sealed_in_the_name_of_an_office_is_not_believed(pair: Pair) -> None:
    """Anybody can seal for a public key: the event inside is signed by its node, or by nobody."""
    case = await pair.reach()
    await pair.owner.do(case, K.CHECK)
    (raw,) = await waiting(pair.owner)
    keys, opened = pair.seeker.town.node.keys.seal, sealed.parse(raw)
    document = orjson.loads(sealed.unseal(opened, pair.seeker.id, keys))
    document["event"]["kind"] = "decline"
    forged = sealed.seal(opened.header, canonical.dumps(document), keys.public)
    await spoil(pair.owner, lambda _: forged)
    await pair.carry()
    assert await codes(pair.seeker, pair.owner) == ["message-signature-bad"]
    assert (await pair.seeker.read(case)).case.state is State.RECEIVED


async def test_after_a_rotation_the_old_key_is_refused_and_what_waits_is_sealed_anew(pair: Pair) -> None:
    """Before the new card is known the message is refused; once it is, what still waits is sealed again and the rest is sent again."""
    case = await pair.reach(*ACCEPTED)
    folder = pair.owner.town.home / pair.owner.town.node.config.federation.keys
    public = keyfiles.rotate_seal(folder, pair.clock())
    pair.owner.seal = keyfiles.read(folder).seal
    pair.owner.cards[pair.owner.id] = public
    await pair.seeker.do(case, K.CONSENT)
    await pair.carry()
    assert set(await codes(pair.owner, pair.seeker)) == {"seal-key-unknown"}
    assert not (await pair.owner.read(case)).case.consents
    refused = len(await codes(pair.owner, pair.seeker))
    # Another message waits, sealed for the old key, when the card comes.
    other = await pair.seeker.ask(pair.profile_id, at=1)
    pair.seeker.cards[pair.owner.id] = public
    await pair.carry()
    assert (await pair.seeker.read(other)).case.state is State.RECEIVED
    pair.clock.forward(hours=6.1)
    await pair.seeker.due()
    await pair.carry()
    assert (await pair.owner.read(case)).case == (await pair.seeker.read(case)).case
    assert len((await pair.owner.read(case)).case.consents) == 1
    assert len(await codes(pair.owner, pair.seeker)) == refused
