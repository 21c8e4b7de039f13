"""Some hundred hours of faults in virtual time (bench/chaos_sim.py; `make prove`: ten thousand), and that what is looked for there can fail."""

from __future__ import annotations

import pytest

from bench import chaos_sim as sim


def test_what_must_never_be_is_not_in_some_hundred_hours_of_faults() -> None:
    """Storms with every kind of fault and lie, and after each a calm in which all agree."""
    world = sim.years(seed=4, hours=240)
    assert world.now >= 240 * sim.HOUR_S
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


def test_two_voices_are_not_all() -> None:
    """The only holder of the newest head is away when the node comes back: it waits for it, and who does not is found to have forked its log."""
    for mutant in ("two-voices", ""):
        world = sim.World(1, mutant=mutant)
        for node in world.nodes:
            world.work(node)
        world.run(2)
        restored, holder, *others = world.nodes
        backup = restored.db.clone()
        for node in others:
            node.side = 1
        world.work(restored)
        assert holder.db.trees[restored.origin].reached == restored.own.size > backup.trees[restored.origin].size
        restored.crash()
        restored.db, holder.side = backup, 2
        for node in (restored, *others):
            node.side = 0
        restored.start()
        assert restored.db.state == (sim.READY if mutant else sim.FENCED)
        world.work(restored)
        holder.side = 0
        if mutant:
            with pytest.raises(sim.BrokenError, match=r"aside, which is honest|a fork"):
                world.run(3)
        else:
            world.run(3)
            assert (restored.db.state, restored.own.size) == (sim.READY, holder.db.trees[restored.origin].size)
            world.agree()
