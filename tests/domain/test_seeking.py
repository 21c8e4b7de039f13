"""A subject is found in the forms in which people write it, whole and nowhere else, and masked exactly there."""

from __future__ import annotations

import random
import unicodedata

import pytest

from node.domain.folding import fold
from node.domain.seeking import MASK, Seeker, _squeezed, code_of, person_in
from tests.networks_made import PERSON_CODE, code

PERSON = "Zefirina Quarantotti"


def seek(*names: str, codes: tuple[str, ...] = (PERSON_CODE,), others: tuple[str, ...] = ()) -> Seeker:
    """What finds a person."""
    return Seeker(codes, names, others)


@pytest.mark.parametrize(
    "text",
    [
        "QUARANTOTTI ZEFIRINA", "Quarantotti, Zefirina", "CI_Zefirina_Quarantotti.pdf", "Zefirina-Quarantotti", "Zefirina.Quarantotti",
        "Zefirina\u00a0Quarantotti", "Zefirina\nQuarantotti", "la «Zefirina  Quarantotti»,", "zefirina.quarantotti@pec.it",
        "zefirinaquarantotti80@example.org", "info@quarantottizefirina.it", "Zefi\u200brina Quarantotti", "Zеfirina Quarantotti",
        PERSON_CODE.lower(), " ".join(PERSON_CODE), "-".join(PERSON_CODE.lower()), f"CF:{PERSON_CODE}", f"cf{PERSON_CODE}",
    ],
)  # fmt: skip
def test_a_person_is_found_however_written(text: str) -> None:
    """In any order and case, with any sign between, in addresses and file names; masked, nothing of it is left."""
    seeker = seek(PERSON)
    assert seeker.in_text(text)
    masked = seeker.masked(f"prima {text} dopo")
    assert masked.startswith("prima ")
    assert masked.endswith(" dopo")
    assert MASK in masked
    assert "quarantotti" not in masked.lower()
    assert not seeker.in_text(masked)


@pytest.mark.parametrize("name", ["Niccolò D'Amico", "NICCOLO' D'AMICO", "Niccolo D’Amico", "D'Amico Niccolo\u0300"])
@pytest.mark.parametrize("text", ["Niccolò D'Amico", "NICCOLO' D'AMICO", "niccolo damico", "D`Amico, Niccolò", "Niccolo\u0300 D'Ami\u0301co"])  # fmt: skip
def test_accents_and_apostrophes_are_nothing(name: str, text: str) -> None:
    """Whichever way the name is known and whichever way it is written."""
    assert seek(name).masked(text).replace("'", "") == MASK


@pytest.mark.parametrize(
    "text",
    ["", "Zefirina Quarantottini", "azefirina quarantotti", "Zefirina", "Quarantotti", "zefirinaquarantotti", "il lavoro comune", "Z. Quarantotti",
     PERSON_CODE[:-1], f"{code(1)}3", f"3{code(1)}", "\x00\ud800"],
)  # fmt: skip
def test_what_only_looks_like_it_is_left_alone(text: str) -> None:
    """Parts of words and of names, a common word among others, numbers inside longer ones."""
    seeker = seek(PERSON, "LAVORO", "Rosa Maria", codes=(PERSON_CODE, code(1)))
    assert not seeker.in_text(text)
    assert seeker.masked(text) == text
    assert not seeker.in_text("Rosario Maria")


def test_firms_are_found_by_their_legal_form_however_written() -> None:
    """Signs inside, legal form with and without points; a name of one word only where it stands alone."""
    seeker = seek("Forno (del) Corso S.r.l.", "LAVORO", 'ROSSI MARIO "PINO"', codes=(code(1),))
    for text in ("fornito dal FORNO  (del)\nCorso S.r.l., di Lecce", "Forno del Corso SRL", " lavoro ", 'con Rossi Mario "Pino"', f"P.IVA{code(1)}.", f"IT {code(1)}"):  # fmt: skip
        assert seeker.in_text(text), text
    for text in ("forno del corso", "Forno (del) Corso S.r.lx", "Rossi Mario"):
        assert not seeker.in_text(text), text
    assert not seek(MASK, "cancellato").in_text(MASK)


def test_a_longer_name_of_another_firm_is_not_the_subject() -> None:
    """Where the other's whole name stands, it is the other who is meant."""
    seeker = seek("EDIL CASA", others=("EDIL CASA SALENTO S.R.L.", "EDIL CASA"))
    assert seeker.masked("Edil Casa Salento srl e Edil Casa") == f"Edil Casa Salento srl e {MASK}"


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "latin-1", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("said", ["D'AMICO NICCOLÒ", PERSON_CODE.lower(), " ".join(PERSON_CODE)])
def test_bytes_are_read_in_every_encoding(coding: str, said: str) -> None:
    """Also from an odd place, and inside what is no text."""
    seeker = seek("Niccolò D'Amico")
    data = f"nota: {said}; fine".encode(coding)
    assert seeker.in_bytes(data)
    if "16" not in coding or said.isascii():
        assert seeker.in_bytes(b"%PDF\xff\xfe\x9c " + data + b" \x81\xff")
    assert not seeker.in_bytes(f"nota: {PERSON}".encode(coding))


def test_values_are_read_as_what_they_stand_for() -> None:
    """Strings with their escapes read, numbers, keys; a name does not run from one string into the next. Pages by their letters' names."""
    seeker = seek("Niccolò D'Amico", codes=("12345678903",))
    for value in (["D'Amico\nNiccolò"], {"a": [{"b": 12345678903}]}, {"12345678903": None}):
        assert seeker.in_value(value)
    for value in (["Niccolò", "D'Amico"], {"a": True, "b": 1.5, "c": None}, 3):
        assert not seeker.in_value(value)
    assert seeker.in_bytes(b"<p>Niccol&ograve; D&#39;Amico</p>")


def test_no_bytes_make_it_fail() -> None:
    """Whatever is kept is read through."""
    seeker, draw = seek(PERSON), random.Random(1)
    for size in (0, 1, 2, 3, 1000):
        assert not seeker.in_bytes(draw.randbytes(size))
    for data in (b"\xff\xfe", b"\x00", b'{"a":"\x00"}', b"\xed\xa0\x80", b"\xff\xfe\x00\xd8"):
        assert not seeker.in_bytes(data)


@pytest.mark.many
def test_long_texts_are_read_piece_by_piece() -> None:
    """A name that stands where two pieces meet is found."""
    seeker = seek(PERSON)
    for at in ((1 << 20) - 5, (1 << 20) + 3, 3 << 20):
        before = ("insieme " * (at // 8 + 1))[: at - 1]
        assert seeker.in_text(f"{before} {PERSON} y")
    assert not seeker.in_text("zefirina " * 300_000)


@pytest.mark.many
def test_the_quick_look_misses_nothing() -> None:
    """Of every character there is, what is looked at first holds the letters and digits that are compared then.

    Of the numbers that are no character (they are all alike: no name, no case, no other form) every hundredth.
    """
    for at in range(0x110000):
        if at % 100 and unicodedata.category(chr(at)) in ("Cn", "Co", "Cs"):
            continue
        told = f"a{chr(at)}b"
        assert _squeezed(told) == fold(told).replace(" ", "").encode("ascii", "ignore"), hex(at)


@pytest.mark.parametrize(
    ("name", "person_code", "person"),
    [
        ("BAR SPORT DI QUARANTOTTI ZEFIRINA", "QRNZRN80A41E506Z", "quarantotti zefirina"),
        ("Zefirina Quarantotti & figli", "QRNZRN80A41E506Z", "zefirina quarantotti"),
        ('ROSSI MARIO "PINO"', "RSSMRA80A01E506X", "rossi mario"),
        ("Officina De Luca Gianfranco", "DLCGFR80A01E506X", "de luca gianfranco"),
        ("Fo Io sartoria", "FOXIOX80A01E506X", "fo io"),
        ("BAR SPORT", "QRNZRN80A41E506Z", None),
        ("Rossi Mario", code(1), None),
        ("", "QRNZRN80A41E506Z", None),
    ],
)  # fmt: skip
def test_a_sole_traders_own_name_is_known_by_the_tax_code(name: str, person_code: str, person: str | None) -> None:
    """Three letters of the surname and three of the given name tell it from the words around."""
    assert person_in(name, person_code) == person


def test_codes_lose_their_signs() -> None:
    """As they are kept."""
    assert code_of(" it 012.345-678/97") == "IT01234567897"


def test_in_json_what_is_of_the_subject_is_blanked_and_the_rest_is_masked() -> None:
    """An object within that names it loses its telephone as well; texts at the top keep their other words; numbers and others stay."""
    seeker = Seeker(["QRNZRN80A41E506Z"], ["Zefirina Quarantotti"])
    told = {
        "text": "Scrive Zefirina Quarantotti per tutti", "size": 3, "gone": None,
        "contact": {"person": "Quarantotti Zefirina", "phone": "0832 7654321", "more": ["x", {"of": "y"}]},
        "members": [{"name": "ZEFIRINA QUARANTOTTI", "municipality": "Lecce"}, {"name": "Altra", "municipality": "Lecce"}],
        "codes": ["qrnzrn80a41e506z", "altro"],
    }  # fmt: skip
    assert seeker.forgotten(told) == {
        "text": f"Scrive {MASK} per tutti", "size": 3, "gone": None,
        "contact": {"person": MASK, "phone": "", "more": ["x", {"of": "y"}]},
        "members": [{"name": MASK, "municipality": ""}, {"name": "Altra", "municipality": "Lecce"}],
        "codes": [MASK, "altro"],
    }  # fmt: skip
    assert seeker.forgotten({"text": "Rosa", "contact": {"person": "Rosa"}}) == {
        "text": "Rosa",
        "contact": {"person": "Rosa"},
    }
