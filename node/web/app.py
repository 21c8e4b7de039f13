"""The web application: middleware, routes and what they share, built from one Node.

In: a Node. Out: an aiohttp application. Peer-facing routes get only the Federation value; nothing here reaches into
the registry on their behalf.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Mapping

from aiohttp import web

from node.domain.roles import Permission
from node.flows.people import refusals
from node.flows.people.passwords import Hasher
from node.flows.searching import overview
from node.flows.trust import council
from node.flows.upkeep.jobs import Schedule
from node.i18n import translator
from node.runtime import Node
from node.store import leader
from node.store.postgres import acquire
from node.web import (
    agreement,
    api,
    assets,
    ballots,
    calls_api,
    catalogue,
    courses_api,
    federation,
    forms,
    gossip,
    health,
    interop,
    introductions,
    observatory_api,
    observatory_data,
    outbox,
    reading,
    saved,
    sessions,
    typed,
)
from node.web.allowance import Allowances, limiter, teller
from node.web.middleware import LANGUAGE, METERS, UNAVAILABLE, errors, language_of, problem
from node.web.pages import (
    account,
    admin_agreement,
    admin_audit,
    admin_backups,
    admin_frame,
    admin_log,
    admin_overview,
    admin_papers,
    admin_peers,
    admin_users,
    asking,
    calls,
    course_door,
    courses,
    dashboard,
    desk,
    door,
    evaluations,
    following,
    frame,
    identity,
    kept,
    leaving,
    observatory,
    observatory_funnel,
    office_aggregations,
    office_applications,
    office_approvals,
    office_asking,
    office_calls,
    office_case,
    office_case_file,
    office_cases,
    office_course_texts,
    office_courses,
    office_documents,
    office_form,
    office_import,
    office_introductions,
    office_matches,
    office_pipeline,
    office_profiles,
    office_register,
    office_searches,
    office_services,
    office_sessions,
    office_shared_cases,
    public,
    session_door,
)
from node.web.pages import catalogue as catalogue_pages
from node.web.pages import sessions as session_pages
from node.web.permission import TELL_REFUSED, Told, guard, needs

POOL_ALIVE_TIMEOUT_S = 5.0
NODE = web.AppKey("node", Node)


@needs(Permission.PUBLIC)
async def status(request: web.Request) -> web.StreamResponse:
    """Answer whether this node can work, and how its log and its peers stand."""
    node = request.app[NODE]
    try:
        async with asyncio.timeout(POOL_ALIVE_TIMEOUT_S), acquire(node.pool) as conn:
            stood = await overview.standing(conn)
            lead = await leader.standing(conn)
    except Exception:  # noqa: BLE001 - whatever is wrong with the database, the answer is the same
        return problem(request, 503, "database-unavailable", translator(language_of(request))(UNAVAILABLE))
    peers = [origin for origin in stood.origins if not origin.is_own]
    document: dict[str, object] = {
        "status": "ok",
        "node": node.config.node.id,
        "log": {"origin": stood.own or node.own.origin, "size": stood.signed_size},
        "peers": {
            "known": len(peers),
            "ready": sum(peer.state == "ready" for peer in peers),
            "failing": sum(peer.error_code is not None for peer in peers),
        },
        # Which machine it is, is nobody's business out there.
        "leader": {"leads": lead.leads, "since": lead.since.isoformat() if lead.leads and lead.since else None},
    }
    if node.replica is not None:
        seen = node.replica.sight
        document["replica"] = {"state": seen.state, "lag_s": None if seen.lag_s is None else round(seen.lag_s, 1)}
    return web.json_response(document, headers={"Cache-Control": "no-store"})


def _server(node: Node) -> tuple[str, bool]:
    """Return where the API answers and whether that is a trial's address."""
    return node.public_url, node.config.is_trial


def build(
    node: Node,
    schedule: Callable[[], Schedule | None] | None = None,
    leaving: Callable[[], bool] | None = None,
) -> web.Application:
    """Return the application of ``node``; ``schedule`` tells what the jobs of this process do, while it runs any, ``leaving`` whether it stops."""
    allowances = Allowances()
    behind_proxy = node.config.web.behind_proxy
    limit = limiter(allowances, node.clock, behind_proxy=behind_proxy, brings_token=interop.brings_token)
    # In this order: who asks, what they typed if that is refused, whether they may, whether what they sent is of our own pages.
    middlewares = [errors, limit, interop.identify, sessions.remember, typed.keep_typed, guard, forms.own_forms]
    if node.replica is not None:
        # Innermost: only what handlers read may be read twice.
        middlewares.append(reading.chosen(node.replica, node.reading_key))
    app = web.Application(middlewares=middlewares, client_max_size=node.config.web.max_request_bytes)
    app[NODE] = node
    app[LANGUAGE] = node.config.node.language
    app[METERS] = node.meters
    app[federation.FEDERATION] = federation.Federation(
        pool=node.pool,
        authority=node.config.federation.authority,
        membership=node.membership,
        witness=lambda: node.cosigner("witness"),
        clock=node.clock,
        allowances=allowances,
        hinted=set() if node.agreement is None else node.agreement.hinted,
    )
    app.add_routes([*federation.routes(), *gossip.routes(), *outbox.routes()])
    agreement.install(app)
    ballots.install(app, _receiving(node))
    app.on_response_prepare.append(teller(allowances, node.clock, behind_proxy=behind_proxy))
    first = node.config.search.first_themes
    # What the public reads, and nothing else, may come from a replica.
    public_pool = node.reading
    api.install(app, public_pool, node.clock, _server(node), first, node.index, node.membership)
    saved.install(app, node.pool, node.clock, node.saved_settings())
    observatory_data.install(app, public_pool, node.publisher())
    catalogue.install(app, node.public_url, node.config.node.name)
    app.add_routes([*observatory_api.routes(), *calls_api.routes(), *courses_api.routes()])
    introductions.install(app, node)
    interop.install(app, node, allowances)
    app.add_routes([web.get("/status", status)])
    tell: Told = functools.partial(refusals.note, node.pool)
    app[TELL_REFUSED] = tell
    health.install(app, health.Health(node.pool, node.clock, schedule, node.replica, leaving))
    _add_pages(app, node)
    admin_frame.install(app, node, schedule)
    for pages in (
        admin_overview, admin_peers, admin_agreement, admin_papers, admin_log, admin_users, admin_audit, admin_backups,
    ):  # fmt: skip
        app.add_routes(pages.routes())
    return app


def _receiving(node: Node) -> ballots.Receive:
    """Return what becomes of a proposal that a member brings: the peer-facing routes reach no flow themselves."""

    async def receive(raw: bytes, member: str) -> Mapping[str, object]:
        taken = await council.receive(node.pool, council.place_of(node.agreement), raw, node.clock(), member)
        return {"version": taken.version, "have": taken.have, "need": taken.need, "applied": taken.applied}

    return receive


def _add_access(app: web.Application, node: Node) -> None:
    trial = node.config.is_trial
    app[forms.PLACE] = forms.Place(frozenset({node.public_url}), secure=not trial, trial=trial)
    hasher = Hasher()
    app[sessions.ACCESS] = sessions.Access(
        node.pool, hasher, node.sign_in_settings(), node.clock, node.config.web.behind_proxy
    )

    async def close(_: web.Application) -> None:
        hasher.close()

    app.on_cleanup.append(close)
    app.add_routes(account.routes())
    provider = node.identity_provider()
    app[identity.OUTSIDE] = identity.Outside(provider)
    app.add_routes(identity.routes())
    if provider is not None:
        app.cleanup_ctx.append(identity.opener(node.session))


def _add_pages(app: web.Application, node: Node) -> None:
    config = node.config
    assets.install(app, assets.load(node.home, config.web.logo, config.web.favicon))
    production = config.is_production
    frame.install(app, frame.Site(config.node.name, config.web.contact, production))
    kept.install(app)
    app.add_routes(
        [
            *public.routes(),
            *catalogue_pages.routes(),
            *following.routes(),
            *leaving.routes(),
            *asking.routes(),
            *courses.routes(),
        ]
    )
    observatory.install(app, app[observatory_data.FILES].reading)
    app.add_routes(observatory_funnel.routes())
    calls.install(app, node.reading, node.clock)
    door.install(app, node)
    app.add_routes(session_pages.routes())
    session_door.install(app, node)
    course_door.install(app, node)
    _add_access(app, node)
    office_register.install(app, office_register.Office(node.pool, config, node.clock))
    office_import.install(app)
    app.add_routes([*dashboard.routes(), *office_register.routes(), *office_form.routes(), *office_import.routes()])
    app.add_routes(office_documents.routes())
    desk.install(app, node)
    for pages in (
        office_profiles, office_approvals, office_matches, office_searches, office_services, office_introductions, office_asking, office_case, office_sessions, office_aggregations, office_pipeline, office_cases, office_shared_cases, office_case_file, office_course_texts, office_courses, office_calls, office_applications, evaluations,
    ):  # fmt: skip
        app.add_routes(pages.routes())
