"""An invoice that was paid and credited, for the tests of refunds by the provider, and what happens to it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from portal.blueprints.sandbox import book
from portal.blueprints.sandbox.book import Decision
from portal.blueprints.sandbox.models import Notice
from portal.core import clock, schedule
from portal.core.audit import Actor, AuditEntry
from portal.core.mail_message import MailMessage
from portal.core.money import Money
from portal.domain.invoices.balance import find_imbalances
from portal.domain.invoices.models import CreditEntry, CreditUse, Document
from portal.domain.payments import asking, refunding
from portal.domain.payments.models import Payment, PaymentStatus, Refund, RefundStatus
from portal.domain.payments.provider import ProviderRefund
from portal.domain.payments.provider import RefundStatus as Reported
from portal.domain.payments.refunding import Order, ThroughProvider
from portal.domain.people.models import Staff
from portal.domain.shops.models import Shop
from portal.domain.tickets import paying_out
from portal.domain.tickets.models import Ticket, TicketStatus, TicketType
from portal.extensions import db
from portal.providers.sandbox.client import HttpRequest, HttpResponse
from tests.payments_world import START, Invoice, World
from tests.rows import make_credit_note, make_ticket


class Scene:
    """An invoice of € 100 that was paid by iDEAL and credited whole, and a request for the money."""

    def __init__(self, world: World, *, amount: int = 10000, credited: int = 10000) -> None:
        self.world = world
        self.invoice: Invoice = world.invoice(amount)
        browser = world.browser()
        browser.decide(browser.pay(self.invoice), "paid", "before")
        world.work()
        with world.scope():
            document = db.session.get_one(Document, self.invoice.id)
            payment = db.session.query(Payment).order_by(Payment.id.desc()).first()
            assert payment is not None and payment.status is PaymentStatus.PAID
            self.payment_id, self.bank_id = payment.id, payment.provider_ref or ""
            if credited:
                make_credit_note(document, credited)
            ticket = make_ticket(
                world.ids.emma_account, type=TicketType.REFUND_REQUEST, document_id=document.id
            )
            self.ticket_id = ticket.id
            db.session.query(MailMessage).delete()
            db.session.commit()

    def order(self, minor: int = 10000, *, key: str = "k", ticket: bool = True) -> None:
        """Somebody of the shop has the provider pay back."""
        with self.world.scope():
            paying_out.pay_out(
                self.invoice.id,
                Order(
                    amount_minor=minor,
                    way=ThroughProvider(payment_id=self.payment_id),
                    says="It is on its way.",
                    key=key * 22,
                    ticket_id=self.ticket_id if ticket else None,
                ),
                shop=db.session.get_one(Shop, self.world.ids.shop),
                author=db.session.get_one(Staff, self.world.ids.saskia),
                now=clock.now(),
            )
            db.session.commit()

    def refund(self) -> Refund:
        with self.world.scope():
            found = db.session.query(Refund).order_by(Refund.id.desc()).first()
            assert found is not None
            db.session.expunge_all()
            return found

    def status(self) -> list[RefundStatus]:
        with self.world.scope():
            return [each.status for each in db.session.query(Refund).order_by(Refund.id)]

    def ticket(self) -> TicketStatus:
        with self.world.scope():
            return db.session.get_one(Ticket, self.ticket_id).status

    def mails(self) -> list[str]:
        with self.world.scope():
            return list(db.session.scalars(sa.select(MailMessage.name).order_by(MailMessage.id)))

    def bank(self) -> list[tuple[int, str]]:
        """What the bank paid back: how much, and how far it is."""
        rows = {row.bank_id: row.refunds for row in self.world.bank()}
        return [(each["minor"], each["status"]) for each in rows[self.bank_id]]

    def at_bank(self, decision: Decision) -> None:
        """A person at the bank's page; the shop is told."""
        with self.world.scope():
            payment = book.get_payment(self.bank_id)
            book.decide(payment, decision, Notice.BEFORE, now=clock.now(), later=timedelta(0))
            db.session.commit()
        self.world.work()

    def entries(self) -> list[int]:
        """What the ledger says of refunds."""
        uses = (CreditUse.REFUND, CreditUse.REFUND_RETURNED)
        with self.world.scope():
            found = sa.select(CreditEntry.amount_minor).where(CreditEntry.use.in_(uses))
            assert find_imbalances() == []
            return list(db.session.scalars(found.order_by(CreditEntry.id)))


def later(scene: Scene, minutes: float) -> None:
    """The periodic runs and a worker after them."""
    with clock.frozen(START + timedelta(minutes=minutes)):
        assert schedule.run(scene.world.app, "payments.ask_refunds", now=clock.now())
        scene.world.work()


def away(request: HttpRequest) -> HttpResponse:
    raise ConnectionRefusedError


def scene_rows(scene: Scene) -> tuple[Shop, Document]:
    return (
        db.session.get_one(Shop, scene.world.ids.shop),
        db.session.get_one(Document, scene.invoice.id),
    )


def reported(scene: Scene, status: Reported, **values: Any) -> None:
    """The provider says this of our refund."""
    with scene.world.scope():
        refund = refunding.lock_refund(
            db.session.query(Refund.id).order_by(Refund.id.desc()).limit(1).scalar()
        )
        answer = ProviderRefund(
            **{
                "provider_ref": "sbr_x",
                "amount": Money(10000, "EUR"),
                "status": status,
                "reference": refund.public_id,
                **values,
            }
        )
        payment = db.session.get_one(Payment, scene.payment_id)
        actor = Actor.provider("sandbox")
        refunding.apply_all(payment, (answer,), source="webhook", actor=actor, now=START)
        db.session.commit()


def marks(scene: Scene) -> list[str]:
    with scene.world.scope():
        entries = db.session.query(AuditEntry).filter(AuditEntry.event == "payment.mismatch")
        return [entry.data["mismatch"] for entry in entries.order_by(AuditEntry.id)]


def charge_back(scene: Scene, *, shop_knows: bool = True) -> None:
    """At the bank; the shop hears of it, or not yet."""
    with scene.world.scope():
        row = book.get_payment(scene.bank_id)
        notice = Notice.BEFORE if shop_knows else Notice.NEVER
        book.decide(row, Decision.CHARGE_BACK, notice, now=START, later=timedelta(0))
        db.session.commit()


def webhook(scene: Scene) -> None:
    """The bank's message alone, without a worker that would also send orders."""
    with scene.world.scope():
        question = asking.question(db.session.get_one(Payment, scene.payment_id))
        db.session.rollback()
    answer = question.ask()
    with scene.world.scope():
        asking.settle(question, answer, source="webhook", actor=Actor.provider("sandbox"), now=START)
        db.session.commit()


def owed(scene: Scene) -> tuple[int, int, str]:
    """What is open of the invoice, the customer's credit, and how the invoice is shown."""
    credit = scene.world.credit()
    with scene.world.scope():
        document = db.session.get_one(Document, scene.invoice.id)
        return document.open_minor, credit, document.list_state.value
