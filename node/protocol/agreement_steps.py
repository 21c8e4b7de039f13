"""What may follow what: the rules between one version of the agreement and the next (PROTOCOL 7.5-7.7), beyond TUF's signatures.

In: two versions. Out: nothing, or the refusal with the id of the node whose entry breaks a rule. Rules: nobody is forgotten, only marked as
gone; a change of an entry shows in its ``rev``; a log stays its node's; what was said of the end of a log or of a key of it is never taken
back. All of them are about the two documents alone, so that whoever reads the chain later judges as those did who read it first. The one
that asks the clock refuses days to come, and only until they have come.
"""

from __future__ import annotations

import datetime as dt

from node.errors import N_, PeerWrongError
from node.protocol import keys, limits
from node.protocol.agreement_values import Agreement, LogKeys, Node, Status

_EPOCH = dt.date(1970, 1, 1)
# Clocks and time zones: a day that has begun for whoever wrote it.
_AHEAD_DAYS = 1


def day_of(at: dt.datetime) -> int:
    """Return the number of a moment's day, in UTC, from 1970-01-01."""
    return (at.astimezone(dt.UTC).date() - _EPOCH).days


def _broken(node_id: str, what: str) -> PeerWrongError:
    return PeerWrongError("agreement-rule-broken", what, where=node_id)


def _ends(items: tuple[LogKeys, ...]) -> dict[keys.Verifier, int]:
    """Return the sizes at which keys of logs ended."""
    return {verifier: item.until_size for item in items for verifier in item.verifiers if item.until_size is not None}


def _frozen(items: tuple[LogKeys, ...]) -> dict[str, tuple[int, bytes]]:
    return {item.origin: item.frozen for item in items if item.frozen is not None}


def check_logs(before: Node, after: Node) -> None:
    """Refuse a change of a node's logs that forgets one, or what was said of an end. Raises: PeerWrongError(agreement-rule-broken)."""
    if not before.origins <= after.origins:
        raise _broken(after.id, N_("un registro già elencato non può sparire"))
    new_ends = _ends(after.log)
    for verifier, size in _ends(before.log).items():
        if verifier not in new_ends or new_ends[verifier] > size:
            raise _broken(after.id, N_("la fine di una chiave di registro si può solo anticipare"))
    if not _frozen(before.log).items() <= _frozen(after.log).items():
        raise _broken(after.id, N_("la fine di un registro non si cambia"))


def _check_entry(before: Node, after: Node) -> None:
    if before == after:
        return
    # The count alone may grow: so the council overrules a routine change.
    if after.rev <= before.rev:
        raise _broken(after.id, N_("la voce del nodo è cambiata, ma non il suo numero di revisione"))
    if after.rev > before.rev + limits.AGREEMENT_REV_STEP:
        raise _broken(after.id, N_("il numero di revisione della voce cresce troppo in una volta"))
    if after.since != before.since and (after.status is before.status or after.since < before.since):
        raise _broken(after.id, N_("il giorno dello stato cambia solo con lo stato, e solo in avanti"))
    check_logs(before, after)


def _is_admission(before: Node | None, after: Node) -> bool:
    return before is None or (before.status is Status.LEFT and after.status is not Status.LEFT)


def check_open(trusted: Agreement, following: Agreement, now: dt.datetime) -> None:
    """Refuse a version that admits somebody on top of one that has expired by now: for it no signatures are collected.

    A version that stands is not judged so: whoever reads the chain later finds all of it expired. Raises: PeerWrongError(agreement-expired).
    """
    if trusted.is_expired(now):
        for node in following.nodes:
            if _is_admission(trusted.node(node.id), node):
                raise _too_late(node.id)


def _too_late(node_id: str) -> PeerWrongError:
    return PeerWrongError(
        "agreement-expired",
        N_("il protocollo d'intesa era scaduto: prima si rinnova, poi entrano altri"),
        where=node_id,
    )


def check(trusted: Agreement, following: Agreement, now: dt.datetime) -> None:
    """Refuse a version that may not follow ``trusted``. Raises: PeerWrongError(agreement-rule-broken | agreement-expired)."""
    old = {node.id: node for node in trusted.nodes}
    gone = old.keys() - {node.id for node in following.nodes}
    if gone:
        raise _broken(min(gone), N_("un nodo non può sparire dal protocollo: chi esce resta elencato come uscito"))
    today, end = day_of(now), day_of(trusted.expires)
    for node in following.nodes:
        before = old.get(node.id)
        if before is not None:
            _check_entry(before, node)
        if node != before and node.since > today + _AHEAD_DAYS:
            raise _broken(node.id, N_("il giorno dello stato è nel futuro"))
        if _is_admission(before, node) and node.since > end:
            raise _too_late(node.id)
