"""Who could work with whom: what one network looks for against what another offers, both ways, with reasons.

In: published documents (``profile/1``), and what an officer would publish of an own network. Out: matches with their parts,
and groups of three to five for a joint project. Complementary rather than similar: what counts is that one has what the other
lacks. Pure, and the same on every node: parts are functions of two documents and a day.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from node.domain.days import day_number
from node.domain.folding import fold
from node.domain.labels import LabelReference

ANSWERED, ASKED, WANTED, ABROAD, COMPLEMENTARY, THEMES, FRESH = (
    "answered", "asked", "wanted", "abroad", "complementary", "themes", "fresh",
)  # fmt: skip
# In thousandths of the whole; what the other side has for us weighs most, what both happen to share least.
WEIGHTS: Final[Mapping[str, int]] = {
    ANSWERED: 350, ASKED: 200, WANTED: 150, ABROAD: 100, COMPLEMENTARY: 100, THEMES: 50, FRESH: 50,
}  # fmt: skip
# The themes that the administrations agreed to put first count whole, the others half.
PRIORITY: Final = frozenset(("innovation", "internationalisation", "certification"))
# What is shared by choosing the same category, and what the words add.
CATEGORY_SHARE: Final = 0.6
FRESH_DAYS: Final = 730
GROUP_MIN, GROUP_MAX = 3, 5
_STEM, _WORD_MIN = 5, 4


@dataclass(frozen=True, slots=True)
class Link:
    """One need that an offer answers: whose need, which category, and how close the words are (0 to 1)."""

    needs: str
    offers: str
    category: str
    closeness: float


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a score: its weight, how much of it is earned (0 to 1), and the values that earned it."""

    name: str
    weight: float
    share: float
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """How well another network fits: score from 0 to 1, its parts, and who has what for whom."""

    score: float
    parts: tuple[Part, ...]
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Three to five networks for a joint project: by place in the list given, with score, links and shared countries."""

    members: tuple[int, ...]
    score: float
    links: tuple[Link, ...]
    countries: tuple[str, ...]


def stems(text: str) -> frozenset[str]:
    """Return the beginnings of a text's longer words: enough to tell «olio, olive» from «mobili», without any dictionary."""
    return frozenset(word[:_STEM] for word in fold(text).split() if len(word) >= _WORD_MIN)


def closeness(one: str, other: str) -> float:
    """Return how much of the shorter text's words the longer one has, 0 to 1."""
    left, right = stems(one), stems(other)
    return len(left & right) / min(len(left), len(right)) if left and right else 0.0


def _text(want: Mapping[str, Any]) -> str:
    return str(want.get("text", {}).get("it", ""))


def links_between(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[Link, ...]:
    """Return each need of ``one`` that ``other`` answers, with the closest of the offers in its category."""
    found = []
    for need in one["needs"]:
        near = [closeness(_text(need), _text(offer)) for offer in other["offers"] if offer["category"] == need["category"]]  # fmt: skip
        if near:
            found.append(Link(one["id"], other["id"], need["category"], max(near)))
    return tuple(found)


def _earned(links: Sequence[Link], wants: int) -> float:
    return sum(CATEGORY_SHARE + (1 - CATEGORY_SHARE) * link.closeness for link in links) / wants if wants else 0.0


def _wanted(one: Mapping[str, Any], other: Mapping[str, Any], reference: LabelReference) -> list[float]:
    """Return, of what ``one`` says of the partner it seeks, how much of each point ``other``'s labels meet."""
    asked = {
        "territory": one["partner"]["territory"],
        "sector": one["partner"]["sector"],
        "size": one["partner"]["size"],
    }
    told = []
    for name, value in asked.items():
        # The whole country, any sector, any size ask nothing.
        if reference.asked(name, value) is not None:
            values = tuple(other["labels"][name]["values"])
            possible, certain = reference.matches(name, values, value)
            told.append(1.0 if certain else reference.share(name, values, value) if possible else 0.0)
    return told


def match(one: Mapping[str, Any], other: Mapping[str, Any], reference: LabelReference, today: dt.date) -> Match | None:
    """Return how well ``other`` fits ``one``; None when neither has anything that the other looks for."""
    answered, asked = links_between(one, other), links_between(other, one)
    if not answered and not asked:
        return None
    wanted = [*_wanted(one, other, reference), *_wanted(other, one, reference)]
    countries = sorted({*one["target_countries"]} & {*other["target_countries"]})
    fewest = min(len(one["target_countries"]), len(other["target_countries"]))
    themes = sorted({*one["themes"]} & {*other["themes"]})
    new = sorted({*other["capabilities"]} - {*one["capabilities"]})
    offers = {offer["category"] for offer in one["offers"]}
    same = {offer["category"] for offer in other["offers"]} & offers
    age = day_number(today) - other["round"]
    earned: dict[str, tuple[float, Iterable[str]]] = {
        ANSWERED: (_earned(answered, len(one["needs"])), (link.category for link in answered)),
        ASKED: (_earned(asked, len(other["needs"])), (link.category for link in asked)),
        # Who seeks nothing in particular neither gains nor loses by it.
        WANTED: (sum(wanted) / len(wanted) if wanted else 0.5, ()),
        ABROAD: (len(countries) / fewest if fewest else 0.0, countries),
        COMPLEMENTARY: (
            (len(new) / len(other["capabilities"]) if other["capabilities"] else 0.5)
            * (1 - len(same) / (len(offers) or 1)),
            new,
        ),
        THEMES: (min(1.0, sum(1.0 if theme in PRIORITY else 0.5 for theme in themes)), themes),
        FRESH: (max(0.0, min(1.0, 1 - age / FRESH_DAYS)), ()),
    }
    parts = tuple(
        Part(name, WEIGHTS[name] / 1000, round(share, 4), tuple(dict.fromkeys(values)))
        for name, (share, values) in earned.items()
    )
    score = sum(WEIGHTS[name] * share for name, (share, _) in earned.items()) / 1000
    return Match(round(score, 4), parts, (*answered, *asked))


def _apart(documents: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether networks come from different territories: other owners, and no two labels of one and the same area."""
    owners = [document["owner"] for document in documents]
    areas = [tuple(document["labels"]["territory"]["values"]) for document in documents]
    told = [area for area in areas if len(area) == 1]
    return len(set(owners)) == len(owners) and len(set(told)) == len(told)


def groups(documents: Sequence[Mapping[str, Any]], seed: int, limit: int) -> list[Group]:
    """Return up to ``limit`` groups around one network, best first; ``documents`` are it and those that fit it.

    A group is chained: each member has something for, or needs something of, one already in it; all are from different
    territories; a country that all aim at is worth a fifth of the score. Greedy from each pair: the best that joins, while it
    makes the group no worse.
    """
    linked = {
        (a, b): (*links_between(documents[a], documents[b]), *links_between(documents[b], documents[a]))
        for a, b in itertools.combinations(range(len(documents)), 2)
    }
    found: dict[tuple[int, ...], Group] = {}
    for first in range(len(documents)):
        if first != seed and linked[min(seed, first), max(seed, first)] and _apart([documents[seed], documents[first]]):
            group = _grow(documents, linked, (seed, first))
            if group is not None:
                found[tuple(sorted(group.members))] = _in_order(documents, group, seed)
    return sorted(found.values(), key=lambda g: (-g.score, [documents[m]["id"] for m in g.members]))[:limit]


def _in_order(documents: Sequence[Mapping[str, Any]], group: Group, seed: int) -> Group:
    """Return a group told in one order, whichever way it was come by: the seed, then by identifier."""
    members = sorted(group.members, key=lambda m: (m != seed, documents[m]["id"]))
    links = sorted(group.links, key=lambda link: (link.needs, link.offers, link.category))
    return Group(tuple(members), group.score, tuple(links), group.countries)


_Linked = Mapping[tuple[int, int], tuple[Link, ...]]


def _grow(documents: Sequence[Mapping[str, Any]], linked: _Linked, members: tuple[int, ...]) -> Group | None:
    best: Group | None = None
    while len(members) < GROUP_MAX:
        joined = [
            _judged(documents, linked, (*members, other))
            for other in range(len(documents))
            if other not in members
            and any(linked[min(other, m), max(other, m)] for m in members)
            and _apart([documents[m] for m in (*members, other)])
        ]
        if not joined:
            break
        top = min(joined, key=lambda g: (-g.score, documents[g.members[-1]]["id"]))
        if best is not None and top.score < best.score:
            break
        best, members = top, top.members
    return best if best is not None and len(best.members) >= GROUP_MIN else None


def _judged(documents: Sequence[Mapping[str, Any]], linked: _Linked, members: tuple[int, ...]) -> Group:
    chosen = [documents[m] for m in members]
    links = tuple(link for a, b in itertools.combinations(sorted(members), 2) for link in linked[a, b])
    needs = sum(len({need["category"] for need in document["needs"]}) for document in chosen)
    met = len({(link.needs, link.category) for link in links})
    offered = len({offer["category"] for document in chosen for offer in document["offers"]})
    total = sum(len({offer["category"] for offer in document["offers"]}) for document in chosen)
    countries = sorted(set.intersection(*({*document["target_countries"]} for document in chosen)))
    themes = set.intersection(*({*document["themes"]} for document in chosen)) & PRIORITY
    score = (
        0.45 * (met / needs if needs else 0.0)
        + 0.20 * (offered / total if total else 0.0)
        + 0.20 * bool(countries)
        + 0.10 * (len(members) - 2) / (GROUP_MAX - 2)
        + 0.05 * bool(themes)
    )
    return Group(members, round(score, 4), links, tuple(countries))
