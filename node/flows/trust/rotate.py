"""Changing this node's own keys: the next key of a role made, listed, and the old one let go (PROTOCOL 7.10).

In: the key ring, what is in force, this node's own logs. Out: the change of this node's entry as a document that others sign: a routine
change with our own consent, for the secretariat; or the next version of the agreement, for the council, where a key was lost or stolen.
Nothing is in force before they have signed; doing it again until then gives the same keys. Rules: a new key stands beside the old one until
everybody has had time to hear of it; a key that nobody here holds is never the only one left.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from node.errors import N_, CallerError
from node.flows.trust import council, council_draft
from node.flows.trust.agreement_terms import InForce
from node.flows.trust.key_ring import KeyRing
from node.protocol import keys, limits, note, routine
from node.protocol.agreement import HttpKey, LogKeys, Node, Status, node_json
from node.protocol.log_name import year
from node.protocol.routine import Consented, Routine
from node.store import agreement as store
from node.store import keyfiles, origins, own_log
from node.store.postgres import Pool, acquire

ROTATED, RETIRED, REVOKED = "rotated", "retired", "revoked"
ROUTINE, ROOT = "routine", "root"
_Key = TypeVar("_Key")


@dataclass(frozen=True, slots=True)
class Change:
    """A change of this node's entry, to be signed by others: ``kind`` says by whom, ``raw`` is the document.

    ``file`` is the key file that speaks once it is in force; ``old`` how many keys of the role are listed beside it then.
    """

    action: str
    role: str
    kind: str
    raw: bytes
    entry: Node
    file: str
    old: int


def own_entry(state: InForce, own_id: str) -> Node:
    """Return this node's entry as it is now. Raises: CallerError(keys-not-a-member)."""
    found = state.node(own_id)
    if found is None or found.status is Status.LEFT:
        raise CallerError(
            "keys-not-a-member",
            N_("questo nodo non è nel protocollo d'intesa: le sue chiavi non sono ancora di nessun elenco"),
            hint=N_("prima si entra: «rete join» fa la richiesta, con le chiavi che ci sono"),
        )
    return found


def listed(entry: Node, role: str, origin: str) -> list[bytes]:
    """Return the public keys of a role that the entry lists and that are not withdrawn, the newest last; of a seal its X25519 half."""
    if role == "http":
        return [key.public for key in entry.http]
    if role == keyfiles.SEAL_ROLE:
        return [] if entry.seal is None else [entry.seal.x25519]
    if role == "log":
        return [
            v.public for item in entry.log if item.origin == origin and item.until_size is None for v in item.verifiers
        ]
    return [verifier.public for verifier in _cosigners(entry, role)]


def listed_origin(entry: Node, origin: str) -> str:
    """Return the log that the entry lists keys of: ``origin`` or, for one that a later year began since, the last one before it."""
    if origin in entry.origins:
        return origin
    return max((known for known in entry.origins if year(known) < year(origin)), key=year, default=origin)


def _cosigners(entry: Node, role: str) -> tuple[keys.Verifier, ...]:
    return entry.witness if role == "witness" else entry.mirror


def held(ring: KeyRing, role: str) -> dict[int, bytes]:
    """Return the public keys of a role that are here, by number; of a seal its X25519 half."""
    if role == keyfiles.SEAL_ROLE:
        return {number: key.public.x25519 for number, key in ring.held.seals.items()}
    return {number: key.public_key().public_bytes_raw() for number, key in ring.held.signing[role].items()}


def next_key(ring: KeyRing, role: str, there: Sequence[bytes]) -> int:
    """Return the number of the key that follows the listed ones: one that an earlier attempt made, else a new one."""
    here = held(ring, role)
    last = max((number for number, public in here.items() if public in there), default=1)
    waiting = [number for number, public in here.items() if number > last and public not in there]
    if waiting:
        return max(waiting)
    number = keyfiles.add(ring.folder, role)
    ring.reload()
    return number


async def waiting(pool: Pool) -> list[Routine]:
    """Return the routine proposals that collect signatures."""
    async with acquire(pool) as conn:
        found = await store.read_proposals(conn)
    return [routine.parse(one.raw) for one in found if one.kind == store.ROUTINE]


class Rotation:
    """What a change of keys needs to know: the keys that are here, what is in force, and the log that this node writes."""

    def __init__(
        self,
        ring: KeyRing,
        state: InForce,
        own_id: str,
        origin: str,
        now: dt.datetime,
        waiting: Sequence[Routine] = (),
    ) -> None:
        """Begin with what is in force; ``waiting``: routine proposals that collect signatures. Raises: CallerError(keys-not-a-member)."""
        self.waiting = waiting
        self.ring, self.state, self.now = ring, state, now
        self.entry = own_entry(state, own_id)
        # The log that is written now, and the one that is listed: a later year's goes on under the keys of the one before (6.10).
        self.written, self.origin = origin, listed_origin(self.entry, origin)

    def rotate(self, role: str, *, lost: bool = False) -> Change:
        """List the next key of a role beside the old one; ``lost``: the old one is not here any more.

        Raises: CallerError keys-too-many, key-file-missing, keys-not-lost.
        """
        there = listed(self.entry, role, self.origin)
        have = [public for public in there if public in held(self.ring, role).values()]
        if there and not have and not lost:
            raise CallerError(
                "key-file-missing",
                N_("la chiave «{role}» che il protocollo d'intesa elenca non è in questa cartella"),
                hint=N_("ripristinarla dalla copia di sicurezza; se è perduta, ripetere il comando con --lost"),
                role=role,
            )
        if lost and have:
            raise CallerError(
                "keys-not-lost",
                N_("la chiave «{role}» è in questa cartella: non è perduta"),
                hint=N_("senza --lost se la si cambia soltanto; «rete keys revoke» se altri possono averla"),
                role=role,
            )
        number = next_key(self.ring, role, there)
        entry = self._with(self.entry, role, number, keep=not (lost and role == "http"))
        if lost and role == "http":
            # With the key the node's own consent is lost as well: only the council can list another.
            return self._root(ROTATED, role, number, entry)
        return self._routine(ROTATED, role, number, entry)

    async def retire(self, role: str, pool: Pool) -> Change:
        """Let the old keys of a role go, now that the newest is known everywhere.

        Raises: CallerError keys-nothing-old, key-file-missing, keys-head-unsigned.
        """
        there = listed(self.entry, role, self.origin)
        if len(there) < 2:
            raise CallerError(
                "keys-nothing-old",
                N_("del ruolo «{role}» è elencata una chiave sola: non c'è nulla da ritirare"),
                hint=N_("«rete keys show» dice quali chiavi sono elencate"),
                role=role,
            )
        number = next((n for n, public in held(self.ring, role).items() if public == there[-1]), None)
        if number is None:
            raise CallerError(
                "key-file-missing",
                N_("la chiave «{role}» più nuova non è in questa cartella: senza la vecchia il nodo resterebbe muto"),
                hint=N_("ripristinarla dalla copia di sicurezza"),
                role=role,
            )
        if role == "log":
            await self._require_signed(pool, there[-1])
        return self._routine(RETIRED, role, number, self._with(self.entry, role, number, keep=False))

    async def _require_signed(self, pool: Pool, public: bytes) -> None:
        """Refuse to let an old log key go before the newest has signed: nobody could follow."""
        async with acquire(pool) as conn:
            row = await own_log.current(conn)
            signed = None if row is None else await own_log.signed_latest(conn, row.origin_id)
        wanted = keys.Verifier(self.written, keys.LOG_TYPE, public)
        said = () if signed is None else note.parse(signed.note).signatures
        if signed is not None and all((line.name, line.key_id) != (wanted.name, wanted.id) for line in said):
            raise CallerError(
                "keys-head-unsigned",
                N_("la testa del registro non è ancora firmata con la chiave nuova"),
                where=self.written,
                hint=N_(
                    "«rete serve» la firma da solo entro un minuto; poi dare agli altri nodi un giorno per sentirlo"
                ),
            )

    async def revoke(self, role: str, pool: Pool, until_size: int | None = None) -> Change:
        """Have the council take away keys of a role that others may have; of the log they count up to ``until_size`` entries.

        Raises: CallerError keys-until-size.
        """
        there = listed(self.entry, role, self.origin)
        number = next_key(self.ring, role, there)
        if role != "log":
            return self._root(REVOKED, role, number, self._with(self.entry, role, number, keep=False))
        async with acquire(pool) as conn:
            rows = {row.origin: row for row in await origins.list_origins(conn, self.entry.id) if row.is_own}
            signed = {o: await own_log.signed_latest(conn, row.origin_id) for o, row in rows.items()}
        here = {origin: found.size for origin, found in signed.items() if found is not None}
        size = here.get(self.written, 0)
        if until_size is None or not 0 <= until_size <= size:
            raise CallerError(
                "keys-until-size",
                N_("indicare con --until-size fino a quante voci vale ciò che la chiave ha firmato: da 0 a {size}"),
                where="--until-size",
                hint=N_(
                    "le voci firmate prima del furto; nel dubbio 0: il registro firmato con la chiave nuova contiene tutto"
                ),
                size=size,
            )
        stolen = set(there)
        kept = [
            part
            for item in self.entry.log
            for part in _parted(item, stolen, until_size if item.origin == self.written else here.get(item.origin, 0))
        ]
        if self.written != self.origin:
            # Not listed so far, and begun under the stolen key: from now on it is, or there would be no saying how far it counts.
            taken = tuple(keys.Verifier(self.written, keys.LOG_TYPE, public) for public in there)
            kept.append(LogKeys(self.written, taken, until_size, None))
        made = keys.Verifier(self.written, keys.LOG_TYPE, held(self.ring, "log")[number])
        fresh = LogKeys(self.written, (made,), None, _frozen(self.entry, self.written))
        return self._root(REVOKED, role, number, replace(self.entry, log=(*kept, fresh)))

    def _with(self, entry: Node, role: str, number: int, *, keep: bool) -> Node:
        """Return the entry with a key of ours as the newest of its role, beside the others or (``keep`` False) alone."""
        public = held(self.ring, role)[number]
        if role == keyfiles.SEAL_ROLE:
            # There is one seal key at a time; the old one opens what was sealed for it, for as long as it is here (10.7).
            return replace(entry, seal=self.ring.held.seals[number].public)
        if role == "http":
            others = [key for key in entry.http if key.public != public]
            mine = next((key for key in entry.http if key.public == public), None)
            return replace(
                entry, http=_listed([*others] if keep else [], mine or _http_key(entry, number, public), role)
            )
        if role == "log":
            return self._with_log(entry, public, keep=keep)
        cosigners = _cosigners(entry, role)
        others_ = [verifier for verifier in cosigners if verifier.public != public]
        name = cosigners[-1].name if cosigners else f"{entry.authority}/{role}"
        made = keys.Verifier(name, keys.COSIGNATURE_TYPE, public)
        both = _listed(others_ if keep else [], made, role)
        return replace(entry, witness=both) if role == "witness" else replace(entry, mirror=both)

    def _with_log(self, entry: Node, public: bytes, *, keep: bool) -> Node:
        made = keys.Verifier(self.origin, keys.LOG_TYPE, public)
        logs = [item for item in entry.log if item.origin != self.origin or item.until_size is not None]
        there = next((i for i in entry.log if i.origin == self.origin and i.until_size is None), None)
        others = [v for v in there.verifiers if v != made] if there is not None and keep else []
        item = LogKeys(self.origin, _listed(others, made, "log"), None, _frozen(entry, self.origin))
        return replace(entry, log=(*logs, item))

    def _routine(self, action: str, role: str, number: int, entry: Node) -> Change:
        """Return the change as a routine one, with our consent by a request key that is listed and here; the council's without a secretariat."""
        if not self.state.agreement.secretariat.keys:
            return self._root(action, role, number, entry)
        entry = replace(entry, rev=self.entry.rev + 1)
        signer = next(
            (k for key in reversed(self.entry.http) if (k := self.ring.private(key.public)) is not None), None
        )
        if signer is None:
            raise CallerError(
                "key-file-missing",
                N_("nessuna chiave «http» elencata è in questa cartella: il nodo non può acconsentire"),
                hint=N_("«rete keys rotate http --lost» chiede al consiglio di elencarne una nuova"),
                role="http",
            )
        self._check_alone(entry)
        new = {public: self.ring.private(public) for public in routine.new_keys(self.entry, entry).values()}
        mine = {public: key for public, key in new.items() if key is not None}
        raw = _routine_of(self.state, routine.consent(node_json(entry), signer, mine))
        routine.parse(raw)
        return self._made(action, role, ROUTINE, raw, entry, number)

    def _check_alone(self, entry: Node) -> None:
        """Refuse a second change beside one of ours that waits for signatures: of two that follow the same entry one would be lost."""
        for document in self.waiting:
            for other in document.nodes:
                if other.id == entry.id and other.rev == entry.rev and other != entry:
                    raise CallerError(
                        "keys-change-waiting",
                        N_("un'altra modifica di questo nodo aspetta le firme della segreteria"),
                        hint=N_("attendere che sia in vigore e ripetere il comando: «rete agreement show» la mostra"),
                    )

    def _root(self, action: str, role: str, number: int, entry: Node) -> Change:
        """Return the change as a proposal of the next version."""
        draft = council_draft.change(council.drafted(self.state), entry)
        return self._made(action, role, ROOT, council.propose(self.state, draft, self.now), entry, number)

    def _made(self, action: str, role: str, kind: str, raw: bytes, entry: Node, number: int) -> Change:
        old = max(0, len(listed(entry, role, self.origin)) - 1)
        return Change(action, role, kind, raw, entry, keyfiles.file_of(role, number), old)


def _frozen(entry: Node, origin: str) -> tuple[int, bytes] | None:
    return next((item.frozen for item in entry.log if item.origin == origin), None)


def _parted(item: LogKeys, stolen: set[bytes], until_size: int) -> list[LogKeys]:
    """Return an item of a log with its stolen keys good for so many entries only, apart from the others."""
    taken = tuple(verifier for verifier in item.verifiers if verifier.public in stolen)
    left = tuple(verifier for verifier in item.verifiers if verifier.public not in stolen)
    size = until_size if item.until_size is None else min(item.until_size, until_size)
    parts = [replace(item, verifiers=left)] if left else []
    return [*parts, replace(item, verifiers=taken, until_size=size)] if taken else parts


def _http_key(entry: Node, number: int, public: bytes) -> HttpKey:
    """Return a request key under a number that no other listed one has."""
    used = {int(key.keyid.rpartition("-")[2]) for key in entry.http}
    free = number if number not in used else max(used) + 1
    return HttpKey(f"{entry.authority}#http-{free}", public)


def _listed(others: Sequence[_Key], newest: _Key, role: str) -> tuple[_Key, ...]:
    if len(others) >= limits.AGREEMENT_ROLE_KEYS:
        raise CallerError(
            "keys-too-many",
            N_("del ruolo «{role}» sono già elencate {count} chiavi"),
            hint=N_("«rete keys retire {role}» ritira le vecchie"),
            role=role,
            count=len(others),
        )
    return (*others, newest)


def _routine_of(state: InForce, change: Consented) -> bytes:
    """Return the routine document after those that are held: all that they still say, and this change."""
    # What the agreement has taken up, or overtaken, is no change any more.
    said = {(one.node.id, one.node.rev): one for one in routine.in_effect(state.agreement, state.routine)}
    version = 1 if state.routine is None else state.routine.version + 1
    return routine.build(
        version=version,
        expires=state.agreement.expires,
        secretariat=state.agreement.secretariat,
        changes=[*said.values(), change],
    )
