"""The attack on texts, on a generated national register that no threshold was chosen on."""

from __future__ import annotations

import functools
import random

import pytest

from tests.texts_made import K, Tally, mimics, try_register

# Thousands of texts: what they reach, the first dozen do.
pytestmark = pytest.mark.many
AIM_FIRST_GUESS = 2 / K
AIM_REFUSALS = 0.15


@functools.cache
def tallies() -> dict[str, Tally]:
    """A province's, a region's and the country's blocks, forty networks each."""
    return try_register(seed=23, sample=40, scopes=(("LE",), ("ITF4",), ("IT",)))


def of(kind: str) -> Tally:
    """All texts whose kind begins so."""
    found = Tally()
    for name, tally in tallies().items():
        if name.startswith(kind):
            for field in vars(tally):
                setattr(found, field, getattr(found, field) + getattr(tally, field))
    return found


def test_texts_that_mimic_their_object_are_all_refused() -> None:
    """Six words in ten of the public object, dropped, shuffled, replaced or among other sentences: never approved."""
    mimicked = of("mimic")
    assert mimicked.tried >= 400
    assert mimicked.refused == mimicked.tried


@pytest.mark.parametrize("hand", ["worded", "spoken"])
def test_honest_needs_and_offers_pass(hand: str) -> None:
    """At least 85 in 100, by either hand; and the attack was worth something, or the test would show nothing."""
    honest = of(f"honest, {hand}")
    assert honest.tried >= 200
    assert honest.refusals <= AIM_REFUSALS
    assert honest.refused > 0


def test_what_passes_does_not_tell_its_network() -> None:
    """The first guess is right no more than twice in k, by likeness and by shared words; a rank alone would refuse half."""
    for kind in ("honest, worded", "honest, spoken", "honest, whole"):
        passed = of(kind)
        assert passed.first_guess <= AIM_FIRST_GUESS
        assert passed.top_by_words / (passed.tried - passed.refused) <= AIM_FIRST_GUESS
        assert passed.refused_by_rank / passed.tried > 0.4
    whole = of("honest, whole")
    assert whole.refusals <= 0.2


def test_mimics_keep_six_words_in_ten() -> None:
    """The texts that are tried are what they are said to be."""
    text = " ".join(f"parola{n}" for n in range(20))
    made = mimics(text, ["altro testo qui"], "intorno", random.Random(1))
    for way in ("dropped", "shuffled", "replaced"):
        assert sum(word.startswith("parola") for word in made[way].split()) == 12
    assert len(made["replaced"].split()) == 20
