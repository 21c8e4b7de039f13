"""The text gate: what names somebody is found however it is written, and honest texts pass."""

from __future__ import annotations

import time

import pytest

from node.domain.folding import fold
from node.domain.generation.texts import SECTOR_WORDS
from node.domain.redaction.dictionary import Dictionary, Layer, Term
from node.domain.redaction.gate import scan
from node.domain.redaction.hits import AMBER, RED, Hit, settle, suggest
from node.flows.profiles.gate import common_words, town_layer

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


@pytest.mark.parametrize(
    "text",
    [
        "info@ese\u200bmpio.it",
        "еsempio.it",
        "іnfо@esempio.it",
        "ｉｎｆｏ＠ｅｓｅｍｐｉｏ．ｉｔ",
        "P.IVA 0074\u00ad3110157",
        "tel. 0832\u2011123\u2011456",
    ],
)
def test_patterns_see_what_a_reader_sees(text: str) -> None:
    """Zero-width characters, soft hyphens, other alphabets and wide forms hide an address or a number from nobody."""
    hits = [hit for hit in scan(text, Dictionary.build([])) if hit.severity == RED]
    assert len(hits) == 1
    assert hits[0].end - hits[0].start >= len(text) - 6


@pytest.mark.parametrize(
    "text",
    ["lotto 12345678901 di viti", "articolo RSSMRA80A01H501X a catalogo", "matricola GB82WEST12345698765431 del robot"],
)
def test_numbers_with_wrong_check_digits_are_no_codes(text: str) -> None:
    """Long numbers that only look like a firm's, a person's or an account's, and are not called so."""
    assert not [hit for hit in scan(text, Dictionary.build([])) if hit.kind == "code"]


@pytest.mark.parametrize(
    "text",
    ["P.IVA 12345678901", "partita iva: 123 456 789 01", "codice fiscale RSSMRA80A01H501X", "VAT no. 12345678901"],
)
def test_numbers_called_by_their_name_are_codes_whatever_their_digits(text: str) -> None:
    """A slip of the pen still leads to the firm."""
    assert [hit.severity for hit in scan(text, Dictionary.build([])) if hit.kind == "code"] == [RED]


def test_a_person_of_the_list_is_found_in_either_order_and_case() -> None:
    """Sole traders stand in the list surname first, people write them otherwise; one of two names alone is nobody."""
    known = Dictionary((Layer.of_terms([Term("person", "SANTELMI TITO")], own=False),))
    for written in ("santelmi tito", "tito santelmi", "Tito-Santelmi", "TITO SANTELMI"):
        assert [hit.kind for hit in scan(f"il forno di {written} cuoce", known) if hit.severity == RED] == ["person"]
    assert not [hit for hit in scan("il forno di santelmi cuoce", known) if hit.severity == RED]


def test_overlapping_red_hits_become_one_that_leaves_nothing_over() -> None:
    """The longer names it, both are replaced; amber beside it is dropped."""
    hits = [
        Hit(0, 10, "firm", RED, "lungo"),
        Hit(8, 14, "person", RED, "corto"),
        Hit(12, 16, "name", AMBER, "dubbio"),
        Hit(14, 18, "place", RED, "accanto"),
    ]
    assert settle(hits) == (Hit(0, 14, "firm", RED, "lungo"), Hit(14, 18, "place", RED, "accanto"))


def test_capitals_throughout_hide_names_and_are_doubtful() -> None:
    """One amber mark over the whole text; what the dictionary knows is red all the same."""
    text = "PRODUZIONE DI PANE CON ZAMBRELLA FRATELLI A CAVE DI TUFO"
    assert found(text) == [(text, AMBER)]
    assert (RED in {severity for _, severity in found("FORNITURE DELLA METALSUD COSTRUZIONI PER TUTTI")}) is True


@pytest.mark.parametrize(
    ("text", "towns"),
    [
        ("produzione di sale e contratto a vita", []),
        ("siamo nati a Sale e a Vita", ["Sale", "Vita"]),
        ("nel comune di sale", ["sale"]),
        ("spedizioni da lecce e da Nardò", ["lecce", "Nardò"]),
        ("un brindisi con i clienti di Brindisi", ["Brindisi"]),
        ("un ponte di legno su cave di tufo", []),
        ("trapani a colonna, maglie e cunei", []),
    ],
)
def test_municipalities_that_are_words_need_to_stand_as_places(text: str, towns: list[str]) -> None:
    """A capital and a preposition, or "comune di"; the other names count by themselves."""
    hits = scan(text, Dictionary((town_layer(),)))
    assert [text[hit.start : hit.end] for hit in hits if hit.kind == "place"] == towns


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("servizi di trasporti internazionali su gomma", False),
        ("la Trasporti Internazionali consegna", True),
        ("la trasporti internazionali srl consegna", True),
        ("la metalplan consegna", True),
        ("lavori di arredi su misura", False),
    ],
)
def test_names_of_common_words_need_capitals_or_their_legal_form(text: str, seen: bool) -> None:
    """What activities are called by names no firm; a telling word does, in any case."""
    terms = [Term("firm", name) for name in ("TRASPORTI INTERNAZIONALI S.R.L.", "METALPLAN S.P.A.", "ARREDI S.R.L.")]
    known = Dictionary((Layer.of_terms(terms, common_words(), own=False),))
    assert any(hit.kind == "firm" for hit in scan(text, known)) is seen


def test_no_text_is_slow() -> None:
    """Four thousand characters made to mislead the patterns take no longer than an officer notices."""
    for piece in (
        "A ",
        "1 ",
        "via ",
        "via Roma ",
        "a@",
        "Aa Bb ",
        "zero ",
        "IT60 ",
        "x.y.",
        "dott. ",
        "A.B.",
        "40.123 ",
        "a-",
        "s.r.l. ",
    ):
        begin = time.perf_counter()
        scan((piece * 4000)[:4000], KNOWN)
        assert time.perf_counter() - begin < 1.5, piece
