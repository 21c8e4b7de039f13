"""The bodies request and its reply: both sides of every bound (PROTOCOL 3.3, 5)."""

from __future__ import annotations

import pytest

from node.errors import CallerError, PeerWrongError
from node.protocol import body

SALT = bytes(range(32))


@pytest.mark.parametrize("indices", [[0], list(range(256)), [2**53 - 1]])
def test_requests_up_to_their_bounds_are_read(indices: list[int]) -> None:
    """One index, 256 of them, the last position a log can have."""
    assert body.decode_request(body.encode_request(indices)) == indices


@pytest.mark.parametrize("raw", [b'{"i":[]}', body.encode_request(range(257)), b'{"i":[-1]}', b'{"i":[1,1]}'])
def test_requests_beyond_are_not(raw: bytes) -> None:
    """None, one too many, before the first, the same twice."""
    with pytest.raises(CallerError) as caught:
        body.decode_request(raw)
    assert caught.value.code == "bodies-request-bad"


@pytest.mark.parametrize(("max_bytes", "whole"), [(30, 3), (39, 3), (40, 4), (50, 5), (9, 1), (19, 1), (20, 2)])
def test_a_reply_stops_before_it_is_too_long(max_bytes: int, whole: int) -> None:
    """As many whole answers as fit, and always the first."""
    parts = [bytes([number]) * 10 for number in range(5)]
    assert body.join_answers(parts, max_bytes=max_bytes) == b"".join(parts[:whole])


@pytest.mark.parametrize("size", [0, 1, 65_536])
def test_bodies_of_any_allowed_length_are_read_back(size: int) -> None:
    """From none to the limit, and another answer after it."""
    answers = [body.Answer(3, body.PRESENT, SALT, b"x" * size), body.Answer(5, 1)]
    raw = body.encode_reply(answers, max_bytes=100_000)
    assert body.decode_reply([3, 5], raw) == answers
    assert body.decode_reply([3], body.encode_answer(answers[0])) == answers[:1]


def test_a_body_beyond_the_limit_is_refused() -> None:
    """A byte more than the limit, though all of it is there."""
    with pytest.raises(PeerWrongError) as caught:
        body.decode_reply([3], body.encode_answer(body.Answer(3, body.PRESENT, SALT, b"x" * 65_537)))
    assert caught.value.code == "bodies-malformed"
