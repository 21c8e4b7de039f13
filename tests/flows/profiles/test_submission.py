"""A draft between who writes and who approves, on a real database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import asyncpg
import pytest

from node.domain.progress import Progress
from node.errors import CallerError, NotFoundError
from node.flows.profiles import draft, preview, submission
from node.store.postgres import Pool
from tests.office_made import NOW, Office, lecce, make_office


@pytest.fixture
async def office(pool: Pool, tmp_path: Path) -> Office:
    """Lecce's office."""
    return await make_office(pool, lecce(), tmp_path)


async def back(office: Office, profile_id: str, officer: str = "bruno", **changes: Any) -> None:
    """Send back what is shown now."""
    shown = (await office.preview(profile_id)).content_hash
    given = {"reason": "troppo preciso", "expected_hash": shown, **changes}
    await submission.send_back(office.pool, office.config, profile_id, officer, NOW, **given)


async def code_of(awaited: Any) -> str:
    """The code with which something is refused."""
    with pytest.raises((CallerError, NotFoundError)) as caught:
        await awaited
    return caught.value.code


async def test_a_draft_is_submitted_sent_back_and_submitted_again(office: Office) -> None:
    """Each step stands with its officer and its reason; what is written again waits no more."""
    profile_id = await office.draft()
    steps = []
    for step in ("submit", "back", "submit", "edit"):
        if step == "submit":
            await submission.submit(office.pool, office.config, profile_id, "anna", NOW)
            await submission.submit(office.pool, office.config, profile_id, "anna", NOW)
        elif step == "back":
            await back(office, profile_id)
        else:
            await office.draft(title="Un altro titolo")
        story = await submission.read(office.pool, office.config, profile_id)
        steps.append((story.progress, story.decisions[0]["officer"], story.decisions[0]["reason"]))
    assert steps == [
        (Progress.WAITING, "anna", None),
        (Progress.RETURNED, "bruno", "troppo preciso"),
        (Progress.WAITING, "anna", None),
        (Progress.DRAFT, "anna", None),
    ]
    assert [d["action"] for d in story.decisions] == ["drafted", "submitted", "returned", "submitted", "drafted"]


async def test_who_may_not_send_back_does_not(office: Office) -> None:
    """The author, without a reason, of another text, of what does not wait, of nothing."""
    profile_id = await office.draft()
    assert await code_of(back(office, profile_id)) == "profile-not-waiting"
    await submission.submit(office.pool, office.config, profile_id, "anna", NOW)
    assert await code_of(back(office, profile_id, "ANNA ")) == "same-officer"
    assert await code_of(back(office, profile_id, reason=" \n ")) == "reason-missing"
    assert await code_of(back(office, profile_id, reason="x" * 1001)) == "reason-missing"
    assert await code_of(back(office, profile_id, expected_hash="0" * 64)) == "content-hash-differs"
    assert await code_of(submission.submit(office.pool, office.config, "x", "anna", NOW)) == "profile-unknown"
    await office.approve(profile_id, amber_reason="prova")
    assert await code_of(back(office, profile_id)) == "profile-not-waiting"
    assert (
        await code_of(submission.submit(office.pool, office.config, profile_id, "anna", NOW))
        == "profile-already-approved"
    )


@pytest.mark.parametrize(
    ("action", "officer", "reason"),
    [
        ("returned", "bruno", None),
        ("returned", "bruno", " "),
        ("returned", "Anna", "perché sì"),
        ("submitted", "anna", "due"),
    ],
)
async def test_the_database_itself_refuses_what_the_flow_would_not_do(
    office: Office, action: str, officer: str, reason: str | None
) -> None:
    """Sent back without a reason or by the author, submitted twice: whoever writes past the program is refused."""
    profile_id = await office.draft()
    await submission.submit(office.pool, office.config, profile_id, "anna", NOW)
    with pytest.raises(asyncpg.CheckViolationError):
        await office.pool.execute(
            "INSERT INTO publication.decision (profile_id, number, action, officer, decided_at, candidates, content_hash, reason)"
            " SELECT profile_id, number, $2, $3, now(), 1, content_hash, $4 FROM publication.version WHERE profile_id = $1",
            profile_id,
            action,
            officer,
            reason,
        )


async def test_a_preview_of_what_nobody_saved_writes_nothing_and_is_that_of_the_draft(office: Office) -> None:
    """Document, sentence, hash and measures are those that the draft then has; a network that is held says so beforehand."""
    content = {"purpose": "offer", "title": "Pane", "summary": "Si cuoce il pane."}
    before = await preview.preview_content(office.pool, office.config, office.networks[0], content, NOW)
    assert await office.pool.fetchval("SELECT count(*) FROM publication.profile") == 0
    assert before.profile_id == draft.UNNAMED
    profile_id = await draft.draft(office.pool, office.config, office.networks[0], content, "anna", NOW)
    after = await preview.preview(office.pool, office.config, profile_id, NOW)
    same = ("sentence", "content_hash", "candidates", "k", "held", "hits", "attack", "withheld")
    assert [getattr(before, name) for name in same] == [getattr(after, name) for name in same]
    assert {**before.document, "id": profile_id} == after.document
    assert await code_of(preview.preview_content(office.pool, office.config, "x", content, NOW)) == "network-unknown"


async def test_a_draft_over_a_text_that_changed_meanwhile_is_refused(office: Office) -> None:
    """With the hash of what was changed; without one, as the command does, the last one stands."""
    content = {"purpose": "offer", "title": "Pane", "summary": "Si cuoce il pane."}

    async def write(title: str, **more: Any) -> str:
        return await draft.draft(
            office.pool, office.config, office.networks[0], {**content, "title": title}, "anna", NOW, **more
        )

    profile_id = await write("Uno", on_top_of="")
    began = (await office.preview(profile_id)).content_hash
    await write("Due", on_top_of=began)
    assert await code_of(write("Tre", on_top_of=began)) == "profile-changed"
    assert await code_of(write("Tre", on_top_of="")) == "profile-changed"
    assert await write("Due", on_top_of=began) == profile_id
    assert await write("Tre") == profile_id


async def test_pages_of_profiles_lose_none(office: Office) -> None:
    """By progress, in any size of page, each profile once."""
    ids = sorted([await office.draft(at) for at in range(5)])
    for profile_id in ids[::2]:
        await submission.submit(office.pool, office.config, profile_id, "anna", NOW)
    for progress, wanted in ((None, ids), (Progress.WAITING, ids[::2]), (Progress.DRAFT, ids[1::2])):
        for limit in (1, 2, 5, 9):
            found: list[str] = []
            after = None
            for _ in range(9):
                page = await submission.pages(office.pool, office.config, progress=progress, after=after, limit=limit)
                found += [item["profile_id"] for item in page.profiles]
                after = page.after
                if after is None:
                    break
            assert found == wanted, (progress, limit)
