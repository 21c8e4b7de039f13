"""Nobody sees one record behind the numbers, and the attacks that say so would see it if the numbers were told another way."""

from __future__ import annotations

import pytest

from tests.statistics_attacked import AIM, ATTACKS, Attack, advantage, nested

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
