"""What hides a record behind a number: the table of perturbations, keys, sums, lazy release."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import math
import uuid
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain.observatory import cell_key, lazy, plan, ptable, sums
from node.domain.observatory.lazy import CellState, Part
from node.domain.observatory.plan import PLAN, Kind, telling_of
from node.store.reference import load_territories

SECRET = b"s" * 32
KEYS = st.integers(0, 2**64 - 1)
NETWORKS = PLAN["networks-by-status"]
FUNDS = PLAN["common-fund"]
PLACES = (("ITF4", "signed"), ("ITF4", "registered"), ("ITC1", "signed"))


def record(number: int) -> str:
    """A record's id."""
    return str(uuid.UUID(int=number + 1))


def parts(numbers: st.SearchStrategy[set[int]] | set[int]) -> dict[str, Part]:
    """Networks, each its own unit."""
    assert isinstance(numbers, set)
    return {record(number): Part(record(number)) for number in numbers}


CELLS = st.dictionaries(st.sampled_from(PLACES), st.sets(st.integers(0, 30), max_size=12).map(parts))


@pytest.mark.parametrize("count", range(len(ptable.ROWS)))
def test_each_row_is_exact(count: int) -> None:
    """Weights are whole, add up, are unbiased, of variance 2 (none for nothing), never further than 3, never 1 or 2."""
    row = {noise: Fraction(weight, ptable.DENOMINATOR) for noise, weight in ptable.row_of(count).items()}
    assert sum(row.values()) == 1
    assert sum(noise * p for noise, p in row.items()) == 0
    assert sum(noise**2 * p for noise, p in row.items()) == (ptable.VARIANCE if count else 0)
    assert all(abs(noise) <= ptable.NOISE_MAX and count + noise >= 0 for noise in row)
    assert not {count + noise for noise in row} & set(ptable.FORBIDDEN)
    assert all(weight > 0 for weight in row.values())


@pytest.mark.parametrize("count", range(1, len(ptable.ROWS)))
def test_each_row_gives_away_the_least(count: int) -> None:
    """No row that obeys the rules has greater entropy: along its noises log p is a parabola (the condition of Lagrange)."""
    allowed = {n for n in range(-3, 4) if count + n >= 0 and count + n not in ptable.FORBIDDEN}
    row = {noise: weight / ptable.DENOMINATOR for noise, weight in ptable.row_of(count).items()}
    if count <= 2:
        # Mean and variance leave one row: every other noise would need more variance, or less than nothing somewhere.
        assert len(row) == 2
        return
    assert set(row) == allowed
    xs = sorted(row)
    # The parabola through three points meets all others, up to the rounding to thirds of a millionth.
    (a, b, c), rest = xs[:3], xs[3:]
    for x in rest:
        meets = sum(math.log(row[p]) * math.prod((x - q) / (p - q) for q in (a, b, c) if q != p) for p in (a, b, c))
        assert math.log(row[x]) == pytest.approx(meets, abs=1e-3)


def test_the_last_row_serves_every_greater_count() -> None:
    """From 6 on nothing is forbidden, so all rows are alike; the table's bytes are version 1's for ever."""
    assert ptable.row_of(6) is ptable.row_of(7) is ptable.row_of(10**9)
    text = repr([sorted(row.items()) for row in ptable.ROWS])
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "0fb2850413c9d2e5"


@given(st.integers(0, 50), KEYS)
def test_what_is_told_is_near_and_never_forbidden(count: int, key: int) -> None:
    """Whatever the key: 0 for 0, at most 3 away, never 1 or 2."""
    told = ptable.told(count, key)
    assert abs(told - count) <= ptable.NOISE_MAX
    assert told not in ptable.FORBIDDEN
    assert told >= 0
    assert count or told == 0


@pytest.mark.parametrize("count", range(9))
def test_draws_follow_the_row(count: int) -> None:
    """Keys spread evenly over all keys give each noise as often as its weight, so the lookup is as unbiased as the table."""
    steps = 3 * 2**12
    found: dict[int, int] = {}
    for step in range(steps):
        noise = ptable.told(count, (step * 2**64 + 2**63) // steps) - count
        found[noise] = found.get(noise, 0) + 1
    for noise, weight in ptable.row_of(count).items():
        assert found[noise] / steps == pytest.approx(weight / ptable.DENOMINATOR, abs=2 / steps)


def test_a_key_beyond_is_refused() -> None:
    """A key that is none of 64 bits is a mistake of the caller, never a number."""
    with pytest.raises(ValueError, match="below 2"):
        ptable.told(5, 2**64)


def test_a_record_key_is_the_hmac_of_its_uuid() -> None:
    """As another program would compute it, so that a restored node has the same keys."""
    ident = record(41)
    expected = hmac.new(SECRET, uuid.UUID(ident).bytes, "sha256").digest()[:8]
    assert cell_key.record_key(SECRET, ident) == int.from_bytes(expected, "big")


def test_a_firms_unit_hangs_on_its_code_alone() -> None:
    """The same however the code is written, another for another secret, none for what is no code; and a UUID as lists keep it."""
    unit = cell_key.unit_of(SECRET, "01234567890")
    assert unit == cell_key.unit_of(SECRET, " 012 345.678-90 ")
    assert unit == str(uuid.UUID(unit))
    assert cell_key.unit_of(SECRET, "rssmra80a01h501u") == cell_key.unit_of(SECRET, "RSSMRA80A01H501U")
    assert len({unit, cell_key.unit_of(b"other" * 8, "01234567890"), cell_key.unit_of(SECRET, "01234567891")}) == 3
    for text in ("", "   ", "[cancellato]", "0123456789", "012345678901"):
        assert cell_key.unit_of(SECRET, text) is None


@given(st.lists(KEYS, max_size=20), st.randoms())
def test_the_same_contributors_give_the_same_key(keys: list[int], mixer: object) -> None:
    """In whatever order."""
    mixed = list(keys)
    mixer.shuffle(mixed)  # type: ignore[attr-defined]
    assert cell_key.cell_key(mixed) == cell_key.cell_key(keys) < 2**64


@given(st.sets(st.integers(0, 60), max_size=20))
def test_the_same_contributors_give_the_same_number_in_every_table(numbers: set[int]) -> None:
    """The number hangs on who contributes and on nothing of the table."""
    found = parts(numbers)
    assert (
        len({telling_of(planned, SECRET).measure(found) for planned in PLAN.values() if planned.kind is Kind.COUNT})
        == 1
    )


def test_records_of_too_few_networks_count_as_those() -> None:
    """Twenty firms of one network are told as one contributor is: 0 or 3."""
    for number in range(50):
        found = {record(1000 * number + n): Part(record(7)) for n in range(20)}
        assert telling_of(PLAN["led-firms"], SECRET).measure(found) in (0, 3)


@given(st.lists(st.tuples(KEYS, st.integers(1, 10**9)), max_size=8))
def test_sums_of_few_or_of_one_giant_are_withheld(pairs: list[tuple[int, int]]) -> None:
    """Fewer than three, or a rest that is less than a tenth of the greatest: nothing is told."""
    told = sums.told(pairs)
    ranked = sorted((cents for _, cents in pairs), reverse=True)
    if len(ranked) < 3 or sum(ranked[2:]) * 10 < ranked[0]:
        assert told == sums.WITHHELD
    assert told % sums.ROUND_EURO == 0


@given(st.lists(st.tuples(KEYS, st.integers(10**6, 10**7)), min_size=3, max_size=8))
def test_each_contribution_is_moved_by_a_tenth_to_three_twentieths(pairs: list[tuple[int, int]]) -> None:
    """The told sum is the true one with every contribution moved as far as the rule says, its own way, to the thousand."""
    told, release = sums.told(pairs), sums.release_key(pairs)
    if sums.is_sensitive([cents for _, cents in pairs]):
        assert told == sums.WITHHELD
        return
    up, down = (sum(c for key, c in pairs if key >> 63 == way) for way in (1, 0))
    low, high = up * 1.10 + down * 0.85, up * 1.15 + down * 0.90
    assert low - 50_001 <= told * 100 <= high + 50_001
    assert all(100 <= abs(sums.move_per_mille(key, release)) <= 150 for key, _ in pairs)


def test_a_contributor_is_moved_the_same_way_in_every_release() -> None:
    """Averaging over releases does not bring the amount back: the direction is the contributor's own."""
    for key in (1, 2**63, 2**64 - 1):
        assert len({sums.move_per_mille(key, release * 2**57) > 0 for release in range(128)}) == 1


@given(st.lists(st.tuples(KEYS, st.integers(0, 10**8)), max_size=8), st.randoms())
def test_the_same_contributors_give_the_same_sum(pairs: list[tuple[int, int]], mixer: object) -> None:
    """In whatever order they come; and whoever gives nothing is not there."""
    mixed = [*pairs, (7, 0)]
    mixer.shuffle(mixed)  # type: ignore[attr-defined]
    assert sums.told(mixed) == sums.told(pairs)


def test_another_amount_or_another_contributor_draws_all_moves_anew() -> None:
    """So that the moves of those who stayed do not cancel in a difference."""
    pairs = [(key * 2**60, 10**7) for key in range(1, 7)]
    other, more = [*pairs[:-1], (pairs[-1][0], 10**7 + 1)], [*pairs, (2**62 + 5, 10**7)]
    moves = [
        tuple(sums.move_per_mille(key, sums.release_key(found)) for key, _ in pairs) for found in (pairs, other, more)
    ]
    assert len(set(moves)) == 3


CHANGES = st.lists(st.tuples(st.integers(0, 10**8), st.integers(0, 10**8)), max_size=8)


@given(CHANGES)
def test_a_difference_is_told_only_of_three_real_changes_none_of_which_stands_out(pairs: list[tuple[int, int]]) -> None:
    """Three that change by a tenth of themselves, and without the second greatest the others hide the greatest, with and without small ones."""
    changes = sorted((abs(b - a) for a, b in pairs if a != b), reverse=True)
    real = sorted((abs(b - a) for a, b in pairs if a != b and abs(b - a) * 10 >= max(a, b)), reverse=True)
    hidden = all(len(each) >= 3 and sum(each[2:]) * 10 >= each[0] for each in (changes, real))
    assert sums.may_follow(pairs) == hidden


def test_alterations_by_a_cent_do_not_make_a_newcomers_amount_public() -> None:
    """Eight funds, two altered by a cent, one newcomer of 90,000: the sum stands; with two real changes beside it, it is told."""
    telling, place = telling_of(FUNDS, SECRET), ("ITF4", "contract")
    before = {record(n): Part(record(n), 5_000_000) for n in range(8)}
    state = lazy.release(None, {place: before}, telling)
    newcomer = {record(50): Part(record(50), 9_000_000)}
    for cents, told in ((5_000_001, False), (5_400_000, False), (5_600_000, False), (6_500_000, True)):
        now = before | {record(n): Part(record(n), cents) for n in range(2)} | newcomer
        assert (lazy.release(state, {place: now}, telling)[place].base == now) == told, cents


@given(CELLS)
def test_the_first_release_tells_what_is_there(contents: dict[lazy.Place, dict[str, Part]]) -> None:
    """Each cell is told by its own records, which become its basis and what was seen."""
    telling = telling_of(NETWORKS, SECRET)
    told = lazy.release(None, contents, telling)
    assert told == {place: CellState(telling.measure(now), now, now) for place, now in contents.items() if now}


def edited(
    contents: dict[lazy.Place, dict[str, Part]], ident: str, target: lazy.Place | None
) -> dict[lazy.Place, dict[str, Part]]:
    """The same with one record put into another cell, or taken away, or new."""
    moved = {place: {r: p for r, p in now.items() if r != ident} for place, now in contents.items()}
    if target is not None:
        moved.setdefault(target, {})[ident] = Part(ident)
    return moved


@given(st.lists(CELLS, min_size=1, max_size=4), st.integers(0, 40).map(record), st.sampled_from((*PLACES, None)))
def test_no_edit_of_one_record_changes_a_published_number(
    history: list[dict[lazy.Place, dict[str, Part]]], ident: str, target: lazy.Place | None
) -> None:
    """After any history: if one record alone came, went or changed since the last release, every number is as it was."""
    telling = telling_of(NETWORKS, SECRET)
    state: lazy.TableState | None = None
    for contents in history:
        state = lazy.release(state, contents, telling)
    assert state is not None
    after = lazy.release(state, edited(history[-1], ident, target), telling)
    assert {p: c.value for p, c in after.items() if c.value} == {p: c.value for p, c in state.items() if c.value}


@given(st.lists(CELLS, min_size=2, max_size=5))
def test_two_numbers_of_a_cell_are_three_networks_apart(history: list[dict[lazy.Place, dict[str, Part]]]) -> None:
    """A basis is only ever replaced by one from which three records or more differ; forbidden values never appear."""
    telling = telling_of(NETWORKS, SECRET)
    state = lazy.release(None, history[0], telling)
    for contents in history[1:]:
        after = lazy.release(state, contents, telling)
        for place, cell in after.items():
            before = state.get(place, lazy.NOTHING)
            if cell.base != before.base:
                assert len(lazy.changed_units(before.base, cell.base)) >= 3
                assert cell.value == telling.measure(cell.base)
            else:
                assert cell.value == before.value
            assert cell.seen == contents.get(place, {})
            assert cell.value not in ptable.FORBIDDEN
        for place in state.keys() - after.keys():
            # Only a cell that was told anew as empty, or never held a thing, is forgotten.
            assert not state[place].base or len(state[place].base) >= 3
            assert not contents.get(place)
        state = after


AMOUNTS = st.dictionaries(
    st.sampled_from((("ITF4", "contract"), ("ITF4", "entity"))),
    st.dictionaries(st.integers(0, 12).map(record), st.integers(1, 10**8), max_size=8).map(
        lambda given: {ident: Part(ident, cents) for ident, cents in given.items()}
    ),
)


@given(st.lists(AMOUNTS, min_size=1, max_size=3), st.integers(0, 15).map(record), st.integers(0, 10**9))
def test_no_edit_of_one_amount_changes_a_published_sum(
    history: list[dict[lazy.Place, dict[str, Part]]], ident: str, cents: int
) -> None:
    """Come, gone, or a hundred times as much: every sum is as it was."""
    telling = telling_of(FUNDS, SECRET)
    state: lazy.TableState | None = None
    for contents in history:
        state = lazy.release(state, contents, telling)
    after = edited(history[-1], ident, None)
    if cents:
        after.setdefault(("ITF4", "contract"), {})[ident] = Part(ident, cents)
    assert state is not None
    told = lazy.release(state, after, telling)
    assert {p: c.value for p, c in told.items() if c.value} == {p: c.value for p, c in state.items() if c.value}


FIRMS = st.dictionaries(
    st.sampled_from((("ITF4", "women"), ("ITF4", "youth"))),
    st.dictionaries(st.integers(0, 20).map(record), st.integers(100, 106).map(record), max_size=12).map(
        lambda given: {ident: Part(unit) for ident, unit in given.items()}
    ),
)


@given(st.lists(FIRMS, min_size=1, max_size=3), st.integers(100, 106).map(record), FIRMS)
def test_no_network_with_all_its_firms_changes_a_published_number(
    history: list[dict[lazy.Place, dict[str, Part]]], unit: str, others: dict[lazy.Place, dict[str, Part]]
) -> None:
    """All firms of one network go and any others come in their place: every number is as it was."""
    telling = telling_of(PLAN["led-firms"], SECRET)
    state: lazy.TableState | None = None
    for contents in history:
        state = lazy.release(state, contents, telling)
    after = {place: {r: p for r, p in now.items() if p.unit != unit} for place, now in history[-1].items()}
    for place, found in others.items():
        for ident in found:
            after.setdefault(place, {}).setdefault(ident, Part(unit))
    assert state is not None
    told = lazy.release(state, after, telling)
    assert {p: c.value for p, c in told.items() if c.value} == {p: c.value for p, c in state.items() if c.value}


def test_the_third_after_two_that_waited_tips_nothing() -> None:
    """Two changes wait at one release; one more before the next is still one step since what was seen."""
    telling = telling_of(NETWORKS, SECRET)
    place = PLACES[0]
    state = lazy.release(None, {place: parts(set(range(10)))}, telling)
    state = lazy.release(state, {place: parts(set(range(12)))}, telling)
    assert lazy.release(state, {place: parts(set(range(13)))}, telling)[place].base == parts(set(range(10)))
    together = lazy.release(state, {place: parts(set(range(15)))}, telling)[place]
    assert together.base == parts(set(range(15)))


def test_a_number_is_not_made_anew_a_step_away_from_the_last() -> None:
    """Two go, and come back together with a new one: three differ from what was seen, but one from what the number is of."""
    telling = telling_of(NETWORKS, SECRET)
    place = PLACES[0]
    state = lazy.release(None, {place: parts(set(range(10)))}, telling)
    state = lazy.release(state, {place: parts(set(range(2, 10)))}, telling)
    cell = lazy.release(state, {place: parts(set(range(11)))}, telling)[place]
    assert (cell.base, cell.seen) == (parts(set(range(10))), parts(set(range(11))))


def test_back_and_forth_is_no_change() -> None:
    """A record that leaves and comes back, however often, never adds up to three."""
    telling = telling_of(NETWORKS, SECRET)
    place = PLACES[0]
    state = lazy.release(None, {place: parts(set(range(10)))}, telling)
    for turn in range(6):
        state = lazy.release(state, {place: parts(set(range(turn % 2, 10)))}, telling)
    assert state[place].base == parts(set(range(10)))


def test_one_network_counts_once_however_many_firms_it_brings() -> None:
    """Nine firms of one new network leave the number as it is; three networks move it."""
    telling = telling_of(PLAN["led-firms"], SECRET)
    place = ("ITF4", "women")
    before = parts(set(range(10)))
    one = before | {record(100 + n): Part(record(50)) for n in range(9)}
    three = before | {record(100 + n): Part(record(50 + n % 3)) for n in range(9)}
    state = lazy.release(None, {place: before}, telling)
    assert lazy.release(state, {place: one}, telling)[place].base == before
    assert lazy.release(state, {place: three}, telling)[place].base == three


def test_a_unit_that_the_lists_name_differently_is_one() -> None:
    """A record that stayed shows that two names are the same: its firm, gone and come elsewhere under both, counts once."""
    before = {record(n): Part(record(n)) for n in range(4)} | {
        record(10): Part(record(20)),
        record(11): Part(record(20)),
    }
    now = {record(n): Part(record(n)) for n in range(4)} | {record(10): Part(record(21)), record(12): Part(record(21))}
    assert len(lazy.changed_units(before, now)) == 1
    # Without a record that stayed nothing shows it: the units themselves must not change (flows/observatory/contributions.py).
    assert len(lazy.changed_units({record(11): Part(record(20))}, {record(12): Part(record(21))})) == 2


def test_whoever_is_not_known_makes_nobody_more() -> None:
    """Records of unknown units may be of any other: they never are the third, neither in a change nor in a number."""
    two, lost = parts({1, 2}), {record(10 + n): Part(lazy.NOBODY) for n in range(5)}
    assert len(lazy.changed_units({}, two | lost)) == 2
    assert len(lazy.changed_units({}, lost)) == 1
    # Also under another name in the list of before.
    named = {ident: Part(record(50 + n)) for n, ident in enumerate(lost)}
    assert lazy.changed_units(named, {}) != lazy.changed_units(lost, {})
    assert lazy.changed_units(named | {record(90): Part(record(50))}, lost | two) == {record(1), record(2)}
    told = telling_of(NETWORKS, SECRET).measure(two | lost)
    assert told in (0, 3)


def test_an_amount_that_changes_is_a_change() -> None:
    """Three funds that grow move a sum."""
    telling = telling_of(FUNDS, SECRET)
    place = ("ITF4", "contract")
    before = {record(n): Part(record(n), 10**6) for n in range(6)}
    after = {record(n): Part(record(n), 10**6 + (2 * 10**5 if n < 3 else 0)) for n in range(6)}
    state = lazy.release(None, {place: before}, telling)
    assert lazy.release(state, {place: after}, telling)[place].base == after


@given(CELLS, st.dictionaries(st.sampled_from(PLACES), st.integers(3, 40)))
def test_adopted_numbers_stand(contents: dict[lazy.Place, dict[str, Part]], values: dict[lazy.Place, int]) -> None:
    """After a restore without lists the next release repeats what was published, whatever is there."""
    telling = telling_of(NETWORKS, SECRET)
    state = lazy.adopt(values, contents)
    again = lazy.release(state, contents, telling)
    assert {place: cell.value for place, cell in again.items() if cell.value} == values


def test_the_plan_has_no_table_inside_another() -> None:
    """No two tables count the same records: a cell and a part of it would betray by their difference who is in one alone."""
    assert len({planned.records for planned in PLAN.values()}) == len(PLAN)
    assert not plan.RETIRED & PLAN.keys()


def test_the_plan_of_version_1_never_changes() -> None:
    """What a document of version 1 means is fixed: tables, dimensions, codes."""
    told = [
        (p.ident, p.kind.value, p.records, p.since, [(name, codes) for name, codes in p.codes.items()])
        for p in PLAN.values()
        if p.since == 1
    ]
    assert hashlib.sha256(repr(told).encode()).hexdigest()[:16] == "f22fa0dc0f73ed52"


def test_the_regions_are_all_of_them() -> None:
    """Every NUTS2 region and the unknown one."""
    assert set(plan.REGIONS) == {area.code for area in load_territories().regions} | {"?"}


def test_reference_days_are_ends_of_quarters() -> None:
    """The last one that is over: on 31 March it is still December's."""
    days = [dt.date(2026, 1, 1), dt.date(2026, 3, 31), dt.date(2026, 4, 1), dt.date(2026, 12, 1)]
    assert [plan.reference_day(day).isoformat() for day in days] == [
        "2025-12-31",
        "2025-12-31",
        "2026-03-31",
        "2026-09-30",
    ]
    assert [day for day in map(dt.date.fromordinal, range(739_000, 739_400)) if plan.is_reference_day(day)] == sorted(
        {plan.reference_day(dt.date.fromordinal(day)) for day in range(739_001, 739_401)}
    )[1:]


def test_a_day_is_ahead_after_the_quarter_of_the_last_signature() -> None:
    """Up to the end of the quarter in which somebody signed a day may be told, later ones not."""
    for seen, ends in {"2027-01-01": "2027-03-31", "2027-03-31": "2027-03-31", "2027-04-01": "2027-06-30"}.items():
        end, signed = dt.date.fromisoformat(ends), dt.date.fromisoformat(seen)
        assert not plan.is_ahead(end, signed)
        assert plan.is_ahead(plan.reference_day(end + dt.timedelta(days=94)), signed)
    days = (dt.date.fromordinal(day) for day in range(739_000, 739_800))
    assert not any(plan.is_ahead(plan.reference_day(day), day) for day in days)
