"""May this block leave today: counts, days and draws, over every population and calendar."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain import release, rounds
from node.domain.partition import Partition
from node.domain.register import RegisterNetwork
from node.domain.release import Census, Edition
from tests.domain.test_partition import SECTORS, TERRITORIES, built, network, populations

PERIODS = ("weekly", "daily", "monthly")
DAYS = st.dates(dt.date(2020, 1, 1), dt.date(2040, 12, 31))
PREVIOUS = dt.date(2024, 6, 30)


def census(made: Partition, rows: list[RegisterNetwork], previous: dt.date | None = None) -> Census:
    """Where an edition stands in a partition."""
    return release.take_census(made, Edition(tuple(rows), previous), TERRITORIES, SECTORS)


@given(populations())
def test_on_the_day_of_the_build_nothing_is_held(rows: list[RegisterNetwork]) -> None:
    """The edition a partition was built from gives each block the count it was built with, so all may leave."""
    made = built(rows)
    counted = census(made, rows)
    assert {block.block_id: counted.members(block.block_id) for block in made.blocks} == {
        block.block_id: block.count for block in made.blocks
    }
    assert [counted.hold(block.block_id, 5) for block in made.blocks] == [None] * len(made.blocks)


@given(populations(), st.data())
def test_a_block_leaves_exactly_while_k_of_its_members_are_active(
    rows: list[RegisterNetwork], data: st.DataObject
) -> None:
    """Whoever has ceased in the newest edition is no candidate; below k the block is held, at k it is not."""
    made = built(rows)
    block = data.draw(st.sampled_from(made.blocks))
    inside = [row for row in rows if made.lookup(row, SECTORS) == block]
    left = data.draw(st.integers(0, len(inside)))
    ceased = {row.register_id for row in inside[left:]}
    edition = [replace(row, active=row.register_id not in ceased) for row in rows]
    counted = census(made, edition)
    assert counted.members(block.block_id) == left
    if len(rows) - len(ceased) < made.k_build:
        assert counted.hold(block.block_id, 5) == release.PARTITION_MISSING
    else:
        assert counted.hold(block.block_id, 5) == (release.BLOCK_TOO_SMALL if left < 5 else None)


def test_an_edition_without_a_partition_for_the_scope_holds_every_block() -> None:
    """Seven in one block are more than k, and yet too few for the edition to say who looks like whom."""
    rows = [network(n, 0, 0, 2013, 3, 0, entity=False) for n in range(20)]
    made = built(rows)
    assert census(made, rows[:8]).hold(0, 5) is None
    assert census(made, rows[:7]).hold(0, 5) == release.PARTITION_MISSING
    assert census(made, []).hold(0, 5) == release.PARTITION_MISSING


def test_the_stricter_k_holds_of_the_nodes_and_the_partitions() -> None:
    """A node that asks for more gets more; one that asks for less than its partition promised does not."""
    rows = [network(n, 0, 0, 2013, 3, 0, entity=False) for n in range(20)]
    counted = census(built(rows, k=9, k_build=9), rows[:9])
    assert [counted.hold(0, k) for k in (5, 9, 10)] == [None, None, release.BLOCK_TOO_SMALL]
    assert census(built(rows, k=9, k_build=8), rows[:8]).hold(0, 5) == release.BLOCK_TOO_SMALL


def test_other_territories_and_dissolved_networks_are_nobodys_companions() -> None:
    """Freshness counts active networks of the scope and of the block alone, and never the network itself."""
    old = [network(n, 0, 0, 2013, 3, 0, entity=False) for n in range(20)]
    made = built(old, scope=(old[0].province,))

    def fresh(number: int, **changes: object) -> RegisterNetwork:
        new = replace(network(number, 0, 0, 2013, 3, 0, entity=False), registered_on=dt.date(2013, 9, 9))
        return replace(new, **changes)  # type: ignore[arg-type]

    previous = dt.date(2013, 6, 30)
    own = fresh(100)
    elsewhere = [fresh(n, province="BR", municipality="074001") for n in range(200, 210)]
    ceased = [fresh(n, active=False) for n in range(300, 310)]
    four = [fresh(n) for n in range(101, 105)]
    counted = census(made, [*old, own, *elsewhere, *ceased, *four], previous)
    assert counted.stands_out(0, own.register_id, own.registered_on, 5)
    five = census(made, [*old, own, *four, fresh(105)], previous)
    assert not five.stands_out(0, own.register_id, own.registered_on, 5)


@given(st.booleans(), st.integers(0, 12), st.integers(0, 12), st.integers(5, 10))
def test_who_is_on_the_small_side_of_the_window_stands_out(is_fresh: bool, fresh: int, old: int, k: int) -> None:
    """A newcomer with fewer than k companions; and, where such newcomers wait, one of fewer than k that are not new."""
    day = PREVIOUS + dt.timedelta(days=1 if is_fresh else -1)
    others = {f"F{n}": PREVIOUS + dt.timedelta(days=1 + n) for n in range(fresh)}
    others |= {f"O{n}": PREVIOUS - dt.timedelta(days=n) for n in range(old)}
    counted = Census({0: {**others, "own": day}}, 100, 5, 8, PREVIOUS)
    waits = fresh < k if is_fresh else 0 < fresh <= k and old + 1 < k
    assert counted.stands_out(0, "own", day, k) == waits
    assert not replace(counted, previous_on=None).stands_out(0, "own", day, k)
    if not waits:
        # Whoever sees it leave at once is left with k, or with a block of which nobody is new.
        new_ones_wait = 0 < fresh + is_fresh <= k
        left = fresh + 1 if is_fresh else old + 1 + (0 if new_ones_wait else fresh)
        assert left >= k or fresh == 0


@given(DAYS, st.sampled_from(PERIODS), st.integers(-3, 9))
def test_a_newcomer_is_never_in_the_next_round(today: dt.date, period: str, draw: int) -> None:
    """It waits one to four rounds more; anybody else leaves with the next round; all on a round's first day."""
    following = rounds.next_round(today, period)
    usual = release.departure(today, period, stands_out=False, draw=draw)
    assert usual == release.Departure(following, None)
    late = release.departure(today, period, stands_out=True, draw=draw)
    assert late.day == late.deferred_until
    assert late.day in [rounds.rounds_after(following, period, count) for count in (1, 2, 3, 4)]
    assert rounds.round_day(late.day, period) == late.day > following


@given(DAYS, st.sampled_from(PERIODS), st.integers(1, 4), st.lists(st.tuples(st.integers(0, 90), st.booleans())))
def test_a_deferral_is_drawn_once(today: dt.date, period: str, draw: int, decisions: list[tuple[int, bool]]) -> None:
    """Editing and queueing again, with any later draw, neither shortens the wait nor begins another."""
    first = release.departure(today, period, stands_out=True, draw=draw)
    for days, stands_out in decisions:
        later = today + dt.timedelta(days=days)
        again = release.departure(later, period, stands_out=stands_out, draw=1, deferred_until=first.deferred_until)
        assert again.deferred_until == first.deferred_until
        assert again.day == max(rounds.next_round(later, period), first.day)


@given(DAYS, st.sampled_from(PERIODS))
def test_a_withdrawn_network_returns_two_rounds_later(day: dt.date, period: str) -> None:
    """Not in the round of the withdrawal, and not in the one after it."""
    back = release.returns_on(day, period)
    assert rounds.next_round(rounds.next_round(day, period), period) == back
    assert rounds.round_day(back, period) == back


def test_immediate_rounds_wait_for_nobody() -> None:
    """They are for trials: the day itself, whoever stands out."""
    day = dt.date(2026, 11, 24)
    assert release.departure(day, "immediate", stands_out=True, draw=4) == release.Departure(day, None)
    assert release.returns_on(day, "immediate") == day


@pytest.mark.parametrize(
    ("release_day", "shown"),
    [
        (None, dt.date(2026, 11, 30)),
        (dt.date(2026, 11, 30), dt.date(2026, 11, 30)),
        (dt.date(2026, 12, 21), dt.date(2026, 12, 21)),
        (dt.date(2026, 11, 16), dt.date(2026, 11, 23)),
    ],
)
def test_the_round_shown_is_the_one_in_which_the_version_leaves(release_day: dt.date | None, shown: dt.date) -> None:
    """The next one while nothing is decided, its own when it waits, this one when it was held over its day."""
    assert release.shown_day(dt.date(2026, 11, 24), "weekly", release_day) == shown


@given(populations(), st.data())
def test_who_came_later_hides_nobody(rows: list[RegisterNetwork], data: st.DataObject) -> None:
    """Newcomers of a later edition fill a block up again, but not for somebody who holds the first version against its day."""
    made = built(rows)
    block = data.draw(st.sampled_from(made.blocks))
    inside = [row for row in rows if made.lookup(row, SECTORS) == block]
    left = data.draw(st.integers(0, len(inside)))
    later = [row for row in rows if row not in inside[left:]]
    later += [replace(row, register_id=f"N{row.register_id}") for row in inside[left:]]
    both = census(made, later).throughout(census(made, rows))
    assert census(made, later).members(block.block_id) == len(inside)
    assert set(both.blocks.get(block.block_id, {})) == {row.register_id for row in inside[:left]}
    assert (both.in_scope, both.k, both.previous_on) == (len(later), made.k, None)
