"""What every request passes: a request id, one place where errors become problem+json, one canonical log line.

In: a handler. Out: its response, or an RFC 9457 document with a stable code; never a traceback, never a private field.
Source: schemas/problem.v1.json, PROTOCOL 4 (statuses).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final

import orjson
import structlog
from aiohttp import web

from node import trace
from node.errors import (
    N_,
    CallerError,
    LogStateError,
    NotFoundError,
    OperatorError,
    PeerWrongError,
    ReteError,
    RoadWrongError,
)
from node.i18n import LANGUAGES, language_from_header, translator
from node.meters import Meters
from node.store.postgres import DATABASE_AWAY, UNWRITABLE_VALUE, VALUE_BAD
from node.web.permission import wants_page

logger = structlog.get_logger()
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

RETRY_AFTER_S = 10
UNAVAILABLE = N_("servizio momentaneamente non disponibile")
INTERNAL = N_("errore interno")
# What is wrong with a request that no handler took, by status.
_HTTP = {
    400: ("request-malformed", N_("richiesta HTTP non valida o troppo lunga")),
    404: ("not-found", N_("indirizzo inesistente")),
    405: ("method-not-allowed", N_("metodo non ammesso a questo indirizzo")),
    413: ("request-too-large", N_("richiesta troppo grande")),
    500: ("internal-error", INTERNAL),
}
_OTHER = ("http-error", N_("richiesta non accettata"))
LANGUAGE = web.AppKey("language", str)
# The parameter and the cookie by which a reader chooses a language.
LANGUAGE_CHOICE: Final = "lang"
LANGUAGE_COOKIE: Final = "rete_lang"
# How a failure is shown to somebody who reads pages: (request, status, code, title, detail).
ErrorPage = Callable[[web.Request, int, str, str, str], web.Response]
ERROR_PAGE: web.AppKey[ErrorPage] = web.AppKey("error_page", Callable)  # type: ignore[arg-type]
REQUEST_ID = web.RequestKey("request_id", str)
METERS = web.AppKey("meters", Meters)
# What is asked every few seconds, by machines (node/web/health.py).
PROBES: Final = frozenset({"/livez", "/readyz"})
UNKNOWN: Final = "unknown"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})
# Codes whose status says more than their family does (PROTOCOL 4).
_STATUS = {
    "token-missing": 401,
    "sign-in-needed": 401,
    "permission-missing": 403,
    "sign-in-refused": 401,
    "sign-in-code-wrong": 401,
    "sign-in-locked": 429,
    "form-not-ours": 403,
    "oidc-refused": 403,
    "oidc-unlinked": 403,
    "permission-undeclared": 500,
    "interop-token-missing": 401,
    "interop-token-refused": 401,
    "interop-token-expired": 401,
    "interop-token-replayed": 401,
    "interop-integrity-missing": 401,
    "interop-integrity-refused": 401,
    "interop-forbidden": 403,
    "signature-missing": 401,
    "signature-malformed": 401,
    "signature-unknown-key": 401,
    "signature-bad": 401,
    "signature-wrong-components": 401,
    "signature-expired": 401,
    "signature-lifetime": 401,
    "signature-wrong-authority": 401,
    "digest-mismatch": 401,
    "clock-skew": 401,
    "nonce-replayed": 409,
    "member-suspended": 403,
    "outbox-ahead": 409,
    "epoch-gone": 410,
    "saved-too-many": 409,
    "network-changed": 409,
    "case-changed": 409,
    "case-closed": 409,
    "case-suspended": 409,
    "case-tasks-open": 409,
    "task-changed": 409,
    "appointment-changed": 409,
    "clause-changed": 409,
    "introduction-not-now": 409,
    "introduction-there": 409,
    "introduction-too-many": 409,
    "introduction-peer-cannot": 409,
    "introduction-requests-off": 403,
    "document-too-large": 413,
    "document-network-full": 409,
    "document-repeated": 409,
    "agreement-none": 404,
    "agreement-expired": 409,
    "proposal-unsigned": 403,
    "proposal-old": 409,
    "proposal-ahead": 409,
    "proposals-full": 409,
    "enrolment-too-many": 409,
    "enrolment-malformed": 422,
    "enrolment-unproved": 422,
    "witness-unsigned": 403,
    "witness-quarantined": 403,
    "witness-suspended": 403,
    "witness-left": 403,
    "witness-inconsistent": 422,
    "inconsistency-unproven": 422,
    "request-too-large": 413,
    "content-type-bad": 415,
    "rate-limited": 429,
}


def status_of(error: ReteError) -> int:
    """Return the HTTP status of an expected failure."""
    if error.code in _STATUS:
        return _STATUS[error.code]
    if isinstance(error, NotFoundError):
        return 404
    if isinstance(error, (CallerError, PeerWrongError)):
        return 400
    if isinstance(error, (OperatorError, LogStateError, RoadWrongError)):
        return 503
    return 500


def problem(
    request: web.BaseRequest, status: int, code: str, title: str, detail: str = "", retry_after_s: int = RETRY_AFTER_S
) -> web.Response:
    """Return an RFC 9457 document."""
    document = {
        "type": f"urn:rete-delle-reti:problem:{code}",
        "code": code,
        "title": title,
        "status": status,
        "request_id": request.get(REQUEST_ID, ""),
    }
    if detail:
        document["detail"] = detail
    headers = _headers(status, retry_after_s)
    return web.Response(
        body=orjson.dumps(document), status=status, content_type="application/problem+json", headers=headers
    )


def _headers(status: int, retry_after_s: int) -> dict[str, str]:
    headers = {"Cache-Control": "no-store"}
    return {**headers, "Retry-After": str(retry_after_s)} if status in (429, 503) else headers


def failure(
    request: web.Request, status: int, code: str, title: str, detail: str = "", retry_after_s: int = RETRY_AFTER_S
) -> web.Response:
    """Return a failure in the form its reader reads: a page for people, a problem document for programs."""
    if ERROR_PAGE in request.app and wants_page(request):
        try:
            page = request.app[ERROR_PAGE](request, status, code, title, detail)
        except Exception:
            # What is wrong may be the page itself.
            logger.exception("page.failed", request_id=request.get(REQUEST_ID, ""))
        else:
            page.headers.update(_headers(status, retry_after_s))
            return page
    return problem(request, status, code, title, detail, retry_after_s)


def refusal(request: web.BaseRequest, status: int, language: str) -> web.Response:
    """Return what is said of a request that reached no handler of ours."""
    code, title = _HTTP.get(status, _OTHER)
    return problem(request, status, code, translator(language)(title))


def language_of(request: web.Request) -> str:
    """Return the language of an answer: the one chosen, now or before, else the reader's, else the node's own."""
    for chosen in (request.query.get(LANGUAGE_CHOICE), request.cookies.get(LANGUAGE_COOKIE)):
        if chosen in LANGUAGES:
            return chosen
    return language_from_header(request.headers.get("Accept-Language", ""), request.app.get(LANGUAGE, LANGUAGES[0]))


def _from_error(request: web.Request, error: ReteError) -> web.Response:
    status = status_of(error)
    if status in (500, 503):
        # What our own machinery says may hold paths or hosts: it goes to the log, not to the caller.
        return failure(request, status, error.code, translator(language_of(request))(UNAVAILABLE))
    what, where, hint = error.render(translator(language_of(request)))
    wait = error.facts.get("retry_after_s")
    detail = ". ".join(part for part in (where, hint) if part)
    answer = failure(request, status, error.code, what, detail, wait if isinstance(wait, int) else RETRY_AFTER_S)
    challenge = _challenge(error.code)
    if challenge:
        answer.headers["WWW-Authenticate"] = challenge
    return answer


def _challenge(code: str) -> str:
    """Return ``WWW-Authenticate`` of a refusal by token (RFC 6750 3.1), empty for any other."""
    if code in ("token-missing", "interop-token-missing"):
        return "Bearer"
    if code == "interop-forbidden":
        return 'Bearer error="insufficient_scope"'
    return 'Bearer error="invalid_token"' if code.startswith("interop-") else ""


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every failure into a problem document and every request into one log line."""
    told = request.headers.getall(trace.HEADER, [])
    request[REQUEST_ID] = trace.heard(told)
    with trace.working(request[REQUEST_ID], trace.asked_in(told)), trace.span("request", trace.SERVER) as span:
        started = time.perf_counter()
        response, code = await _answered(request, handler)
        _tell_span(span, request, response.status, code)
        response.headers["X-Request-Id"] = request[REQUEST_ID]
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        _tell(request, response.status, code, time.perf_counter() - started)
    return response


def _route_of(request: web.Request) -> str:
    """Return the template of a request's route: never its path or query, which may carry words that a person typed."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else UNKNOWN


def _tell_span(span: trace.Span, request: web.Request, status: int, code: str) -> None:
    # Anybody may write any method.
    method = request.method if request.method in _METHODS else "_OTHER"
    route = _route_of(request)
    facts: trace.Facts = {"http.request.method": method, "http.route": route, "http.response.status_code": status}
    span.tell({**facts, **({"rete.code": code} if code else {})}, f"{method} {route}")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        span.fail(code)


def _tell(request: web.Request, status: int, code: str, seconds: float) -> None:
    """Write the one line of a request, and count it."""
    route = _route_of(request)
    if METERS in request.app:
        request.app[METERS].answered(route, status, seconds)
    # Who asks every few seconds whether all is well is told of only when it is not.
    tell = logger.debug if route in PROBES and status < HTTPStatus.BAD_REQUEST else logger.info
    tell(
        "request.answered",
        request_id=request[REQUEST_ID],
        method=request.method,
        route=route,
        status=status,
        code=code,
        ms=round(seconds * 1000, 1),
    )


async def _answered(request: web.Request, handler: Handler) -> tuple[web.StreamResponse, str]:
    """Return the answer to a request, whatever happens, and the code of what went wrong."""
    code = ""
    try:
        response = await handler(request)
    except ReteError as error:
        code = error.code
        response = _from_error(request, error)
    except web.HTTPException as error:
        code, title = _HTTP.get(error.status, _OTHER)
        response = failure(request, error.status, code, translator(language_of(request))(title))
        if error.status == 405 and "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
    except UNWRITABLE_VALUE:
        # Characters or numbers beyond what any text or number here may be: refused as the parameters that hold them.
        code = "value-bad"
        response = failure(request, 400, code, translator(language_of(request))(VALUE_BAD))
    except (*DATABASE_AWAY, TimeoutError, OSError):
        code = "database-unavailable"
        logger.exception("request.failed", request_id=request[REQUEST_ID])
        response = failure(request, 503, code, translator(language_of(request))(UNAVAILABLE))
    except asyncio.CancelledError:
        raise
    except Exception:
        code = "internal-error"
        logger.exception("request.failed", request_id=request[REQUEST_ID])
        response = failure(request, 500, code, translator(language_of(request))(INTERNAL))
    return response, code
