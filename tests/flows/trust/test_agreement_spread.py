"""A new version of the agreement in a federation of four hundred, by the product's own rules in virtual time (bench/agreement_sim.py)."""

from __future__ import annotations

import pytest

from bench import agreement_sim as sim

COUNT, VERIFY_S = 400, 0.5


def test_one_key_rotation_is_in_force_at_four_hundred_nodes_within_three_turns() -> None:
    """It begins at one node; each node hints a bounded number of others, and asks no more than a few."""
    seconds, tally = sim.one_version(COUNT, 1, VERIFY_S)
    assert seconds <= 3 * sim.TURN_S
    assert tally.hints == COUNT * sim.news.AGREEMENT_TOLD
    assert tally.documents <= 2 * COUNT


@pytest.mark.parametrize(("case", "rounds"), [("down", 3), ("parted", 3), ("hints", 9)])
def test_whatever_is_lost_it_comes(case: str, rounds: int) -> None:
    """One in ten is down; the federation was in two halves; every hint is lost, and the rounds alone carry it."""
    seconds, _ = sim.one_version(COUNT, 2, VERIFY_S, case)
    assert seconds <= rounds * sim.ROUND_S


def test_an_idle_federation_asks_nothing_about_the_agreement() -> None:
    """Which version is in force stands beside the heads, which are asked for in any case."""
    assert sim.idle(50) == 0
