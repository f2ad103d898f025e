"""What a payment plan comes to: amounts that add up to the cent, and the days on which they are due.

Free of interest and charges (domain.md, "Collections"). Amounts are minor units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from portal.domain.subscriptions.cadence import add_months

#: In how many monthly instalments somebody may ask to pay.
COUNTS = (2, 3, 6, 12)


@dataclass(frozen=True)
class Instalment:
    """One instalment of a plan, the first having position 1."""

    position: int
    due_on: date
    amount_minor: int


@dataclass(frozen=True)
class Progress:
    """How far a plan is, by what is no longer open: the money that arrived, whoever paid it and how, and credit notes.

    ``next`` is the first instalment that is not paid whole, and ``next_minor`` what is left of it; none at the end.
    ``left_minor`` is what is left of each, in their order: together what is still to pay of the plan.
    """

    paid_minor: int
    total_minor: int
    paid_count: int
    count: int
    next: Instalment | None
    next_minor: int | None
    left_minor: tuple[int, ...]


def amounts(total_minor: int, count: int) -> list[int]:
    """An amount in so many equal parts; the last takes the rest, so that all add up to the cent.

    ``ValueError`` where a part would be nothing.
    """
    each = total_minor // count
    if each <= 0:
        raise ValueError(f"{total_minor} cannot be paid in {count} instalments")
    return [each] * (count - 1) + [total_minor - each * (count - 1)]


def possible_counts(total_minor: int) -> tuple[int, ...]:
    """The numbers of instalments that an amount can be paid in."""
    return tuple(count for count in COUNTS if total_minor >= count)


def schedule(total_minor: int, count: int, *, agreed_on: date) -> list[Instalment]:
    """The instalments of a plan: the first is due a month after it was agreed to, each other a month later.

    From 31 January come 28 or 29 February, 31 March, 30 April, as with subscriptions.
    """
    return [
        Instalment(position, add_months(agreed_on, position), amount)
        for position, amount in enumerate(amounts(total_minor, count), start=1)
    ]


def progress(instalments: Sequence[Instalment], remaining_minor: int) -> Progress:
    """How far a plan is when so much of its case is still open."""
    total = sum(each.amount_minor for each in instalments)
    paid = arrived = max(0, total - remaining_minor)
    left = []
    for each in instalments:
        part = min(arrived, each.amount_minor)
        left.append(each.amount_minor - part)
        arrived -= part
    paid_count = next((number for number, minor in enumerate(left) if minor > 0), len(left))
    following = instalments[paid_count] if paid_count < len(left) else None
    return Progress(
        paid_minor=paid,
        total_minor=total,
        paid_count=paid_count,
        count=len(left),
        next=following,
        next_minor=left[paid_count] if following is not None else None,
        left_minor=tuple(left),
    )
