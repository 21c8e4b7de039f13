"""What one value of the configuration must be: each check returns the value as the program wants it, or refuses it.

In: a value as TOML gives it. Out: the same, typed; or ``Refused`` with the reason and what to do; the forms that texts must have.
Pure. What stands where is for config.py to say, and what values must be to each other for config_across.py.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any

from node.domain.interop import ALGORITHMS
from node.domain.theme import THEMES
from node.errors import N_, CallerError, OperatorError, Said
from node.protocol import keys as wire_keys
from node.protocol.sealed import SealKey

EXAMPLE_HINT = N_("vedere nodes.example.toml")
CARD_HINT = N_("copiare il blocco [[peer]] che «rete peer card» stampa sull'altro nodo")


class Refused(Exception):  # noqa: N818 - it becomes an OperatorError with its line
    """A value is wrong; carries the reason as a catalogue id with its facts, and what to do."""

    def __init__(self, template: str, *, hint: str = EXAMPLE_HINT, **facts: object) -> None:
        super().__init__(template)
        self.said = Said(template, facts)
        self.hint = hint


Check = Callable[[Any], Any]
ID = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")
_CODE = re.compile(r"[A-Za-z0-9]{2,6}")
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
# Host and optional port as they stand in the log's origin: lower case, no scheme, no path, no user information.
AUTHORITY = re.compile(r"(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:]{2,39}\])(?::[1-9][0-9]{0,4})?")
URL = re.compile(r"https?://(?:[^\s/?#@:\[\]]+|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
ORIGIN = re.compile(rf"{AUTHORITY.pattern}/federation/log/[0-9]{{4}}")
HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9A-Fa-f:]{2,39}")
MAILBOX = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
ISSUER = re.compile(rf"{URL.pattern}(?:/[A-Za-z0-9._~/-]*)?")
CLAIM = re.compile(r"[A-Za-z][A-Za-z0-9_:/.-]{0,99}")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
# A file in the home itself, no path.
PICTURE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}\.(?:svg|png|ico)")
DATABASE = re.compile(r"[a-z][a-z0-9_]{0,62}")


def refuse(code: str, place: str, what: str, hint: str = "", **facts: object) -> OperatorError:
    """Return the refusal of what stands at ``place`` (``file:line``)."""
    return OperatorError(code, what, where=place, hint=hint, **facts)


def text(pattern: re.Pattern[str] | None = None, *, empty: bool = False, longest: int = 200) -> Check:
    """Check a text of one line in the form of ``pattern``."""

    def check(value: Any) -> str:
        if not isinstance(value, str) or len(value) > longest or any(ord(c) < 32 for c in value):
            raise Refused(N_("serve un testo di una riga"))
        if not value and empty:
            return value
        if not value or (pattern is not None and not pattern.fullmatch(value)):
            raise Refused(N_("il testo è vuoto o non ha la forma attesa"))
        return value

    return check


def address(pattern: re.Pattern[str], longest: int = 300) -> Check:
    """Check a text that ends in a host and perhaps a port."""

    def check(value: Any) -> str:
        whole: str = text(pattern, longest=longest)(value)
        port = re.search(r":([0-9]+)$", whole)
        if port and not 1 <= int(port.group(1)) <= 65535:
            raise Refused(N_("la porta va da 1 a 65535"))
        return whole

    return check


def choice(*allowed: str) -> Check:
    """Check one of the values ``allowed``."""

    def check(value: Any) -> str:
        if value not in allowed:
            raise Refused(N_("valori ammessi: {values}"), values=", ".join(allowed))
        return str(value)

    return check


def number(low: float, high: float, *, whole: bool = True) -> Check:
    """Check a number from ``low`` to ``high``."""

    def check(value: Any) -> int | float:
        fits = isinstance(value, int) or (isinstance(value, float) and not whole)
        if isinstance(value, bool) or not fits or not low <= value <= high:
            raise Refused(N_("serve un numero da {low} a {high}"), low=f"{low:g}", high=f"{high:g}")
        return value  # type: ignore[no-any-return]

    return check


def flag(value: Any) -> bool:
    """Check true or false."""
    if not isinstance(value, bool):
        raise Refused(N_("serve true o false"))
    return value


def codes(value: Any) -> tuple[str, ...]:
    """Check a list of territories' codes; return them in capitals, sorted, once each."""
    if not isinstance(value, list) or any(not isinstance(v, str) or not _CODE.fullmatch(v) for v in value):
        raise Refused(N_('serve un elenco di sigle o codici, per esempio ["LE", "BR"]'))
    return tuple(sorted({v.upper() for v in value}))


def members(value: Any) -> tuple[str, ...]:
    """Check a list of nodes' ids; return them sorted, once each."""
    if not isinstance(value, list) or any(not isinstance(v, str) or not ID.fullmatch(v) for v in value):
        raise Refused(N_('serve un elenco di id di nodi, per esempio ["p_BR"]'))
    return tuple(sorted(set(value)))


def themes(value: Any) -> tuple[str, ...]:
    """Check a list of themes; return them in their order, once each."""
    if not isinstance(value, list) or any(theme not in THEMES for theme in value):
        raise Refused(N_("serve un elenco di temi fra questi: {themes}"), themes=", ".join(THEMES))
    return tuple(dict.fromkeys(value))


def algorithms(value: Any) -> tuple[str, ...]:
    """Check a list of signature algorithms of JOSE with at least one; never one without a key or with a shared one."""
    if not isinstance(value, list) or not value or any(one not in ALGORITHMS for one in value):
        raise Refused(N_("serve un elenco di algoritmi fra questi: {values}"), values=", ".join(ALGORITHMS))
    return tuple(dict.fromkeys(value))


def identifiers(value: Any) -> tuple[str, ...]:
    """Check a list of identifiers of PDND (UUIDs); return them once each."""
    if not isinstance(value, list) or any(not isinstance(one, str) or not _UUID.fullmatch(one) for one in value):
        raise Refused(N_("serve un elenco di identificativi della PDND (UUID)"))
    return tuple(dict.fromkeys(value))


def some_codes(value: Any) -> tuple[str, ...]:
    """Check a list of territories' codes with at least one."""
    found = codes(value)
    if not found:
        raise Refused(N_("serve almeno una sigla: un nodo tiene le reti di un territorio"))
    return found


def vkey(kind: int, role: str = "") -> Check:
    """Check a verification key of ``kind``; of a cosigner also its ``role``, and it may be missing."""

    def check(value: Any) -> str:
        key: str = text(empty=bool(role), longest=500)(value)
        if not key:
            return ""
        try:
            found = wire_keys.parse_vkey(key)
        except CallerError as error:
            raise Refused(error.what, hint=CARD_HINT, **error.facts) from error
        if found.kind != kind or (role and not found.name.endswith(f"/{role}")):
            raise Refused(N_("è la chiave di un altro ruolo"), hint=CARD_HINT)
        return key

    return check


def http_key(value: Any) -> tuple[str, bytes]:
    """Check the key of a node's request signatures; return (key id, public key)."""
    if not isinstance(value, dict) or set(value) != {"keyid", "public"}:
        raise Refused(N_('serve { keyid = "...", public = "<base64>" }'))
    keyid = text()(value["keyid"])
    try:
        public = base64.b64decode(value["public"], validate=True)
    except (binascii.Error, TypeError, ValueError):
        public = b""
    if len(public) != wire_keys.KEY_BYTES:
        raise Refused(N_("public deve essere una chiave Ed25519 di 32 byte in base64"), hint=CARD_HINT)
    try:
        return keyid, wire_keys.check_public(public)
    except CallerError as error:
        raise Refused(error.what, hint=CARD_HINT, **error.facts) from error


def seal_key(value: Any) -> SealKey | None:
    """Check the key for which messages to a node are sealed; it may be missing, and so may its second half."""
    if value is None:
        return None
    if not isinstance(value, dict) or not {"x25519"} <= set(value) <= {"x25519", "mlkem768"}:
        raise Refused(N_('serve { x25519 = "<base64>", mlkem768 = "<base64>" }'), hint=CARD_HINT)
    try:
        halves = {name: base64.b64decode(text, validate=True) for name, text in value.items()}
        return SealKey.of(halves["x25519"], halves.get("mlkem768"))
    except (binascii.Error, TypeError, ValueError) as error:
        raise Refused(N_("una chiave di sigillo si scrive in base64"), hint=CARD_HINT) from error
    except CallerError as error:
        raise Refused(error.what, hint=CARD_HINT, **error.facts) from error


def is_loopback_url(url: str) -> bool:
    """Tell whether ``url``'s host is this machine by its literal name."""
    host = url.split("://", 1)[-1].split("/", 1)[0]
    return host.rpartition(":")[0] in LOOPBACK or host in LOOPBACK


def is_loopback(host: str) -> bool:
    """Tell whether a host that is listened on, or spoken to, is this machine by its literal name."""
    return host in (*LOOPBACK, "::1")


def is_peer_url(url: str) -> bool:
    """Tell whether other nodes could write ``url`` into their [[peer]]: https, or http on this machine for trials."""
    try:
        address(URL)(url)
    except Refused:
        return False
    return url.startswith("https://") or is_loopback_url(url)
