"""``rete user`` as an administrator types it, beside a node that is being served."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node.flows.people import own_account
from tests.accounts_made import PASSWORD, Desk
from tests.cli.test_log_commands import read, rete
from tests.federation_made import Clock, Town, federation


@pytest.fixture
async def town(server: str, tmp_path: Path) -> AsyncIterator[Town]:
    """One node."""
    async with federation(server, tmp_path, Clock(), ["p_LE"]) as (made,):
        yield made


async def refused(town: Town, code: str, *words: str) -> None:
    """A command exits with 1, or 2 when it is mistyped, and a code."""
    status, _, err = await rete(town, "user", *words)
    assert (status, code in err) == (2 if code == "usage" else 1, True), err


@pytest.mark.timeout(180)
async def test_an_account_lives_on_the_command_line(town: Town) -> None:
    """Made with roles and a code, listed, given other roles, closed, opened, linked; the code sets a password once."""
    desk = Desk(town.node.pool, town.node.sign_in_settings(), dt.datetime.now(dt.UTC))
    made = await read(town, "user", "add", "Anna.Verdi", "--role", "officer", "--role", "approver", "--by", "capo")
    assert (made["name"], made["roles"]) == ("anna.verdi", ["approver", "officer"])
    assert made["address"].endswith("/entra/password")
    await own_account.set_password(desk.pool, desk.hasher, desk.settings, desk.now, code=made["code"], password=PASSWORD)  # fmt: skip
    began = await desk.enter()
    (listed,) = (await read(town, "user", "list"))["users"]
    assert (listed["roles"], listed["has_password"], listed["sessions"]) == (["approver", "officer"], True, 1)
    assert not {"password_hash", "factor_sealed"} & set(listed)
    assert (await read(town, "user", "roles", "anna.verdi", "--role", "analyst"))["roles"] == ["analyst"]
    assert await desk.load(began.secret) is None
    await desk.enter()
    assert await read(town, "user", "sessions", "anna.verdi", "--end", "--by", "capo") == {"sessions": [], "ended": 1}
    (told,) = [
        e
        for e in (await read(town, "audit", "list", "--kind", "account"))["events"]
        if e["facts"]["action"] == "sessions-ended"
    ]
    assert (told["facts"]["officer"], told["facts"]["count"]) == ("capo", 1)
    assert await read(town, "user", "disable", "anna.verdi") == {
        "name": "anna.verdi",
        "enabled": False,
        "changed": True,
    }
    await refused(town, "account-disabled", "password", "anna.verdi")
    assert (await read(town, "user", "enable", "anna.verdi"))["enabled"] is True
    linked = await read(town, "user", "link", "anna.verdi", "--as", "VRDNNA80A41E506Z")
    assert linked == {"name": "anna.verdi", "external_name": "VRDNNA80A41E506Z"}
    await desk.enrol((await desk.enter()).secret)
    assert (await read(town, "user", "second-factor", "anna.verdi", "--reset"))["changed"] is True
    assert (await read(town, "audit", "verify"))["ok"] is True


@pytest.mark.timeout(120)
async def test_what_is_mistyped_is_told(town: Town) -> None:
    """Roles and names that there are not, an account without a role; in words for people, and no password anywhere."""
    await refused(town, "role-unknown", "add", "anna", "--role", "sindaco")
    await refused(town, "account-without-role", "add", "anna")
    await refused(town, "usage", "add", "anna", "--password", "x")
    status, out, _ = await rete(town, "user", "add", "anna", "--role", "administrator")
    assert (status, "il codice è mostrato solo ora" in out.decode().lower()) == (0, True)
    for words in (("list",), ("second-factor", "anna")):
        status, out, _ = await rete(town, "user", *words)
        assert (status, bool(out)) == (0, True)
