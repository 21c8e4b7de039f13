"""The form in which a profile is written: its fields as they were filled in, and the content that they say.

In: fields of a form, or a content as it is kept. Out: the other of the two. What is wrong with a content says
``domain/profile.parse_content``; here is only at which field that is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from multidict import MultiDict, MultiDictProxy

from node.domain import profile, vocabulary
from node.domain.profile import LANGUAGES, WANTS_MAX
from node.domain.theme import THEME_TITLES
from node.errors import N_
from node.web.pages.shown import Reader

TEXTS: Final = ("title", "summary", "description")
SIDES: Final = ("needs", "offers")
LISTS: Final = ("themes", "capabilities", "certifications")
CODES: Final = ("target_countries", "languages")
PARTNER: Final = ("role", "sector", "territory", "size")
DAYS: Final = ("valid_until", "deadline")
_BETWEEN = re.compile(r"[\s,;]+")
ANY_SIZE: Final = N_("Qualsiasi")


@dataclass(frozen=True, slots=True)
class Filled:
    """A form as it stands: single fields by name, ticked values by list, and at which row each need and offer was written."""

    given: Mapping[str, str]
    chosen: Mapping[str, Sequence[str]]
    rows: Mapping[str, Sequence[int]]

    def content(self) -> dict[str, Any]:
        """Return what the form says, for ``parse_content``."""
        given = self.given
        return {
            "purpose": given["purpose"],
            **{name: {language: given[f"{name}_{language}"] for language in LANGUAGES} for name in TEXTS},
            **{name: list(self.chosen[name]) for name in LISTS},
            **{side: [self._want(side, row) for row in self.rows[side]] for side in SIDES},
            "partner": {name: given[f"partner_{name}"].strip() for name in PARTNER},
            "target_countries": _codes(given["target_countries"].upper()),
            "languages": _codes(given["languages"].lower()),
            **{name: given[name] or None for name in DAYS},
        }

    def _want(self, side: str, row: int) -> dict[str, Any]:
        texts = {language: self.given[f"{side}_{row}_{language}"] for language in LANGUAGES}
        category = self.given[f"{side}_{row}_category"]
        return {"category": category, **({"text": texts} if any(text.strip() for text in texts.values()) else {})}

    def field_of(self, where: str) -> str:
        """Return the id of the field that a refusal is about, empty where it is about none."""
        name, _, rest = where.partition(".")
        if name in TEXTS:
            return f"{name}_{rest if rest in LANGUAGES else 'it'}"
        if name in SIDES and rest.split(".")[0].isdigit():
            at = int(rest.split(".")[0]) - 1
            return f"{name}_{self.rows[name][at]}_category" if at < len(self.rows[name]) else name
        if name == "partner":
            return f"partner_{rest or 'role'}"
        return name if name in (*LISTS, *CODES, *DAYS, *SIDES, "purpose") else ""


def _codes(text: str) -> list[str]:
    return [code for code in _BETWEEN.split(text) if code]


def _names() -> list[str]:
    wants = [
        f"{side}_{row}_{part}" for side in SIDES for row in range(1, WANTS_MAX + 1) for part in ("category", *LANGUAGES)
    ]
    texts = [f"{name}_{language}" for name in TEXTS for language in LANGUAGES]
    return ["purpose", *texts, *wants, *(f"partner_{name}" for name in PARTNER), *CODES, *DAYS]


def read(form: MultiDictProxy[Any] | MultiDict[Any]) -> Filled:
    """Return a form as it was sent; fields that are missing are empty."""
    given = {name: value if isinstance(value := form.get(name, ""), str) else "" for name in _names()}
    chosen = {name: [str(value) for value in form.getall(name, ())] for name in LISTS}
    rows = {
        side: [
            row
            for row in range(1, WANTS_MAX + 1)
            if any(given[f"{side}_{row}_{part}"].strip() for part in ("category", *LANGUAGES))
        ]
        for side in SIDES
    }
    return Filled(given, chosen, rows)


def fill(content: Mapping[str, Any]) -> Filled:
    """Return the form that says a content; what it does not say in its right form is left out."""
    kept = profile.parse_content(content).to_dict()
    form: MultiDict[Any] = MultiDict({"purpose": kept["purpose"]})
    for name in TEXTS:
        form.update({f"{name}_{language}": text for language, text in kept[name].items()})
    for side in SIDES:
        for row, want in enumerate(kept[side], 1):
            form[f"{side}_{row}_category"] = want["category"]
            form.update({f"{side}_{row}_{language}": text for language, text in want.get("text", {}).items()})
    form.update({f"partner_{name}": kept["partner"][name] for name in PARTNER})
    form.update({name: ", ".join(kept[name]) for name in CODES})
    form.update({name: kept[name] or "" for name in DAYS})
    for name in LISTS:
        for value in kept[name]:
            form.add(name, value)
    return read(form)


def options(reader: Reader) -> dict[str, list[tuple[str, str]]]:
    """Return what the form's lists offer."""
    lists = {
        "purpose": vocabulary.PURPOSES,
        "capabilities": vocabulary.CAPABILITIES,
        "certifications": vocabulary.CERTIFICATIONS,
        "category": vocabulary.CATEGORIES,
        "role": vocabulary.ROLES,
    }
    return {
        **{name: [(key, reader.title(titles, key)) for key in titles] for name, titles in lists.items()},
        "themes": [(key, reader.tr(title)) for key, title in THEME_TITLES.items()],
        "size": [(key, reader.tr(ANY_SIZE) if key == "any" else key) for key in vocabulary.PARTNER_SIZES],
    }
