"""The server below the application: what is no request at all gets a problem document too, and one line in the log.

In: an application. Out: a runner like aiohttp's own, whose answers to a line that is too long, or that is no HTTP, are
those of node/web/middleware.py. Nothing of what was sent is quoted, neither in the answer nor in the log.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import structlog
from aiohttp import web

from node import trace
from node.i18n import LANGUAGES
from node.web.middleware import LANGUAGE, REQUEST_ID, refusal

logger = structlog.get_logger()


class _Connection(web.RequestHandler):
    """One connection of a client."""

    __slots__ = ("language",)

    def __init__(self, manager: web.Server, *, language: str, **settings: Any) -> None:
        super().__init__(manager, **settings)
        self.language = language

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - quotes what was sent
    ) -> web.StreamResponse:
        """Answer what never became a request, or failed outside every handler; the connection ends."""
        if request.writer.output_size > 0:
            # Half an answer is out: nothing can be said any more.
            raise ConnectionError
        request[REQUEST_ID] = trace.new()
        if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            # The name of a parser's complaint, never its words.
            logger.info(
                "request.refused", request_id=request[REQUEST_ID], status=int(status), reason=type(exc).__name__
            )
        else:
            logger.error("request.failed", request_id=request[REQUEST_ID], exc_info=exc)
        response = refusal(request, status, self.language)
        response.headers["X-Request-Id"] = request[REQUEST_ID]
        response.force_close()
        return response


class _Server(web.Server):
    """Makes the connections."""

    language = LANGUAGES[0]

    def __call__(self) -> web.RequestHandler:
        return _Connection(self, language=self.language, loop=self._loop, **self._kwargs)


class Runner(web.AppRunner):
    """Runs an application on such a server."""

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        # The application makes its server by itself, and takes no other class for it.
        server.__class__ = _Server
        server.language = self.app.get(LANGUAGE, LANGUAGES[0])  # type: ignore[attr-defined]
        return server
