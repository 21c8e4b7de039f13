"""Turns at the database: so many at once, some wait, one more is refused at once."""

from __future__ import annotations

import asyncio

import pytest

from node.errors import OperatorError
from node.web import turns
from node.web.turns import Turns


async def test_two_at_once_one_waits_and_the_fourth_is_refused() -> None:
    """Who waits gets the turn that ends; who is refused did not wait."""
    made, going, end = Turns(2, 1), 0, asyncio.Event()

    async def ask() -> None:
        nonlocal going
        async with made.turn():
            going += 1
            await end.wait()

    asked = [asyncio.create_task(ask()) for _ in range(3)]
    await asyncio.sleep(0.05)
    assert going == 2
    with pytest.raises(OperatorError, match="search-busy"):
        async with asyncio.timeout(0.05), made.turn():
            pass
    end.set()
    await asyncio.gather(*asked)
    assert going == 3
    async with made.turn():
        pass


async def test_whoever_waits_too_long_is_refused_and_takes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn that was given up is there for the next."""
    monkeypatch.setattr(turns, "WAIT_S", 0.05)
    made = Turns(1, 5)
    async with made.turn():
        with pytest.raises(OperatorError, match="search-busy"):
            async with made.turn():
                pass
    async with made.turn():
        pass
