"""Every route asks for a permission, and who does not have it is refused."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from node.domain.roles import MATRIX, Permission, Role
from node.runtime import Node
from node.web import app as application
from node.web.middleware import errors
from node.web.permission import USER, User, back_from, guard, needed_by, needs
from tests.web.test_app import node

__all__ = ["node"]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
PAGE = {"Accept": "text/html"}


async def test_every_route_of_the_application_declares_its_permission(node: Node) -> None:
    """All of them, walked: other nodes' routes ask for a peer, the API for nobody or a token."""
    found = {}
    for route in application.build(node).router.routes():
        where = f"{route.method} {route.resource.canonical if route.resource else route}"
        needed = needed_by(route.handler)
        assert needed is not None, f"{where} declares no permission"
        found[where] = needed.permission
    assert len(found) > 30
    for where, permission in found.items():
        if " /federation/" in where:
            assert permission is Permission.PEER, where
        else:
            assert permission is not Permission.PEER, where
        if " /api/v1/introductions" in where:
            # What the API keeps for officers, by their session (node/web/introductions.py); firms ask elsewhere.
            acts = where.startswith("POST ")
            assert permission is (Permission.INTRODUCTIONS_WRITE if acts else Permission.INTRODUCTIONS_READ), where
        elif " /api/" in where or where.endswith(" /status"):
            assert permission in (Permission.PUBLIC, Permission.TOKEN), where


def application_of(user: User | None, routes: dict[str, Handler]) -> web.Application:
    """An application with some routes, all of whose requests are of one user."""

    @web.middleware
    async def as_user(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[USER] = user
        return await handler(request)

    app = web.Application(middlewares=[errors, as_user, guard])
    for path, handler in routes.items():
        app.router.add_route("*", path, handler)
    return app


def route(permission: Permission, *, hidden: bool = False) -> Handler:
    """A handler that asks for a permission."""

    @needs(permission, hidden=hidden)
    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(text="in")

    return handler


async def undeclared(request: web.Request) -> web.StreamResponse:
    """A handler that somebody forgot to mark."""
    return web.Response(text="in")


async def test_a_route_that_declares_nothing_is_closed_to_everybody() -> None:
    """Also to whoever has every role."""
    user = User("1", "anna", frozenset(Role))
    async with TestClient(TestServer(application_of(user, {"/x": undeclared}))) as client:
        reply = await client.get("/x")
        assert (reply.status, (await reply.json())["code"]) == (500, "permission-undeclared")


@pytest.mark.parametrize("role", [None, *Role])
async def test_a_role_opens_what_the_matrix_says_and_nothing_else(role: Role | None) -> None:
    """Role x permission, by real requests."""
    user = User("1", "anna", frozenset({role} if role else ()))
    routes = {f"/{permission}": route(permission) for permission in Permission}
    async with TestClient(TestServer(application_of(user, routes))) as client:
        for permission in Permission:
            opened = permission in (Permission.PUBLIC, Permission.TOKEN, Permission.PEER, Permission.SIGNED_IN)
            expected = opened or (role is not None and permission in MATRIX[role])
            for method in ("GET", "POST"):
                reply = await client.request(method, f"/{permission}")
                assert reply.status == (200 if expected else 403), (role, permission)
            if not expected:
                assert (await reply.json())["code"] == "permission-missing"


async def test_who_did_not_sign_in_is_sent_to_do_so_and_comes_back() -> None:
    """A browser by a redirect that names only a path of this node; a program and a form by 401."""
    routes = {"/ufficio/{x}": route(Permission.OFFICE_READ), "/mio": route(Permission.SIGNED_IN)}
    async with TestClient(TestServer(application_of(None, routes))) as client:
        reply = await client.get("/ufficio/a?x=1&y=%26", headers=PAGE, allow_redirects=False)
        assert (reply.status, reply.headers["Location"]) == (303, "/entra?dopo=%2Fufficio%2Fa%3Fx%3D1%26y%3D%2526")
        for path in ("/ufficio/a", "/mio"):
            assert (await (await client.get(path)).json())["code"] == "sign-in-needed"
            assert (await client.post(path, headers=PAGE)).status == 401


async def test_what_must_not_be_known_is_not_there() -> None:
    """404 in the words of an address that does not exist, signed in or not."""
    for user in (None, User("1", "anna", frozenset({Role.ANALYST}))):
        app = application_of(user, {"/x": route(Permission.USERS_READ, hidden=True)})
        async with TestClient(TestServer(app)) as client:
            refused, missing = await client.get("/x", headers=PAGE), await client.get("/y", headers=PAGE)
            assert refused.status == missing.status == 404
            one, other = await refused.json(), await missing.json()
            assert {k: v for k, v in one.items() if k != "request_id"} == {
                k: v for k, v in other.items() if k != "request_id"
            }


async def test_who_may_be_somebody_is_asked_to_sign_in_and_others_see_nothing() -> None:
    """At an address that invites: sign-in for who has not signed in, 404 for a role without the right."""

    @needs(Permission.USERS_READ, hidden=True, invites=True)
    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(text="in")

    async with TestClient(TestServer(application_of(None, {"/x": handler}))) as client:
        reply = await client.get("/x", headers=PAGE, allow_redirects=False)
        assert (reply.status, reply.headers["Location"]) == (303, "/entra?dopo=%2Fx")
    analyst = User("1", "anna", frozenset({Role.ANALYST}))
    async with TestClient(TestServer(application_of(analyst, {"/x": handler}))) as client:
        assert (await client.get("/x", headers=PAGE)).status == 404


@pytest.mark.parametrize(
    ("asked", "gone"),
    [
        ("/ufficio/reti?x=1", "/ufficio/reti?x=1"),
        ("", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("/a\r\nLocation: x", "/"),
        ("/a b", "/"),
        ("javascript:alert(1)", "/"),
        ("/" + "a" * 3000, "/"),
        ("/à", "/"),
    ],
)
def test_after_signing_in_nobody_is_sent_elsewhere(asked: str, gone: str) -> None:
    """Only a path of this node is followed."""
    assert back_from(asked) == gone
