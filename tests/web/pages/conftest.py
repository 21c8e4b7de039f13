"""What the tests of the office's pages share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node.runtime import Node
from tests.conftest import TEMPLATE
from tests.course_house_made import House, opened_house
from tests.desk_made import Staff, staffed
from tests.web.test_app import node

__all__ = ["node"]


@pytest.fixture
def furnished() -> bool:
    """Ask for it where an office begins with its register and networks, without its staff."""
    return True


@pytest.fixture
def template(request: pytest.FixtureRequest) -> str:
    """A test that asks for no furnished office begins with an empty database."""
    asked = {"staff", "furnished"} & set(request.fixturenames)
    return str(request.getfixturevalue("desk_listed")) if asked else TEMPLATE


@pytest.fixture
async def staff(node: Node) -> AsyncIterator[Staff]:
    """An office with everybody signed in."""
    async with staffed(node) as found:
        yield found


@pytest.fixture
async def house(server: str, tmp_path: Path) -> AsyncIterator[House]:
    """One served office with courses."""
    async with opened_house(server, tmp_path) as found:
        yield found
