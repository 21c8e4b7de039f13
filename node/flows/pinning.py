"""Pinning: from here on a home trusts one first version of the agreement, and what follows from it.

In: a home and the bytes of a first version. Out: the pin, if the home can be opened with it; else the home as it was. Rules: one pin for ever;
not beside [[peer]] tables, by which two would say who belongs. Source: PROTOCOL 7.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from node.config import Config
from node.config_places import CONFIG_FILE
from node.errors import N_, CallerError, OperatorError
from node.flows.join import check_words, words_of
from node.protocol import agreement
from node.protocol.agreement_values import Agreement
from node.store import joined, pin

__all__ = ["check", "pinned", "words_of"]


def check(home: Path, config: Config, found: Agreement) -> bool:
    """Tell whether a home has this very pin already. Raises: OperatorError(config-peers-beside-agreement), CallerError(agreement-pinned)."""
    if config.peers:
        raise OperatorError(
            "config-peers-beside-agreement",
            N_("node.toml ha tabelle [[peer]], e questa cartella ha un protocollo d'intesa: vale uno solo dei due"),
            where=str(home / CONFIG_FILE),
            hint=N_("togliere le tabelle [[peer]]: chi fa parte della federazione lo dice il protocollo d'intesa"),
        )
    there = pin.read(home)
    if there is None:
        return False
    if agreement.parse(there).digest != found.digest:
        raise CallerError(
            "agreement-pinned",
            N_("in questa cartella è già fissata un'altra prima versione del protocollo d'intesa"),
            where=str(home / pin.FILE),
            hint=N_("un nodo entra in una sola federazione: per un'altra si fa una cartella nuova con «rete init»"),
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
