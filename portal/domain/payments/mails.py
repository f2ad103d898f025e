"""The mails about payments: arrived, failed, charged back or booked by mistake; about credit used, and money back."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from flask_babel import force_locale
from flask_babel import gettext as _

from portal.core import clock, links, mailer
from portal.core.letter import BadAddress
from portal.core.mailer import Category, Mail, MailMessage, MailState
from portal.domain.invoices import booking
from portal.domain.invoices.ledger import Account
from portal.domain.invoices.links import payment_url, relation
from portal.domain.invoices.models import Document
from portal.domain.payments import queries, refunding, words
from portal.domain.payments.actions import (
    credit_used,
    payment_failed,
    payment_marked,
    payment_paid,
    payment_reversed,
)
from portal.domain.payments.models import Payment, Refund
from portal.domain.payments.refunded import way_back
from portal.domain.people.addressing import mail_to_account
from portal.domain.people.queries import get_customer
from portal.domain.people.recipients import Switch, account_language, staff_recipients
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


@payment_failed.connect
def tell_failed(*, payment: Payment, now: datetime) -> None:
    """Whoever was told to wait for the money is told that it does not come."""
    _reaches(failed, payment, now=now)


@payment_reversed.connect
def tell_charged_back(
    *, payment: Payment, documents: Sequence[Document], credit_minor: int, now: datetime
) -> None:
    """The account and the shop, each time a bank takes money back: what was won may be taken back again."""
    documents = documents or queries.documents_of(payment.id)
    is_told = _reaches(charged_back, payment, documents, credit_minor=credit_minor, now=now)
    _reaches(charged_back_for_staff, payment, documents, credit_minor=credit_minor, is_told=is_told, now=now)


def _reaches(tell: Callable[..., Any], payment: Payment, *said: Any, **more: Any) -> bool:
    """Whether a mail could be written: what becomes of money does not wait for an address."""
    try:
        return bool(tell(payment, *said, **more))
    except BadAddress:
        log.warning("payment %s: there is no address that a mail about it could go to", payment.id)
        return False


def failed(payment: Payment, *, now: datetime) -> MailMessage | None:
    """Tells the account that money that was under way came to nothing. No switch stops it.

    None where nothing is to be paid all the same: it was paid otherwise, or other money for it is under way.
    """
    documents = queries.documents_of(payment.id)
    if not any(_due(document) for document in documents):
        return None
    return _ill_news("payment_failed", payment, documents, {"failed_on": _day(payment, now)}, now=now)


def charged_back(
    payment: Payment, documents: Sequence[Document], *, credit_minor: int = 0, now: datetime
) -> MailMessage | None:
    """Tells the account that its bank took a payment back. No switch stops it.

    ``documents`` are open again; those of the payment where none is. ``credit_minor`` of its credit went with it.
    """
    said = {
        "paid_on": _day(payment, payment.paid_at or now),
        "taken_on": _day(payment, now),
        "credit_minor": credit_minor,
    }
    return _ill_news("payment_charged_back", payment, documents, said, now=now)


def charged_back_for_staff(
    payment: Payment, documents: Sequence[Document], *, credit_minor: int = 0, is_told: bool, now: datetime
) -> list[MailMessage]:
    """Tells those at the shop who may answer customers the same, and whether the customer was told."""
    said = {
        "taken_minor": payment.received_minor,
        "due_minor": sum(_due(document) for document in documents),
        "credit_minor": credit_minor,
        "is_told": is_told,
    }
    return [
        _to_staff("charged_back", payment, documents, language, addresses, said, now=now)
        for language, addresses in staff_recipients(get_shop(payment.shop_id)).items()
    ]


@payment_marked.connect
def tell_marked(*, payment: Payment, mismatch: str, now: datetime) -> None:
    """The shop, once for each thing that it must look at."""
    _reaches(marked, payment, mismatch=mismatch, now=now)


def marked(payment: Payment, *, mismatch: str, now: datetime) -> list[MailMessage]:
    """Tells those at the shop who may answer customers that something about a payment is not as it should be."""
    documents, sent = queries.documents_of(payment.id), []
    for language, addresses in staff_recipients(get_shop(payment.shop_id)).items():
        with force_locale(language):
            what = str(words.MARKS[mismatch])
        said = {"amount_minor": payment.received_minor or payment.amount_minor, "what": what}
        sent.append(_to_staff("payment_marked", payment, documents, language, addresses, said, now=now))
    return sent


def _to_staff(
    name: str,
    payment: Payment,
    documents: Sequence[Document],
    language: str,
    addresses: list[str],
    said: dict[str, Any],
    *,
    now: datetime,
) -> MailMessage:
    """A mail on a payment to people of the shop, with the way to its invoice, or to its customer of several."""
    customer, shop = get_customer(payment.customer_id), get_shop(payment.shop_id)
    page = (
        links.external(shop.id, "office.invoices.show", public_id=documents[0].public_id)
        if len(documents) == 1
        else links.external(shop.id, "office.customers.show", public_id=customer.public_id)
    )
    mail = Mail(
        name=name,
        category=Category.STAFF,
        language=language,
        to=addresses,
        context={
            "shop": shop.name,
            "who": customer.name,
            "several": len(documents) > 1,
            "paid_on": _day(payment, payment.paid_at or now),
            "currency": payment.currency,
            "page_url": page,
            "test_mode": shop.mode is Mode.TEST,
            **said,
            **_in_words(language, documents, payment.method.label),
        },
        related=_relation(payment),
        customer_id=customer.id,
    )
    return mailer.queue(mail, now=now)


def _ill_news(
    name: str, payment: Payment, documents: Sequence[Document], said: dict[str, Any], *, now: datetime
) -> MailMessage | None:
    """A mail on a payment that did not come or did not stay, with the way to pay what is due."""
    due = [document for document in documents if _due(document)]
    return _confirmation(
        name,
        payment.customer_id,
        get_shop(payment.shop_id),
        documents,
        {
            "amount_minor": payment.received_minor or payment.amount_minor,
            "currency": payment.currency,
            "due_minor": sum(_due(document) for document in due),
            # A link pays one invoice; for several the way leads over the list.
            "pay_url": payment_url(due[0]) if len(due) == 1 else None,
            **said,
        },
        method=payment.method.label,
        related=_relation(payment),
        switch=None,
        now=now,
    )


def _due(document: Document) -> int:
    """What is to be paid of a document now: not what is under way."""
    return max(0, document.open_minor - document.pending_minor)


def _day(payment: Payment, at: datetime) -> date:
    return clock.today(get_shop(payment.shop_id).time_zone, at)


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


def refund_paid(document: Document, refund: Refund, *, now: datetime) -> MailMessage | None:
    """Tells the account that money is on its way back, unless it switched payment confirmations off.

    None also where there is no address that a mail could go to.
    """
    said = {"reference": refund.reference, "says": refund.says}
    return _about_refund("refund_paid", document, refund, said, switch=Switch.PAYMENT_CONFIRMATION, now=now)


def refund_came_to_nothing(document: Document, refund: Refund, *, now: datetime) -> MailMessage | None:
    """Tells the account that money does not come that it was told of. No switch stops it."""
    return _about_refund("refund_failed", document, refund, {}, switch=None, now=now)


def _about_refund(
    name: str,
    document: Document,
    refund: Refund,
    said: dict[str, Any],
    *,
    switch: Switch | None,
    now: datetime,
) -> MailMessage | None:
    shop = get_shop(document.shop_id)
    language = account_language(get_customer(document.customer_id), shop)
    try:
        return _confirmation(
            name,
            document.customer_id,
            shop,
            [document],
            {
                "paid_minor": refund.amount_minor,
                "currency": refund.currency,
                "paid_on": refund.sent_on,
                "back_to": _back_to(refund, language),
                **said,
            },
            related=relation(document),
            switch=switch,
            now=now,
        )
    except BadAddress:
        log.warning("customer %s has no address that a mail could go to", document.customer_id)
        return None


def refund_came_back(
    document: Document, refund: Refund, *, ticket: str | None, is_told: bool, now: datetime
) -> list[MailMessage]:
    """Tells those at the shop who may answer customers that money did not get back to one, and why.

    ``ticket`` is the request, ``is_told`` whether the customer knows.
    """
    customer, shop = get_customer(document.customer_id), get_shop(document.shop_id)
    page = (
        links.external(shop.id, "office.tickets.show", public_id=ticket)
        if ticket is not None
        else links.external(shop.id, "office.invoices.show", public_id=document.public_id)
    )
    return [
        mailer.queue(
            Mail(
                name="refund_came_back",
                category=Category.STAFF,
                language=language,
                to=addresses,
                context={
                    "shop": shop.name,
                    "who": customer.company or customer.name,
                    "numbers": document.number,
                    "paid_minor": refund.amount_minor,
                    "currency": refund.currency,
                    "back_to": _back_to(refund, language),
                    "failure": _why(refund, language),
                    "was_sent": refund.sent_on is not None,
                    "is_charged_back": refunding.is_charged_back(refund),
                    "is_told": is_told,
                    "has_ticket": ticket is not None,
                    "page_url": page,
                    "test_mode": shop.mode is Mode.TEST,
                },
                related=relation(document),
                customer_id=customer.id,
            ),
            now=now,
        )
        for language, addresses in staff_recipients(shop).items()
    ]


def _back_to(refund: Refund, language: str) -> str | None:
    """Where the money goes that a provider pays back, in the reader's words; None for what the shop sent itself."""
    if refund.payment_id is None:
        return None
    with force_locale(language):
        return way_back(db.session.get_one(Payment, refund.payment_id))


def _why(refund: Refund, language: str) -> str:
    with force_locale(language):
        return words.why(refund.failure_reason)


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
    switch: Switch | None = Switch.PAYMENT_CONFIRMATION,
) -> MailMessage | None:
    customer = get_customer(customer_id)
    language = account_language(customer, shop)
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
            **_in_words(language, documents, method),
        },
        shop=shop,
        category=Category.BILLING,
        switch=switch,
        related=related,
        language=language,
    )
    return mailer.queue(mail, now=now) if mail is not None else None


def _in_words(language: str, documents: Sequence[Document], method: Any) -> dict[str, str]:
    with force_locale(language):
        return {"numbers": _named(documents), **({} if method is None else {"method": str(method)})}


def _named(documents: Sequence[Document]) -> str:
    """The numbers of documents, for a subject and a row of facts; of many the first."""
    numbers = ", ".join(document.number or "" for document in documents[:NAMED])
    more = len(documents) - NAMED
    return numbers if more <= 0 else _("%(numbers)s and %(count)s more", numbers=numbers, count=more)


def _page_of(documents: Sequence[Document], shop_id: int) -> str:
    if len(documents) == 1:
        return links.external(shop_id, "invoices.show", public_id=documents[0].public_id)
    return links.external(shop_id, "invoices.index")
