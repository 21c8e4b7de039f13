"""A course as an officer fills it in: read and written back, each mistake at its field."""

from __future__ import annotations

import pytest

from node.domain.programme import course_form

GOOD = {"titolo": " Reti d'impresa ", "titolo_en": "Business networks", "sintesi": "Tre incontri.\r\nGratuito.", "come": "Dal proprio ufficio.", "ruoli": "Notaio | Notary\n\nFunzionario"}  # fmt: skip


def test_a_course_is_read_and_written_back() -> None:
    """Trimmed, regions once and in order, roles in the languages they have."""
    reading = course_form.read(GOOD, ["ITF4", "ITC1", "ITF4"])
    assert reading.wrong == ()
    texts = reading.texts
    assert texts is not None
    assert texts.title == {"it": "Reti d'impresa", "en": "Business networks"}
    assert texts.summary == {"it": "Tre incontri.\nGratuito."}
    assert texts.regions == ("ITC1", "ITF4")
    assert texts.roles == ({"it": "Notaio", "en": "Notary"}, {"it": "Funzionario"})
    fields = course_form.fields_of(texts)
    assert set(fields) == set(course_form.NAMES)
    assert course_form.read(fields, texts.regions).texts == texts


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"titolo": " "}, "titolo", "course-field-empty"),
        ({"titolo": "a" * 201}, "titolo", "course-text-long"),
        ({"sintesi_en": "see www.example.org"}, "sintesi_en", "course-link"),
        ({"come": "<b>"}, "come", "course-link"),
        ({"ruoli": "| Notary"}, "ruoli", "course-field-empty"),
        ({"ruoli": "a" * 201}, "ruoli", "course-text-long"),
        ({"ruoli": "x\n" * 41}, "ruoli", "course-roles-many"),
    ],
)
def test_each_mistake_stands_at_its_field(change: dict[str, str], field: str, code: str) -> None:
    """And nothing is made of the rest."""
    reading = course_form.read(GOOD | change, [])
    assert reading.texts is None
    assert [(name, error.code) for name, error in reading.wrong] == [(field, code)]
