"""Fixtures: Lecce's office, made once for each list of networks; each test that asks for an office begins with a copy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node.store.postgres import Pool
from tests.conftest import TEMPLATE
from tests.federation_made import Clock
from tests.introductions_made import Pair, two_offices
from tests.national_made import national
from tests.office_made import Office, lecce, make_office_template, open_office


@pytest.fixture(scope="session")
def lecce_listed(server: str) -> str:
    """A database with Lecce's office and the list of its province."""
    return asyncio.run(make_office_template(server, "rete_office_lecce", lecce()))


@pytest.fixture(scope="session")
def italy_listed(server: str) -> str:
    """A database with Lecce's office and the list of all Italy."""
    return asyncio.run(make_office_template(server, "rete_office_italy", national()))


@pytest.fixture
def begun(lecce_listed: str) -> str:
    """The database with which tests of an office begin; a module may choose another."""
    return lecce_listed


@pytest.fixture
def template(request: pytest.FixtureRequest) -> str:
    """A test that asks for no office begins with an empty database."""
    return str(request.getfixturevalue("begun")) if "office" in request.fixturenames else TEMPLATE


@pytest.fixture
async def office(pool: Pool, tmp_path: Path) -> Office:
    """Lecce's office with weekly rounds: its register loaded, ten networks imported."""
    return await open_office(pool, tmp_path)


@pytest.fixture
async def pair(server: str, desk_listed: str, tmp_path: Path) -> AsyncIterator[Pair]:
    """Torino, which looks for a partner, and Lecce, which has published a profile."""
    async with two_offices(server, desk_listed, tmp_path, Clock()) as found:
        yield found
