"""Blindness as a property: in whatever order evaluators are given work, declare and score, nobody reads another's points before all are in."""

from __future__ import annotations

import asyncio
import re
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.domain.roles import Role
from node.errors import NotFoundError, ReteError
from node.flows.programme import evaluating
from tests.call_offices_made import issuers, make_call_template
from tests.calls_made import WEIGHTS
from tests.cli.test_network_commands import Terminal
from tests.register_made import signed_in

# Points that stand nowhere else, and words in nobody's mouth but the evaluator's.
POINTS = {"carla": "1.37", "dario": "2.59", "elena": "3.83"}
SIGNS = {who: re.compile(rf"zq{who}qz|\b{points.replace('.', '[.,]')}\b") for who, points in POINTS.items()}
DEEDS = st.lists(
    st.tuples(st.sampled_from(("assign", "declare", "conflict", "score", "score")), st.sampled_from(sorted(POINTS))),
    min_size=6,
    max_size=14,
)


def named(text: str) -> set[str]:
    """Whose points or words stand in a text."""
    return {who for who, sign in SIGNS.items() if sign.search(text)}


class Play:
    """One application of a call, and what a model says of who has to be blind."""

    def __init__(self, office: Any, call_id: str, ident: str, browsers: dict[str, Any]) -> None:
        self.office, self.call_id, self.ident, self.browsers = office, call_id, ident, browsers
        self.given: set[str] = set()
        self.declared: dict[str, bool] = {}
        self.scored: set[str] = set()

    @property
    def is_complete(self) -> bool:
        """Whether all who judge it have scored, and they are as many as the call asks for."""
        judging = {who for who in self.given if not self.declared.get(who, False)}
        return judging <= self.scored and len(self.scored) >= 2

    async def do(self, deed: str, who: str) -> None:
        """Let somebody do something, and the model with them; what may not be done changes nothing."""
        before = self.is_complete
        try:
            if deed == "assign":
                await self.office.assign([self.ident], who)
                self.given.add(who)
            elif deed == "score":
                await self.office.score(self.ident, who, dict.fromkeys(WEIGHTS, POINTS[who]), f"zq{who}qz")
                self.scored.add(who)
            else:
                self.declared.setdefault(who, await self.office.declare(self.ident, who, conflict=deed == "conflict"))
        except ReteError as error:
            allowed = {"assign": {"assignment-late"}, "score": {"application-unknown", "declaration-missing"}}
            assert error.code in allowed.get(deed, {"application-unknown"}), (deed, who, error.code)
            assert before == self.is_complete

    def may_see(self, viewer: str) -> set[str]:
        """Whose scores somebody may know of now."""
        own = self.scored & {viewer}
        if not self.is_complete:
            return own
        return self.scored if viewer == "mario" or self.declared.get(viewer) is False else own

    async def look(self) -> None:
        """Hold what every reader of every path sees against the model."""
        pool = self.office.pool
        for viewer in POINTS:
            try:
                seen = await evaluating.read(pool, self.ident, viewer)
            except NotFoundError:
                seen = None
            assert {one.evaluator for one in (seen.scores if seen else ())} == self.may_see(viewer)
            told = repr(await evaluating.tasks(pool, viewer)) + repr(seen and seen.opened)
            assert named(told) <= self.may_see(viewer)
        assert {one.evaluator for one in await evaluating.shown(pool, self.ident)} == self.may_see("mario")
        assert named(repr(await evaluating.assigned(pool, self.ident))) == set()
        for viewer, browser in self.browsers.items():
            paths = ["/ufficio/valutazioni", f"/ufficio/valutazioni/{self.ident}"]
            if viewer == "mario":
                paths = [f"/ufficio/domande/{self.ident}", f"/ufficio/bandi/{self.call_id}"]
            for path in paths:
                reply = await browser.client.get(path)
                assert reply.status in (200, 404)
                assert named(await reply.text()) <= self.may_see(viewer), (viewer, path)

    async def sheets(self, other: Any) -> str:
        """What would leave for the other issuer, opened there; "" while it may not leave."""
        try:
            await other.take(self.call_id, await self.office.export(self.call_id, other))
        except ReteError:
            return ""
        async with other.pool.acquire() as conn:
            return str(await conn.fetchval("SELECT string_agg(facts::text, ' ') FROM programme.call_sheet WHERE application_id = $1", self.ident))  # fmt: skip


@pytest.mark.timeout(400)
def test_in_no_order_does_anybody_read_another_s_points_early(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the flow, the pages of evaluators and officers, the command, the sheets for the other issuer: own points alone, until all are in."""
    ways = {True: 0, False: 0}
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        template = runner.run(make_call_template(server, "rete_calls_machine"))

        async def begin() -> tuple[Any, Any, list[str], dict[str, Any]]:
            two = await stack.enter_async_context(issuers(server, template, tmp_path))
            call = await two.issued()
            idents = [(await two.province.apply(call.call_id, at)).application_id for at in range(8)]
            two.close()
            roles = dict.fromkeys(POINTS, Role.EVALUATOR) | {"mario": Role.OFFICER}
            browsers = {who: await stack.enter_async_context(signed_in(two.province.town.node, role, name=who)) for who, role in roles.items()}  # fmt: skip
            return two, call, idents, browsers

        two, call, idents, browsers = runner.run(begin())
        terminal, turn = Terminal(two.province.town.home, monkeypatch, capsys), count()

        @settings(max_examples=6, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(DEEDS)
        def in_any_order(deeds: list[tuple[str, str]]) -> None:
            number = next(turn)
            if number >= len(idents):
                # Shrinking a failure: every order needs an application of its own.
                return
            play = Play(two.province, call.call_id, idents[number], browsers)

            async def through() -> None:
                # Two have work from the start: most orders get somewhere.
                for deed, who in (("assign", "carla"), ("assign", "dario"), *deeds):
                    await play.do(deed, who)
                    await play.look()

            runner.run(through())
            ways[play.is_complete] += 1
            for viewer in (sorted(play.given) or [""])[:1]:
                said = terminal.run("call", "scores", play.ident, "--by", viewer, "--json")[1]
                assert named(said) <= play.may_see(viewer)
            assert named(runner.run(play.sheets(two.chamber))) <= play.may_see("mario")

        in_any_order()
        runner.run(stack.aclose())
    assert ways[False] > 0
    assert sum(ways.values()) >= 3
