"""The attacks that guess: by the words of a profile, by its size, by the order in which profiles left.

In: what is published (flows/profiles/published), the public objects of the networks that hide each profile. Out: how often the first
guess is right, and which texts point at their own network. Only profiles whose true network this node knows can be judged.
Source: docs/rules.md, Attacks; docs/decisions/0011.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from node.domain import guesses
from node.domain.disclosure import Attacker, Networks
from node.domain.guesses import ORDER, SIZE, TEXT, Guesses, Order
from node.domain.likeness import Likeness, best, judge
from node.domain.profile import LANGUAGES
from node.domain.register import RegisterNetwork
from node.errors import N_
from node.flows.profiles.published import Published, Version
from node.store import disclosure
from node.store.postgres import Connection

# What an order might follow, in words for a person.
FOLLOWED = {
    "register-id": N_("l'ordine dell'elenco pubblico"),
    "registered-on": N_("la data d'iscrizione"),
    "begun-at": N_("l'ordine in cui le schede sono state preparate"),
}


@dataclass(frozen=True, slots=True)
class Guessed:
    """What the guesses came to; ``recognised``: profiles whose text the gate would refuse as things stand today."""

    text: Guesses
    size: Guesses
    order: Order
    recognised: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Target:
    """One profile to guess: who may be it, in an edition, with their public objects, and who is."""

    version: Version
    edition: int
    networks: tuple[str, ...]

    @property
    def own(self) -> int:
        """The place of the true network."""
        return self.networks.index(str(self.version.shown.register_id))


async def guess(conn: Connection, published: Published, attacker: Attacker) -> Guessed:
    """Try the texts and sizes of what stands published, and the order of everything that left."""
    targets = [found for version in published.versions if (found := _target(published, attacker, version)) is not None]
    objects = await _objects(conn, published, targets)
    # Some seconds of work where there are thousands: a thread's.
    return await asyncio.to_thread(_guess, published, targets, objects)


def _target(published: Published, attacker: Attacker, version: Version) -> _Target | None:
    shown = version.shown
    if not shown.living or shown.register_id is None or version.document is None:
        return None
    own = published.numbers.bit(shown.register_id)
    places: Sequence[tuple[int, Networks]] = (
        (published.newest, attacker.today(shown)),
        (published.pages[shown.page].edition, attacker.rule(shown)),
    )
    # Who has ceased is looked for where it was last hidden.
    found = next(((edition, networks) for edition, networks in places if networks & own), None)
    return None if found is None else _Target(version, found[0], tuple(sorted(published.numbers.ids(found[1]))))


async def _objects(conn: Connection, published: Published, targets: Sequence[_Target]) -> dict[int, dict[str, str]]:
    wanted: defaultdict[int, set[str]] = defaultdict(set)
    for target in targets:
        wanted[target.edition].update(target.networks)
    return {
        edition: await disclosure.objects_of(conn, published.editions[edition].snapshot_id, sorted(ids))
        for edition, ids in wanted.items()
    }


def _guess(published: Published, targets: Sequence[_Target], objects: Mapping[int, Mapping[str, str]]) -> Guessed:
    text, recognised = _by_text(published, targets, objects)
    return Guessed(text, _by_size(published, targets, objects), _by_order(published), recognised)


def _bound(published: Published, targets: Sequence[_Target]) -> float:
    """Return the share of right guesses that the weakest k allows: 2/k."""
    return 2 / min((published.pages[target.version.shown.page].k for target in targets), default=5)


def _chance(targets: Sequence[_Target]) -> float:
    return statistics.fmean(1 / len(target.networks) for target in targets) if targets else 0.0


def _by_text(
    published: Published, targets: Sequence[_Target], objects: Mapping[int, Mapping[str, str]]
) -> tuple[Guesses, tuple[str, ...]]:
    likely, shared = 0.0, 0.0
    recognised = []
    told = [target for target in targets if _by_language(target.version)]
    # One block after the other: an index of every block at once is hundreds of megabytes.
    for (edition, networks), of_block in itertools.groupby(sorted(told, key=_block_of), key=_block_of):
        likeness = Likeness([objects[edition].get(name, "") for name in networks])
        for target in of_block:
            k = published.pages[target.version.shown.page].k
            compared = [(likeness.scores(said), likeness.copied(said)) for said in _by_language(target.version)]
            # Each language is read as one text, and the one that tells more counts.
            likely += max(_credit(best(scores), target) for scores, _ in compared)
            shared += max(_credit(best(shares), target) for _, shares in compared)
            if any(judge(scores, shares, target.own, k).found for scores, shares in compared):
                recognised.append(target.version.shown.profile_id)
    guessed = Guesses(TEXT, len(told), max(likely, shared), _chance(told), _bound(published, targets))
    return guessed, tuple(sorted(recognised))


def _block_of(target: _Target) -> tuple[int, tuple[str, ...]]:
    return target.edition, target.networks


def _credit(named: Sequence[int], target: _Target) -> float:
    """Return how probably a guess among the named is right; among all where none is named."""
    if not named:
        return 1 / len(target.networks)
    return (target.own in named) / len(named)


def texts_of(version: Version) -> list[tuple[str, str]]:
    """Return (language, text) of every free text of a document, in the order of the gate."""
    document = version.document or {}
    texts = [document.get(name) or {} for name in ("title", "summary", "description")]
    texts += [want.get("text") or {} for name in ("needs", "offers") for want in document.get(name, ())]
    return [(language, text[language]) for text in texts for language in LANGUAGES if text.get(language)]


def _by_language(version: Version) -> list[str]:
    texts = texts_of(version)
    said = ("\n".join(text for of, text in texts if of == language) for language in LANGUAGES)
    return [words for words in said if words]


def _by_size(published: Published, targets: Sequence[_Target], objects: Mapping[int, Mapping[str, str]]) -> Guesses:
    """Guess that long documents are of networks with long objects, or of many firms; the better guesser counts."""

    def length(target: _Target, name: str) -> float:
        return len(objects[target.edition].get(name, ""))

    def members(target: _Target, name: str) -> float:
        return published.editions[target.edition].listed.rows[name].members

    right = max(_sized(targets, length), _sized(targets, members))
    return Guesses(SIZE, len(targets), right, _chance(targets), _bound(published, targets))


def _sized(targets: Sequence[_Target], measure: Callable[[_Target, str], float]) -> float:
    sizes = [[measure(target, name) for name in target.networks] for target in targets]
    told = math.fsum(target.version.size for target in targets)
    usual = math.fsum(statistics.fmean(found) for found in sizes)
    # A document is so many times as long as what it is guessed by.
    scale = usual / told if told else 0.0
    return math.fsum(
        _credit(guesses.nearest(found, target.version.size * scale), target)
        for target, found in zip(targets, sizes, strict=True)
    )


def _by_order(published: Published) -> Order:
    together: defaultdict[object, list[tuple[int, Version, RegisterNetwork]]] = defaultdict(list)
    for version in published.versions:
        if version.left_at is None or version.position is None or version.shown.register_id is None:
            continue
        listed = published.editions[published.pages[version.shown.page].edition].listed
        row = listed.rows.get(version.shown.register_id)
        if row is not None:
            together[version.left_at].append((version.position, version, row))
    rounds = [sorted(found, key=lambda item: item[0]) for found in together.values()]
    measured = {
        "register-id": guesses.concordance([[row.register_id for _, _, row in found] for found in rounds]),
        "registered-on": guesses.concordance([[row.registered_on.isoformat() for _, _, row in r] for r in rounds]),
        "begun-at": guesses.concordance([[str(version.begun_at) for _, version, _ in found] for found in rounds]),
    }
    told = {name: (pairs, far) for name, (pairs, far) in measured.items() if far is not None}
    if not told:
        return Order(ORDER, 0, None, None)
    worst = max(told, key=lambda name: abs(told[name][1]))
    return Order(ORDER, told[worst][0], told[worst][1], worst)


def sensitive_of(version: Version) -> str:
    """Return what a document says that is sensitive, as the export writes it: ``theme:x|certification:y``; empty for nothing."""
    document = version.document or {}
    said = [("theme", name) for name in sorted(document.get("themes", ()))]
    said += [("certification", name) for name in sorted(document.get("certifications", ()))]
    return "|".join(f"{attribute}:{name}" for attribute, name in said)
