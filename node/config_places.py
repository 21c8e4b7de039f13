"""The configuration's place: its file in a home, and where in its text a table or key stands, so that a refusal can name its line. Pure."""

from __future__ import annotations

import re

CONFIG_FILE = "node.toml"


class Locator:
    """Finds the line of a table or key in the TOML text, since the parser keeps none."""

    def __init__(self, text: str, file: str) -> None:
        """``file`` only names the text in what is returned."""
        self._file = file
        self._lines = text.splitlines()

    def place(self, table: str, key: str | None = None, occurrence: int = 0) -> str:
        """Return ``file:line`` of a table, or of a key in it; only the file when it is not there."""
        seen = -1
        inside = False
        found = 0
        for number, line in enumerate(self._lines, 1):
            header = re.match(r"\s*\[\[?\s*([^\]\s]+)\s*\]\]?", line)
            if header:
                inside = header.group(1) == table
                seen += inside
                if inside and seen == occurrence:
                    found = number
            elif inside and seen == occurrence and key and re.match(rf"""\s*["']?{re.escape(key)}["']?\s*=""", line):
                found = number
                break
        return f"{self._file}:{found}" if found else self._file


def place(text: str, file: str, table: str, key: str) -> str:
    """Return ``file:line`` of a key in a configuration's text, for what only the reference tables can tell."""
    return Locator(text, file).place(table, key)
