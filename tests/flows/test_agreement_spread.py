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


@pytest.mark.parametrize("case", ["down", "hints", "parted"])
def test_three_rounds_are_enough_whatever_is_lost(case: str) -> None:
    """One in ten is down; every hint is lost; the federation was in two halves."""
    seconds, _ = sim.one_version(COUNT, 2, VERIFY_S, case)
    assert seconds <= 3 * sim.ROUND_S


def test_an_idle_federation_asks_one_conditional_question_a_turn() -> None:
    """Answered without a body: what it costs depends on nobody's number."""
    assert sim.idle(50) == pytest.approx(sim.ROUND_S / sim.TURN_S, rel=0.02)
