"""The people of ``rete demo``: for each node accounts that may sign in at once, with a password of this run.

In: open nodes. Out: what the demo prints and writes to its file. The passwords are good for this machine's demo and for nothing else.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from contextlib import closing
from typing import Any, Final

from node.domain.roles import Role
from node.errors import N_
from node.flows.people import accounts, own_account
from node.flows.people.passwords import Hasher
from node.runtime import Node

AUTHOR, APPROVER, ADMINISTRATOR = "funzionaria.demo", "responsabile.demo", "amministratrice.demo"
ROLES: Final = {
    AUTHOR: (Role.OFFICER, Role.ANALYST),
    APPROVER: (Role.APPROVER,),
    ADMINISTRATOR: (Role.ADMINISTRATOR,),
}
WHAT: Final = {
    AUTHOR: N_("scrive reti e profili"),
    APPROVER: N_("approva e pubblica"),
    ADMINISTRATOR: N_("cura il nodo; al primo accesso registra un secondo fattore"),
}


def new_password() -> str:
    """Return a password that is easy to type."""
    return "-".join(secrets.token_hex(2) for _ in range(4))


async def make(nodes: Sequence[Node]) -> list[dict[str, Any]]:
    """Make all accounts of all nodes; return them as the demo's file has them."""
    password = new_password()
    with closing(Hasher()) as hasher:
        found = await asyncio.gather(*(_of(node, hasher, password) for node in nodes))
    return [account for of_node in found for account in of_node]


async def _of(node: Node, hasher: Hasher, password: str) -> list[dict[str, Any]]:
    settings, now = node.sign_in_settings(), node.clock()
    made = []
    for name, roles in ROLES.items():
        code = await accounts.create(node.pool, settings, now, name=name, roles=roles, officer="rete demo")
        await own_account.set_password(node.pool, hasher, settings, now, code=code.code, password=password)
        address = f"{node.public_url}/entra"
        made.append({"node": node.config.node.id, "name": name, "roles": list(roles), "password": password, "address": address})  # fmt: skip
    return made
