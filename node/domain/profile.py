"""The anonymous profile: what an officer may say, and the allow-listed object that leaves.

In: an officer's content (closed vocabularies and gated text), a block of the partition. Out: ``profile/1``. The object is
built new, key by key: a field nobody listed here cannot leave. Labels, kind and maturity come from the block alone.
Source: docs/rules.md P.4, F.2.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from node.domain import rounds, vocabulary
from node.domain.days import day_number
from node.domain.partition import Partition
from node.domain.partition_form import ATTRIBUTES, Block
from node.domain.theme import THEMES
from node.errors import N_, CallerError

TYPE = "profile/1"
TITLE_MAX, SUMMARY_MAX, DESCRIPTION_MAX, WANT_TEXT_MAX = 150, 500, 4000, 500
WANTS_MAX, CAPABILITIES_MAX, COUNTRIES_MAX, LANGUAGES_MAX, CERTIFICATIONS_MAX = 5, 5, 20, 10, 10
VALIDITY_MONTHS = 12
LANGUAGES = ("it", "en")
# Classes that say what a network has or lacks beyond its block: not shown where a whole block would show the same one.
SENSITIVE = ("themes", "certifications")
_ALPHA2 = re.compile(r"[A-Z]{2}")
_LANGUAGE = re.compile(r"[a-z]{2}")
_SECTOR = re.compile(r"[A-U]|[0-9]{2}(?:\.[0-9]{1,2}(?:\.[0-9]{1,2})?)?|\*")
_TERRITORY = re.compile(r"[A-Z]{2}|[A-Z]{3}[A-Z0-9]?")

Text = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Want:
    """A need or an offer: a category of the closed list, and perhaps a gated text."""

    category: str
    text: Text


@dataclass(frozen=True, slots=True)
class Partner:
    """The partner sought, in general terms."""

    role: str
    sector: str
    territory: str
    size: str


@dataclass(frozen=True, slots=True)
class ProfileContent:
    """What the officer decides; made only by ``parse_content``."""

    purpose: str
    title: Text
    summary: Text
    description: Text
    themes: tuple[str, ...]
    capabilities: tuple[str, ...]
    needs: tuple[Want, ...]
    offers: tuple[Want, ...]
    partner: Partner
    target_countries: tuple[str, ...]
    languages: tuple[str, ...]
    certifications: tuple[str, ...]
    valid_until: dt.date | None
    deadline: dt.date | None

    def texts(self) -> Iterator[tuple[str, str]]:
        """Yield (place, text) of every free text, in the order of the gate."""
        for name, text in (("title", self.title), ("summary", self.summary), ("description", self.description)):
            for language, value in text.items():
                yield f"{name}.{language}", value
        for name, wants in (("needs", self.needs), ("offers", self.offers)):
            for number, want in enumerate(wants, 1):
                for language, value in want.text.items():
                    yield f"{name}.{number}.{language}", value

    def classes(self) -> dict[str, tuple[str, ...]]:
        """Return what the content says of the sensitive attributes."""
        return {"themes": self.themes, "certifications": self.certifications}

    def without(self, attributes: Collection[str]) -> ProfileContent:
        """Return the content with some sensitive attributes left empty."""
        return replace(
            self,
            themes=() if "themes" in attributes else self.themes,
            certifications=() if "certifications" in attributes else self.certifications,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the content as ``parse_content`` reads it."""
        return {
            "purpose": self.purpose,
            "title": dict(self.title),
            "summary": dict(self.summary),
            "description": dict(self.description),
            "themes": list(self.themes),
            "capabilities": list(self.capabilities),
            "needs": [_want_dict(want) for want in self.needs],
            "offers": [_want_dict(want) for want in self.offers],
            "partner": _partner_dict(self.partner),
            "target_countries": list(self.target_countries),
            "languages": list(self.languages),
            "certifications": list(self.certifications),
            "valid_until": self.valid_until.isoformat() if self.valid_until else None,
            "deadline": self.deadline.isoformat() if self.deadline else None,
        }


def _want_dict(want: Want) -> dict[str, Any]:
    return {"category": want.category, "text": dict(want.text)} if want.text else {"category": want.category}


def _partner_dict(partner: Partner) -> dict[str, str]:
    return {"role": partner.role, "sector": partner.sector, "territory": partner.territory, "size": partner.size}


def _refuse(field: str, reason: str, hint: str = "", **facts: object) -> CallerError:
    return CallerError("profile-field-bad", reason, where=field, hint=hint, **facts)


def clean(text: str) -> str:
    """Return ``text`` in NFC with single spaces inside lines and no control characters but newlines."""
    lines = unicodedata.normalize("NFC", text.replace("\r\n", "\n")).split("\n")
    kept = (" ".join("".join(c if c.isprintable() else " " for c in line).split()) for line in lines)
    return "\n".join(kept).strip()


def _text(field: str, value: Any, longest: int, *, required: bool) -> Text:
    if value is None or value in ("", {}):
        if required:
            raise _refuse(field, N_("manca il testo"))
        return {}
    raw = {"it": value} if isinstance(value, str) else value
    if (
        not isinstance(raw, Mapping)
        or not set(raw) <= set(LANGUAGES)
        or not all(isinstance(v, str) for v in raw.values())
    ):
        raise _refuse(field, N_("serve un testo, o un testo per lingua (it, en)"))
    cleaned = {language: text for language in LANGUAGES if (text := clean(raw.get(language, "")))}
    if not cleaned and not required:
        return {}
    if "it" not in cleaned:
        raise _refuse(field, N_("manca il testo in italiano"))
    for text in cleaned.values():
        if len(text) > longest:
            raise _refuse(
                field, N_("testo di {length} caratteri: al massimo {longest}"), length=len(text), longest=longest
            )
    return cleaned


def _list(field: str, value: Any, most: int, allowed: Callable[[str], bool]) -> tuple[str, ...]:
    items = [] if value is None else value
    if not isinstance(items, Sequence) or isinstance(items, str):
        raise _refuse(field, N_("serve un elenco"))
    if len(items) > most:
        raise _refuse(field, N_("al massimo {most} voci"), most=most)
    for item in items:
        if not isinstance(item, str) or not allowed(item):
            raise _refuse(field, N_("voce non ammessa: {item}"), item=str(item)[:60])
    return tuple(dict.fromkeys(items))


def _one(field: str, value: Any, default: str, allowed: Callable[[str], bool]) -> str:
    chosen = default if value in (None, "") else value
    if not isinstance(chosen, str) or not allowed(chosen):
        raise _refuse(field, N_("valore non ammesso: {item}"), item=str(chosen)[:60])
    return chosen


def _wants(field: str, value: Any) -> tuple[Want, ...]:
    items = [] if value is None else value
    if not isinstance(items, Sequence) or isinstance(items, str) or len(items) > WANTS_MAX:
        raise _refuse(field, N_("serve un elenco di al massimo {most} voci"), most=WANTS_MAX)
    found = []
    for number, item in enumerate(items, 1):
        place = f"{field}.{number}"
        if not isinstance(item, Mapping) or not set(item) <= {"category", "text"}:
            raise _refuse(place, N_("serve una categoria e, se si vuole, un testo"))
        category = _one(place, item.get("category"), "", vocabulary.CATEGORIES.__contains__)
        found.append(Want(category, _text(place, item.get("text"), WANT_TEXT_MAX, required=False)))
    return tuple(found)


def _day(field: str, value: Any) -> dt.date | None:
    if value in (None, ""):
        return None
    try:
        day = value if isinstance(value, dt.date) else dt.date.fromisoformat(str(value))
    except ValueError as error:
        raise _refuse(field, N_("serve una data aaaa-mm-gg")) from error
    return month_end(day)


def month_end(day: dt.date) -> dt.date:
    """Return the last day of the month: exact deadlines would tell cases apart."""
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def _partner(value: Any) -> Partner:
    raw = {} if value is None else value
    if not isinstance(raw, Mapping) or not set(raw) <= {"role", "sector", "territory", "size"}:
        raise _refuse("partner", N_("ammessi role, sector, territory, size"))
    return Partner(
        role=_one("partner.role", raw.get("role"), "any", vocabulary.ROLES.__contains__),
        sector=_one("partner.sector", raw.get("sector"), "*", lambda v: bool(_SECTOR.fullmatch(v))),
        territory=_one("partner.territory", raw.get("territory"), "IT", lambda v: bool(_TERRITORY.fullmatch(v))),
        size=_one("partner.size", raw.get("size"), "any", vocabulary.PARTNER_SIZES.__contains__),
    )


def shared_by_all(block: Sequence[Mapping[str, Collection[str]]]) -> tuple[str, ...]:
    """Return the sensitive attributes in which all profiles of a block, two or more, would show one same class.

    Who knows that a network is in the block would know the class of the network, without knowing which profile is its.
    """
    if len(block) < 2:
        return ()
    return tuple(name for name in SENSITIVE if set.intersection(*(set(shown[name]) for shown in block)))


CONTENT_KEYS = frozenset(ProfileContent.__slots__)


def parse_content(raw: Mapping[str, Any]) -> ProfileContent:
    """Return an officer's content. Raises: CallerError(profile-field-unknown | profile-field-bad), ``where`` the field."""
    unknown = set(raw) - CONTENT_KEYS
    if unknown:
        raise CallerError(
            "profile-field-unknown",
            N_("campo sconosciuto: {field}"),
            hint=N_("campi ammessi: {known}"),
            field=min(map(str, unknown))[:60],
            known=", ".join(sorted(CONTENT_KEYS)),
        )
    return ProfileContent(
        purpose=_one("purpose", raw.get("purpose"), "offer", vocabulary.PURPOSES.__contains__),
        title=_text("title", raw.get("title"), TITLE_MAX, required=True),
        summary=_text("summary", raw.get("summary"), SUMMARY_MAX, required=True),
        description=_text("description", raw.get("description"), DESCRIPTION_MAX, required=False),
        themes=_list("themes", raw.get("themes"), len(THEMES), THEMES.__contains__),
        capabilities=_list(
            "capabilities", raw.get("capabilities"), CAPABILITIES_MAX, vocabulary.CAPABILITIES.__contains__
        ),
        needs=_wants("needs", raw.get("needs")),
        offers=_wants("offers", raw.get("offers")),
        partner=_partner(raw.get("partner")),
        target_countries=_list(
            "target_countries", raw.get("target_countries"), COUNTRIES_MAX, lambda v: bool(_ALPHA2.fullmatch(v))
        ),
        languages=_list("languages", raw.get("languages"), LANGUAGES_MAX, lambda v: bool(_LANGUAGE.fullmatch(v))),
        certifications=_list(
            "certifications", raw.get("certifications"), CERTIFICATIONS_MAX, vocabulary.CERTIFICATIONS.__contains__
        ),
        valid_until=_day("valid_until", raw.get("valid_until")),
        deadline=_day("deadline", raw.get("deadline")),
    )


def labels_dict(block: Block) -> dict[str, dict[str, Any]]:
    """Return the block's labels as they stand in a profile."""
    return {name: {"level": block.labels[name].level, "values": list(block.labels[name].values)} for name in ATTRIBUTES}


def build_body(
    *,
    profile_id: str,
    owner: str,
    round_day: dt.date,
    block: Block,
    partition: Partition,
    content: ProfileContent,
    potential: bool = False,
) -> dict[str, Any]:
    """Return ``profile/1``: everything that leaves, built new from the block and the approved content.

    ``potential``: of an aggregation without a contract, whose block is domain/potential's.
    """
    valid_until = content.valid_until or default_validity(round_day)
    body: dict[str, Any] = {
        "type": TYPE,
        "id": profile_id,
        "owner": owner,
        "purpose": content.purpose,
        "round": day_number(round_day),
        "title": dict(content.title),
        "summary": dict(content.summary),
        "labels": labels_dict(block),
        "kind": block.kind,
        "maturity": rounds.POTENTIAL if potential else rounds.maturity(block.labels["period"], round_day),
        "partition": {"version": partition.version, "digest": partition.digest},
        "themes": list(content.themes),
        "capabilities": list(content.capabilities),
        "needs": [_want_dict(want) for want in content.needs],
        "offers": [_want_dict(want) for want in content.offers],
        "partner": _partner_dict(content.partner),
        "target_countries": list(content.target_countries),
        "languages": list(content.languages),
        "certifications": list(content.certifications),
        "valid_until": valid_until.isoformat(),
    }
    if content.description:
        body["description"] = dict(content.description)
    if content.deadline is not None:
        body["deadline"] = content.deadline.isoformat()
    return body


def default_validity(round_day: dt.date) -> dt.date:
    """Return the month's end twelve months on."""
    year, month = divmod(round_day.month - 1 + VALIDITY_MONTHS, 12)
    return month_end(dt.date(round_day.year + year, month + 1, 1))


def sentence(red_hits: int, *, held: bool = False, potential: bool = False) -> str:
    """Return the plain Italian sentence (a catalogue id with ``{candidates}``) that the approver reads."""
    if potential:
        return N_(
            "ATTENZIONE: questa aggregazione non è ancora in nessun elenco pubblico, quindi nessun gruppo di reti la nasconde. Escono solo la regione e la sezione ATECO, dove oggi ci sono {candidates} reti iscritte; chi sa con chi l'ufficio sta lavorando può riconoscerla."
        )
    if held:
        return N_(
            "Oggi solo {candidates} reti del registro pubblico hanno queste caratteristiche: troppo poche, la scheda è trattenuta."
        )
    if red_hits:
        return N_(
            "Questa scheda corrisponde ad almeno {candidates} reti del registro; il testo la farebbe riconoscere: correggere."
        )
    return N_(
        "Questa scheda corrisponde ad almeno {candidates} reti del registro pubblico: chi la legge non può sapere quale sia."
    )
