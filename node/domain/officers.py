"""Officers' names: which are names at all, and when two of them are one officer's.

In: names as people and programs write them. Out: a name to keep, or why it is none. The database judges the same way, and is
the last word (migration 0015: officer_key, require_officer).
"""

from __future__ import annotations

import re
import unicodedata

from node.errors import N_, CallerError

LONGEST = 200
_LATIN = re.compile("[A-Za-z\u00c0-\u024f]")
_LOOK_ALIKE = re.compile("[\u0370-\u052f\u0530-\u058f\u13a0-\u13ff]")
_UNSEEN_KINDS = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def key_of(name: str) -> str:
    """Return what one officer's name is however it is written: compatibility forms, case, spaces."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).lower())
    return " ".join(folded.split())


def is_same(name: str, other: str) -> bool:
    """Tell whether two names are one officer's (four eyes)."""
    return key_of(name) == key_of(other)


def check(name: str) -> str:
    """Return a name that can stand under a decision. Raises: CallerError(officer-name-bad)."""
    unseen = any(unicodedata.category(sign) in _UNSEEN_KINDS for sign in name)
    mixed = _LATIN.search(name) is not None and _LOOK_ALIKE.search(name) is not None
    if unseen or mixed or not key_of(name) or len(name) > LONGEST:
        raise CallerError(
            "officer-name-bad",
            N_(
                "il nome del funzionario non è leggibile: servono da uno a {longest} caratteri visibili di un solo alfabeto"
            ),
            where="--by",
            hint=N_("scriverlo com'è in organico, senza caratteri speciali"),
            longest=LONGEST,
        )
    return name
