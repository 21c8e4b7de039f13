"""How news travels: the decisions alone."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from node.protocol.news import (
    AGREEMENT_TOLD,
    PEERS_ASKED,
    WINDOW_S,
    Weight,
    agreement_told,
    asked,
    is_fresh,
    told,
    weigh,
)


@given(st.integers(0, 600), st.integers(0, 99))
def test_few_are_asked_and_told_and_none_twice(members: int, seed: int) -> None:
    """Three are asked, or all of fewer; all are told, or 64, or a quarter of many."""
    draw = random.Random(seed).sample
    everybody = list(range(members))
    questions, hints = asked([], everybody, draw), told(everybody, draw)
    assert len(set(questions)) == len(questions) == min(PEERS_ASKED, members) == min(3, members)
    assert len(set(hints)) == len(hints) == min(members, max(64, (members + 3) // 4))


@given(st.lists(st.integers(0, 9), unique=True), st.integers(0, 9), st.integers(0, 99))
def test_who_was_asked_before_is_asked_again(kept: list[int], members: int, seed: int) -> None:
    """Those asked before stay while they are members; others are drawn for the missing, and never one twice."""
    everybody = list(range(members))
    questions = asked(kept, everybody, random.Random(seed).sample)
    stay = [member for member in kept if member < members][:3]
    assert questions[: len(stay)] == stay
    assert len(set(questions)) == len(questions) == min(3, members)


def test_what_is_news() -> None:
    """Larger is news, and so is a signed head that the slices have reached without its note; the rest is held against ours."""
    assert weigh(6, 5, 5) is Weight.NEWS
    assert weigh(5, 5, 4) is Weight.NEWS
    assert weigh(5, 5, 5) is Weight.SAME
    assert weigh(4, 5, 5) is Weight.OLD
    assert weigh(4, 5, 3) is Weight.OLD


def test_a_cosignature_is_fresh_for_its_size_and_window() -> None:
    """Another size, or the next window of six hours, and the witness is asked again."""
    start = 1000 * WINDOW_S
    assert is_fresh(5, start, 5, start + WINDOW_S - 1)
    assert not is_fresh(5, start, 5, start + WINDOW_S)
    assert not is_fresh(5, start, 6, start)
    assert not is_fresh(6, start, 5, start)


def spread(members: int, seed: int, *, lost: float) -> list[int]:
    """How many nodes hold a new version of the agreement after each round, which one of them has just applied.

    In a round each node asks whom it was hinted by; whoever applied it then hints. ``lost``: this part of the hints.
    """
    chance = random.Random(seed)
    everybody, holds = list(range(members)), {0}
    hints: dict[int, set[int]] = {}
    news, counts = {0}, [1]
    for _ in range(3):
        for node in news:
            others = [other for other in everybody if other != node]
            for other in agreement_told(others, chance.sample):
                if chance.random() >= lost:
                    hints.setdefault(other, set()).add(node)
        heard = {node for node in everybody if node not in holds and hints.pop(node, set()) & holds}
        holds |= heard
        news = heard
        counts.append(len(holds))
    return counts


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_a_new_version_of_the_agreement_reaches_four_hundred_nodes_in_three_rounds(seed: int) -> None:
    """Also where a third of the hints are lost."""
    assert spread(400, seed, lost=0.0)[-1] == 400
    assert spread(400, seed, lost=1 / 3)[-1] == 400


@given(st.integers(0, 600), st.integers(0, 99))
def test_of_a_new_agreement_so_many_are_told(members: int, seed: int) -> None:
    """Everybody in a small federation, thirty-two of a large one, none twice."""
    hints = agreement_told(list(range(members)), random.Random(seed).sample)
    assert len(set(hints)) == len(hints) == min(members, AGREEMENT_TOLD)
