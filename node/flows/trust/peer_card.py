"""The [[peer]] block by which others follow this node, where members are no agreement's.

In: a configuration, held keys, an address. Out: TOML text of public halves alone, to be pasted into another node's node.toml.
"""

from __future__ import annotations

import base64
import re

from node.config import Config
from node.protocol import keys
from node.protocol.sealed import SealKey
from node.store import keyfiles


def quoted(value: str) -> str:
    """Return ``value`` as a TOML string; what a line can't hold is escaped, for the parser to judge."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub("[\x00-\x1f\x7f]", lambda found: f"\\u{ord(found.group()):04x}", escaped) + '"'


def peer_card(config: Config, held: keyfiles.Keys, vkey: str, url: str) -> str:
    """Return the [[peer]] block by which other nodes follow this one."""
    public = held.signing["http"].public_key().public_bytes_raw()
    authority = config.federation.authority
    voices = {
        role: keys.format_vkey(
            f"{authority}/{role}", held.signing[role].public_key().public_bytes_raw(), keys.COSIGNATURE_TYPE
        )
        for role in ("witness", "mirror")
    }
    return "\n".join(
        (
            "[[peer]]",
            f"id = {quoted(config.node.id)}",
            f"name = {quoted(config.node.name)}",
            f"url = {quoted(url)}",
            f"origin = {quoted(config.federation.origin)}",
            f"vkey = {quoted(vkey)}",
            f"witness = {quoted(voices['witness'])}",
            f"mirror = {quoted(voices['mirror'])}",
            f'http_key = {{ keyid = "{authority}#http-1", public = "{base64.b64encode(public).decode()}" }}',
            seal_line(held.seal.public),
            "",
        )
    )


def seal_line(key: SealKey) -> str:
    """Return the line of a [[peer]] block that says for which key messages to that node are sealed."""
    halves = {"x25519": key.x25519, "mlkem768": key.mlkem768}
    pairs = [f'{name} = "{base64.b64encode(half).decode()}"' for name, half in halves.items() if half is not None]
    return f"seal = {{ {', '.join(pairs)} }}"
