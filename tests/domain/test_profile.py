"""The profile: an allow-list, built new; what an officer may write, and nothing else."""

from __future__ import annotations

import datetime as dt
import functools
import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain import profile, rounds, vocabulary
from node.domain.partition import Partition
from node.domain.partition_form import Block, Label
from node.errors import CallerError
from node.protocol import canonical
from node.store import schemas
from tests.domain.test_partition import SECTORS, built
from tests.national_made import national

CONTENT: dict[str, Any] = {
    "purpose": "request",
    "title": "Distributori per prodotti da forno",
    "summary": {"it": "Cerchiamo distributori.", "en": "We look for distributors."},
    "description": "Prima riga.\nSeconda riga.",
    "themes": ["innovation"],
    "capabilities": ["production"],
    "needs": [{"category": "distribution", "text": "distributori di pane"}, {"category": "finance"}],
    "offers": [],
    "partner": {"role": "distributor", "territory": "ITC1"},
    "target_countries": ["AL", "RS"],
    "languages": ["en"],
    "certifications": ["iso_9001"],
    "deadline": "2027-02-03",
}
PROFILE_ID = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
DAY = dt.date(2026, 11, 23)


@functools.cache
def puglia() -> tuple[Partition, Block]:
    """The region's partition, and the block of a network of Lecce."""
    made = built(national(), scope=("ITF4",))
    return made, made.lookup(next(row for row in national() if row.province == "LE"), SECTORS)


def body(**changes: Any) -> dict[str, Any]:
    """What would leave."""
    content = profile.parse_content({**CONTENT, **changes})
    made, block = puglia()
    return profile.build_body(
        profile_id=PROFILE_ID, owner="p_LE", round_day=DAY, block=block, partition=made, content=content
    )


def validator() -> jsonschema.Draft202012Validator:
    """The published schema."""
    return jsonschema.Draft202012Validator(
        json.loads(schemas.folder().joinpath("profile.v1.json").read_text(encoding="utf-8"))
    )


def test_what_leaves_keeps_the_published_schema() -> None:
    """Both validators accept it, it is canonical, and it fits the wire."""
    made = body()
    assert validator().is_valid(made)
    assert schemas.validators()["profile/1"].is_valid(made)
    assert canonical.parse(canonical.dumps(made), max_bytes=65_536) == made


def test_every_national_block_makes_a_valid_profile() -> None:
    """Whatever labels a partition gives, the schema knows them."""
    for scope in ((), ("LE",), ("TO",), ("ITI4",)):
        made = built(national(), scope=scope)
        content = profile.parse_content(CONTENT)
        for block in made.blocks:
            document = profile.build_body(
                profile_id=PROFILE_ID, owner="p_LE", round_day=DAY, block=block, partition=made, content=content
            )
            assert schemas.validators()["profile/1"].is_valid(document)


def test_the_profile_says_only_what_is_listed() -> None:
    """The keys are exactly the schema's; labels are the block's; dates are month ends."""
    made = body()
    assert set(made) <= set(json.loads(schemas.folder().joinpath("profile.v1.json").read_text("utf-8"))["properties"])
    assert made["labels"] == profile.labels_dict(puglia()[1])
    assert (made["deadline"], made["valid_until"]) == ("2027-02-28", "2027-11-30")
    assert made["round"] == (DAY - dt.date(1970, 1, 1)).days
    assert "deadline" not in body(deadline=None)
    assert "description" not in body(description="")


def test_content_reads_back() -> None:
    """What is stored of a draft is what was parsed."""
    parsed = profile.parse_content(CONTENT)
    assert profile.parse_content(parsed.to_dict()) == parsed
    assert [place for place, _ in parsed.texts()] == [
        "title.it", "summary.it", "summary.en", "description.it", "needs.1.it",
    ]  # fmt: skip


@given(st.dictionaries(st.text(min_size=1, max_size=12), st.text(max_size=12), min_size=1, max_size=3))
def test_unknown_private_fields_never_enter(extra: dict[str, str]) -> None:
    """A field that is not on the list is refused, whatever it is called."""
    unknown = {key: value for key, value in extra.items() if key not in profile.CONTENT_KEYS}
    if not unknown:
        return
    with pytest.raises(CallerError) as caught:
        profile.parse_content({**CONTENT, **unknown})
    assert caught.value.code == "profile-field-unknown"


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"title": ""}, "title"), ({"title": None}, "title"), ({"title": "x" * 151}, "title"), ({"title": {"en": "only"}}, "title"),
        ({"title": {"fr": "x", "it": "y"}}, "title"), ({"title": 5}, "title"), ({"title": "\ud800"}, "title"), ({"summary": "x" * 501}, "summary"),
        ({"description": "x" * 4001}, "description"), ({"themes": ["nope"]}, "themes"), ({"themes": "innovation"}, "themes"),
        ({"capabilities": list(vocabulary.CAPABILITIES)[:6]}, "capabilities"), ({"needs": [{"category": "nope"}]}, "needs.1"),
        ({"needs": [{"category": "finance", "x": 1}]}, "needs.1"), ({"needs": [{}] * 6}, "needs"), ({"needs": "finance"}, "needs"),
        ({"partner": {"role": "nope"}}, "partner.role"), ({"partner": {"who": "x"}}, "partner"), ({"partner": {"sector": "10;drop"}}, "partner.sector"),
        ({"target_countries": ["al"]}, "target_countries"), ({"languages": ["EN"]}, "languages"), ({"certifications": ["x"]}, "certifications"),
        ({"deadline": "03/02/2027"}, "deadline"), ({"purpose": "sell"}, "purpose"), ({"purpose": 1}, "purpose"),
    ],
)  # fmt: skip
def test_wrong_fields_are_refused_by_name(changes: dict[str, Any], where: str) -> None:
    """Length, language, vocabulary and date are checked, and the error says where."""
    with pytest.raises(CallerError) as caught:
        profile.parse_content({**CONTENT, **changes})
    assert (caught.value.code, caught.value.where) == ("profile-field-bad", where)


def test_texts_are_cleaned() -> None:
    """Control characters, double spaces and loose accents are put right before anything is checked or hashed."""
    parsed = profile.parse_content({**CONTENT, "title": "  Perche\u0301\t  no\x00? ", "description": "a \r\n  b"})
    assert parsed.title["it"] == "Perché no ?"
    assert parsed.description["it"] == "a\nb"


@pytest.mark.parametrize(
    ("changes", "accepted"),
    [
        ({}, True), ({"name": "Rete Segreta"}, False), ({"id": PROFILE_ID + "\n"}, False), ({"owner": "p_LE\n"}, False), ({"round": 1.5}, False),
        ({"round": True}, False), ({"kind": "x"}, False), ({"title": {"it": ""}}, False), ({"valid_until": "2027-11-30\n"}, False),
        ({"valid_until": "2027-11-03"}, False), ({"themes": ["x"]}, False), ({"target_countries": ["AL\n"]}, False),
        ({"labels": {}}, False), ({"partition": {"version": 0, "digest": "0" * 64}}, False),
    ],
)  # fmt: skip
def test_both_validators_agree_on_what_a_profile_is(changes: dict[str, Any], accepted: bool) -> None:
    """The fast validator and the standard one say the same, also of trailing newlines and booleans for numbers."""
    document = {**body(), **changes}
    assert validator().is_valid(document) is accepted
    assert schemas.validators()["profile/1"].is_valid(document) is accepted


def test_sentences_say_how_hidden_a_profile_is() -> None:
    """With a red hit the sentence says that the text gives the network away."""
    assert "correggere" in profile.sentence(1)
    assert "correggere" not in profile.sentence(0)


@pytest.mark.parametrize(
    ("day", "period", "first", "following"),
    [
        (dt.date(2026, 11, 24), "weekly", dt.date(2026, 11, 23), dt.date(2026, 11, 30)),
        (dt.date(2026, 11, 24), "daily", dt.date(2026, 11, 24), dt.date(2026, 11, 25)),
        (dt.date(2026, 12, 31), "monthly", dt.date(2026, 12, 1), dt.date(2027, 1, 1)),
        (dt.date(2026, 11, 24), "immediate", dt.date(2026, 11, 24), dt.date(2026, 11, 24)),
    ],
)
def test_rounds_begin_on_their_day(day: dt.date, period: str, first: dt.date, following: dt.date) -> None:
    """Weeks on Monday, months on the first; an immediate round is the day itself."""
    assert rounds.round_day(day, period) == first
    assert rounds.next_round(day, period) == following


@pytest.mark.parametrize(
    ("block", "withheld"),
    [
        ([], ()),
        ([(("energy",), ("iso_9001",))], ()),
        ([(("energy",), ("iso_9001",)), (("energy", "works"), ("emas",))], ("themes",)),
        ([(("energy",), ("iso_9001", "soa")), (("works",), ("iso_9001",))], ("certifications",)),
        ([(("energy",), ("soa",)), (("energy",), ("soa",)), (("energy",), ("soa",))], ("themes", "certifications")),
        ([(("energy",), ("soa",)), (("energy",), ("soa",)), ((), ())], ()),
        ([((), ()), ((), ())], ()),
    ],
)
def test_a_class_that_a_whole_block_shares_is_withheld(block: list[Any], withheld: tuple[str, ...]) -> None:
    """From two profiles on; one that does not show it is enough to show it; saying nothing is no class."""
    shown = [{"themes": themes, "certifications": certifications} for themes, certifications in block]
    assert profile.shared_by_all(shown) == withheld
    content = profile.parse_content(CONTENT).without(withheld)
    assert content.classes() == {
        "themes": () if "themes" in withheld else ("innovation",),
        "certifications": () if "certifications" in withheld else ("iso_9001",),
    }


def test_maturity_is_a_matter_of_the_label() -> None:
    """One class for all years of the label, or none."""
    day = dt.date(2026, 11, 23)
    assert rounds.maturity(Label("Y1", ("2013",)), day) == "gt5"
    assert rounds.maturity(Label("Y3", ("2022", "2023", "2024")), day) == "2to5"
    assert rounds.maturity(Label("Y1", ("2026",)), day) == "lt2"
    assert rounds.maturity(Label("Y5", ("2018", "2022")), day) == "any"
    assert rounds.maturity(Label("*", ()), day) == "any"


def test_vocabularies_have_titles_in_both_languages() -> None:
    """Every key has an Italian and an English title; unknown keys are shown as they are."""
    for voc in (
        vocabulary.CAPABILITIES,
        vocabulary.CATEGORIES,
        vocabulary.ROLES,
        vocabulary.CERTIFICATIONS,
        vocabulary.PURPOSES,
    ):
        assert all(vocabulary.title(voc, key) and vocabulary.title(voc, key, "en") for key in voc)
    assert vocabulary.title(vocabulary.ROLES, "novel") == "novel"
