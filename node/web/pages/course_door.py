"""The door through which pages of everybody's reach courses: a few functions, hung in where the application is built.

In: a node. Out: ``courses.Door``. Why: participants are kept where no page of everybody's can import (tests/test_house.py, PUBLIC_FACING). Here stands
all that such a page can do there: enrol, and, for who shows the code, see how it stands, take it back, hand in the questionnaire.
"""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from node.domain.programme.certificate import Certified
from node.domain.programme.course import HOLDING, Offered, Standing
from node.errors import CallerError
from node.flows.programme import certificate_delivery, certificates, course_enrolments
from node.flows.programme.course_enrolments import Wish
from node.flows.programme.course_seats import today_of
from node.protocol.seat import EVALUATE
from node.runtime import Node
from node.store.course_seats import Enrolment
from node.web.pages import courses
from node.web.pages.courses import Asked, Door, Stand


def install(app: web.Application, node: Node) -> None:
    """Let an application's public pages enrol people at a node."""

    async def offered(course_id: str, code: str, owner: str) -> Offered:
        return await course_enrolments.offered(node.office(), course_id, code, owner)

    def closed(edition: Offered) -> CallerError | None:
        office = node.office()
        try:
            course_enrolments.refuse_closed(edition, today_of(node.clock()))
            if edition.organiser != office.own_id:
                office.peer(edition.organiser)
        except CallerError as error:
            return error
        return None

    async def enrol(asked: Asked) -> tuple[str, str]:
        wish = Wish(
            asked.course_id, asked.edition, asked.person["name"], asked.person["email"], asked.consent, asked.person["territory"],
            asked.person["sector"], asked.owner, asked.form, asked.language,
        )  # fmt: skip
        return await course_enrolments.enrol(node.office(), wish, node.clock())

    async def standing(enrolment_id: str, code: str) -> Stand:
        return await _stand(node, await course_enrolments.read(node.office(), enrolment_id, code))

    async def leave(enrolment_id: str, code: str) -> None:
        found = await course_enrolments.read(node.office(), enrolment_id, code)
        await course_enrolments.cancel(node.office(), found.enrolment_id, node.clock())

    async def evaluate(enrolment_id: str, code: str, answers: Sequence[int]) -> None:
        found = await course_enrolments.read(node.office(), enrolment_id, code)
        await course_enrolments.evaluate(node.office(), found.enrolment_id, answers, node.clock())

    async def verify(code: str, name: str) -> Certified | None:
        return await certificates.verify(node.pool, code, name)

    async def collect(seat_id: str, code: str, language: str) -> bytes:
        name, site = node.config.node.name, node.public_url
        return await certificate_delivery.collect(node.pool, seat_id, code, node.clock(), name, site, language)

    async def certificate(enrolment_id: str, code: str, language: str) -> bytes:
        found = await course_enrolments.read(node.office(), enrolment_id, code)
        name, site = node.config.node.name, node.public_url
        return await certificate_delivery.of_enrolment(node.pool, found.enrolment_id, name, site, language)

    def kept_days() -> int:
        return node.config.retention.introductions_days

    app[courses.DOOR] = Door(offered, closed, enrol, standing, leave, evaluate, verify, collect, certificate, kept_days)


async def _stand(node: Node, found: Enrolment) -> Stand:
    """Return how an enrolment stands, as the public page may know it."""
    today = today_of(node.clock())
    waits = found.standing is Standing.ASKED or found.standing in HOLDING
    answered = found.is_evaluated or found.says == EVALUATE
    is_ours = found.organiser == node.config.node.id
    return Stand(
        found.organiser, found.title, found.begins.isoformat(), found.ends.isoformat(), found.standing, found.reason,
        may_leave=waits and today <= found.ends,
        may_evaluate=found.standing is Standing.PLACED and today >= found.ends and not answered,
        has_certificate=is_ours and await certificate_delivery.edition_of(node.pool, found.enrolment_id) is not None,
    )  # fmt: skip
