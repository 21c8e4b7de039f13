"""``rete text check``: what the text gate says of a text, at once, before it is in any profile."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from node import runtime
from node.cli import marked
from node.cli.frame import Face, command
from node.domain import profile
from node.errors import N_, CallerError, NotFoundError
from node.flows.profiles import preview

LONGEST = 20_000


@click.group("text", help="La barriera dei testi: provarla su un testo.")
def text() -> None:
    """Hold the text commands."""


def _read(file: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        found = raw.decode("utf-8")
    except FileNotFoundError as error:
        raise NotFoundError("file-not-found", N_("il file non c'è"), where=file) from error
    except IsADirectoryError as error:
        raise CallerError("file-is-folder", N_("è una cartella, non un file"), where=file) from error
    except UnicodeDecodeError as error:
        raise CallerError("text-not-utf8", N_("il file non è testo UTF-8"), where=file) from error
    if len(found) > LONGEST:
        raise CallerError(
            "text-too-long",
            N_("testo di {length} caratteri: al massimo {longest}"),
            where=file,
            length=len(found),
            longest=LONGEST,
        )
    return profile.clean(found)


@command(
    text,
    "check",
    help="Mostra i punti che farebbero riconoscere qualcuno; con --network prova anche se il testo indica quella rete.",
)
@click.argument("file", metavar="[FILE|-]", default="-")
@click.option(
    "--network", "network_id", metavar="RETE", help="La rete di cui il testo parla, per il confronto con il suo gruppo."
)
async def check(face: Face, file: str, network_id: str | None) -> None:
    """Run the gate over a text; exit 1 when it could not leave."""
    words = _read(file)
    async with runtime.open_node(face.home) as node:
        verdict = await preview.check_text(node.pool, node.config, words, network_id=network_id, known=node.known)
    facts = verdict.facts()
    value = {
        "ok": verdict.red == 0,
        "red": facts["red"],
        "amber": facts["amber"],
        "hits": marked.values(verdict.hits),
        "redacted": marked.redacted(verdict.hits).get(preview.TEXT_PLACE, words),
        "attack": facts["attack"],
    }

    def human() -> None:
        if verdict.hits:
            marked.show(face, verdict.hits)
        marked.show_attack(face, facts["attack"])
        if verdict.red:
            face.say(N_("Così il testo non può uscire: correggere."))
        elif facts["amber"]:
            face.say(N_("Il testo può uscire se chi approva spiega i punti ambra (--reason)."))
        else:
            face.say(N_("Nessun punto da correggere."))

    face.emit(value, human)
    if verdict.red:
        sys.exit(1)
