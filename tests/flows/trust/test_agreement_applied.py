"""What comes into force comes into force whole, here and in every process of this node; what is refused changes nothing."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import re
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from node import runtime
from node.config_places import CONFIG_FILE
from node.errors import OperatorError, PeerWrongError, ReteError
from node.flows.trust import agreement as flow
from node.flows.trust import agreement_follow, council
from node.flows.trust.agreement import Place
from node.flows.trust.council_edits import CouncilEdits, Edits
from node.flows.upkeep import backup_home
from node.protocol import agreement, keys, routine
from node.protocol.agreement import Agreement
from node.protocol.agreement_values import Status
from node.runtime import Node
from node.store import agreement as store
from node.store import joined, origins, pin
from tests.agreed_made import Agreed, agreed, in_force, proposal
from tests.agreement_made import OFFICE, THREE, private, public, signed, unsigned
from tests.federation_made import Clock, Town

IDS = ("p_LE", "bic-lazio")
GROUP = r"(?m)^#? ?group = .*$"


@pytest.fixture
def clock() -> Clock:
    """The time of the federation."""
    return Clock()


@pytest.fixture
async def two(server: str, tmp_path: Path, clock: Clock) -> AsyncIterator[Agreed]:
    """Two nodes that follow one agreement."""
    async with agreed(server, tmp_path, clock, IDS) as made:
        yield made


def place_of(node: Node) -> Place:
    """Where a node sits."""
    return council.place_of(node.agreement)


async def apply(town: Town, raw: bytes) -> None:
    """Let a version come into force at a node."""
    await flow.apply(town.node.pool, place_of(town.node), raw, town.node.clock())


async def rows(town: Town) -> list[tuple[object, ...]]:
    """All that an agreement changes in a database."""
    async with town.node.pool.acquire() as conn:
        documents = [(one.version, one.digest) for one in await store.versions_from(conn, 1, 100)]
        logs = [(o.origin, o.owner, o.state, o.vkeys, o.url, o.size) for o in await origins.list_origins(conn)]
        proposals = [one.digest for one in await store.read_proposals(conn)]
    return [*documents, *logs, *proposals]


def second(town: Town, *by: str, **edits: object) -> bytes:
    """A next version at a node that does not change who belongs."""
    return proposal(town.node, Edits(**(edits or {"terms": {"k_min": 6}})), *by)  # type: ignore[arg-type]


async def test_what_comes_into_force_is_there_at_once_and_after_a_restart(two: Agreed, clock: Clock) -> None:
    """The roll of the running process, the rows, and what is read when the node is opened again."""
    lecce, _ = two
    await apply(lecce, second(lecce, *THREE, suspend=("bic-lazio",)))
    assert in_force(lecce.node).version == 2
    assert lecce.node.membership.peers == []
    assert list(lecce.node.membership.roll.suspended.values()) == ["bic-lazio"]
    assert (await lecce.origin("bic-lazio")).state == "suspended"
    async with runtime.open_node(lecce.home, clock=clock) as again:
        assert in_force(again).version == 2
        assert again.membership.roll == lecce.node.membership.roll


@pytest.mark.parametrize(
    ("code", "made"),
    [
        ("agreement-unsigned", lambda town: second(town, THREE[0])),
        ("agreement-unsigned", lambda town: signed(second(town, THREE[0]), (THREE[0],))),
        ("agreement-unsigned", lambda town: second(town, *OFFICE)),
        ("agreement-unsigned", lambda town: second(town, "a stranger", "another")),
        ("agreement-version-skipped", lambda _: signed(unsigned(3))),
        ("agreement-version-old", lambda _: signed(unsigned(1))),
        ("agreement-rule-broken", lambda _: signed(unsigned(2))),
        ("agreement-malformed", lambda _: b"{}"),
        ("agreement-too-large", lambda _: b" " * (5 * 2**20)),
    ],
)
async def test_a_refused_document_changes_nothing_not_even_after_a_restart(
    two: Agreed, clock: Clock, code: str, made: Callable[[Town], bytes]
) -> None:
    """One of three signatures, the same signer twice, the wrong signers, a gap, a repetition, a node forgotten, junk, five megabytes."""
    lecce, _ = two
    before, roll = await rows(lecce), lecce.node.membership.roll
    with pytest.raises(PeerWrongError) as caught:
        await apply(lecce, made(lecce))
    assert caught.value.code == code
    assert await rows(lecce) == before
    assert lecce.node.membership.roll is roll
    async with runtime.open_node(lecce.home, clock=clock) as again:
        assert in_force(again).version == 1
        assert again.membership.roll == roll
    assert await rows(lecce) == before


async def test_the_threshold_is_that_of_both_councils(two: Agreed) -> None:
    """When the council changes, those who leave it and those who stay must both be enough."""
    lecce, _ = two
    more = Edits(council=CouncilEdits(threshold=3))
    with pytest.raises(PeerWrongError, match=r"3"):
        await apply(lecce, proposal(lecce.node, more, *THREE[:2]))
    await apply(lecce, proposal(lecce.node, more, *THREE))
    with pytest.raises(PeerWrongError, match=r"3"):
        await apply(lecce, proposal(lecce.node, Edits(terms={"k_min": 7}), *THREE[:2]))
    assert in_force(lecce.node).version == 2


async def test_applying_again_is_nothing_and_two_at_once_are_one(two: Agreed) -> None:
    """Safe to repeat, with other signatures, and beside each other."""
    lecce, _ = two
    raw = second(lecce, *THREE[:2])
    await asyncio.gather(*(apply(lecce, raw) for _ in range(3)))
    await apply(lecce, agreement.with_signatures(raw, [agreement.sign(raw, private(THREE[2]))]))
    assert in_force(lecce.node).version == 2
    assert [row for row in await rows(lecce) if row[0] == 2] == [(2, in_force(lecce.node).digest)]


async def test_a_slow_judgement_of_what_came_into_force_meanwhile_is_nothing(
    two: Agreed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A member's submission and the own question bring one version at once: whoever verifies longer finds it done, and fails at nothing."""
    lecce, _ = two
    raw, judged = second(lecce, *THREE), flow._verified
    loop, begun, others_done = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def slowly(*given: Any) -> list[Agreement]:
        loop.call_soon_threadsafe(begun.set)
        assert others_done.wait(10)
        return judged(*given)

    monkeypatch.setattr(flow, "_verified", slowly)
    late = asyncio.create_task(apply(lecce, raw))
    # It has looked at what is in force, and waits in its thread.
    await begun.wait()
    monkeypatch.setattr(flow, "_verified", judged)
    await apply(lecce, raw)
    others_done.set()
    await late
    assert in_force(lecce.node).version == 2


async def test_another_process_lives_by_what_one_applied(two: Agreed, clock: Clock) -> None:
    """What a command applied is found by the server when it looks, and changes its running roll."""
    lecce, _ = two
    async with runtime.open_node(lecce.home, clock=clock) as other:
        raw = second(lecce, *THREE, suspend=("bic-lazio",))
        await flow.apply(other.pool, place_of(other), raw, clock())
    assert [member.id for member in lecce.node.membership.peers] == ["bic-lazio"]
    assert await flow.reload(lecce.node.pool, place_of(lecce.node))
    assert lecce.node.membership.peers == []
    assert not await flow.reload(lecce.node.pool, place_of(lecce.node))


async def test_proposals_that_can_t_come_into_force_any_more_are_dropped(two: Agreed) -> None:
    """Those of the same version and older; a later one stays."""
    lecce, _ = two
    now = lecce.node.clock()
    async with lecce.node.pool.acquire() as conn:
        for version in (1, 2, 3):
            digest = f"{version:064x}"
            await store.put_proposal(conn, store.Proposal(digest, store.ROOT, version, b"raw", now, ""))
    await apply(lecce, second(lecce, *THREE))
    async with lecce.node.pool.acquire() as conn:
        assert [one.version for one in await store.read_proposals(conn)] == [3]


async def test_a_home_lives_by_one_of_the_two(two: Agreed, clock: Clock) -> None:
    """[[peer]] tables beside a pin are refused, and so is a node whose pin is gone, is another, or can't be read."""
    lecce, bic = two
    file = lecce.home / CONFIG_FILE
    written = file.read_text()
    peer = (
        '\n[[peer]]\nid = "altro"\nname = "Altro"\nurl = "https://altro.example.it"\n'
        'origin = "altro.example.it/federation/log/2026"\n'
        f'vkey = "{_vkey("altro.example.it/federation/log/2026")}"\n'
        f'http_key = {{ keyid = "altro.example.it#http-1", public = "{_base64("http")}" }}\n'
    )
    file.write_text(written + peer)
    await _refused(lecce, clock, "config-peers-beside-agreement")
    file.write_text(written)
    path = lecce.home / pin.FILE
    kept = path.read_bytes()
    path.unlink()
    await _refused(lecce, clock, "agreement-pin-missing")
    path.write_bytes(second(bic, *THREE))
    await _refused(lecce, clock, "agreement-pin-bad")
    path.write_bytes(signed(unsigned(1)))
    await _refused(lecce, clock, "agreement-pin-other")
    path.write_bytes(b"{}")
    await _refused(lecce, clock, "agreement-pin-bad")
    path.write_bytes(kept)
    async with runtime.open_node(lecce.home, clock=clock) as again:
        assert in_force(again).version == 1
    with pytest.raises(ReteError, match="già fissata"):
        pin.write(lecce.home, signed(unsigned(1)))
    pin.write(lecce.home, kept)


def _vkey(origin: str) -> str:
    return keys.format_vkey(origin, public("altro log"))


def _base64(role: str) -> str:
    return base64.b64encode(public(f"altro {role}")).decode()


async def _refused(town: Town, clock: Clock, code: str) -> None:
    with pytest.raises(OperatorError) as caught:
        async with runtime.open_node(town.home, clock=clock):
            pass
    assert caught.value.code == code
    assert caught.value.hint


async def test_a_group_names_members_whoever_they_are_now(two: Agreed, clock: Clock) -> None:
    """A stranger in [privacy] group is refused at the opening; somebody who has left is not, and the node goes on."""
    lecce, _ = two
    file = lecce.home / CONFIG_FILE
    written = file.read_text()
    file.write_text(re.sub(GROUP, 'group = ["nessuno"]', written, count=1))
    await _refused(lecce, clock, "config-bad-value")
    file.write_text(re.sub(GROUP, 'group = ["bic-lazio"]', written, count=1))
    await apply(lecce, second(lecce, *THREE, leave=("bic-lazio",)))
    async with runtime.open_node(lecce.home, clock=clock) as again:
        assert again.config.privacy.group == ("bic-lazio",)


async def test_the_terms_tighten_what_is_written_and_never_loosen_it(two: Agreed, clock: Clock) -> None:
    """K and its building grow to the least k, retention and past years shrink to the most; in the process that runs, and in offices it made."""
    lecce, _ = two
    office, written = lecce.node.office(), lecce.node.configured
    terms = {"k_min": 12, "introductions_days": 200, "keep_epochs_days": 40}
    await apply(lecce, proposal(lecce.node, Edits(terms=terms), *THREE))
    for config in (lecce.node.config, office.config):
        assert (config.privacy.k, config.privacy.k_build) == (12, 12)
        assert config.retention.introductions_days == 200
        assert config.federation.keep_epochs_days == 40
    assert lecce.node.configured == written
    loose = {"k_min": 5, "introductions_days": 30_000, "keep_epochs_days": 30_000}
    await apply(lecce, proposal(lecce.node, Edits(terms=loose), *THREE))
    assert lecce.node.config.privacy == written.privacy
    assert lecce.node.config.retention == written.retention


async def test_an_expired_agreement_is_lived_by_and_admits_nobody(two: Agreed, clock: Clock) -> None:
    """Logs are pulled as before; a renewal is applied, and lets others in again."""
    lecce, bic = two
    admitted = proposal(lecce.node, Edits(suspend=("bic-lazio",)), *THREE)
    clock.forward(days=500)
    assert in_force(lecce.node).is_expired(clock())
    await bic.publish(2)
    await lecce.sync()
    assert await lecce.known() == 2
    await apply(lecce, admitted)
    renewal = Edits(expires=clock().replace(microsecond=0) + dt.timedelta(days=365), readmit=("bic-lazio",))
    await apply(lecce, proposal(lecce.node, renewal, *THREE))
    assert not in_force(lecce.node).is_expired(clock())


async def test_routine_changes_come_into_force_by_two_of_the_secretariat(two: Agreed, clock: Clock) -> None:
    """With the node's own consent; a new name, here and after a restart; one of the secretariat, or no consent, changes nothing."""
    lecce, bic = two
    entry = next(node for node in in_force(bic.node).nodes if node.id == "bic-lazio")
    changed = replace(entry, rev=entry.rev + 1, name="BIC Lazio SpA")
    own = routine.consent(agreement.node_json(changed), bic.node.signing_key(), {})
    expires = clock().replace(microsecond=0) + dt.timedelta(days=30)
    office = in_force(lecce.node).secretariat
    raw = routine.build(version=1, expires=expires, secretariat=office, changes=[own])
    foreign = routine.consent(agreement.node_json(changed), lecce.node.signing_key(), {})
    unconsented = routine.build(version=1, expires=expires, secretariat=office, changes=[foreign])
    place = place_of(lecce.node)
    for refused in (signed(raw, OFFICE[:1]), signed(raw, THREE)):
        with pytest.raises(PeerWrongError):
            await flow.apply_routine(lecce.node.pool, place, refused, clock())
    # Signed as it must be, it is held; what nobody consented to is passed over.
    await flow.apply_routine(lecce.node.pool, place, signed(unconsented, OFFICE), clock())
    assert (await lecce.origin("bic-lazio")).name == "bic-lazio"
    for _ in range(2):
        await flow.apply_routine(lecce.node.pool, place, signed(raw, OFFICE[:2]), clock())
    assert (await lecce.origin("bic-lazio")).name == "BIC Lazio SpA"
    assert lecce.node.membership.roll.routine == 1
    async with runtime.open_node(lecce.home, clock=clock) as again:
        assert again.membership.roll == lecce.node.membership.roll


async def test_a_node_that_is_no_member_lives_by_its_own_keys_and_reads(two: Agreed, clock: Clock) -> None:
    """Suspended itself, it knows the others and goes by the keys it has; nobody hears its signed requests."""
    lecce, bic = two
    raw = second(lecce, *THREE, suspend=("bic-lazio",))
    await apply(lecce, raw)
    await apply(bic, raw)
    assert set(bic.node.membership.members) == {"p_LE", "bic-lazio"}
    assert bic.node.membership.roll.suspended == {}
    entry = in_force(bic.node).node("bic-lazio")
    assert entry is not None
    assert entry.status is Status.SUSPENDED
    await lecce.publish(1)
    [report] = await bic.sync()
    # Entries are anybody's to read; bodies are asked for by a signed request.
    assert report.entries == 1
    assert report.error_code == "reply-status"
    assert await bic.known() == 0


async def test_a_backup_holds_the_pin(two: Agreed) -> None:
    """Without it a restored node would belong nowhere; and by whom it joined."""
    lecce, _ = two
    joined.write(lecce.home, "https://bic.example.it", b"{}")
    held = backup_home.unpack(backup_home.gather(lecce.home, lecce.node.configured).packed())
    assert held.files[pin.FILE] == two.first
    assert b"https://bic.example.it" in held.files[pin.JOINED]
    (lecce.home / pin.JOINED).write_text("[]")
    assert pin.read_joined(lecce.home) is None


async def test_a_process_without_jobs_lives_by_what_another_applied(two: Agreed, clock: Clock) -> None:
    """A process of pages follows at once when it is told, else within seconds; the one whose jobs do that looks at nothing."""
    lecce, _ = two
    told, jobs_here = asyncio.Event(), [True]
    async with runtime.open_node(lecce.home, clock=clock) as pages:
        place = place_of(pages)
        following = asyncio.create_task(agreement_follow.follow(pages.pool, place, told, lambda: not jobs_here[0]))
        await apply(lecce, second(lecce, *THREE, suspend=("bic-lazio",)))
        told.set()
        while told.is_set():  # noqa: ASYNC110 - the task takes it
            await asyncio.sleep(0.01)
        assert place.in_force.agreement.version == 1
        jobs_here[0] = False
        told.set()
        async with asyncio.timeout(5):
            while place.in_force.agreement.version != 2:  # noqa: ASYNC110 - likewise
                await asyncio.sleep(0.01)
        assert pages.membership.roll == lecce.node.membership.roll
        assert pages.membership.peers == []
        following.cancel()
