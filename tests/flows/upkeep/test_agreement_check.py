"""Does the agreement hold, and is this node in it: each finding on both sides of its rule, with a remedy."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from node.errors import ReteError
from node.flows.introductions.post_board import Post
from node.flows.upkeep import agreement_check, checkup, doctor
from node.flows.upkeep.findings import DANGER, OK, WARNING, Finding, Seen
from node.i18n import translator
from node.protocol import agreement, routine
from node.protocol.agreement import Status
from node.runtime import Node
from node.store import agreement as store
from node.store.agreement import RoutineFork
from node.store.postgres import acquire
from tests.admin_made import fill_logs
from tests.agreement_said_made import NODES, raw, signed
from tests.agreement_shown_made import (
    COUNCIL,
    admission,
    changed_contact,
    fill_agreement,
    in_force,
    members_of,
    own_entry,
    suspended,
)
from tests.web.test_app import NOW, node

__all__ = ["node"]


async def look(node: Node) -> Seen:
    """What there is to see of a node."""
    return await checkup.look(node.place(), node.own, node.clock(), None)


async def found(node: Node, at: dt.datetime | None = None) -> dict[str, str]:
    """The findings about the agreement, by code, each whole in both languages."""
    seen = await look(node)
    findings = agreement_check.check(seen if at is None else replace(seen, now=at))
    for finding in findings:
        told(finding)
    return {finding.code: finding.level for finding in findings}


def told(finding: Finding) -> str:
    """Cause and remedy in Italian; English says something else, and no fact is left open."""
    texts = []
    for language in ("it", "en"):
        said = [one.told(translator(language)) for one in (finding.said, finding.remedy) if one is not None]
        assert not any("{" in one for one in said), finding.code
        texts.append(" ".join(said))
    assert texts[0] != texts[1], finding.code
    return texts[0]


async def agreed(node: Node, **other: object) -> None:
    """One version in force, of this node and BIC Lazio."""
    values: dict[str, object] = {"nodes": members_of(node), **other}
    await in_force(node, signed(raw(1, **values), *COUNCIL))


async def test_a_node_of_peer_tables_is_told_so_and_no_light_is_on(node: Node) -> None:
    """Without an agreement there is nothing wrong."""
    assert await found(node) == {"agreement-none": OK}


async def test_all_well_is_one_green_light_with_version_and_day(node: Node) -> None:
    """Listed with its own keys, nothing waits, far from the end."""
    await agreed(node)
    assert await found(node) == {"agreement": OK}


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (dt.timedelta(days=60, seconds=1), {"agreement": OK}),
        (dt.timedelta(days=60), {"agreement-expiring": WARNING}),
        (dt.timedelta(seconds=1), {"agreement-expiring": WARNING}),
        (dt.timedelta(0), {"agreement-expired": DANGER}),
        (dt.timedelta(days=-90), {"agreement-expired": DANGER}),
    ],
)
async def test_the_end_is_told_sixty_days_before_and_from_then_on(
    node: Node, left: dt.timedelta, expected: dict[str, str]
) -> None:
    """Yellow from the sixtieth day on, red from the moment of the end."""
    await agreed(node, expires=NOW + dt.timedelta(days=200))
    assert await found(node, NOW + dt.timedelta(days=200) - left) == expected


async def test_a_key_on_disk_that_is_not_listed_is_red_by_role(node: Node) -> None:
    """Each role by itself; a second key beside the own one is no finding."""
    own = own_entry(node)
    await agreed(node, nodes=(NODES[0], replace(own, http=(replace(own.http[0], public=NODES[1].http[0].public),), seal=NODES[1].seal)))  # fmt: skip
    findings = agreement_check.check(await look(node))
    assert [(one.code, one.where, one.level) for one in findings] == [
        ("own-keys-not-listed", "http", DANGER),
        ("own-keys-not-listed", "seal", DANGER),
    ]
    assert "rete keys rotate http --lost" in told(findings[0])


async def test_a_second_key_beside_the_own_one_is_well(node: Node) -> None:
    """While a key is changed two are listed: one of them on disk is enough."""
    own = own_entry(node)
    extra = replace(own.http[0], keyid=own.http[0].keyid.replace("-1", "-2"), public=NODES[1].http[0].public)
    await agreed(node, nodes=(NODES[0], replace(own, http=(*own.http, extra))))
    assert await found(node) == {"agreement": OK}


async def test_a_node_that_is_not_listed_yet_is_told_to_wait(node: Node) -> None:
    """Yellow: it may come."""
    await agreed(node, nodes=NODES[:1])
    assert await found(node) == {"not-yet-member": WARNING}


async def test_a_suspended_node_is_told_since_when_and_what_follows(node: Node) -> None:
    """With the days after which others erase."""
    await agreed(node, nodes=suspended(node))
    findings = agreement_check.check(await look(node))
    assert [(one.code, one.level) for one in findings] == [("suspended-self", DANGER)]
    assert "sospeso dal 23/11/2026" in told(findings[0])
    assert "dopo 30 giorni" in told(findings[0])


async def test_a_node_that_left_is_told_so(node: Node) -> None:
    """Red, since others follow it no more."""
    await agreed(node, nodes=members_of(node, status=Status.LEFT))
    assert await found(node) == {"left-self": DANGER}


async def test_what_waits_and_what_went_wrong_is_each_told_once(node: Node) -> None:
    """A fork, a refused newer version with its code, proposals and requests counted."""
    await fill_agreement(node)
    findings = agreement_check.check(await look(node))
    assert {one.code: one.level for one in findings} == {
        "agreement-fork": DANGER,
        "agreement-behind": WARNING,
        "agreement-proposal-waiting": WARNING,
        "enrolment-requests-waiting": WARNING,
    }
    texts = {one.code: told(one) for one in findings}
    assert "versione 3" in texts["agreement-behind"]
    assert "[agreement-unsigned]" in texts["agreement-behind"]
    assert "aspettano firme: 2" in texts["agreement-proposal-waiting"]
    assert "aspettano: 1" in texts["enrolment-requests-waiting"]


async def test_routine_changes_that_contradict_or_have_expired_are_told(node: Node) -> None:
    """Of which node, in red; expired while they are in effect, in yellow, and no more when the council has taken them up."""
    held, other = routine.parse(changed_contact()), routine.parse(changed_contact(2))
    await agreed(node)
    async with acquire(node.pool) as conn, conn.transaction():
        await store.put_routine(conn, 1, held.digest, held.raw, NOW)
        await store.put_routine_fork(conn, RoutineFork(other.digest, "bic_LAZ", other.raw, NOW))
    assert await found(node) == {"routine-forked": DANGER}
    assert "bic_LAZ" in told(agreement_check.check(await look(node))[0])
    assert (await found(node, held.expires))["routine-expired"] == WARNING
    assert "routine-expired" not in await found(node, held.expires - dt.timedelta(seconds=1))
    async with acquire(node.pool) as conn, conn.transaction():
        await store.drop_routine_fork(conn, other.digest)
        nodes = tuple(replace(one, rev=2) for one in members_of(node))
        document = agreement.parse(signed(raw(2, nodes=nodes), *COUNCIL))
        await store.insert_document(conn, 2, document.digest, document.raw, NOW)
    assert "routine-expired" not in await found(node, held.expires)


async def test_what_was_settled_or_overtaken_is_told_no_more(node: Node) -> None:
    """A fork on which a person decided; a refusal of a version that is in force by now."""
    await fill_agreement(node)
    async with acquire(node.pool) as conn:
        await store.settle_forks(conn, 2, NOW)
        await store.drop_proposals_below(conn, 9)
        await store.drop_proposals_below(conn, 9, store.ROUTINE)
        for one in await store.read_requests(conn):
            await store.drop_request(conn, one.fingerprint)
        await store.insert_document(conn, 3, "f" * 64, admission(node), NOW)
    assert await found(node) == {"agreement": OK}


async def test_with_an_agreement_nobody_is_sent_to_the_peer_tables(node: Node) -> None:
    """What to do about members, witnesses and seal keys is said of the agreement, not of node.toml."""
    await agreed(node)
    await fill_logs(node)
    seen = replace(
        await look(node),
        peers=(),
        post=(Post("bic_LAZ", False, None, ()),),
    )
    assert not isinstance(seen.log, ReteError)
    found = {one.code: one for one in doctor.judge(replace(seen, log=replace(seen.log, witnesses={})))}
    for code in ("peers-none", "log-few-witnesses", "seal-missing"):
        text = told(found[code])
        assert "protocollo d'intesa" in text, code
        assert "node.toml" not in text, code
