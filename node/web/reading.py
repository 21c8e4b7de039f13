"""What a browser reads after it has written: its own writing, whichever server answers (node/store/replica.py).

In: a request. Out: what handlers read through ``Node.reading`` below it comes from the replica, as far as it has what this browser has written; a
handler whose replica goes away under it is asked once more, of the primary. How far a browser has written stands in a cookie of its
own, set by the answer to what wrote: sealed, for a position in the journal tells how much an office writes; kept for ``KEPT_S``, longer than a
replica may be behind ([database] read_max_lag_s is at most 60). Without a replica none of this is there.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from aiohttp import web
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from node.domain.roles import Permission
from node.errors import OperatorError, ReteError
from node.store.postgres import UNWRITABLE_VALUE
from node.store.replica import AGAIN, ASKED, LOST, UNSAID, Asking, Replica, asking, written
from node.web import forms
from node.web.permission import Handler, needed_by

logger = structlog.get_logger()
COOKIE: Final = "rete-read"
KEPT_S: Final = 120
NONCE_BYTES: Final = 12
LONGEST: Final = 100
FURTHEST: Final = 2**63 - 1


def chosen(replica: Replica, key: bytes) -> Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]:
    """Return the middleware; ``key`` seals what a browser keeps."""
    seal = AESGCM(key)

    @web.middleware
    async def choose(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method not in forms.SAFE:
            return await _writing(request, handler, replica, seal)
        with asking(Asking(_since(request, seal))) as asked:
            try:
                return await handler(request)
            except Exception as error:
                # Half an answer can't be taken back.
                if not asked.used or not _may_be_the_replica(error, replica) or _began(request):
                    raise
                logger.info("replica.asked_primary_again", reason=getattr(error, "code", type(error).__name__))
        with asking(Asking(of_primary=AGAIN)):
            return await handler(request)

    return choose


async def _writing(request: web.Request, handler: Handler, replica: Replica, seal: AESGCM) -> web.StreamResponse:
    """Answer what may write from the primary alone, and have a browser remember how far that came."""
    with asking(Asking(of_primary=ASKED)):
        response = await handler(request)
    needed = needed_by(request.match_info.handler)
    is_peer = needed is not None and needed.permission is Permission.PEER
    if is_peer or response.prepared or response.status >= 400:
        return response
    nonce = secrets.token_bytes(NONCE_BYTES)
    try:
        position = await written(replica.primary)
    except (*UNSAID, ReteError):
        # What was written is written, and no answer fails for this: until the cookie ends nothing is new enough for who wrote.
        position = FURTHEST
    kept = base64.urlsafe_b64encode(nonce + seal.encrypt(nonce, position.to_bytes(8, "big"), None)).decode()
    place = request.app[forms.PLACE]
    response.set_cookie(
        place.cookie(COOKIE), kept, max_age=KEPT_S, path="/", httponly=True, samesite="Lax", secure=place.secure
    )
    return response


def _since(request: web.Request, seal: AESGCM) -> int:
    """Return how far a browser has written, 0 for one that has not; what is not ours means nothing."""
    held = request.cookies.get(request.app[forms.PLACE].cookie(COOKIE), "")
    if not held or len(held) > LONGEST:
        return 0
    try:
        raw = base64.urlsafe_b64decode(held)
        return int.from_bytes(seal.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], None), "big")
    except (ValueError, InvalidTag):
        return 0


def _may_be_the_replica(error: Exception, replica: Replica) -> bool:
    if isinstance(error, UNWRITABLE_VALUE):
        return False
    if isinstance(error, ReteError):
        # A question that took too long, of a server that says nothing.
        return isinstance(error, OperatorError) and not replica.is_well
    return isinstance(error, LOST)


def _began(request: web.Request) -> bool:
    return bool(request.writer.output_size > 0)
