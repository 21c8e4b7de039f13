"""A joint call: what several bodies ask for together, in one text that each of them has endorsed to the byte.

In: the inner document of ``call/1``, and which digest stands in which issuer's log. Out: a call whose every rule is written down, or
one refusal that names the field; whether it is open. Rules: the digest is over the canonical bytes of the inner document, so that a
changed byte is another call; it is open only where the newest ``call/1`` of every issuer's log carries that digest, from its opening
moment to just before its closing one. Weights sum to 100 and shares to the budget; amounts are text, and nothing is a float.
Pure. Source: PROTOCOL 14.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from node.domain.vocabulary import Titles
from node.errors import N_, CallerError

BY_SCORE, BY_ARRIVAL, MIXED = MODES = ("score", "arrival", "mixed")
PARTIAL, SKIP, STOP = LAST_RULES = ("partial", "skip", "stop")
KINDS: Final = ("contract", "entity")
CRITERIA: Titles = {
    "innovation": ("Innovazione", "Innovation"),
    "production-abroad": ("Internazionalizzazione produttiva", "Productive internationalisation"),
    "trade-abroad": ("Internazionalizzazione commerciale", "Commercial internationalisation"),
    "certification": ("Certificazione dei processi", "Certification of processes"),
}
ARRIVAL, PROTOCOL = "arrival", "protocol"
CRITERION_TIE: Final = "criterion:"
DE_MINIMIS_CEILING, DE_MINIMIS_YEARS = Decimal("300000.00"), 3
ISSUERS_MAX, CRITERIA_MAX, EVALUATORS_MAX = 8, 12, 5
_AMOUNT: Final = re.compile(r"(?:0|[1-9][0-9]{0,9})\.[0-9]{2}")
_MOMENT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_NODE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")
_CODE: Final = re.compile(r"[a-z][a-z0-9-]{0,39}")
_REGION: Final = re.compile(r"IT[A-Z][0-9A-Z]")
_PROVINCE: Final = re.compile(r"[A-Z]{2}")
_DIGEST_PREFIX: Final = b"rete/call/v1\n"
_KEYS: Final = frozenset(
    {
        "v", "id", "title", "text", "eligibility", "how", "regions", "issuers", "shares", "budget", "opens", "closes", "mode",
        "threshold", "criteria", "scale", "evaluators", "rounding", "ties", "last", "max_grant", "rules", "appeals_days", "instalments",
    }
)  # fmt: skip
_RULES: Final = frozenset({"members_min", "members_max", "provinces", "kinds", "documents", "de_minimis"})


@dataclass(frozen=True, slots=True)
class Issuer:
    """A body that issues the call, and what it puts in."""

    node: str
    share: Decimal


@dataclass(frozen=True, slots=True)
class Criterion:
    """What is judged, and how many points of a hundred it is worth."""

    code: str
    title: Mapping[str, str]
    weight: int


@dataclass(frozen=True, slots=True)
class Rules:
    """Who may apply; no provinces: from anywhere; ``members_max`` 0: without an upper bound."""

    members_min: int
    members_max: int
    provinces: tuple[str, ...]
    kinds: tuple[str, ...]
    documents: tuple[str, ...]
    ceiling: Decimal
    years: int


@dataclass(frozen=True, slots=True)
class Call:
    """A call whose every rule holds; ``threshold`` None: no least score. The first issuer computes the ranking."""

    call_id: str
    title: Mapping[str, str]
    text: Mapping[str, str]
    eligibility: Mapping[str, str]
    how: Mapping[str, str]
    regions: tuple[str, ...]
    issuers: tuple[Issuer, ...]
    budget: Decimal
    opens: dt.datetime
    closes: dt.datetime
    mode: str
    threshold: Decimal | None
    criteria: tuple[Criterion, ...]
    scale: int
    evaluators: int
    ties: tuple[str, ...]
    last: str
    max_grant: Decimal
    rules: Rules
    appeals_days: int
    instalments: tuple[int, ...]
    digest: str

    @property
    def lead(self) -> str:
        """The issuer that computes the ranking; the others compute it again."""
        return self.issuers[0].node

    @property
    def is_scored(self) -> bool:
        """Whether evaluators give points."""
        return self.mode != BY_ARRIVAL


def encode(document: Mapping[str, Any]) -> bytes:
    """Return the canonical bytes of a document: sorted keys, no spaces, UTF-8."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def digest_of(document: Mapping[str, Any]) -> str:
    """Return the digest (hex) by which an issuer endorses the inner document of a call (PROTOCOL 14.2)."""
    return hashlib.sha256(_DIGEST_PREFIX + encode(document)).hexdigest()


def bad(field: str, why: str, **facts: object) -> CallerError:
    """Return the refusal of a call, naming the field."""
    return CallerError("call-bad", why, where=field, hint=N_("correggere il testo del bando"), **facts)


def parse(document: Any) -> Call:
    """Return the call of an inner document. Raises: CallerError(call-bad) that names the field."""
    if type(document) is not dict or document.keys() != _KEYS or document["v"] is True or document["v"] != 1:
        raise bad("call", N_("servono esattamente i campi della versione 1"))
    issuers, criteria = _issuers(document["issuers"], document["shares"]), _criteria(document["criteria"])
    budget = amount_of(document["budget"], "budget")
    if budget <= 0 or sum((issuer.share for issuer in issuers), Decimal()) != budget:
        raise bad("issuers", N_("le quote degli enti devono dare la dotazione"))
    opens, closes = _moment(document["opens"], "opens"), _moment(document["closes"], "closes")
    if closes <= opens:
        raise bad("closes", N_("la scadenza viene prima dell'apertura"))
    mode = _one_of(document["mode"], MODES, "mode")
    if document["rounding"] != {"mode": "half-even", "digits": 2}:
        raise bad("rounding", N_("i punteggi si arrotondano alla seconda cifra, al pari più vicino (half-even)"))
    max_grant = amount_of(document["max_grant"], "max_grant")
    if not 0 < max_grant <= budget:
        raise bad("max_grant", N_("il contributo massimo deve essere positivo e non oltre la dotazione"))
    return Call(
        call_id=_uuid(document["id"]),
        title=_texts(document["title"], "title", 200),
        text=_texts(document["text"], "text", 4000),
        eligibility=_texts(document["eligibility"], "eligibility", 4000),
        how=_texts(document["how"], "how", 4000),
        regions=_list_of(document["regions"], _REGION, "regions"),
        issuers=issuers,
        budget=budget,
        opens=opens,
        closes=closes,
        mode=mode,
        threshold=_threshold(document["threshold"], mode),
        criteria=criteria,
        scale=_whole(document["scale"], 1, 100, "scale"),
        evaluators=_whole(document["evaluators"], 2, EVALUATORS_MAX, "evaluators"),
        ties=_ties(document["ties"], criteria),
        last=_one_of(document["last"], LAST_RULES, "last"),
        max_grant=max_grant,
        rules=_rules(document["rules"]),
        appeals_days=_whole(document["appeals_days"], 0, 365, "appeals_days"),
        instalments=_instalments(document["instalments"]),
        digest=digest_of(document),
    )


def amount_of(value: Any, field: str) -> Decimal:
    """Return an amount of euro, written with two decimals. Raises: CallerError(call-bad)."""
    if type(value) is not str or not _AMOUNT.fullmatch(value):
        raise bad(field, N_("gli importi si scrivono con due decimali, per esempio 1500.00"))
    return Decimal(value)


def _issuers(nodes: Any, shares: Any) -> tuple[Issuer, ...]:
    if type(nodes) is not list or not 2 <= len(nodes) <= ISSUERS_MAX:
        raise bad("issuers", N_("un bando congiunto ha da 2 a {most} enti"), most=ISSUERS_MAX)
    if type(shares) is not list or len(shares) != len(nodes):
        raise bad("shares", N_("serve la quota di ogni ente, nello stesso ordine"))
    if not all(_is(node, _NODE) for node in nodes) or len(set(nodes)) != len(nodes):
        raise bad("issuers", N_("un ente compare due volte, o non è un nodo"))
    return tuple(Issuer(node, amount_of(share, "shares")) for node, share in zip(nodes, shares, strict=True))


def _criteria(value: Any) -> tuple[Criterion, ...]:
    if type(value) is not list or not 1 <= len(value) <= CRITERIA_MAX:
        raise bad("criteria", N_("servono da 1 a {most} criteri"), most=CRITERIA_MAX)
    found = []
    for item in value:
        if type(item) is not dict or item.keys() != {"code", "title", "weight"} or not _is(item["code"], _CODE):
            raise bad("criteria", N_("di ogni criterio servono codice, titolo e peso"))
        weight = _whole(item["weight"], 1, 100, "criteria")
        found.append(Criterion(item["code"], _texts(item["title"], "criteria", 200), weight))
    if len({criterion.code for criterion in found}) != len(found):
        raise bad("criteria", N_("un criterio compare due volte"))
    if sum(criterion.weight for criterion in found) != 100:
        raise bad("criteria", N_("i pesi dei criteri devono dare 100"))
    return tuple(found)


def _threshold(value: Any, mode: str) -> Decimal | None:
    if value is None and mode != MIXED:
        return None
    if mode == BY_ARRIVAL or not _is(value, _AMOUNT) or Decimal(value) > 100:
        raise bad(
            "threshold", N_("la soglia va da 0.00 a 100.00: serve nel modo misto e non c'è nell'ordine di arrivo")
        )
    return Decimal(value)


def _ties(value: Any, criteria: Sequence[Criterion]) -> tuple[str, ...]:
    known = {ARRIVAL, PROTOCOL, *(CRITERION_TIE + criterion.code for criterion in criteria)}
    # The number of arrival is each application's own: with it last, no two stay equal.
    if (
        type(value) is not list or not value or value[-1] != PROTOCOL or any(type(item) is not str for item in value)
        or not known.issuperset(value) or len(set(value)) != len(value)
    ):  # fmt: skip
        raise bad("ties", N_("a parità di punti valgono criteri del bando, poi l'arrivo, e per ultimo il protocollo"))
    return tuple(value)


def _rules(value: Any) -> Rules:
    if type(value) is not dict or value.keys() != _RULES:
        raise bad("rules", N_("servono esattamente i campi della versione 1"))
    least = _whole(value["members_min"], 2, 10_000, "rules.members_min")
    most = _whole(value["members_max"], 0, 10_000, "rules.members_max")
    if 0 < most < least:
        raise bad("rules.members_max", N_("il massimo di imprese è sotto il minimo"))
    minimis = value["de_minimis"]
    if type(minimis) is not dict or minimis.keys() != {"ceiling", "years"}:
        raise bad("rules.de_minimis", N_("servono massimale e anni"))
    return Rules(
        least,
        most,
        _list_of(value["provinces"], _PROVINCE, "rules.provinces"),
        tuple(_one_of(kind, KINDS, "rules.kinds") for kind in _list_of(value["kinds"], _CODE, "rules.kinds", 1)),
        _list_of(value["documents"], _CODE, "rules.documents"),
        amount_of(minimis["ceiling"], "rules.de_minimis"),
        _whole(minimis["years"], 1, 10, "rules.de_minimis"),
    )  # fmt: skip


def _instalments(value: Any) -> tuple[int, ...]:
    if type(value) is not list or not 1 <= len(value) <= 10:
        raise bad("instalments", N_("servono da 1 a 10 rate"))
    found = tuple(_whole(item, 1, 100, "instalments") for item in value)
    if sum(found) != 100:
        raise bad("instalments", N_("le rate devono dare 100"))
    return found


def _list_of(value: Any, form: re.Pattern[str], field: str, least: int = 0) -> tuple[str, ...]:
    if type(value) is not list or not least <= len(value) <= 200 or not all(_is(item, form) for item in value):
        raise bad(field, N_("elenco non valido"))
    if value != sorted(set(value)):
        raise bad(field, N_("l'elenco va in ordine e senza doppioni"))
    return tuple(value)


def _texts(value: Any, field: str, longest: int) -> Mapping[str, str]:
    if type(value) is not dict or "it" not in value or not value.keys() <= {"it", "en"}:
        raise bad(field, N_("serve il testo italiano, e a scelta l'inglese"))
    if not all(type(text) is str and text.strip() and len(text) <= longest for text in value.values()):
        raise bad(field, N_("il testo è vuoto o ha più di {longest} caratteri"), longest=longest)
    return value


def _one_of(value: Any, choices: Sequence[str], field: str) -> str:
    if type(value) is not str or value not in choices:
        raise bad(field, N_("valori: {choices}"), choices=", ".join(choices))
    return value


def _whole(value: Any, least: int, most: int, field: str) -> int:
    if type(value) is not int or not least <= value <= most:
        raise bad(field, N_("serve un numero intero da {least} a {most}"), least=least, most=most)
    return value


def _moment(value: Any, field: str) -> dt.datetime:
    try:
        if _is(value, _MOMENT):
            return dt.datetime.fromisoformat(value)
    except ValueError:
        pass
    raise bad(field, N_("i momenti si scrivono in UTC, per esempio 2027-01-15T08:00:00Z"))


def is_id(value: Any) -> bool:
    """Tell whether a value is a random UUID (version 4) as everybody writes it."""
    try:
        return type(value) is str and str(uuid.UUID(value)) == value and uuid.UUID(value).version == 4
    except ValueError:
        return False


def _uuid(value: Any) -> str:
    if not is_id(value):
        raise bad("id", N_("serve un UUID casuale (versione 4)"))
    return str(value)


def _is(value: Any, form: re.Pattern[str]) -> bool:
    return type(value) is str and form.fullmatch(value) is not None


def announced(call: Call, document: Mapping[str, Any], first: dt.date, last: dt.date) -> dict[str, Any]:
    """Return the announcement by which an issuer endorses a call, but for its own id; ``first``, ``last``: its days in Rome."""
    return {
        "type": "call/1", "title": dict(call.title), "summary": dict(call.text), "regions": list(call.regions),
        "begins": first.isoformat(), "ends": None, "deadline": last.isoformat(), "call": dict(document),
    }  # fmt: skip


# --- open or closed ---

UNENDORSED, CONTESTED, ANNOUNCED, OPEN, CLOSED = STATES = ("unendorsed", "contested", "announced", "open", "closed")


@dataclass(frozen=True, slots=True)
class Standing:
    """How a call stands: its state, whose endorsement is missing, and who has endorsed other bytes."""

    state: str
    missing: tuple[str, ...] = ()
    differing: tuple[str, ...] = ()

    @property
    def is_endorsed(self) -> bool:
        """Whether every issuer's log carries these bytes."""
        return self.state in (ANNOUNCED, OPEN, CLOSED)


def standing(call: Call, endorsed: Mapping[str, Sequence[str]], now: dt.datetime) -> Standing:
    """Return how a call stands by the logs alone: ``endorsed`` has, per node, the digests of its live documents of this call's id.

    Two live documents of one issuer contradict each other: it has then endorsed neither.
    """
    said = {issuer.node: tuple(sorted(set(endorsed.get(issuer.node, ())))) for issuer in call.issuers}
    missing = tuple(node for node, digests in said.items() if not digests)
    differing = tuple(node for node, digests in said.items() if digests and digests != (call.digest,))
    if differing:
        return Standing(CONTESTED, missing, differing)
    if missing:
        return Standing(UNENDORSED, missing)
    return Standing(ANNOUNCED if now < call.opens else OPEN if now < call.closes else CLOSED)
