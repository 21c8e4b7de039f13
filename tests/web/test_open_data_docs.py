"""The examples of docs/open-data.md, run as they stand against a live node."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from node.store.postgres import Pool
from node.web import observatory_api, observatory_data
from node.web.middleware import errors
from tests import observatory_data_made as made

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "open-data.md"
NODE = "https://node.example.it"
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture
async def address(pool: Pool) -> AsyncIterator[str]:
    """Where a node with the invented figures answers."""
    async with pool.acquire() as conn:
        await made.keep(conn)
    app = web.Application(middlewares=[errors])
    observatory_data.install(app, pool, made.PUBLISHER)
    app.add_routes(observatory_api.routes())
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


async def run(source: str, address: str) -> str:
    """What an example prints, in a process of its own; a warning of pandas would be an error."""
    assert NODE in source
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-W", "error", "-c", source.replace(NODE, address)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stderr
    return str(done.stdout)


async def test_the_csv_example_keeps_napoli_and_leading_zeros(address: str) -> None:
    """The province NA is there with its number, what is not told is missing and not zero, and «01» is a text."""
    reads, _ = EXAMPLES
    more = """
assert list(places["province"]) == ["LE", "NA", "TO"], places
assert str(places.dtypes["value"]) == "Int64"
assert places.set_index("province")["value"]["NA"] == 0
assert places.set_index("province")["value"].isna().to_list() == [True, False, False]
assert networks["value"].sum() == 1298 + 19 + 41 + 9630 + 7 + 352
divisions = read("networks-by-division")
assert list(divisions["division"]) == ["*", "01", "10"]
assert list(divisions["value_status"]) == ["given", "given", "withheld"]
shares = read("density-by-region")
assert list(shares["value"]) == [0.05, 12.3]
assert read("profiles")["value"].to_list() == [12]
"""
    out = await run(reads + more, address)
    assert re.search(r"TO\s+Torino\s+352", out)
    assert re.search(r"LE\s+unknown", out)


async def test_the_api_example_reads_all_pages(address: str) -> None:
    """Also when pages are small: all cells, once, with the names of their codes."""
    _, pages = EXAMPLES
    for source in (pages, pages.replace("'limit': 1000", "'limit': 3")):
        out = await run(source + "assert len(found) == 8\n", address)
        assert re.search(r"Napoli\s+41\.0\s+0\.0", out)


def test_the_defaults_of_pandas_would_lose_napoli() -> None:
    """Why the document says more than ``read_csv(address)``: what it warns of is so."""
    import io

    import pandas as pd

    from node.domain.observatory import csvw

    found = made.figures().named("networks-by-province")
    assert found is not None
    guessed = pd.read_csv(io.BytesIO(csvw.csv(found, made.wording())))
    assert guessed["province"].isna().sum() == 2
