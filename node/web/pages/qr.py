"""QR codes drawn by the node itself: as a path of a template's SVG, so that what they say stands in no address and in no file.

In: a text. Out: the side in modules, quiet border included, and the dark modules as one path. Source: ISO/IEC 18004.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

import segno

# Modules that stay light all around.
BORDER: Final = 4


@dataclass(frozen=True, slots=True)
class Drawn:
    """A code as a drawing; what it says may be secret."""

    side: int
    path: str = field(repr=False)


def drawn(text: str) -> Drawn:
    """Return a text as a QR code that survives a stain (level M)."""
    rows = [bytes(row) for row in segno.make_qr(text, error="m").matrix_iter(border=BORDER)]
    strokes: list[str] = []
    for y, row in enumerate(rows):
        x = 0
        for is_dark, run in groupby(row):
            length = len(list(run))
            if is_dark:
                strokes.append(f"M{x} {y}h{length}v1h-{length}z")
            x += length
    return Drawn(len(rows), "".join(strokes))
