"""The door through which a page of everybody's reaches introductions: two functions, hung in where the application is built.

In: a node. Out: ``asking.Door``. Why: a firm's request is written where offices keep theirs, which no page of everybody's can import
(tests/test_house.py, PUBLIC_FACING). Here stands all that such a page can do there: write one draft that an officer has to look at, and
tell states and dates of one whose code was shown.
"""

from __future__ import annotations

from aiohttp import web

from node.flows.introductions import asking as flow
from node.flows.introductions import casefile
from node.flows.introductions.asking import Applicant, Wish
from node.runtime import Node
from node.store.reference import load_label_reference
from node.web.pages import asking
from node.web.pages.asking import Asked, Door, Stand


def install(app: web.Application, node: Node) -> None:
    """Let an application's public form write requests at a node."""

    async def ask(asked: Asked) -> tuple[str, str]:
        applicant = Applicant(**asked.applicant)
        wish = Wish(
            asked.profile_id, asked.text, asked.purpose, applicant=applicant, owner=asked.owner, form=asked.form
        )
        return await flow.ask(node.office(), wish, node.clock(), load_label_reference())

    async def standing(introduction_id: str, code: str) -> Stand:
        opened = await casefile.standing(node.office(), introduction_id, code)
        events = tuple(step.event for step in opened.steps)
        return Stand(opened.row.profile_id, opened.row.peer, opened.state, events)

    def kept_days() -> int:
        # The agreement may shorten it while this process runs.
        return node.config.retention.introductions_days

    app[asking.DOOR] = Door(node.config.introductions.requests, kept_days, ask, standing)
