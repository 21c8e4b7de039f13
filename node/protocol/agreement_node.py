"""One node's entry in the agreement, between JSON and value (PROTOCOL 7.3).

In: a JSON object, or a ``Node``. Out: the other. Rules: exactly the known keys, each value in its one spelling, so that two entries are
equal when their values are; no key of low order; no key serves two roles of the node. A log's keys bear the log's name; one public key may
serve a node's logs of several years (6.10), each under its own name. Whether a key is another node's too, ``agreement_form`` sees.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Iterator
from typing import Any

from node.errors import CallerError
from node.protocol import keys, limits, merkle
from node.protocol.agreement_values import HttpKey, LogKeys, Node, Status
from node.protocol.metadata import fields, from_peer, items, malformed, text, whole
from node.protocol.sealed import SealKey

KEYS = (
    "contact", "http", "id", "ipa_code", "log", "mirror", "name", "rev", "seal", "since", "status", "territory", "url", "witness",
)  # fmt: skip
ID = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_PORT = r"(?::[1-9][0-9]{0,4})?"
_AUTHORITY = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-f:]{{2,39}}\]){_PORT}"
_LOOPBACK = rf"(?:127\.0\.0\.1|localhost|\[::1\]){_PORT}"
_URL = re.compile(rf"https://{_AUTHORITY}|http://{_LOOPBACK}")
_ORIGIN = re.compile(rf"({_AUTHORITY})/federation/log/[0-9]{{4}}")
_COSIGNER = {role: re.compile(rf"{_AUTHORITY}/{role}") for role in ("witness", "mirror")}
_HTTP_NUMBER = re.compile(r"[1-9][0-9]{0,3}")
_NAME = re.compile(r"\S(?:.{0,198}\S)?")
_LINE = re.compile(r".{0,254}")
_IPA_CODE = re.compile(r"[A-Za-z0-9_-]{0,32}")
_CODE = re.compile(r"[A-Z0-9]{2,6}")
_TERRITORIES_MAX = 200
_HOST_LONGEST = 253
_PORT_MAX = 65_535
# Days since 1970 that a calendar can still write.
DAY_MAX = 1_000_000


def authority_of(name: str) -> str:
    """Return the authority under which a log or a cosigner is named."""
    return name.partition("/")[0]


def _url(value: Any, where: str) -> str:
    """Return an address that every library can connect to, or fail to, without surprise."""
    url = text(value, _URL, where)
    authority = url.partition("://")[2]
    host, _, port = authority.rpartition(":") if re.search(r":[0-9]+\Z", authority) else (authority, "", "")
    try:
        if host.startswith("["):
            ipaddress.IPv6Address(host[1:-1])
    except ValueError as error:
        raise malformed(where) from error
    if len(host) > _HOST_LONGEST or int(port or 0) > _PORT_MAX:
        raise malformed(where)
    return url


def _blob(value: Any, where: str) -> bytes:
    """Return bytes in their one base64 spelling."""
    try:
        found = base64.b64decode(value, validate=True) if type(value) is str else b""
    except (binascii.Error, ValueError) as error:
        raise malformed(where) from error
    if base64.b64encode(found).decode() != value:
        raise malformed(where)
    return found


def _http(value: Any, authority: str, where: str) -> HttpKey:
    fields(value, ("keyid", "pub"), where)
    keyid = value["keyid"]
    name, _, number = keyid.rpartition("#http-") if type(keyid) is str else ("", "", "")
    if name != authority or not _HTTP_NUMBER.fullmatch(number):
        raise malformed(where)
    public = _blob(value["pub"], where)
    try:
        return HttpKey(keyid, keys.check_public(public))
    except CallerError as error:
        raise from_peer(error, where) from error


def _verifier(value: Any, kind: int, where: str) -> keys.Verifier:
    if type(value) is not str:
        raise malformed(where)
    try:
        found = keys.parse_vkey(value)
    except CallerError as error:
        raise from_peer(error, where) from error
    if found.kind != kind:
        raise malformed(where)
    return found


def _cosigners(value: Any, role: str, where: str) -> tuple[keys.Verifier, ...]:
    listed = items(value, 0, limits.AGREEMENT_ROLE_KEYS, where)
    found = tuple(_verifier(item, keys.COSIGNATURE_TYPE, where) for item in listed)
    if any(not _COSIGNER[role].fullmatch(verifier.name) for verifier in found):
        raise malformed(where)
    return found


def _log(value: Any, where: str) -> LogKeys:
    fields(value, ("origin", "vkeys"), where, optional=("until_size", "frozen"))
    origin = text(value["origin"], _ORIGIN, where)
    listed = items(value["vkeys"], 1, limits.AGREEMENT_ROLE_KEYS, where)
    verifiers = tuple(_verifier(item, keys.LOG_TYPE, where) for item in listed)
    if any(verifier.name != origin for verifier in verifiers):
        raise malformed(where)
    until = frozen = None
    if "until_size" in value:
        until = whole(value["until_size"], 0, limits.TREE_SIZE_MAX, where)
    if "frozen" in value:
        at = fields(value["frozen"], ("size", "root"), where)
        root = _blob(at["root"], where)
        if len(root) != merkle.HASH_BYTES:
            raise malformed(where)
        frozen = (whole(at["size"], 0, limits.TREE_SIZE_MAX, where), root)
    return LogKeys(origin, verifiers, until, frozen)


def _logs(value: Any, where: str) -> tuple[LogKeys, ...]:
    found = tuple(_log(item, where) for item in items(value, 1, limits.AGREEMENT_LOGS, where))
    held = [verifier for item in found for verifier in item.verifiers]
    ends: dict[str, tuple[int, bytes] | None] = {}
    open_ended = [item.origin for item in found if item.until_size is None]
    for item in found:
        # All that is said of one log's end must be the same.
        if ends.setdefault(item.origin, item.frozen) != item.frozen:
            raise malformed(where)
    if len(set(held)) != len(held) or len(set(open_ended)) != len(open_ended):
        raise malformed(where)
    return found


def _seal(value: Any, where: str) -> SealKey | None:
    if value is None:
        return None
    fields(value, ("x25519",), where, optional=("mlkem768",))
    mlkem768 = _blob(value["mlkem768"], where) if "mlkem768" in value else None
    try:
        return SealKey.of(_blob(value["x25519"], where), mlkem768)
    except CallerError as error:
        raise from_peer(error, where) from error


def _territory(value: Any, where: str) -> tuple[str, ...]:
    found = tuple(text(item, _CODE, where) for item in items(value, 1, _TERRITORIES_MAX, where))
    if list(found) != sorted(set(found)):
        raise malformed(where)
    return found


def node_of(value: Any) -> Node:
    """Return the node of one entry. Raises: PeerWrongError(agreement-malformed | agreement-key-reused | key-low-order | ...)."""
    fields(value, KEYS, "nodes")
    node_id = text(value["id"], ID, "nodes")

    def at(name: str) -> str:
        return f"{node_id}: {name}"

    url = _url(value["url"], at("url"))
    authority = url.partition("://")[2]
    if value["status"] not in list(Status):
        raise malformed(at("status"))
    node = Node(
        id=node_id,
        rev=whole(value["rev"], 1, limits.AGREEMENT_VERSION_MAX, at("rev")),
        name=text(value["name"], _NAME, at("name")),
        ipa_code=text(value["ipa_code"], _IPA_CODE, at("ipa_code")),
        url=url,
        territory=_territory(value["territory"], at("territory")),
        contact=text(value["contact"], _LINE, at("contact")),
        status=Status(value["status"]),
        since=whole(value["since"], 0, DAY_MAX, at("since")),
        http=tuple(
            _http(item, authority, at("http"))
            for item in items(value["http"], 1, limits.AGREEMENT_ROLE_KEYS, at("http"))
        ),
        log=_logs(value["log"], at("log")),
        witness=_cosigners(value["witness"], "witness", at("witness")),
        mirror=_cosigners(value["mirror"], "mirror", at("mirror")),
        seal=_seal(value["seal"], at("seal")),
    )
    if len({key.keyid for key in node.http}) != len(node.http):
        raise malformed(at("http"))
    return node


def publics_of(node: Node) -> Iterator[bytes]:
    """Yield every public key of a node, each as often as it serves; a key of its logs once, whatever their years."""
    yield from (key.public for key in node.http)
    yield from {verifier.public for item in node.log for verifier in item.verifiers}
    yield from (verifier.public for verifier in (*node.witness, *node.mirror))
    if node.seal is not None:
        yield node.seal.x25519
        if node.seal.mlkem768 is not None:
            yield node.seal.mlkem768


def _vkey(verifier: keys.Verifier) -> str:
    return keys.format_vkey(verifier.name, verifier.public, verifier.kind)


def _log_json(item: LogKeys) -> dict[str, Any]:
    found: dict[str, Any] = {"origin": item.origin, "vkeys": [_vkey(verifier) for verifier in item.verifiers]}
    if item.until_size is not None:
        found["until_size"] = item.until_size
    if item.frozen is not None:
        found["frozen"] = {"size": item.frozen[0], "root": base64.b64encode(item.frozen[1]).decode()}
    return found


def _seal_json(seal: SealKey | None) -> dict[str, str] | None:
    if seal is None:
        return None
    halves = {"x25519": seal.x25519, "mlkem768": seal.mlkem768}
    return {name: base64.b64encode(half).decode() for name, half in halves.items() if half is not None}


def node_json(node: Node) -> dict[str, Any]:
    """Return the entry of a node; ``node_of`` gives the node back."""
    return {
        "id": node.id,
        "rev": node.rev,
        "name": node.name,
        "ipa_code": node.ipa_code,
        "url": node.url,
        "territory": list(node.territory),
        "contact": node.contact,
        "status": node.status.value,
        "since": node.since,
        "http": [{"keyid": key.keyid, "pub": base64.b64encode(key.public).decode()} for key in node.http],
        "log": [_log_json(item) for item in node.log],
        "witness": [_vkey(verifier) for verifier in node.witness],
        "mirror": [_vkey(verifier) for verifier in node.mirror],
        "seal": _seal_json(node.seal),
    }
