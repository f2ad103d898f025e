"""Which lines of an invoice a credit note may still take back, and taking them or parts of them back in the office."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from portal.core import vat
from portal.core.audit import Actor
from portal.core.errors import Conflict, DomainError
from portal.core.money import fit_to_total, round_half_up
from portal.core.vat import VatCategory
from portal.domain.invoices import booking
from portal.domain.invoices.crediting import (
    Counted,
    count_note,
    credit_invoice,
    has_left,
    leaves_vat_alone,
    note_totals,
    rests_of,
)
from portal.domain.invoices.drafts import LineInput
from portal.domain.invoices.models import Document, DocumentKind, DocumentLine, DocumentStatus
from portal.domain.people.models import Customer
from portal.domain.shops.models import Shop
from portal.extensions import db


@dataclass(frozen=True)
class Left:
    """What is left of a line: an amount as its price is, with VAT or without it, in minor units; and so many of it."""

    line: DocumentLine
    amount_minor: int
    quantity: Decimal

    @property
    def position(self) -> int:
        """The place of the line on its invoice."""
        return self.line.position

    @property
    def is_whole(self) -> bool:
        """Whether nothing of it was taken back."""
        return self.quantity == self.line.quantity and self.amount_minor == self.whole_minor

    @property
    def whole_minor(self) -> int:
        """What its quantity comes to."""
        return round_half_up(Fraction(self.line.quantity) * Fraction(self.line.unit_price))

    @property
    def has_parts(self) -> bool:
        """Whether less than all of it can be taken back: a discount goes as a whole."""
        return self.amount_minor > 1 and self.line.quantity > 0


@dataclass(frozen=True)
class Part:
    """What to take back of the line at a position: all that is left, or so many of it, or an amount as its price is."""

    position: int
    quantity: Decimal | None = None
    amount_minor: int | None = None


@dataclass(frozen=True)
class Planned:
    """A credit note that could be made: its lines, and what it comes to."""

    lines: tuple[LineInput, ...]
    counted: Counted
    left_minor: int

    @property
    def token(self) -> str:
        """What a page showed, so that nobody confirms something else, or the same twice."""
        return f"{self.left_minor}.{self.counted.total_minor}.{self.counted.off_minor}"


def lines_left(document: Document) -> list[Left]:
    """What no credit note on an invoice took back yet of its lines; none once all of each rate was taken back."""
    rests = rests_of(document)
    if document.total_minor and not has_left(rests):
        return []
    notes = sa.select(Document.id).where(
        Document.original_id == document.id,
        Document.kind == DocumentKind.CREDIT_NOTE,
        Document.number.is_not(None),
    )
    taken: defaultdict[int, list[DocumentLine]] = defaultdict(list)
    # Notes of before lines named what they take back are told by what they say: a whole line is the same on both.
    same: Counter[tuple[Any, ...]] = Counter()
    for line in db.session.scalars(sa.select(DocumentLine).where(DocumentLine.document_id.in_(notes))):
        if line.original_position is None:
            same[_same(line)] += 1
        else:
            taken[line.original_position].append(line)
    left = []
    for line in document.lines:
        if same[_same(line)]:
            same[_same(line)] -= 1
            continue
        found = _left_of(document, line, taken[line.position])
        if _amount(document, line) == 0:
            if not taken[line.position]:
                left.append(found)
        elif found.amount_minor and (rests[_rate(line)].net or rests[_rate(line)].vat):
            left.append(found)
    return left


def _left_of(document: Document, line: DocumentLine, taken: Sequence[DocumentLine]) -> Left:
    amount = _amount(document, line) - sum(_amount(document, each) for each in taken)
    by_piece = [each.quantity for each in taken if each.unit_price == line.unit_price]
    return Left(line, amount, line.quantity - sum(by_piece, Decimal(0)))


def is_partly_taken(document: Document, left: Sequence[Left]) -> bool:
    """Whether these lines are taken back up to what is left of the invoice, as they come to more than that."""
    rests = rests_of(document)
    return any(
        sum(each.amount_minor for each in left if _rate(each.line) == rate) > _amount_left(document, rest)
        for rate, rest in rests.items()
    )


def plan(document: Document, parts: Sequence[Part]) -> Planned:
    """The credit note that takes these back. Whole lines that come to more than is left at their rate go up to that.

    That is so of notes of before lines named what they take back, and of a discount, which goes with what it is for.
    Raises ``DomainError`` when no line was chosen, one that is taken back already or twice, and as ``count_note`` does.
    """
    left = {each.position: each for each in lines_left(document)}
    rests = rests_of(document)
    if not parts or len({part.position for part in parts}) < len(parts):
        raise DomainError(_l("Choose at least one line of those that are left."), "lines")
    if any(part.position not in left for part in parts):
        raise DomainError(_l("A line that you chose is credited already. Please look again."), "lines")
    whole: list[Left] = []
    lines: list[LineInput] = []
    for part in parts:
        line = left[part.position]
        typed = _typed(line, part)
        if typed is None:
            whole.append(line)
        else:
            lines.append(typed)
    for rate, rest in rests.items():
        fixed = sum(_amount_of(line) for line in lines if (line.vat_category, line.vat_rate) == rate)
        own = [line for line in whole if _rate(line.line) == rate]
        room = _amount_left(document, rest) - fixed
        if room < min(0, sum(line.amount_minor for line in own)):
            raise DomainError(_l("That is more than is left of this invoice."))
        lines += _fitted(own, room, rest, alone=not fixed)
    if not lines:
        raise DomainError(_l("Nothing is left of these lines."), "lines")
    lines.sort(key=lambda line: line.original_position or 0)
    return Planned(tuple(lines), count_note(document, lines, rests), max(0, _gross(rests)))


def plan_amounts(document: Document, wanted: Sequence[tuple[DocumentLine, int]]) -> Planned | None:
    """The credit note of amounts of lines, each and together no more than is left; None where that is nothing.

    Where they come to all that is left it is of all lines, so that the VAT of each rate is right.
    For what is worked out and not chosen, as unused days are.
    """
    left = {each.position: each.amount_minor for each in lines_left(document)}
    rests = rests_of(document)
    amounts = {line.position: _within(amount, left.get(line.position, 0)) for line, amount in wanted}
    for rate, rest in rests.items():
        own = [line.position for line, _amount in wanted if _rate(line) == rate]
        total, room = sum(amounts[position] for position in own), _amount_left(document, rest)
        if total > room:
            shares = fit_to_total([Fraction(amounts[position] * room, total) for position in own], room)
            amounts.update(zip(own, shares, strict=True))
    most = max(0, _gross(rests))
    lines = _parts(wanted, amounts)
    totals = note_totals(document, lines, rests)
    if totals.gross <= 0:
        return None
    if totals.gross > most or leaves_vat_alone(totals, rests):
        # A discount at another rate makes the whole less than this rate: it goes with that.
        whole = [Part(position) for position in left] if most else []
        return plan(document, whole) if whole else None
    return Planned(tuple(lines), count_note(document, lines, rests), most)


def _within(amount: int, left: int) -> int:
    """An amount as far as so much is left; of a discount, which is below zero, no more either."""
    return min(amount, max(0, left)) if amount > 0 else max(amount, min(0, left))


def _parts(wanted: Sequence[tuple[DocumentLine, int]], amounts: Mapping[int, int]) -> list[LineInput]:
    return [_as_part(line, amounts[line.position]) for line, _amount in wanted if amounts[line.position]]


def take_back(
    document_id: int,
    parts: Sequence[Part],
    *,
    told: str,
    shop: Shop,
    customer: Customer,
    note: str,
    now: datetime,
    actor: Actor,
) -> Document:
    """A credit note on lines or parts of lines of an issued invoice. For staff who may change invoices.

    ``told`` is the token of the plan that was confirmed: ``Conflict`` when it means something else meanwhile, so that
    twice is once. ``DomainError`` as ``plan`` raises it.
    """
    booking.lock_credit(sa.select(Document.customer_id).where(Document.id == document_id))
    [document] = booking.lock_documents([document_id])
    check_creditable(document)
    try:
        planned = plan(document, parts)
    except DomainError:
        if told.partition(".")[0] != str(max(0, _gross(rests_of(document)))):
            raise _changed() from None
        raise
    if planned.token != told:
        raise _changed()
    return credit_invoice(
        document, planned.lines, shop=shop, customer=customer, note=note, now=now, actor=actor
    )


def check_creditable(document: Document) -> None:
    """Raises ``Conflict`` for what is no issued invoice."""
    is_issued = document.status in (DocumentStatus.OPEN, DocumentStatus.SETTLED)
    if not is_issued or document.kind is DocumentKind.CREDIT_NOTE:
        raise Conflict(_l("Only an issued invoice can be credited."))


def _changed() -> Conflict:
    return Conflict(_l("This invoice changed meanwhile, nothing was credited. Please look again."))


def _typed(left: Left, part: Part) -> LineInput | None:
    """The part of a line that was typed; None for all that is left. A refusal names ``amount-3`` of the third line."""
    quantity, amount, position = part.quantity, part.amount_minor, part.position
    if quantity is None and amount is None:
        return None
    if quantity is not None and amount is not None:
        raise DomainError(_l("Fill in how many or an amount, not both."), f"amount-{position}")
    if not left.has_parts:
        raise DomainError(_l("This line can be credited as a whole only."), f"amount-{position}")
    if quantity is not None:
        if not 0 < quantity <= left.quantity:
            raise DomainError(_l("That is not between nothing and what is left."), f"quantity-{position}")
        amount = round_half_up(Fraction(quantity) * Fraction(left.line.unit_price))
        if quantity == left.quantity and amount <= left.amount_minor:
            # With the last piece go the cents that rounding the others left.
            return None
        if not 0 < amount <= left.amount_minor:
            raise DomainError(_l("That is more than is left of this line."), f"quantity-{position}")
        return replace(_as_input(left.line), quantity=quantity)
    assert amount is not None
    if not 0 < amount <= left.amount_minor:
        raise DomainError(_l("That is not between nothing and what is left."), f"amount-{position}")
    return None if amount == left.amount_minor else _as_part(left.line, amount)


def _fitted(lines: Sequence[Left], room: int, rest: vat.Rest, *, alone: bool) -> list[LineInput]:
    """Lines of one rate as they are, or where there is less room as their share in that."""
    amounts = [line.amount_minor for line in lines]
    if sum(amounts) <= room:
        return [_as_rest(line) for line in lines]
    parts = fit_to_total([Fraction(amount * room, sum(amounts)) for amount in amounts], room)
    found = [_as_part(line.line, part) for line, part in zip(lines, parts, strict=True) if part]
    # A cent of VAT alone is left where parts were rounded each for itself, as they were before.
    return found or ([_as_part(lines[0].line, 0)] if rest.gross > 0 and alone else [])


def _as_rest(left: Left) -> LineInput:
    """All that is left of a line: its last pieces where these come to it, else an amount."""
    pieces = round_half_up(Fraction(left.quantity) * Fraction(left.line.unit_price))
    if left.is_whole or (pieces == left.amount_minor and left.quantity):
        return replace(_as_input(left.line), quantity=left.quantity)
    return _as_part(left.line, left.amount_minor)


def _gross(rests: vat.Rests) -> int:
    return sum(rest.gross for rest in rests.values())


def _rate(line: DocumentLine) -> tuple[VatCategory, Decimal]:
    return line.vat_category, line.vat_rate


def _amount(document: Document, line: DocumentLine) -> int:
    return line.gross_minor if document.prices_include_vat else line.net_minor


def _amount_of(line: LineInput) -> int:
    return round_half_up(Fraction(line.quantity) * Fraction(line.unit_price))


def _amount_left(document: Document, rest: vat.Rest) -> int:
    return max(0, rest.gross if document.prices_include_vat else rest.net)


def _same(line: DocumentLine) -> tuple[Any, ...]:
    return (line.description, line.quantity, line.unit_price, line.vat_category, line.vat_rate)


def _as_input(line: DocumentLine) -> LineInput:
    return LineInput(
        description=line.description,
        quantity=line.quantity,
        unit_price=line.unit_price,
        vat_rate=line.vat_rate,
        vat_category=line.vat_category,
        product_id=line.product_id,
        original_position=line.position,
    )


def _as_part(line: DocumentLine, amount_minor: int) -> LineInput:
    return replace(_as_input(line), quantity=Decimal(1), unit_price=Decimal(amount_minor))
