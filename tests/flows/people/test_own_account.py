"""What people do with their own account: passwords by a code, second factors, recovery."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from node.domain.roles import Role
from node.errors import OperatorError
from node.flows.people import accounts, own_account, second_factor, sign_in
from node.flows.people.sign_in import SESSIONS_MAX, Settings
from node.flows.upkeep import audit
from node.store import accounts as store
from node.store.postgres import Pool
from tests.accounts_made import NOW, PASSWORD, SETTINGS, Desk
from tests.flows.people.test_sign_in import OTHER, _fields, events, refusal


@pytest.fixture
def desk(pool: Pool) -> Desk:
    """The desk of one node."""
    return Desk(pool)


async def test_a_code_sets_a_password_once_and_for_a_while(desk: Desk) -> None:
    """Not twice, not after its time, not after a newer one, not for a disabled account; a bad password uses nothing up."""
    pool, settings, hasher = desk.pool, desk.settings, desk.hasher
    made = await accounts.create(pool, settings, NOW, name="anna", roles=[Role.OFFICER], officer="capo")

    async def use(code: str, password: str = PASSWORD) -> str:
        return await refusal(own_account.set_password(pool, hasher, settings, desk.now, code=code, password=password))

    assert await use(made.code, "anna") == "password-bad"
    assert await own_account.set_password(pool, hasher, settings, NOW, code=made.code.lower(), password=PASSWORD) == "anna"  # fmt: skip
    assert await use(made.code) == "password-code-bad"
    old = await accounts.new_code(pool, settings, NOW, name="anna", officer="capo")
    new = await accounts.new_code(pool, settings, NOW, name="anna", officer="capo")
    assert await use(old.code) == "password-code-bad"
    desk.wait(hours=48)
    assert await use(new.code) == "password-code-bad"
    new = await accounts.new_code(pool, settings, desk.now, name="anna", officer="capo")
    await accounts.disable(pool, desk.now, name="anna", officer="capo")
    assert await use(new.code) == "password-code-bad"
    assert await refusal(accounts.new_code(pool, settings, desk.now, name="anna", officer="capo")) == "account-disabled"
    assert await use("") == "password-code-bad"


async def test_changing_the_password_takes_the_old_one_and_leaves_one_session(desk: Desk) -> None:
    """A wrong old one changes nothing and counts as a guess; other sessions end, this one has a new id."""
    await desk.person()
    mine, other = await desk.enter(), await desk.enter()
    session = await desk.session(mine.secret)

    async def change(old: str, new: str) -> str:
        changed = await own_account.change_password(
            desk.pool, desk.hasher, desk.settings, desk.now, session, old=old, new=new
        )
        return changed.secret

    assert await refusal(change(OTHER, OTHER)) == "sign-in-refused"
    assert await refusal(change(PASSWORD, "corta")) == "password-bad"
    newer = await change(PASSWORD, OTHER)
    assert [bool(await desk.load(each)) for each in (mine.secret, other.secret, newer)] == [False, False, True]
    assert await refusal(desk.enter()) == "sign-in-refused"
    assert (await desk.enter(password=OTHER)).is_whole
    session = await desk.session(newer)
    codes = [await refusal(change(PASSWORD, PASSWORD)) for _ in range(6)]
    assert codes == ["sign-in-refused"] * 5 + ["sign-in-locked"]


async def test_an_administrator_can_do_nothing_before_a_second_factor(desk: Desk) -> None:
    """Signed in, and told to enrol; then whole under a new id, with codes for the day the phone is lost."""
    await desk.person("capo", Role.ADMINISTRATOR)
    began = await desk.enter("capo")
    assert (await desk.session(began.secret)).must_enrol
    _, confirmed = await desk.enrol(began.secret)
    assert await desk.load(began.secret) is None
    session = await desk.session(confirmed.began.secret)
    assert (session.must_enrol, session.second_factor) == (False, True)
    assert len(set(confirmed.recovery)) == 10
    assert await own_account.recovery_left(desk.pool, session) == 10
    removing = own_account.remove_factor(desk.pool, desk.hasher, desk.settings, desk.now, session, password=PASSWORD)
    assert await refusal(removing) == "second-factor-required"


async def test_with_a_second_factor_a_password_alone_is_half_a_session(desk: Desk) -> None:
    """Which opens nothing, lasts ten minutes, and gets a new id when the code comes."""
    await desk.person()
    phone, _ = await desk.enrol((await desk.enter()).secret)
    desk.wait(seconds=60)
    half = await desk.enter()
    assert not half.is_whole
    assert not (await desk.session(half.secret)).is_whole
    whole = await desk.code(half.secret, phone.at(desk.now))
    assert whole.is_whole
    assert whole.secret != half.secret
    assert await desk.load(half.secret) is None
    assert (await desk.session(whole.secret)).second_factor
    assert await refusal(desk.code(whole.secret, phone.at(desk.now))) == "sign-in-needed"
    half = await desk.enter()
    desk.wait(seconds=601)
    assert await refusal(desk.code(half.secret, phone.at(desk.now))) == "sign-in-needed"


async def test_a_code_is_used_once(desk: Desk) -> None:
    """Not by whoever saw it over the shoulder, nor one of before; also the one that enrolled."""
    await desk.person()
    phone, _ = await desk.enrol((await desk.enter()).secret)
    first = phone.at(desk.now)
    assert await refusal(desk.code((await desk.enter()).secret, first)) == "sign-in-code-wrong"
    desk.wait(seconds=60)
    code = phone.at(desk.now)
    before = phone.at(desk.now - dt.timedelta(seconds=30))
    assert (await desk.code((await desk.enter()).secret, code)).is_whole
    for replay in (code, before):
        assert await refusal(desk.code((await desk.enter()).secret, replay)) == "sign-in-code-wrong"


@pytest.mark.parametrize(("drift", "taken"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
async def test_clocks_may_differ_by_one_interval(drift: int, taken: bool) -> None:
    """And by no more."""
    secret = second_factor.new_secret()
    step = int(NOW.timestamp()) // 30 + drift
    code = second_factor.pyotp.TOTP(secret).generate_otp(step)
    assert second_factor.step_of(secret, code, NOW) == (step if taken else None)


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "1" * 100])
def test_what_is_no_code_is_none(code: str) -> None:
    """Six digits of ours and nothing else."""
    assert second_factor.step_of(second_factor.new_secret(), code, NOW) is None


async def test_guessing_codes_waits_longer_each_time(desk: Desk) -> None:
    """With the right password too: five guesses, then a minute, whatever session they come from."""
    await desk.person()
    phone, _ = await desk.enrol((await desk.enter()).secret)
    desk.wait(seconds=90)
    codes = []
    for _ in range(6):
        half = await desk.enter()
        codes.append(await refusal(desk.code(half.secret, "000000" if phone.at(desk.now) != "000000" else "000001")))
    assert codes == ["sign-in-code-wrong"] * 5 + ["sign-in-locked"]
    desk.wait(seconds=61)
    assert (await desk.code(half.secret, phone.at(desk.now))).is_whole


async def test_a_recovery_code_is_used_once(desk: Desk) -> None:
    """Each of ten, and none of before they were renewed."""
    await desk.person()
    _, confirmed = await desk.enrol((await desk.enter()).secret)
    whole = await desk.code((await desk.enter()).secret, confirmed.recovery[0].lower().replace("-", " "))
    assert await refusal(desk.code((await desk.enter()).secret, confirmed.recovery[0])) == "sign-in-code-wrong"
    session = await desk.session(whole.secret)
    assert await own_account.recovery_left(desk.pool, session) == 9
    newer = await own_account.renew_recovery(
        desk.pool, desk.hasher, desk.settings, desk.now, session, password=PASSWORD
    )
    assert await refusal(desk.code((await desk.enter()).secret, confirmed.recovery[1])) == "sign-in-code-wrong"
    assert (await desk.code((await desk.enter()).secret, newer[1])).is_whole


async def test_whoever_steals_a_session_registers_no_second_factor(desk: Desk) -> None:
    """Nor replaces one, nor takes it away, nor reads new codes: all of it takes the password."""
    await desk.person()
    session = await desk.session((await desk.enter()).secret)
    for work in (own_account.propose_factor, own_account.remove_factor):
        attempt = work(desk.pool, desk.hasher, desk.settings, desk.now, session, password=OTHER)  # type: ignore[operator]
        assert await refusal(attempt) == "sign-in-refused"
    _, confirmed = await desk.enrol((await desk.enter()).secret)
    session = await desk.session(confirmed.began.secret)
    again = own_account.propose_factor(desk.pool, desk.hasher, desk.settings, desk.now, session, password=PASSWORD)
    assert await refusal(again) == "second-factor-there"
    confirm = own_account.confirm_factor(desk.pool, desk.settings, desk.now, session, code="000000")
    assert await refusal(confirm) == "sign-in-code-wrong"
    began = await own_account.remove_factor(desk.pool, desk.hasher, desk.settings, desk.now, session, password=PASSWORD)
    assert await desk.load(confirmed.began.secret) is None
    assert (await desk.session(began.secret)).has_factor is False
    assert (await desk.enter()).is_whole


async def test_who_lost_the_second_factor_gets_it_taken_away_by_an_administrator(desk: Desk) -> None:
    """Sessions end; the password alone opens a session again, and roles that want a factor ask for a new one."""
    await desk.person("capo", Role.ADMINISTRATOR)
    _, confirmed = await desk.enrol((await desk.enter("capo")).secret)
    assert await accounts.reset_factor(desk.pool, name="capo", officer="altra")
    assert await desk.load(confirmed.began.secret) is None
    assert (await desk.session((await desk.enter("capo")).secret)).must_enrol
    assert not await accounts.reset_factor(desk.pool, name="capo", officer="altra")


async def test_a_copy_of_the_database_makes_no_codes(desk: Desk) -> None:
    """Another node's key does not open what was sealed, and says what to do; nor does it open as another account's."""
    await desk.person()
    await desk.enrol((await desk.enter()).secret)
    other = Desk(desk.pool, settings=Settings(**{**_fields(desk.settings), "key": bytes(32)}), now=desk.now)
    with pytest.raises(OperatorError) as caught:
        await other.code((await desk.enter()).secret, "123456")
    assert caught.value.code == "second-factor-unreadable"
    mine, yours = (second_factor.uuid.uuid4() for _ in range(2))
    sealed = second_factor.seal(desk.settings.key, mine, "SECRET")
    assert second_factor.unseal(desk.settings.key, mine, sealed) == "SECRET"
    with pytest.raises(OperatorError):
        second_factor.unseal(desk.settings.key, yours, sealed)


async def test_an_authenticator_is_told_whose_it_is(desk: Desk) -> None:
    """The administration and the account, in a link that phones read."""
    uri = second_factor.uri_of("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "anna.verdi", "Provincia di Lecce")
    assert (
        uri
        == "otpauth://totp/Provincia%20di%20Lecce:anna.verdi?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Provincia%20di%20Lecce"
    )


async def test_sessions_of_the_past_are_not_listed(desk: Desk) -> None:
    """Only those that hold, the last seen first."""
    await desk.person()
    await desk.enter()
    desk.wait(minutes=31)
    began = await desk.enter()
    session = await desk.session(began.secret)
    listed = await own_account.list_sessions(desk.pool, desk.settings, desk.now, session)
    assert [each.session_id for each in listed] == [session.session_id]
    assert listed[0].expires_at - listed[0].made_at == dt.timedelta(hours=10)


async def test_without_a_password_a_session_alone_changes_nothing(desk: Desk) -> None:
    """Who comes in by an identity provider: neither a first password nor a second factor comes of a session left open."""
    await desk.person()
    session = await desk.session((await desk.enter()).secret)
    async with desk.pool.acquire() as conn:
        await conn.execute("UPDATE office.account SET password_hash = NULL, password_at = NULL, external_name = 'x'")
    for work in (
        own_account.change_password(desk.pool, desk.hasher, SETTINGS, NOW, session, old="", new=OTHER),
        own_account.propose_factor(desk.pool, desk.hasher, SETTINGS, NOW, session, password=""),
    ):
        assert await refusal(work) == "password-missing"


async def test_what_was_proved_before_a_change_is_worth_nothing_after_it(desk: Desk) -> None:
    """The session ends, or the password is another one, while an old password is still being compared: nothing is changed."""
    await desk.person()
    session = await desk.session((await desk.enter()).secret)
    await accounts.end_sessions(desk.pool, name="anna.verdi", officer="capo")
    change = own_account.change_password(desk.pool, desk.hasher, SETTINGS, NOW, session, old=PASSWORD, new=OTHER)
    assert await refusal(change) == "sign-in-needed"
    assert (await desk.enter()).is_whole


async def test_the_password_alone_pushes_nobody_out(desk: Desk) -> None:
    """However often somebody signs in without the second factor: the sessions that have it stay."""
    await desk.person()
    _, confirmed = await desk.enrol((await desk.enter()).secret)
    for _ in range(SESSIONS_MAX + 2):
        assert not (await desk.enter()).is_whole
    assert await desk.load(confirmed.began.secret) is not None


async def test_a_password_that_changed_meanwhile_voids_what_was_proved_before(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old one was right when it was compared; by the time something would be done it is another, and nothing is done."""
    await desk.person()
    session = await desk.session((await desk.enter()).secret)
    fits = desk.hasher.fits

    async def slow(kept: str | None, password: str) -> bool:
        found = await fits(kept, password)
        async with desk.pool.acquire() as conn, conn.transaction():
            # Whoever does this ends no session: the password alone must be seen to be another.
            await store.set_password(conn, session.account, await desk.hasher.hash(OTHER), NOW)
        return found

    monkeypatch.setattr(desk.hasher, "fits", slow)
    for work in (
        own_account.change_password(desk.pool, desk.hasher, SETTINGS, NOW, session, old=PASSWORD, new="una terza frase lunga"),
        own_account.propose_factor(desk.pool, desk.hasher, SETTINGS, NOW, session, password=OTHER),
    ):  # fmt: skip
        assert await refusal(work) == "sign-in-needed"
    monkeypatch.undo()
    assert (await desk.enter(password=OTHER)).is_whole


async def test_coming_in_by_a_recovery_code_is_told_apart(desk: Desk, tmp_path: Path) -> None:
    """In the chain with how many codes are left; by the authenticator it says that; new codes are told with who made them."""
    await desk.person()
    phone, confirmed = await desk.enrol((await desk.enter()).secret)
    desk.wait(seconds=60)
    by_phone = await desk.code((await desk.enter()).secret, phone.at(desk.now))
    by_code = await desk.code((await desk.enter()).secret, confirmed.recovery[0])
    assert (by_phone.by_recovery, by_code.by_recovery) == (False, True)
    signed = [(e.get("factor"), e.get("recovery_left")) for e in await events(desk.pool, "sign-in")]
    assert signed == [(None, None), ("authenticator", None), ("authenticator", None), ("recovery", 9)]
    session = await desk.session(by_code.secret)
    await own_account.renew_recovery(desk.pool, desk.hasher, desk.settings, desk.now, session, password=PASSWORD)
    made = [e for e in await events(desk.pool, "account") if e["action"] == "recovery-codes-made"]
    assert [(e["officer"], e["count"]) for e in made] == [("anna.verdi", 10)] * 2
    assert (await audit.verify(desk.pool, tmp_path)).ok


async def test_a_second_factor_that_never_came_is_told_once_an_hour(desk: Desk) -> None:
    """However often the password was right: after its ten minutes, however it ended, and not of who came in after all."""

    async def told() -> list[object]:
        await sign_in.tidy(desk.pool, desk.settings, desk.now)
        return [e["count"] for e in await events(desk.pool, "sign-in-abandoned")]

    await desk.person()
    phone, _ = await desk.enrol((await desk.enter()).secret)
    desk.wait(seconds=60)
    whole = await desk.code((await desk.enter()).secret, phone.at(desk.now))
    desk.wait(hours=2)
    assert await told() == []
    began = [(await desk.enter()).secret for _ in range(3)]
    # Neither leaving, nor another password, nor an administrator's word takes the trace away.
    await sign_in.sign_out(desk.pool, began[0])
    await accounts.end_sessions(desk.pool, name="anna.verdi", officer="capo")
    assert [await desk.load(each) for each in (*began, whole.secret)] == [None] * 4
    desk.wait(minutes=30)
    assert await told() == []
    await desk.enter()
    desk.wait(minutes=31)
    assert await told() == [4]
    for _ in range(30):
        await desk.enter()
        desk.wait(minutes=2)
        await told()
    assert len(await told()) == 2
    desk.wait(hours=2)
    assert len(await told()) == 3


async def test_a_wrong_second_factor_is_told_each_time_it_is_judged(desk: Desk) -> None:
    """Five times, and then the lock bounds it: whoever tries again is counted, and told nothing more of."""
    await desk.person()
    phone, _ = await desk.enrol((await desk.enter()).secret)
    desk.wait(seconds=90)
    half = await desk.enter()
    for _ in range(9):
        await refusal(desk.code(half.secret, "000000" if phone.at(desk.now) != "000000" else "000001"))
    assert [e["why"] for e in await events(desk.pool, "sign-in-refused")] == ["code"] * 5
