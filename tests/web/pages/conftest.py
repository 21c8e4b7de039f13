"""What the tests of the office's pages share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from node.runtime import Node
from tests.desk_made import Staff, staffed
from tests.web.test_app import node

__all__ = ["node"]


@pytest.fixture
async def staff(node: Node) -> AsyncIterator[Staff]:
    """An office with everybody signed in."""
    async with staffed(node) as found:
        yield found
