"""An office in a browser: the register loaded, ten networks imported, people with passwords, each signed in on their own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from aiohttp import ClientResponse, CookieJar
from aiohttp.test_utils import TestClient, TestServer

from node.domain.roles import Role
from node.flows.profiles import draft
from node.flows.profiles.versions import record_of
from node.runtime import Node
from node.store import registry
from node.store.postgres import acquire
from tests import canary
from tests.accounts_made import PASSWORD, Desk
from tests.web.test_account_pages import Browser, served

PEOPLE: Mapping[str, tuple[Role, ...]] = {
    "anna": (Role.OFFICER,),
    "bruno": (Role.APPROVER,),
    "dario": (Role.OFFICER, Role.APPROVER),
    "gina": (Role.ANALYST,),
}


@dataclass
class Staff:
    """Everybody's browser by name, the node they work on, its networks."""

    node: Node
    people: Mapping[str, Browser]
    networks: list[str]

    def __getitem__(self, name: str) -> Browser:
        return self.people[name]

    async def form(self, at: int = 0, **changes: str) -> dict[str, str]:
        """The editor's fields for one network, in words of the closed lists, which give nothing away."""
        async with acquire(self.node.pool) as conn:
            _, record = await record_of(conn, self.networks[at])
        content = draft.in_closed_words(draft.suggest_content(record))
        fields = {"purpose": content["purpose"], "title_it": content["title"], "summary_it": content["summary"]}
        for side in ("needs", "offers"):
            fields |= {f"{side}_{row}_category": want["category"] for row, want in enumerate(content[side], 1)}
        return {**fields, "rete": self.networks[at], "azione": "salva", **changes}

    async def drafted(self, at: int = 0, name: str = "anna", **changes: str) -> str:
        """Somebody writes the profile of a network; returns its id."""
        page = f"/ufficio/profili/nuovo?rete={self.networks[at]}"
        reply = await self[name].post(page, "/ufficio/profili/nuovo", **await self.form(at, **changes))
        assert reply.status == 303, await reply.text()
        return reply.headers["Location"].partition("?")[0].rpartition("/")[2]

    async def waiting(self, at: int = 0, name: str = "anna", **changes: str) -> str:
        """Somebody writes the profile of a network and submits it."""
        profile_id = await self.drafted(at, name, **changes)
        one = f"/ufficio/profili/{profile_id}"
        assert (await self[name].post(one, f"{one}/presenta")).status == 303
        return profile_id

    async def print_of(self, profile_id: str, name: str = "bruno") -> str:
        """The hash of what somebody is shown for approval."""
        text = await self[name].get(f"/ufficio/approvazioni/{profile_id}")
        return text.partition('name="impronta" value="')[2][:64]

    async def approve(self, profile_id: str, name: str = "bruno", **fields: str) -> ClientResponse:
        """Somebody approves what they were shown."""
        page = f"/ufficio/approvazioni/{profile_id}"
        shown = {"impronta": await self.print_of(profile_id, name), **fields}
        return await self[name].post(page, page, **shown)


async def networks_of(node: Node) -> list[str]:
    """The ids of the office's networks, which its database was made with (tests/office_made.make_desk_template)."""
    async with acquire(node.pool) as conn:
        return list(await registry.read_records(conn))


@asynccontextmanager
async def staffed(node: Node, *names: str) -> AsyncIterator[Staff]:
    """An office with some of its people signed in, all at one process."""
    networks = await networks_of(node)
    desk = Desk(node.pool, replace(node.sign_in_settings(), pad_s=0), node.clock())
    with canary.HEARD.in_office():
        async with TestServer(served(node)) as server:
            people = {}
            for name in names or PEOPLE:
                await desk.person(name, *PEOPLE[name])
                people[name] = Browser(TestClient(server, cookie_jar=CookieJar(unsafe=True)))
                assert (await people[name].enter(name, PASSWORD)).status == 303
            yield Staff(node, people, networks)
            for browser in people.values():
                await browser.client.session.close()
