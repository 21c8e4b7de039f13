"""What the OpenAPI document says where consumers ask by signed tokens: how they prove who they are, and how they are refused.

In: the document of the public API. Out: the same with security schemes, and with them on each public operation below ``/api/v1/``.
Source: docs/interoperability.md; ModI, ID_AUTH_REST_02 and INTEGRITY_REST_01.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from node.web import openapi_parts as parts
from node.web.openapi_parts import Schema

BASE: Final = "/api/v1/"
JWKS: Final = "/api/v1/jwks.json"
DESCRIPTION: Final = "/api/v1/openapi.json"
# What everybody may read to learn how to ask.
OPEN: Final = frozenset({JWKS, DESCRIPTION})
_SCHEMES: Final[Mapping[str, Schema]] = {
    "modi": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "ID_AUTH_REST_02: a JWT of the consumer's own key (typ JWT; iss, aud, iat, exp, jti), one for each request.",
    },
    "pdnd": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A voucher of PDND for this e-service (typ at+jwt).",
    },
    "integrity": {
        "type": "apiKey",
        "in": "header",
        "name": "Agid-JWT-Signature",
        "description": "INTEGRITY_REST_01: a JWT whose claim signed_headers holds digest, content-type and content-encoding.",
    },
}
# Header by which a signed answer can be checked.
_SIGNED: Final = {
    "Agid-JWT-Signature": "INTEGRITY_REST_01: of this very answer, for whoever asked by a token.",
    "Digest": "RFC 3230, SHA-256 of the body, for whoever asked by a token.",
}


def secured(
    document: Mapping[str, Any], *, tokens: bool, vouchers: bool, required: bool, integrity: bool, signs: bool
) -> dict[str, Any]:
    """Return the document of a node that takes ``tokens`` of consumers, ``vouchers`` of PDND, and nobody else if ``required``."""
    more = {"integrity": list[str]()} if integrity else {}
    ways = [{name: list[str](), **more} for name, taken in (("modi", tokens), ("pdnd", vouchers)) if taken]
    security = ways if required else [{}, *ways]
    refusals = {status: {"$ref": f"#/components/responses/{name}"} for status, name in (("401", "NoConsumer"), ("403", "NotAdmitted"))}  # fmt: skip
    paths = {
        path: {
            method: {**operation, "security": security, "responses": {**operation["responses"], **refusals}}
            if path.startswith(BASE) and operation.get("security") == [{}]
            else operation
            for method, operation in methods.items()
        }
        for path, methods in document["paths"].items()
    }
    if signs:
        paths[JWKS] = _jwks()
    parts_of = document["components"]
    taken = {"modi": tokens, "pdnd": vouchers, "integrity": tokens}
    schemes = {name: scheme for name, scheme in _SCHEMES.items() if taken[name]}
    headers = {name: {"description": told, "schema": parts.text(longest=8_000)} for name, told in _SIGNED.items()}
    return {
        **document,
        "paths": paths,
        "components": {
            **parts_of,
            "securitySchemes": {**parts_of["securitySchemes"], **schemes},
            "headers": {**parts_of["headers"], **(headers if signs else {})},
            "schemas": {**parts_of["schemas"], **({"JwkSet": _jwk_set()} if signs else {})},
            "responses": {
                **parts_of["responses"],
                "NoConsumer": parts.problem_response("No token, or one that is not taken.", "WWW-Authenticate"),
                "NotAdmitted": parts.problem_response("A good token whose subject or purpose is not admitted.", "WWW-Authenticate"),
            },
        },
    }  # fmt: skip


def _jwk_set() -> Schema:
    key = {name: parts.text(longest=2_000) for name in ("kty", "kid", "use", "alg", "crv", "x", "y", "n", "e")}
    one = parts.record(key, "RFC 7517.", ("crv", "x", "y", "n", "e"))
    return parts.record({"keys": parts.listing(one, 10)}, "The public keys that sign answers.")


def _jwks() -> Schema:
    answers: dict[str, Schema] = {
        "200": {
            "description": "The keys.",
            "headers": parts.headers("ETag"),
            "content": {"application/json": {"schema": parts.ref("JwkSet")}},
        },
        "304": {"description": "As it was.", "headers": parts.headers("ETag")},
        "429": {"$ref": "#/components/responses/TooMany"},
        "503": {"$ref": "#/components/responses/Unavailable"},
        "default": {"$ref": "#/components/responses/Problem"},
    }
    return parts.get("jwks", "The keys by which this node signs its answers to consumers.", [], answers)
