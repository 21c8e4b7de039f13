"""Who is followed where members are [[peer]] tables: brings the log table in line with them. The agreement's: ``flows/trust/agreement``.

In: the configuration and the own public log key. Out: the id of the own log. A peer that left the list is closed: its
profiles leave the cooperation database at once, since nobody would hear of their withdrawal any more.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from node.config import Config
from node.errors import N_, OperatorError
from node.flows.trust import log_keys
from node.flows.trust.agreement_terms import check_group
from node.flows.trust.log_keys import Held
from node.protocol import keys, merkle
from node.protocol.log_name import authority, year
from node.protocol.member import Member, Membership, cosigner_key
from node.protocol.sealed import SealKey
from node.store import cooperation, log_life, origins, own_log
from node.store.own_log import OwnRow
from node.store.postgres import Connection, Pool, run_tx


def own_member(config: Config, public: Mapping[str, bytes], seal: SealKey) -> Member:
    """Return this node as its own keys make it; ``public`` are its public keys by role, ``seal`` its own."""
    own = config.federation.authority
    return Member(
        id=config.node.id,
        url=None,
        http={f"{own}#http-1": public["http"]},
        witness=(keys.Verifier(f"{own}/witness", keys.COSIGNATURE_TYPE, public["witness"]),),
        mirror=(keys.Verifier(f"{own}/mirror", keys.COSIGNATURE_TYPE, public["mirror"]),),
        seal=seal,
        authorities=frozenset({own}),
        log=(public["log"],),
    )


def membership_of(config: Config, own: Member) -> Membership:
    """Return the members as the configuration lists them; ``own`` is this node.

    Raises: CallerError(vkey-malformed | member-key-reused | key-low-order), OperatorError(config-bad-value).
    """
    others = [
        Member(
            id=peer.id,
            url=peer.url,
            http={peer.http_keyid: keys.check_public(peer.http_public)},
            witness=tuple(filter(None, [cosigner_key(peer.witness, "witness")])),
            mirror=tuple(filter(None, [cosigner_key(peer.mirror, "mirror")])),
            seal=peer.seal,
            authorities=frozenset({authority(peer.origin), peer.http_keyid.partition("#")[0]}),
        )
        for peer in config.peers
    ]
    # With peers the configuration's reader has judged the group, and named its line. Without any it let everything pass, since an
    # agreement may stand beside the file; here it is known that none does.
    check_group(config, (peer.id for peer in config.peers))
    return Membership.of(own, others)


async def enrol_members(pool: Pool, config: Config, own_public: bytes) -> tuple[int, str]:
    """Make the own log and every configured peer known; return the own log's id and origin. Safe to run at every start.

    Raises: OperatorError own-log-key-changed, own-log-authority-changed, epoch-not-begun.
    """

    async def work(conn: Connection) -> tuple[int, str]:
        own, origin = await enrol_own(conn, config, own_public)
        for peer in config.peers:
            keys.parse_vkey(peer.vkey)
            origin_id = await origins.upsert_origin(
                conn,
                origin=peer.origin,
                owner=peer.id,
                name=peer.name,
                url=peer.url,
                vkey=peer.vkey,
                is_own=False,
                empty_root=merkle.EMPTY_ROOT,
            )
            await origins.set_origin_keys(conn, origin_id, [(peer.vkey, None)])
        for closed in await origins.close_absent_origins(conn, [origin, *(peer.origin for peer in config.peers)]):
            # Nobody would hear of its withdrawals any more: what it published is erased, and pulled anew if it comes back.
            await cooperation.delete_origin(conn, closed)
            await log_life.forget(conn, closed, merkle.EMPTY_ROOT)
            await origins.set_state(conn, closed, "closed")
        return own, origin

    return await run_tx(pool, work)


async def enrol_own(
    conn: Connection, config: Config, own_public: bytes, listed: Mapping[str, Sequence[Held]] | None = None
) -> tuple[int, str]:
    """Make the own log known; return its id and origin. Safe to run at every start.

    ``listed``: the keys of each of this node's logs by the agreement (log_keys.listed), which are the ones that count then, whatever is
    here; None where members are [[peer]] tables. Raises: OperatorError own-log-key-changed, own-log-authority-changed, epoch-not-begun.
    """
    known = await own_log.current(conn)
    origin = await _own_origin(conn, config, own_public, known, listed or {})
    held: Sequence[Held] = [(keys.format_vkey(origin, own_public), None)]
    if listed:
        held = log_keys.of_log(listed, origin) or held
    own = await origins.upsert_origin(
        conn,
        origin=origin,
        owner=config.node.id,
        name=config.node.name,
        url=None,
        vkey=log_keys.newest(held),
        is_own=True,
        empty_root=merkle.EMPTY_ROOT,
    )
    await origins.set_origin_keys(conn, own, held)
    return own, origin


async def _own_origin(
    conn: Connection, config: Config, own_public: bytes, known: OwnRow | None, listed: Collection[str]
) -> str:
    """Return the line of the log this node writes: the configured one, or the later one that a rollover began.

    A log that the agreement lists keeps its name when its node moves to another address, until the next year's begins there.
    """
    configured = config.federation.origin
    if known is None:
        return next((o for o in listed if year(o) == year(configured)), configured)
    if listed and (known.origin in listed or (known.size and year(known.origin) > max(map(year, listed)))):
        return known.origin
    if known.size > 0 and keys.parse_vkey(known.vkey).public != own_public:
        raise OperatorError(
            "own-log-key-changed",
            N_("la chiave log.pem non è quella con cui il registro firmato è stato iniziato"),
            where=known.origin,
            hint=N_("ripristinare la chiave dalla copia di sicurezza"),
        )
    if known.origin == configured or (known.origin > configured and authority(known.origin) == authority(configured)):
        return known.origin
    if known.size == 0:
        # Nothing was ever said under the old name.
        await origins.set_state(conn, known.origin_id, "closed")
        return configured
    if authority(known.origin) != authority(configured):
        raise OperatorError(
            "own-log-authority-changed",
            N_("[federation] authority non è quella con cui il registro firmato è stato iniziato: {known}"),
            hint=N_("rimettere authority com'era: dà il nome al registro per sempre"),
            known=authority(known.origin),
        )
    raise OperatorError(
        "epoch-not-begun",
        N_("[federation] epoch indica un anno il cui registro non è ancora cominciato"),
        where=configured,
        hint=N_("rimettere l'anno di prima e usare «rete log rollover», che comincia il nuovo e aggiorna il file"),
    )
