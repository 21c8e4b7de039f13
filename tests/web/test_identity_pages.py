"""Signing in by a real OpenID provider in a process of its own, through pages and redirects."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from aiohttp import CookieJar, web
from aiohttp.test_utils import TestClient, TestServer

from node.flows.people import accounts
from node.flows.upkeep.home import Facts, make_home
from node.runtime import Node, open_node
from node.web import app as application
from node.web.pages.identity import OUTSIDE
from tests.accounts_made import Desk
from tests.federation_made import free_ports
from tests.web.test_account_pages import PAGE, Browser, served

NAME = "anna.verdi@example.it"


@pytest.fixture
async def issuer() -> AsyncIterator[str]:
    """A provider from the package index, as its own process."""
    (port,) = free_ports(1)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "oidc_provider_mock",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--require-nonce",
        "true",
        "--user",
        NAME,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env=dict(os.environ),
    )
    where = f"http://127.0.0.1:{port}"
    try:
        async with aiohttp.ClientSession() as session, asyncio.timeout(30):
            while True:
                assert process.returncode is None
                try:
                    async with session.get(f"{where}/.well-known/openid-configuration"):
                        break
                except aiohttp.ClientError:
                    await asyncio.sleep(0.05)
        yield where
    finally:
        process.terminate()
        await process.wait()


@pytest.fixture
async def node(db: str, tmp_path: Path) -> AsyncIterator[Node]:
    """A node whose clock is the machine's, as the provider's is."""
    home = tmp_path / "home"
    make_home(home, Facts("p_LE", "Provincia di Lecce", "p_LE", ("LE",), "127.0.0.1:8441", 8441, 2026, db))
    secret = home / "oidc.secret"
    secret.write_text("segreto\n")
    secret.chmod(0o600)
    async with open_node(home) as opened:
        yield opened


@pytest.mark.timeout(90)
async def test_a_real_provider_signs_in_who_is_linked_and_nobody_else(node: Node, issuer: str) -> None:
    """Out by the page's link, consent at the provider, back with its answer: a session; the same answer again is none."""
    asked = replace(node.config.oidc, issuer=issuer, client_id="rete", client_secret_file="oidc.secret", claim="sub")  # noqa: S106 - the name of a file
    node = replace(node, configured=replace(node.config, oidc=asked))
    desk = Desk(node.pool, replace(node.sign_in_settings(), pad_s=0), dt.datetime.now(dt.UTC))
    await desk.person("anna.verdi")
    async with TestClient(TestServer(served(node)), cookie_jar=CookieJar(unsafe=True)) as client:
        browser = Browser(client)
        assert 'href="/entra/oidc?dopo=%2Fufficio%2Fprova"' in await browser.get("/entra?dopo=/ufficio/prova")

        async def there_and_back() -> str:
            out = await client.get("/entra/oidc?dopo=/ufficio/prova", headers=PAGE, allow_redirects=False)
            assert (out.status, out.headers["Location"].startswith(f"{issuer}/oauth2/authorize?")) == (303, True)
            consent = {"data": {"sub": NAME}, "allow_redirects": False}
            async with aiohttp.ClientSession() as one, one.post(out.headers["Location"], **consent) as reply:
                assert reply.status in (302, 303)
                answer = reply.headers["Location"]
            assert answer.startswith("http://127.0.0.1:8441/entra/oidc/ritorno?")
            return answer.removeprefix("http://127.0.0.1:8441")

        refused = await client.get(await there_and_back(), headers=PAGE, allow_redirects=False)
        assert (refused.status, "oidc-unlinked" in await refused.text(), browser.held()) == (403, True, "")
        await accounts.link(node.pool, name="anna.verdi", external_name=NAME, officer="capo")
        answer = await there_and_back()
        reply = await client.get(answer, headers=PAGE, allow_redirects=False)
        assert (reply.status, reply.headers["Location"]) == (303, "/ufficio/prova")
        assert await browser.get("/ufficio/prova") == "anna.verdi"
        (listed,) = await accounts.list_sessions(node.pool, desk.settings, desk.now, name="anna.verdi")
        assert listed.method == "oidc"
        again = await client.get(answer, headers=PAGE, allow_redirects=False)
        assert (again.status, "oidc-refused" in await again.text()) == (403, True)


async def test_without_a_provider_its_addresses_are_not_there(node: Node) -> None:
    """And the page of sign-in does not offer it."""
    app: web.Application = application.build(node)
    assert app[OUTSIDE].provider is None
    async with TestClient(TestServer(app)) as client:
        for path in ("/entra/oidc", "/entra/oidc/ritorno?code=x&state=y"):
            assert (await client.get(path, headers=PAGE)).status == 404
        assert "/entra/oidc" not in await (await client.get("/entra", headers=PAGE)).text()
