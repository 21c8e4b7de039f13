"""Signing in by an identity provider that may lie: who comes in, and every way in which nobody does."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import aiohttp
import pytest
from joserfc.jwk import ECKey, RSAKey

from node.domain.roles import Role
from node.errors import CallerError
from node.flows.people import accounts, oidc
from node.flows.people.sign_in import Began
from node.peers.client import open_session
from node.store.postgres import Pool
from tests.accounts_made import NOW, Desk
from tests.provider_made import BACK, SECRET, FalseProvider, challenge_of, false_provider


@dataclass
class Way:
    """A desk with a provider, and one browser between them."""

    desk: Desk
    false: FalseProvider
    session: aiohttp.ClientSession
    known: oidc.Known = field(default_factory=oidc.Known)
    claim: str = "sub"

    async def leave(self, back: str = "/ufficio") -> oidc.Leaving:
        """Go to the provider."""
        return await oidc.leave(
            self.session, self.false.provider(self.claim), self.known, self.desk.settings, self.desk.now, back
        )

    async def come_back(self, left: oidc.Leaving, **answer: str) -> tuple[Began, str]:
        """Come back with an answer."""
        given = {"code": "c0de", "state": self.false.asked(left.url)["state"], **answer}
        return await oidc.come_back(
            self.desk.pool,
            self.session,
            self.false.provider(self.claim),
            self.known,
            self.desk.settings,
            self.desk.now,
            kept=left.kept,
            answer={name: value for name, value in given.items() if value},
        )

    async def enter(self, **changes: Any) -> Began:
        """The whole way, with a token whose claims are changed."""
        left = await self.leave()
        self.false.answer = {"id_token": self.false.sign(self.false.asked(left.url)["nonce"], **changes)}
        return (await self.come_back(left))[0]

    async def refused(self, code: str = "oidc-refused", **changes: Any) -> None:
        """The whole way is refused."""
        with pytest.raises(CallerError) as caught:
            await self.enter(**changes)
        assert caught.value.code == code, changes


@pytest.fixture
async def way(pool: Pool) -> AsyncIterator[Way]:
    """Anna has an account that is linked."""
    desk = Desk(pool)
    await desk.person("anna")
    await accounts.link(pool, name="anna", external_name="anna@example.it", officer="capo")
    async with false_provider(NOW) as false, open_session(loopback=True) as session:
        yield Way(desk, false, session)


async def test_whoever_is_linked_comes_in(way: Way) -> None:
    """With PKCE, state and nonce on the way out; code, verifier and our secret on the way back; to where they wanted to go."""
    left = await way.leave()
    asked = way.false.asked(left.url)
    assert left.url.startswith(f"{way.false.issuer}/authorize?realm=x&")
    assert (asked["response_type"], asked["client_id"], asked["redirect_uri"]) == ("code", "rete", BACK)
    assert (asked["code_challenge_method"], "openid" in asked["scope"].split()) == ("S256", True)
    way.false.answer = {"id_token": way.false.sign(asked["nonce"])}
    began, back = await way.come_back(left)
    session = await way.desk.session(began.secret)
    assert (back, session.name, session.method, session.is_whole) == ("/ufficio", "anna", "oidc", True)
    (redeemed,) = way.false.redeemed
    assert challenge_of(redeemed["code_verifier"]) == asked["code_challenge"]
    assert (redeemed["code"], redeemed["redirect_uri"]) == ("c0de", BACK)
    name, _, secret = base64.b64decode(redeemed["login"].removeprefix("Basic ")).decode().partition(":")
    assert (name, unquote(secret), "client_secret" in redeemed) == ("rete", SECRET, False)
    assert not {asked["state"], asked["nonce"], redeemed["code_verifier"]} & {left.kept}


async def test_another_claim_may_name_the_account_and_the_secret_may_travel_in_the_form(way: Way) -> None:
    """As the configuration and the provider want it."""
    way.claim = "fiscal_number"
    way.false.document = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    await accounts.link(way.desk.pool, name="anna", external_name="TINIT-VRDNNA80A41E506Z", officer="capo")
    await way.refused()
    assert (await way.enter(fiscal_number="TINIT-VRDNNA80A41E506Z")).name == "anna"
    assert (way.false.redeemed[-1]["client_secret"], way.false.redeemed[-1]["login"]) == (SECRET, "")


async def test_nobody_comes_in_without_an_account_that_is_linked(way: Way) -> None:
    """Neither a stranger, nor who has the account's own name, nor who was unlinked; a disabled account is refused, and the chain tells it."""
    for name in ("ignoto@example.it", "anna", "ANNA@example.it"):
        await way.refused("oidc-unlinked", sub=name)
    await accounts.disable(way.desk.pool, NOW, name="anna", officer="capo")
    await way.refused("oidc-unlinked")
    async with way.desk.pool.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM audit.event WHERE kind = 'sign-in-refused'") == 1
    await accounts.enable(way.desk.pool, name="anna", officer="capo")
    await accounts.link(way.desk.pool, name="anna", external_name=None, officer="capo")
    await way.refused("oidc-unlinked")
    with pytest.raises(CallerError) as caught:
        await accounts.link(way.desk.pool, name="anna", external_name=" ", officer="capo")
    assert caught.value.code == "account-link-bad"
    await way.desk.person("bruno")
    await accounts.link(way.desk.pool, name="anna", external_name="x", officer="capo")
    with pytest.raises(CallerError) as caught:
        await accounts.link(way.desk.pool, name="bruno", external_name="x", officer="capo")
    assert caught.value.code == "account-link-taken"


async def test_a_second_factor_is_asked_for_all_the_same(way: Way) -> None:
    """Half a session for who has one; an administrator without one has to register it."""
    phone, _ = await way.desk.enrol((await way.desk.enter("anna")).secret)
    way.desk.wait(seconds=60)
    began = await way.enter()
    assert not began.is_whole
    assert (await way.desk.code(began.secret, phone.at(way.desk.now))).is_whole
    await accounts.reset_factor(way.desk.pool, name="anna", officer="capo")
    await way.desk.set_roles("anna", [Role.ADMINISTRATOR])
    assert (await way.desk.session((await way.enter()).secret)).must_enrol


async def test_a_token_that_is_not_for_us_and_now_is_refused(way: Way) -> None:
    """Issuer, audience, party, times, nonce, name: each one wrong, missing, or of another kind."""
    instant = int(NOW.timestamp())
    wrong: dict[str, tuple[Any, ...]] = {
        "iss": ("https://evil.example", None, way.false.issuer + "/"),
        "aud": ("another", None, ["another"], ["rete", "another"], {"rete": 1}),
        "azp": ("another",),
        "exp": (instant - 61, None, "soon", True),
        "iat": (instant + 61, instant - 3600, None),
        "nonce": ("another", None, 1, ""),
        "sub": (None, "", 7, ["anna@example.it"], "anna@example.it\n", "x" * 201),
    }
    for name, values in wrong.items():
        for value in values:
            await way.refused(**{name: value})
    assert (await way.enter(aud=["rete", "another"], azp="rete")).name == "anna"
    assert (await way.enter(exp=instant - 59, iat=instant + 59)).name == "anna"


async def test_a_token_under_a_key_that_is_not_the_provider_s_is_refused(way: Way) -> None:
    """Another's key, no signature, the public key as a shared secret, a changed token, no token."""
    left = await way.leave()
    nonce = way.false.asked(left.url)["nonce"]
    good = way.false.sign(nonce)
    head, body, signature = good.split(".")
    stranger = FalseProvider(NOW, way.false.server)
    stranger.rotate()
    plain = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    changed = (
        base64.urlsafe_b64encode(base64.urlsafe_b64decode(body + "===").replace(b"anna", b"bria")).rstrip(b"=").decode()
    )
    for token in (stranger.sign(nonce), way.false.forged(nonce), f"{plain}.{body}.", f"{head}.{changed}.{signature}", f"{head}.{body}.", "x", "", "a.b.c", 7):  # fmt: skip
        way.false.answer = {"id_token": token}
        with pytest.raises(CallerError) as caught:
            await way.come_back(left)
        assert caught.value.code == "oidc-refused"
    for answer in ({}, {"access_token": "x"}, None):
        way.false.answer = answer
        with pytest.raises(CallerError):
            await way.come_back(left)
    way.false.answer = {"id_token": good}
    assert (await way.come_back(left))[0].name == "anna"


@pytest.mark.parametrize("kind", [RSAKey, ECKey])
async def test_keys_that_change_are_asked_for_anew_and_not_by_anybody_s_wish(
    way: Way, kind: type[RSAKey | ECKey]
) -> None:
    """A new key of the provider is known at the first token under it; a flood of bad tokens asks for keys once a minute."""
    await way.enter()
    old = way.false.key
    way.false.rotate(kind)
    await way.refused()
    assert way.false.keys_asked == 1
    way.desk.wait(seconds=61)
    way.false.now = way.desk.now
    assert (await way.enter()).name == "anna"
    assert way.false.keys_asked == 2
    way.false.key, way.false.algorithm = old, "RS256"
    for _ in range(5):
        await way.refused()
    assert way.false.keys_asked == 2


async def test_an_answer_is_this_browser_s_and_of_this_request(way: Way) -> None:
    """Another browser's, a forged or older one, one after its time, an error, another issuer's: none begins a session."""
    one, other = await way.leave(), await way.leave()
    way.false.answer = {"id_token": way.false.sign(way.false.asked(one.url)["nonce"])}
    states = [way.false.asked(left.url)["state"] for left in (one, other)]
    for kept, answer in (
        (other.kept, {"state": states[0]}),
        (one.kept, {"state": states[1]}),
        (one.kept, {"state": "è"}),
        (one.kept, {"state": ""}),
        (one.kept, {"code": ""}),
        (one.kept, {"error": "access_denied"}),
        (one.kept, {"iss": "https://evil.example"}),
        ("", {}),
        ("x", {}),
        ("è", {}),
        (one.kept[:-8] + "AAAAAAA=", {}),
    ):
        with pytest.raises(CallerError) as caught:
            await way.come_back(oidc.Leaving(one.url, kept), **answer)
        assert caught.value.code == "oidc-refused"
    assert way.false.redeemed == []
    before = way.desk.now
    way.desk.wait(seconds=601)
    with pytest.raises(CallerError):
        await way.come_back(one)
    way.desk.now = before
    assert (await way.come_back(one, iss=way.false.issuer))[0].name == "anna"


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://evil.example/token"},
        {"token_endpoint": None},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": "javascript:alert(1)"},
    ],
)
async def test_a_provider_that_describes_itself_wrongly_is_refused(way: Way, document: dict[str, Any]) -> None:
    """Another issuer, or an address that is not spoken to in secret."""
    way.false.document = document
    with pytest.raises(CallerError) as caught:
        await way.leave()
    assert caught.value.code == "oidc-refused"


async def test_what_is_known_of_a_provider_is_read_once_an_hour(way: Way) -> None:
    """Its addresses may change; not at every sign-in are they asked for."""
    await way.leave()
    way.false.document = {"authorization_endpoint": f"{way.false.issuer}/elsewhere"}
    assert "/authorize" in (await way.leave()).url
    way.desk.now += dt.timedelta(hours=1)
    assert "/elsewhere" in (await way.leave()).url
