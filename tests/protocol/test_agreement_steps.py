"""The agreement's chain: who must have signed what, and what may follow what (PROTOCOL 7.5-7.7, 7.13)."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from node.errors import PeerWrongError
from node.protocol import agreement, agreement_steps
from node.protocol.agreement import LogKeys, Node, Status
from tests import agreement_made as made

LECCE, TORINO = made.node("lecce"), made.node("torino")
FIRST = agreement.first(made.root())


def refused(trusted: agreement.Agreement, raw: bytes, now: dt.datetime = made.NOW) -> PeerWrongError:
    """The refusal of a document as the next version."""
    with pytest.raises(PeerWrongError) as caught:
        agreement.step(trusted, raw, now)
    assert caught.value.what
    return caught.value


def test_a_home_begins_with_what_its_own_council_signed() -> None:
    """The threshold of different keys, whatever the version; people compare that it is the right one."""
    assert agreement.first(made.root(7, by=("lecce", "bari"))).version == 7
    for by in ((), ("lecce",), ("lecce", "s1", "s2", "stranger")):
        with pytest.raises(PeerWrongError) as caught:
            agreement.first(made.root(by=by))
        assert caught.value.code == "agreement-unsigned"
        assert caught.value.facts == {"have": len(set(by) & {"lecce"}), "need": 2, "council": 1}


def test_the_next_version_is_taken() -> None:
    """With the signatures of as many as must be, whoever they are."""
    for by in (("lecce", "torino"), ("torino", "bari"), made.THREE):
        found = agreement.step(FIRST, made.root(2, by=by, nodes=[LECCE, TORINO]), made.NOW)
        assert (found.version, len(found.nodes)) == (2, 2)
    assert refused(FIRST, made.root(2, by=("lecce",))).code == "agreement-unsigned"


@pytest.mark.parametrize(
    ("version", "code"),
    [(1, "agreement-version-old"), (3, "agreement-version-skipped"), (2**31 - 1, "agreement-version-skipped")],
)
def test_no_version_is_left_out_or_comes_twice(version: int, code: str) -> None:
    """Also the one that is there already, byte for byte; the second from the trusted one is told from the first."""
    error = refused(FIRST, made.root(version))
    assert (error.code, error.facts) == (code, {"version": version, "trusted": 1})
    second = agreement.step(FIRST, made.root(2), made.NOW)
    assert refused(second, FIRST.raw).code == "agreement-version-old"


NEW = ("roma", "bari", "milano")


@pytest.mark.parametrize(
    ("by", "short"),
    [
        (("lecce", "torino", "roma", "milano"), None),
        # Bari is of both councils, and counts in each.
        (("lecce", "bari", "milano"), None),
        (("lecce", "torino", "bari"), (1, 2)),
        (("roma", "bari", "milano"), (1, 1)),
        (("roma", "milano"), (0, 1)),
        (("lecce", "torino"), (0, 2)),
    ],
)  # fmt: skip
def test_a_change_of_council_needs_both(by: Sequence[str], short: tuple[int, int] | None) -> None:
    """The threshold of those who hand over, and of those who take over; the refusal says which one is missing."""
    raw = made.root(2, by=by, council=made.council(NEW, 2))
    if short is None:
        assert agreement.step(FIRST, raw, made.NOW).council == made.council(NEW, 2)
        return
    error = refused(FIRST, raw)
    assert (error.code, error.facts["have"], error.facts["council"], error.facts["need"]) == (
        "agreement-unsigned",
        *short,
        2,
    )


def test_each_councils_own_threshold_counts() -> None:
    """A council that asks more of itself must show it at once; one that asks less still needs what it asked before."""
    higher = made.council(made.THREE, 3)
    assert refused(FIRST, made.root(2, by=("lecce", "bari"), council=higher)).facts == {
        "have": 2,
        "need": 3,
        "council": 2,
    }
    second = agreement.step(FIRST, made.root(2, council=higher), made.NOW)
    lower = made.council(made.THREE, 1)
    assert refused(second, made.root(3, by=("lecce", "bari"), council=lower)).facts == {
        "have": 2,
        "need": 3,
        "council": 2,
    }
    third = agreement.step(second, made.root(3, council=lower), made.NOW)
    assert agreement.step(third, made.root(4, by=("lecce",), council=lower), made.NOW).version == 4


def test_signatures_count_for_their_own_document() -> None:
    """Moved to another, they are none."""
    other = agreement.parse(made.root(2, nodes=[replace(LECCE, rev=2, name="Altro"), TORINO]))
    moved = agreement.with_signatures(made.unsigned(2), other.signatures.items())
    assert refused(FIRST, moved).facts["have"] == 0


def entry(**changed: Any) -> Node:
    """Lecce's entry after a change that is counted."""
    return made.node("lecce", **{"rev": 2, **changed})


def logs(*items: tuple[int, int | None, tuple[int, bytes] | None], epoch: int = 2026) -> dict[str, Any]:
    """Lecce's log keys by number, until when they are good, and where the log ended."""
    found = [
        LogKeys(made.origin("lecce", epoch), (made.log_verifier("lecce", number, epoch),), until, end)
        for number, until, end in items
    ]
    return {"log": tuple(found)}


END = (90, b"r" * 32)
UNTIL = logs((1, 50, None), (2, None, None))
LEFT = {"status": Status.LEFT, "since": made.TODAY - 400}
RULES: dict[str, tuple[dict[str, Any], Node, bool]] = {
    "nothing changes": ({}, made.node("lecce"), True),
    "a change is counted": ({}, entry(name="Altro"), True),
    "by how much does not matter": ({}, entry(name="Altro", rev=9), True),
    "a change that is not counted": ({}, entry(name="Altro", rev=1), False),
    "a count that goes back": ({"rev": 5}, entry(name="Altro", rev=4), False),
    "a count that goes back alone": ({"rev": 5}, entry(rev=4), False),
    "the count alone": ({}, entry(), True),
    "suspended today": ({}, entry(status=Status.SUSPENDED, since=made.TODAY), True),
    "suspended on the same day": ({}, entry(status=Status.SUSPENDED), True),
    "suspended before it was active": ({}, entry(status=Status.SUSPENDED, since=made.TODAY - 366), False),
    "another day without another status": ({}, entry(since=made.TODAY), False),
    "a day from tomorrow on": ({}, entry(status=Status.LEFT, since=made.TODAY + 1), True),
    "a day that is far": ({}, entry(status=Status.LEFT, since=made.TODAY + 2), False),
    "back after leaving": (LEFT, entry(since=made.TODAY), True),
    "another key of the log": ({}, entry(**logs((1, None, None), (2, 9, None))), True),
    "a key exchanged": ({}, entry(**logs((2, None, None))), True),
    "another log": ({}, entry(log=(*LECCE.log, *logs((1, None, None), epoch=2027)["log"])), True),
    "no log of before": ({}, entry(**logs((1, None, None), epoch=2027)), False),
    "an earlier end of a key": (UNTIL, entry(**logs((1, 49, None), (2, None, None))), True),
    "an end of a key that stays": (UNTIL, entry(name="Altro", **UNTIL), True),
    "a later end of a key": (UNTIL, entry(**logs((1, 51, None), (2, None, None))), False),
    "no end of a key any more": (UNTIL, entry(**logs((1, None, None), (2, 60, None))), False),
    "an ended key forgotten": (UNTIL, entry(**logs((2, None, None))), False),
    "an end of the log": ({}, entry(**logs((1, None, END))), True),
    "an end of the log that stays": (logs((1, None, END)), entry(name="Altro", **logs((1, None, END))), True),
    "another end of the log": (logs((1, None, END)), entry(**logs((1, None, (91, b"r" * 32)))), False),
    "another root at its end": (logs((1, None, END)), entry(**logs((1, None, (90, b"s" * 32)))), False),
    "no end of the log any more": (logs((1, None, END)), entry(**logs((1, None, None))), False),
}


@pytest.mark.parametrize("rule", RULES)
def test_an_entry_follows_the_one_before(rule: str) -> None:
    """Both sides of each rule; the refusal names the node."""
    before, after, good = RULES[rule]
    trusted = agreement.first(made.root(nodes=[made.node("lecce", **before), TORINO]))
    raw = made.root(2, nodes=[after, TORINO])
    if good:
        assert agreement.step(trusted, raw, made.NOW).node("lecce") == after
        return
    error = refused(trusted, raw)
    assert (error.code, error.where) == ("agreement-rule-broken", "lecce")


def test_nobody_is_forgotten() -> None:
    """Whoever leaves stays listed; the refusal names the first that is missing."""
    error = refused(FIRST, made.root(2, nodes=[made.node("bari")]))
    assert (error.code, error.where) == ("agreement-rule-broken", "lecce")
    assert refused(FIRST, made.root(2, nodes=[LECCE])).where == "torino"


def test_a_day_to_come_is_refused_until_it_has_come() -> None:
    """Of a new entry too; an entry that stays is not asked again, by a clock that is late."""
    raw = made.root(2, nodes=[LECCE, TORINO, made.node("arezzo", since=made.TODAY + 3)])
    assert (refused(FIRST, raw).code, refused(FIRST, raw).where) == ("agreement-rule-broken", "arezzo")
    second = agreement.step(FIRST, raw, made.NOW + dt.timedelta(days=2))
    assert agreement.step(second, made.root(3, nodes=second.nodes), made.NOW).version == 3


SHORT = dt.datetime(2026, 2, 1, 12, tzinfo=dt.UTC)
LAST_DAY = agreement.day_of(SHORT)


@pytest.mark.parametrize(
    ("before", "after", "good"),
    [
        ({}, made.node("arezzo", since=LAST_DAY), True),
        ({}, made.node("arezzo", since=LAST_DAY + 1), False),
        ({}, made.node("arezzo", since=LAST_DAY + 1, status=Status.SUSPENDED), False),
        ({}, entry(status=Status.LEFT, since=LAST_DAY + 1), True),
        ({}, entry(status=Status.SUSPENDED, since=LAST_DAY + 1), True),
        ({"status": Status.SUSPENDED}, entry(since=LAST_DAY + 1), True),
        (LEFT, entry(since=LAST_DAY), True),
        (LEFT, entry(since=LAST_DAY + 1), False),
        (LEFT, entry(since=LAST_DAY + 1, status=Status.SUSPENDED), False),
        (LEFT, made.node("lecce", **LEFT), True),
        # It left after the expiry, and that is no joining however often it is said.
        ({**LEFT, "since": LAST_DAY + 1}, made.node("lecce", status=Status.LEFT, since=LAST_DAY + 1), True),
    ],
)
def test_nobody_joins_an_agreement_that_has_expired(before: dict[str, Any], after: Node, good: bool) -> None:
    """Nor comes back; all else goes on, renewal too. The two documents tell it, so that whoever comes years later judges the same."""
    trusted = agreement.first(made.root(expires=SHORT, nodes=[made.node("lecce", **before), TORINO]))
    nodes = {node.id: node for node in trusted.nodes} | {after.id: after}
    raw = made.root(2, nodes=nodes.values())
    for now in (made.NOW, made.NOW + dt.timedelta(days=4000)):
        assert trusted.is_expired(now)
        if good:
            assert agreement.step(trusted, raw, now).node(after.id) == after
        else:
            error = refused(trusted, raw, now)
            assert (error.code, error.where) == ("agreement-expired", after.id)


def test_after_the_renewal_others_join() -> None:
    """In the version after it."""
    trusted = agreement.first(made.root(expires=SHORT))
    renewed = agreement.step(trusted, made.root(2), made.NOW)
    joined = agreement.step(
        renewed, made.root(3, nodes=[LECCE, TORINO, made.node("arezzo", since=made.TODAY)]), made.NOW
    )
    assert [node.id for node in joined.nodes] == ["arezzo", "lecce", "torino"]


@pytest.mark.parametrize(
    ("before", "after", "admits"),
    [
        ({}, made.node("arezzo", since=made.TODAY), True),
        ({}, made.node("arezzo", since=made.TODAY, status=Status.SUSPENDED), True),
        (LEFT, entry(since=made.TODAY), True),
        (LEFT, made.node("lecce", **LEFT), False),
        ({}, entry(name="Altro"), False),
        ({}, entry(status=Status.LEFT, since=made.TODAY), False),
        ({"status": Status.SUSPENDED}, entry(since=made.TODAY), False),
    ],
)
def test_for_whom_would_join_too_late_no_signatures_are_collected(
    before: dict[str, Any], after: Node, admits: bool
) -> None:
    """By today's clock, from the second of the expiry on; the refusal names who would join."""
    trusted = agreement.first(made.root(nodes=[made.node("lecce", **before), TORINO]))
    nodes = {node.id: node for node in trusted.nodes} | {after.id: after}
    following = agreement.parse(made.unsigned(2, nodes=nodes.values()))
    agreement_steps.check_open(trusted, following, made.EXPIRES - dt.timedelta(seconds=1))
    if not admits:
        agreement_steps.check_open(trusted, following, made.EXPIRES)
        return
    with pytest.raises(PeerWrongError) as caught:
        agreement_steps.check_open(trusted, following, made.EXPIRES)
    assert (caught.value.code, caught.value.where) == ("agreement-expired", after.id)


def test_days_are_counted_in_utc() -> None:
    """Whatever zone a moment is told in."""
    east = dt.timezone(dt.timedelta(hours=2))
    assert agreement.day_of(dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) == 0
    assert agreement.day_of(dt.datetime(1970, 1, 2, 1, tzinfo=east)) == 0
    assert agreement.day_of(dt.datetime(1970, 1, 2, 2, tzinfo=east)) == 1
    raw = made.root(expires=dt.datetime(2028, 1, 1, 2, tzinfo=east))
    assert agreement.first(raw).expires == made.EXPIRES


def test_days_are_the_same_on_a_machine_of_any_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads the chain elsewhere judges the same, and writes the same."""
    noon = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)
    wanted, raw = agreement.day_of(noon), made.unsigned()
    try:
        for zone in ("East-14", "West+12"):
            monkeypatch.setenv("TZ", zone)
            time.tzset()
            for hours in (-12, -11, 0, 11):
                assert agreement.day_of(noon + dt.timedelta(hours=hours)) == wanted
            assert made.unsigned() == raw
    finally:
        monkeypatch.undo()
        time.tzset()


def test_two_versions_of_one_number_are_a_fork() -> None:
    """Both signed as they must be, over the same version before; the same content with other signatures is none."""
    applied = agreement.step(FIRST, made.root(2), made.NOW)
    other = made.root(2, by=("lecce", "bari"), pdf_sha256="0" * 64)
    assert agreement.is_fork(applied, other, FIRST, made.NOW)
    for raw in (
        applied.raw,
        made.root(2, by=("lecce", "bari")),
        made.root(2, by=("lecce",), pdf_sha256="0" * 64),
        made.root(3, pdf_sha256="0" * 64),
        made.root(1, pdf_sha256="0" * 64),
        made.root(2, nodes=[]),
        b"",
    ):
        assert not agreement.is_fork(applied, raw, FIRST, made.NOW)
    # The number after what was applied is no second version of it.
    assert not agreement.is_fork(applied, made.root(3, pdf_sha256="0" * 64), applied, made.NOW)
