"""The likeness of texts: what a text tells of its own network, and what it does not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.domain.likeness import Likeness, attack, best, crowd
from tests.size import size

OBJECTS = {
    "olio": "Promozione congiunta di olio extravergine di oliva con un marchio comune e attività di marketing.",
    "pane": "Integrazione della filiera di prodotti da forno, dalla materia prima alla trasformazione.",
    "mobili": "Gestione comune della logistica e dei trasporti per arredi su misura.",
    "viti": "Formazione comune del personale addetto alla minuteria metallica e scambio di risorse umane.",
    "web": "Sviluppo congiunto di tecnologie digitali applicate a piattaforme gestionali.",
    "case": "Partecipazione congiunta a gare d'appalto per ristrutturazioni di edifici storici.",
    "moda": "Le imprese uniscono comunicazione e pubblicità per la vendita di maglieria.",
    "vino": "Export comune di vini rossi da vitigni autoctoni: partecipazione a fiere estere.",
}
WORDS = st.text(alphabet="aeionrtls ", max_size=60)


def test_a_text_resembles_itself_and_nothing_else_more() -> None:
    """Every object is at 1 from itself, in whatever case, and below that from the others."""
    likeness = Likeness(list(OBJECTS.values()))
    for at, text in enumerate(OBJECTS.values()):
        scores = likeness.scores(text.upper())
        assert scores[at] == pytest.approx(1.0)
        assert best(scores) == [at]
        assert max(score for other, score in enumerate(scores) if other != at) < 0.5


def test_a_near_copy_is_found_and_an_unrelated_text_is_not() -> None:
    """Six words in ten of the object give the network away; a text about something else, or about nothing, does not."""
    copy = attack("promozione di olio extravergine di oliva con marchio e marketing", OBJECTS, "olio", 5)
    assert (copy.rank, copy.found) == (1, True)
    for text in ("Cerchiamo un magazzino refrigerato vicino al porto", "", "  \u200b ", "12345 +++"):
        assert not attack(text, OBJECTS, "olio", 5).found


def test_a_copy_among_other_sentences_is_still_found() -> None:
    """Dilution lowers the likeness, not the share of the object that is repeated."""
    around = (
        "Cerchiamo un magazzino refrigerato vicino al porto, con banchine coperte e personale per il carico notturno. "
        * 3
    )
    diluted = attack(around + OBJECTS["olio"].removesuffix("attività di marketing."), OBJECTS, "olio", 5)
    assert diluted.copied > 0.6
    assert diluted.found
    assert not attack(around, OBJECTS, "olio", 5).found


def test_objects_that_are_alike_hide_each_other() -> None:
    """Where a crowd has the same object, its copy finds nobody; where too few have it, it finds them."""
    same = {**OBJECTS, "olio2": OBJECTS["olio"], "olio3": OBJECTS["olio"]}
    hidden = attack(OBJECTS["olio"], same, "olio", 5)
    assert hidden.rank == 3
    assert hidden.margin == pytest.approx(0.0)
    assert hidden.found, "three in a copy's crowd are fewer than k"
    crowded = {**same, "olio4": OBJECTS["olio"], "olio5": OBJECTS["olio"]}
    assert not attack(OBJECTS["olio"], crowded, "olio", 5).found
    alike = dict.fromkeys("abcdefgh", OBJECTS["pane"])
    assert not attack(OBJECTS["pane"], alike, "d", 5).found


def test_a_text_that_resembles_others_more_finds_them_instead() -> None:
    """The attack's guess is the best score, be it wrong: the margin is negative, the rank tells how many come before."""
    found = attack(OBJECTS["vino"], OBJECTS, "pane", 5)
    assert not found.found
    assert found.rank > 1


def test_a_block_too_small_for_a_crowd_is_found_by_its_own_words_only() -> None:
    """With two objects no crowd is possible: what resembles the own one is refused, what resembles nothing is not."""
    two = {name: OBJECTS[name] for name in ("olio", "pane")}
    assert attack(OBJECTS["olio"], two, "olio", 5).found
    assert not attack("", two, "olio", 5).found
    with pytest.raises(KeyError):
        attack("olio", two, "vino", 5)


def test_the_crowd_keeps_a_guess_at_two_in_k() -> None:
    """One in crowd(k) is never more than 2/k, and a crowd is never one alone."""
    for k in range(2, 40):
        assert 1 / crowd(k) <= max(2 / k, 0.5)
        assert crowd(k) >= 2
    assert crowd(5) == 3


@settings(max_examples=size(40, 150), deadline=None)
@given(texts=st.lists(WORDS, min_size=1, max_size=8), asked=WORDS)
def test_scores_are_cosines(texts: list[str], asked: str) -> None:
    """Between 0 and 1, one per text, the same for equal texts, 1 for the text itself unless it is empty."""
    scores = Likeness([*texts, asked]).scores(asked)
    assert len(scores) == len(texts) + 1
    assert all(0 <= score <= 1 + 1e-9 for score in scores)
    assert scores[-1] == pytest.approx(1.0 if asked.strip() else 0.0)
    for text, score in zip(texts, scores, strict=False):
        if text.split() == asked.split():
            assert score == pytest.approx(scores[-1])


def test_best_names_all_who_share_the_best_score() -> None:
    """Ties are all named; where nothing scores nobody is."""
    assert best([0.2, 0.5, 0.5]) == [1, 2]
    assert best([0.0, 0.0]) == []
    assert best([]) == []
