"""What people write and choose in introductions, checked field by field.

In: what was typed. Out: the same cleaned, within its length, or among the choices. Rules: a refusal names its field. Source: domain/introduction.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from node.domain import introduction_texts
from node.domain.introduction import SHORT_MAX_CHARS, TEXT_MAX_CHARS
from node.errors import N_, CallerError


def checked_short(where: str, text: str) -> str:
    """Return one line as it is kept. Raises: CallerError(introduction-applicant-bad), ``where`` the field."""
    cleaned = " ".join(introduction_texts.clean(text).split())
    if len(cleaned) > SHORT_MAX_CHARS:
        raise CallerError(
            "introduction-applicant-bad", N_("al massimo {most} caratteri"), where=where, most=SHORT_MAX_CHARS
        )
    return cleaned


def checked_text(text: str, *, needed: bool) -> str:
    """Return a text for the other office as it is kept. Raises: CallerError(introduction-text-bad)."""
    cleaned = introduction_texts.clean(text)
    if (needed and not cleaned) or len(cleaned) > TEXT_MAX_CHARS:
        raise CallerError(
            "introduction-text-bad",
            N_("serve un testo, al massimo di {most} caratteri"),
            where="text",
            most=TEXT_MAX_CHARS,
        )
    return cleaned


def chosen(where: str, value: str, allowed: Mapping[str, Any] | Sequence[str]) -> str:
    """Return a choice that is among those allowed. Raises: CallerError(introduction-choice-bad), ``where`` the field."""
    if value not in allowed:
        raise CallerError(
            "introduction-choice-bad",
            N_("«{value}» non è tra le scelte: {allowed}"),
            where=where,
            value=value[:60],
            allowed=", ".join(allowed),
        )
    return value
