"""Signing in: who may, who may not, and what nobody learns by trying."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import orjson
import pytest

from node.domain import accounts as rules
from node.domain.roles import Role
from node.errors import CallerError
from node.flows.people import accounts, own_account, sign_in
from node.flows.people.passwords import Hasher
from node.flows.upkeep import audit
from node.store import accounts as store
from node.store.postgres import Pool, open_pool
from tests.accounts_made import ADDRESS, NOW, PASSWORD, Desk, cheap_hasher
from tests.every_table import everything
from tests.tampering import unguarded

OTHER = "un'altra frase abbastanza lunga"


@pytest.fixture
def desk(pool: Pool) -> Desk:
    """The desk of one node."""
    return Desk(pool)


async def refusal(work: object) -> str:
    """The code with which something is refused."""
    with pytest.raises(CallerError) as caught:
        await work  # type: ignore[misc]
    return caught.value.code


async def test_who_has_the_password_gets_a_session(desk: Desk) -> None:
    """However the name is written; the account's roles are the session's."""
    await desk.person()
    began = await desk.enter("  ANNA.Verdi ")
    session = await desk.session(began.secret)
    assert (session.name, session.roles, session.is_whole) == ("anna.verdi", frozenset({Role.OFFICER}), True)
    assert await desk.load("x") is None
    assert await desk.load("") is None


async def test_what_is_kept_lets_nobody_in(desk: Desk) -> None:
    """Neither a password, a session's id, a one-time code nor an address stands in any row of any table."""
    made = await accounts.create(desk.pool, desk.settings, NOW, name="anna", roles=[Role.OFFICER], officer="capo")
    async with desk.pool.acquire() as conn:
        assert made.code.replace("-", "").lower() not in (await everything(conn)).lower().replace("-", "")
    await own_account.set_password(desk.pool, desk.hasher, desk.settings, NOW, code=made.code, password=PASSWORD)
    began = await desk.enter("anna")
    phone, confirmed = await desk.enrol(began.secret)
    with pytest.raises(CallerError):
        await desk.enter("persona sconosciuta", OTHER)
    async with desk.pool.acquire() as conn:
        said = await everything(conn)
    for secret in (PASSWORD, OTHER, began.secret, confirmed.began.secret, phone.secret, ADDRESS, "sconosciuta", *confirmed.recovery):  # fmt: skip
        assert secret not in said
        assert secret.encode().hex() not in said


async def test_whoever_is_refused_learns_nothing_of_which_accounts_there_are(desk: Desk) -> None:
    """One answer for a wrong password, a name that nobody has, a disabled account and one without a password."""
    await desk.person("anna")
    await desk.person("chiusa")
    await accounts.disable(desk.pool, NOW, name="chiusa", officer="capo")
    await accounts.create(desk.pool, desk.settings, NOW, name="nuova", roles=[Role.OFFICER], officer="capo")
    said = set()
    for name, password in (("anna", OTHER), ("nessuno", PASSWORD), ("chiusa", PASSWORD), ("nuova", PASSWORD), ("\x00\u202e", "")):  # fmt: skip
        with pytest.raises(CallerError) as caught:
            await desk.enter(name, password)
        said.add((caught.value.code, caught.value.render()))
    assert len(said) == 1
    assert next(iter(said))[0] == "sign-in-refused"


async def test_a_refusal_takes_as_long_whoever_is_named(pool: Pool) -> None:
    """The same work is done for a name that nobody has: medians of interleaved attempts stay within a quarter."""
    desk = Desk(pool, hasher=Hasher(memory_kib=8192, passes=2))
    await desk.person("anna")
    await desk.person("chiusa")
    await accounts.disable(pool, NOW, name="chiusa", officer="capo")
    took: dict[str, list[float]] = {"anna": [], "chiusa": [], "nessuno": []}
    for _ in range(15):
        for name, times in took.items():
            desk.wait(days=2)
            began = time.perf_counter()
            assert await refusal(desk.enter(name, OTHER)) == "sign-in-refused"
            times.append(time.perf_counter() - began)
    medians = sorted(statistics.median(times) for times in took.values())
    assert medians[-1] < 1.25 * medians[0] + 0.004, medians


async def test_refusals_leave_at_one_pace(pool: Pool) -> None:
    """What is left of a difference is hidden: no refusal leaves before its time."""
    desk = Desk(pool, settings=sign_in.Settings(**{**_fields(Desk(pool).settings), "pad_s": 0.3}))
    await desk.person("anna")
    for name in ("anna", "nessuno"):
        began = time.perf_counter()
        await refusal(desk.enter(name, OTHER))
        assert time.perf_counter() - began >= 0.29


def _fields(settings: sign_in.Settings) -> dict[str, object]:
    return {name: getattr(settings, name) for name in sign_in.Settings.__slots__}


async def test_guessing_one_account_waits_longer_each_time(desk: Desk) -> None:
    """From any address, for a name that exists or not; the right password does not help before the time; then it does."""
    await desk.person("anna")
    for name in ("anna", "nessuno"):
        codes = [await refusal(desk.enter(name, OTHER, f"192.0.2.{n}")) for n in range(7)]
        assert codes == ["sign-in-refused"] * 5 + ["sign-in-locked"] * 2
    with pytest.raises(CallerError) as caught:
        await desk.enter("anna")
    assert caught.value.facts["retry_after_s"] == 31
    desk.wait(seconds=31)
    assert await refusal(desk.enter("anna", OTHER)) == "sign-in-refused"
    with pytest.raises(CallerError) as caught:
        await desk.enter("anna")
    assert caught.value.facts["retry_after_s"] == 61
    desk.wait(seconds=61)
    assert (await desk.enter("anna")).is_whole
    assert [await refusal(desk.enter("anna", OTHER)) for _ in range(5)] == ["sign-in-refused"] * 5


async def test_a_wait_has_an_end(desk: Desk) -> None:
    """However many tried: a quarter of an hour, so that nobody shuts an office out for a day."""
    await desk.person("anna")
    for _ in range(40):
        await refusal(desk.enter("anna", OTHER, "x"))
        desk.wait(seconds=901)
    assert await desk.enter("anna", PASSWORD, "y")


async def test_one_address_cannot_try_many_names(desk: Desk) -> None:
    """Nor do its own good sign-ins win it more guesses; other addresses are untouched."""
    await desk.person("anna")
    await desk.person("bruno")
    codes = []
    for number in range(32):
        codes.append(await refusal(desk.enter(f"nome {number}", OTHER)))
        if number < 20:
            await desk.enter("anna")
    assert codes == ["sign-in-refused"] * 30 + ["sign-in-locked"] * 2
    assert await refusal(desk.enter("anna")) == "sign-in-locked"
    assert (await desk.enter("bruno", address="2001:db8::/64")).is_whole


async def test_an_office_behind_one_address_may_mistype_all_day(desk: Desk) -> None:
    """Two hundred people, one in twelve of whose sign-ins fails, are never told to wait; nor is one who errs twice a day."""
    for number in range(240):
        desk.wait(seconds=20)
        if number % 12 == 0:
            assert await refusal(desk.enter(f"persona {number}", OTHER)) == "sign-in-refused"
        elif number % 12 == 1:
            await desk.person(f"persona {number}")
            assert (await desk.enter(f"persona {number}")).is_whole
    await desk.person("anna")
    for _ in range(10):
        desk.wait(hours=12)
        assert [await refusal(desk.enter("anna", OTHER)) for _ in range(2)] == ["sign-in-refused"] * 2


async def test_many_guesses_at_once_are_as_many_guesses(desk: Desk) -> None:
    """Each is counted before it is judged: thirty together get no more than five answers."""
    await desk.person("anna")
    answers = await asyncio.gather(*(refusal(desk.enter("anna", OTHER, f"a{n}")) for n in range(15)))
    assert sorted(answers) == ["sign-in-locked"] * 10 + ["sign-in-refused"] * 5


async def test_a_session_ends_when_unseen_and_when_its_day_is_over(desk: Desk) -> None:
    """Both ends, each by itself; use moves the first and not the second."""
    await desk.person()
    began = await desk.enter()
    desk.wait(minutes=29)
    assert await desk.load(began.secret)
    desk.wait(minutes=29)
    assert await desk.load(began.secret)
    desk.wait(minutes=31)
    assert await desk.load(began.secret) is None
    began = await desk.enter()
    for _ in range(29):
        desk.wait(minutes=20)
        assert await desk.load(began.secret)
    desk.wait(minutes=20, seconds=1)
    assert await desk.load(began.secret) is None
    await sign_in.tidy(desk.pool, desk.settings, desk.now)
    async with desk.pool.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM office.session") == 0


async def _by_code(desk: Desk, _secret: str, _session: sign_in.Session) -> None:
    made = await accounts.new_code(desk.pool, desk.settings, desk.now, name="anna.verdi", officer="capo")
    await own_account.set_password(desk.pool, desk.hasher, desk.settings, desk.now, code=made.code, password=PASSWORD)


# Each way in which a session of anna.verdi ends before its time; the last one lets her in no more.
ENDS: tuple[Callable[[Desk, str, sign_in.Session], Awaitable[object]], ...] = (
    lambda desk, secret, _: sign_in.sign_out(desk.pool, secret),
    lambda desk, *_: accounts.end_sessions(desk.pool, name="anna.verdi", officer="capo"),
    lambda desk, _, session: own_account.end_session(desk.pool, session, session.session_id),
    lambda desk, *_: accounts.link(desk.pool, name="anna.verdi", external_name="x", officer="capo"),
    lambda desk, _, session: own_account.change_password(
        desk.pool, desk.hasher, desk.settings, desk.now, session, old=PASSWORD, new=PASSWORD
    ),
    _by_code,
    lambda desk, *_: desk.set_roles("anna.verdi", [Role.ANALYST]),
    lambda desk, *_: accounts.disable(desk.pool, desk.now, name="anna.verdi", officer="capo"),
)


async def test_ended_here_is_ended_everywhere_at_once(desk: Desk, db: str) -> None:
    """Signing out, disabling, other roles, another password, an administrator's word: another process sees it at its next request."""
    elsewhere = Desk(await open_pool(db, max_size=2))
    try:
        await desk.person()
        for end in ENDS:
            began = await desk.enter()
            session = await elsewhere.session(began.secret)
            await end(desk, began.secret, session)
            assert await elsewhere.load(began.secret) is None
        assert await refusal(desk.enter()) == "sign-in-refused"
        await accounts.enable(desk.pool, name="anna.verdi", officer="capo")
        assert await elsewhere.load(began.secret) is None
        assert (await desk.enter()).is_whole
    finally:
        elsewhere.pool.terminate()


async def test_nobody_ends_somebody_else_s_session(desk: Desk) -> None:
    """It is not there; and it goes on."""
    await desk.person("anna")
    await desk.person("bruno")
    anna, bruno = await desk.enter("anna"), await desk.enter("bruno")
    mine, other = await desk.session(anna.secret), await desk.session(bruno.secret)
    for wanted in (other.session_id, "x", ""):
        assert await refusal(own_account.end_session(desk.pool, mine, wanted)) == "session-unknown"
    assert await desk.load(bruno.secret)
    assert [s.session_id for s in await own_account.list_sessions(desk.pool, desk.settings, desk.now, mine)] == [mine.session_id]  # fmt: skip


async def test_a_sign_in_that_meets_a_new_password_makes_no_session(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old password was right when it was compared, and is none when the session would begin."""
    await desk.person()
    fits = desk.hasher.fits

    async def slow(kept: str | None, password: str) -> bool:
        found = await fits(kept, password)
        monkeypatch.undo()
        made = await accounts.new_code(desk.pool, desk.settings, desk.now, name="anna.verdi", officer="capo")
        await own_account.set_password(desk.pool, desk.hasher, desk.settings, desk.now, code=made.code, password=OTHER)
        return found

    monkeypatch.setattr(desk.hasher, "fits", slow)
    assert await refusal(desk.enter()) == "sign-in-refused"
    async with desk.pool.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM office.session") == 0


async def test_one_account_has_so_many_sessions_and_no_more(desk: Desk) -> None:
    """The oldest makes room."""
    await desk.person()
    began = []
    for _ in range(rules.SESSIONS_MAX + 1):
        desk.wait(seconds=1)
        began.append(await desk.enter())
    assert [bool(await desk.load(each.secret)) for each in began] == [False] + [True] * rules.SESSIONS_MAX


async def test_a_full_pool_of_hashes_refuses_at_once_and_costs_no_attempt(pool: Pool) -> None:
    """Whoever comes when too many wait is told to come back, and is not nearer to a lock."""
    desk = Desk(pool, hasher=cheap_hasher(waiting=0))
    await desk.person()
    desk.hasher._inside = 1
    assert [await refusal(desk.enter()) for _ in range(7)] == ["rate-limited"] * 7
    desk.hasher._inside = 0
    assert (await desk.enter()).is_whole


async def test_a_hash_of_older_costs_is_renewed_by_its_owner(pool: Pool) -> None:
    """At a good sign-in, without a trace of a change that nobody made."""
    desk = Desk(pool)
    await desk.person()
    newer = Desk(pool, hasher=cheap_hasher(passes=2))
    await newer.enter()
    async with pool.acquire() as conn:
        account = await store.by_name(conn, "anna.verdi")
        changes = await conn.fetchval("SELECT count(*) FROM audit.event WHERE document LIKE '%password-set%'")
    assert account is not None
    assert "t=2" in (account.password_hash or "")
    assert changes == 1
    assert (await desk.enter()).is_whole


async def events(pool: Pool, kind: str) -> list[dict[str, object]]:
    """What the chain says of one kind."""
    async with pool.acquire() as conn:
        rows = await conn.fetch("SELECT document FROM audit.event WHERE kind = $1 ORDER BY event_id", kind)
    return [orjson.loads(row["document"]) for row in rows]


async def test_the_chain_tells_who_came_in_who_did_not_and_who_gave_which_right(desk: Desk, tmp_path: Path) -> None:
    """Sign-ins, refusals of accounts, roles and states, with who acted; nothing of names that nobody has; the chain stays whole."""
    await desk.person("anna", Role.OFFICER, Role.ANALYST)
    await desk.enter("anna")
    await refusal(desk.enter("anna", OTHER))
    await refusal(desk.enter("nessuno", OTHER))
    await desk.set_roles("anna", [Role.OFFICER, Role.AUDITOR])
    await accounts.disable(desk.pool, NOW, name="anna", officer="capo")
    roles = [(e["action"], e["role"], e["officer"]) for e in await events(desk.pool, "account-role")]
    assert sorted(roles[:2]) == [("granted", "analyst", "capo"), ("granted", "officer", "capo")]
    assert sorted(roles[2:]) == [("granted", "auditor", "capo"), ("revoked", "analyst", "capo")]
    told = [(e["action"], e["officer"]) for e in await events(desk.pool, "account")]
    # Whoever made the code could use it: the chain names nobody as the one who set the password.
    assert told == [("created", "capo"), ("code-made", "capo"), ("password-set", None), ("disabled", "capo")]
    assert [(e["name"], e["method"], e["second_factor"]) for e in await events(desk.pool, "sign-in")] == [("anna", "password", False)]  # fmt: skip
    assert [(e["name"], e["why"]) for e in await events(desk.pool, "sign-in-refused")] == [("anna", "password")]
    assert (await audit.verify(desk.pool, tmp_path)).ok


async def test_a_role_that_nobody_gave_is_found(desk: Desk, tmp_path: Path) -> None:
    """Written past the triggers by whoever owns the database."""
    await desk.person("anna")
    async with desk.pool.acquire() as conn, unguarded(conn):
        await conn.execute("INSERT INTO office.account_role SELECT account_id, 'administrator' FROM office.account")
    found = await audit.verify(desk.pool, tmp_path)
    assert (found.ok, found.broken) == (False, audit.UNGRANTED)


async def test_no_right_is_given_by_nobody(desk: Desk) -> None:
    """Without who acts, and by changing a row, the database refuses; an account is never deleted."""
    await desk.person("anna")
    async with desk.pool.acquire() as conn:
        for attempt in (
            "INSERT INTO office.account_role SELECT account_id, 'administrator' FROM office.account",
            "DELETE FROM office.account_role",
            "UPDATE office.account_role SET role = 'administrator'",
            "DELETE FROM office.account",
        ):
            with pytest.raises(asyncpg.CheckViolationError):
                await conn.execute(attempt)


async def test_the_last_administrator_stays(desk: Desk) -> None:
    """Neither disabled nor without the role, also when two go at once."""
    for name in ("anna", "bruno"):
        await desk.person(name, Role.ADMINISTRATOR)
    ends = [accounts.disable(desk.pool, NOW, name=name, officer="capo") for name in ("anna", "bruno")]
    done = await asyncio.gather(*ends, return_exceptions=True)
    assert sorted(type(each) for each in done if isinstance(each, BaseException)) == [CallerError]
    left = next(a.name for a in await accounts.list_all(desk.pool, NOW) if not a.disabled_at)
    assert await refusal(accounts.set_roles(desk.pool, name=left, roles=[Role.OFFICER], officer="capo")) == "account-last-administrator"  # fmt: skip


async def test_the_last_administrator_is_one_who_can_come_in(desk: Desk) -> None:
    """Another without a password and without a link at the identity provider is none yet: who can come in stays until then."""
    await desk.person("anna", Role.ADMINISTRATOR)
    await accounts.create(desk.pool, desk.settings, NOW, name="bruno", roles=[Role.ADMINISTRATOR], officer="anna")
    for end in (
        lambda: accounts.disable(desk.pool, NOW, name="anna", officer="anna"),
        lambda: accounts.set_roles(desk.pool, name="anna", roles=[Role.OFFICER], officer="anna"),
    ):
        assert await refusal(end()) == "account-last-administrator"
    await accounts.link(desk.pool, name="bruno", external_name="VRDBRN", officer="anna")
    assert await accounts.disable(desk.pool, NOW, name="anna", officer="anna")


async def test_ending_somebody_s_sessions_is_told_with_who_did_it(desk: Desk, tmp_path: Path) -> None:
    """Once, with how many; nothing where there were none; a name that stands under no decision ends nothing."""
    await desk.person()
    assert await accounts.end_sessions(desk.pool, name="anna.verdi", officer="capo") == 0
    for _ in range(2):
        began = await desk.enter()
    assert await refusal(accounts.end_sessions(desk.pool, name="anna.verdi", officer=" ")) == "officer-name-bad"
    assert await desk.load(began.secret)
    assert await accounts.end_sessions(desk.pool, name="anna.verdi", officer="capo") == 2
    told = [e for e in await events(desk.pool, "account") if e["action"] == "sessions-ended"]
    assert [(e["name"], e["officer"], e["count"]) for e in told] == [("anna.verdi", "capo", 2)]
    assert (await audit.verify(desk.pool, tmp_path)).ok
