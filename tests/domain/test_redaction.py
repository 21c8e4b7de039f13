"""The text gate: what names somebody is found however it is written, and honest texts pass."""

from __future__ import annotations

import pytest

from node.domain.folding import fold
from node.domain.generation.texts import SECTOR_WORDS
from node.domain.redaction.dictionary import Dictionary, Term
from node.domain.redaction.gate import scan
from node.domain.redaction.hits import AMBER, RED, suggest

KNOWN = Dictionary.build(
    [
        Term("firm", "Metalsud Costruzioni S.r.l."),
        Term("firm", "ROSSI S.N.C."),
        Term("firm", "Gea S.p.A."),
        Term("person", "Adele Maria Quercetti"),
        Term("network", "Rete Olio del Levante"),
        Term("contact", "quercetti-olio.example"),
    ]
)


def found(text: str) -> list[tuple[str, str]]:
    """(text, severity) of every hit."""
    return [(text[hit.start : hit.end], hit.severity) for hit in scan(text, KNOWN)]


@pytest.mark.parametrize(
    "named",
    [
        "Metalsud Costruzioni", "METALSUD COSTRUZIONI SRL", "metal-sud costruzioni", "M e t a l s u d  c o s t r u z i o n i", "Métalsud Costruzioni",
        "Metal\u200bsud Costruzioni", "ｍｅｔａｌｓｕｄ costruzioni", "Rossi S.n.c.", "Gea S.p.A.", "Adele Maria Quercetti", "Quercetti Adele Maria",
        "Maria Quercetti Adele", "rete olio del levante", "quercetti-olio.example",
    ],
)  # fmt: skip
def test_private_names_are_red_in_every_spelling(named: str) -> None:
    """Case, accents, hyphens, spaces, zero-width and wide characters, word order: still found, whole."""
    text = f"La produzione di {named} è nota in zona"
    hits = scan(text, KNOWN)
    assert any(hit.severity == RED for hit in hits)
    left = fold(suggest(text, [hit for hit in hits if hit.severity == RED]))
    assert fold(named) not in left


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("scrivere a info@esempio.it", "contact"), ("info (at) esempio punto it", "contact"), ("info chiocciola esempio.it", "contact"),
        ("vedi www.esempio.com/pagina", "contact"), ("sito esempio.it", "contact"), ("tel. 0832 123456", "contact"), ("+39 333 1234567", "contact"),
        ("P.IVA 00743110157", "code"), ("IT 00743110157", "code"), ("007 431 101 57", "code"), ("RSSMRA80A01H501U", "code"),
        ("IBAN IT60X0542811101000000123456", "code"), ("REA LE-123456", "code"), ("iscritta LE - 123456", "code"), ("Rep. n. 15829", "code"),
        ("repertorio 15829", "code"), ("CUP B12F11000370004", "code"), ("CIG 1234567ABC", "code"), ("in via Roma 12", "place"),
        ("viale della Repubblica, 5", "place"), ("zona industriale 3", "place"), ("piazza Sant'Oronzo", "place"), ("40.3529, 18.1743", "place"),
        ("la ditta Alfa Beta S.r.l. fornisce", "firm"), ("il dott. Verdi coordina", "person"), ("Sig.ra Bianchi", "person"),
    ],
)  # fmt: skip
def test_identifiers_are_found_by_pattern(text: str, kind: str) -> None:
    """Contacts, codes with right check digits, addresses, legal forms and titles are red without any dictionary."""
    hits = scan(text, Dictionary.build([]))
    assert kind in {hit.kind for hit in hits if hit.severity == RED}


@pytest.mark.parametrize(
    "text",
    [
        "Cerchiamo partner per l'export di olio extravergine in Albania e Tunisia.",
        "Capacità di 12.000 pezzi all'anno, 20 addetti, certificazione ISO 9001 dal 2015.",
        "Lavorazioni di precisione con tolleranze di 0,01 mm su 5 assi.",
        "Offriamo logistica condivisa; valore 1.250.000 euro.",
        "geamento e rossiccio non sono nomi",
        "",
    ],
)
def test_honest_texts_pass(text: str) -> None:
    """Quantities, years, norms and countries are no identifiers; neither are words that only begin like a name."""
    assert found(text) == []


def test_the_demo_vocabulary_passes() -> None:
    """What the generated needs and offers are made of is never red."""
    for products, ways, customers in SECTOR_WORDS.values():
        for phrase in (*products, *ways, *customers):
            assert not [hit for hit in scan(f"Offriamo {phrase} di qualità", KNOWN) if hit.severity == RED]


def test_capitalised_leftovers_are_amber() -> None:
    """A proper name nobody registered is doubtful, not forbidden; a postal code too."""
    assert found("produciamo con Zambrella Fratelli da anni") == [("Zambrella Fratelli", AMBER)]
    assert ("73100", AMBER) in [(text.strip(), severity) for text, severity in found("consegne a 73100 Lecce")]
    assert found("presenti in Italia e Francia") == []


def test_offsets_are_those_of_the_text_as_given() -> None:
    """Folding and undoing disguises never shift a mark."""
    text = "Perché scrivere\u200b a info (at) esempio punto it? La Metal-Sud costruzioni non c'entra."
    hits = [text[hit.start : hit.end] for hit in scan(text, KNOWN)]
    assert hits == ["info (at) esempio punto it", "Metal-Sud costruzioni"]
    assert suggest(text, scan(text, KNOWN)).count("[") == 2


def test_overlapping_hits_are_reported_once() -> None:
    """The longer of two overlapping hits stands for both."""
    hits = scan("Metalsud Costruzioni S.r.l. produce", KNOWN)
    assert len(hits) == 1
    assert hits[0].severity == RED


def test_an_empty_dictionary_finds_no_names() -> None:
    """Without private terms only patterns speak; terms too short to tell are left out."""
    assert scan("la parola gea qui", Dictionary.build([Term("firm", "a"), Term("code", "123456")])) == ()
