"""Names that no register gave us: beside a legal form or a title they are red, elsewhere a capital makes them amber.

In: a readable text. Out: hits. Source: docs/rules.md T.4 and T.6.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from node.domain.folding import fold
from node.domain.redaction.hits import AMBER, RED, Hit
from node.domain.redaction.plain import Plain, shouts
from node.errors import N_

_WORD = r"[A-ZÀ-Ý0-9][\w'’.&-]*"
_LINK = r"(?:&|e|di|de|del|dei|della|dello|and|of)"
# Italian forms in every spelling, and the ones of neighbours; lower-case "spa" and "sas" without dots are words too.
_FORM = (
    r"(?:[Ss]\.?\s?[Rr]\.?\s?[Ll](?:\.?\s?[Ss])?|S\.?\s?[Pp]\.?\s?A|[Ss]\.\s?[Pp]\.\s?[Aa]|[Ss]\.?\s?[Nn]\.?\s?[Cc]|S\.?\s?[Aa]\.?\s?[Ss]|[Ss]\.\s?[Aa]\.\s?[Ss]|"
    r"[Ss]\.\s?[Ss]|[Ss]\.?\s?[Cc]\.?\s?(?:[Aa]\.?\s?)?[Rr]\.?\s?[Ll]|[Ss](?:oc(?:\.|iet[àa]))?\s?[Cc]oop(?:erativa|\.)?"
    r"(?:\s+(?:[Aa]gr(?:icola|\.)|[Ss]ociale|[Cc]onsortile))?|Ltd|LTD|LLC|GmbH|Inc|PLC|Sarl|SARL)"
)
_WITH_FORM = re.compile(rf"\b{_WORD}(?:\s+(?:{_LINK}\s+)?(?:&\s*)?{_WORD}){{0,7}}\s+(?:&\s*C\.?\s+)?{_FORM}\b\.?")
_LOWER_WITH_FORM = re.compile(
    r"\b(?!(?:una?|la|le|il|i|di|delle?|come|forma|tipo|ogni|nuova|altra|altre|stessa|in|con|per|o|e)\s)[\w'’&-]{3,}\s+"
    r"(?:s\.?r\.?l\.?s?|s\.p\.a|s\.?n\.?c|s\.a\.s|s\.?c\.?a\.?r\.?l|scrl|soc\.?\s?coop)\b\.?",
    re.IGNORECASE,
)
_BEFORE_NAME = re.compile(
    r"\b(?:[Cc]onsorzio|[Cc]ooperativa(?:\s+(?:sociale|agricola))?|[Ss]ociet[àa]\s+(?:[Aa]gricola|[Cc]ooperativa|[Ss]emplice|[Cc]onsortile)|"
    r"[Aa]zienda\s+[Aa]gricola|[Dd]itta(?:\s+individuale)?|[Ii]mpresa\s+individuale|[Ff]\.?lli|[Ff]ondazione|[Aa]ssociazione)\s+"
    rf"(?:(?:{_LINK}|d['’])\s+)?[A-ZÀ-Ý][\w'’.-]+(?:\s+(?:{_LINK}\s+)?{_WORD}){{0,4}}"
)
_TITLED = re.compile(
    r"\b(?:[Dd]ott(?:\.?\s?ssa|\.|or|oressa)?|[Dd]r(?:\.?\s?ssa|\.)?|[Ss]ig(?:\.?\s?r[ai]|\.|nor[aei]?)?|[Ii]ng(?:\.|egnere?)|[Aa]rch(?:\.|itetto)|"
    r"[Aa]vv(?:\.|ocato)|[Gg]eom(?:\.|etra)|[Rr]ag(?:\.|ioniere?)|[Pp]er\.\s?[Ii]nd\.|[Nn]otaio|[Pp]rof(?:\.?\s?ssa|\.|essor(?:e|essa)?)|"
    r"[Cc]av\.|[Oo]n\.|[Dd]on|Mr|Mrs|Ms|Miss|Dr|Prof|Sir)\.?\s+"
    r"(?:[A-ZÀ-Ý]\.\s?){0,2}(?:(?:[Dd][aei](?:l(?:la|l['’])?)?|[Dd]['’]|[Ll]o)\s*)?[A-ZÀ-Ý][\w'’-]+(?:\s+(?:[Dd][aei]\s+)?[A-ZÀ-Ý][\w'’-]+){0,2}"
)
_CAPITALISED = re.compile(r"[A-ZÀ-Ý][\w'’-]*[\w](?:\s+(?:(?:di|de|del|dei|della|e|&)\s+)?[A-ZÀ-Ý][\w'’-]*\w)*")
_BEGINS = re.compile(r"(?:^|[.!?:;•*\n]|[-–]\s)[\s\"«“'(\[]*$")
ACRONYM_MAX = 4
# Words everybody may write with a capital: they name no firm and no place smaller than a country, or they name a norm.
_COMMON_WORDS = """
    Italia Italy Italian Italiano Italiana Europa Europe European Europeo Europea Mediterraneo Mediterranean Balcani Balkans
    Albania Algeria Arabia Argentina Australia Austria Belgio Belgium Bosnia Brasile Brazil Bulgaria Canada Cile Cina China Cipro
    Colombia Corea Croazia Croatia Danimarca Denmark Egitto Egypt Emirati Estonia Finlandia Finland Francia France Germania Germany
    German French English Spanish Giappone Japan Giordania Grecia Greece India Indonesia Inghilterra Irlanda Ireland Israele
    Kosovo Lettonia Libano Libia Lituania Lussemburgo Macedonia Malta Marocco Morocco Messico Mexico Moldavia Montenegro
    Norvegia Norway Nord Sud Est Ovest Centro North South East West Northern Southern Eastern Western Olanda Netherlands
    Paesi Bassi Polonia Poland Portogallo Portugal Qatar Romania Russia Scandinavia Scozia Serbia Slovacchia Slovenia Spagna Spain
    Stati Uniti United States Kingdom Regno Unito Svezia Sweden Svizzera Switzerland Tunisia Turchia Turkey Ucraina Ungheria
    Africa America Asia Oriente Medio Golfo UE EU USA UK Unione Union Commissione Ministero Regione Provincia Comune Comuni
    Stato Camera Commercio Repubblica Gazzetta Ufficiale Regolamento Regulation Direttiva Directive Decreto Legge Codice Piano
    Nazionale Programma Horizon Erasmus Interreg Industria Transizione Agenda Norma Norme Categoria Classe Made in Italy Green Deal
    Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April May June July August September October
    November December Natale Pasqua Christmas Internet Web Wi-Fi Bluetooth Excel CAD BIM HACCP ATECO GlobalGAP Kosher Halal
    Bio Biologico Organic Covid Gdpr IoT WhatsApp Amburgo Hamburg Baviera Bavaria Monaco Munich Berlino Berlin Colonia Francoforte
    Stoccarda Parigi Paris Lione Marsiglia Provenza Londra London Vienna Salisburgo Zurigo Zurich Ginevra Bruxelles Brussels
    Amsterdam Madrid Barcellona Barcelona Lisbona Atene Athens Tirana Durazzo Belgrado Zagabria Lubiana Varsavia Praga Budapest
    Bucarest Sofia Istanbul Mosca Tunisi Algeri Casablanca Dubai Tokyo Pechino Shanghai New York Toronto Baltico Adriatico Ionio
    Tirreno Alpi Appennini Pianura Padana
"""
_COMMON = frozenset(map(fold, _COMMON_WORDS.split()))


def find(plain: Plain) -> Iterator[Hit]:
    """Yield names beside legal forms and titles."""
    for kind, reason, pattern in (
        ("firm", N_("nome con forma giuridica"), _WITH_FORM),
        ("firm", N_("nome con forma giuridica"), _LOWER_WITH_FORM),
        ("firm", N_("nome di un'organizzazione"), _BEFORE_NAME),
        ("person", N_("nome con titolo"), _TITLED),
    ):
        for match in pattern.finditer(plain.text):
            yield Hit(*plain.span(*match.span()), kind, RED, reason)


def leftovers(plain: Plain) -> Iterator[Hit]:
    """Yield capitalised words that nothing explains: doubtful, for a second pair of eyes."""
    if shouts(plain.text):
        yield Hit(*plain.span(0, len(plain.text)), "name", AMBER, N_("testo in maiuscole: i nomi non si distinguono"))
        return
    for match in _CAPITALISED.finditer(plain.text):
        words = [(found.start() + match.start(), found.group()) for found in re.finditer(r"[\w'’-]+", match.group())]
        if _BEGINS.search(plain.text, 0, match.start()):
            # The first word of a sentence has its capital anyway.
            words = words[1:]
        doubtful = [(at, word) for at, word in words if _is_doubtful(word)]
        if doubtful:
            end = doubtful[-1][0] + len(doubtful[-1][1])
            yield Hit(*plain.span(doubtful[0][0], end), "name", AMBER, N_("nome proprio? controllare"))


def _is_doubtful(word: str) -> bool:
    if not word[0].isupper() or len(word) < 3 or any(c.isdigit() for c in word):
        return False
    if word.isupper() and len(word) <= ACRONYM_MAX:
        return False
    return any(part not in _COMMON for part in fold(word).split() if len(part) > 2)
