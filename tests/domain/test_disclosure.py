"""The attacks as counts and guesses, on hand-made registers with known answers: each bound kept, and each bound broken."""

from __future__ import annotations

import datetime as dt
import math
import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain import disclosure, guesses, partition_form, risk
from node.domain.disclosure import Attacker, Listed, Look, Numbers, Page, Shown, Window
from node.domain.partition import Partition, keys_of
from node.domain.partition_form import ATTRIBUTES, Label
from node.domain.register import RegisterNetwork
from tests.domain.test_partition import SECTORS, TERRITORIES, built, network, populations

PREVIOUS = dt.date(2014, 1, 1)
ANYTHING = Label("*", ())


def crowd(count: int = 20, **changes: object) -> list[RegisterNetwork]:
    """Networks that the register tells apart by nothing but their name."""
    return [replace(network(n, 0, 0, 2013, 3, 0, entity=False), **changes) for n in range(count)]  # type: ignore[arg-type]


def shown_of(made: Partition, row: RegisterNetwork, **changes: object) -> Shown:
    """A profile as the node would publish it."""
    block = made.lookup(row, SECTORS)
    look = Look(tuple(block.labels[name] for name in ATTRIBUTES), block.kind)
    first = Shown("id", 1, "p_LE", "network", look, page=0, edition=0, living=True, register_id=row.register_id)
    return replace(first, **changes)  # type: ignore[arg-type]


def left(
    made: Partition, editions: Sequence[Sequence[RegisterNetwork]], *versions: Shown, k: int = 5
) -> list[disclosure.Exposure]:
    """What the attacks leave; the partition is of the first edition, the last one speaks of today."""
    numbers = Numbers()
    listed = [Listed(rows, numbers, SECTORS) for rows in editions]
    pages = [Page(0, made, k)]
    attacker = Attacker(listed, pages, TERRITORIES, newest=len(editions) - 1)
    return disclosure.expose(attacker, versions, pages, numbers)


@given(populations(), st.data())
def test_an_honest_profile_leaves_its_block_under_every_attack(
    rows: list[RegisterNetwork], data: st.DataObject
) -> None:
    """On the partition's own edition linkage, scope, rule, versions and today all come to the block's members."""
    made = built(rows)
    row = data.draw(st.sampled_from(rows))
    (found,) = left(made, [rows], shown_of(made, row))
    assert found.left == dict.fromkeys(
        ("linkage", "scope", "rule", "versions", "today"), made.lookup(row, SECTORS).count
    )
    assert found.smallest >= made.k_build


@given(populations(), st.data())
def test_sets_of_networks_are_what_comparing_one_by_one_gives(rows: list[RegisterNetwork], data: st.DataObject) -> None:
    """Whatever is shown, also what no block shows: the bits are those of the rows of which all of it is true."""
    made = built(rows)
    names = [data.draw(st.sampled_from(made.blocks)) for _ in ATTRIBUTES]
    labels = {name: block.labels[name] for name, block in zip(ATTRIBUTES, names, strict=True)}
    mixed = partition_form.Block(0, labels, 1, "any")
    numbers = Numbers()
    listed = Listed(rows, numbers, SECTORS)
    true = {r.register_id for r in rows if partition_form.is_true(mixed, keys_of(r, SECTORS), r.kind.value)}
    assert set(numbers.ids(listed.matching(Look(tuple(labels[name] for name in ATTRIBUTES), "any")))) == true


def test_labels_finer_than_a_block_are_found_out() -> None:
    """Somebody who shows the municipality of a network whose block shows none: linkage and rule both tell."""
    rows = [network(n, n, 0, 2013, 3, 0, entity=False) for n in range(12)]
    made = built(rows, k_build=12)
    honest = shown_of(made, rows[0])
    fine = (Label("COM", (rows[0].municipality,)), *honest.look.labels[1:])
    (found,) = left(made, [rows], replace(honest, look=Look(fine, honest.look.kind)))
    assert (found.left["linkage"], found.left["rule"]) == (1, 0)
    by_attack = {count.attack: count for count in disclosure.tally([found])}
    assert (by_attack["linkage"].broken, by_attack["rule"].broken) == (True, True)
    assert (by_attack["linkage"].smallest, by_attack["linkage"].below) == (1, 1)
    assert not any(count.broken for count in disclosure.tally(left(made, [rows], honest)))


def test_a_level_or_a_value_nobody_knows_hides_nobody() -> None:
    """Nonsense shown by another node matches no network: it is below every bound, not above."""
    rows = crowd()
    made = built(rows)
    for label in (Label("XXX", ("LE",)), Label("PRO", ("ZZ",))):
        look = Look((label, ANYTHING, ANYTHING, ANYTHING, ANYTHING), "any")
        (found,) = left(made, [rows], replace(shown_of(made, rows[0]), look=look))
        assert (found.left["linkage"], found.left["rule"]) == (0, 0)


def test_the_territory_of_the_owner_takes_strangers_away() -> None:
    """Twenty look alike, four of them in the owner's province: linkage leaves twenty, the scope attack four."""
    rows = [network(n, n % 40, 0, 2013, 3, 0, entity=False) for n in range(60)]
    here = [row for row in rows if row.province == "LE"][:4]
    there = [row for row in rows if row.province == "TO"][:16]
    made = built([*here, *there], k_build=20)
    (alone,) = left(made, [[*here, *there]], shown_of(made, here[0], owned=("LE",)))
    assert (alone.left["linkage"], alone.left["scope"], alone.left["rule"]) == (20, 4, 4)
    assert [count.attack for count in disclosure.tally([alone]) if count.broken] == [
        "scope",
        "rule",
        "versions",
        "today",
    ]
    (group,) = left(made, [[*here, *there]], shown_of(made, here[0]))
    assert group.smallest == 20


def test_versions_are_intersected_with_the_register_of_their_days() -> None:
    """Eight in the block, four cease and four come: each edition has eight, both together four."""
    rows = crowd(8)
    made = built(rows)
    newer = [*rows[:4], *(replace(row, register_id=f"N{row.register_id}") for row in rows[:4])]
    first = shown_of(made, rows[0], living=False)
    second = shown_of(made, rows[0], number=2, edition=1)
    (alone,) = left(made, [rows, newer], first)
    assert (alone.left["versions"], "today" in alone.left) == (8, False)
    both = left(made, [rows, newer], first, second)
    assert [found.left["versions"] for found in both] == [4, 4]
    assert (both[1].left["linkage"], both[1].left["today"]) == (8, 8)
    # Two identifiers of one network are one network to whoever recognises its words.
    again = left(made, [rows, newer], first, replace(second, profile_id="other", number=1))
    assert [found.left["versions"] for found in again] == [4, 4]
    apart = left(made, [rows, newer], first, replace(second, profile_id="other", subject="another"))
    assert [found.left["versions"] for found in apart] == [8, 8]


def test_what_stands_is_looked_for_in_the_newest_edition() -> None:
    """A block that thinned out below k breaks the bound for what still stands, not for what was withdrawn."""
    rows = crowd(8)
    made = built(rows)
    standing, gone = shown_of(made, rows[0]), shown_of(made, rows[0], living=False)
    for remaining, below in ((5, 0), (4, 1)):
        editions = [rows, [replace(row, active=n < remaining) for n, row in enumerate(rows)]]
        today = next(c for c in disclosure.tally(left(made, editions, standing)) if c.attack == "today")
        assert (today.smallest, today.below) == (remaining, below)
        assert not any(count.broken for count in disclosure.tally(left(made, editions, gone)))


@pytest.mark.parametrize(
    ("fresh", "own_is_fresh", "deferred", "candidates"),
    [
        (1, True, False, 1),
        (4, True, False, 4),
        (6, True, False, 6),
        (1, True, True, 10),
        (3, False, False, 7),
        (5, False, False, 5),
        (6, False, False, 10),
        (3, False, True, 10),
    ],
)
def test_a_new_network_in_a_new_profile_is_expected(
    fresh: int, own_is_fresh: bool, deferred: bool, candidates: int
) -> None:
    """Who leaves at once is hidden by its own side alone, unless so many are new that none of them waits; who waited by all."""
    old = crowd(10 - fresh)
    new = [
        replace(row, register_id=f"N{n}", registered_on=dt.date(2014, 6, 1))
        for n, row in enumerate(crowd(fresh, registered_on=dt.date(2014, 6, 1)))
    ]
    made = built([*old, *new], k_build=10)
    window = Window(0, PREVIOUS, deferred)
    (found,) = left(made, [[*old, *new]], shown_of(made, (new if own_is_fresh else old)[0], window=window))
    assert found.left["freshness"] == candidates
    (first,) = left(made, [[*old, *new]], shown_of(made, new[0], window=Window(0, None, deferred=False)))
    assert "freshness" not in first.left


def test_an_attack_that_nobody_tried_breaks_nothing() -> None:
    """No profile, no outcome."""
    counts = disclosure.tally([])
    assert [count.attack for count in counts] == list(disclosure.COUNTED)
    assert {(count.tried, count.smallest, count.broken) for count in counts} == {(0, None, False)}


@pytest.mark.parametrize(
    ("tried", "right", "broken"),
    [
        (0, 0, False), (1, 1, False), (3, 3, False), (4, 4, True), (100, 40, False), (100, 48, False), (100, 49, True),
        (2000, 800, False), (2000, 845, True),
    ],
)  # fmt: skip
def test_right_guesses_above_the_bound_are_told_from_luck(tried: int, right: float, broken: bool) -> None:
    """Three right of three may be luck at two in five, four of four hardly, and of thousands a small excess is none."""
    found = guesses.Guesses(guesses.TEXT, tried, right, 0.1, 0.4)
    assert found.broken is broken
    assert found.share == (right / tried if tried else None)


@pytest.mark.parametrize(("hits", "tried", "share"), [(3, 3, 0.4), (4, 4, 0.4), (0, 10, 0.4), (7, 12, 0.25)])
def test_the_tail_is_the_binomials(hits: int, tried: int, share: float) -> None:
    """The same as adding the terms with whole binomial coefficients."""
    terms = (math.comb(tried, n) * share**n * (1 - share) ** (tried - n) for n in range(hits, tried + 1))
    assert guesses._at_least(hits, tried, share) == pytest.approx(sum(terms))


def test_an_order_that_follows_another_is_found_and_a_shuffled_one_is_not() -> None:
    """Sorted, reversed, shuffled rounds; many small rounds add up; a single pair proves nothing."""
    draw = random.Random(5)
    rounds = [draw.sample(range(1000), 30) for _ in range(12)]
    pairs, far = guesses.concordance(rounds)
    assert (pairs, abs(far or 9) < 3) == (12 * 435, True)
    for told in ([sorted(r) for r in rounds], [sorted(r, reverse=True) for r in rounds]):
        _, far = guesses.concordance(told)
        assert guesses.Order(guesses.ORDER, pairs, far, "register-id").broken
    _, far = guesses.concordance([[n, n + 1] for n in range(40)])
    assert far is not None
    assert far > guesses.DEVIATIONS
    assert guesses.concordance([[1]]) == (0, None)
    assert not guesses.Order(guesses.ORDER, 0, None, None).broken
    assert guesses.concordance([["a", "b"]])[1] == pytest.approx(1.0)


def test_the_nearest_sizes_are_named_all_of_them() -> None:
    """Ties share the guess."""
    assert guesses.nearest([10, 20, 30], 26) == [2]
    assert guesses.nearest([10, 30, 10], 20) == [0, 1, 2]
    assert guesses.nearest([], 3) == []


def test_risks_of_a_known_sample() -> None:
    """Three profiles hidden by 5, 10 and 20 networks, two of them alike."""
    found = risk.risks([5, 10, 20], ["a", "b", "b"])
    assert found is not None
    assert (found.journalist, found.prosecutor) == (0.2, 1.0)
    assert found.marketer == pytest.approx((0.2 + 0.1 + 0.05) / 3)
    assert found.prosecutor_mean == pytest.approx(2 / 3)
    assert risk.risks([], []) is None
    exposed = risk.risks([0, 1], ["a", "b"])
    assert exposed is not None
    assert exposed.journalist == 1.0


def test_measures_of_a_known_sample() -> None:
    """A class that says two things evenly and one that says one thing three times in four."""
    alike = ["a"] * 4 + ["b"] * 4
    found = risk.sample(alike, ["x", "x", "y", "y", "x", "x", "x", "y"])
    assert found == risk.Sample(profiles=8, classes=2, k=4, distinct=2, entropy=1, alpha=0.75)
    even = risk.sample(["a"] * 4, ["x", "x", "y", "y"])
    assert even is not None
    assert even.entropy == 2
    assert risk.sample([], []) is None
