"""The public half of a council key, as one signatory gives it to the secretariat: a card, and the words to compare aloud.

In: a key and the name of whoever holds it, or a card's bytes. Out: the other. The name stands on the card and nowhere in the agreement: that
knows keys. What a card says of its key is worked out again from the key, so that a card with another's id or words is refused.
Source: PROTOCOL 7 (key ids are those of TUF).
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

import orjson

from node.errors import N_, CallerError, PeerWrongError
from node.protocol import agreement, enrolment, keys

CARD_MAX_BYTES = 16 * 1024
NAME_MAX = 200


@dataclass(frozen=True, slots=True)
class Card:
    """A council key's public half: its TUF key id, the raw key, who holds it."""

    name: str
    keyid: str
    public: bytes

    @property
    def words(self) -> list[str]:
        """The fingerprint to compare by telephone."""
        return enrolment.words(bytes.fromhex(self.keyid))


def card_of(name: str, public: bytes) -> Card:
    """Return the card of a key."""
    return Card(name, agreement.council_keyid(public), public)


def card_json(card: Card) -> dict[str, Any]:
    """Return a card as the JSON value that a file holds."""
    return {
        "v": 1,
        "name": card.name,
        "keyid": card.keyid,
        "public": base64.b64encode(card.public).decode(),
        "fingerprint": " ".join(card.words),
    }


def parse(raw: bytes, where: str) -> Card:
    """Return the card in a file's bytes; ``where`` names it. Raises: CallerError(council-card-bad | key-low-order | key-bad)."""
    try:
        value: Any = orjson.loads(raw) if len(raw) <= CARD_MAX_BYTES else None
        public = base64.b64decode(value["public"], validate=True)
        name = value["name"]
    except (orjson.JSONDecodeError, LookupError, TypeError, binascii.Error, ValueError) as error:
        raise _bad(where) from error
    if not isinstance(name, str) or len(name) > NAME_MAX:
        raise _bad(where)
    try:
        card = card_of(name, keys.check_public(public))
    except (CallerError, PeerWrongError) as error:
        raise CallerError(error.code, error.what, where=where, hint=error.hint, **error.facts) from error
    if value != card_json(card):
        raise _bad(where)
    return card


def _bad(where: str) -> CallerError:
    return CallerError(
        "council-card-bad",
        N_("il file non è il biglietto di una chiave del consiglio, o non è intero"),
        where=where,
        hint=N_(
            "chiederlo di nuovo a chi tiene la chiave: lo scrive «rete agreement council-key CHIAVE --show -o BIGLIETTO»"
        ),
    )
