"""The mails that say a payment arrived or did not after all, that credit was used, and that money was sent back."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from flask_babel import force_locale
from flask_babel import gettext as _

from portal.core import clock, links, mailer
from portal.core.letter import BadAddress
from portal.core.mailer import Category, MailMessage, MailState
from portal.domain.invoices import booking
from portal.domain.invoices.ledger import Account
from portal.domain.invoices.links import relation
from portal.domain.invoices.models import Document
from portal.domain.payments import queries
from portal.domain.payments.actions import credit_used, payment_paid
from portal.domain.payments.models import Payment
from portal.domain.people.addressing import mail_to_account
from portal.domain.people.queries import get_customer
from portal.domain.people.recipients import Switch, account_language
from portal.domain.shops.models import Mode, Shop
from portal.domain.shops.queries import get_shop
from portal.extensions import db

log = logging.getLogger(__name__)

#: How many of the documents of a payment are named.
NAMED = 8
#: The mail that says a payment arrived.
CONFIRMATION = "payment_confirmation"


@payment_paid.connect
def confirm(*, payment: Payment, now: datetime) -> None:
    """Once per payment: a chargeback that was won brings it back without a second mail."""
    if not payment.details.get("confirmed"):
        payment.details = {**payment.details, "confirmed": True}
        try:
            payment_confirmation(payment, now=now)
        except BadAddress:
            # The money has arrived and is booked, even where nobody can be told.
            log.warning("payment %s: its account has no address that a mail could go to", payment.id)


@credit_used.connect
def confirm_credit(
    *, account: Account, documents: Sequence[Document], amount_minor: int, now: datetime
) -> None:
    """Each time somebody pays with credit, whatever becomes of a payment that was begun with it."""
    try:
        credit_confirmation(account, documents, amount_minor, now=now)
    except BadAddress:
        log.warning("customer %s has no address that a mail could go to", account.customer_id)


def payment_confirmation(payment: Payment, *, now: datetime) -> MailMessage | None:
    """Tells the account, unless it switched payment confirmations off; contacts with billing e-mails get
    copies.
    """
    shop = get_shop(payment.shop_id)
    documents = queries.documents_of(payment.id)
    return _confirmation(
        CONFIRMATION,
        payment.customer_id,
        shop,
        documents,
        {
            "received_minor": payment.received_minor,
            "credit_minor": booking.credit_of_payment(payment.id),
            "currency": payment.currency,
            "paid_on": clock.today(shop.time_zone, payment.paid_at or now),
        },
        method=payment.method.label,
        related=_relation(payment),
        now=now,
    )


def credit_confirmation(
    account: Account, documents: Sequence[Document], amount_minor: int, *, now: datetime
) -> MailMessage | None:
    """The same for credit that was used: no money left anybody's bank account for it."""
    shop = get_shop(documents[0].shop_id)
    return _confirmation(
        "credit_used",
        account.customer_id,
        shop,
        documents,
        {
            "used_minor": amount_minor,
            "currency": account.currency,
            "used_on": clock.today(shop.time_zone, now),
        },
        related=relation(documents[0]),
        now=now,
    )


def correct(
    payment: Payment, documents: Sequence[Document], *, credit_minor: int = 0, now: datetime
) -> MailMessage | None:
    """Tells who was told that a payment arrived that the shop booked it by mistake, unless confirmations are off now.

    ``documents`` are open again; where none is, those of the payment are named, of which nothing is owed then.
    ``credit_minor`` of the customer's credit went with it. None where nobody was told, or no mail can go to anybody.
    """
    told = sa.select(MailMessage.id).where(
        MailMessage.related == _relation(payment),
        MailMessage.name == CONFIRMATION,
        MailMessage.state.not_in((MailState.FAILED, MailState.DROPPED)),
    )
    if db.session.scalar(told.limit(1)) is None:
        return None
    try:
        return _confirmation(
            "payment_corrected",
            payment.customer_id,
            get_shop(payment.shop_id),
            documents or queries.documents_of(payment.id),
            {
                "booked_minor": payment.received_minor,
                "credit_minor": credit_minor,
                "currency": payment.currency,
            },
            related=_relation(payment),
            now=now,
        )
    except BadAddress:
        log.warning("customer %s has no address that a mail could go to", payment.customer_id)
        return None


def _relation(payment: Payment) -> str:
    return f"payment:{payment.public_id}"


def refund_paid(
    document: Document, *, amount_minor: int, paid_on: date, reference: str, says: str, now: datetime
) -> MailMessage | None:
    """Tells the account that the shop sent money back, unless it switched payment confirmations off.

    None also where there is no address that a mail could go to. ``says`` is the beginning of the shop's own words.
    """
    try:
        return _confirmation(
            "refund_paid",
            document.customer_id,
            get_shop(document.shop_id),
            [document],
            {
                "paid_minor": amount_minor,
                "currency": document.currency,
                "paid_on": paid_on,
                "reference": reference,
                "says": says,
            },
            related=relation(document),
            now=now,
        )
    except BadAddress:
        log.warning("customer %s has no address that a mail could go to", document.customer_id)
        return None


def _confirmation(
    name: str,
    customer_id: int,
    shop: Shop,
    documents: Sequence[Document],
    context: dict[str, Any],
    *,
    related: str,
    now: datetime,
    method: Any = None,
) -> MailMessage | None:
    customer = get_customer(customer_id)
    language = account_language(customer, shop)
    with force_locale(language):
        said = {"numbers": _named(documents), **({} if method is None else {"method": str(method)})}
    mail = mail_to_account(
        customer,
        name,
        {
            "several": len(documents) > 1,
            "open_minor": sum(document.open_minor for document in documents),
            "invoice_url": _page_of(documents, shop.id),
            "settings_url": links.external(shop.id, "settings.index"),
            "test_mode": shop.mode is Mode.TEST,
            **context,
            **said,
        },
        shop=shop,
        category=Category.BILLING,
        switch=Switch.PAYMENT_CONFIRMATION,
        related=related,
        language=language,
    )
    return mailer.queue(mail, now=now) if mail is not None else None


def _named(documents: Sequence[Document]) -> str:
    """The numbers of documents, for a subject and a row of facts; of many the first."""
    numbers = ", ".join(document.number or "" for document in documents[:NAMED])
    more = len(documents) - NAMED
    return numbers if more <= 0 else _("%(numbers)s and %(count)s more", numbers=numbers, count=more)


def _page_of(documents: Sequence[Document], shop_id: int) -> str:
    if len(documents) == 1:
        return links.external(shop_id, "invoices.show", public_id=documents[0].public_id)
    return links.external(shop_id, "invoices.index")
