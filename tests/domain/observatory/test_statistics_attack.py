"""Nobody sees one record behind the numbers, and the attacks that say so would see it if the numbers were told another way."""

from __future__ import annotations

import pytest

from tests import sums_attacked
from tests.statistics_attacked import AIM, ATTACKS, Attack, advantage, nested

# Thousands of trials: what they reach, the first few do.
pytestmark = pytest.mark.many
TRIALS = 300
HELD = [attack for attack in ATTACKS if not attack.limit]


@pytest.mark.parametrize("attack", HELD, ids=lambda attack: attack.name)
def test_no_attack_is_better_than_guessing(attack: Attack) -> None:
    """Within the aim, and no forbidden number is told on the way."""
    assert advantage(attack, "both", TRIALS) <= AIM


@pytest.mark.parametrize("attack", HELD, ids=lambda attack: attack.name)
def test_each_attack_has_teeth(attack: Attack) -> None:
    """Against cell keys alone, and a threshold alone, the same observer sees the record most of the time."""
    assert advantage(attack, "keys", TRIALS) > 0.3
    assert advantage(attack, "threshold", TRIALS) > 0.5


def test_a_part_of_a_cell_would_betray_who_is_in_the_cell_alone() -> None:
    """Why the plan has no two tables of the same records: cell keys tell equal cells alike, so a difference says that somebody is there."""
    assert nested("keys", TRIALS) > 0.5


@pytest.mark.parametrize("name", sums_attacked.ATTACKS)
def test_no_amount_is_had_from_two_sums(name: str) -> None:
    """Whoever knows all other amounts misses the one by a tenth in the middle, and hits it to a tenth no more often than by a coin."""
    assert sums_attacked.attacked(name, "all", TRIALS).is_held


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("two altered by a cent", "two"),
        ("two altered by an eighth", "two"),
        ("the greatest, averaged over three years", "anew"),
    ],
)
def test_the_other_ways_of_moving_betray_an_amount(name: str, method: str) -> None:
    """Moves that stay cancel in a difference; moves that change their way average out: the same observer then has the amount."""
    assert not sums_attacked.attacked(name, method, TRIALS).is_held
