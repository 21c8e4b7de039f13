"""Who is followed: brings the log table in line with the member list (for now the [[peer]] tables).

In: the configuration and the own public log key. Out: the id of the own log. A peer that left the list is closed: its
profiles leave the cooperation database at once, since nobody would hear of their withdrawal any more.
"""

from __future__ import annotations

from collections.abc import Mapping

from node.config import Config
from node.errors import N_, OperatorError
from node.protocol import keys, merkle
from node.protocol.member import Member, Membership, cosigner_key
from node.store import cooperation, log
from node.store.postgres import Connection, Pool, run_tx


def membership_of(config: Config, public: Mapping[str, bytes]) -> Membership:
    """Return the members as the configuration lists them; ``public`` are this node's own public keys by role.

    Raises: CallerError(vkey-malformed | member-key-reused | key-low-order).
    """
    authority = config.federation.authority
    own = Member(
        id=config.node.id,
        url=None,
        http_keyid=f"{authority}#http-1",
        http_public=public["http"],
        witness=keys.Verifier(f"{authority}/witness", keys.COSIGNATURE_TYPE, public["witness"]),
        mirror=keys.Verifier(f"{authority}/mirror", keys.COSIGNATURE_TYPE, public["mirror"]),
    )
    others = [
        Member(
            id=peer.id,
            url=peer.url,
            http_keyid=peer.http_keyid,
            http_public=keys.check_public(peer.http_public),
            witness=cosigner_key(peer.witness, "witness"),
            mirror=cosigner_key(peer.mirror, "mirror"),
        )
        for peer in config.peers
    ]
    return Membership.of(own, others)


async def enrol_members(pool: Pool, config: Config, own_public: bytes) -> int:
    """Make the own log and every configured peer known; return the own log's id. Safe to run at every start.

    Raises: OperatorError(own-log-key-changed) when the key file is not the one the log was begun with.
    """
    origin = config.federation.origin
    vkey = keys.format_vkey(origin, own_public)

    async def work(conn: Connection) -> int:
        for known in await log.list_origins(conn, origin):
            if known.vkey != vkey and known.size > 0:
                raise OperatorError(
                    "own-log-key-changed",
                    N_("la chiave log.pem non è quella con cui il registro firmato è stato iniziato"),
                    where=origin,
                    hint=N_("ripristinare la chiave dalla copia di sicurezza"),
                )
        own = await log.upsert_origin(
            conn,
            origin=origin,
            owner=config.node.id,
            name=config.node.name,
            url=None,
            vkey=vkey,
            is_own=True,
            empty_root=merkle.EMPTY_ROOT,
        )
        for peer in config.peers:
            keys.parse_vkey(peer.vkey)
            await log.upsert_origin(
                conn,
                origin=peer.origin,
                owner=peer.id,
                name=peer.name,
                url=peer.url,
                vkey=peer.vkey,
                is_own=False,
                empty_root=merkle.EMPTY_ROOT,
            )
        for closed in await log.close_absent_origins(conn, [origin, *(peer.origin for peer in config.peers)]):
            await cooperation.delete_origin(conn, closed)
        return own

    return await run_tx(pool, work)
