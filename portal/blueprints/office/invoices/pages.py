"""What the pages of invoices show, in plain values."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import url_for
from flask_babel import gettext as _

from portal.blueprints.office.invoices import history
from portal.blueprints.office.invoices.loading import Found
from portal.core import clock
from portal.core.references import format_rf
from portal.core.shops import current_shop
from portal.core.vat import TAXED
from portal.domain.collections.planned import instalments_of
from portal.domain.invoices import crediting, queries, spending, taking_back
from portal.domain.invoices.balance import badge
from portal.domain.invoices.disputing import is_disputed
from portal.domain.invoices.letters import list_mails
from portal.domain.invoices.links import payment_url
from portal.domain.invoices.models import Document, DocumentKind, DocumentStatus, ListState
from portal.domain.invoices.staff_list import Filter
from portal.domain.payments import refunded
from portal.domain.payments.queries import list_payments_of
from portal.domain.tickets.models import DisputeStatus
from portal.domain.tickets.staff_queries import list_disputes


def listed(row: Any) -> SimpleNamespace:
    """A row of the list. A draft has no number and no date, a credit note nothing that is open."""
    is_draft = row.status is DocumentStatus.DRAFT
    is_note = row.kind is DocumentKind.CREDIT_NOTE
    state = badge(
        list_state=row.list_state,
        open_minor=row.open_minor,
        total_minor=row.total_minor,
        reversed_at=row.reversed_at,
        is_late=row.is_late,
    )
    return SimpleNamespace(
        public_id=row.public_id,
        title=row.number or _("Draft"),
        customer_name=row.customer_name,
        issue_date=row.issue_date,
        created_at=row.created_at,
        due_date=None if is_note else row.due_date,
        total_minor=-row.total_minor if is_note else row.total_minor,
        open_minor=row.open_minor,
        currency=row.currency,
        state=row.status if is_draft else None if is_note else state,
        is_late=row.is_late and row.list_state is ListState.UNPAID and not is_note,
    )


def filters(chosen: Filter, search: str) -> list[tuple[Any, str, bool]]:
    """Label, address and whether it is in force, of every filter."""
    labels = {
        Filter.ALL: _("All"),
        Filter.DRAFT: _("Drafts"),
        Filter.UNPAID: ListState.UNPAID.label,
        Filter.PENDING: ListState.PENDING.label,
        Filter.OVERDUE: _("Overdue"),
        Filter.PAID: ListState.PAID.label,
        Filter.CREDIT_NOTES: _("Credit notes"),
    }
    return [
        (
            label,
            url_for(
                "office.invoices.index",
                status=None if each is Filter.ALL else each.value,
                q=search or None,
            ),
            each is chosen,
        )
        for each, label in labels.items()
    ]


def lines_of(document: Document) -> list[SimpleNamespace]:
    """The lines as ``components/document.html`` shows them."""
    return [
        SimpleNamespace(
            position=line.position,
            description=line.description,
            quantity=line.quantity,
            unit_price=line.unit_price,
            vat_category=line.vat_category,
            vat_rate=line.vat_rate,
            amount_minor=line.gross_minor if document.prices_include_vat else line.net_minor,
        )
        for line in document.lines
    ]


def show(found: Found, *, may: bool) -> dict[str, Any]:
    """Everything on the page of a document, for somebody who ``may`` change it or not."""
    document, customer = found.document, found.customer
    is_invoice = found.is_issued and not found.is_credit_note
    notes = queries.list_credit_notes(document) if is_invoice else []
    objections = list_disputes(document.id) if is_invoice else []
    today = clock.today(current_shop().time_zone)
    is_late = is_invoice and queries.days_overdue(document.list_state, queries.late_day(document), today) > 0
    # What is paid in instalments is late by their days, and what came on top of it too: of these alone this is asked.
    asks = is_late or (is_invoice and document.case_id is not None)
    instalment = instalments_of([document]).get(document.id) if asks else None
    return {
        "document": document,
        "customer": customer,
        "title": title_of(document),
        "instalment": instalment,
        "badge": document.status
        if not found.is_issued
        else None
        if found.is_credit_note
        else queries.badge_of(document, today, instalment_on=instalment[0] if instalment else None),
        "is_draft": found.is_draft,
        # Saved it can be, as somebody may not be done with it; finalising refuses it.
        "is_below_zero": found.is_draft and document.total_minor < 0,
        "is_payable": document.status is DocumentStatus.OPEN and not found.is_credit_note,
        "is_creditable": found.is_issued and not found.is_credit_note,
        "is_remindable": document.list_state is ListState.UNPAID
        and not document.pending_minor
        and not found.is_credit_note
        and not is_disputed(document)
        and found.quiet_case_id is None,
        # There is credit to pay out, of this invoice or another.
        "is_returnable": may and is_invoice and found.credit_minor > 0,
        "is_issued": found.is_issued,
        # What was credited whole is not offered to be credited again.
        "has_left": document.total_minor > 0
        and (not notes or crediting.has_left(crediting.rests_of(document))),
        "corrects": crediting.get_corrected(document) if found.is_credit_note else None,
        "reference": format_rf(document.reference) if document.reference and not found.is_credit_note else "",
        "lines": lines_of(document),
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
        "sums": [
            (label, -minor)
            for label, minor in (
                (_("Taken off by credit notes"), document.credited_minor),
                (_("Paid"), document.paid_minor),
            )
            if minor
        ],
        "credit_notes": notes,
        "dispute": next(
            (
                SimpleNamespace(
                    since=document.disputed_on,
                    url=url_for("office.tickets.show", public_id=dispute.ticket),
                )
                for dispute in objections
                if dispute.status is DisputeStatus.OPEN
            ),
            None,
        ),
        "history": history.in_order(
            history.of_disputes(objections),
            history.of_payments(document, list_payments_of(document.id) if is_invoice else [], may=may),
            # Only what still counts is shown of credit, and that is part of what was paid.
            history.of_credit(document, spending.list_uses(document.id) if document.paid_minor else []),
            history.of_refunds(document, refunded.list_refunded(document.id) if is_invoice else []),
            history.of_notes(notes),
            history.of_mails(list_mails(document) if found.is_issued else []),
            history.of_life(document),
        ),
        "link": payment_url(document) if found.is_issued and not found.is_credit_note else None,
        "pdf_url": url_for("office.invoices.download", public_id=document.public_id)
        if found.file is not None
        else None,
    }


def planned(found: Found, what: taking_back.Planned) -> dict[str, Any]:
    """What the page shows that asks before a credit note is made."""
    document, totals = found.document, what.counted.totals
    return {
        "document": document,
        "customer": found.customer,
        "token": what.token,
        "lines": [
            SimpleNamespace(
                description=line.description,
                quantity=line.quantity,
                unit_price=line.unit_price,
                vat_category=line.vat_category,
                vat_rate=line.vat_rate,
                amount_minor=sums.gross if document.prices_include_vat else sums.net,
            )
            for line, sums in zip(what.lines, totals.lines, strict=True)
        ],
        "net_minor": totals.net,
        "vat_groups": [
            SimpleNamespace(
                category=group.category,
                label=None if group.category in TAXED else group.category.label,
                rate=group.rate,
                net_minor=group.net,
                vat_minor=group.vat,
            )
            for group in totals.groups
        ],
        "total_minor": what.counted.total_minor,
        "off_minor": what.counted.off_minor,
        "kept_minor": what.counted.kept_minor,
    }


def title_of(document: Document) -> str:
    """What a document is called."""
    if document.number is None:
        return str(_("Draft"))
    return f"{document.kind.label} {document.number}"
