"""A number and its noun: singular and plural of what commands count, in one place.

In: a count and a pair of catalogue ids. Out: words in the reader's language ("1 riga", never "1 righe"). Italian and English
have the same two forms: one, and any other number.
"""

from __future__ import annotations

from typing import Final

from node.cli.frame import Face
from node.errors import N_

Pair = tuple[str, str]

ROWS_READ: Final = (N_("{count} riga letta"), N_("{count} righe lette"))
ROWS_REFUSED: Final = (N_("{count} riga rifiutata"), N_("{count} righe rifiutate"))
ROWS_DOUBTFUL: Final = (N_("{count} riga con riserva"), N_("{count} righe con riserva"))
ROWS_MORE: Final = (N_("... e un'altra; tutte con --json."), N_("... e altre {count}; tutte con --json."))
ROWS: Final = (N_("{count} riga"), N_("{count} righe"))
NETWORKS: Final = (N_("{count} rete"), N_("{count} reti"))
NETWORKS_NEW: Final = (N_("{count} rete nuova"), N_("{count} reti nuove"))
NETWORKS_CHANGED: Final = (N_("{count} cambiata"), N_("{count} cambiate"))
NETWORKS_UNCHANGED: Final = (N_("{count} uguale"), N_("{count} uguali"))
NETWORKS_LEFT_OUT: Final = (N_("{count} lasciata com'è"), N_("{count} lasciate come sono"))
NETWORKS_OUTSIDE: Final = (N_("{count} fuori territorio"), N_("{count} fuori territorio"))
FIRMS: Final = (N_("{count} impresa"), N_("{count} imprese"))
DOCUMENTS: Final = (N_("{count} documento"), N_("{count} documenti"))
CONTRACTS: Final = (N_("{count} contratto"), N_("{count} contratti"))
PROFILES: Final = (N_("{count} scheda"), N_("{count} schede"))
BLOCKS: Final = (N_("{count} gruppo"), N_("{count} gruppi"))


def counted(face: Face, count: int, pair: Pair) -> str:
    """Return ``count`` with its noun in the language of the face."""
    return face.tr(pair[0 if count == 1 else 1]).format(count=count)
