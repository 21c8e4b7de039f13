"""Invented firms: names, legal forms, tax codes and REA numbers that are valid in form and clearly not real.

Tax codes have right check digits but lie where none is issued: company numbers begin with 99, persons are born in the
place ``Z999``, which does not exist. Seeded: the same source gives the same firms.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from stdnum import luhn
from stdnum.it import codicefiscale

# (chamber's legal nature, how it is written after the name, weight per hundred)
LEGAL_FORMS = (
    ("SR", "S.R.L.", 52),
    ("DI", "", 13),
    ("SP", "S.P.A.", 7),
    ("SN", "S.N.C.", 9),
    ("AS", "S.A.S.", 6),
    ("SC", "SOC. COOP.", 8),
    ("RS", "S.R.L.S.", 5),
)
SOLE_TRADER = "DI"
_HEADS = [
    "NOVA",
    "IDRO",
    "METAL",
    "AGRI",
    "EDIL",
    "TECNO",
    "MECCA",
    "ELETTRO",
    "ECO",
    "BIO",
    "OLEI",
    "VINI",
    "CASA",
    "MODA",
    "ARTE",
    "LOGI",
    "TRANS",
    "FRUTTA",
    "LATTE",
    "SOLE",
    "MARE",
    "TERRA",
    "PIETRA",
    "LEGNO",
    "ACCIAIO",
    "VETRO",
    "FIORE",
    "GRANO",
    "LUCE",
    "ONDA",
    "VENTO",
    "ROCCIA",
    "PRATO",
    "BOSCO",
    "FONTE",
    "TORRE",
    "PONTE",
    "PORTO",
    "CAMPO",
    "VALLE",
]
_TAILS = [
    "LINE",
    "SUD",
    "NORD",
    "EST",
    "PLUS",
    "SYSTEM",
    "LAB",
    "GROUP",
    "SERVICE",
    "PRO",
    "NET",
    "WORK",
    "TEC",
    "MEC",
    "VAR",
    "DOR",
    "FIN",
    "GEST",
    "PLAN",
    "FOR",
    "MAX",
    "RIVA",
    "CORTE",
    "SERRA",
    "MONTE",
    "LAGO",
    "BELLA",
    "CHIARA",
    "ALTA",
    "ANTICA",
    "GRANDE",
    "FELICE",
    "DORATA",
    "GENTILE",
    "SERENA",
    "NUOVA",
]
_TRADES = [
    "IMPIANTI",
    "COSTRUZIONI",
    "ALIMENTARI",
    "TRASPORTI",
    "SERVIZI",
    "OFFICINE",
    "LAVORAZIONI",
    "FORNITURE",
    "PROGETTI",
    "ARREDI",
    "TESSUTI",
    "CANTINE",
    "FRANTOI",
    "MOLINI",
    "AGRICOLA",
    "VIAGGI",
    "SOLUZIONI",
    "ENERGIE",
    "RESTAURI",
    "INGEGNERIA",
]
_SURNAMES = [
    "ROSTELLI",
    "BRAMIERI",
    "CAVALDI",
    "DENTORI",
    "ELMIRANI",
    "FRASCOLI",
    "GHEZZARI",
    "INVERNALI",
    "LAMPRONI",
    "MARZOCCI",
    "NEVIOLI",
    "ORTOLETTI",
    "PRASSINI",
    "QUERCETTI",
    "RAVEDONI",
    "SANTELMI",
    "TORVISI",
    "UBALDRONI",
    "VENTRICI",
    "ZAMBRELLI",
    "CORDISCHI",
    "BELFIORETTI",
    "MANTOVARI",
    "SALVETRINI",
]
_NAMES = [
    "ADELE",
    "BRUNO",
    "CARLA",
    "DARIO",
    "ELENA",
    "FAUSTO",
    "GRETA",
    "IVO",
    "LINDA",
    "MARCO",
    "NORA",
    "OMAR",
    "PIA",
    "REMO",
    "SARA",
    "TITO",
    "URSULA",
    "VITO",
]
_CONSONANTS = "BCDFGLMNPRSTVZ"
_MONTHS = "ABCDEHLMPRST"


@dataclass(frozen=True, slots=True)
class InventedFirm:
    """A firm that does not exist."""

    name: str
    tax_code: str
    legal_form: str
    rea: str


def company_code(number: int) -> str:
    """Return the ``number``-th company tax code: 99 + five digits + office 888 + check digit."""
    body = f"99{number % 100_000:05d}{888 if number < 100_000 else 999}"
    return body + luhn.calc_check_digit(body)


def person_code(draw: random.Random) -> str:
    """Return the tax code of a person born in a place that does not exist."""
    letters = "".join(draw.choice(_CONSONANTS) for _ in range(6))
    day = draw.randint(1, 28) + (40 if draw.random() < 0.3 else 0)
    body = f"{letters}{draw.randint(45, 99)}{draw.choice(_MONTHS)}{day:02d}Z999"
    return body + codicefiscale.calc_check_digit(body)


def invent(draw: random.Random, number: int, sigla: str, *, sole_trader: bool | None = None) -> InventedFirm:
    """Return the ``number``-th firm, registered in a province; ``sole_trader`` says whether it is one, None leaves it to chance."""
    forms = [form for form in LEGAL_FORMS if sole_trader in (None, form[0] == SOLE_TRADER)]
    form, written, _ = draw.choices(forms, [weight for _, _, weight in forms])[0]
    rea = f"{sigla}-{100_000 + number}"
    if form == SOLE_TRADER:
        return InventedFirm(f"{draw.choice(_SURNAMES)} {draw.choice(_NAMES)}", person_code(draw), form, rea[:10])
    core = draw.choice(_HEADS) + draw.choice(_TAILS)
    name = f"{core} {draw.choice(_TRADES)} {written}" if draw.random() < 0.6 else f"{core} {written}"
    return InventedFirm(name, company_code(number), form, rea[:10])
