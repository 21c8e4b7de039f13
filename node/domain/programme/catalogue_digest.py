"""The digest of the catalogue: what is new, changed, withdrawn, and what can soon not be asked for any more.

In: notices, and the sheet of the saved search that found them. Out: a mail, Italian first, then English. Rules: every text is another office's and
stands here as text; of what was withdrawn only that it was there. Pure. Source: docs/saved-searches.md.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Final
from urllib.parse import urlencode

from node.domain.programme.announcement import KIND_TITLES
from node.domain.saved import Envelope, Sheet, Translate, letter
from node.errors import N_, plain

CLOSING, NEW, CHANGED, WITHDRAWN = WAITS = ("closing", "new", "changed", "withdrawn")
# So long before its last day an announcement is told once more.
CLOSING_DAYS: Final = 7
HEADINGS: Final[Mapping[str, str]] = {
    CLOSING: N_("Si chiudono entro {days} giorni"),
    NEW: N_("Nuovi"),
    CHANGED: N_("Cambiati"),
    WITHDRAWN: N_("Ritirati da chi li aveva annunciati"),
}


@dataclass(frozen=True, slots=True)
class Notice:
    """One announcement of a digest; ``title`` and ``summary`` are empty of what was withdrawn."""

    what: str
    item_id: str
    owner: str
    kind: str
    title: str = ""
    summary: str = ""
    closes: dt.date | None = None


def digest(
    sheet: Sheet, notices: Sequence[Notice], envelope: Envelope, pages: str, languages: Sequence[Translate]
) -> EmailMessage:
    """Return the digest, once in each language; ``pages``: the path under which announcements stand. Raises: as ``letter``."""
    subject = languages[0](N_("Novità del catalogo: {title}")).format(title=sheet.title)
    return letter(envelope, subject, [_part(sheet, notices, envelope.leave_url, pages, tr) for tr in languages])


def _part(sheet: Sheet, notices: Sequence[Notice], leave_url: str, pages: str, tr: Translate) -> str:
    lines = [tr(N_("Novità del catalogo per la ricerca «{title}»: {count}.")).format(title=sheet.title, count=len(notices)), ""]  # fmt: skip
    for what in WAITS:
        found = [notice for notice in notices if notice.what == what]
        if found:
            lines += [f"{tr(HEADINGS[what]).format(days=CLOSING_DAYS)}:", ""]
        for notice in found:
            lines += [*_lines(sheet, notice, pages, tr), ""]
    return "\n".join([*lines, tr(N_("Per non ricevere più questi messaggi: {url}")).format(url=leave_url)])


def _lines(sheet: Sheet, notice: Notice, pages: str, tr: Translate) -> list[str]:
    about = f"{tr(KIND_TITLES[notice.kind])}, {notice.owner}"
    if not notice.title:
        return [f"* {about}, {notice.item_id}"]
    last = "" if notice.closes is None else tr(N_("; fino al {day}")).format(day=f"{notice.closes:%d/%m/%Y}")
    where = f"{sheet.base_url}{pages}/{notice.item_id}?{urlencode({'owner': notice.owner})}"
    return [f"* {plain(notice.title)} - {about}{last}", f"  {plain(notice.summary)}", f"  {where}"]
