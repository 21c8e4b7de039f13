"""Some hundred hours of faults in virtual time (bench/chaos_sim.py; `make prove`: ten thousand), and that what is looked for there can fail."""

from __future__ import annotations

import pytest

from bench import chaos_sim as sim


def test_what_must_never_be_is_not_in_some_hundred_hours_of_faults() -> None:
    """Storms with every kind of fault and lie, and after each a calm in which all agree."""
    world = sim.years(seed=4, hours=350)
    assert world.now >= 350 * sim.HOUR_S
    happened = set(world.counts)
    assert {
        "crashes",
        "restores",
        "partitions",
        "freezes",
        "clocks off",
        "full disks",
        "recovered",
        "quarantines",
    } <= happened
    assert {f"lies: {kind}" for kind in sim.LIES} & happened
    assert world.liars
    assert max(world.quarantine_rounds) <= sim.PROMISED_ROUNDS


def test_the_same_seed_is_the_same_world() -> None:
    """What breaks once can be looked at again."""
    one, same, other = (sim.years(seed=seed, hours=60) for seed in (5, 5, 6))
    assert (one.counts, one.roots, one.steps) == (same.counts, same.roots, same.steps)
    assert one.roots != other.roots


@pytest.mark.parametrize(
    ("mutant", "said"),
    [
        ("no-fence", "a fork|aside, which is honest|another history|lost:"),
        ("no-consistency", "still follows|was followed|no agreement|another history"),
        ("deaf", "no agreement|a withdrawal lost"),
    ],
)
def test_a_broken_rule_is_seen(mutant: str, said: str) -> None:
    """Each rule that is broken on purpose is found out by what is looked for."""
    with pytest.raises(sim.BrokenError, match=said):
        sim.years(seed=1, hours=1000, mutant=mutant)


def test_slander_that_is_believed_is_seen() -> None:
    """Without the proof an honest log is set aside, and with it is not."""
    for mutant in ("believes", ""):
        world = sim.World(1, mutant=mutant)
        for _ in range(3):
            for node in world.nodes:
                world.work(node)
        world.run(2)
        if mutant:
            with pytest.raises(sim.BrokenError, match="aside, which is honest"):
                world.lie_in_calm("slander")
        else:
            world.lie_in_calm("slander")
            assert world.counts["slander refused"]
