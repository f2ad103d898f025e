"""How the demo's customers paid: attempts through the portal's own actions, and the test bank's own book.

No page and no webhook is needed for the past: what the bank would have said is read from its book and applied. So
both books agree, and asking the bank about any of these payments gives the same answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from portal.blueprints.sandbox import book
from portal.blueprints.sandbox.book import Decision
from portal.blueprints.sandbox.models import BankStatus, Notice
from portal.core import links, mailer
from portal.core.audit import Actor
from portal.core.mailer import MailMessage
from portal.core.money import Money
from portal.core.outbox import OutboxRow, OutboxState
from portal.demo.story import Attempt, Story
from portal.domain.invoices.booking import Share
from portal.domain.invoices.models import Document
from portal.domain.methods.models import PaymentMethod
from portal.domain.payments import actions
from portal.domain.payments.actions import Wish
from portal.domain.payments.models import Payment, PaymentMethodKind
from portal.domain.payments.provider import ProviderPayment, ProviderStatus, Started
from portal.domain.payments.starting import dispatch
from portal.extensions import db
from portal.providers.sandbox.mapping import STATUSES

BANK = Actor.provider("sandbox")
#: How long a direct debit takes when nobody decides.
DEBIT_TAKES = timedelta(days=2)


def start(
    story: Story,
    invoices: Sequence[Document],
    kind: PaymentMethodKind,
    *,
    now: datetime,
    saved: PaymentMethod | None = None,
    amount_minor: int | None = None,
    takes: timedelta = DEBIT_TAKES,
) -> Attempt:
    """An attempt to pay all that is open of these invoices, or a part of the only one, sent to the bank."""
    payment = _prepare(story, invoices, kind, now=now, saved=saved, amount_minor=amount_minor)
    request = dispatch(story.shop, payment).request
    at_bank = book.take_order(
        book.Order(
            idempotency_key=request.idempotency_key,
            amount_minor=request.amount.minor,
            currency=request.amount.currency,
            description=request.description,
            reference=request.reference,
            return_url=request.return_url,
            webhook_url=request.webhook_url,
            method=request.method.value,
            locale=request.locale,
            mandate=None if request.saved is None else request.saved.method_ref,
        ),
        now=now,
        later=takes,
    )
    page = links.external(story.shop.id, "sandbox.show", bank_id=at_bank.bank_id)
    actions.record_started(
        payment,
        Started(
            provider_ref=at_bank.bank_id,
            checkout_url=None if saved else page,
            status=STATUSES[at_bank.status.value],
            expires_at=at_bank.expires_at,
        ),
        actor=_payer(story, payment),
        now=now,
    )
    return Attempt(payment, at_bank)


def decide(attempt: Attempt, decision: Decision, *, now: datetime) -> None:
    """What the bank decided, and that it told the shop at once."""
    at_bank = attempt.at_bank
    book.decide(at_bank, decision, Notice.NEVER, now=now, later=DEBIT_TAKES)
    at_bank.notice, at_bank.told_at = Notice.BEFORE, now
    forget_what_was_due(at_bank.bank_id, now=now)
    actions.apply_provider_status(attempt.payment, _told(attempt), source="webhook", actor=BANK, now=now)
    forget_mails(attempt.payment)


def forget_mails(payment: Payment) -> None:
    """What a mail says of a payment of the past was said on that day: none leaves now."""
    written = list(
        db.session.scalars(
            sa.select(MailMessage).where(MailMessage.related == f"payment:{payment.public_id}")
        )
    )
    keys = [mail.public_id for mail in written]
    db.session.execute(sa.delete(OutboxRow).where(OutboxRow.job == mailer.SEND, OutboxRow.key.in_(keys)))
    for mail in written:
        db.session.delete(mail)


def pay(
    story: Story,
    invoices: Sequence[Document],
    kind: PaymentMethodKind,
    *,
    now: datetime,
    saved: PaymentMethod | None = None,
    amount_minor: int | None = None,
) -> Attempt:
    """An attempt that the bank took at once."""
    attempt = start(story, invoices, kind, now=now, saved=saved, amount_minor=amount_minor)
    decide(attempt, Decision.PAID, now=now + timedelta(minutes=2))
    return attempt


def transfer(story: Story, invoice: Document, *, account: str, now: datetime) -> None:
    """A bank transfer that the owner found on the shop's account and entered."""
    payment = _prepare(story, [invoice], PaymentMethodKind.TRANSFER, now=now)
    answer = ProviderPayment(
        provider_ref=payment.public_id,
        status=ProviderStatus.PAID,
        amount=Money(payment.amount_minor, payment.currency),
        paid_at=now,
        method_details={"account": account},
    )
    actions.apply_provider_status(payment, answer, source="staff", actor=Actor.staff(story.owner), now=now)


def _prepare(
    story: Story,
    invoices: Sequence[Document],
    kind: PaymentMethodKind,
    *,
    now: datetime,
    saved: PaymentMethod | None = None,
    amount_minor: int | None = None,
) -> Payment:
    customer_id = invoices[0].customer_id
    wish = Wish(
        customer_id=customer_id,
        shares=tuple(Share(each.id, amount_minor or each.open_minor) for each in invoices),
        kind=kind,
        locale=invoices[0].language,
        saved=saved,
    )
    actor = Actor.system("demo") if saved else _person_of(story, customer_id)
    payment = actions.prepare_payment(story.shop, wish, actor=actor, now=now)
    # The customer was told on that day: no mail about it leaves now.
    payment.details = {**payment.details, "confirmed": True}
    return payment


def _person_of(story: Story, customer_id: int) -> Actor:
    email = next(email for email, customer in story.customers.items() if customer.id == customer_id)
    return Actor.person(story.people[email])


def _payer(story: Story, payment: Payment) -> Actor:
    if payment.payment_method_id is not None:
        return Actor.system("demo")
    return _person_of(story, payment.customer_id)


def _told(attempt: Attempt) -> ProviderPayment:
    """What asking the bank about the payment would answer."""
    row = attempt.at_bank
    paid = {"account": _account(attempt.payment)} if row.status is BankStatus.PAID else {}
    return ProviderPayment(
        provider_ref=row.bank_id,
        status=STATUSES[row.status.value],
        amount=Money(row.amount_minor, row.currency),
        reference=row.reference,
        method_details=paid,
        paid_at=row.paid_at,
        expires_at=row.expires_at,
        reversed_at=row.charged_back_at,
        reinstated_at=row.chargeback_won_at,
        failure_reason=row.failure_reason,
    )


def _account(payment: Payment) -> str:
    if payment.payment_method_id is not None:
        return db.session.get_one(PaymentMethod, payment.payment_method_id).masked
    return "Visa •••• 4242" if payment.method is PaymentMethodKind.CARD else "NL20 •••• 4567"


def forget_what_was_due(bank_id: str, *, now: datetime) -> None:
    """What the bank had still to do about a payment or a mandate of the past is done."""
    planned = sa.select(OutboxRow).where(
        OutboxRow.job.in_((book.PAY_LATER, book.NOTIFY)),
        OutboxRow.key.startswith(f"{bank_id}:", autoescape=True),
    )
    for row in db.session.scalars(planned):
        row.state, row.done_at = OutboxState.DONE, now
