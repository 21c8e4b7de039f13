"""The text gate: finds what would name a firm, a person or a place in a text that is to leave.

In: a text and a dictionary of names. Out: marked hits, red (never leaves) or amber (needs a reason), with offsets in the
text as given. The steps, in the order of docs/rules.md T: the text as its reader takes it (plain.py), patterns with checksums
(codes.py, contacts.py, places.py), the dictionary (dictionary.py, towns.py), legal forms and titles, capitalised leftovers
(names.py), markers (hits.py). The attack on the text that is left is likeness.py; four eyes are flows/profiles/draft and the database.
"""

from __future__ import annotations

from node.domain.redaction import codes, contacts, names, places
from node.domain.redaction.dictionary import Dictionary
from node.domain.redaction.hits import Hit, settle
from node.domain.redaction.plain import Plain


def scan(text: str, dictionary: Dictionary) -> tuple[Hit, ...]:
    """Return every hit, in order of place, none overlapping another."""
    plain = Plain(text)
    return settle(
        (
            *codes.find(plain),
            *contacts.find(plain),
            *places.find(plain),
            *dictionary.find(text),
            *names.find(plain),
            *names.leftovers(plain),
        )
    )
