"""The text gate: finds what would name a firm, a person or a place in a text that is to leave.

In: a text and a dictionary of what is private. Out: marked hits: red (never leaves) or amber (needs a reason), with
offsets in the text as given. Order (privacy.md T): undo disguises, patterns with checksums, then the dictionary, folded
and also without spaces, so that "M e t a l s u d" and "metal-sud" are found like "Metalsud".
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import ahocorasick_rs
from phonenumbers import Leniency, PhoneNumberMatcher
from stdnum import iban
from stdnum.it import codicefiscale, iva

from node.errors import N_

RED, AMBER = "red", "amber"
MARKERS = {
    "firm": "[impresa]",
    "network": "[rete]",
    "person": "[persona]",
    "place": "[luogo]",
    "contact": "[contatto]",
    "code": "[codice]",
    "name": "[nome]",
}
# A folded name shorter than this is only looked for as a whole word: "gea" is inside "geamento".
SHORTEST_JOINED = 8
SHORTEST_TERM = 3
ORDERED_PARTS_MAX = 4
LEGAL_FORMS = re.compile(
    r"\b(?:s\.?\s?r\.?\s?l\.?\s?s?|s\.?\s?p\.?\s?a|s\.?\s?n\.?\s?c|s\.?\s?a\.?\s?s|s\.?\s?s|"
    r"soc(?:iet[aà]|\.)?\s+(?:coop(?:erativa|\.)?|semplice|agricola|consortile)(?:\s+(?:agricola|sociale|a\s+r\.?\s?l\.?))*|"
    r"a\s+r\.?\s?l|s\.?c\.?a\.?r\.?l|consorzio|ditta(?:\s+individuale)?|impresa\s+individuale|azienda\s+agricola|"
    r"societ[aà]|unipersonale|in\s+liquidazione|di)\b\.?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Term:
    """One private thing to look for: its kind (a key of MARKERS) and how it is written."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Hit:
    """One place in a text that would give something away: [start, end) in the text as given."""

    start: int
    end: int
    kind: str
    severity: str
    reason: str


class _Folded:
    """A text folded for comparing, with the position in the original of every folded character."""

    __slots__ = ("at", "text")

    def __init__(self, original: str) -> None:
        pieces: list[str] = []
        at: list[int] = []
        space = True
        for position, char in enumerate(original):
            if unicodedata.category(char) in ("Cf", "Mn"):
                # Zero-width characters and loose accents hide names from a plain comparison.
                continue
            plain = "".join(
                c
                for c in unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", char).casefold())
                if not unicodedata.combining(c)
            )
            for c in plain:
                if c.isalnum():
                    pieces.append(c)
                    at.append(position)
                    space = False
                elif not space:
                    pieces.append(" ")
                    at.append(position)
                    space = True
        self.text = "".join(pieces)
        self.at = at

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the original [start, end) of a folded [start, end)."""
        return self.at[start], self.at[end - 1] + 1


def fold(text: str) -> str:
    """Return ``text`` as the dictionary compares it."""
    return _Folded(text).text.strip()


class Dictionary:
    """Everything private that must not stand in a text, ready to be looked for at once."""

    def __init__(self, terms: Iterable[Term]) -> None:
        """Index terms folded, and, when long enough, also written without spaces."""
        words: dict[str, str] = {}
        joined: dict[str, str] = {}
        for term in terms:
            for written in _spellings(term):
                folded = fold(written)
                if len(folded) < SHORTEST_TERM or folded.isdigit():
                    continue
                words.setdefault(f" {folded} ", term.kind)
                tight = folded.replace(" ", "")
                if len(tight) >= SHORTEST_JOINED:
                    joined.setdefault(tight, term.kind)
        self._word_kinds = list(words.values())
        self._joined_kinds = list(joined.values())
        self._words = ahocorasick_rs.AhoCorasick(list(words)) if words else None
        self._joined = ahocorasick_rs.AhoCorasick(list(joined)) if joined else None

    @classmethod
    def build(cls, terms: Iterable[Term]) -> Dictionary:
        """Return the dictionary of ``terms``."""
        return cls(terms)

    def find(self, folded: _Folded) -> Iterator[tuple[int, int, str]]:
        """Yield (start, end, kind) in the folded text's original."""
        if self._words is not None:
            padded = f" {folded.text} "
            for number, start, end in self._words.find_matches_as_indexes(padded, overlapping=True):
                # One space of padding stands before the text; the pattern's own spaces are not part of the hit.
                yield (*folded.span(start, min(end - 2, len(folded.text))), self._word_kinds[number])
        if self._joined is not None:
            positions = [i for i, c in enumerate(folded.text) if c != " "]
            tight = folded.text.replace(" ", "")
            for number, start, end in self._joined.find_matches_as_indexes(tight, overlapping=True):
                yield (*folded.span(positions[start], positions[end - 1] + 1), self._joined_kinds[number])


def _spellings(term: Term) -> Iterator[str]:
    yield term.text
    if term.kind in ("firm", "network"):
        bare = " ".join(LEGAL_FORMS.sub(" ", term.text).split())
        # "Rossi" alone, of "Rossi s.r.l.", is a surname that half of Italy bears: two words, or one long one.
        if bare and (" " in bare or len(bare) >= SHORTEST_JOINED):
            yield bare
    elif term.kind == "person":
        parts = term.text.split()
        # Surname first or last, two names or one: in every order, as people write them.
        if 1 < len(parts) <= ORDERED_PARTS_MAX:
            yield from (" ".join(order) for order in itertools.permutations(parts))


_DISGUISES = (
    (re.compile(r"\s*[\[({]\s*(?:at|chiocciola)\s*[\])}]\s*|\s+chiocciola\s+", re.IGNORECASE), "@"),
    (
        re.compile(
            r"\s*[\[({]\s*(?:dot|punto)\s*[\])}]\s*|(?<=\w)\s+punto\s+(?=(?:it|com|eu|org|net)\b)", re.IGNORECASE
        ),
        ".",
    ),
)
Check = Callable[[str], bool]


def _compact(check: Callable[[str], bool]) -> Check:
    return lambda text: bool(check(re.sub(r"[\s.-]", "", text)))


_PATTERNS: tuple[tuple[str, str, str, re.Pattern[str], Check | None], ...] = (
    ("contact", RED, N_("indirizzo di posta"), re.compile(r"[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+"), None),
    (
        "contact",
        RED,
        N_("indirizzo web"),
        re.compile(
            r"\b(?:https?://|www\.)\S+|(?<![\w@.])[a-z0-9][a-z0-9-]{1,62}\.(?:it|com|eu|org|net|info|biz|shop|farm)\b(?:/\S*)?",
            re.IGNORECASE,
        ),
        None,
    ),
    (
        "code",
        RED,
        N_("codice fiscale"),
        re.compile(
            r"\b[A-Z]{6}\s?[0-9LMNPQRSTUV]{2}\s?[A-Z]\s?[0-9LMNPQRSTUV]{2}\s?[A-Z][0-9LMNPQRSTUV]{3}\s?[A-Z]\b",
            re.IGNORECASE,
        ),
        _compact(codicefiscale.is_valid),
    ),
    (
        "code",
        RED,
        N_("partita IVA o codice fiscale"),
        re.compile(r"(?<!\d)(?:IT\s?)?\d(?:[\s.-]?\d){10}(?![\s.-]?\d)"),
        lambda t: bool(iva.is_valid(re.sub(r"\D", "", t))),
    ),
    (
        "code",
        RED,
        N_("IBAN"),
        re.compile(r"\bIT\s?\d{2}\s?[A-Z](?:\s?[0-9A-Z]){22}\b", re.IGNORECASE),
        _compact(iban.is_valid),
    ),
    (
        "code",
        RED,
        N_("numero REA"),
        re.compile(
            r"\b(?:R\.?E\.?A\.?)\s*(?:n\.?\s*)?:?\s*(?:[A-Z]{2}\s*[-–]?\s*)?\d{4,7}\b|\b[A-Z]{2}\s?[-–]\s?\d{5,7}\b"
        ),
        None,
    ),
    (
        "code",
        RED,
        N_("numero di repertorio o d'atto"),
        re.compile(
            r"\b(?:rep(?:ertorio|\.)|racc(?:olta|\.)|atto)\s*(?:n(?:umero|\.|°)?)?\s*:?\s*(?:[A-Z]{2}-)?\d{2,8}\b",
            re.IGNORECASE,
        ),
        None,
    ),
    (
        "code",
        RED,
        N_("CUP o CIG"),
        re.compile(r"\b(?:CUP\s*:?\s*)?[A-Z]\d{2}[A-Z]\d{11}\b|\bCIG\s*:?\s*[0-9A-Z]{10}\b", re.IGNORECASE),
        None,
    ),
    (
        "place",
        RED,
        N_("indirizzo"),
        re.compile(
            r"\b(?:via|viale|v\.le|piazza|p\.zza|piazzale|corso|c\.so|largo|vicolo|contrada|c\.da|strada|s\.p\.|località|loc\.|zona industriale|z\.i\.)\s+(?:[\w'’.]+,?\s+){0,5}?(?:n\.?\s*|,\s*|km\s*)?\d{1,5}(?:/?[a-z])?\b",
            re.IGNORECASE,
        ),
        None,
    ),
    (
        "place",
        RED,
        N_("indirizzo"),
        re.compile(
            r"\b(?:via|viale|piazza|piazzale|corso|contrada|vicolo)\s+(?:[A-ZÀ-Ý][\w'’]+)(?:\s+(?:d[aei]l?l?[aeio]?['’]?\s*)?[A-ZÀ-Ý][\w'’]+){0,3}"
        ),
        None,
    ),
    (
        "place",
        RED,
        N_("coordinate"),
        re.compile(r"\b(?:3[5-9]|4[0-7])[.,]\d{3,}\s*[°NnEe]?\s*[,;/ ]\s*(?:[6-9]|1[0-8])[.,]\d{3,}"),
        None,
    ),
    (
        "place",
        AMBER,
        N_("codice di avviamento postale"),
        re.compile(r"\b(?:CAP\s*:?\s*)\d{5}\b|\b\d{5}\s+(?=[A-ZÀ-Ý][a-zà-ý]+)"),
        None,
    ),
    (
        "firm",
        RED,
        N_("nome con forma giuridica"),
        re.compile(
            r"\b(?:[A-ZÀ-Ý][\w&'’.-]*\s+){1,5}(?:S\.?\s?[rR]\.?\s?[lL]\.?[sS]?|S\.?\s?[pP]\.?\s?[aA]|S\.?\s?[nN]\.?\s?[cC]|S\.?\s?[aA]\.?\s?[sS]|[sS]oc\.?\s+[cC]oop)\b\.?"
        ),
        None,
    ),
    (
        "person",
        RED,
        N_("nome con titolo"),
        re.compile(
            r"\b(?:[Dd]ott(?:\.ssa|\.|or|oressa)?|[Ss]ig(?:\.ra|\.|nora?)|[Ii]ng\.|[Aa]vv\.|[Gg]eom\.|[Rr]ag\.|[Nn]otaio|[Pp]rof(?:\.ssa|\.)?)\s+(?:[A-ZÀ-Ý][\w'’-]+\s?){1,3}"
        ),
        None,
    ),
)
_CAPITALISED = re.compile(r"(?<=[a-zà-ÿ,;:] )[A-ZÀ-Ý][\w'’-]{2,}(?:\s+[A-ZÀ-Ý][\w'’-]{2,})*")
# Names everybody may use: they name no firm and no place smaller than a country, or they name a norm.
_COMMON = frozenset(
    fold(word)
    for word in [
        "Italia",
        "Europa",
        "Mediterraneo",
        "Balcani",
        "Albania",
        "Tunisia",
        "Serbia",
        "Francia",
        "Germania",
        "Spagna",
        "Svizzera",
        "Austria",
        "Grecia",
        "Croazia",
        "Polonia",
        "Romania",
        "Marocco",
        "Egitto",
        "Turchia",
        "Giappone",
        "Cina",
        "India",
        "Canada",
        "Brasile",
        "Messico",
        "ISO",
        "EMAS",
        "DOP",
        "IGP",
        "HACCP",
        "SOA",
        "BRC",
        "IFS",
        "CE",
        "UE",
        "ERP",
        "CRM",
        "PMI",
        "Made",
        "in",
        "Italy",
        "Horizon",
        "Europe",
        "Industria",
        "Bio",
    ]
)


def _undo_disguises(text: str) -> tuple[str, list[int]]:
    """Return the text with "(at)" and the like undone, and the original position of each of its characters."""
    at = list(range(len(text)))
    for pattern, plain in _DISGUISES:
        parts: list[str] = []
        where: list[int] = []
        last = 0
        for match in pattern.finditer(text):
            parts += [text[last : match.start()], plain]
            where += at[last : match.start()] + [at[match.start()]] * len(plain)
            last = match.end()
        parts.append(text[last:])
        where += at[last:]
        text, at = "".join(parts), where
    return text, at


def _patterns(text: str) -> Iterator[Hit]:
    undone, at = _undo_disguises(text)
    for kind, severity, reason, pattern, check in _PATTERNS:
        for match in pattern.finditer(undone):
            if check is None or check(match.group()):
                yield Hit(at[match.start()], at[match.end() - 1] + 1, kind, severity, reason)
    for found in PhoneNumberMatcher(text, "IT", leniency=Leniency.POSSIBLE):
        # Years and quantities are "possible" numbers too: a phone number has a plus, a prefix or eight digits and more.
        digits = re.sub(r"\D", "", found.raw_string)
        if len(digits) >= 8:
            yield Hit(found.start, found.end, "contact", RED, N_("numero di telefono"))


def scan(text: str, dictionary: Dictionary) -> tuple[Hit, ...]:
    """Return every hit, in order of place; overlapping ones keep the red before the amber, the longer before the shorter."""
    folded = _Folded(text)
    hits = list(_patterns(text))
    hits += [
        Hit(start, end, kind, RED, N_("nome presente nei registri dell'ufficio"))
        for start, end, kind in dictionary.find(folded)
    ]
    for match in _CAPITALISED.finditer(text):
        words = [word for word in match.group().split() if fold(word) not in _COMMON]
        if words:
            hits.append(Hit(match.start(), match.end(), "name", AMBER, N_("nome proprio? controllare")))
    hits.sort(key=lambda hit: (hit.severity != RED, hit.start - hit.end, hit.start, hit.kind))
    kept: list[Hit] = []
    for hit in hits:
        if all(hit.end <= other.start or other.end <= hit.start for other in kept):
            kept.append(hit)
    return tuple(sorted(kept, key=lambda hit: hit.start))


def suggest(text: str, hits: Iterable[Hit]) -> str:
    """Return the text with every hit replaced by an unnumbered marker, for the officer to start from."""
    parts: list[str] = []
    last = 0
    for hit in hits:
        parts += [text[last : hit.start], MARKERS.get(hit.kind, MARKERS["name"])]
        last = hit.end
    return "".join((*parts, text[last:]))
