"""Invoices: the list, one invoice with the way to pay it, several in one payment, and the PDF."""

from __future__ import annotations

import sqlalchemy as sa
from flask import Blueprint, url_for
from flask_babel import lazy_gettext as _l

from portal.core.access import Audience
from portal.core.frame import AlertRow, alert_columns
from portal.core.sections import Alert, Card, FrameScope, NavItem, Section
from portal.domain.collections.planned import in_instalments
from portal.domain.invoices import queries
from portal.domain.invoices.models import Document
from portal.domain.people.permissions import Permission

bp = Blueprint("invoices", __name__)

from portal.blueprints.invoices import bundled, objections, several, views  # noqa: E402, F401  (they hang themselves on the blueprint)

#: The word of what somebody objects to, among the rows of the frame.
DISPUTED = "disputed"


class OpenInvoice:
    """An invoice to be paid as the frame shows it."""

    def __init__(self, row: AlertRow, here: FrameScope) -> None:
        self.number = row.title
        self.url = url_for("invoices.show", public_id=row.public_id)
        self.amount_minor = row.amount_minor
        self.currency = row.currency
        self.due_on = row.on
        self.days_overdue = (here.today - row.on).days if row.on is not None else 0
        #: Whether ``due_on`` is the day of an instalment.
        self.in_instalments = bool(row.flag)
        #: It waits for the shop's answer, and is not late meanwhile.
        self.is_disputed = row.word == DISPUTED


def _open_rows(here: FrameScope):  # type: ignore[no-untyped-def]
    planned = in_instalments()
    return (
        queries.select_open(here.customer_id, here.mode)
        .outerjoin(planned, queries.is_planned(planned))
        .with_only_columns(
            *alert_columns(
                "invoice",
                public_id=Document.public_id,
                title=Document.number,
                amount_minor=Document.open_minor,
                currency=Document.currency,
                on=sa.case(
                    (Document.disputed_on.is_(None), sa.func.coalesce(planned.c.next_on, Document.due_date))
                ),
                word=sa.case((Document.disputed_on.is_not(None), DISPUTED)),
                flag=planned.c.next_on.is_not(None),
            )
        )
    )


section = Section(
    key="invoices",
    title=_l("Invoices"),
    audience=Audience.CUSTOMER,
    blueprint=bp,
    nav=(
        NavItem(
            "invoices.index",
            _l("Invoices"),
            icon="file-invoice",
            weight=20,
            permission=Permission.INVOICES,
            badge=lambda here: queries.count_unpaid(here.customer_id, here.mode),
        ),
    ),
    cards=(
        Card(
            "invoices.index",
            _l("Invoices"),
            icon="file-invoice",
            weight=20,
            permission=Permission.INVOICES,
            count=lambda here: queries.count_all(here.customer_id, here.mode),
        ),
    ),
    alerts=(Alert("invoice", Permission.INVOICES, rows=_open_rows, present=OpenInvoice),),
)
