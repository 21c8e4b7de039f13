"""A service of assistance as an officer fills it in: fields of a form to ``service/1``, and back.

In: fields as they were typed. Out: the document without owner and revision, or what is wrong, field by field. Rules: an empty cost is free; an amount
is written as people write it, with a comma or a point before the cents; what the form does not ask for (a deadline) stays as it was. Pure.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from node.domain.programme.announcement import LINE_TITLES, SERVICE, Announcement
from node.errors import N_, CallerError

FREE: Final = "free"
# Field, the key of the document that its text stands under, whether it must be there.
TEXTS: Final = (
    ("titolo", "title", 200),
    ("sintesi", "summary", 4000),
    ("descrizione", "description", 4000),
    ("come", "how", 4000),
)
ENGLISH: Final = "_en"
LINE, COST, BEGINS, ENDS, REGIONS = "linea", "costo", "dal", "al", "regioni"
NAMES: Final = (*(name for name, _, _ in TEXTS), *(name + ENGLISH for name, _, _ in TEXTS), LINE, COST, BEGINS, ENDS)
# With or without points between thousands; a comma or a point before two digits of cents.
_AMOUNT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{3})+|[0-9]{1,10})(?:[,.]([0-9]{1,2}))?(?:\s*(?:€|euro))?")
_LINK = re.compile(r"://|www\.|[<>]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a form says: a document, or what is wrong with it by field."""

    document: Mapping[str, Any] | None
    wrong: tuple[tuple[str, CallerError], ...]


def read(
    fields: Mapping[str, str], regions: Sequence[str], item_id: str, before: Announcement | None = None
) -> Reading:
    """Return the document of a form; ``before``: what it changes."""
    wrong: list[tuple[str, CallerError]] = []
    texts: dict[str, dict[str, str]] = {}
    for name, key, longest in TEXTS:
        texts[key] = {}
        for code, field in (("it", name), ("en", name + ENGLISH)):
            text = unicodedata.normalize("NFC", fields.get(field, "").replace("\r\n", "\n").strip())
            if error := _text_error(text, longest, must=code == "it"):
                wrong.append((field, error))
            elif text:
                texts[key][code] = text
    if fields.get(LINE) not in LINE_TITLES:
        wrong.append((LINE, CallerError("service-field-empty", N_("scegliere una linea di assistenza"))))
    cost = _cost(fields.get(COST, "").strip())
    if cost is None:
        wrong.append(
            (COST, CallerError("service-cost-bad", N_("la forma attesa è, per esempio, {like}"), like="120,00"))
        )
    days = {}
    for field in (BEGINS, ENDS):
        days[field] = _day(fields.get(field, "").strip())
        if days[field] == "":
            wrong.append((field, CallerError("service-day-bad", N_("la forma attesa è, per esempio, {like}"), like="2026-01-31")))  # fmt: skip
    begins, ends = days[BEGINS], days[ENDS]
    if begins and ends and ends < begins:
        wrong.append((ENDS, CallerError("service-day-bad", N_("finisce prima di cominciare"))))
    if wrong:
        return Reading(None, tuple(wrong))
    deadline = before.deadline.isoformat() if before is not None and before.deadline is not None else None
    document = {
        "type": "service/1",
        "id": item_id,
        "title": texts["title"],
        "summary": texts["summary"],
        "regions": sorted(set(regions)),
        "begins": begins,
        "ends": ends,
        "deadline": deadline,
        SERVICE: {"line": fields[LINE], "description": texts["description"], "cost": cost, "how": texts["how"]},
    }
    return Reading(document, ())


def _text_error(text: str, longest: int, *, must: bool) -> CallerError | None:
    if must and not text:
        return CallerError("service-field-empty", N_("manca"))
    if len(text) > longest:
        return CallerError("service-text-long", N_("al massimo {longest} caratteri"), longest=longest)
    if _LINK.search(text):
        return CallerError(
            "service-link",
            N_("non sono ammessi collegamenti: chi legge arriva all'ufficio dalla pagina dell'annuncio"),
        )
    return None


def _cost(text: str) -> str | None:
    """Return a cost as the document has it, None for what is no amount; nothing, and zero, is free."""
    if not text:
        return FREE
    found = _AMOUNT.fullmatch(text)
    if found is None:
        return None
    cents = (found.group(2) or "00").ljust(2, "0")
    amount = Decimal(f"{found.group(1).replace('.', '')}.{cents}")
    return f"{amount:.2f}" if amount else FREE


def _day(text: str) -> str | None:
    """Return a day, None for none, empty for what is no day."""
    if not text:
        return None
    try:
        day = dt.date.fromisoformat(text) if re.fullmatch(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}", text) else None
    except ValueError:
        day = None
    return day.isoformat() if day is not None else ""


def fields_of(made: Announcement) -> dict[str, str]:
    """Return the fields of a service that is there."""
    texts = {"title": made.title, "summary": made.summary, **{key: made.detail[key] for key in ("description", "how")}}
    found = {}
    for name, key, _ in TEXTS:
        found[name], found[name + ENGLISH] = texts[key].get("it", ""), texts[key].get("en", "")
    cost = made.detail["cost"]
    return {
        **found,
        LINE: made.detail["line"],
        COST: "" if cost == FREE else cost.replace(".", ","),
        BEGINS: made.begins.isoformat() if made.begins else "",
        ENDS: made.ends.isoformat() if made.ends else "",
    }
