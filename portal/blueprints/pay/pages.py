"""What the pages of a payment link and of the return from the bank show, from documents and payments."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal.core import clock, security
from portal.core.polling import next_look
from portal.core.shops import current_shop
from portal.core.vat import TAXED
from portal.domain.invoices.models import Document
from portal.domain.invoices.queries import badge_of, days_overdue, late_day
from portal.domain.payments import choices, registry, words
from portal.domain.payments.models import Payment, PaymentStatus
from portal.domain.shops.models import Shop

#: The words of an outcome: what the template calls it, its title and its text.
OUTCOMES: dict[PaymentStatus, tuple[str, Any, Any]] = {
    PaymentStatus.PAID: ("paid", _l("Paid"), _l("Thank you. Your payment has arrived.")),
    PaymentStatus.PENDING: (
        "pending",
        _l("Under way"),
        _l("The bank is working on it, which may take a few days. There is nothing more for you to do."),
    ),
    PaymentStatus.OPEN: (
        "waiting",
        _l("Waiting for the bank"),
        _l("The bank has not told us yet how it went. You may close this page: nothing gets lost."),
    ),
    PaymentStatus.FAILED: ("failed", _l("Not paid"), _l("The payment failed and no money was taken.")),
    PaymentStatus.CANCELLED: (
        "cancelled",
        _l("Cancelled"),
        _l("The payment was cancelled. No money was taken."),
    ),
    PaymentStatus.EXPIRED: ("expired", _l("Expired"), _l("It took too long. No money was taken.")),
    PaymentStatus.REVERSED: ("reversed", _l("Reversed"), _l("This payment was taken back.")),
}
OUTCOMES[PaymentStatus.CREATED] = OUTCOMES[PaymentStatus.OPEN]


def link_page(
    shop: Shop, document: Document, token: str, *, errors: Any = (), typed: str = ""
) -> dict[str, Any]:
    """What ``pay/link.html`` reads: lines and amounts; no address, no history, no other invoices."""
    side = choices.panel(shop, document, on_link=True)
    security.allow_form_action(*registry.checkout_origins(shop))
    part_error = next((text for text, target in errors if target == "amount"), None)
    return {
        **document_page(document),
        "pay": {
            "url": url_for("pay.pay", token=token),
            "methods": side.ways,
            "selected": None,
            "amount_minor": side.due_minor,
            "under_way_minor": side.under_way_minor,
            "part": side.part_allowed,
            "part_value": typed,
            "part_error": part_error,
            # A stranger spends nobody's credit.
            "credit": None,
        }
        if side.ways
        else None,
        "pending": _("The money for this is under way. It may take a few days to arrive.")
        if side.is_pending
        else None,
        "part_pending": words.part_pending(document) if side.under_way_minor else None,
        "attempt": {
            "title": words.started(side.attempt, _l("You started a payment of %(amount)s.")),
            "continue_url": side.attempt.checkout_url if side.may_continue else None,
            "restart_url": url_for("pay.restart", token=token),
        }
        if side.attempt
        else None,
        "poll": next_look("pay.link", token=token, piece=1) if side.is_pending else None,
        "errors": list(errors),
    }


def document_page(document: Document) -> dict[str, Any]:
    """What both faces of a link show of its document."""
    today = clock.today(current_shop().time_zone)
    sums = (
        (_("Taken off by credit notes"), document.credited_minor),
        (_("Paid so far"), document.paid_minor),
    )
    return {
        "invoice": SimpleNamespace(
            title=f"{document.kind.label} {document.number}",
            badge=badge_of(document, today),
            currency=document.currency,
            net_minor=document.net_minor,
            total_minor=document.total_minor,
            open_minor=document.open_minor,
            due_date=document.due_date,
            # Whoever has the link need not know of a payment plan.
            next_on=None,
            days_overdue=days_overdue(document.list_state, late_day(document), today),
        ),
        "lines": [
            SimpleNamespace(
                description=line.description,
                quantity=line.quantity,
                unit_price=line.unit_price,
                vat_category=line.vat_category,
                vat_rate=line.vat_rate,
                amount_minor=line.gross_minor if document.prices_include_vat else line.net_minor,
            )
            for line in document.lines
        ],
        "vat_groups": [
            SimpleNamespace(
                category=group.vat_category,
                label=None if group.vat_category in TAXED else group.vat_category.label,
                rate=group.vat_rate,
                net_minor=group.net_minor,
                vat_minor=group.vat_minor,
            )
            for group in document.vat_groups
        ],
        "sums": [(label, -minor) for label, minor in sums if minor],
    }


def paid_on(document: Document) -> date | None:
    """The day a settled document was settled, in the shop's time zone."""
    if document.settled_at is None:
        return None
    return clock.today(current_shop().time_zone, document.settled_at)


def outcome_page(payment: Payment, document: tuple[Any, str], retry_url: str | None) -> dict[str, Any]:
    """What ``pay/return.html`` reads: of the payment its amount and its id at the bank, not who pays."""
    outcome, title, text = OUTCOMES[payment.status]
    again = outcome in ("failed", "cancelled", "expired")
    return {
        "payment": SimpleNamespace(
            status=payment.status,
            amount_minor=payment.received_minor or payment.amount_minor,
            currency=payment.currency,
            reference=payment.provider_ref or "",
        ),
        "outcome": outcome,
        "title": title,
        "text": text,
        "document": document,
        "retry_url": retry_url if again else None,
        "poll": next_look("pay.back", public_id=payment.public_id, piece=1)
        if outcome in ("waiting", "pending")
        else None,
    }


def transfer_page(document: Document, details: choices.TransferDetails, back_url: str) -> dict[str, Any]:
    """What ``pay/transfer.html`` reads."""
    return {
        **details.shown(),
        "number": document.number,
        "crumbs": [(f"{document.kind.label} {document.number}", back_url)],
        "document": (_("Back to the invoice"), back_url),
    }
