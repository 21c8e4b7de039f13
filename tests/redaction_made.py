r"""Makes the redaction set under tests/data/redaction: fills templates, and gives handwritten sentences valid codes.

A line of the set is a sentence with its identifiers marked, ``[kind|text]``, and ``\u`` escapes for characters that cannot
be seen. The two halves have different templates, fillers and disguises; the held half was written before the gate was
tuned and is only measured. Run once: ``python -m tests.redaction_made HAND.txt OUT.txt`` replaces ``@CODE`` marks of
handwritten lines, ``python -m tests.redaction_made tuned|held OUT.txt`` fills the templates.
"""

from __future__ import annotations

import random
import re
import sys
import unicodedata
from pathlib import Path

from stdnum import luhn
from stdnum.it import codicefiscale

from node.store.reference import load_territories

TERMS = Path(__file__).parent / "data" / "redaction" / "terms.txt"
TUNED = (
    "La {firm} produce per conto della rete; scrivere a {email}.",
    "{person} risponde al {phone}, ufficio in {address}.",
    "P. IVA {vat}, REA {rea}, sede a {town}.",
    "Il conto {iban} è intestato alla {network}.",
    "Consegne da {town} a {town}, chiamare {person} al {phone}.",
    "Atto {deed}, codice fiscale {taxcode}.",
    "Informazioni su {url} o presso {firmform}.",
    "Gara {cig}, progetto {cup}, capofila {firm}.",
    "Contact {person} ({email}) at our office in {town}.",
    "{firm} and {firm} share a plant in {town}, VAT {vat}.",
    "Il collaudo è di {titled}, la posa di {firmform}.",
    "Spedire a {address}, {cap} {town}.",
    "Prenotare al {phone}; pagamento su {iban}.",
    "La scheda di {firm} è su {url}, a cura di {titled}.",
)
HELD = (
    "Capofila dell'iniziativa è {firm}, con {firm} e {firmform} tra i soci.",
    "Per visite rivolgersi a {person}, {address}, telefono {phone}.",
    "La fattura va a {taxcode} o a {vat}; bonifico su {iban}.",
    "Abbiamo aperto uno spaccio a {town} e uno nel centro di {town}; orari su {url}.",
    "Registrata al n. {rea}, la {network} riunisce otto imprese.",
    "Il contratto, {deed}, fu firmato a {town} davanti a {titled}.",
    "Questions? Write to {email} or ring {phone}.",
    "Our members, among them {firm}, are based in {town} and {town}.",
    "Il lotto {cig} è stato vinto da {firmform}, codice unico {cup}.",
    "Ricambi e assistenza: {firm}, {address}, {cap} {town}.",
    "Dietro la {network} ci sono {person} e {person}.",
    "Da anni {titled} e {person} curano l'estero per {firm}.",
    "{firm} acquista da {firmform}; ordini a {email}, fax {phone}.",
    "Produce {firm} (partita IVA {vat}) nello stabilimento di {town}.",
)
FILLERS = {
    "tuned": {
        "email": ("ordini@esempio.it", "m.rossi@ditta-esempio.com", "commerciale(at)esempio.it", "info [at] esempio [punto] it", "ufficio chiocciola esempio.eu"),
        "url": ("www.esempio.it", "http://esempio.com/listino", "esempio-rete.it", "https://www.esempio.org/a?b=1", "negozio.esempio.it/pane"),
        "phone": ("0832 123456", "+39 347 123 4567", "080/5551234", "338.1234567", "0039 0831 445566", "(0836) 561122"),
        "address": ("via Roma 12", "Viale Marconi, 33", "piazza Duomo 5", "c.da Masseria Nuova 2", "via dei Mille n. 7", "Vicolo Corto 3/a"),
        "deed": ("rep. n. 10234", "repertorio 9981", "racc. 1200", "atto n. 55012", "Rep. 7734"),
        "cup": ("CUP E55J19000210006", "G21B20000870002"),
        "cig": ("CIG 8123456AB1", "CIG: Z1A2B3C4D5"),
        "titled": ("dott. Marelli", "sig. Tonio Greco", "l'ing. Pastore", "Dott.ssa Lucia Fanelli", "la prof.ssa Conte", "Mr Black"),
        "firmform": ("Verdi Impianti S.r.l.", "Nuova Pane S.n.c.", "ALFA GOMME SPA", "Terre Alte Soc. Coop.", "Rame & Co. S.a.s."),
    },
    "held": {
        "email": ("segreteria@consorzio-esempio.it", "p.verdi@azienda.example", "vendite (chiocciola) esempio.it", "gare{at}esempio.net", "hello at esempio dot eu"),
        "url": ("www.reteesempio.com/contatti", "HTTPS://ESEMPIO.IT", "oliosalento.info", "mobili.esempio.biz", "esempio.shop"),
        "phone": ("0881-772233", "+39.349.8877665", "0039 328 1122334", "tel 0805 44 33 22", "06 8765 4321", "3209988776"),
        "address": ("Via Santa Maria del Paradiso 91", "largo Porta Nuova, 2", "strada vicinale Le Pezze 15", "P.le Stazione 1", "viale Europa 120/B", "Via XX Settembre"),
        "deed": ("Repertorio n° 23.411", "rep. nr. 8802", "raccolta 774", "n. rep. 51230", "atto numero 901"),
        "cup": ("J83C22000640008", "CUP: D39J21004550001"),
        "cig": ("CIG 9A12345B7C", "cig n. 8899001F2D"),
        "titled": ("Dott. Ruggiero", "la sig.ra Anna Maria Loi", "Avv. Caputo", "notaio Bellisario", "Ing. G. Presicce", "Ms. Laura Finch"),
        "firmform": ("Omega Vetri SRL", "Panificio Stella di Neri Ugo S.n.c.", "Costruzioni Edili Bianco S.p.A.", "Il Girasole Società Cooperativa Sociale", "Torre Antica s.r.l.s."),
    },
}  # fmt: skip
_CONSONANTS = "BCDFGLMNPRSTVZ"


def vat(draw: random.Random) -> str:
    """A company's number with the right check digit."""
    body = f"{draw.randint(1, 3):02d}{draw.randint(0, 99999):05d}{draw.choice((15, 58, 75)):03d}"
    return body + luhn.calc_check_digit(body)


def person_code(draw: random.Random) -> str:
    """A person's tax code with the right check letter."""
    day = draw.randint(1, 28) + 40 * draw.randint(0, 1)
    letters = "".join(draw.choice(_CONSONANTS) for _ in range(6))
    body = f"{letters}{draw.randint(45, 99)}{draw.choice('ABCDEHLMPRST')}{day:02d}E{draw.randint(100, 999)}"
    return body + codicefiscale.calc_check_digit(body)


def account(draw: random.Random) -> str:
    """An Italian IBAN with right check digits (ISO 13616; the domestic check letter follows the Italian rule)."""
    digits = f"{draw.randint(1000, 9999):05d}{draw.randint(1000, 99999):05d}{draw.randint(0, 10**12 - 1):012d}"
    odd = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21)
    total = sum(odd[int(c)] if at % 2 == 0 else int(c) for at, c in enumerate(digits))
    bban = chr(ord("A") + total % 26) + digits
    number = int("".join(str(int(c, 36)) for c in bban + "IT00"))
    return f"IT{98 - number % 97:02d}{bban}"


def spaced(text: str, *sizes: int, gap: str = " ") -> str:
    """The text in groups."""
    parts, at = [], 0
    for size in (*sizes, len(text)):
        parts.append(text[at : at + size])
        at += size
    return gap.join(part for part in parts if part)


def code(name: str, draw: random.Random) -> str:
    """What stands for ``@NAME`` in handwritten lines."""
    if name.startswith("VAT"):
        value = vat(draw)
        return {"VATSP": spaced(value, 3, 4), "VATDOT": spaced(value, 3, 3, 3, gap=".")}.get(name, value)
    if name.startswith("IBAN"):
        value = account(draw)
        return {"IBANSP": spaced(value, 4, 4, 4, 4, 4, 4), "IBANLOW": value.lower()}.get(name, value)
    value = person_code(draw)
    return {"CFSP": spaced(value, 3, 3, 5, 4), "CFL": value.lower()}.get(name, value)


def disguised(text: str, draw: random.Random, half: str) -> str:
    """A name as people, or people who want to get it past us, write it."""
    ways = {
        "tuned": (str.upper, str.lower, str, lambda t: t.replace(" ", "-"), lambda t: "\u200b".join((t[:4], t[4:]))),
        "held": (str.title, str.upper, str, lambda t: unicodedata.normalize("NFD", t.replace("a", "à", 1)),
                 lambda t: " ".join(t.replace(" ", "")), lambda t: t.replace(" ", "  "), lambda t: t.replace("o", "о", 1)),
    }[half]  # fmt: skip
    return draw.choice(ways)(text)


def bare(name: str) -> str:
    """A firm's name without what follows its legal form."""
    return re.split(r"\s+(?:S\.|Soc|Società)", name)[0]


def fill(template: str, draw: random.Random, half: str) -> str:
    """One sentence, marked."""
    terms = [line.split("\t") for line in TERMS.read_text(encoding="utf-8").splitlines()]
    towns = [m.name for m in load_territories().municipalities if m.province in ("LE", "BR", "TA", "BA", "MT")]

    def one(match: re.Match[str]) -> str:
        kind = match.group(1)
        if kind in ("firm", "person", "network"):
            name = draw.choice([text for found, text in terms if found == kind])
            # A surname alone, or two common words, say nothing without their legal form.
            short = (
                bare(name)
                if kind == "firm" and name not in ("Rossi S.n.c.", "Gea S.p.A.", "Trasporti Internazionali S.r.l.")
                else name
            )
            text = disguised(draw.choice((name, short)), draw, half)
        elif kind == "town":
            text = draw.choice(towns)
        elif kind == "cap":
            text = f"7{draw.randint(3000, 6099)}"
        elif kind == "rea":
            sigla, number = draw.choice(("LE", "BR", "TA", "MI")), draw.randint(100_000, 399_999)
            text = draw.choice(
                (f"{sigla}-{number}", f"{sigla} - {number}")
                if half == "tuned"
                else (f"{sigla}/{number}", f"{sigla} {number}")
            )
        elif kind == "vat":
            text = code(draw.choice(("VAT", "VATSP", "VATDOT")), draw)
        elif kind == "iban":
            text = code(draw.choice(("IBAN", "IBANSP")), draw)
        elif kind == "taxcode":
            text = code(draw.choice(("CF", "CFSP")), draw)
        else:
            text = draw.choice(FILLERS[half][kind])
        return f"[{kind}|{text}]"

    return re.sub(r"\{(\w+)\}", one, template)


def main(source: str, out: str) -> None:
    """Write one file of the set."""
    draw = random.Random(f"redaction/{Path(source).name}")
    if source in ("tuned", "held"):
        templates = TUNED if source == "tuned" else HELD
        lines = [fill(templates[number % len(templates)], draw, source) for number in range(98)]
    else:
        lines = [
            re.sub(r"@([A-Z]+)", lambda found: code(found.group(1), draw), line)
            for line in Path(source).read_text(encoding="utf-8").splitlines()
        ]
    shown = "".join(
        c if c.isprintable() and not unicodedata.combining(c) else f"\\u{ord(c):04x}"
        for c in "\n".join(lines).replace("\n", "\0")
    )
    Path(out).write_text(shown.replace("\\u0000", "\n") + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
