"""What somebody typed into a form whose session had ended meanwhile: kept in the answer itself, so that they can send it again.

In: a request that was refused for want of a session or for another session's token. Out: its fields on the request, for the page that
says what happened (node/web/pages/kept.py). Rules: nothing is kept here and nothing is sent by itself: the fields stand in the page
that the same browser gets back, and a person presses the button, with the token of their new session. Nothing is told back to
what a browser does not say our own page sent: who builds a form elsewhere would have people press its button here. Neither
passwords, codes nor files are kept; forms of sign-in and of one's own account keep nothing of their own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
from aiohttp import web

from node.domain.roles import Permission
from node.errors import CallerError
from node.web import forms
from node.web.permission import back_from, needed_by, wants_page

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
# The field in which forms of sign-in carry what is kept.
FIELD: Final = "conservato"
# What the form of a network with hundreds of firms takes; a page that holds it thrice is still a page.
MAX_BYTES: Final = 256 * 1024
# Fields that no answer repeats, whatever form they stand in.
NEVER: Final = frozenset({forms.FIELD, FIELD, "password", "nuova", "codice"})
ENDED: Final = frozenset({"sign-in-needed", "form-not-ours"})
# Forms of sign-in and of one's own account: what is typed there is secret, or quickly typed again.
_OF_ACCOUNTS: Final = frozenset({Permission.PUBLIC, Permission.SIGNED_IN})


@dataclass(frozen=True, slots=True)
class Typed:
    """Where a form goes and what was typed into it, button included; not ``is_whole``: a file of it is left out, or all of it."""

    action: str
    fields: tuple[tuple[str, str], ...]
    is_whole: bool = True

    def packed(self) -> str:
        """Return it as the value of one field."""
        return orjson.dumps({"action": self.action, "fields": self.fields, "is_whole": self.is_whole}).decode()


TYPED: web.RequestKey[Typed] = web.RequestKey("typed", Typed)


def unpack(text: str) -> Typed | None:
    """Return what a form of sign-in carried, None where it carried nothing, or what is none of ours."""
    try:
        value = orjson.loads(text)
        fields = tuple((name, held) for name, held in value["fields"] if name not in NEVER)
        kept = Typed(value["action"], fields, value["is_whole"] is True)
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return None
    texts = [kept.action, *(text for pair in fields for text in pair)]
    if not all(isinstance(text, str) for text in texts) or kept.action == "/" or back_from(kept.action) != kept.action:
        return None
    return kept


@web.middleware
async def keep_typed(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Keep on the request what was typed, where it is refused only because its session is over."""
    try:
        return await handler(request)
    except CallerError as error:
        if error.code in ENDED and _is_from_a_page(request):
            kept = _carried(request) if _is_of_accounts(request) else await _typed(request)
            if kept is not None:
                request[TYPED] = kept
        raise


def _is_from_a_page(request: web.Request) -> bool:
    if request.method != "POST" or request.match_info.http_exception is not None or not forms.is_page(request):
        return False
    return wants_page(request) and forms.FRAGMENT not in request.headers and forms.is_surely_ours(request)


def _is_of_accounts(request: web.Request) -> bool:
    needed = needed_by(request.match_info.handler)
    return needed is None or needed.permission in _OF_ACCOUNTS


def _carried(request: web.Request) -> Typed | None:
    """Return what a refused form of sign-in carried: whoever signed in in another tab meanwhile loses it no more than others."""
    value = request[forms.SENT].get(FIELD) if forms.SENT in request else None
    return unpack(value) if isinstance(value, str) else None


async def _typed(request: web.Request) -> Typed | None:
    action = request.rel_url.raw_path_qs
    form: Mapping[str, Any] | None = request.get(forms.SENT)
    if form is None:
        # Nobody read it yet: whoever has no session gets no more read than fits into a page.
        if request.content_length is None or request.content_length > MAX_BYTES:
            return Typed(action, (), is_whole=False)
        try:
            form = await forms.read(request)
        except (ValueError, LookupError, web.HTTPException, CallerError):
            return None
    files = [value for value in form.values() if isinstance(value, web.FileField)]
    for value in files:
        value.file.close()
    fields = tuple((name, value) for name, value in form.items() if isinstance(value, str) and name not in NEVER)
    try:
        size = sum(len(text.encode()) for pair in fields for text in pair)
    except UnicodeEncodeError:
        # Halves of characters, by an odd character set.
        return None
    return Typed(action, fields, is_whole=not files) if size <= MAX_BYTES else Typed(action, (), is_whole=False)
