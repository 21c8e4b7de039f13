"""A table as CSV, and what its columns are by the W3C's «CSV on the Web».

In: a table, how things are called, who publishes. Out: bytes. Rules: RFC 4180 in UTF-8 without a byte order mark, one header; every
text is in quotes and no number is, so that a reader that asks can tell the code "01" from a number; decimals have a point and nothing
parts thousands; a number that is not told is an empty field. Names pass ``safe``, so that no spreadsheet runs one as a formula; codes
need it not (``figures`` lets through no quote, bracket or equals sign) and stay as they are, to be joined by. Source: W3C
Recommendation «Metadata Vocabulary for Tabular Data», 17 December 2015. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from node.domain.observatory import flat
from node.domain.observatory.figures import Status, Table
from node.domain.observatory.flat import Column, Value
from node.domain.observatory.wording import LICENCE, Publisher, Wording

SUFFIX: Final = "-metadata.json"
_END: Final = "\r\n"
_BASES: Final = {flat.INTEGER_KIND: "integer", flat.DECIMAL_KIND: "decimal"}


def csv(table: Table, wording: Wording, safe: Callable[[str], str] = str) -> bytes:
    """Return the table as CSV; ``safe`` puts to sleep what a spreadsheet would run."""
    columns = flat.columns(table, wording)
    header = ",".join(_quoted(column.name) for column in columns)
    lines = (
        ",".join(_field(column, value, safe) for column, value in zip(columns, row, strict=True))
        for row in flat.rows(table, wording)
    )
    return (_END.join([header, *lines]) + _END).encode()


def _field(column: Column, value: Value, safe: Callable[[str], str]) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return _quoted(safe(value) if column.kind == flat.NAME_KIND else value)
    # Never an exponent, never a separator of thousands.
    return format(value, "f") if not isinstance(value, int) else str(value)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def metadata(table: Table, wording: Wording, publisher: Publisher, made_on: str) -> bytes:
    """Return the description of the CSV, which lies beside it; ``made_on`` is the day of the build."""
    document = {
        "@context": ["http://www.w3.org/ns/csvw", {"@language": "it"}],
        "@type": "Table",
        "url": f"{table.ident}.csv",
        "dc:title": _texts(wording.titles(table)),
        "dc:description": _texts(wording.descriptions(table)),
        "dc:source": _texts(wording.both(wording.source(table))),
        "dc:publisher": publisher.name,
        "dc:modified": {"@value": made_on, "@type": "date"},
        "dc:license": {"@id": LICENCE},
        "dialect": {
            "encoding": "utf-8",
            "delimiter": ",",
            "quoteChar": '"',
            "doubleQuote": True,
            "header": True,
            "headerRowCount": 1,
            "lineTerminators": [_END],
        },
        "tableSchema": {
            "columns": [_column(column, wording) for column in flat.columns(table, wording)],
            **({"primaryKey": list(table.dimensions)} if table.dimensions else {}),
        },
    }
    return (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode()


def _column(column: Column, wording: Wording) -> dict[str, Any]:
    told = {"name": column.name, "titles": column.name, "dc:description": _texts(wording.both(column.title))}
    if column.kind in _BASES:
        return {**told, "datatype": {"base": _BASES[column.kind]}, "required": False, "null": ""}
    datatype: dict[str, str] = {"base": "string"}
    if column.kind == flat.STATUS_KIND:
        datatype["format"] = "|".join(status.value for status in Status)
    # Of texts nothing stands for nothing: «NA» is a province.
    return {**told, "datatype": datatype, "required": column.kind != flat.UNIT_KIND}


def _texts(both: dict[str, str]) -> list[dict[str, str]]:
    return [{"@value": text, "@language": language} for language, text in both.items() if text]
