"""Giving a document its number, and sending it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import lazy_gettext as _l

from portal.core import audit, outbox
from portal.core.audit import Actor
from portal.core.errors import Conflict, DomainError
from portal.core.references import rf_reference
from portal.domain.invoices import booking, mails, rendering, vat_rules
from portal.domain.invoices.balance import begin_balances
from portal.domain.invoices.models import Document, DocumentKind
from portal.domain.invoices.states import DOCUMENT, DocumentMove
from portal.domain.people.models import Customer
from portal.domain.shops.models import Mode, Shop
from portal.domain.shops.numbers import draw_number
from portal.extensions import db

#: The audit event of a mailed invoice, and within which time a second one is a second click.
SENT, A_MOMENT = "invoice.sent", timedelta(minutes=1)
#: How a number begins; the rest is the year and the place in the series.
PREFIXES = {
    DocumentKind.INVOICE: "",
    DocumentKind.CREDIT_NOTE: "C",
    DocumentKind.COLLECTION_FEE: "F",
    DocumentKind.INTEREST: "I",
}


def issue_invoice(document: Document, *, shop: Shop, customer: Customer, now: datetime, actor: Actor) -> None:
    """Finalises a draft: snapshots, dates, and last of all its number; from here on it is immutable.

    For staff, commands and runs. The PDF is built in the background. Raises IllegalMove when it is no draft,
    DomainError for a total below zero or VAT that its parties may not use (domain.md, "Money and VAT").
    """
    issue_invoices([(document, customer)], shop=shop, now=now, actor=actor)


def issue_invoices(
    drafts: Sequence[tuple[Document, Customer]], *, shop: Shop, now: datetime, actor: Actor
) -> None:
    """The same for several drafts at once, in their order: all of them, or an error before the first number."""
    today = now.astimezone(ZoneInfo(shop.time_zone)).date()
    issued = [
        document
        for document, customer in drafts
        if _finalise(document, shop=shop, customer=customer, today=today, now=now)
    ]
    db.session.flush()
    for (mode, kind), documents in _series(issued).items():
        first = draw_number(kind.value, mode=mode, year=today.year, count=len(documents))
        for sequence, document in enumerate(documents, start=first):
            document.sequence = sequence
            document.number = f"{PREFIXES[kind]}{today.year}-{sequence:04d}"
            document.reference = rf_reference(document.number)
    begin_balances(issued, now=now)
    for document in issued:
        audit.record(
            "invoice.issued",
            document,
            actor=actor,
            now=now,
            number=document.number,
            total_minor=document.total_minor,
        )
        _queue_pdf(document, document.language, now=now, fresh=True)


def _finalise(document: Document, *, shop: Shop, customer: Customer, today: date, now: datetime) -> bool:
    """Everything but the number; False when it was done before."""
    after = DOCUMENT.next(document.status, DocumentMove.FINALISE)
    if after is None:
        return False
    if document.total_minor < 0:
        raise DomainError(_l("An invoice cannot be below zero. Make a credit note instead."))
    vat_rules.check_document(document, shop=shop, customer=customer, day=document.supply_date or today)
    document.status = after
    document.finalised_at = now
    document.issue_date = today
    document.supply_date = document.supply_date or today
    document.due_date = today + timedelta(days=shop.payment_term_days)
    document.seller = seller_snapshot(shop)
    document.buyer = buyer_snapshot(customer)
    document.year = today.year
    return True


def _series(documents: Sequence[Document]) -> dict[tuple[Mode, DocumentKind], list[Document]]:
    series: dict[tuple[Mode, DocumentKind], list[Document]] = {}
    for document in documents:
        series.setdefault((document.mode, document.kind), []).append(document)
    return series


def send_invoice(document: Document, *, shop: Shop, customer: Customer, now: datetime, actor: Actor) -> None:
    """Queues the mail of an issued invoice, with its PDF. For staff, commands and runs."""
    send_invoices([(document, customer)], shop=shop, now=now, actor=actor)


def send_again(document_id: int, *, shop: Shop, customer: Customer, now: datetime, actor: Actor) -> None:
    """The same by a button, which may be pressed twice: ``Conflict`` within a minute of the last time. For staff."""
    (document,) = booking.lock_documents([document_id])
    last = audit.last_at(SENT, document)
    if last is not None and now - last < A_MOMENT:
        raise Conflict(_l("This invoice was mailed a moment ago."))
    send_invoice(document, shop=shop, customer=customer, now=now, actor=actor)


def send_invoices(
    issued: Sequence[tuple[Document, Customer]], *, shop: Shop, now: datetime, actor: Actor
) -> None:
    """The same for several invoices at once."""
    if any(document.number is None for document, _customer in issued):
        raise DomainError(_l("A draft cannot be sent. Finalise it first."))
    sent = mails.invoices_issued(issued, shop=shop, now=now)
    for document, _customer in issued:
        audit.record(SENT, document, actor=actor, now=now, mails=int(document.id in sent))


def replace_link(document: Document, *, now: datetime, actor: Actor) -> None:
    """Makes every public payment link given out so far worthless. For staff."""
    document.link_version += 1
    audit.record("invoice.link_replaced", document, actor=actor, now=now)


def queue_pdf(document: Document, *, language: str, now: datetime) -> outbox.OutboxRow:
    """Has the PDF in a language built in the background; asked twice, it is built once."""
    return _queue_pdf(document, language, now=now)


def _queue_pdf(document: Document, language: str, *, now: datetime, fresh: bool = False) -> outbox.OutboxRow:
    return outbox.add(
        rendering.BUILD,
        {"document_id": document.id, "language": language},
        key=rendering.build_key(document, language),
        now=now,
        fresh=fresh,
    )


def seller_snapshot(shop: Shop) -> dict[str, Any]:
    """The shop's details as they are printed on a document of today."""
    return {
        "name": shop.legal_name or shop.name,
        "shop": shop.name,
        "street": shop.street,
        "postal_code": shop.postal_code,
        "city": shop.city,
        "country": shop.country,
        "vat_number": shop.vat_number,
        "chamber_number": shop.chamber_number,
        "iban": shop.iban,
        "bic": shop.bic,
        "email": shop.email,
        "phone": shop.phone,
        "creditor_id": shop.creditor_id,
    }


def buyer_snapshot(customer: Customer) -> dict[str, Any]:
    """The customer's details as they are printed on a document of today."""
    return {
        "name": customer.name,
        "company": customer.company,
        "street": customer.street,
        "postal_code": customer.postal_code,
        "city": customer.city,
        "country": customer.country,
        "vat_number": customer.vat_number,
        "chamber_number": customer.chamber_number,
        "email": customer.email,
    }
