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


def test_a_document_is_written_for_people_or_on_one_line() -> None:
    """By key, signs as they are; the same bytes for the same document, whatever its order."""
    document = {"b": [1, {}], "a": "è"}
    assert metadata.encode(document) == '{\n "a": "è",\n "b": [\n  1,\n  {}\n ]\n}\n'.encode()
    assert metadata.encode(document, compact=True) == '{"a":"è","b":[1,{}]}'.encode()


def test_what_would_be_larger_than_others_read_is_written_on_one_line() -> None:
    """Four mebibytes are for people to read, a byte more is not."""
    room = 4 * 2**20 - len(metadata.encode({"a": ""}))
    fits = metadata.encode({"a": "x" * room})
    assert (len(fits), fits[:2], fits[-2:]) == (4 * 2**20, b"{\n", b"}\n")
    over = metadata.encode({"a": "x" * (room + 1)})
    assert (len(over), over[:6], over[-2:]) == (room + 1 + len(b'{"a":""}'), b'{"a":"', b'"}')
