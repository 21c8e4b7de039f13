"""What a searcher asks: one parser for the command line, the API and the pages.

In: parameters as text (name, value). Out: a frozen Query whose values are all known and canonical, or one CallerError
that names the parameter and suggests a near value. A Query writes itself back as parameters (a permalink), and its
cursor is bound to it: a cursor that was cut, edited or taken from another question is refused.
Rules: at most 100 hits a page; free words at most 200 characters, without control characters; nothing is ignored.
Source: docs/rules.md F.7 (``q``, ``limit``, ``cursor``, ``sort``).
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import difflib
import hashlib
import json
import re
import unicodedata
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from node.domain.days import day_number
from node.domain.labels import KINDS, PERIODS, SIZES, LabelReference
from node.domain.theme import THEMES
from node.domain.vocabulary import CATEGORIES, CERTIFICATIONS, MATURITIES, PURPOSES
from node.errors import N_, CallerError

WORDS_MAX_CHARS: Final = 200
LIMIT_MAX: Final = 100
LIMIT_DEFAULT: Final = 20
CURSOR_MAX_CHARS: Final = 1400
# Numbers of logs have sixty bits.
LOGS: Final = 1 << 60
RELEVANCE: Final = "relevance"
NEWEST: Final = "newest"
SORTS: Final = (RELEVANCE, NEWEST)
LABEL_FILTERS: Final = ("territory", "sector", "period", "size", "theme", "kind")
EXACT_FILTERS: Final = ("purpose", "need", "offer", "target_country", "language", "certification", "owner", "maturity")
_EXACT_PREFIX: Final = {
    "purpose": "use=",
    "need": "need=",
    "offer": "offer=",
    "target_country": "to=",
    "language": "lang=",
    "certification": "cert=",
    "owner": "own=",
    "maturity": "age=",
}
INT_MAX: Final = 2**53 - 1
YES: Final = "yes"


def exact_term(name: str, value: str) -> str:
    """Return the index term of an attribute that a profile has or has not (iPA codes in any case are one code)."""
    return _EXACT_PREFIX[name] + (value.casefold() if name == "owner" else value)


@dataclass(frozen=True, slots=True)
class Cursor:
    """The place of one hit in its result's total order; the next page begins after it."""

    keys: tuple[int, int]
    profile_id: str
    # The log it stands in, as a number made of its name: the same on every node.
    log: int
    index: int
    # How the words were read on the first page: later ones go on with that.
    relaxed: bool = False
    corrected: str = ""


@dataclass(frozen=True, slots=True)
class Query:
    """One question to the cooperation database; empty text means "not asked"."""

    words: str = ""
    territory: str = ""
    sector: str = ""
    period: str = ""
    size: str = ""
    theme: str = ""
    kind: str = ""
    purpose: str = ""
    need: str = ""
    offer: str = ""
    target_country: str = ""
    language: str = ""
    certification: str = ""
    owner: str = ""
    maturity: str = ""
    since: str = ""
    witnessed: str = ""
    sort: str = RELEVANCE
    limit: int = LIMIT_DEFAULT
    cursor: Cursor | None = None

    def labels(self) -> tuple[tuple[str, str], ...]:
        """Return the asked label filters as (attribute, value)."""
        return tuple((name, getattr(self, name)) for name in LABEL_FILTERS if getattr(self, name))

    def exact_terms(self) -> tuple[str, ...]:
        """Return the index terms that a hit must have, all of them."""
        return tuple(exact_term(name, getattr(self, name)) for name in EXACT_FILTERS if getattr(self, name))

    @property
    def since_day(self) -> int | None:
        """The first publication round that is asked for, in days since 1970-01-01; None for any."""
        return day_number(dt.date.fromisoformat(self.since)) if self.since else None

    def parameters(self) -> tuple[tuple[str, str], ...]:
        """Return the question as parameters, without its place: what a permalink holds."""
        defaults = Query()
        asked = ((f.name, getattr(self, f.name)) for f in fields(self) if f.name != "cursor")
        return tuple(
            (_PARAMETER.get(name, name), str(value)) for name, value in asked if value != getattr(defaults, name)
        )

    def cursor_after(self, place: Cursor) -> str:
        """Return the opaque text with which the same question goes on after ``place``."""
        typed = [*place.keys, place.profile_id, place.log, place.index, int(place.relaxed), place.corrected]
        text = json.dumps(typed, separators=(",", ":"), ensure_ascii=False).encode()
        return base64.urlsafe_b64encode(self._seal(text) + text).rstrip(b"=").decode()

    def _seal(self, text: bytes) -> bytes:
        # Not a secret: it tells a damaged or foreign cursor from ours. A forged one only moves the forger's own page.
        asked = json.dumps([p for p in self.parameters() if p[0] != "limit"]).encode()
        return hashlib.sha256(b"rete/cursor/v3\n" + asked + b"\n" + text).digest()[:8]


_PARAMETER: Final = {"words": "q"}
PARAMETERS: Final = tuple(_PARAMETER.get(f.name, f.name) for f in fields(Query))


def parse(parameters: Iterable[tuple[str, str]], reference: LabelReference) -> Query:
    """Return the question that ``parameters`` ask; empty values count as not given.

    Raises: CallerError query-parameter-unknown, query-parameter-repeated, query-value-unknown, query-value-bad,
    query-cursor-bad; ``where`` is the parameter's name.
    """
    given: dict[str, str] = {}
    for name, value in parameters:
        if name not in PARAMETERS:
            hint, near = _near(name, PARAMETERS)
            raise CallerError(
                "query-parameter-unknown", N_("parametro sconosciuto: {name}"), hint=hint, name=name, near=near
            )
        if name in given:
            raise CallerError("query-parameter-repeated", N_("parametro ripetuto: {name}"), where=name, name=name)
        given[name] = _clean(name, value)
    values: dict[str, Any] = {}
    for name, read in _READERS.items():
        if given.get(name):
            values["words" if name == "q" else name] = read(name, given[name], reference)
    query = Query(**values)
    return _with_cursor(query, given["cursor"]) if given.get("cursor") else query


def _with_cursor(query: Query, text: str) -> Query:
    asked = {f.name: getattr(query, f.name) for f in fields(query)}
    return Query(**{**asked, "cursor": _read_cursor(query, text)})


def _read_cursor(query: Query, text: str) -> Cursor:
    refused = CallerError(
        "query-cursor-bad",
        N_("il cursore non appartiene a questa ricerca"),
        where="cursor",
        hint=N_("ripetere la ricerca dalla prima pagina, con gli stessi filtri e lo stesso ordine"),
    )
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        # The place is our own JSON: the seal is checked before it is read.
        sealed, place = raw[:8], raw[8:]
        if len(text) > CURSOR_MAX_CHARS or query._seal(place) != sealed:  # noqa: SLF001 - the other half of cursor_after
            raise refused
        first, second, profile_id, log, index, relaxed, corrected = json.loads(place)
        if any(type(n) is not int or abs(n) > INT_MAX for n in (first, second, index, relaxed)):
            raise refused
        if type(log) is not int or not 0 <= log < LOGS or type(corrected) is not str:
            raise refused
        # What was put right may be a little longer than what was typed.
        if len(corrected) > 2 * WORDS_MAX_CHARS or any(
            unicodedata.category(char) in {"Cc", "Cs"} for char in corrected
        ):
            raise refused
        return Cursor((first, second), str(uuid.UUID(profile_id)), log, index, bool(relaxed), corrected)
    except (binascii.Error, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise refused from error


def _near(value: str, known: Iterable[str]) -> tuple[str, str]:
    """Return (hint, fact) for a value that is not among the known ones."""
    names = list(known)
    found = difflib.get_close_matches(value.casefold(), names, 1, 0.6)
    if found:
        return N_("forse: {near}"), found[0]
    return N_("valori ammessi: {near}"), ", ".join(names[:40])


def _bad(name: str, what: str, hint: str = "", **facts: object) -> CallerError:
    return CallerError("query-value-bad", what, where=name, hint=hint, **facts)


def _unknown(name: str, value: str, hint: str, near: str) -> CallerError:
    message = N_("valore sconosciuto per {name}: {value}")
    return CallerError("query-value-unknown", message, where=name, hint=hint, name=name, value=value[:60], near=near)


def _clean(name: str, value: str) -> str:
    if len(value) > max(WORDS_MAX_CHARS, CURSOR_MAX_CHARS):
        raise _bad(name, N_("testo troppo lungo"))
    # Controls and lone surrogates (a command line that was not UTF-8) can't be stored, so they can't be found.
    if any(unicodedata.category(char) in {"Cc", "Cs"} and char not in "\t\n\r" for char in value):
        raise _bad(name, N_("caratteri non ammessi"))
    return " ".join(unicodedata.normalize("NFC", value).split())


def _words(name: str, value: str, _: LabelReference) -> str:
    if len(value) > WORDS_MAX_CHARS:
        raise _bad(name, N_("al massimo {longest} caratteri"), longest=WORDS_MAX_CHARS)
    return value


def _territory(name: str, value: str, reference: LabelReference) -> str:
    area = reference.territories.area(value)
    if area is None:
        named = reference.territories.resolve(value)
        area = named[0] if named else None
    if area is None:
        regions = {region.name.casefold(): region.code for region in reference.territories.regions}
        provinces = {province.name.casefold(): province.code for province in reference.territories.provinces}
        hint, near = _near(value, [*regions, *provinces])
        code = regions.get(near) or provinces.get(near)
        if code is None:
            hint, near = N_("usare un codice ISTAT, una sigla o un codice NUTS: {near}"), "075035, LE, ITF4, ITF"
        raise _unknown(name, value, hint, f"{code} ({near})" if code else near)
    today = reference.territories.current(area.code) if area.level == "PRO" else (area.code,)
    return today[0] if len(today) == 1 else area.code


def _sector(name: str, value: str, reference: LabelReference) -> str:
    code = reference.sector_code(value)
    if code is None:
        raise _unknown(name, value, N_("usare un codice ATECO: {near}"), "C, 10, 10.4, 10.41.10")
    return code


def _choice(*known: str) -> Callable[[str, str, LabelReference], str]:
    def read(name: str, value: str, _: LabelReference) -> str:
        folded = value.casefold().replace("-", "_") if "-" not in "".join(known) else value.casefold()
        if folded not in known:
            hint, near = _near(folded, known)
            raise _unknown(name, value, hint, near)
        return folded

    return read


def _size(name: str, value: str, reference: LabelReference) -> str:
    # An unescaped "+" in a URL arrives as a space: "size=10+" is read as it was meant.
    return _choice(*SIZES)(name, "10+" if value == "10" else value, reference)


def _form(pattern: str, like: str, fold: Callable[[str], str] = str) -> Callable[[str, str, LabelReference], str]:
    compiled = re.compile(pattern)

    def read(name: str, value: str, _: LabelReference) -> str:
        folded = fold(value)
        if not compiled.fullmatch(folded):
            raise _bad(name, N_("la forma attesa è, per esempio, {like}"), like=like)
        return folded

    return read


def _date(name: str, value: str, _: LabelReference) -> str:
    try:
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            raise ValueError  # noqa: TRY301 - one refusal for all that is no day
        return dt.date.fromisoformat(value).isoformat()
    except ValueError as error:
        raise _bad(name, N_("la forma attesa è, per esempio, {like}"), like="2026-01-31") from error


def _limit(name: str, value: str, _: LabelReference) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", value) or not 1 <= int(value) <= LIMIT_MAX:
        raise _bad(name, N_("serve un numero da 1 a {most}"), most=LIMIT_MAX)
    return int(value)


_READERS: Final[Mapping[str, Callable[[str, str, LabelReference], Any]]] = {
    "q": _words,
    "territory": _territory,
    "sector": _sector,
    "period": _choice(*PERIODS),
    "size": _size,
    "theme": _choice(*THEMES),
    "kind": _choice(*KINDS),
    "purpose": _choice(*PURPOSES),
    "need": _choice(*CATEGORIES),
    "offer": _choice(*CATEGORIES),
    "target_country": _form(r"[A-Z]{2}", "AL", str.upper),
    "language": _form(r"[a-z]{2}", "en", str.lower),
    "certification": _choice(*CERTIFICATIONS),
    "owner": _form(r"[A-Za-z][A-Za-z0-9_-]{0,31}", "p_LE"),
    "maturity": _choice(*(name for name in MATURITIES if name != "any")),
    "since": _date,
    "witnessed": _choice(YES),
    "sort": _choice(*SORTS),
    "limit": _limit,
}
