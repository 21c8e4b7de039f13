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
from node.protocol.agreement import LogKeys, Node, Status
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
    before: routine.Routine | None = None,
    trusted: agreement.Agreement = TRUSTED,
    now: dt.datetime = made.NOW,
) -> PeerWrongError:
    """The refusal of a routine document."""
    with pytest.raises(PeerWrongError) as caught:
        routine.check(trusted, before, raw, now)
    return caught.value


def taken(
    *entries: tuple[Node, str],
    version: int = 1,
    before: routine.Routine | None = None,
    trusted: agreement.Agreement = TRUSTED,
) -> routine.Routine:
    """A routine document that is good."""
    return routine.check(trusted, before, made.changes(version, *entries), made.NOW)


def lecce(found: routine.Routine | None, trusted: agreement.Agreement = TRUSTED) -> Node:
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
        entry(rev=9, seal=SealKey(LECCE.seal.x25519, None)),  # type: ignore[union-attr]
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
            assert refused(raw, trusted=trusted).code == "routine-rule-broken"


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
    assert refused(made.changes(1, change), trusted=nobody).code == "routine-unsigned"


def signed_over(message: bytes, key: str) -> str:
    """A signature as consents are written."""
    return base64.b64encode(made.private(key).sign(message)).decode()


@pytest.mark.parametrize(
    "signature",
    [
        made.consented(replace(BOTH, id="torino"))[1],
        routine.consent(agreement.node_json(BOTH), made.private("lecce http 2")),
        routine.consent(agreement.node_json(BOTH), made.private("lecce log 1")),
        routine.consent(agreement.node_json(BOTH), made.private("s1")),
        made.consented(replace(BOTH, rev=3))[1],
        signed_over(
            json.dumps(agreement.node_json(BOTH), sort_keys=True, separators=(",", ":")).encode(), "lecce http 1"
        ),
    ],
)
def test_without_the_nodes_consent_nothing_changes(signature: str) -> None:
    """By another node, by the key that is only now to come, by another role, by the secretariat, to another entry, over other bytes."""
    error = refused(made.changes(1, (BOTH, signature)))
    assert (error.code, error.where) == ("routine-unconsented", "lecce")


def test_consent_is_over_the_canonical_entry() -> None:
    """Under its own prefix, by any http key that the entry before lists."""
    message = (
        b"rete/routine/v1\n"
        + json.dumps(agreement.node_json(BOTH), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    )
    assert made.consented(BOTH)[1] == signed_over(message, "lecce http 1")
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
    # BOTH lists the second key already, the agreement does not.
    assert lecce(taken(whole[0], whole[2])) == third
    assert lecce(taken(whole[1], whole[2])) == third
    assert refused(made.changes(1, whole[2])).code == "routine-unconsented"
    assert refused(made.changes(1, *whole[:2], made.consented(third, 1))).code == "routine-unconsented"


def test_a_chain_has_its_length() -> None:
    """Sixteen changes of one node; then the council takes them over."""
    chain = [made.consented(entry(rev, name=f"Nome {rev}")) for rev in range(2, 19)]
    assert lecce(taken(*chain[:16])).rev == 17
    error = refused(made.changes(1, *chain))
    assert (error.code, error.where) == ("routine-rule-broken", "lecce")


def test_no_version_comes_twice() -> None:
    """Gaps are none: what matters is in each document."""
    first = taken(made.consented(BOTH), version=3)
    for version in (1, 3):
        error = refused(made.changes(version, made.consented(BOTH)), first)
        assert (error.code, error.facts) == ("routine-version-old", {"version": version, "trusted": 3})
    assert taken(made.consented(BOTH), version=9, before=first).version == 9


def test_an_expired_document_is_signed_again_before_anybody_takes_it() -> None:
    """An old one could bring back keys of before to somebody new; who has it goes on."""
    raw = made.changes(1, made.consented(BOTH), expires=made.NOW)
    assert refused(raw).code == "routine-expired"
    assert lecce(routine.check(TRUSTED, None, raw, made.NOW - dt.timedelta(seconds=1))) == BOTH
    assert routine.parse(raw).is_expired(made.NOW)
    assert not routine.parse(raw).is_expired(made.NOW - dt.timedelta(seconds=1))


def test_what_is_in_effect_is_not_taken_back() -> None:
    """Left out, or another change under its number: the keys of before would come back without the node."""
    before = taken(made.consented(BOTH))
    other = made.consented(entry(name="Altro"))
    for raw in (made.changes(2), made.changes(2, other)):
        error = refused(raw, before)
        assert (error.code, error.where) == ("routine-rule-broken", "lecce")
    later = replace(BOTH, rev=3, name="Altro")
    assert lecce(taken(made.consented(BOTH), made.consented(later), version=2, before=before)) == later
    torino = made.consented(replace(TORINO, rev=2, name="Altra"))
    assert taken(made.consented(BOTH), torino, version=2, before=before).version == 2
    # Also by a shorter way, on which a key that was given up in between would consent again.
    assert lecce(taken(made.consented(later))) == later
    assert refused(made.changes(2, made.consented(later)), before).code == "routine-rule-broken"


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


def test_entries_that_no_longer_follow_are_passed_over_by_all() -> None:
    """The agreement took other keys: what was consented by the old ones, and all behind it, does not count."""
    found = taken(made.consented(replace(BOTH, rev=3)), made.consented(replace(BOTH, rev=4, name="Altro")))
    stolen = agreement.first(made.root(2, nodes=[entry(http=(made.http_key("lecce", 9),)), TORINO]))
    assert lecce(found, stolen) == stolen.nodes[0]
    assert refused(found.raw, trusted=stolen).code == "routine-unconsented"
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
    assert refused(made.changes(1, made.consented(entry(**changed)))).code == code


RAW = made.changes(1, made.consented(BOTH), made.consented(replace(TORINO, rev=5)))
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
    return caught.value.code


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"[]", b"{}", made.root(), put(("signed", "targets"), {"a": {"length": 1, "hashes": {"sha256": "00"}}}), put(("signed", "targets"), []),
        put(("signed", "targets"), None), put(("signed", "delegations"), {"keys": {}, "roles": []}), put(("signed", "x-rete"), {}), put(("signed", "x-rete", "zz"), 1),
        put(("signed", "version"), 0), put(NODES, {}), put(NODES, [1]), put(NODES, GOOD["signed"]["x-rete"]["nodes"][::-1]), put(NODES, GOOD["signed"]["x-rete"]["nodes"][:1] * 2),
        put(BY, {}), put(BY, []), put((*BY, "bari#2"), GOOD["signed"]["x-rete"]["by"]["lecce#2"]), put((*BY, "lecce#2"), "x"), put((*BY, "lecce#2"), None), put((*BY, "lecce#2"), "A" * 88),
    ],
)  # fmt: skip
def test_a_document_of_another_form_is_malformed(raw: bytes) -> None:
    """No targets, no delegations: nothing that a client of TUF would fetch or trust; by id and rev; a consent to each."""
    assert code_of(lambda: routine.parse(raw)) == "routine-malformed"


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
    assert found.nodes == (BOTH, replace(TORINO, rev=5))
    assert json.loads(found.signed) == GOOD["signed"]
    assert set(found.signatures) == set(TRUSTED.secretariat.keys)
    changes = [made.consented(replace(TORINO, rev=5)), made.consented(BOTH)]
    unsigned = routine.build(version=1, expires=made.EXPIRES, changes=changes)
    assert made.signed(unsigned, made.OFFICE) == RAW


def test_our_own_mistakes_are_told_to_us() -> None:
    """When building, and when consenting."""
    with pytest.raises(CallerError, match="routine-malformed"):
        routine.build(version=0, expires=made.EXPIRES, changes=[])
    with pytest.raises(CallerError, match="agreement-malformed"):
        routine.consent({**agreement.node_json(BOTH), "zz": 1}, made.private("lecce http 1"))


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
    try:
        routine.check(TRUSTED, None, raw, made.NOW)
    except PeerWrongError as error:
        assert str(error)
