"""Requests of programs: a JSON body within bounds, and the token that a program shows.

In: a request. Out: its document, its token; or a refusal with its code. Only ``application/json`` is read: a form of another site can
send no such thing without asking first (CORS), and nobody here answers that question with yes.
"""

from __future__ import annotations

import re
from typing import Any, Final

import orjson
from aiohttp import web

from node.errors import N_, CallerError

BODY_MAX_BYTES: Final = 16 * 1024
_JSON: Final = re.compile(r"application/json(?:\s*;.*)?", re.IGNORECASE)
_TOKEN: Final = re.compile(r"Bearer +([A-Za-z0-9_-]{20,100})", re.IGNORECASE)


async def body(request: web.Request, max_bytes: int = BODY_MAX_BYTES) -> bytes:
    """Return a JSON request's body. Raises: CallerError(content-type-bad, request-too-large)."""
    if not _JSON.fullmatch(request.headers.get("Content-Type", "")):
        raise CallerError("content-type-bad", N_("serve Content-Type: application/json"))
    read = b""
    async for part in request.content.iter_any():
        read += part
        if len(read) > max_bytes:
            raise CallerError("request-too-large", N_("richiesta troppo grande"))
    return read


async def document(request: web.Request, refused: CallerError, max_bytes: int = BODY_MAX_BYTES) -> dict[str, Any]:
    """Return a JSON request's object. Raises: ``refused`` where it is none; as ``body``."""
    try:
        value = orjson.loads(await body(request, max_bytes))
    except orjson.JSONDecodeError as error:
        raise refused from error
    if not isinstance(value, dict) or request.query_string:
        raise refused
    return value


def bearer_of(request: web.Request) -> str:
    """Return the token that a request shows. Raises: CallerError(token-missing)."""
    found = _TOKEN.fullmatch(request.headers.get("Authorization", "").strip())
    if found is None:
        raise CallerError("token-missing", N_("serve il codice di gestione: Authorization: Bearer ..."))
    return found.group(1)
