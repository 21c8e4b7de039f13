"""What the protocollo d'intesa says, as values (PROTOCOL 7): nodes, keys, terms, council. Built by ``agreement_form`` alone."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from node.protocol import keys
from node.protocol.sealed import SealKey


class Status(StrEnum):
    """How a node belongs: fully; known, not heard and not shown; or no more."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class HttpKey:
    """A key with which a node signs its requests: its id ``<authority>#http-<n>``, and the raw public key."""

    keyid: str
    public: bytes


@dataclass(frozen=True, slots=True)
class LogKeys:
    """Keys of one log: good up to ``until_size`` entries, None for ever; ``frozen``: (size, root) at which the log ended."""

    origin: str
    verifiers: tuple[keys.Verifier, ...]
    until_size: int | None
    frozen: tuple[int, bytes] | None


@dataclass(frozen=True, slots=True)
class Node:
    """One administration's node: ``rev`` counts its changes, ``since`` is the day (from 1970-01-01) of its status."""

    id: str
    rev: int
    name: str
    ipa_code: str
    url: str
    territory: tuple[str, ...]
    contact: str
    status: Status
    since: int
    http: tuple[HttpKey, ...]
    log: tuple[LogKeys, ...]
    witness: tuple[keys.Verifier, ...]
    mirror: tuple[keys.Verifier, ...]
    seal: SealKey | None

    @property
    def authority(self) -> str:
        """The ``host[:port]`` at which it answers."""
        return self.url.partition("://")[2]

    @property
    def origins(self) -> frozenset[str]:
        """The logs that are this node's."""
        return frozenset(item.origin for item in self.log)


@dataclass(frozen=True, slots=True)
class Terms:
    """What nodes have promised: body types, longest retentions in days, the least k, days from suspension to erasure."""

    data: tuple[str, ...]
    introductions_days: int
    k_min: int
    keep_epochs_days: int
    suspended_days: int


@dataclass(frozen=True, slots=True)
class Council:
    """Keys that decide together: raw public keys by TUF key id, and how many must sign. Also the secretariat's."""

    keys: Mapping[str, bytes]
    threshold: int


@dataclass(frozen=True, slots=True)
class Agreement:
    """One version of the agreement in its right form; who signed it, ``agreement.signers`` says.

    ``signed``: the bytes that signatures are over; ``raw``: the document as received; ``signatures``: hex by key id, unverified.
    """

    version: int
    expires: dt.datetime
    council: Council
    secretariat: Council
    nodes: tuple[Node, ...]
    quorum: tuple[int, int]
    terms: Terms
    pdf_sha256: str
    signed: bytes = field(repr=False)
    raw: bytes = field(repr=False)
    signatures: Mapping[str, str] = field(repr=False)

    @property
    def digest(self) -> str:
        """The hex SHA-256 of what was signed: the same for the same version, whoever signed it."""
        return hashlib.sha256(self.signed).hexdigest()

    def node(self, node_id: str) -> Node | None:
        """Return a node by its id, None for a stranger."""
        return next((node for node in self.nodes if node.id == node_id), None)

    def is_expired(self, now: dt.datetime) -> bool:
        """Tell whether the agreement has to be renewed: all goes on, but nobody joins (PROTOCOL 7.7)."""
        return now >= self.expires
