"""The private record: what makes a network one by law, when it takes effect, and when two records say the same."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from networks_made import PERSON_CODE, code, firm, listed, listed_entity, member, pair, read, record

from node.domain import vocabulary
from node.domain.network import (
    EXTRAS,
    PURPOSES,
    STATUSES,
    ContactRecord,
    check,
    check_tax_code,
    from_register,
    legal_effect_on,
)
from node.domain.register import NetworkKind
from node.errors import CallerError

DAY = dt.date(2013, 3, 15)
LATER = dt.date(2015, 6, 1)


@pytest.mark.parametrize(
    ("changes", "refused", "where"),
    [
        ({"name": ""}, "network-name-missing", "name"),
        ({"members": (member(1),)}, "network-too-few-members", "members"),
        ({"members": (member(1), member(1, joined_on=LATER, left_on=LATER))}, "network-too-few-members", "members"),
        ({"members": (member(1), member(2, left_on=LATER))}, "network-too-few-members", "members"),
        ({"members": (member(1), member(2), member(1, joined_on=LATER))}, "firm-repeated", "members"),
        ({"members": (member(1), member(2), member(2, left_on=LATER))}, "firm-repeated", "members"),
        ({"members": (member(1), member(2), member(3, left_on=dt.date(2012, 1, 1)))}, "member-left-early", "left_on"),
        ({"start_on": LATER, "end_on": DAY}, "network-ends-early", "end_on"),
        ({"deed_register_number": ""}, "network-deed-missing", "deed_register_number"),
        ({"signed_on": None, "status": "amended"}, "network-deed-missing", "deed_register_number"),
        ({"kind": NetworkKind.ENTITY, "has_common_fund": False}, "entity-incomplete", "kind"),
        ({"kind": NetworkKind.ENTITY, "has_common_body": False}, "entity-incomplete", "kind"),
        ({"kind": NetworkKind.ENTITY, "seat_municipality": ""}, "entity-incomplete", "kind"),
        ({"kind": NetworkKind.ENTITY, "deed_form": "digital"}, "entity-deed-form", "deed_form"),
    ],
)
def test_what_breaks_a_rule_of_law_is_refused_at_its_field(changes: dict[str, Any], refused: str, where: str) -> None:
    """Each rule has a code and names the field that breaks it."""
    with pytest.raises(CallerError) as caught:
        check(record(**changes))
    assert (caught.value.code, caught.value.where) == (refused, where)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"kind": NetworkKind.ENTITY},
        {"kind": NetworkKind.ENTITY, "status": "drafting", "has_common_fund": False, "deed_form": "digital"},
        {"deed_form": "digital"},
        {"status": "potential", "deed_register_number": "", "signed_on": None},
        {"status": "closed", "members": (member(1, left_on=LATER), member(2, left_on=LATER))},
        {"members": (member(1), member(2), member(2, joined_on=dt.date(2010, 1, 1), left_on=dt.date(2011, 1, 1)))},
        {"start_on": DAY, "end_on": DAY},
    ],
)
def test_what_keeps_the_rules_is_accepted_as_it_is(changes: dict[str, Any]) -> None:
    """The other side of each rule, among it a firm that left and came back."""
    made = record(**changes)
    assert check(made) is made


def test_two_firms_without_a_code_are_told_apart_by_name_and_province() -> None:
    """Spelling does not make two firms of one; another province does."""
    nameless = firm(1, tax_code="", name="Alfa S.r.l.")
    again = replace(nameless, name="ALFA  s.r.l")
    with pytest.raises(CallerError, match="network-too-few-members"):
        check(record(members=(member(1, firm=nameless), member(2, firm=again))))
    check(record(members=(member(1, firm=nameless), member(2, firm=replace(again, province="BR")))))


def test_legal_effect_is_the_last_founders_registration() -> None:
    """The contract takes effect when the last of its founders is registered, and not while one is missing."""
    first, last = member(1, registered_on=DAY), member(2, registered_on=LATER)
    joined = member(3, founding=False, registered_on=None)
    assert legal_effect_on([first, last, joined]) == LATER
    assert legal_effect_on([first, member(2), joined]) is None
    assert legal_effect_on([joined]) is None


def test_tax_codes_are_checked_by_their_digits() -> None:
    """Company and personal codes in normal form pass, a wrong digit does not, none is none."""
    assert check_tax_code(f" {code(1)} ") == code(1)
    assert check_tax_code(PERSON_CODE.lower()) == PERSON_CODE
    assert check_tax_code("") == ""
    wrong = code(1)[:-1] + str((int(code(1)[-1]) + 1) % 10)
    for bad in (wrong, PERSON_CODE[:-1] + "0", "123", "9" * 17):
        with pytest.raises(CallerError, match="tax-code-bad"):
            check_tax_code(bad)


def test_keys_follow_the_deed_and_before_it_the_name() -> None:
    """A network is recognised by its deed; one without by its folded name."""
    assert record().import_key == "15829/77/2013-03-15"
    before = record(status="potential", deed_register_number="", name="Rete  dell'Ulìvo")
    assert before.register_id is None
    assert before.import_key == before.name_key == "name:rete dell ulivo"
    assert record(signed_on=None).register_id is None


def test_the_digest_tells_a_change_from_another_order() -> None:
    """Every field counts; the order in which firms and people are listed does not."""
    made = record()
    assert made.digest() == replace(made, members=made.members[::-1], contacts=made.contacts[::-1]).digest()
    changed = [
        {"programme": "altro"},
        {"initial_fund": Decimal("10000.01")},
        {"needs": made.offers, "offers": made.needs},
        {"contacts": (ContactRecord("altra persona"),)},
        {"members": (replace(made.members[0], contribution=None), made.members[1])},
        {"members": (made.members[0], replace(made.members[1], firm=firm(2, rea="LE-9")))},
        {"objectives": made.objectives[::-1]},
    ]
    digests = {replace(made, **change).digest() for change in changed}
    assert len(digests) == len(changed)
    assert made.digest() not in digests


def test_the_public_list_gives_a_record_that_keeps_the_rules() -> None:
    """A listed contract, and a listed entity with what the law says it has."""
    entities = [listed_entity(), listed_entity(code=code(2), firm="ALTRA")]
    nowhere = [listed(place="", deed="9"), listed(place="", deed="9", code=code(2), firm="ALTRA")]
    found = read(*pair(), *nowhere, entities=entities)
    contract, unplaced, entity = (check(from_register(network)) for network in found.networks)
    assert (contract.status, contract.signed_on, contract.has_common_fund) == ("registered", DAY, False)
    assert [m.is_reference for m in contract.members] == [True, False]
    assert (entity.has_common_fund, entity.has_common_body, entity.seat_municipality) == (True, True, "Lecce")
    assert unplaced.register_id == "15829/9/2013-03-15"


def test_a_listed_code_that_is_no_tax_code_counts_by_name() -> None:
    """Of twelve to fifteen characters or of few: the firm is kept by its name, and one listed twice so is one member."""
    rows = [
        listed(code="12345", firm="ALFA S.R.L.", lead="S"),
        listed(code="9" * 13, firm="ALFA  S.R.L."),
        listed(code=code(2), firm="BETA S.R.L."),
    ]
    found = read(*rows)
    assert [p.code for p in found.problems] == ["tax-code-odd"] * 2
    made = check(from_register(found.networks[0]))
    assert [(m.firm.tax_code, m.is_reference) for m in made.members] == [("", True), (code(2), False)]


def test_every_word_of_a_record_has_its_titles() -> None:
    """What the database may hold, a screen can say, in both languages."""
    for titles, keys in (
        (vocabulary.NETWORK_STATUSES, STATUSES),
        (vocabulary.NETWORK_PURPOSES, PURPOSES),
        (vocabulary.DEED_FORMS, ("public", "authenticated", "digital")),
        (vocabulary.QUALITIES, EXTRAS),
    ):
        assert tuple(titles) == keys
        assert all(all(words) for words in titles.values())
