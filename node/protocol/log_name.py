"""What the name of a log says: under whose address it was begun, and of which year it is.

In: an origin line. Out: parts of it. Source: PROTOCOL 6.10.
"""

from __future__ import annotations


def authority(origin: str) -> str:
    """Return under whose name a log is."""
    return origin.partition("/")[0]


def year(origin: str) -> str:
    """Return the year of a log, by which the logs of one node follow each other: whoever moves writes the next under another address."""
    return origin.rpartition("/")[2]
