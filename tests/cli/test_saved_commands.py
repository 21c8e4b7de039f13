"""``rete saved`` as an officer types it, beside a node that is being served."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node.flows.upkeep.home import _set
from tests.cli.test_log_commands import read, rete
from tests.federation_made import Clock, Town, federation
from tests.mail_made import mail_sink, webhook


@pytest.fixture
async def town(server: str, tmp_path: Path) -> AsyncIterator[Town]:
    """One node."""
    async with federation(server, tmp_path, Clock(), ["p_LE"]) as (made,):
        yield made


@pytest.mark.timeout(120)
async def test_a_search_is_saved_listed_told_and_removed(town: Town) -> None:
    """With its webhook: what is published after is told by ``run``, once, and signed with the node's key."""
    keys = {town.node.http_keyid: town.node.keys.signing["http"].public_key().public_bytes_raw()}
    # The commands have the machine's clock.
    async with webhook(lambda: dt.datetime.now(dt.UTC), keys) as hook:
        made = await read(town, "saved", "add", "Olio in Puglia", "olio", "--territory", "ITF4", "--webhook", hook.url)
        assert (made["title"], made["query"], made["feed"]) == (
            "Olio in Puglia",
            {"q": "olio", "territory": "ITF4"},
            None,
        )
        assert "token" not in made
        (published,) = await town.publish(1, title={"it": "Olio"})
        assert await read(town, "saved", "run") == {"found": 1, "email": 0, "webhook": 1, "failed": 0}
        assert await read(town, "saved", "run") == {"found": 0, "email": 0, "webhook": 0, "failed": 0}
        assert [p["profile_id"] for d in hook.heard for p in d["profiles"]] == [published]
        assert hook.refused == []
        (listed,) = (await read(town, "saved", "list"))["searches"]
        (channel,) = listed["channels"]
        assert (listed["search_id"], listed["made_by"], channel["address"]) == (made["search_id"], "office", hook.url)
        assert channel["told_at"] is not None
        status, out, _ = await rete(town, "saved", "list")
        assert (status, "ufficio" in out.decode()) == (0, True)
    assert await read(town, "saved", "remove", made["search_id"]) == {"search_id": made["search_id"], "removed": True}
    assert (await read(town, "saved", "list"))["searches"] == []
    status, _, err = await rete(town, "saved", "remove", made["search_id"])
    assert (status, "saved-unknown" in err) == (1, True)


@pytest.mark.timeout(120)
async def test_mail_needs_a_server_and_its_password_stays_in_its_file(town: Town) -> None:
    """Refused without [mail]; taken with it; a password that others may read is refused; a public search tells its feed."""
    status, _, err = await rete(town, "saved", "add", "Olio", "--email", "a@example.org")
    assert (status, "saved-mail-missing" in err, "a@example.org" in err) == (1, True, False)
    status, _, err = await rete(town, "saved", "watch", "Bandi", "--email", "a@example.org")
    assert (status, "saved-mail-missing" in err, "a@example.org" in err) == (1, True, False)
    status, _, err = await rete(town, "saved", "add", "Olio", "--theme", "inovation")
    assert (status, "query-value-unknown" in err) == (1, True)
    made = await read(town, "saved", "add", "Olio", "olio")
    assert made["feed"].endswith(f"/{made['search_id']}/feed.atom")
    config = town.home / "node.toml"
    async with mail_sink() as sink:
        text = config.read_text(encoding="utf-8")
        for key, value in (("host", '"127.0.0.1"'), ("port", str(sink.port)), ("sender", '"rete@example.org"'), ("user", '"rete"'), ("password_file", '"mail.password"')):  # fmt: skip
            text = _set(text, "mail", key, value)
        config.write_text(text, encoding="utf-8")
        watched = await read(town, "saved", "watch", "Bandi", "olio", "--kind", "call", "--email", "b@example.org")
        assert watched["query"] == {"q": "olio", "kind": "call"}
        kinds = [(found["title"], found["corpus"]) for found in (await read(town, "saved", "list"))["searches"]]
        assert sorted(kinds) == [("Bandi", "catalogue"), ("Olio", "profiles")]
        await read(town, "saved", "remove", watched["search_id"])
        await read(town, "saved", "add", "Olio", "--email", "a@example.org")
        await town.publish(1)
        async with town.node.pool.acquire() as conn:
            await conn.execute("UPDATE office.saved_channel SET next_at = now() - interval '1 day'")
        # The sink knows no STARTTLS: nothing is said to it in the clear.
        (town.home / "mail.password").write_text("segreto\n", encoding="utf-8")
        for mode, code in ((0o644, "key-file-readable"), (0o600, "mail-no-tls")):
            (town.home / "mail.password").chmod(mode)
            status, out, err = await rete(town, "saved", "run", "--json")
            assert (status, b'"failed": 1' in out, "a@example.org" in err) == (0, True, False)
            async with town.node.pool.acquire() as conn:
                assert await conn.fetchval("SELECT error_code FROM office.saved_channel") == code
                await conn.execute("UPDATE office.saved_channel SET next_at = now() - interval '1 day'")
        assert sink.messages == []
