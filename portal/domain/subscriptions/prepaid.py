"""What a customer paid for days that they will not use: the part of the last bill that is credited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from portal.core.audit import Actor
from portal.domain.invoices import crediting
from portal.domain.invoices.booking import lock_documents
from portal.domain.invoices.drafts import LineInput
from portal.domain.invoices.models import Document, DocumentLine, DocumentStatus
from portal.domain.invoices.taking_back import plan_amounts
from portal.domain.people.models import Customer
from portal.domain.shops.models import Shop
from portal.domain.subscriptions.prices import part
from portal.domain.subscriptions.standing import Whole
from portal.extensions import db


@dataclass(frozen=True)
class Rest:
    """A part of a bill in minor units: its lines, what they come to with VAT, and how much of that was not paid yet.

    ``off_minor`` is taken off the invoice; what is more becomes the customer's credit.
    """

    document: Document
    lines: tuple[LineInput, ...]
    total_minor: int
    off_minor: int


def rest_of(whole: Whole, days: int, *, locked: bool = False) -> Rest | None:
    """What is credited for so many days of the period that was billed last; None for nothing.

    ``locked`` holds its invoice, which the action does that credits it: the customer's credit is held before.
    """
    period = whole.period
    if days <= 0 or period is None or period.document_id is None:
        return None
    if locked:
        (document,) = lock_documents([period.document_id])
    else:
        document = db.session.get_one(Document, period.document_id)
    if document.status not in (DocumentStatus.OPEN, DocumentStatus.SETTLED):
        return None
    of_days = (period.ends_on - period.starts_on).days + 1
    own = [line for line in document.lines if line.product_id == whole.product.id]
    # An earlier credit note may have taken some of it back: no more than the rest is.
    planned = plan_amounts(document, unused(own or document.lines, min(days, of_days), of_days, document))
    if planned is None:
        return None
    return Rest(document, planned.lines, planned.counted.total_minor, planned.counted.off_minor)


def unused(
    lines: Sequence[DocumentLine], days: int, of_days: int, document: Document
) -> list[tuple[DocumentLine, int]]:
    """The share of some days in each of these lines of an invoice, a half rounded up."""
    amounts = [line.gross_minor if document.prices_include_vat else line.net_minor for line in lines]
    return [(line, part(amount, days, of_days)) for line, amount in zip(lines, amounts, strict=True)]


def credit_rest(
    rest: Rest, *, shop: Shop, customer: Customer, note: str, actor: Actor, now: datetime
) -> Document:
    """The credit note for a rest that was looked up ``locked``."""
    return crediting.credit_invoice(
        rest.document, rest.lines, shop=shop, customer=customer, note=note, actor=actor, now=now
    )
