"""Networks of very many firms, and firms of very long names: what may be said is kept and arrives, what may not is refused as such."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node.domain.introduction import Kind, State
from node.errors import CallerError
from node.flows.introductions import asking, casefile
from node.flows.introductions.asking import Applicant, Wish
from node.store.reference import load_label_reference
from tests.federation_made import Clock
from tests.introductions_made import ACCEPTED, Pair, two_offices


@pytest.fixture
async def pair(server: str, desk_listed: str, tmp_path: Path) -> AsyncIterator[Pair]:
    """Torino and Lecce."""
    async with two_offices(server, desk_listed, tmp_path, Clock()) as found:
        yield found


async def crowd(pair: Pair, count: int, name: str) -> None:
    """Put firms into the seeker's network."""
    async with pair.seeker.town.node.pool.acquire() as conn, conn.transaction():
        await conn.execute(
            """
            WITH made AS (
                INSERT INTO registry.firm (firm_id, tax_code, name, name_key, municipality_name)
                SELECT gen_random_uuid(), '', $2 || n, 'prova ' || n, 'Prova di Sotto' FROM generate_series(1, $3::int) AS n
                RETURNING firm_id
            )
            INSERT INTO registry.membership (network_id, firm_id, joined_on)
            SELECT $1::uuid, firm_id, '2026-01-01' FROM made
            """,
            pair.seeker.networks[0], name, count,
        )  # fmt: skip


@pytest.mark.parametrize(("length", "sign", "all_told"), [(60, "a", True), (280, "à", False)])
async def test_a_network_of_three_hundred_firms_is_introduced(
    pair: Pair, length: int, sign: str, all_told: bool
) -> None:
    """Its identity fits into one message and into the tables of both; of very long names as many are told as fit."""
    await crowd(pair, 290, "Prova ".ljust(length, sign))
    case = await pair.reach(*ACCEPTED)
    await pair.seeker.do(case, Kind.CONSENT)
    await pair.owner.do(case, Kind.CONSENT)
    await pair.carry()
    opened = await pair.owner.read(case)
    assert opened.state is State.INTRODUCED
    assert opened.told is not None
    assert opened.told.identity is not None
    mine = (await pair.seeker.read(case)).consent
    assert mine is not None
    assert opened.told.identity == mine.identity
    count = len(opened.told.identity["members"])
    assert (count > 290) if all_told else (50 < count < 290)


@pytest.mark.parametrize("sign", ['"', "\\", "à"])
async def test_a_firm_s_words_are_kept_whatever_signs_they_hold(pair: Pair, sign: str) -> None:
    """As long as a field may be, in every field."""
    case = await asked(pair, sign * 300)
    applicant = (await casefile.read(pair.seeker.town.node.office(), case)).row.applicant
    assert applicant is not None
    assert applicant["name"] == sign * 300


@pytest.mark.parametrize("words", ["x" * 301, "\x01" * 300, "\x00"])
async def test_a_firm_s_words_that_are_none_are_refused(pair: Pair, words: str) -> None:
    """Too long, or of signs that nobody sees."""
    with pytest.raises(CallerError) as refused:
        await asked(pair, words)
    assert refused.value.code == "introduction-applicant-bad"


async def asked(pair: Pair, words: str) -> str:
    """A firm's request with these words in every field but its address; returns the case."""
    names = ("name", "person", "phone", "municipality")
    full = Applicant(**dict.fromkeys(names, words), email="prova@example.org")
    wish = Wish(pair.profile_id, "Cerchiamo un partner.", applicant=full)
    case, _ = await asking.ask(pair.seeker.town.node.office(), wish, pair.clock(), load_label_reference())
    return case
