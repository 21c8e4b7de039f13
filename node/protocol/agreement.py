"""The protocollo d'intesa as the root of trust: who belongs, decided by its signatories together (PROTOCOL 7; TUF 1.0.31, 5.3).

In: documents as received, and the version that is trusted. Out: the next trusted version, or the refusal. Rules, in this order: the form
(``agreement_form``); the version is exactly the next one; the threshold of the trusted council signed, and that of the new one; the two
versions fit together (``agreement_steps``). An old version that has expired is still what the next is verified from, so that a node that
was away comes back by itself. Two documents with the same signed bytes are one version, whatever their signatures.
"""

from __future__ import annotations

import datetime as dt

from node.errors import N_, PeerWrongError
from node.protocol import agreement_steps, metadata
from node.protocol.agreement_form import build, check_nodes, council_keyid, parse
from node.protocol.agreement_node import node_json, node_of
from node.protocol.agreement_steps import day_of
from node.protocol.agreement_values import Agreement, Council, HttpKey, LogKeys, Node, Status, Terms
from node.protocol.metadata import encode, sign, with_signatures

__all__ = [
    "Agreement",
    "Council",
    "HttpKey",
    "LogKeys",
    "Node",
    "Status",
    "Terms",
    "build",
    "check_nodes",
    "council_keyid",
    "day_of",
    "encode",
    "first",
    "is_fork",
    "node_json",
    "node_of",
    "parse",
    "sign",
    "signers",
    "step",
    "with_signatures",
]


def signers(draft: Agreement, council: Council) -> frozenset[str]:
    """Return the ids of the council's keys that signed a version with a good signature."""
    return metadata.good_signatures(draft.signed, draft.signatures, council.keys)


def _check_signed(draft: Agreement, council: Council, version: int) -> None:
    have = len(signers(draft, council))
    if have < council.threshold:
        raise PeerWrongError(
            "agreement-unsigned",
            N_("firme valide del consiglio della versione {council}: {have}, ne servono {need}"),
            have=have,
            need=council.threshold,
            council=version,
        )


def first(raw: bytes) -> Agreement:
    """Return the version that a home begins with, signed by its own council; that it is the right one, people compare.

    Raises: PeerWrongError(agreement-unsigned, or as ``parse``).
    """
    found = parse(raw)
    _check_signed(found, found.council, found.version)
    return found


def step(trusted: Agreement, raw: bytes, now: dt.datetime) -> Agreement:
    """Return the version after ``trusted``.

    Raises: PeerWrongError(agreement-version-old | agreement-version-skipped | agreement-unsigned | agreement-rule-broken |
    agreement-expired, or as ``parse``).
    """
    found = parse(raw)
    if found.version <= trusted.version:
        raise PeerWrongError(
            "agreement-version-old",
            N_("la versione {version} del protocollo d'intesa c'è già: si è alla {trusted}"),
            version=found.version,
            trusted=trusted.version,
        )
    if found.version != trusted.version + 1:
        raise PeerWrongError(
            "agreement-version-skipped",
            N_("la versione {version} del protocollo d'intesa non segue la {trusted}"),
            version=found.version,
            trusted=trusted.version,
        )
    _check_signed(found, trusted.council, trusted.version)
    _check_signed(found, found.council, found.version)
    agreement_steps.check(trusted, found, now)
    return found


def is_fork(applied: Agreement, other_raw: bytes, previous: Agreement, now: dt.datetime) -> bool:
    """Tell whether another document is the same version with other content, signed as well: the council said two things.

    ``previous`` is the version before ``applied``, which both follow.
    """
    try:
        other = step(previous, other_raw, now)
    except PeerWrongError:
        return False
    return other.version == applied.version and other.signed != applied.signed
