"""The properties of docs/rules.md P, each by its name, five hundred examples each; those over time: test_anonymity_machine.py."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.domain import partition, partition_form, profile, release, rounds
from node.domain.generation.enrichment import enrich
from node.domain.network import ContactRecord, NetworkRecord
from node.domain.profile import ProfileContent
from node.domain.register import RegisterNetwork
from node.domain.release import Edition
from node.errors import CallerError
from node.flows.profiles.draft import suggest_content
from node.protocol import canonical
from node.store import schemas
from tests.domain.test_partition import SECTORS, TERRITORIES, built, populations
from tests.size import size

pytestmark = pytest.mark.many
many = settings(max_examples=size(100, 500))
ROUND = dt.date(2026, 11, 30)
ID = "0b8f7a52-0e58-4b6c-9c7e-1f3f5f6c7d10"
VALIDATOR = schemas.validators()["profile/1"]


def records(rows: list[RegisterNetwork], seed: int) -> list[NetworkRecord]:
    """What an office keeps of these networks."""
    return enrich(rows, count=len(rows), seed=seed)


def body_of(made: partition.Partition, row: RegisterNetwork, content: ProfileContent) -> dict[str, object]:
    """What leaves of one network."""
    return profile.build_body(
        profile_id=ID, owner="p_LE", round_day=ROUND, block=made.lookup(row, SECTORS), partition=made, content=content
    )


@many
@given(populations(), st.integers(8, 20))
def test_every_leaf_has_at_least_k_build_networks(rows: list[RegisterNetwork], k_build: int) -> None:
    """Whatever the bound, or there is no partition."""
    if len(rows) < k_build:
        with pytest.raises(CallerError) as caught:
            built(rows, k_build=k_build)
        assert caught.value.code == "partition-too-small"
        return
    assert min(block.count for block in built(rows, k_build=k_build).blocks) >= k_build


@many
@given(populations())
def test_leaves_are_disjoint_and_total(rows: list[RegisterNetwork]) -> None:
    """By labels and kind alone, each network of the population is in exactly one leaf."""
    made = built(rows)
    found: Counter[int] = Counter()
    for row in rows:
        keys = partition.keys_of(row, SECTORS)
        fits = [b.block_id for b in made.blocks if partition_form.is_true(b, keys, row.kind.value)]
        assert fits == [made.lookup(row, SECTORS).block_id]
        found.update(fits)
    assert found == {block.block_id: block.count for block in made.blocks}


@many
@given(populations())
def test_labels_are_true_of_each_member(rows: list[RegisterNetwork]) -> None:
    """Read as a stranger reads them: the value stands among the label's, at its level."""
    made = built(rows)
    for row in rows:
        labels = made.lookup(row, SECTORS).labels
        known = {
            "RIP": row.macro, "REG": row.region, "PRO": row.province, "COM": row.municipality,
            "SEZ": SECTORS.ancestors(row.ateco)[-2] if row.ateco else "?", "A2": row.ateco[:2] or "?", "A6": row.ateco or "?",
            "SIZE": partition.size_class(row.members), "THEME": row.theme,
        }  # fmt: skip
        known |= dict.fromkeys(("Y5", "Y3", "Y1"), str(row.registered_on.year))
        for label in labels.values():
            assert label.level == "*" or known[label.level] in label.values


@many
@given(populations(), populations())
def test_the_preimage_of_a_label_is_its_block(rows: list[RegisterNetwork], others: list[RegisterNetwork]) -> None:
    """Also among rows that the partition never saw: whom the labels fit is whom the rule sends there."""
    made = built(rows)
    for row in (*rows, *others):
        keys = partition.keys_of(row, SECTORS)
        fits = [block for block in made.blocks if partition_form.is_true(block, keys, row.kind.value)]
        found = made.find(row, SECTORS)
        assert fits == ([] if found is None else [found])


@many
@given(populations(), st.randoms(use_true_random=False))
def test_row_order_and_reruns_give_the_same_hash(rows: list[RegisterNetwork], source: random.Random) -> None:
    """And so for what ceased, for names and objects: none of them is an argument."""
    shuffled = [replace(row, name=f"Altra {n}", object_text=f"Altro {n}") for n, row in enumerate(rows)]
    shuffled += [
        replace(row, register_id=f"X{n}", active=False) for n, row in enumerate(rows[: source.randrange(len(rows))])
    ]
    source.shuffle(shuffled)
    assert built(rows).digest == built(rows).digest == built(shuffled).digest


@many
@given(populations(), st.integers(0, 2**32), st.integers(0, 2**32))
def test_what_leaves_of_a_record_does_not_change_when_other_records_do(
    rows: list[RegisterNetwork], seed: int, other_seed: int
) -> None:
    """The same bytes whatever the office keeps of the others, but for a class that a whole block would show alike."""
    made = built(rows)
    here, there = records(rows, seed), records(rows, other_seed)
    own = here[0]
    row = next(row for row in rows if row.register_id == own.register_id)
    content = profile.parse_content(suggest_content(own))

    def leaves(neighbours: list[NetworkRecord]) -> dict[str, object]:
        shown = [profile.parse_content(suggest_content(r)).classes() for r in neighbours if r.register_id != row.register_id]  # fmt: skip
        return body_of(made, row, content.without(profile.shared_by_all([content.classes(), *shown])))

    one, two = leaves(here), leaves(there)
    for name in profile.SENSITIVE:
        assert one.pop(name) in ([], list(getattr(content, "themes" if name == "themes" else name)))
        two.pop(name)
    assert canonical.dumps(one) == canonical.dumps(two)


SECRET = st.uuids(version=4).map(lambda value: f"zq{value.hex[:12]}qz")


@many
@given(populations(), st.integers(0, 2**32), st.lists(SECRET, min_size=20, max_size=20, unique=True))
def test_private_fields_are_never_exported(rows: list[RegisterNetwork], seed: int, secrets: list[str]) -> None:
    """Everything that a record keeps and that is no need, offer or closed word: not one byte of it is in what leaves."""
    source = iter(secrets)
    record = records(rows, seed)[0]
    told = replace(
        record,
        name=next(source), object_text=next(source), programme=next(source), objectives=(next(source),), notary=next(source),
        common_body_kind=next(source), common_body_holder=next(source), seat_municipality=next(source), own_tax_code=next(source),
        own_rea=next(source), deed_register_number=next(source), deed_number=next(source), initial_fund=Decimal("98765.43"),
        contacts=(ContactRecord(next(source), next(source), next(source), next(source)),),
        members=tuple(
            replace(m, firm=replace(m.firm, name=secrets[16], tax_code=secrets[17], rea=secrets[18], vat_number=secrets[19]))
            for m in record.members
        ),
    )  # fmt: skip
    row = next(row for row in rows if row.register_id == record.register_id)
    body = body_of(built(rows), row, profile.parse_content(suggest_content(told)))
    VALIDATOR.validate(body)
    raw = canonical.dumps(body).decode().casefold()
    assert not [secret for secret in (*secrets, "98765") if secret in raw]


@many
@given(st.dictionaries(st.text(min_size=1, max_size=20), st.text(max_size=20), min_size=1, max_size=3))
def test_unknown_fields_of_a_content_are_refused(unknown: dict[str, str]) -> None:
    """Nobody adds a field to what leaves by naming it."""
    raw = {"title": "Titolo", "summary": "Sintesi"}
    if set(unknown) <= profile.CONTENT_KEYS:
        return
    with pytest.raises(CallerError) as caught:
        profile.parse_content({**unknown, **raw})
    assert caught.value.code == "profile-field-unknown"


@many
@given(
    populations(), st.integers(0, 7), st.dates(dt.date(2026, 1, 1), dt.date(2028, 12, 31)), st.integers(1, 4), st.data()
)
def test_a_fresh_record_with_too_few_companions_is_never_in_the_next_round(
    rows: list[RegisterNetwork], companions: int, today: dt.date, draw: int, data: st.DataObject
) -> None:
    """Registered since the edition before, with fewer than k others of its block: one to four rounds later, in any calendar."""
    previous = dt.date(2025, 6, 30)
    made = built(rows)
    block = made.lookup(rows[0], SECTORS)
    inside = [row for row in rows if made.lookup(row, SECTORS) == block]
    fresh = {row.register_id for row in inside[: companions + 1]}
    # Only the day of the month moves: the year is part of the label.
    edition = [
        replace(row, registered_on=previous + dt.timedelta(days=30) if row.register_id in fresh else row.registered_on)
        for row in inside
    ]
    counted = release.Census(
        {block.block_id: {row.register_id: row.registered_on for row in edition}}, len(rows), made.k, made.k_build, previous
    )  # fmt: skip
    own = edition[0]
    stands_out = counted.stands_out(block.block_id, own.register_id, own.registered_on, 5)
    assert stands_out == (len(fresh) - 1 < 5)
    period = data.draw(st.sampled_from(("weekly", "daily", "monthly")))
    left = release.departure(today, period, stands_out=stands_out, draw=draw)
    first = rounds.next_round(today, period)
    assert (left.day > first) == stands_out
    assert left.day <= rounds.rounds_after(first, period, 4)


@many
@given(populations(), st.data())
def test_of_an_older_partition_only_those_who_stayed_are_candidates(
    rows: list[RegisterNetwork], data: st.DataObject
) -> None:
    """What a stranger with both editions would count: never more than the block had, never fewer than are shown."""
    made = built(rows)
    stayed = data.draw(st.sets(st.sampled_from([row.register_id for row in rows])))
    survivors = tuple(row for row in rows if row.register_id in stayed)
    counted = release.take_census(made, Edition(survivors, None), TERRITORIES, SECTORS)
    for block in made.blocks:
        members = {row.register_id for row in rows if made.lookup(row, SECTORS) == block}
        assert set(counted.blocks.get(block.block_id, {})) == members & stayed
        assert (counted.hold(block.block_id, 5) is None) == (len(members & stayed) >= 5 and len(survivors) >= 8)
