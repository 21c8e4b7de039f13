"""The keys of logs as rows: several at a time, one of them shown, and every log of before this table has its own."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.protocol import keys, merkle
from node.store import member_keys, origins
from node.store.origins import Origin
from node.store.postgres import Connection

LINE = "lecce.example/federation/log/2026"
VKEYS = [
    keys.format_vkey(LINE, Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32).public_key().public_bytes_raw())
    for n in (1, 2, 3)
]


async def begin(conn: Connection, vkey: str = VKEYS[0]) -> int:
    """A followed log, as its row is made."""
    return await origins.upsert_origin(
        conn, origin=LINE, owner="p_LE", name="Lecce", url="https://lecce.example", vkey=vkey, is_own=False,
        empty_root=merkle.EMPTY_ROOT,
    )  # fmt: skip


async def row(conn: Connection) -> Origin:
    """That log as it stands."""
    found = await origins.origin_named(conn, LINE)
    assert found is not None
    return found


async def test_a_log_s_keys_are_those_that_were_set_and_no_others(conn: Connection) -> None:
    """The last that is not withdrawn is shown; what is not among them goes; a withdrawn one keeps its size."""
    origin_id = await begin(conn)
    assert (await row(conn)).verifiers == (keys.parse_vkey(VKEYS[0]),)
    await origins.set_origin_keys(conn, origin_id, [(VKEYS[0], 7), (VKEYS[2], None), (VKEYS[1], None)])
    found = await row(conn)
    assert found.vkey == VKEYS[1]
    assert {(v.public, v.until_size) for v in found.verifiers} == {
        (keys.parse_vkey(vkey).public, until) for vkey, until in ((VKEYS[0], 7), (VKEYS[1], None), (VKEYS[2], None))
    }
    assert await origins.origin_keys(conn, origin_id) == found.verifiers
    await origins.set_origin_keys(conn, origin_id, [(VKEYS[0], 5), (VKEYS[1], None)])
    assert sorted(v.until_size or 0 for v in (await row(conn)).verifiers) == [0, 5]
    # All withdrawn: nothing new is shown, and nothing is lost.
    await origins.set_origin_keys(conn, origin_id, [(VKEYS[1], 9)])
    assert ((await row(conn)).vkey, [v.until_size for v in (await row(conn)).verifiers]) == (VKEYS[1], [9])


async def test_to_know_a_log_again_takes_no_key_away(conn: Connection) -> None:
    """A start that sees the log under another key adds it; only ``set_origin_keys`` says which ones are all."""
    origin_id = await begin(conn)
    await origins.set_origin_keys(conn, origin_id, [(VKEYS[0], 7), (VKEYS[1], None)])
    assert await begin(conn, VKEYS[0]) == origin_id
    assert {v.until_size for v in await origins.origin_keys(conn, origin_id)} == {7, None}


async def test_request_keys_are_remembered_by_who_took_them_away(conn: Connection) -> None:
    """Given up, they are former; taken away by the council they are not, also if they were listed again meanwhile."""
    first, second, third = bytes(32), bytes([1]) * 32, bytes([2]) * 32
    await member_keys.keep(conn, "p_LE", [first], by_council=True)
    assert await member_keys.former(conn) == {}
    await member_keys.keep(conn, "p_LE", [first, second], by_council=False)
    await member_keys.keep(conn, "p_LE", [second], by_council=False)
    assert await member_keys.former(conn) == {"p_LE": (first,)}
    await member_keys.keep(conn, "p_LE", [third], by_council=True)
    assert await member_keys.former(conn) == {"p_LE": (first,)}
    await member_keys.keep(conn, "p_LE", [first, third], by_council=False)
    assert await member_keys.former(conn) == {}
    await member_keys.keep(conn, "p_LE", [third], by_council=True)
    assert await member_keys.former(conn) == {}
