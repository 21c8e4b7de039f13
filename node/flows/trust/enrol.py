"""This node's own entry as it would stand in the agreement, and the request that asks for it.

In: the home's configuration and keys. Out: an entry, and the signed bytes of a request. Nothing private leaves: of keys the public half, and
what an administration says of itself. Source: PROTOCOL 7.9.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace

from node.config import Config
from node.config_checks import LOOPBACK
from node.errors import N_, OperatorError, PeerWrongError
from node.protocol import enrolment, keys
from node.protocol.agreement_steps import day_of
from node.protocol.agreement_values import HttpKey, LogKeys, Node, Status
from node.store.keyfiles import Keys


@dataclass(frozen=True, slots=True)
class Asked:
    """A request with what people compare: its fingerprint as digits and as words."""

    node: Node
    raw: bytes = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the canonical entry, hex."""
        return enrolment.digest_of(self.node).hex()

    @property
    def words(self) -> list[str]:
        """The same, as far as it is read out."""
        return enrolment.words(enrolment.digest_of(self.node))


def address_of(config: Config) -> str:
    """Return where others reach this node: https, or http for a trial on this machine."""
    authority = config.federation.authority
    trial = config.is_trial and authority.rpartition(":")[0] in LOOPBACK
    return f"{'http' if trial else 'https'}://{authority}"


def own_entry(config: Config, held: Keys, contact: str, now: dt.datetime) -> Node:
    """Return this node as it would be listed, active from today."""
    authority, origin = config.federation.authority, config.federation.origin
    public = {role: key.public_key().public_bytes_raw() for role, key in held.signing.items()}

    def voice(role: str) -> keys.Verifier:
        return keys.Verifier(f"{authority}/{role}", keys.COSIGNATURE_TYPE, public[role])

    return Node(
        id=config.node.id,
        rev=1,
        name=config.node.name,
        ipa_code=config.node.ipa_code,
        url=address_of(config),
        territory=tuple(sorted(set(config.node.territory))),
        contact=contact,
        status=Status.ACTIVE,
        since=day_of(now),
        http=(HttpKey(f"{authority}#http-1", public["http"]),),
        log=(LogKeys(origin, (keys.Verifier(origin, keys.LOG_TYPE, public["log"]),), None, None),),
        witness=(voice("witness"),),
        mirror=(voice("mirror"),),
        seal=held.seal.public,
    )


def request_of(config: Config, held: Keys, contact: str, now: dt.datetime) -> Asked:
    """Return this node's request to be let in. Raises: OperatorError(contact-missing), CallerError(enrolment-malformed)."""
    if not contact:
        raise OperatorError(
            "contact-missing",
            N_("manca il recapito dell'amministrazione: chi decide deve poter telefonare o scrivere"),
            where="[web] contact",
            hint=N_("indicarlo con --contact, o in [web] contact di node.toml"),
        )
    node = own_entry(config, held, contact, now)
    return Asked(node, enrolment.make(node, held.signing))


def asked_of(config: Config, held: Keys, now: dt.datetime) -> Asked:
    """Return this node as it would ask, unsigned: to be held against what is listed under its id."""
    return Asked(own_entry(config, held, config.web.contact, now), b"")


def same_or_new(before: bytes | None, asked: Asked) -> Asked:
    """Return the request that was made before if it says the same but for its day: whoever compared its words goes on with them."""
    if before is None:
        return asked
    try:
        found = read(before)
    except PeerWrongError:
        return asked
    return found if replace(asked.node, since=found.node.since) == found.node else asked


def read(raw: bytes) -> Asked:
    """Return a request that somebody else made, its keys proved. Raises: PeerWrongError(enrolment-malformed | enrolment-unproved)."""
    return Asked(enrolment.parse(raw).node, raw)
