"""When a node may write its own log, as a table: every case of the mark, and of what others hold."""

from __future__ import annotations

import itertools

import pytest

from node.protocol.fencing import VOICES, Doubt, Own, mark_doubt, mark_missing, own_standing

A, B = bytes(32), bytes([1]) * 32


@pytest.mark.parametrize(
    ("mark", "signed", "doubt"),
    [
        (None, None, None),
        (None, (3, A), None),
        ((3, A), None, Doubt.FEWER),
        ((3, A), (2, A), Doubt.FEWER),
        ((3, A), (3, A), None),
        ((3, A), (3, B), Doubt.OTHER),
        # A crash after a signature leaves an old mark, which accuses nobody.
        ((3, A), (4, B), None),
    ],
)
def test_a_mark_accuses_only_a_database_that_is_older_or_another(
    mark: tuple[int, bytes] | None, signed: tuple[int, bytes] | None, doubt: Doubt | None
) -> None:
    """Fewer signatures than there were, or another one of the same size."""
    assert mark_doubt(mark, signed) == doubt


def test_a_log_is_written_only_when_nobody_holds_more_or_another_history() -> None:
    """What does not fit counts most, then what others have more; a doubt ends when enough were heard, all of them where there are fewer."""
    for here, there, doubted, heard in itertools.product((0, 4), (0, 4, 5), (False, True), range(4)):
        facts = {"here": here, "there": there, "doubted": doubted, "heard": heard, "members": 3, "missing": False}
        assert own_standing(fits=False, **facts) is Own.FORKED
        found = own_standing(fits=True, **facts)
        if there > here:
            assert found is Own.BEHIND
        else:
            assert found is (Own.UNHEARD if doubted and heard < VOICES else Own.WHOLE)
    alone = {"here": 4, "there": 4, "fits": True, "doubted": True, "missing": False}
    assert own_standing(heard=0, members=1, **alone) is Own.UNHEARD
    assert own_standing(heard=1, members=1, **alone) is Own.WHOLE
    assert own_standing(heard=0, members=0, **alone) is Own.UNHEARD


def test_where_a_signature_is_missing_all_must_have_been_heard() -> None:
    """Whoever did not answer may hold it, and with what we sign next two histories of us."""
    facts = {"here": 4, "there": 4, "fits": True, "doubted": True, "missing": True}
    assert [own_standing(heard=heard, members=5, **facts) for heard in range(6)] == [Own.UNHEARD] * 5 + [Own.WHOLE]
    assert [own_standing(heard=heard, members=1, **facts) for heard in range(2)] == [Own.UNHEARD, Own.WHOLE]
    assert own_standing(heard=0, members=0, **facts) is Own.UNHEARD
    # What somebody has is brought back first, and who holds another history ends it.
    assert own_standing(heard=1, members=5, **{**facts, "there": 5}) is Own.BEHIND
    assert own_standing(heard=5, members=5, **{**facts, "fits": False}) is Own.FORKED


@pytest.mark.parametrize(
    ("mark", "signed", "there", "missing"),
    [
        (None, (4, A), 4, False),
        ((4, A), (4, A), 0, False),
        ((5, A), (4, A), 4, True),
        ((5, A), (4, A), 5, False),
        ((5, A), (4, A), 6, False),
        ((5, A), None, 0, True),
        # Of the same size another root was signed: nobody's size tells of it.
        ((4, A), (4, B), 9, True),
    ],
)
def test_a_signature_is_missing_when_only_the_mark_tells_of_it(
    mark: tuple[int, bytes] | None, signed: tuple[int, bytes] | None, there: int, missing: bool
) -> None:
    """Neither here nor with anybody who was heard."""
    assert mark_missing(mark, signed, there) is missing
