"""The language a person reads: Italian by default, English when asked for.

In: RETE_LANG, or a language tag. Out: a ``translate`` function. The message ids are the Italian sentences; the English
catalogue is node/locale/en.po, read as text so that no compile step stands between a checkout and a run.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from importlib import resources

from babel.messages.pofile import read_po

LANGUAGES = ("it", "en")


@functools.cache
def _english() -> dict[str, str]:
    with resources.files("node").joinpath("locale/en.po").open("rb") as file:
        catalogue = read_po(file, locale="en")
    return {str(message.id): str(message.string) for message in catalogue if message.id and message.string}


def translator(language: str) -> Callable[[str], str]:
    """Return the function that shows an Italian message id in ``language`` (unknown languages read Italian)."""
    if language != "en":
        return str
    catalogue = _english()
    return lambda message: catalogue.get(message, message)


def language_from_environment() -> str:
    """Return the command line's language: RETE_LANG, else Italian."""
    wanted = os.environ.get("RETE_LANG", "it")[:2].lower()
    return wanted if wanted in LANGUAGES else "it"
