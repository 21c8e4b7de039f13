"""The own signed log and the public halves of this node's keys: what ``rete log show`` and ``rete peer card`` say.

In: nothing but the address. Out: one page. Of keys only what others know is shown; what changes the log is a command's.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from node.domain.roles import Permission
from node.errors import N_, Said
from node.flows.logs import board, own_log
from node.flows.trust import public_keys
from node.flows.trust.peer_card import peer_card
from node.flows.upkeep import audit
from node.runtime import current_own
from node.web.pages import admin_frame
from node.web.pages.admin_frame import DESK, told
from node.web.permission import needs

ROLES: Final = {
    "log": N_("firma il registro"),
    "witness": N_("conferma come testimone"),
    "mirror": N_("conferma come specchio"),
    "http": N_("firma le richieste"),
    "seal": N_("apre i messaggi sigillati"),
}


def routes() -> list[web.RouteDef]:
    """Return the page."""
    return [web.get(admin_frame.LOG, log)]


@needs(Permission.LOG_READ)
async def log(request: web.Request) -> web.StreamResponse:
    """Show the own log: size, signature, witnesses, years, whether it may be written, and keys to compare."""
    node = request.app[DESK].node
    own = await current_own(node)
    state = await own_log.read(node.pool, own, node.membership)
    authority = node.config.federation.authority
    return admin_frame.show(
        request,
        "log.html",
        state=state,
        reason=told(request, Said(state.row.error_text)) if state.row.error_text else "",
        keys=public_keys.current(node.ring, authority, state.vkey),
        roles=ROLES,
        states=board.STATES,
        actions=audit.RULINGS,
        # With an agreement nobody copies cards: the keys are in it.
        card="" if node.agreement is not None else peer_card(node.config, node.keys, state.vkey, node.public_url),
    )
