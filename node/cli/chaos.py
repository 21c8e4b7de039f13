"""``rete chaos``: trouble on purpose, for whoever wants to see what a node of a trial makes of it (docs/chaos.md).

In: two addresses of this machine, a seed, faults. Out: a proxy between them for a bounded time, and a line of JSON for each thing that it did.
It is a command of the node and not a script beside it, so that an administrator who installed the node from a package has it too.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import click
import orjson

from node.cli.frame import Face, command
from node.errors import N_, CallerError, OperatorError
from node.peers import chaos_proxy, spells

MINUTES_MAX = 1440.0


@click.group("chaos")
def chaos() -> None:
    """Guasti fatti apposta, per provare un nodo."""


@command(
    chaos, "proxy", json=False, help="Un proxy TCP che ritarda, interrompe, altera ciò che passa, secondo un seme."
)
@click.option("--listen", default="127.0.0.1:8461", show_default=True, metavar="HOST:PORTA", help="Dove ascolta.")
@click.option("--to", required=True, metavar="HOST:PORTA", help="Dove inoltra.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0), help="Stesso seme, stessi guasti.")
@click.option("--faults", default="all", show_default=True, metavar="GUASTO,...", help="Quali guasti, oppure all.")
@click.option(
    "--minutes", default=10.0, show_default=True, type=click.FloatRange(0.01, MINUTES_MAX), help="Quanto dura: poi finisce da sé."
)  # fmt: skip
@click.option(
    "--calm-s", default=0.0, show_default=True, type=click.FloatRange(0), help="Secondi senza guasti alla fine."
)
@click.option("--log", "log_file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Scrive qui ciò che fa, una riga JSON per fatto (altrimenti sullo standard output).")  # fmt: skip
@click.option("--plan", is_flag=True, help="Mostra i guasti che verrebbero, senza fare nulla.")
@click.option("--anywhere", is_flag=True, help="Consente indirizzi di altre macchine: soltanto su una rete di prova.")
async def proxy(
    face: Face,
    listen: str,
    to: str,
    seed: int,
    faults: str,
    minutes: float,
    calm_s: float,
    log_file: Path | None,
    plan: bool,
    anywhere: bool,
) -> None:
    """Run the proxy until its time is over, or Ctrl-C."""
    here, there = (chaos_proxy.parse_address(text, anywhere=anywhere) for text in (listen, to))
    weather = spells.Weather.drawn(seed, spells.parse_faults(faults), minutes * 60, calm_s)
    if plan:
        for spell in weather.spells:
            _line(sys.stdout, spell.facts())
        return
    _install_stop()
    with contextlib.ExitStack() as stack:
        out = sys.stdout if log_file is None else stack.enter_context(_opened(log_file))
        async with chaos_proxy.running(here, there, weather, lambda fact: _line(out, fact)) as made:
            face.err.print(
                face.tr(N_("Da {listen} a {to} per {minutes:g} minuti; Ctrl-C per finire prima.")).format(
                    listen=listen, to=to, minutes=minutes
                ),
                markup=False,
                highlight=False,
            )
            with contextlib.suppress(asyncio.CancelledError):
                await made.blow()
            made.tell("ended", connections=made.opened, bent=dict(sorted(made.bent.items())))


def _line(out: TextIO, fact: dict[str, object]) -> None:
    out.write(orjson.dumps(fact).decode() + "\n")
    out.flush()


def _opened(file: Path) -> Any:
    try:
        return file.open("x", encoding="utf-8")
    except FileExistsError as error:
        raise CallerError(
            "file-exists", N_("il file c'è già"), where=str(file), hint=N_("scegliere un altro nome")
        ) from error
    except OSError as error:
        raise OperatorError(
            "file-not-writable",
            N_("qui non si può scrivere: {reason}"),
            where=str(file),
            reason=error.strerror or type(error).__name__,
        ) from error


def _install_stop() -> None:
    task = asyncio.current_task()
    stop: Callable[[], object] = task.cancel if task is not None else lambda: None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)
