"""The API asked by another administration's system: good tokens are answered and signed, each wrong one is refused, off changes nothing."""

from __future__ import annotations

import base64
import datetime as dt
import gzip
import hashlib
import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jws
from joserfc.jwk import ECKey, KeySet

from node import config as configuration
from node.domain import interop as rules
from node.errors import OperatorError
from node.flows.upkeep.home import Facts, make_home, with_setting
from node.runtime import open_node
from node.store import nonces
from node.web import app as application
from tests.consumers_made import AUDIENCE, CLIENT, PDND, PURPOSE, System, made_key, pdnd, voucher
from tests.federation_made import Clock
from tests.web.test_openapi import resolved

Client = TestClient[web.Request, web.Application]
PROFILES = "/api/v1/profiles"
CHECKS = "/api/v1/certificates/checks"


class House:
    """A home whose node is opened with some settings, and the system that asks it."""

    def __init__(self, home: Path, stack: AsyncExitStack) -> None:
        self.home, self.stack, self.clock = home, stack, Clock()
        self.system = System(self.clock())
        self.authority = pdnd(self.clock())
        self.system.write(home / "consumers")
        keys = {"keys": self.authority.jwks()["keys"]}
        (home / "pdnd.json").write_text(json.dumps(keys), encoding="utf-8")

    def set(self, table: str, key: str, value: object) -> None:
        """Write one setting."""
        path = self.home / "node.toml"
        path.write_text(with_setting(path.read_text(encoding="utf-8"), table, key, json.dumps(value)), encoding="utf-8")

    async def open(self, **settings: Any) -> Client:
        """The node with the face on, by both ways, and some settings more."""
        told = {"audience": AUDIENCE, "consumers": "consumers", **settings}
        for key, value in told.items():
            self.set("interop", key, value)
        for key, value in {"issuer": PDND, "keys": "pdnd.json", "purposes": [PURPOSE]}.items():
            self.set("interop.pdnd", key, value)
        return await self.bare()

    async def bare(self) -> Client:
        """The node as it is configured."""
        node = await self.stack.enter_async_context(open_node(self.home, clock=self.clock))
        self.node = node
        return await self.stack.enter_async_context(TestClient(TestServer(application.build(node))))


@pytest.fixture
async def house(db: str, tmp_path: Path) -> AsyncIterator[House]:
    """A home whose node is not open yet."""
    home = tmp_path / "home"
    make_home(home, Facts("p_LE", "Provincia di Lecce", "p_LE", ("LE",), "127.0.0.1:8441", 8441, 2026, db))
    async with AsyncExitStack() as stack:
        yield House(home, stack)


@dataclass(frozen=True)
class Certified:
    """A key, and its own certificate as x5c carries it."""

    key: Any
    text: str


def certificate(key: ec.EllipticCurvePrivateKey) -> Certified:
    """A certificate that a key gives to itself."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "regione")])
    began = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), began, began + dt.timedelta(days=900))  # fmt: skip
    der = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Certified(ECKey.import_key(pem), base64.b64encode(der).decode())


def openssl_key(path: Path, kind: str) -> None:
    """A private key as the documentation says to make one."""
    how = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"] if kind == "EC" else ["-algorithm", "RSA"]
    subprocess.run(["openssl", "genpkey", *how, "-out", str(path)], check=True, capture_output=True)
    path.chmod(0o600)


async def code(client: Client, headers: dict[str, str], path: str = PROFILES) -> tuple[int, str, str]:
    """Status, code and challenge of an answer."""
    async with client.get(path, headers=headers) as reply:
        told = await reply.json() if reply.status >= 400 else {}
        return reply.status, told.get("code", ""), reply.headers.get("WWW-Authenticate", "")


async def test_while_no_audience_is_named_a_token_means_nothing(house: House) -> None:
    """Neither good nor bad, and no route, header or word in the description tells of any of this."""
    client = await house.bare()
    for headers in ({}, house.system.bearer(), {"Authorization": "Bearer x", "Agid-JWT-Signature": "x"}):
        async with client.get(PROFILES, headers=headers) as reply:
            assert reply.status == 200
            assert not {"Digest", "Agid-JWT-Signature", "WWW-Authenticate"} & set(reply.headers)
            assert reply.headers["X-RateLimit-Limit"] == "200"
    assert (await client.get("/api/v1/jwks.json")).status == 404
    told = await (await client.get("/api/v1/openapi.json")).text()
    assert "modi" not in told
    assert "Agid" not in told


async def test_each_wrong_token_is_refused_and_says_nothing_to_who_has_no_key(house: House) -> None:
    """One code for all that a stranger could try; what only the owner of a key can see has codes of its own; nothing of a token is logged."""
    client, system = await house.open(), house.system
    stranger = System(house.clock(), kid="nobody-1")
    other = System(house.clock(), issuer="https://comune.example.it", kid="comune-1", subject="x")
    other.write(house.home / "consumers", "comune")
    house.clock.forward(seconds=61)
    system.now = stranger.now = other.now = house.authority.now = house.clock()
    at = int(house.clock().timestamp())
    rsa = System(house.clock(), algorithm="RS256", kid="regione-1")
    asked = []

    async def fetched(_: web.Request) -> web.Response:
        asked.append(1)
        return web.json_response(rsa.jwks())

    evil = web.Application()
    evil.router.add_get("/jwks", fetched)
    server = await house.stack.enter_async_context(TestServer(evil))
    url = str(server.make_url("/jwks"))
    refused = {
        "no token": "x", "three words": "a.b.c", "none": system.unsigned(), "hmac": system.forged(),
        "unknown kid": stranger.token(), "no kid": system.sign(system.claims(), kid=None), "kid of another": system.sign(system.claims(), kid="comune-1"),
        "iss of another": system.token(iss=other.issuer), "other audience": system.token(aud="https://other.example.it"),
        "other key under the kid": System(house.clock(), key=made_key("ES256")).token(), "another kind of key": rsa.token(),
        "own key in the header": rsa.sign(rsa.claims(), jwk=rsa.key.as_dict(private=False)), "places": rsa.sign(rsa.claims(), jku=url, x5u=url),
        "critical": system.sign(system.claims(), crit=["kid"]), "too long": system.sign(system.claims(more="x" * 5_400)),
        "no jti": system.token(jti=None), "a voucher of its own": voucher(System(house.clock(), issuer=PDND, kid="regione-1")),
        "voucher as a JWT": house.authority.sign(house.authority.claims()), "PDND's kid of ours": system.sign(system.claims(), typ="at+jwt"),
        "voucher of another": voucher(house.authority, aud="https://other.example.it"), "voucher without a purpose": voucher(house.authority, purposeId=None),
    }  # fmt: skip
    with structlog.testing.capture_logs() as lines:
        answers = {what: await code(client, {"Authorization": f"Bearer {token}"}) for what, token in refused.items()}
        told = {
            "expired": await code(client, system.bearer(iat=at - 90, nbf=None, exp=at - 31)),
            "not yet": await code(client, system.bearer(nbf=at + 31)),
            "subject": await code(client, system.bearer(sub="altro")),
            "voucher expired": await code(client, {"Authorization": f"Bearer {voucher(house.authority, exp=at - 31)}"}),
            "purpose": await code(client, {"Authorization": f"Bearer {voucher(house.authority, purposeId=CLIENT)}"}),
        }
    assert answers == dict.fromkeys(refused, (401, "interop-token-refused", 'Bearer error="invalid_token"'))
    assert told == {
        **dict.fromkeys(("expired", "not yet", "voucher expired"), (401, "interop-token-expired", 'Bearer error="invalid_token"')),
        **dict.fromkeys(("subject", "purpose"), (403, "interop-forbidden", 'Bearer error="insufficient_scope"')),
    }  # fmt: skip
    assert asked == []
    text = str(lines)
    assert "key-unknown" in text
    assert not [what for what, token in refused.items() if len(token) > 9 and token in text]
    assert system.issuer not in text
    # The key of a file that came later is there.
    assert (await code(client, other.bearer()))[0] == 200


async def test_a_good_token_is_answered_once(house: House) -> None:
    """Each algorithm; a jti counts for its owner alone, until its token could not count any more; the log says who asked."""
    for algorithm in ("RS256", "PS256"):
        one = System(house.clock(), issuer=f"https://{algorithm}.example.it", algorithm=algorithm, kid=f"{algorithm}-1")
        one.write(house.home / "consumers", algorithm)
        setattr(house, algorithm, one)
    client, system = await house.open(), house.system
    bearer = system.bearer(jti="same")
    with structlog.testing.capture_logs() as lines:
        async with client.get(PROFILES, headers=bearer) as reply:
            assert reply.status == 200
            assert (reply.headers["X-RateLimit-Limit"], reply.headers["X-RateLimit-Remaining"]) == ("1000", "999")
    (line,) = [line for line in lines if line["event"] == "interop.admitted"]
    assert (line["consumer"], line["route"]) == ("regione", PROFILES)
    replayed = (401, "interop-token-replayed", 'Bearer error="invalid_token"')
    assert await code(client, bearer) == replayed
    assert await code(client, system.bearer(jti="same")) == replayed
    for algorithm in ("RS256", "PS256"):
        assert (await code(client, getattr(house, algorithm).bearer(jti="same")))[0] == 200
    paths = (
        "/api/v1/facets",
        "/api/v1/matches?profile=x",
        "/api/v1/observatory/indicators",
        "/api/v1/announcements",
        f"{PROFILES}/x",
    )
    for path in paths:
        assert (await code(client, system.bearer(), path))[0] in (200, 404), path
        assert (await code(client, {"Authorization": "Bearer x"}, path))[1] == "interop-token-refused", path
    # Purged as the job does: it is remembered as long as the token counts, and no longer than some minutes more.
    async with house.node.pool.acquire() as conn:
        await nonces.purge(conn, house.clock() - dt.timedelta(seconds=300) + dt.timedelta(seconds=149))
        assert await conn.fetchval("SELECT count(*) FROM ops.nonce") == 8
        await nonces.purge(conn, house.clock() + dt.timedelta(seconds=151))
        assert await conn.fetchval("SELECT count(*) FROM ops.nonce") == 0


async def test_a_key_may_be_named_by_its_certificate(house: House) -> None:
    """As systems do that sign with one of X.509: x5c or x5t#S256 in the place of kid; the key is ours, whatever the certificate holds."""
    made, stranger = (certificate(ec.generate_private_key(ec.SECP256R1())) for _ in range(2))
    system = System(house.clock(), issuer="https://certificato.example.it", kid="certificato-1", key=made.key)
    told = system.jwks()
    told["keys"][0]["x5c"] = [made.text]
    (house.home / "consumers" / "certificato.json").write_text(json.dumps(told), encoding="utf-8")
    client = await house.open()
    for named in ({"x5c": [made.text]}, {"x5t#S256": rules.thumbprint_of(made.text)}):
        token = system.sign(system.claims(), kid=None, **named)
        assert (await code(client, {"Authorization": f"Bearer {token}"}))[0] == 200, named
    thief = System(house.clock(), issuer=system.issuer, key=stranger.key)
    for chain in ([stranger.text], [made.text, stranger.text], [stranger.text, made.text], ["x"], []):
        token = thief.sign(thief.claims(), kid=None, x5c=chain)
        assert (await code(client, {"Authorization": f"Bearer {token}"}))[1] == "interop-token-refused", chain


async def test_a_voucher_opens_for_its_whole_life_and_the_api_stays_open_to_others(house: House) -> None:
    """PDND gives one for many requests; without a token the answer is the same as ever."""
    client = await house.open()
    good = {"Authorization": f"Bearer {voucher(house.authority)}"}
    with structlog.testing.capture_logs() as lines:
        assert [(await code(client, good))[0] for _ in range(3)] == [200] * 3
    assert {(line["consumer"], line["purpose"]) for line in lines if line["event"] == "interop.admitted"} == {(f"pdnd:{CLIENT}", PURPOSE)}  # fmt: skip
    async with client.get(PROFILES) as reply:
        assert (reply.status, reply.headers["X-RateLimit-Limit"]) == (200, "200")
    # Saved searches have tokens of their own, and pages none.
    assert (await code(client, {"Authorization": "Bearer x"}, f"/api/v1/saved-searches/{PURPOSE}"))[
        1
    ] == "token-missing"
    assert (await client.get("/", headers={"Authorization": "Bearer x"})).status == 200
    assert (await code(client, {"Authorization": "Basic eDp5"}))[0] == 200


async def test_required_closes_the_api_and_leaves_its_description_and_the_pages_open(house: House) -> None:
    """401 with a challenge to whoever brings nothing."""
    client = await house.open(required=True)
    missing = (401, "interop-token-missing", "Bearer")
    for path in (PROFILES, "/api/v1/facets", "/api/v1/observatory/indicators", f"{PROFILES}/{PURPOSE}"):
        assert await code(client, {}, path) == missing
        assert await code(client, {"Authorization": "Basic eDp5"}, path) == missing
    for path in ("/api/v1/openapi.json", "/", "/status", "/federation/heads"):
        assert (await client.get(path)).status in (200, 401), path
    assert (await code(client, {}, "/api/v1/nothing"))[0] == 404
    assert (await code(client, house.system.bearer()))[0] == 200


async def test_a_request_with_a_body_is_held_to_its_signature(house: House) -> None:
    """Digest, covered headers, the body itself, the party; one jti in both tokens is no replay."""
    client, system = await house.open(), house.system
    body, kind = b'{"code": "AAAA-BBBB-CCCC-DDDD"}', "application/json"

    async def ask(headers: dict[str, str], sent: bytes = body) -> tuple[int, str]:
        async with client.post(CHECKS, data=sent, headers=headers) as reply:
            house.clock.forward(seconds=1)
            system.now = house.clock()
            return reply.status, (await reply.json()).get("code", "")

    passed = await ask({"Content-Type": kind})
    assert passed[1] != ""
    assert not passed[1].startswith("interop")
    both = {**system.bearer(jti="one"), **system.signature(body, kind, jti="one")}
    assert await ask(both) == passed
    assert (await ask(both))[1] == "interop-token-replayed"
    assert await ask(system.signature(body, kind)) == passed
    assert await ask({**system.bearer(), "Content-Type": kind}) == (401, "interop-integrity-missing")
    good = system.signature(body, kind)
    for headers, sent in (
        (good, b'{"code": "other"}'),
        (system.signature(b"other", kind), body),
        ({**good, "Digest": "SHA-256=AAAA"}, body),
        ({**good, "Content-Type": "text/plain"}, body),
        ({**system.signature(body), "Content-Type": kind}, body),
        ({name: value for name, value in good.items() if name != "Digest"}, body),
        ({**good, "Content-Type": kind, **system.signature(body, kind, signed_headers=[{"content-type": kind}])}, body),
    ):
        assert await ask({**system.bearer(), **headers}, sent) == (401, "interop-integrity-refused"), headers
    # What was refused has not used its jti up.
    assert await ask(good) == passed
    two = {"Authorization": f"Bearer {voucher(house.authority)}", **system.signature(body, kind)}
    assert await ask(two) == (401, "interop-token-refused")
    packed = {**system.signature(gzip.compress(body), kind), "Content-Encoding": "gzip"}
    assert await ask(packed, gzip.compress(body)) == (415, "content-type-bad")


async def test_integrity_may_be_asked_of_every_request(house: House) -> None:
    """Also of those without a body, which sign what they have."""
    client, system = await house.open(integrity=True), house.system
    assert (await code(client, system.bearer()))[1] == "interop-integrity-missing"
    signed = system.signature(b"")
    assert (await code(client, {**system.bearer(), **signed}))[0] == 200
    assert (await code(client, {**system.bearer(), **system.signature(b"x")}))[1] == "interop-integrity-refused"
    second = [("Agid-JWT-Signature", system.token()), ("Agid-JWT-Signature", system.token())]
    async with client.get(PROFILES, headers=second) as reply:
        assert (await reply.json())["code"] == "interop-token-refused"


@pytest.mark.parametrize("kind", ["EC", "RSA"])
async def test_an_answer_is_signed_for_who_asked(house: House, kind: str) -> None:
    """With a key that openssl made; the consumer checks it by our own JWK Set; strangers' answers and empty ones are not signed."""
    openssl_key(house.home / "interop.pem", kind)
    client, system = await house.open(key="interop.pem"), house.system
    keys = await (await client.get("/api/v1/jwks.json")).json()
    assert not {"d", "p", "q"} & set(keys["keys"][0])
    for path, status in (
        (PROFILES, 200),
        ("/api/v1/facets", 200),
        (f"{PROFILES}/{PURPOSE}", 404),
        (f"{PROFILES}?format=csv", 200),
    ):
        async with client.get(path, headers=system.bearer()) as reply:
            assert reply.status == status
            body = await reply.read()
            digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
            algorithm = {"EC": "ES256", "RSA": "RS256"}[kind]
            told = jws.deserialize_compact(
                reply.headers["Agid-JWT-Signature"], KeySet.import_key_set(keys), algorithms=[algorithm]
            )
            claims = json.loads(told.payload)
            assert claims["signed_headers"] == [
                {"digest": f"SHA-256={digest}"},
                {"content-type": reply.headers["Content-Type"]},
            ]
            assert (claims["aud"], claims["iss"]) == (system.issuer, house.node.public_url)
            assert claims["iat"] <= house.clock().timestamp() < claims["exp"]
            assert reply.headers["Digest"] == f"SHA-256={digest}"
            assert reply.headers["Cache-Control"].startswith("private")
            etag = reply.headers.get("ETag", "")
    async with client.get(f"{PROFILES}?format=csv", headers={**system.bearer(), "If-None-Match": etag}) as reply:
        assert (reply.status, "Agid-JWT-Signature" in reply.headers) == (304, False)
    async with client.get(PROFILES) as reply:
        assert "Agid-JWT-Signature" not in reply.headers


async def test_the_description_tells_how_to_ask(house: House) -> None:
    """Security schemes, and on each public operation which of them; answers and refusals are as it says; everything it names is there."""
    openssl_key(house.home / "k.pem", "EC")
    client = await house.open(required=True, key="k.pem")
    document = await (await client.get("/api/v1/openapi.json")).json()
    assert {"modi", "pdnd", "integrity", "token"} <= set(document["components"]["securitySchemes"])
    assert document["paths"][PROFILES]["get"]["security"] == [{"modi": []}, {"pdnd": []}]
    assert document["paths"]["/status"]["get"]["security"] == [{}]
    assert document["paths"]["/api/v1/saved-searches/{search_id}"]["get"]["security"] == [{"token": []}]
    for operation in (document["paths"][path]["get"] for path in (PROFILES, "/api/v1/jwks.json")):
        resolved(operation["responses"], document)
    jwks = await (await client.get("/api/v1/jwks.json")).json()
    jsonschema.validate(jwks, resolved(document["components"]["schemas"]["JwkSet"], document))
    for headers, status in (({}, "401"), (house.system.bearer(sub="x"), "403"), (house.system.bearer(), "200")):
        async with client.get(PROFILES, headers=headers) as reply:
            answer = resolved(document["paths"][PROFILES]["get"]["responses"][status], document)
            assert str(reply.status) == status
            schema = answer["content"][reply.content_type]["schema"]
            jsonschema.validate(await reply.json(), schema, cls=jsonschema.Draft202012Validator)
            assert not [name for name in set(answer["headers"]) - {"Vary", "Link"} if name not in reply.headers]


async def test_a_flood_of_bad_tokens_is_counted_as_anybody_s(house: House) -> None:
    """Two hundred at once from one address, not a thousand; a consumer's own requests have their own measure."""
    client = await house.open()
    answers = [(await code(client, {"Authorization": "Bearer x"}))[1] for _ in range(201)]
    assert answers == ["interop-token-refused"] * 200 + ["rate-limited"]
    assert (await code(client, house.system.bearer()))[0] == 200


async def test_a_key_that_signs_answers_is_its_owner_s_alone_and_of_a_kind_that_we_take(house: House) -> None:
    """Readable by others, an Ed25519 one, none at all: the node does not start, and says what to do."""
    path = house.home / "k.pem"
    for content, mode, expected in ((b"", 0o600, "interop-key-bad"), (b"", 0o644, "key-file-readable")):
        path.write_bytes(content)
        path.chmod(mode)
        with pytest.raises(OperatorError) as caught:
            await house.open(key="k.pem")
        assert caught.value.code == expected
    path.write_bytes((house.home / "keys" / "http.pem").read_bytes())
    path.chmod(0o600)
    with pytest.raises(OperatorError) as caught:
        await house.open(key="k.pem")
    assert caught.value.code == "interop-key-bad"


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ("interop", 'audience = "https://x"'),
        ("interop", "required = true"),
        ("interop", 'key = "k.pem"'),
        ("interop", 'algorithms = ["HS256"]'),
        ("interop", "algorithms = []"),
        ("interop", "window_minutes = 61"),
        ("interop.pdnd", 'issuer = "interop.pagopa.it"'),
        ("interop.pdnd", 'purposes = ["all"]'),
    ],
)
def test_settings_that_contradict_each_other_are_refused_with_their_line(table: str, text: str) -> None:
    """An audience that nobody could meet, settings without effect, algorithms with a shared secret."""
    facts = '[node]\nid = "p_LE"\nname = "Lecce"\nterritory = ["LE"]\n[federation]\nauthority = "127.0.0.1:1"\nepoch = 2026\n'
    with pytest.raises(OperatorError) as caught:
        configuration.parse(f"{facts}[{table}]\n{text}\n", file="node.toml")
    assert caught.value.code == "config-bad-value"
    assert caught.value.where == "node.toml:9"
