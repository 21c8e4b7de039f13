"""Whose data are asked for: a tax code as people write it, or an e-mail address, and the names by which a subject is known.

In: what is typed. Out: a ``Subject`` in one form, and what finds it in texts. Pure. Source: Regulation (EU) 2016/679, articles 15, 17;
node/domain/processing.py says what is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from stdnum.it import codicefiscale, iva

from node.domain.saved import check_email
from node.domain.seeking import MASK, Seeker
from node.errors import N_, CallerError

CODE_FORM = re.compile(r"[0-9A-Z]{11}|[0-9A-Z]{16}")


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose data are asked for: a tax code in normal form, or an address; other codes of the same firm, and the names it is known by."""

    tax_code: str
    names: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()

    def known_as(self, names: Iterable[str], codes: Iterable[str] = ()) -> Subject:
        """Return the subject with further names and codes; what was masked before is no name."""
        found = {name.strip() for name in (*self.names, *names) if name.strip() and MASK not in name}
        more = {code for code in (*self.codes, *codes) if code} - {self.tax_code}
        return Subject(self.tax_code, tuple(sorted(found, key=lambda name: (-len(name), name))), tuple(sorted(more)))

    def seeker(self, others: Iterable[str] = ()) -> Seeker:
        """Return what finds the subject, told from ``others`` whose names hold one of its own."""
        return Seeker((self.tax_code, *self.codes), self.names, others)


def subject_of(text: str, name: str | None = None) -> Subject:
    """Return the subject of a tax code as people write it, or of an e-mail address. Raises: CallerError(tax-code-bad | saved-email-bad)."""
    if "@" in text:
        # Whoever enrolled or asked may have left no code: an address finds all that was left with it.
        return Subject(check_email(text.strip()).lower()).known_as([name] if name else [])
    code = re.sub(r"[\s.\-/]", "", text).upper().removeprefix("IT")
    valid = iva.is_valid(code) if len(code) == 11 else codicefiscale.is_valid(code) if len(code) == 16 else False
    # A code that is in the register stays findable even if its check letter is wrong there.
    if not CODE_FORM.fullmatch(code) or (len(code) == 11 and not code.isdigit()) or (len(code) == 16 and not valid and not code[:6].isalpha()):  # fmt: skip
        raise CallerError(
            "tax-code-bad",
            N_("«{code}» non è un codice fiscale: servono 11 cifre, o 16 caratteri"),
            where="CODICE",
            hint=N_(
                "scriverlo senza segni; per una persona di cui non si ha il codice, il proprio responsabile dei dati sa come procedere"
            ),
            code=text[:30],
        )
    return Subject(code).known_as([name] if name else [])
