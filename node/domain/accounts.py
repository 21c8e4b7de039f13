"""The rules of accounts: which names and passwords are some, what is kept of secrets, how long a wrong guess waits.

In: what people type, keys and random bytes as arguments. Out: values to keep or compare, or a refusal that says what to do.
Rules: long passwords instead of odd ones (no rule of composition, no forced change); of what lets somebody in only a hash is
kept; whoever guesses waits, longer each time, and learns nothing of which accounts there are. Source: NIST SP 800-63B 5.1.1, 5.2.2.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from node.domain import officers
from node.errors import N_, UNSEEN, CallerError

NAME_LONGEST: Final = 64
PASSWORD_SHORTEST: Final = 12
PASSWORD_LONGEST: Final = 256
# Of a name shorter than this a password may hold the letters by chance.
NAME_INSIDE_SHORTEST: Final = 4
CODE_BYTES: Final = 15
RECOVERY_BYTES: Final = 10
RECOVERY_CODES: Final = 10
# From so many on, whoever has the codes is told to make new ones.
RECOVERY_FEW: Final = 3
SESSION_BYTES: Final = 32
# A session that waits for its second factor.
HALF_S: Final = 600
# Half sessions whose second factor never came are told together: one event for an account in this time.
HALF_TOLD_S: Final = 3_600
SESSIONS_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class Limit:
    """How many failures are free, how long the first wait is, the longest one, and in what time one is forgiven (seconds)."""

    free: int
    first_s: float
    longest_s: float
    forgive_s: float


# The last free failure already has its wait; each further one doubles it. Behind one address sits a whole office, of which
# somebody mistypes all day long.
ACCOUNT_LIMIT: Final = Limit(5, 30, 900, 3_600)
ADDRESS_LIMIT: Final = Limit(30, 30, 900, 120)
CODE_LIMIT: Final = Limit(5, 60, 3_600, 3_600)
# Counters that nothing was added to for so long are nothing any more.
ATTEMPTS_KEPT_S: Final = 2 * 86_400


def name_key(text: str) -> str:
    """Return under which name an account is looked for, whatever was typed."""
    return officers.key_of(UNSEEN.sub("\ufffd", text[: officers.LONGEST]))


def check_name(text: str) -> str:
    """Return a name for an account, in the spelling that is kept. Raises: CallerError(account-name-bad)."""
    try:
        name = officers.key_of(officers.check(text))
    except CallerError:
        name = ""
    if not name or len(name) > NAME_LONGEST:
        raise CallerError(
            "account-name-bad",
            N_("il nome dell'utente non va bene: servono da uno a {longest} caratteri: lettere latine, cifre, spazi e . , ' _ @ + -"),
            where="NOME",
            hint=N_("per esempio nome.cognome, com'è firmato sotto le decisioni"),
            longest=NAME_LONGEST,
        )  # fmt: skip
    return name


def normal(password: str) -> str:
    """Return a password in one form, whatever keyboard it was typed on."""
    return unicodedata.normalize("NFKC", password)


def check_password(password: str, name: str) -> str:
    """Return a password for the account ``name``, in the form that is hashed. Raises: CallerError(password-bad)."""
    kept = normal(password)
    hint = N_("quattro o cinque parole a caso vanno bene; spazi e accenti sono ammessi")
    if len(kept) < PASSWORD_SHORTEST:
        what = N_("la password è troppo corta: servono almeno {shortest} caratteri")
        raise CallerError("password-bad", what, where="password", hint=hint, shortest=PASSWORD_SHORTEST)
    if len(kept) > PASSWORD_LONGEST:
        what = N_("la password è troppo lunga: al massimo {longest} caratteri")
        raise CallerError("password-bad", what, where="password", hint=hint, longest=PASSWORD_LONGEST)
    bare = [re.sub(r"[\W_]", "", text.lower()) for text in (kept, name)]
    if len(bare[1]) >= NAME_INSIDE_SHORTEST and (bare[1] in bare[0] or bare[1][::-1] in bare[0]):
        raise CallerError("password-bad", N_("la password contiene il nome dell'utente"), where="password", hint=hint)
    return kept


def digest(what: str, secret: str) -> bytes:
    """Return what is kept of a random secret: it has 80 bits or more, so one hash is enough, and nobody looks for collisions."""
    return hashlib.sha256(f"rete-{what}/1\n{secret}".encode()).digest()


def derive_key(secret: bytes, what: str) -> bytes:
    """Return a key for one purpose from the secret of the node."""
    return hmac.digest(secret, f"rete-accounts/{what}/1".encode(), "sha256")


def attempt_key(key: bytes, kind: str, text: str) -> bytes:
    """Return by what attempts are counted: neither a name that was typed nor an address is kept."""
    return hmac.digest(key, f"{kind}\n{text}".encode("utf-8", "replace"), "sha256")


def csrf_of(secret: str) -> str:
    """Return the token that forms of one session carry; nobody who sees it learns the session's id."""
    return hmac.digest(secret.encode("utf-8", "replace"), b"rete-csrf/1", "sha256").hex()


def write_code(raw: bytes) -> str:
    """Return random bytes as a code that people can copy by hand: groups of four letters and digits."""
    text = base64.b32encode(raw).decode().rstrip("=")
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))


def read_code(text: str) -> str:
    """Return a code as it is hashed, however it was typed: without spaces and lines, capitals, 0 and 1 as O and I."""
    return re.sub(r"[\s-]", "", text[:100]).upper().translate({ord("0"): "O", ord("1"): "I", ord("8"): "B"})
