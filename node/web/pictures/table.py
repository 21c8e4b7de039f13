"""The table behind a picture: the same numbers in the same words, for whoever reads rather than looks.

A picture and its table are made by one value (Choropleth, Bars, Lines, Flows), whose words both show.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One line: what it is about, where it leads (empty: nowhere), and its cells."""

    head: str
    cells: tuple[str, ...]
    href: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A caption, the columns' names (the first names the heads of the rows), and rows of as many cells as the other columns."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    def __post_init__(self) -> None:
        """Refuse rows that are longer or shorter than the header."""
        if any(len(row.cells) != len(self.columns) - 1 for row in self.rows):
            raise ValueError(f"a row does not fit the columns {self.columns}")
