"""What changes in one node's entry of the agreement, in plain words (PROTOCOL 7.3; node/flows/trust/agreement_said.py).

In: an entry before and after, None where the node is not listed. Out: sentences, the status first. Rules: every field is told, also of a
node that enters: who signs reads here what is signed. A key is told by its name and its fingerprint (the one of the page of keys and of
``rete log show``), and a new one, one taken away and one that ends at a size are three different things. Names may be alike: each stands with
its id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from node.domain.days import day_of
from node.errors import N_, Said
from node.flows.trust.public_keys import fingerprint
from node.protocol.agreement_values import LogKeys, Node, Status
from node.protocol.sealed import SealKey

ENTERS: Final = {
    Status.ACTIVE: N_("entra: {who}, dal {day:%d/%m/%Y}"),
    Status.SUSPENDED: N_("entra, già sospeso: {who}, dal {day:%d/%m/%Y}"),
    Status.LEFT: N_("è elencato come uscito: {who}, dal {day:%d/%m/%Y}"),
}
BECOMES: Final = {
    (Status.ACTIVE, Status.SUSPENDED): N_("è sospeso: {who}, dal {day:%d/%m/%Y}"),
    (Status.ACTIVE, Status.LEFT): N_("esce: {who}, dal {day:%d/%m/%Y}"),
    (Status.SUSPENDED, Status.ACTIVE): N_("è riammesso: {who}, dal {day:%d/%m/%Y}"),
    (Status.SUSPENDED, Status.LEFT): N_("esce, dopo la sospensione: {who}, dal {day:%d/%m/%Y}"),
    (Status.LEFT, Status.ACTIVE): N_("è riammesso, dopo l'uscita: {who}, dal {day:%d/%m/%Y}"),
    (Status.LEFT, Status.SUSPENDED): N_("è elencato di nuovo, sospeso: {who}, dal {day:%d/%m/%Y}"),
}
GONE: Final = N_("sparisce dall'elenco: {who}")
SINCE: Final = N_("cambia: giorno da cui vale lo stato di {who}: da {old:%d/%m/%Y} a {new:%d/%m/%Y}")
REVISION: Final = N_("cambia: numero di revisione di {who}: da {old} a {new}")


@dataclass(frozen=True, slots=True)
class Field:
    """A field that is one text: how it is read, how its change is told, and how it is told of who enters."""

    of: Callable[[Node], str]
    changed: str
    begun: str


FIELDS: Final = (
    Field(lambda node: node.name, N_("cambia: nome di {who}: da «{old}» a «{new}»"), ""),
    Field(lambda node: node.ipa_code, N_("cambia: codice IPA di {who}: da «{old}» a «{new}»"), N_("{who}: codice IPA {new}")),
    Field(lambda node: node.url, N_("cambia: indirizzo di {who}: da {old} a {new}"), N_("{who}: indirizzo {new}")),
    Field(lambda node: ", ".join(node.territory), N_("cambia: territori di {who}: da {old} a {new}"), N_("{who}: territori {new}")),
    Field(lambda node: node.contact, N_("cambia: recapito di {who}: da «{old}» a «{new}»"), N_("{who}: recapito {new}")),
)  # fmt: skip

HAS: Final = N_("{who}: chiave {role} {key}, impronta {print}")
ADDED: Final = N_("cambia: chiave {role} di {who}: si aggiunge {key}, impronta {print}")
WITHDRAWN: Final = N_("cambia: chiave {role} di {who}: è tolta {key}, impronta {print}")
REPLACED: Final = N_(
    "cambia: chiave {role} di {who}: {key}, impronta {print}, al posto di {old_key}, impronta {old_print}"
)
ORDERED: Final = N_("cambia: ordine delle chiavi {role} di {who}: la più nuova è {key}, impronta {print}")

LOG_HAS: Final = N_("{who}: registro {origin}")
LOG_KEY_HAS: Final = N_("{who}: chiave log per {origin}, impronta {print}")
LOG_BEGUN: Final = N_("cambia: {who} ha il registro {origin}")
LOG_GONE: Final = N_("cambia: {who} non ha più il registro {origin}")
LOG_KEY_ADDED: Final = N_("cambia: chiave log di {who} per {origin}: si aggiunge quella con impronta {print}")
LOG_KEY_WITHDRAWN: Final = N_("cambia: chiave log di {who} per {origin}: è tolta quella con impronta {print}")
LOG_KEY_UNTIL: Final = N_("cambia: chiave log di {who} per {origin}, impronta {print}: vale solo fino a {size} voci")
LOG_KEY_MOVED: Final = N_(
    "cambia: chiave log di {who} per {origin}, impronta {print}: non più fino a {old} voci, ma fino a {size}"
)
LOG_KEY_FREED: Final = N_(
    "cambia: chiave log di {who} per {origin}, impronta {print}: vale senza più il limite di {old} voci"
)
FROZEN: Final = N_("cambia: il registro {origin} di {who} è chiuso a {size} voci, radice {root}")
MELTED: Final = N_("cambia: il registro {origin} di {who} non è più chiuso a {size} voci")
LOG_ORDERED: Final = N_("cambia: ordine dei registri di {who} e delle loro chiavi")


def name_of(node: Node) -> str:
    """Return how a node is called in a sentence."""
    return f"{node.name} ({node.id})"


def entry_differences(before: Node | None, after: Node | None) -> list[Said]:
    """Return what changes of one node; nothing where the entries are equal."""
    if after is None:
        return [] if before is None else [Said(GONE, {"who": name_of(before)})]
    who = name_of(before or after)
    found = [*_status(before, after, who), *_fields(before, after, who)]
    for role in ("http", "witness", "mirror"):
        found += _keys(role, before, after, who)
    found += [*_logs(before.log if before else (), after.log, who), *_seal(before.seal if before else None, after.seal, who, is_new=before is None)]  # fmt: skip
    # A change counts one: only what does not is news.
    if before is not None and after.rev != before.rev + bool(found):
        found.append(Said(REVISION, {"who": who, "old": before.rev, "new": after.rev}))
    if before is None and after.rev != 1:
        found.append(Said(REVISION, {"who": who, "old": 0, "new": after.rev}))
    return found


def _status(before: Node | None, after: Node, who: str) -> list[Said]:
    day = day_of(after.since)
    if before is None:
        return [Said(ENTERS[after.status], {"who": who, "day": day})]
    if before.status != after.status:
        return [Said(BECOMES[before.status, after.status], {"who": who, "day": day})]
    if before.since != after.since:
        return [Said(SINCE, {"who": who, "old": day_of(before.since), "new": day})]
    return []


def _fields(before: Node | None, after: Node, who: str) -> Iterator[Said]:
    for field in FIELDS:
        new = field.of(after)
        if before is None:
            if field.begun and new:
                yield Said(field.begun, {"who": who, "new": new})
        elif field.of(before) != new:
            yield Said(field.changed, {"who": who, "old": field.of(before), "new": new})


Key = tuple[str, bytes]


def _keys_of(node: Node | None, role: str) -> list[Key]:
    if node is None:
        return []
    if role == "http":
        return [(key.keyid, key.public) for key in node.http]
    return [(verifier.name, verifier.public) for verifier in (node.witness if role == "witness" else node.mirror)]


def _keys(role: str, before: Node | None, after: Node, who: str) -> list[Said]:
    old, new = _keys_of(before, role), _keys_of(after, role)

    def said(template: str, key: Key, instead: Key | None = None) -> Said:
        facts = {"who": who, "role": role, "key": key[0], "print": fingerprint(key[1])}
        if instead is not None:
            facts |= {"old_key": instead[0], "old_print": fingerprint(instead[1])}
        return Said(template, facts)

    if before is None:
        return [said(HAS, key) for key in new]
    added, gone = [key for key in new if key not in old], [key for key in old if key not in new]
    if len(added) == len(gone) == 1:
        found = [said(REPLACED, added[0], gone[0])]
    else:
        found = [*(said(ADDED, key) for key in added), *(said(WITHDRAWN, key) for key in gone)]
    # The newest is the last, and a key that comes is the newest: any other order is news.
    if new != [*(key for key in old if key in new), *added]:
        found.append(said(ORDERED, new[-1]))
    return found


Ends = dict[tuple[str, bytes], int | None]


def _ends(log: tuple[LogKeys, ...]) -> Ends:
    """Return up to which size each key of each log is good."""
    return {(item.origin, verifier.public): item.until_size for item in log for verifier in item.verifiers}


def _logs(old: tuple[LogKeys, ...], new: tuple[LogKeys, ...], who: str) -> list[Said]:
    if old == new:
        return []
    before, after = {item.origin: item.frozen for item in old}, {item.origin: item.frozen for item in new}
    begun = LOG_BEGUN if old else LOG_HAS
    found = [Said(begun, {"who": who, "origin": origin}) for origin in after if origin not in before]
    found += [Said(LOG_GONE, {"who": who, "origin": origin}) for origin in before if origin not in after]
    ends_before, ends = _ends(old), _ends(new)
    found += _log_keys(ends_before, ends, who)
    for origin, frozen in after.items():
        was = before.get(origin)
        if frozen is not None and frozen != was:
            found.append(Said(FROZEN, {"who": who, "origin": origin, "size": frozen[0], "root": frozen[1].hex()}))
        elif frozen is None and was is not None:
            found.append(Said(MELTED, {"who": who, "origin": origin, "size": was[0]}))
    if not found or [key for key in ends_before if key in ends] != [key for key in ends if key in ends_before]:
        found.append(Said(LOG_ORDERED, {"who": who}))
    return found


def _log_keys(old: Ends, new: Ends, who: str) -> Iterator[Said]:
    for (origin, public), size in new.items():
        facts = {"who": who, "origin": origin, "print": fingerprint(public)}
        if (origin, public) not in old:
            yield Said(LOG_KEY_ADDED if old else LOG_KEY_HAS, facts)
            if size is not None:
                yield Said(LOG_KEY_UNTIL, {**facts, "size": size})
            continue
        was = old[origin, public]
        if size is None and was is not None:
            yield Said(LOG_KEY_FREED, {**facts, "old": was})
        elif size is not None and size != was:
            yield Said(LOG_KEY_UNTIL if was is None else LOG_KEY_MOVED, {**facts, "old": was, "size": size})
    for origin, public in old:
        if (origin, public) not in new:
            yield Said(LOG_KEY_WITHDRAWN, {"who": who, "origin": origin, "print": fingerprint(public)})


def _seal(old: SealKey | None, new: SealKey | None, who: str, *, is_new: bool) -> list[Said]:
    if old == new:
        return []
    facts: dict[str, object] = {"who": who, "role": "seal"}
    if new is None:
        return [Said(WITHDRAWN, {**facts, **_seal_facts(old)})]
    if old is None:
        return [Said(HAS if is_new else ADDED, {**facts, **_seal_facts(new)})]
    instead = {f"old_{name}": fact for name, fact in _seal_facts(old).items()}
    return [Said(REPLACED, {**facts, **_seal_facts(new), **instead})]


def _seal_facts(seal: SealKey | None) -> dict[str, str]:
    if seal is None:
        return {}
    return {"key": seal.id, "print": fingerprint(seal.x25519 + (seal.mlkem768 or b""))}
