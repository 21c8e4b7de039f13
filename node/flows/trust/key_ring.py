"""The key ring: this node's private keys, and which of them speak for it now.

In: the home's key folder, and the members as they are known at the moment of asking. Out: the newest key of a role that is listed for this
node, and any key by its public half. Nothing is kept of what was answered: when the agreement lists another key, the next signature is by
that one, in a process that runs for months. A key that is listed and not here yet is looked for on disk: it may have been made meanwhile.
Source: PROTOCOL 1.2, 7.10.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.errors import OperatorError
from node.protocol.member import Cosigner, Member, Membership
from node.protocol.sealed import SealPrivate
from node.store import keyfiles
from node.store.keyfiles import Held, Keys

logger = structlog.get_logger()


class KeyRing:
    """The private keys of a node; ``follow`` says whose word it is that picks among them."""

    def __init__(self, folder: Path) -> None:
        """Read all keys. Raises: OperatorError key-file-..., key-reused."""
        self.folder = folder
        self._membership: Membership | None = None
        self._load()

    def __repr__(self) -> str:
        """Say nothing: a key must not reach a log through a repr."""
        return "KeyRing(...)"

    def _load(self) -> None:
        # Before the reading: what is written meanwhile is found by the next one.
        changed = self._moment()
        self._held = keyfiles.read_all(self.folder)
        self._changed = changed
        self._signing = {_public(key): key for held in self._held.signing.values() for key in held.values()}
        sealed = [*self._held.seals.values(), *self._held.put_aside]
        self._seals = {key.public.id: key for key in sealed}

    def _moment(self) -> tuple[int, list[str]]:
        # The names too: two files made at once may bear the same time.
        return self.folder.stat().st_mtime_ns, keyfiles.names(self.folder)

    def reload(self) -> None:
        """Read the folder anew. Raises: OperatorError key-file-..., key-reused."""
        self._load()

    def _look_again(self) -> None:
        """Read the folder anew if it has changed; what can't be read now, a file half written perhaps, is tried at the next question."""
        try:
            if self._moment() != self._changed:
                self._load()
        except (OSError, OperatorError) as error:
            logger.warning("keys.unread", reason=str(error))

    def follow(self, membership: Membership) -> None:
        """Take from now on the keys that ``membership`` lists for this node."""
        self._membership = membership

    @property
    def held(self) -> Held:
        """All keys, listed or not."""
        return self._held

    @property
    def secret(self) -> bytes:
        """What this node's own secrets are derived from; it never changes."""
        return self._held.secret

    @property
    def own(self) -> Member | None:
        """This node as the others know it."""
        return None if self._membership is None else self._membership.members.get(self._membership.own_id)

    def private(self, public: bytes) -> Ed25519PrivateKey | None:
        """Return the private key of a public one, None where it is not here."""
        if public not in self._signing:
            self._look_again()
        return self._signing.get(public)

    def _newest(self, role: str, listed: Iterable[bytes]) -> Ed25519PrivateKey:
        """Return the last of the listed keys that is here; else the newest that is: others will refuse it, and say so."""
        for public in reversed(list(listed)):
            found = self.private(public)
            if found is not None:
                return found
        held = self._held.signing[role]
        return held[max(held)]

    def request_key(self, authority: str) -> tuple[str, Ed25519PrivateKey]:
        """Return (key id, key) by which this node signs requests; ``authority`` names a key that nobody lists."""
        listed: Mapping[str, bytes] = self.own.http if self.own is not None else {}
        found = self._newest("http", listed.values())
        public = _public(found)
        keyid = next((keyid for keyid, key in reversed(list(listed.items())) if key == public), None)
        return keyid or f"{authority}#http-{self._number('http', public)}", found

    def _number(self, role: str, public: bytes) -> int:
        return next((number for number, key in self._held.signing[role].items() if _public(key) == public), 1)

    def cosigner(self, role: str, authority: str) -> Cosigner:
        """Return this node's voice as ``witness`` or ``mirror``, under the name by which it is listed."""
        listed = () if self.own is None else (self.own.witness if role == "witness" else self.own.mirror)
        found = self._newest(role, [verifier.public for verifier in listed])
        named = next((v.name for v in reversed(listed) if v.public == _public(found)), f"{authority}/{role}")
        return Cosigner(named, found)

    def log_key(self) -> Ed25519PrivateKey:
        """Return the newest key of the own log; which ones sign, the log's row says."""
        return self._newest("log", () if self.own is None else self.own.log)

    def seal(self) -> SealPrivate:
        """Return the key for which others seal."""
        if self.own is not None and self.own.seal is not None:
            found = self.seal_of(self.own.seal.id)
            if found is not None:
                return found
        return self._held.seals[max(self._held.seals)]

    def seal_of(self, key_id: str) -> SealPrivate | None:
        """Return the seal key that an envelope names, for as long as it is on disk; None where it never was, or is no more."""
        if key_id not in self._seals:
            self._look_again()
        return self._seals.get(key_id)

    def current(self, authority: str) -> Keys:
        """Return the key of each role that speaks now."""
        signing = {role: self.cosigner(role, authority).key for role in ("witness", "mirror")}
        return Keys({**signing, "log": self.log_key(), "http": self.request_key(authority)[1]}, self.seal())


def _public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()
