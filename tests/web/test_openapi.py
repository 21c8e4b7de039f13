"""The OpenAPI document: the same served and kept, true of every answer, and answers tell how many requests are left."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import jsonschema
import pytest

from node.flows.logs import prove
from node.web import openapi
from tests import observatory_data_made
from tests.announcements_made import call, course, service
from tests.calls_made import CALL_ID, call_document
from tests.federation_made import Clock, Town, federation
from tests.flows.programme.test_announce import put
from tests.profiles_made import label
from tests.size import size

KEPT = Path(__file__).resolve().parents[2] / "schemas" / "openapi.v1.json"
ODD = ("", "x", "-1", "0", "10+", "ITF4", "Lecce", "10.41", "olio -vino", '"una frase"', "%", "é\u0301", "a" * 150, "2013", "1e9", "p_LE")  # fmt: skip


@pytest.fixture
async def town(server: str, tmp_path: Path) -> AsyncIterator[Town]:
    """A node with thirty profiles of its own, half of them with needs and offers."""
    async with federation(server, tmp_path, Clock(), ["p_LE"]) as (made,):
        wants = [{"category": "distribution", "text": {"it": "olio"}}]
        await made.publish(20, needs=wants)
        async with made.node.pool.acquire() as conn:
            await observatory_data_made.keep(conn)
            await observatory_data_made.freeze(conn)
        await made.publish(10, offers=wants, labels={"territory": label("RIP", "ITC", "ITF"), "sector": label("*"), "period": label("Y1", "2013"), "size": label("*"), "theme": label("THEME", "energy")})  # fmt: skip
        yield made


def resolved(schema: Any, document: Mapping[str, Any]) -> Any:
    """A schema of OpenAPI 3.0 as JSON Schema: references followed, ``nullable`` as a type."""
    if isinstance(schema, list):
        return [resolved(item, document) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        found: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        return resolved(found, document)
    told = {key: resolved(value, document) for key, value in schema.items() if key != "nullable"}
    return {**told, "type": [told["type"], "null"]} if schema.get("nullable") else told


async def ask(session: aiohttp.ClientSession, url: str, document: Mapping[str, Any], path: str, **more: Any) -> int:
    """Ask once and hold the answer against the document; return its status."""
    async with session.get(url, **more) as reply:
        answers = document["paths"][path]["get"]["responses"]
        assert reply.status < 500, (url, more)
        assert str(reply.status) in answers, (reply.status, url, more)
        answer = resolved(answers[str(reply.status)], document)
        for name in set(answer["headers"]) - {"Link"}:
            assert name in reply.headers, (name, url, reply.status)
        assert "Link" not in reply.headers or "Link" in answer["headers"]
        assert 0 <= int(reply.headers["X-RateLimit-Remaining"]) <= int(reply.headers["X-RateLimit-Limit"])
        if reply.status != 304:
            assert reply.content_type in answer["content"]
            schema = answer["content"][reply.content_type]["schema"]
            body = await reply.read()
            told = json.loads(body) if reply.content_type.endswith("json") else body.decode("latin-1")
            jsonschema.validate(told, schema, cls=jsonschema.Draft202012Validator)
        return int(reply.status)


def test_the_kept_copy_is_what_nodes_serve() -> None:
    """Made by the same function: whoever changes it writes the copy anew (openapi.document(openapi.SANDBOX, sandbox=True))."""
    made = openapi.document(openapi.SANDBOX, sandbox=True)
    assert json.loads(KEPT.read_text(encoding="utf-8")) == made


async def test_every_answer_is_as_the_document_says(town: Town) -> None:
    """Many questions, sensible and odd, in every parameter of every path; none is a server's error."""
    base, source = f"http://127.0.0.1:{town.port}", random.Random(7)
    seen: dict[int, int] = {}
    # The bucket fills by the node's clock, which stands still here: it moves on so that all can be asked.
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{base}/api/v1/openapi.json") as reply:
            document = await reply.json()
        notices = [(await put(town, service())).id for _ in range(3)]
        await put(town, call(call=call_document()))
        held = (await put(town, course())).id
        assert document["servers"] == [{"url": base, "description": "This node.", "x-sandbox": True}]  # fmt: skip
        for path, methods in document["paths"].items():
            if "saved-searches" in path or "introduction" in path or "certificates" in path:
                # They need a token, a session or a body: tests/web/test_saved_api.py, test_introduction_api.py, test_programme_api.py.
                continue
            names = {p["name"]: p for p in methods["get"]["parameters"]}
            for _ in range(size(15, 50)):
                asked = {}
                for name in source.sample(sorted(names), min(len(names), source.randrange(4))):
                    allowed = names[name]["schema"].get("enum", [])
                    asked[name] = source.choice([*allowed, *ODD] if source.random() < 0.6 else [*allowed] or ODD)
                identifier = source.choice([*town.published, "nope", "0" * 32])
                asked.pop("profile_id", None)
                if "profile" in names and source.random() < 0.8:
                    asked["profile"] = identifier
                table = source.choice(["profiles", "networks-by-province", "nope", "%00"])
                parts = {
                    "profile_id": identifier,
                    "table": table,
                    "item_id": source.choice([*notices, identifier]),
                    "call_id": source.choice([CALL_ID, identifier]),
                    "course_id": source.choice([held, identifier]),
                }
                url = base + path.format_map(parts)
                status = await ask(session, url, document, path, params=asked)
                seen[status] = seen.get(status, 0) + 1
                town.node.clock.forward(seconds=1)  # type: ignore[attr-defined]
    assert {200, 400, 404} <= set(seen), seen
    assert seen[200] > size(30, 100)


async def test_an_empty_value_counts_as_not_given_and_the_document_says_so(town: Town) -> None:
    """As the fields of a form that nobody filled; what a question can't do without may not be empty."""
    base = f"http://127.0.0.1:{town.port}"
    document = openapi.document(base, sandbox=True)
    one = {"/api/v1/profiles/{profile_id}": {}, "/api/v1/matches": {"profile": town.published[0]}}
    async with aiohttp.ClientSession() as session:

        async def told(path: str, asked: Mapping[str, str]) -> tuple[int, bytes]:
            filled = path.replace("{profile_id}", town.published[0]).replace("{table}", "networks-by-province")
            async with session.get(base + filled, params=asked) as reply:
                return reply.status, await reply.read()

        observatory = ("/api/v1/observatory/tables", "/api/v1/observatory/tables/{table}")
        lists = ("/api/v1/profiles", "/api/v1/facets", "/api/v1/announcements", "/api/v1/calls", "/api/v1/courses")
        for path in (*lists, *observatory, *one):
            whole = await told(path, one.get(path, {}))
            assert whole[0] == 200
            for parameter in document["paths"][path]["get"]["parameters"]:
                name = parameter["name"]
                assert parameter.get("allowEmptyValue", False) == (not parameter["required"]), (path, name)
                if not parameter["required"]:
                    assert await told(path, {**one.get(path, {}), name: ""}) == whole, (path, name)
        assert (await told("/api/v1/matches", {"profile": ""}))[0] == 404


@pytest.mark.parametrize("path", ["/api/v1/profiles", "/api/v1/facets"])
async def test_every_form_is_as_the_document_says(town: Town, path: str) -> None:
    """Those that are listed, and no other: with a page after it, as the last, and unchanged."""
    base = f"http://127.0.0.1:{town.port}"
    document = openapi.document(base, sandbox=True)
    answers = document["paths"][path]["get"]["responses"]
    (listed,) = (p["schema"]["enum"] for p in document["paths"][path]["get"]["parameters"] if p["name"] == "format")
    seen = set()
    async with aiohttp.ClientSession() as session:
        for form in listed:
            for limit in ("2", "100"):
                asked = {"format": form, "limit": limit}
                assert await ask(session, base + path, document, path, params=asked) == 200
                async with session.get(base + path, params=asked) as reply:
                    seen.add(reply.content_type)
                    assert ("Link" in reply.headers) == (path.endswith("profiles") and limit == "2")
                    tag = {"If-None-Match": reply.headers["ETag"]}
                assert await ask(session, base + path, document, path, params=asked, headers=tag) == 304
        assert await ask(session, base + path, document, path, params={"format": "ods"}) == 400
    assert seen == set(answers["200"]["content"])


async def test_the_same_answer_is_not_sent_twice(town: Town) -> None:
    """ETag and 304, with the requests that are left."""
    base = f"http://127.0.0.1:{town.port}"
    document = openapi.document(base, sandbox=True)
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{base}/api/v1/profiles") as reply:
            tag = reply.headers["ETag"]
        assert await ask(session, f"{base}/api/v1/profiles", document, "/api/v1/profiles", headers={"If-None-Match": tag}) == 304  # fmt: skip


async def test_a_flood_is_told_to_wait(town: Town) -> None:
    """After so many at once: 429, problem+json, Retry-After and what is left; a second later some are served again."""
    base = f"http://127.0.0.1:{town.port}"
    document = openapi.document(base, sandbox=True)
    async with aiohttp.ClientSession() as session:
        statuses = [await ask(session, f"{base}/api/v1/facets", document, "/api/v1/facets") for _ in range(202)]
        assert statuses == [200] * 200 + [429] * 2
        async with session.get(f"{base}/api/v1/facets") as reply:
            assert (reply.headers["X-RateLimit-Remaining"], int(reply.headers["Retry-After"])) == ("0", 1)
            assert reply.headers["X-RateLimit-Reset"] == "10"
        town.node.clock.forward(seconds=1)  # type: ignore[attr-defined]
        assert await ask(session, f"{base}/api/v1/facets", document, "/api/v1/facets") == 200


async def test_a_profile_comes_with_a_proof_that_stands_alone(town: Town) -> None:
    """What ``rete log verify`` checks offline: this entry, in this log, under this key; of a withdrawn one nothing is left."""
    base = f"http://127.0.0.1:{town.port}/api/v1/profiles/{town.published[3]}"
    async with aiohttp.ClientSession() as session:
        async with session.get(base) as reply:
            found = await reply.json()
        proved = prove.check(found["proof"].encode(), [town.verifier], {}, None)
        assert (proved.origin, proved.index, proved.entry.id) == (found["origin"], found["index"], found["profile_id"])
        await town.withdraw(town.published[3])
        async with session.get(base) as reply:
            assert reply.status == 404
