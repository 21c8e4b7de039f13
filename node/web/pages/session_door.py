"""The door through which the pages of everybody's reach information sessions: a few functions, hung in where the application is built.

In: a node. Out: ``sessions.Door``. Why: enrolments are kept where offices keep theirs, which no page of everybody's can import
(tests/test_house.py, PUBLIC_FACING). Here stands all that such a page can do there: see open sessions, enrol one person, and with a code
see and give back that enrolment.
"""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from node.domain.programme.session import STANDING_TITLES, Person, Standing, State
from node.flows.programme import session_mail
from node.flows.programme import sessions as flow
from node.i18n import translator
from node.runtime import Node
from node.store.info_sessions import SessionRow, Shown
from node.web.pages import sessions
from node.web.pages.sessions import Asked, Door, Meeting, Stand


def install(app: web.Application, node: Node) -> None:
    """Let an application's public pages show sessions of a node and enrol to them."""

    def said(found: Shown, language: str) -> Meeting:
        session = found.session
        return Meeting(
            found.session_id, session_mail.title_in(session, language),
            (session.summary_en if language == "en" else "") or session.summary, session.begins_at.date(),
            f"{session.begins_at:%H:%M}-{session.ends_at:%H:%M}", session.enrol_until, session_mail.place_in(session),
            session.online, found.has_seats, flow.takes_enrolments(found, node.clock()),
        )  # fmt: skip

    async def meetings(language: str) -> Sequence[Meeting]:
        return [said(found, language) for found in await flow.shown(node.pool, node.clock())]

    async def meeting(session_id: str, language: str) -> Meeting:
        return said(await flow.shown_one(node.pool, session_id, node.clock()), language)

    async def enrol(asked: Asked) -> tuple[str, str, str]:
        person = Person(**asked.person)
        done = await flow.enrol(
            node.pool, asked.session_id, person, node.clock(), language=asked.language, form=asked.form
        )
        return done.enrolment_id, translator(asked.language)(STANDING_TITLES[done.standing]), done.code

    async def standing(enrolment_id: str, code: str, language: str) -> Stand:
        found, row = await flow.opened(node.pool, enrolment_id, code)
        is_off = row.state is State.CANCELLED
        may = found.standing is not Standing.CANCELLED and not is_off and node.clock() < row.session.begins_at
        return Stand(said(_shown(row), language), translator(language)(STANDING_TITLES[found.standing]), is_off, may)

    async def give_back(enrolment_id: str, code: str) -> None:
        await flow.give_back(node.pool, enrolment_id, node.clock(), code=code)

    def kept_days() -> int:
        return node.config.retention.enrolments_days

    app[sessions.DOOR] = Door(kept_days, meetings, meeting, enrol, standing, give_back)


def _shown(row: SessionRow) -> Shown:
    return Shown(row.session_id, row.session, row.taken < row.session.seats)
