"""Pinning: from here on a home trusts one first version of the agreement, and what follows from it.

In: a home and the bytes of a first version. Out: the pin, if the home can be opened with it; else the home as it was. Rules: one pin, for ever
once anything stands on it; not beside [[peer]] tables, by which two would say who belongs. Source: PROTOCOL 7.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from node.config import Config
from node.config_places import CONFIG_FILE
from node.errors import N_, CallerError, OperatorError
from node.flows.trust.join import check_words, words_of
from node.protocol import agreement
from node.protocol.agreement_values import Agreement
from node.store import agreement as store
from node.store import joined, member_keys, pin
from node.store.postgres import Connection, Pool, acquire, run_tx

__all__ = ["check", "check_unpin", "pinned", "unpin", "words_of"]


def check(home: Path, config: Config, found: Agreement) -> bool:
    """Tell whether a home has this very pin already. Raises: OperatorError(config-peers-beside-agreement), CallerError(agreement-pinned)."""
    if config.peers:
        raise OperatorError(
            "config-peers-beside-agreement",
            N_("node.toml ha tabelle [[peer]]: in questa cartella non è stato fissato nessun protocollo d'intesa"),
            where=str(home / CONFIG_FILE),
            hint=N_(
                "prima di fissarlo togliere le tabelle [[peer]]: chi fa parte della federazione lo dirà il protocollo d'intesa"
            ),
        )
    there = pin.read(home)
    if there is None:
        return False
    if agreement.parse(there).digest != found.digest:
        raise CallerError(
            "agreement-pinned",
            N_("in questa cartella è già fissata un'altra prima versione del protocollo d'intesa"),
            where=str(home / pin.FILE),
            hint=N_(
                "un nodo entra in una sola federazione; se quella fissata è uno sbaglio, e non c'è ancora nulla sopra: «rete agreement unpin»"
            ),
        )
    return True


@contextmanager
def pinned(home: Path, config: Config, raw: bytes, expect: str | None = None) -> Iterator[Agreement]:
    """Pin a first version for a block that opens the home by it; when the block fails the pin is taken back.

    Raises: as ``check``; CallerError(agreement-words-differ); PeerWrongError as ``agreement.first``.
    """
    found = agreement.first(raw)
    if expect is not None:
        check_words(found, expect)
    if check(home, config, found):
        yield found
        return
    pin.write(home, raw)
    try:
        yield found
    except BaseException:
        joined.take_back_pin(home)
        raise


async def check_unpin(pool: Pool, home: Path) -> None:
    """Refuse to take back a pin on which anything stands: a later version, a change, an entry of any log. Raises: CallerError(agreement-built-upon)."""
    async with acquire(pool) as conn:
        await _check_unpin(conn, home)


async def _check_unpin(conn: Connection, home: Path) -> None:
    if await store.is_built_upon(conn):
        raise CallerError(
            "agreement-built-upon",
            N_("sulla prima versione fissata qui c'è già qualcosa: versioni seguenti, modifiche, o profili pubblicati o prelevati"),
            where=str(home / pin.FILE),
            hint=N_("non si toglie più: per un'altra federazione si fa una cartella nuova con «rete init»"),
        )  # fmt: skip


async def unpin(pool: Pool, home: Path) -> None:
    """Let a home follow nobody again, its keys and its request as they were. Raises: CallerError(agreement-built-upon)."""

    async def work(conn: Connection) -> None:
        await store.lock(conn)
        await _check_unpin(conn, home)
        await store.forget_first(conn)
        await member_keys.forget(conn)

    await run_tx(pool, work)
    # A crash just here leaves the pin: the home begins with it again, as if nothing had been taken back.
    joined.take_back_pin(home)
