"""Who is funded with what, and what becomes of a grant: instalments, expenses, revocation.

In: the call and the applications in order. Out: what each one gets; how issuers share it; the instalments. Rules: the budget is spent
in the order of the ranking, and the call says what happens to the application that it no longer covers: the rest in part, the next
that fits, or nothing more; what is split is split to the cent, and always gives the whole. Pure. Source: PROTOCOL 14.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from node.domain.programme.call import PARTIAL, STOP, Call
from node.errors import N_, CallerError

FUNDED, PART_FUNDED, ADMITTED, BELOW, REFUSED, WITHDRAWN = STATUSES = (
    "funded", "part-funded", "admitted", "below-threshold", "not-admitted", "withdrawn",
)  # fmt: skip
_CENT: Final = Decimal("0.01")
ZERO: Final = Decimal("0.00")


def allocate(call: Call, wanted: Sequence[tuple[Decimal, Decimal | None]]) -> list[tuple[str, Decimal]]:
    """Return status and grant of applications in their order, each told by what it asks and its points."""
    left, has_stopped, found = call.budget, False, []
    for requested, points in wanted:
        if call.threshold is not None and points is not None and points < call.threshold:
            found.append((BELOW, ZERO))
        elif not has_stopped and requested <= left:
            left -= requested
            found.append((FUNDED, requested))
        elif not has_stopped and call.last == PARTIAL and left > 0:
            found.append((PART_FUNDED, left))
            left, has_stopped = ZERO, True
        else:
            has_stopped = has_stopped or call.last in (PARTIAL, STOP)
            found.append((ADMITTED, ZERO))
    return found


def parts_of(amount: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """Return an amount split in proportion to weights, to the cent: what rounding leaves goes to the largest remainders, then in order."""
    if not weights:
        return []
    whole, cents = sum(weights, Decimal()), int(amount / _CENT)
    exact = [Fraction(cents) * Fraction(weight) / Fraction(whole) for weight in weights]
    parts = [math.floor(one) for one in exact]
    largest = sorted(range(len(parts)), key=lambda at: (parts[at] - exact[at], at))
    for at in largest[: cents - sum(parts)]:
        parts[at] += 1
    return [Decimal(part).scaleb(-2) for part in parts]


def shared(call: Call, amount: Decimal) -> dict[str, Decimal]:
    """Return what each issuer pays of a grant, in proportion to its share of the budget."""
    split = parts_of(amount, [issuer.share for issuer in call.issuers])
    return {issuer.node: part for issuer, part in zip(call.issuers, split, strict=True)}


def instalments_of(call: Call, amount: Decimal) -> list[Decimal]:
    """Return the instalments of a grant."""
    return parts_of(amount, [Decimal(percent) for percent in call.instalments])


def appeals_until(call: Call, published: dt.datetime) -> dt.date:
    """Return the last day on which an appeal against a ranking may come."""
    return published.date() + dt.timedelta(days=call.appeals_days)


@dataclass(frozen=True, slots=True)
class Account:
    """How a grant stands: granted, revoked, paid, and the expenses that were accepted."""

    granted: Decimal
    revoked: Decimal = ZERO
    paid: Decimal = ZERO
    accepted: Decimal = ZERO

    @property
    def due(self) -> Decimal:
        """What the network may keep: what was granted and not revoked."""
        return self.granted - self.revoked

    @property
    def to_recover(self) -> Decimal:
        """What was paid beyond what the network may keep."""
        return max(ZERO, self.paid - self.due)


def check_payment(account: Account, amount: Decimal, *, is_first: bool) -> None:
    """Refuse an instalment that is not covered; all but the first are paid against accepted expenses.

    Raises: CallerError instalment-too-much, instalment-uncovered.
    """
    if account.paid + amount > account.due:
        raise CallerError(
            "instalment-too-much", N_("la rata supera ciò che resta del contributo"), where="amount",
            hint=N_("verificare contributo e revoche"),
        )  # fmt: skip
    if not is_first and account.paid > account.accepted:
        raise CallerError(
            "instalment-uncovered", N_("le spese accettate non coprono ancora ciò che è stato pagato"), where="amount",
            hint=N_("accettare prima il rendiconto"),
        )  # fmt: skip


def check_revocation(account: Account, amount: Decimal) -> None:
    """Refuse to revoke nothing, or more than is left. Raises: CallerError(revocation-bad)."""
    if not 0 < amount <= account.due:
        raise CallerError(
            "revocation-bad", N_("la revoca è nulla o supera il contributo che resta"), where="amount",
        )  # fmt: skip
