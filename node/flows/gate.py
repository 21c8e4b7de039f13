"""The names the text gate looks for, kept ready: the office's, the public register's, the municipalities'.

In: a connection. Out: a dictionary. Each layer is known by a digest of what it is made of, and built again only when that
has changed: an import renews the office's names and leaves the public register's as they are.
"""

from __future__ import annotations

import functools

from node.domain.folding import fold
from node.store.reference import load_sectors


@functools.cache
def common_words() -> frozenset[str]:
    """Return the words by which the activities of firms are called: alone, they name no firm."""
    return frozenset(word for title in load_sectors().titles() for word in fold(title).split())
