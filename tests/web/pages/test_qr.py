"""QR codes as paths: what is drawn is what the standard's encoder made, and nothing else."""

from __future__ import annotations

import re

import pytest
import segno

from node.web.pages import qr


def light_and_dark(drawn: qr.Drawn) -> list[bytearray]:
    """The modules that a path fills, by its strokes."""
    assert re.fullmatch(r"(M\d+ \d+h\d+v1h-\d+z)+", drawn.path)
    rows = [bytearray(drawn.side) for _ in range(drawn.side)]
    for x, y, length, back in re.findall(r"M(\d+) (\d+)h(\d+)v1h-(\d+)z", drawn.path):
        assert length == back
        for at in range(int(x), int(x) + int(length)):
            assert rows[int(y)][at] == 0
            rows[int(y)][at] = 1
    return rows


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "otpauth://totp/Provincia%20di%20Lecce:anna?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Provincia%20di%20Lecce",
    ],
)
def test_every_dark_module_is_drawn_once_within_a_quiet_border(text: str) -> None:
    """Module by module against the encoder's own matrix; four light modules all around, and a code that survives a stain."""
    made, drawn = segno.make_qr(text, error="m"), qr.drawn(text)
    assert [bytes(row) for row in light_and_dark(drawn)] == [bytes(row) for row in made.matrix_iter(border=4)]
    assert (drawn.side, made.error in "MQH") == (made.symbol_size(border=4)[0], True)


def test_what_it_says_is_not_shown_by_accident() -> None:
    """Neither in a log line nor in a traceback."""
    assert "M" not in repr(qr.drawn("segreto")).partition("(")[2]
