"""The language a person reads: Italian by default, English when asked for.

In: RETE_LANG, a header, a node's own language, in this order. Out: a ``translate`` function. The message ids are the Italian sentences; the English
catalogue is node/locale/en.po, read as text so that no compile step stands between a checkout and a run.
"""

from __future__ import annotations

import datetime as dt
import functools
import os
import re
from collections.abc import Callable
from contextvars import ContextVar
from importlib import resources
from zoneinfo import ZoneInfo

from babel import Locale, dates, numbers
from babel.messages.pofile import read_po

LANGUAGES = ("it", "en")
# How numbers and days are written; whose day it is, is Italy's.
_LOCALES = {"it": "it_IT", "en": "en"}
_ZONE = ZoneInfo("Europe/Rome")
# A page of results writes the same few shares, numbers and days many times.
_REMEMBERED = 4096
_WEIGHT = re.compile(r"q=([01](?:\.[0-9]{1,3})?)")


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


def language_from_environment(default: str = LANGUAGES[0]) -> str:
    """Return the language RETE_LANG asks for, else ``default`` (a node's own language, or Italian)."""
    wanted = os.environ.get("RETE_LANG", "")[:2].lower()
    return wanted if wanted in LANGUAGES else default


def language_from_header(accept: str, default: str) -> str:
    """Return the language a reader prefers by the header Accept-Language (RFC 9110 12.5.4), else ``default``."""
    wanted: dict[str, float] = {}
    for part in accept[:500].split(","):
        tag, _, weight = part.partition(";")
        found = tag.strip()[:2].lower()
        number = _WEIGHT.fullmatch(weight.strip())
        if found in LANGUAGES and (number or not weight.strip()):
            wanted.setdefault(found, float(number.group(1)) if number else 1.0)
    best = max(wanted, key=lambda language: wanted[language], default=default)
    return best if wanted.get(best) else default


def locale_of(language: str) -> Locale:
    """Return how a language writes numbers and days (unknown ones as Italian does)."""
    return _locale(_LOCALES.get(language, _LOCALES["it"]))


@functools.cache
def _locale(name: str) -> Locale:
    return Locale.parse(name)


@functools.lru_cache(_REMEMBERED)
def number(value: float, language: str) -> str:
    """Return a number with the separators of a language: 12.345,6."""
    return str(numbers.format_decimal(value, locale=locale_of(language)))


@functools.lru_cache(_REMEMBERED)
def percent(share: float, language: str) -> str:
    """Return a share from 0 to 1 in hundredths."""
    return str(numbers.format_percent(share, locale=locale_of(language)))


@functools.lru_cache(_REMEMBERED)
def day(value: dt.date, language: str) -> str:
    """Return a day in words: 3 novembre 2026."""
    return str(dates.format_date(value, "long", locale=locale_of(language)))


def moment(value: dt.datetime, language: str) -> str:
    """Return a time as a clock in Italy shows it, with its day."""
    local = value.astimezone(_ZONE)
    return f"{day(local.date(), language)}, {dates.format_time(local.time(), 'HH:mm', locale=locale_of(language))}"


# The command line's language, once a command knows its node; an error may be shown after the command is over.
_spoken: ContextVar[str] = ContextVar("spoken")


def speak(language: str) -> None:
    """Choose the language of what follows in this context."""
    _spoken.set(language)


def spoken() -> str:
    """Return the chosen language, else the environment's."""
    return _spoken.get(language_from_environment())
