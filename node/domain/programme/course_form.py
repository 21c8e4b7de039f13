"""A course as an officer fills it in: fields of a form to the texts of ``course/1``, and back.

In: fields as they were typed. Out: the course, or what is wrong, field by field. Rules: what a signed log would refuse is refused at its field
(empty, too long, a link); roles of trainers stand one a line, in English after a bar. Pure. Source: docs/courses.md, schemas/course.v1.json.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from node.errors import N_, CallerError

ENGLISH: Final = "_en"
ROLES, REGIONS = "ruoli", "regioni"
# Field, the key of the course that its text stands under, the most characters.
TEXTS: Final = (("titolo", "title", 200), ("sintesi", "summary", 4000), ("come", "how", 4000))
NAMES: Final = (*(name for name, _, _ in TEXTS), *(name + ENGLISH for name, _, _ in TEXTS), ROLES)
ROLE_MAX: Final = 200
ROLES_MAX: Final = 40
_LINK: Final = re.compile(r"://|www\.|[<>]", re.IGNORECASE)
_BAR: Final = "|"


@dataclass(frozen=True, slots=True)
class Texts:
    """What a course says of itself, by language; ``roles``: of its trainers, never their names."""

    title: Mapping[str, str]
    summary: Mapping[str, str]
    how: Mapping[str, str]
    regions: tuple[str, ...]
    roles: tuple[Mapping[str, str], ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a form says: the texts, or what is wrong with them by field."""

    texts: Texts | None
    wrong: tuple[tuple[str, CallerError], ...]


def read(fields: Mapping[str, str], regions: Sequence[str]) -> Reading:
    """Return the course of a form, or what is wrong with it: course-field-empty, course-text-long, course-link, course-roles-many."""
    wrong: list[tuple[str, CallerError]] = []
    texts: dict[str, dict[str, str]] = {}
    for name, key, longest in TEXTS:
        texts[key] = {}
        for code, field in (("it", name), ("en", name + ENGLISH)):
            text = _clean(fields.get(field, ""))
            if error := _error(text, longest, must=code == "it"):
                wrong.append((field, error))
            elif text:
                texts[key][code] = text
    roles = [_role(line) for line in _clean(fields.get(ROLES, "")).split("\n") if line.strip()]
    if len(roles) > ROLES_MAX:
        wrong.append((ROLES, CallerError("course-roles-many", N_("al massimo {most} righe"), most=ROLES_MAX)))
    if error := next(
        filter(None, (_error(text, ROLE_MAX, must=True) for role in roles for text in role.values())), None
    ):
        wrong.append((ROLES, error))
    if wrong:
        return Reading(None, tuple(wrong))
    made = Texts(texts["title"], texts["summary"], texts["how"], tuple(sorted(set(regions))), tuple(roles))
    return Reading(made, ())


def _clean(text: str) -> str:
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").strip())


def _role(line: str) -> dict[str, str]:
    italian, _, english = line.partition(_BAR)
    return {"it": italian.strip(), **({"en": english.strip()} if english.strip() else {})}


def _error(text: str, longest: int, *, must: bool) -> CallerError | None:
    if must and not text:
        return CallerError("course-field-empty", N_("manca"))
    if len(text) > longest:
        return CallerError("course-text-long", N_("al massimo {longest} caratteri"), longest=longest)
    if _LINK.search(text):
        return CallerError("course-link", N_("non sono ammessi collegamenti: chi legge arriva all'ufficio dalla pagina dell'annuncio"))  # fmt: skip
    return None


def fields_of(texts: Texts) -> dict[str, str]:
    """Return the fields of a course that is there."""
    said = {"title": texts.title, "summary": texts.summary, "how": texts.how}
    found = {}
    for name, key, _ in TEXTS:
        found[name], found[name + ENGLISH] = said[key].get("it", ""), said[key].get("en", "")
    lines = [f" {_BAR} ".join(filter(None, (role["it"], role.get("en", "")))) for role in texts.roles]
    return {**found, ROLES: "\n".join(lines)}
