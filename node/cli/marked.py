"""A text with the gate's hits marked, for an officer at a terminal: numbered, coloured, and readable without colours.

In: (place, text, hit) as the gate gives them. Out: rich texts, rows of a table, JSON values.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from rich.text import Text

from node.cli.frame import Face
from node.domain.redaction.hits import AMBER, RED, SEVERITIES, Hit, Hits, suggest
from node.errors import N_, plain

STYLES = {RED: "bold white on red", AMBER: "black on yellow"}


def marked(text: str, hits: Sequence[Hit], first: int = 1) -> Text:
    """Return the text with its hits between ⟦ and ⟧, numbered from ``first``; the reader's terminal only shows it."""
    shown = Text()
    last = 0
    for number, hit in enumerate(hits, first):
        shown.append(plain(text[last : hit.start]))
        shown.append(f"⟦{number} {plain(text[hit.start : hit.end])}⟧", STYLES[hit.severity])
        last = hit.end
    return shown.append(plain(text[last:]))


def values(hits: Hits) -> list[dict[str, Any]]:
    """Return the hits as they stand in JSON, numbered as in the marked texts."""
    return [
        {
            "number": number,
            "where": place,
            "text": text[hit.start : hit.end],
            "start": hit.start,
            "end": hit.end,
            "kind": hit.kind,
            "severity": hit.severity,
            "reason": hit.reason,
            "suggestion": suggest(text, [hit]),
        }
        for number, (place, text, hit) in enumerate(hits, 1)
    ]


def redacted(hits: Hits) -> dict[str, str]:
    """Return the texts that have hits, by place, with a marker for each hit: what to start from."""
    return {place: suggest(text, [hit for _, _, hit in group]) for (place, text), group in _by_text(hits)}


def _by_text(hits: Hits) -> list[tuple[tuple[str, str], list[tuple[str, str, Hit]]]]:
    return [(key, list(group)) for key, group in groupby(hits, key=lambda item: item[:2])]


def show(face: Face, hits: Hits) -> None:
    """Print each text that has hits, marked; the list of hits with their reasons; each text with markers instead."""
    number = 1
    for (place, text), group in _by_text(hits):
        face.out.print(Text(f"{place}:", style="bold"), marked(text, [hit for _, _, hit in group], number))
        number += len(group)
    rows = [
        (n, place, text[hit.start : hit.end], face.tr(SEVERITIES[hit.severity]), face.tr(hit.reason))
        for n, (place, text, hit) in enumerate(hits, 1)
    ]
    face.table(N_("Punti da correggere"), (N_("n."), N_("dove"), N_("testo"), N_("gravità"), N_("motivo")), rows)
    for place, text in redacted(hits).items():
        face.say(N_("Proposta per {place}: {text}"), place=place, text=text)


def show_attack(face: Face, attack: dict[str, Any] | None) -> None:
    """Print what the texts tell of their own network, where that was tried."""
    if attack is None:
        return
    if attack["found"]:
        face.say(
            N_(
                "Il testo ripete o ricalca l'oggetto pubblico della rete ({copied} % delle sue parole): fra le {objects} reti del gruppo è in posizione {rank} per somiglianza."
            ),
            copied=round(attack["copied"] * 100),
            objects=attack["of"],
            rank=attack["rank"],
        )
    else:
        face.say(
            N_("Confronto con gli oggetti pubblici delle {objects} reti del gruppo: il testo non indica la propria."),
            objects=attack["of"],
        )
