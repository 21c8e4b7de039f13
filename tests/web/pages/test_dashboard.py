"""The first page of an office: what waits, and nothing that a role may not know."""

from __future__ import annotations

import pytest
from networks_made import record

from node.domain.roles import Role
from node.runtime import Node
from tests.register_made import add, signed_in, words
from tests.web.test_app import node

__all__ = ["node"]
SHOWN = {
    Role.OFFICER: {"Bozze mie", "Schede trattenute", "Reti senza scheda: 1", "Ricerche salvate", "Registro firmato"},
    Role.APPROVER: {"Schede di altri", "Schede trattenute", "Reti senza scheda: 1", "Registro firmato"},
    Role.ADMINISTRATOR: {"Registro firmato"},
    Role.ANALYST: {"Registro firmato"},
}


@pytest.mark.parametrize("role", [Role.OFFICER, Role.APPROVER, Role.ANALYST])
async def test_each_role_sees_its_own(node: Node, role: Role) -> None:
    """Counts and reasons for whom they are; links only to pages that this node has."""
    await add(node, record())
    async with signed_in(node, role) as browser:
        page = await browser.get("/ufficio")
        said = words(page)
        told = set().union(*SHOWN.values())
        assert {text for text in told if text in said} == SHOWN[role]
        assert "Rete Uno" not in page
        assert ('href="/ufficio/reti"' in page) is (role is not Role.ANALYST)
        assert "What is waiting" in await browser.get("/ufficio?lang=en")
        for path in {p.split('"')[0] for p in page.partition("<main")[2].split('href="')[1:]}:
            assert (await browser.client.get(path)).status == 200, path
