"""Routine changes: the secretariat and the node together, and neither alone (PROTOCOL 7.8)."""

from __future__ import annotations

import base64
import copy
import datetime as dt
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import CallerError, PeerWrongError
from node.protocol import agreement, keys, routine
from node.protocol.agreement import HttpKey, LogKeys, Node, Status
from node.protocol.sealed import SealKey
from node.store import schemas
from tests import agreement_made as made

TRUSTED = agreement.first(made.root())
LECCE, TORINO = TRUSTED.nodes


def entry(rev: int = 2, **changed: Any) -> Node:
    """Lecce's entry after changes."""
    return replace(LECCE, rev=rev, **changed)


def refused(
    raw: bytes,
    before: routine.Changes | routine.Routine | None = None,
    trusted: agreement.Agreement = TRUSTED,
    now: dt.datetime = made.NOW,
) -> PeerWrongError:
    """The refusal of a routine document."""
    with pytest.raises(PeerWrongError) as caught:
        routine.check(trusted, before, raw, now)
    assert caught.value.what
    return caught.value


def taken(
    *entries: routine.Consented,
    version: int = 1,
    before: routine.Changes | routine.Routine | None = None,
    trusted: agreement.Agreement = TRUSTED,
) -> routine.Routine:
    """A routine document that is good."""
    return routine.check(trusted, before, made.changes(version, *entries), made.NOW)


def lecce(found: routine.Changes | routine.Routine | None, trusted: agreement.Agreement = TRUSTED) -> Node:
    """Lecce's entry in effect."""
    return next(node for node in routine.effective(trusted, found) if node.id == "lecce")


BOTH = entry(http=(*LECCE.http, made.http_key("lecce", 2)))
MOVED = entry(url="https://new.example", http=(made.http_key("lecce", 1, "new.example"),))
ENDED = (
    LogKeys(made.origin("lecce"), LECCE.log[0].verifiers, 70, None),
    LogKeys(made.origin("lecce"), (made.log_verifier("lecce", 2),), None, None),
)


@pytest.mark.parametrize(
    "after",
    [
        entry(name="Provincia di Lecce, ufficio reti"),
        entry(contact="altro@lecce.example"),
        MOVED,
        BOTH,
        entry(log=ENDED),
        entry(witness=(made.verifier("lecce", "witness", 2),)),
        entry(mirror=()),
        entry(seal=None),
        entry(seal=SealKey(LECCE.seal.x25519, None)),  # type: ignore[union-attr]
    ],
)
def test_what_is_routine_is_changed_by_both_together(after: Node) -> None:
    """Names, addresses, keys; the others stay as they are."""
    found = taken(made.consented(after))
    assert routine.effective(TRUSTED, found) == (after, TORINO)
    assert routine.effective(TRUSTED, None) == TRUSTED.nodes


END = (90, b"r" * 32)


@pytest.mark.parametrize(
    "after",
    [
        entry(status=Status.LEFT),
        entry(status=Status.SUSPENDED),
        entry(since=LECCE.since + 1),
        entry(territory=("BR", "LE")),
        entry(ipa_code="p_BR"),
        entry(
            log=(*LECCE.log, LogKeys(made.origin("lecce", 2027), (made.log_verifier("lecce", 1, 2027),), None, None))
        ),
        entry(log=(LogKeys(made.origin("lecce", 2027), (made.log_verifier("lecce", 1, 2027),), None, None),)),
        entry(log=(replace(LECCE.log[0], frozen=END),)),
    ],
)
def test_who_belongs_and_what_ends_is_the_councils(after: Node) -> None:
    """Even when node and secretariat agree."""
    error = refused(made.changes(1, made.consented(after)))
    assert (error.code, error.where) == ("routine-rule-broken", "lecce")


def test_ends_that_were_said_stay_said() -> None:
    """The same rules as between versions of the agreement: a key's end only comes earlier, a log's end does not change."""
    ended = replace(ENDED[1], frozen=END), replace(ENDED[0], frozen=END)
    trusted = agreement.first(made.root(nodes=[replace(LECCE, log=ended), TORINO]))
    for log, good in (
        ((ended[0], replace(ended[1], until_size=69)), True),
        ((ended[0], replace(ended[1], until_size=71)), False),
        ((ended[0],), False),
        (tuple(replace(item, frozen=None) for item in ended), False),
        (tuple(replace(item, frozen=(91, END[1])) for item in ended), False),
    ):
        raw = made.changes(1, made.consented(entry(log=log)))
        if good:
            assert routine.check(trusted, None, raw, made.NOW).nodes[0].log == log
        else:
            error = refused(raw, trusted=trusted)
            assert (error.code, error.where) == ("routine-rule-broken", "lecce")


def test_the_secretariats_threshold_signs() -> None:
    """Different keys of it, and nobody else's: not the council's."""
    change = made.consented(BOTH)
    for by in (("s1", "s3"), made.OFFICE):
        assert routine.check(TRUSTED, None, made.changes(1, change, by=by), made.NOW).version == 1
    for by in ((), ("s1",), ("s1", *made.THREE)):
        error = refused(made.changes(1, change, by=by))
        assert (error.code, error.facts["need"], error.facts["have"]) == ("routine-unsigned", 2, len(set(by) & {"s1"}))
    draft = routine.parse(made.changes(1, change, by=("s2", "lecce")))
    assert routine.signers(draft, TRUSTED) == {agreement.council_keyid(made.public("s2"))}
    nobody = agreement.first(made.root(secretariat=made.council((), 1)))
    unsigned = made.changes(1, change, office=made.council((), 1))
    assert refused(unsigned, trusted=nobody).code == "routine-unsigned"
    assert contradicted(None, unsigned, nobody).code == "routine-unsigned"


def signed_over(message: bytes, key: str) -> bytes:
    """A signature by the key of that name."""
    return made.private(key).sign(message)


def by(key: str, entry: Node = BOTH) -> bytes:
    """A consent by the key of that name."""
    return routine.consent(agreement.node_json(entry), made.private(key), {}).consent


@pytest.mark.parametrize(
    "signature",
    [
        made.consented(replace(BOTH, id="torino")).consent,
        by("lecce http 2"),
        by("lecce log 1"),
        by("s1"),
        made.consented(replace(BOTH, rev=3)).consent,
        signed_over(
            json.dumps(agreement.node_json(BOTH), sort_keys=True, separators=(",", ":")).encode(), "lecce http 1"
        ),
    ],
)
def test_without_the_nodes_consent_nothing_changes(signature: bytes) -> None:
    """By another node, by the key that is only now to come, by another role, by the secretariat, to another entry, over other bytes."""
    error = refused(made.changes(1, replace(made.consented(BOTH), consent=signature)))
    assert (error.code, error.where) == ("routine-unconsented", "lecce")


def test_consent_is_over_the_canonical_entry() -> None:
    """Under its own prefix, by any http key that the entry before lists."""
    message = (
        b"rete/routine/v1\n"
        + json.dumps(agreement.node_json(BOTH), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    )
    found = made.consented(BOTH)
    assert found.consent == signed_over(message, "lecce http 1")
    assert dict(found.proofs)["http#2"] == signed_over(b"rete/routine/key/v1\n" + message[16:], "lecce http 2")
    after = replace(BOTH, rev=3, http=(made.http_key("lecce", 2),))
    for number in (1, 2):
        assert lecce(taken(made.consented(BOTH), made.consented(after, number))) == after


def test_changes_are_a_chain_that_somebody_new_can_check() -> None:
    """Each with the consent by the entry before it: a key that came by one change consents to the next, and not sooner."""
    second = entry(3, http=(made.http_key("lecce", 2),))
    third = entry(4, http=(made.http_key("lecce", 3),))
    whole = made.consented(BOTH), made.consented(second), made.consented(third, 2)
    found = taken(*whole)
    assert lecce(found) == third
    assert [node.rev for node in found.nodes] == [2, 3, 4]
    # BOTH lists the second key already; but no number is left out.
    for some in ((whole[0], whole[2]), whole[1:], whole[2:]):
        assert refused(made.changes(1, *some)).code == "routine-rule-broken"
    assert refused(made.changes(1, *whole[:2], made.consented(third, 1))).code == "routine-unconsented"


def test_a_chain_has_its_length() -> None:
    """Sixteen changes of one node; then the council takes them over."""
    chain = [made.consented(entry(rev, name=f"Nome {rev}")) for rev in range(2, 19)]
    assert lecce(taken(*chain[:16])).rev == 17
    error = refused(made.changes(1, *chain))
    assert (error.code, error.where) == ("routine-rule-broken", "lecce")
    # Signed all the same it is taken, and what goes beyond is passed over.
    assert lecce(held(TRUSTED, made.changes(1, *chain))).rev == 17


def held(trusted: agreement.Agreement, *raws: bytes) -> routine.Changes | None:
    """What somebody holds who took documents in this order."""
    found: routine.Changes | None = None
    for raw in raws:
        found = routine.take(trusted, found, raw)
    return found


def contradicted(before: routine.Changes | None, raw: bytes, trusted: agreement.Agreement = TRUSTED) -> PeerWrongError:
    """The refusal of a document beside what is held."""
    with pytest.raises(PeerWrongError) as caught:
        routine.take(trusted, before, raw)
    return caught.value


TORINO_2 = replace(TORINO, rev=2, name="Altra")


def test_documents_that_were_signed_at_one_time_add_up() -> None:
    """Two nodes change at once: whoever has both, in whatever order, has both changes; the next document need not contain either."""
    first, second = made.changes(1, made.consented(BOTH)), made.changes(1, made.consented(TORINO_2))
    one, other = held(TRUSTED, first, second), held(TRUSTED, second, first)
    assert one == other
    assert routine.effective(TRUSTED, one) == (BOTH, TORINO_2)
    third = made.changes(2, made.consented(TORINO_2), made.consented(replace(TORINO_2, rev=3, name="Terza")))
    late = held(TRUSTED, first, third)
    assert late == held(TRUSTED, second, third, first) == held(TRUSTED, first, second, third)
    assert routine.effective(TRUSTED, late) == (BOTH, replace(TORINO_2, rev=3, name="Terza"))
    # What another one contains is not held apart from it, and one that says no more changes nothing.
    assert late is not None
    assert late.digests == tuple(sorted(routine.parse(raw).digest for raw in (first, third)))
    assert routine.take(TRUSTED, late, second) == late
    assert not routine.brings_news(TRUSTED, late, routine.parse(second))
    whole = made.changes(3, *routine.in_effect(TRUSTED, late))
    after = routine.take(TRUSTED, late, whole)
    assert [one.raw for one in after.documents] == [whole]
    assert routine.effective(TRUSTED, after) == routine.effective(TRUSTED, late)


def test_no_number_leaves_no_room_for_the_next() -> None:
    """A document of the last number is one like any other; entries count on by one, the council's by a thousand at most."""
    last = held(TRUSTED, made.changes(2**31 - 1, made.consented(TORINO_2)))
    after = routine.take(TRUSTED, last, made.changes(1, made.consented(BOTH)))
    assert routine.effective(TRUSTED, after) == (BOTH, TORINO_2)
    for rev in (3, 9, 2**31 - 1):
        assert refused(made.changes(1, made.consented(replace(BOTH, rev=rev)))).code == "routine-rule-broken"
        assert (
            routine.effective(TRUSTED, held(TRUSTED, made.changes(1, made.consented(replace(BOTH, rev=rev)))))
            == TRUSTED.nodes
        )
    for rev, good in ((1_001, True), (1_002, False)):
        raw = made.root(2, nodes=[replace(BOTH, rev=rev), TORINO])
        if good:
            assert agreement.step(TRUSTED, raw, made.NOW).version == 2
            continue
        with pytest.raises(PeerWrongError) as caught:
            agreement.step(TRUSTED, raw, made.NOW)
        assert caught.value.code == "agreement-rule-broken"


def test_a_new_secretariat_begins_with_nothing() -> None:
    """What another one signed counts for nobody any more, whoever held it; also where most of its keys are the same."""
    raw = made.changes(2**31 - 1, made.consented(TORINO_2), by=("s1", "s2"))
    before = held(TRUSTED, raw)
    new = made.council(("s1", "s2", "s4"), 2)
    after = agreement.step(TRUSTED, made.root(2, secretariat=new), made.NOW)
    assert routine.effective(after, before) == after.nodes
    assert routine.joined(after, before.documents if before else ()) is None
    assert contradicted(None, raw, after).code == "routine-other-secretariat"
    assert refused(raw, trusted=after).code == "routine-other-secretariat"
    fresh = made.changes(1, made.consented(BOTH), by=("s1", "s4"), office=new)
    assert lecce(routine.take(after, before, fresh), after) == BOTH
    lower = agreement.step(TRUSTED, made.root(2, secretariat=made.council(made.OFFICE, 1)), made.NOW)
    assert routine.effective(lower, before) == lower.nodes


def test_an_expired_document_is_read_and_not_signed() -> None:
    """Whoever comes later takes what the others live by; signatures are collected only for one that is good."""
    raw = made.changes(1, made.consented(BOTH), expires=made.NOW)
    assert refused(raw).code == "routine-expired"
    assert lecce(routine.check(TRUSTED, None, raw, made.NOW - dt.timedelta(seconds=1))) == BOTH
    assert lecce(held(TRUSTED, raw)) == BOTH
    assert routine.parse(raw).is_expired(made.NOW)
    assert not routine.parse(raw).is_expired(made.NOW - dt.timedelta(seconds=1))


def test_what_is_held_expires_with_its_newest() -> None:
    """The one of the greatest number, whatever the others say."""
    early, late = made.NOW, made.NOW + dt.timedelta(days=1)
    for first, second in ((early, late), (late, early)):
        found = held(
            TRUSTED,
            made.changes(1, made.consented(BOTH), expires=first),
            made.changes(2, made.consented(TORINO_2), expires=second),
        )
        assert found is not None
        assert (found.version, found.expires, len(found.documents)) == (2, second, 2)
        assert found.is_expired(second)
        assert not found.is_expired(second - dt.timedelta(seconds=1))


def test_a_document_that_would_change_nothing_is_not_asked_to_be_signed() -> None:
    """New is what is not held yet, and of the present secretariat: alone, or beside what is held."""
    first, second = (routine.parse(made.changes(1, made.consented(one))) for one in (BOTH, TORINO_2))
    assert routine.brings_news(TRUSTED, None, first)
    assert routine.brings_news(TRUSTED, first, second)
    assert not routine.brings_news(TRUSTED, first, first)
    other = agreement.first(made.root(secretariat=made.council(("s4",), 1)))
    assert not routine.brings_news(other, None, first)


def test_a_change_that_does_not_follow_is_said_no_further() -> None:
    """Held and signed, but it counts for nobody: of that node, or of that number, nothing has to be said again."""
    lone = made.consented(entry(3, name="Altro"))
    assert routine.in_effect(TRUSTED, held(TRUSTED, made.changes(1, lone))) == []
    followed = made.consented(TORINO_2)
    late = made.consented(replace(TORINO, rev=4, name="Altra"))
    assert routine.in_effect(TRUSTED, held(TRUSTED, made.changes(1, lone, followed, late))) == [followed]


def test_what_is_in_effect_is_not_taken_back() -> None:
    """Left out it stays; another change under its number contradicts it, whichever came first: a fork, for people."""
    one, other = made.changes(1, made.consented(BOTH)), made.changes(2, made.consented(entry(name="Altro")))
    before = held(TRUSTED, one)
    assert lecce(routine.take(TRUSTED, before, made.changes(2))) == BOTH
    for first, second in ((one, other), (other, one)):
        error = contradicted(held(TRUSTED, first), second)
        assert (error.code, error.where) == ("routine-forked", "lecce")
    assert refused(other, before).code == "routine-forked"
    # Also where the other begins with it and goes on otherwise.
    third = replace(BOTH, rev=3, name="Altro")
    both = held(TRUSTED, made.changes(3, made.consented(BOTH), made.consented(third)))
    assert lecce(both) == third
    away = made.changes(4, made.consented(BOTH), made.consented(replace(third, name="Terzo")))
    assert contradicted(both, away).code == "routine-forked"
    # The council's next version ends it.
    over = agreement.step(TRUSTED, made.root(2, nodes=[replace(third, rev=3, name="Del consiglio"), TORINO]), made.NOW)
    assert lecce(routine.take(over, both, away), over).name == "Del consiglio"


def answering(node: Node, authority: str, **changed: Any) -> Node:
    """A node that answers under another authority than its logs are named after."""
    key = HttpKey(f"{authority}#http-1", node.http[0].public)
    return replace(node, url=f"https://{authority}", http=(key,), **changed)


def test_what_one_node_has_by_a_document_no_other_node_has_by_a_second() -> None:
    """Two move to one address at once: neither what is held nor what comes is passed over in silence, whichever id is the lesser."""
    there = "new.example"
    first = made.changes(1, made.consented(replace(answering(LECCE, there), rev=2)))
    second = made.changes(1, made.consented(replace(answering(TORINO, there), rev=2)))
    for one, other in ((first, second), (second, first)):
        error = contradicted(held(TRUSTED, one), other)
        assert (error.code, error.where) == ("routine-forked", "torino")


def test_so_many_documents_are_held_side_by_side() -> None:
    """Eight that do not contain each other; one that contains them all makes room again."""
    ids = [f"n{number}" for number in range(9)]
    trusted = agreement.first(made.root(nodes=[made.node(node_id) for node_id in ids]))
    own = [made.consented(replace(made.node(node_id), rev=2, name="Altro")) for node_id in ids]
    before = held(trusted, *(made.changes(1, one) for one in own[:8]))
    error = contradicted(before, made.changes(1, own[8]), trusted)
    assert (error.code, error.facts) == ("routine-too-many", {"count": 8})
    after = routine.take(trusted, before, made.changes(2, *own))
    assert (len(after.documents), {node.rev for node in routine.effective(trusted, after)}) == (1, {2})


def test_a_new_key_signs_its_entry() -> None:
    """Of whatever role; a key that is a joiner's, shown in its open request, is listed by nobody else."""
    arezzo = replace(made.http_key("torino", 2), public=made.public("arezzo http 1"))
    stolen = replace(TORINO, rev=2, http=(*TORINO.http, arezzo))
    key = made.consented(stolen)
    error = refused(made.changes(1, key))
    assert (error.code, error.where, error.facts) == ("routine-unproved", "torino", {"role": "http#2"})
    # Taken, since it is signed, and passed over by all alike.
    assert routine.effective(TRUSTED, held(TRUSTED, made.changes(1, key))) == TRUSTED.nodes
    # By the key itself, over this entry, under this label and prefix.
    for wrong in (
        made.consented(replace(BOTH, rev=3)).proofs,
        (("http#2", made.consented(BOTH).consent),),
        (("http#2", by("lecce http 2")),),
        (("http", dict(made.consented(BOTH).proofs)["http#2"]),),
        (),
    ):
        assert refused(made.changes(1, replace(made.consented(BOTH), proofs=wrong))).code == "routine-unproved"
    for after in (
        entry(log=ENDED),
        entry(witness=(made.verifier("lecce", "witness", 2),)),
        entry(mirror=(*LECCE.mirror, made.verifier("lecce", "mirror", 2))),
    ):
        good = made.consented(after)
        assert lecce(taken(good)) == after
        assert refused(made.changes(1, replace(good, proofs=()))).code == "routine-unproved"
    # Those that were listed have proved themselves.
    again = made.consented(replace(BOTH, rev=3, name="Altro"))
    assert lecce(taken(made.consented(BOTH), replace(again, proofs=()))).name == "Altro"


@pytest.mark.parametrize(
    "squat",
    [
        {"http": (*TORINO.http, made.http_key("torino", 2))},
        {"seal": made.seal_of("arezzo").public},
        {"url": "https://arezzo.example", "http": (made.http_key("torino", 1, "arezzo.example"),)},
    ],
)
def test_what_the_agreement_gives_to_another_is_that_ones(squat: dict[str, Any]) -> None:
    """A later version gives a node, or the council, a key or a name that routine changes had listed for somebody: it is passed over by all."""
    change = made.consented(replace(TORINO, rev=2, **squat))
    further = made.consented(replace(change.node, rev=3, name="Altra"))
    raw = made.changes(1, change, further, made.consented(BOTH))
    before = held(TRUSTED, raw)
    assert routine.effective(TRUSTED, before)[1] == further.node
    if "url" in squat or "seal" in squat:
        nodes, council = [made.node("arezzo", since=made.TODAY), LECCE, TORINO], made.council(made.THREE, 2)
    else:
        nodes, council = [LECCE, TORINO], made.council((*made.THREE, "torino http 2"), 2)
    after = agreement.step(TRUSTED, made.root(2, nodes=nodes, council=council), made.NOW)
    for found in (before, routine.take(after, None, raw)):
        assert {node.id: node.rev for node in routine.effective(after, found) if node.rev > 1} == {"lecce": 2}
    assert refused(raw, trusted=after).code in ("agreement-key-reused", "agreement-malformed")


def test_the_agreement_overtakes_what_it_has_counted_on() -> None:
    """Entries up to its own rev are passed over, whoever consented; belonging is always as it says."""
    found = taken(made.consented(BOTH), made.consented(replace(BOTH, rev=3, name="Altro")))
    over = agreement.first(made.root(2, nodes=[replace(BOTH, rev=3, name="Del consiglio"), TORINO]))
    assert lecce(found, over).name == "Del consiglio"
    assert routine.check(over, None, found.raw, made.NOW) == found
    between = agreement.first(made.root(2, nodes=[replace(BOTH, name="Del consiglio"), TORINO]))
    assert lecce(found, between) == replace(BOTH, rev=3, name="Altro")
    suspended = agreement.first(made.root(2, nodes=[replace(BOTH, status=Status.SUSPENDED, since=made.TODAY), TORINO]))
    assert lecce(found, suspended) == replace(BOTH, rev=3, name="Altro", status=Status.SUSPENDED, since=made.TODAY)
    # What was taken over may be left out from then on.
    assert routine.check(over, found, made.changes(2), made.NOW).nodes == ()
    after = routine.take(over, found, made.changes(2))
    assert [one.nodes for one in after.documents] == [()]


def test_entries_that_no_longer_follow_are_passed_over_by_all() -> None:
    """The agreement took other keys: what was consented by the old ones, and all behind it, does not count."""
    found = taken(made.consented(BOTH), made.consented(replace(BOTH, rev=3, name="Altro")))
    stolen = agreement.first(made.root(2, nodes=[entry(http=(made.http_key("lecce", 9),)), TORINO]))
    assert lecce(found, stolen) == stolen.nodes[0]
    assert refused(found.raw, trusted=stolen).code == "routine-unconsented"
    # Whoever comes later takes the document, and passes over the same.
    assert lecce(routine.take(stolen, None, found.raw), stolen) == stolen.nodes[0]
    frozen = agreement.first(made.root(2, nodes=[entry(log=(replace(LECCE.log[0], frozen=END),)), TORINO]))
    assert lecce(found, frozen) == frozen.nodes[0]
    gone = agreement.first(made.root(2, nodes=[TORINO]))
    assert routine.effective(gone, found) == (TORINO,)


def test_changes_are_of_members() -> None:
    """A stranger joins by the council alone."""
    error = refused(made.changes(1, made.consented(replace(made.node("bari"), rev=2))))
    assert (error.code, error.where) == ("routine-rule-broken", "bari")


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"http": (*LECCE.http, replace(made.http_key("lecce", 2), public=made.public("torino http 1")))}, "agreement-key-reused"),
        ({"http": (*LECCE.http, replace(made.http_key("lecce", 2), public=made.public("s1")))}, "agreement-key-reused"),
        ({"http": (*LECCE.http, replace(made.http_key("lecce", 2), public=made.public("bari")))}, "agreement-key-reused"),
        ({"seal": TORINO.seal}, "agreement-key-reused"),
        ({"witness": (keys.Verifier("torino.example/witness", keys.COSIGNATURE_TYPE, made.public("a")),)}, "agreement-malformed"),
    ],
)  # fmt: skip
def test_nobody_takes_anothers_key_or_name(changed: dict[str, Any], code: str) -> None:
    """Of a node, of the secretariat, of the council."""
    named = ("torino http 1", "s1", "bari", "a")
    every = {made.public(name): made.private(name) for name in named}
    change = routine.consent(agreement.node_json(entry(**changed)), made.private("lecce http 1"), every)
    raw = made.changes(1, change)
    assert refused(raw).code == code
    assert routine.effective(TRUSTED, held(TRUSTED, raw)) == TRUSTED.nodes


def test_nobody_takes_anothers_key_for_a_while() -> None:
    """Also where a later entry of the same document no longer lists it."""
    taking = entry(http=(*LECCE.http, replace(made.http_key("lecce", 2), public=made.public("torino http 1"))))
    every = {made.public("torino http 1"): made.private("torino http 1")}
    change = routine.consent(agreement.node_json(taking), made.private("lecce http 1"), every)
    raw = made.changes(1, change, made.consented(entry(3, name="Altro")))
    error = refused(raw)
    assert (error.code, error.where) == ("agreement-key-reused", "lecce")
    assert routine.effective(TRUSTED, held(TRUSTED, raw)) == TRUSTED.nodes


def test_the_address_of_one_that_left_may_be_anothers() -> None:
    """Given by the agreement or by a routine change; whoever left, and still changes its entry, does not take it back."""
    gone = answering(LECCE, "old.example", status=Status.LEFT)
    heir = answering(TORINO, "old.example")
    renamed, moved = replace(gone, rev=2, name="Era qui"), replace(heir, rev=2)
    given = agreement.first(made.root(nodes=[gone, heir]))
    assert routine.effective(given, held(given, made.changes(1, made.consented(renamed)))) == (renamed, heir)
    free = agreement.first(made.root(nodes=[gone, TORINO]))
    change = made.consented(moved)
    assert routine.effective(free, held(free, made.changes(1, change))) == (gone, moved)
    both = made.changes(1, made.consented(renamed), change)
    assert routine.effective(free, held(free, both)) == (renamed, moved)
    # Of one that is there, suspended or not, it stays its own.
    here = agreement.first(made.root(nodes=[replace(gone, status=Status.SUSPENDED), TORINO]))
    assert routine.effective(here, held(here, both))[1] == TORINO


RAW = made.changes(1, made.consented(BOTH), made.consented(replace(TORINO, rev=2)))
GOOD = json.loads(RAW)
BY = ("signed", "x-rete", "by")
NODES = ("signed", "x-rete", "nodes")


def put(path: tuple[Any, ...], value: Any) -> bytes:
    """The document with another value at a path."""
    changed = copy.deepcopy(GOOD)
    found = changed
    for key in path[:-1]:
        found = found[key]
    found[path[-1]] = value
    return json.dumps(changed).encode()


def code_of(call: Callable[[], object]) -> str:
    """The code of a refusal."""
    with pytest.raises(PeerWrongError) as caught:
        call()
    assert caught.value.what
    return caught.value.code


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"[]", b"{}", made.root(), put(("signed", "targets"), {"a": {"length": 1, "hashes": {"sha256": "00"}}}), put(("signed", "targets"), []),
        put(("signed", "targets"), None), put(("signed", "delegations"), {"keys": {}, "roles": []}), put(("signed", "x-rete"), {}), put(("signed", "x-rete", "zz"), 1),
        put(("signed", "version"), 0), put(NODES, {}), put(NODES, [1]), put(NODES, GOOD["signed"]["x-rete"]["nodes"][::-1]), put(NODES, GOOD["signed"]["x-rete"]["nodes"][:1] * 2),
        put(BY, {}), put(BY, []), put((*BY, "bari#2"), GOOD["signed"]["x-rete"]["by"]["lecce#2"]), put((*BY, "lecce#2"), "x"), put((*BY, "lecce#2"), None), put((*BY, "lecce#2"), "A" * 88), put((*BY, "lecce#2", "consent"), "A" * 88), put((*BY, "lecce#2", "proofs"), []), put((*BY, "lecce#2", "proofs", "http"), "x"),
        put((*BY, "lecce#2", "proofs", "seal"), GOOD["signed"]["x-rete"]["by"]["lecce#2"]["consent"]), put((*BY, "lecce#2", "zz"), 1), put(("signed", "x-rete", "secretariat"), "x"), put(("signed", "x-rete", "secretariat"), None),
    ],
)  # fmt: skip
def test_a_document_of_another_form_is_malformed(raw: bytes) -> None:
    """No targets, no delegations: nothing that a client of TUF would fetch or trust; by id and rev; a consent to each."""
    assert code_of(lambda: routine.parse(raw)) == "routine-malformed"


ODD = (None, True, 0, "", "é ", [1], {"a": 1})
CONSENT = (*BY, "lecce#2")


@pytest.mark.parametrize(
    ("path", "where"),
    [
        (("signatures",), "signatures"), (("signed", "_type"), "_type"), (("signed", "version"), "version"), (("signed", "expires"), "expires"),
        (("signed", "spec_version"), "spec_version"), (("signed", "x-rete"), "x-rete"), (("signed", "x-rete", "secretariat"), "secretariat"), (NODES, "nodes"),
        ((*NODES, 0), "nodes"), ((*NODES, 0, "name"), "lecce: name"), ((*NODES, 1, "http"), "torino: http"), (BY, "by"), (CONSENT, "by"),
        ((*CONSENT, "consent"), "by"), ((*CONSENT, "proofs"), "by"), ((*CONSENT, "proofs", "http"), "by"),
    ],
)  # fmt: skip
def test_a_refusal_names_the_part_that_is_wrong(path: tuple[Any, ...], where: str) -> None:
    """Whatever stands in its place."""
    for odd in ODD:
        with pytest.raises(PeerWrongError) as caught:
            routine.parse(put(path, odd))
        assert (caught.value.code, caught.value.where) == ("routine-malformed", where), odd


@pytest.mark.parametrize(
    ("raw", "where"),
    [
        (put(("signed", "targets"), {"a": {"length": 1, "hashes": {"sha256": "00"}}}), "targets"),
        (put(NODES, GOOD["signed"]["x-rete"]["nodes"][::-1]), "nodes"),
        (put(NODES, GOOD["signed"]["x-rete"]["nodes"][:1]), "by"),
        (put(("signed", "zz"), 1), "signed"),
    ],
)
def test_a_refusal_of_what_does_not_fit_names_it_too(raw: bytes, where: str) -> None:
    """A target, another order, a consent to no entry, one more key."""
    with pytest.raises(PeerWrongError) as caught:
        routine.parse(raw)
    assert (caught.value.code, caught.value.where) == ("routine-malformed", where)


def test_size_and_keys_keep_their_own_codes() -> None:
    """As in the agreement."""
    assert code_of(lambda: routine.parse(RAW + b" " * 4 * 2**20)) == "agreement-too-large"
    assert (
        code_of(lambda: routine.parse(put((*NODES, 0, "http", 0, "pub"), base64.b64encode(bytes(32)).decode())))
        == "key-low-order"
    )


def test_a_document_becomes_values() -> None:
    """Every field, and TUF's bytes; anybody adds signatures as to the agreement."""
    found = routine.parse(RAW)
    assert (found.version, found.expires, found.raw) == (1, made.EXPIRES, RAW)
    assert found.nodes == (BOTH, replace(TORINO, rev=2))
    assert json.loads(found.signed) == GOOD["signed"]
    assert set(found.signatures) == set(TRUSTED.secretariat.keys)
    changes = [made.consented(replace(TORINO, rev=2)), made.consented(BOTH)]
    unsigned = routine.build(version=1, expires=made.EXPIRES, secretariat=TRUSTED.secretariat, changes=changes)
    assert made.signed(unsigned, made.OFFICE) == RAW


def test_our_own_mistakes_are_told_to_us() -> None:
    """When building, and when consenting."""
    with pytest.raises(CallerError, match="routine-malformed"):
        routine.build(version=0, expires=made.EXPIRES, secretariat=TRUSTED.secretariat, changes=[])
    with pytest.raises(CallerError, match="agreement-malformed"):
        routine.consent({**agreement.node_json(BOTH), "zz": 1}, made.private("lecce http 1"), {})


def test_the_schema_says_what_the_parser_does() -> None:
    """schemas/agreement.v1.json takes routine documents too, and refuses what it can see."""
    validator = jsonschema_rs.validator_for(
        json.loads(schemas.folder().joinpath("agreement.v1.json").read_text(encoding="utf-8"))
    )
    assert validator.is_valid(GOOD)
    for raw in (
        put(("signed", "targets"), {"a": {}}),
        put(("signed", "x-rete", "zz"), 1),
        put((*BY, "lecce#2"), "x"),
        put((*BY, "lecce#2", "proofs", "seal"), GOOD["signed"]["x-rete"]["by"]["lecce#2"]["consent"]),
        put(("signed", "x-rete", "secretariat"), "x"),
        put(NODES, [1]),
    ):
        assert not validator.is_valid(json.loads(raw))


@given(
    path=st.sampled_from([("signatures",), ("signed",), ("signed", "targets"), ("signed", "x-rete"), BY, NODES, (*NODES, 0), (*NODES, 0, "log"), (*BY, "lecce#2"), ("signed", "expires")]),
    value=st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=5),
)  # fmt: skip
def test_whatever_stands_anywhere_nothing_worse_than_a_refusal_happens(path: tuple[Any, ...], value: Any) -> None:
    """Never another exception."""
    raw = put(path, value)
    for call in (lambda: routine.check(TRUSTED, None, raw, made.NOW), lambda: routine.take(TRUSTED, None, raw)):
        try:
            call()
        except PeerWrongError as error:
            assert str(error)
