"""What is said of a part of a document, as said of the document, or to whoever makes it: nothing is lost on the way."""

from __future__ import annotations

import pytest

from node.errors import CallerError, PeerWrongError, ReteError
from node.protocol import metadata

SAID = CallerError("key-bad", "una chiave ha {count} byte", where="qui", hint="contarli: {count}", count=32)


def parts(error: ReteError) -> tuple[object, ...]:
    """All that an error says."""
    return type(error), error.code, error.what, error.where, error.hint, error.facts


def test_what_is_said_of_a_value_is_said_of_its_document() -> None:
    """Code, sentence, hint and facts; where, the reader knows; of a place so much that it can be shown."""
    wanted = (PeerWrongError, "key-bad", SAID.what, "lecce: http", SAID.hint, {"count": 32})
    assert parts(metadata.from_peer(SAID, "lecce: http")) == wanted
    assert metadata.from_peer(SAID, "k" * 300).where == "k" * 200


def test_our_own_mistakes_are_said_with_all_their_parts() -> None:
    """As the reader says them, with the place, to us."""
    peers = PeerWrongError("key-bad", SAID.what, where="qui", hint=SAID.hint, count=32)
    assert parts(metadata.refused_to_caller(peers)) == parts(SAID)


@pytest.mark.parametrize(("where", "shown"), [("x-rete", "x-rete"), ("k" * 200, "k" * 200), ("k" * 201, "k" * 200)])
def test_a_place_is_shown_up_to_two_hundred_signs(where: str, shown: str) -> None:
    """Part of it may be anybody's key."""
    assert parts(metadata.malformed(where))[1:4:2] == ("agreement-malformed", shown)
