"""Officers' names: which are names at all, and when two of them are one officer's.

In: names as people and programs write them. Out: a name to keep, or why it is none. The database judges the same way, and is
the last word (migration 0020: officer_key, require_officer).
"""

from __future__ import annotations

import re
import unicodedata

from node.errors import N_, CallerError

LONGEST = 200
# Latin letters with or without accents, accents that stand by themselves, digits, and what stands in names and logins. A list
# of what may be there: what nobody sees and what looks like something else is more than anybody can list.
_READABLE = re.compile("[A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff\u0300-\u0345 0-9.,'\u2019_@+-]+")


def key_of(name: str) -> str:
    """Return what one officer's name is however it is written: compatibility forms, case, spaces."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).lower())
    return " ".join(folded.split())


def is_same(name: str, other: str) -> bool:
    """Tell whether two names are one officer's (four eyes)."""
    return key_of(name) == key_of(other)


def check(name: str) -> str:
    """Return a name that can stand under a decision. Raises: CallerError(officer-name-bad)."""
    if len(name) > LONGEST or not _READABLE.fullmatch(name) or not re.search("[^\\W_]", name):
        raise CallerError(
            "officer-name-bad",
            N_(
                "il nome del funzionario non è leggibile: servono da uno a {longest} caratteri: lettere latine, cifre, spazi e . , ' _ @ + -"
            ),
            where="--by",
            hint=N_("scriverlo com'è in organico, senza caratteri speciali"),
            longest=LONGEST,
        )
    return name


def check_reason(reason: str) -> str:
    """Return a reason that can stand under a ruling. Raises: CallerError(ruling-reason-missing)."""
    if not reason.strip():
        raise CallerError("ruling-reason-missing", N_("serve un motivo, che resta scritto"), where="--reason")
    return reason
