"""Second factors: codes of an authenticator (TOTP), each used once, and recovery codes for whoever has lost it.

In: an account inside a transaction that its caller opened, and what was typed. Out: whether it was right, once. The secret stands
in the database sealed with a key of the node's own: a copy of the database alone makes no codes. Source: RFC 6238.
"""

from __future__ import annotations

import datetime as dt
import hmac
import re
import secrets
import uuid
from typing import Final

import pyotp
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from node.domain import accounts as rules
from node.errors import N_, OperatorError
from node.store import accounts as store
from node.store.accounts import Secrets
from node.store.postgres import Connection
from node.store.sessions import AUTHENTICATOR, RECOVERY

STEP_S: Final = 30
# Intervals before and after the present one whose code is taken: clocks differ, and people type slowly.
WINDOW: Final = 1
NONCE_BYTES: Final = 12
_CODE = re.compile(r"[0-9]{6}")


def seal(key: bytes, account_id: uuid.UUID, secret: str) -> bytes:
    """Return an authenticator's secret as the database keeps it, for one account alone."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, secret.encode(), account_id.bytes)


def unseal(key: bytes, account_id: uuid.UUID, sealed: bytes) -> str:
    """Return what was sealed. Raises: OperatorError(second-factor-unreadable) when the node's key is another."""
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], account_id.bytes).decode()
    except InvalidTag as error:
        raise OperatorError(
            "second-factor-unreadable",
            N_("i secondi fattori sono di un'altra chiave di questo nodo"),
            hint=N_("«rete user second-factor NOME --reset» permette di registrarne uno nuovo"),
        ) from error


def new_secret() -> str:
    """Return a random secret for an authenticator."""
    return pyotp.random_base32()


def uri_of(secret: str, name: str, node: str) -> str:
    """Return what authenticators read (otpauth)."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=node)


def step_of(secret: str, code: str, now: dt.datetime) -> int | None:
    """Return the interval whose code this is, None when it is of none near ``now``."""
    typed = re.sub(r"\s", "", code[:20])
    if not _CODE.fullmatch(typed):
        return None
    present = int(now.timestamp()) // STEP_S
    totp = pyotp.TOTP(secret)
    fitting = [
        step
        for step in range(present - WINDOW, present + WINDOW + 1)
        if hmac.compare_digest(totp.generate_otp(step), typed)
    ]
    return fitting[-1] if fitting else None


async def use(conn: Connection, key: bytes, account: Secrets, code: str, now: dt.datetime) -> str | None:
    """Use up a code and return by what it was shown (``AUTHENTICATOR``, ``RECOVERY``), None when it is wrong or was used."""
    if account.factor_sealed is None or account.factor_at is None:
        return None
    step = step_of(unseal(key, account.account_id, account.factor_sealed), code, now)
    if step is not None:
        return AUTHENTICATOR if await store.use_step(conn, account.account_id, step) else None
    return RECOVERY if await store.use_recovery(conn, account.account_id, recovery_hash(code)) else None


def recovery_hash(code: str) -> bytes:
    """Return what is kept of a recovery code."""
    return rules.digest("recovery", rules.read_code(code))


async def new_recovery(conn: Connection, account_id: uuid.UUID) -> list[str]:
    """Replace an account's recovery codes and return the new ones: they are shown now and never again."""
    codes = [rules.write_code(secrets.token_bytes(rules.RECOVERY_BYTES)) for _ in range(rules.RECOVERY_CODES)]
    await store.put_recovery(conn, account_id, [recovery_hash(code) for code in codes])
    return codes
