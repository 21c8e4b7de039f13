"""Who fits whom: complements before likeness, both ways, explained to the last part; groups across territories."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.domain import matching
from node.domain.vocabulary import CAPABILITIES, CATEGORIES
from node.store.reference import load_label_reference
from tests.profiles_made import NOW, label, profile
from tests.size import size

REFERENCE, TODAY = load_label_reference(), NOW.date()


def want(category: str, text: str = "") -> dict[str, Any]:
    """A need or an offer."""
    return {"category": category, "text": {"it": text}} if text else {"category": category}


def fit(one: dict[str, Any], other: dict[str, Any]) -> matching.Match | None:
    """How the other fits the one."""
    return matching.match(one, other, REFERENCE, TODAY)


OIL = profile(1, owner="a", needs=[want("distribution", "distributori di olio per negozi")], offers=[want("raw_materials", "olio in cisterna")])  # fmt: skip


def test_what_the_other_has_counts_and_likeness_does_not() -> None:
    """A distributor fits an oil maker who seeks one; another oil maker with the same need and offer does not fit at all."""
    seller = profile(2, owner="b", offers=[want("distribution", "vendita di olio ai negozi")], needs=[want("raw_materials", "olio")])  # fmt: skip
    twin = profile(3, owner="c", needs=OIL["needs"], offers=OIL["offers"])
    found = fit(OIL, seller)
    assert found is not None
    assert fit(OIL, twin) is None
    assert [(link.category, link.needs == OIL["id"]) for link in found.links] == [("distribution", True), ("raw_materials", False)]  # fmt: skip
    one_way = fit(OIL, profile(4, owner="d", offers=[want("distribution", "altro")]))
    assert one_way is not None
    assert found.score > one_way.score


def test_words_tell_answers_of_one_category_apart() -> None:
    """Whose words are close scores more; without words the category alone counts."""
    near = fit(OIL, profile(2, owner="b", offers=[want("distribution", "negozi che vendono olio")]))
    far = fit(OIL, profile(3, owner="b", offers=[want("distribution", "spedizione di mobili")]))
    bare = fit(OIL, profile(4, owner="b", offers=[want("distribution")]))
    assert near is not None
    assert far is not None
    assert bare is not None
    assert near.score > far.score == bare.score


def test_what_is_said_of_the_partner_is_held_against_labels() -> None:
    """Certain, possible and outside: whole, a share, nothing; who asks nothing stands in the middle."""
    asked = {**OIL, "partner": {"role": "any", "sector": "C", "territory": "ITC1", "size": "any"}}

    def share(**labels: Any) -> float:
        found = fit(asked, profile(5, owner="b", offers=[want("distribution")], **labels))
        assert found is not None
        return next(part.share for part in found.parts if part.name == matching.WANTED)

    inside = share(territory=label("PRO", "TO"), sector=label("A2", "10"))
    some = share(territory=label("REG", "ITC1", "ITC4"), sector=label("A2", "10"))
    outside = share(territory=label("REG", "ITF4"), sector=label("A2", "62"))
    assert inside == 1.0
    assert outside == 0.0
    assert outside < some < inside


DOCUMENTS = st.builds(
    lambda number, owner, needs, offers, countries, capabilities, themes, age: profile(
        number, owner=owner, needs=[want(c) for c in needs], offers=[want(c) for c in offers], target_countries=countries,
        capabilities=capabilities, themes=themes, round=(TODAY - dt.date(1970, 1, 1)).days - age,
        territory=label("REG", *{"a": ["ITF4"], "b": ["ITC1"], "c": ["ITI4"], "d": ["ITC1", "ITC4"]}[owner]),
    ),
    st.integers(1, 999), st.sampled_from("abcd"),
    *(st.lists(st.sampled_from(sorted(CATEGORIES)[:6]), max_size=3, unique=True) for _ in range(2)),
    st.lists(st.sampled_from(("AL", "TN", "DE")), max_size=2, unique=True),
    st.lists(st.sampled_from(sorted(CAPABILITIES)[:5]), max_size=3, unique=True),
    st.lists(st.sampled_from(("innovation", "energy")), max_size=2, unique=True), st.integers(-10, 1000),
)  # fmt: skip


@given(DOCUMENTS, DOCUMENTS)
def test_a_score_is_the_sum_of_its_parts(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Between nothing and one, explained whole, only between those who have something for each other."""
    found = fit(one, other)
    has = {n["category"] for n in one["needs"]} & {o["category"] for o in other["offers"]}
    seeks = {n["category"] for n in other["needs"]} & {o["category"] for o in one["offers"]}
    assert (found is None) == (not has and not seeks)
    if found is not None:
        assert 0 <= found.score <= 1
        assert all(0 <= part.share <= 1 for part in found.parts)
        assert abs(found.score - sum(part.weight * part.share for part in found.parts)) < 0.001
        assert abs(sum(part.weight for part in found.parts) - 1) < 1e-9
        assert {link.category for link in found.links} == has | seeks


@pytest.mark.many
@settings(max_examples=size(100, 400))
@given(st.lists(DOCUMENTS, min_size=1, max_size=9, unique_by=lambda d: d["id"]), st.randoms(use_true_random=False))
def test_groups_are_chained_apart_and_the_same_in_any_order(documents: list[dict[str, Any]], source: Any) -> None:
    """Three to five, all of different owners and areas, each linked to another; the seed is in; order changes nothing."""
    seed = documents[0]
    found = matching.groups(documents, 0, 10)
    for group in found:
        chosen = [documents[m] for m in group.members]
        assert 3 <= len(chosen) <= 5
        assert seed in chosen
        assert len({d["owner"] for d in chosen}) == len(chosen)
        linked = {link.needs for link in group.links} | {link.offers for link in group.links}
        assert {d["id"] for d in chosen} == linked
        assert all(country in d["target_countries"] for country in group.countries for d in chosen)
    others = documents[1:]
    source.shuffle(others)
    again = matching.groups([seed, *others], 0, 10)
    told = [(g.score, [documents[m]["id"] for m in g.members], g.links) for g in found]
    assert [(g.score, [[seed, *others][m]["id"] for m in g.members], g.links) for g in again] == told


def test_a_chain_of_three_territories_is_proposed() -> None:
    """Oil in bulk, bottling, distribution; all three aim at Albania."""
    oil = profile(1, owner="a", territory=label("PRO", "LE"), needs=[want("production_capacity")], offers=[want("raw_materials")], target_countries=["AL"])  # fmt: skip
    bottler = profile(2, owner="b", territory=label("PRO", "TO"), needs=[want("raw_materials"), want("distribution")], offers=[want("production_capacity")], target_countries=["AL", "TN"])  # fmt: skip
    seller = profile(3, owner="c", territory=label("PRO", "RM"), needs=[want("production_capacity")], offers=[want("distribution")], target_countries=["AL"])  # fmt: skip
    neighbour = profile(4, owner="d", territory=label("PRO", "LE"), offers=[want("production_capacity"), want("distribution")])  # fmt: skip
    (best, *_) = matching.groups([oil, bottler, seller, neighbour], 0, 5)
    assert sorted(best.members) == [0, 1, 2]
    assert best.countries == ("AL",)
    assert {(link.category, link.offers) for link in best.links} >= {("raw_materials", oil["id"]), ("distribution", seller["id"])}  # fmt: skip
