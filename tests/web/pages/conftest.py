"""What the tests of the office's pages share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from node.runtime import Node
from tests.conftest import TEMPLATE
from tests.desk_made import Staff, staffed
from tests.office_made import lecce, make_desk_template
from tests.web.test_app import node

__all__ = ["node"]


@pytest.fixture(scope="session")
def desk_listed(server: str) -> str:
    """A database with the register of Lecce and ten networks of its office."""
    return asyncio.run(make_desk_template(server, "rete_desk_lecce", lecce()))


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
