"""What faults and clicks do again and again: an invoice, a visitor with an address of its own, a look at a row."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import sqlalchemy as sa

from portal.core import clock
from portal.core.audit import Actor
from portal.core.mailer import MailMessage
from portal.core.outbox import OutboxRow
from portal.domain.invoices.actions import send_invoice
from portal.domain.invoices.links import payment_url
from portal.domain.invoices.models import Document
from portal.domain.payments.models import Payment, PaymentStatus
from portal.domain.people.models import Customer
from portal.domain.shops.models import Shop
from portal.extensions import db
from soak.installation import Portal
from soak.visitor import Visitor
from tests import cast


@dataclass(frozen=True)
class Bill:
    """An invoice that was issued and sent."""

    id: int
    public_id: str
    number: str
    link: str
    total_minor: int


@dataclass
class Scene:
    """One installation, and who comes to it."""

    portal: Portal
    _addresses: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def visitor(self, **options: str) -> Visitor:
        """Somebody new, at an address nobody had before."""
        number = next(self._addresses)
        return Visitor(
            self.portal.port, f"127.{3 + number // 60000}.{number // 250 % 240}.{number % 250}", **options
        )

    def emma(self) -> Visitor:
        """Emma, signed in."""
        visitor = self.visitor()
        answer = visitor.log_in("emma@example.com")
        assert answer.status == 303, f"Emma could not log in: {answer.status}"
        return visitor

    def bill(self, amount_minor: int = 4_900) -> Bill:
        """An invoice for Emma, committed, with its mail and its PDF on their way."""
        with self.portal.scope() as ids:
            document = cast.make_invoice(ids.emma_account, amount_minor=amount_minor, now=clock.now())
            customer = db.session.get_one(Customer, document.customer_id)
            shop = db.session.get_one(Shop, document.shop_id)
            send_invoice(document, shop=shop, customer=customer, now=clock.now(), actor=Actor.system("soak"))
            db.session.commit()
            return Bill(
                document.id,
                document.public_id,
                str(document.number),
                payment_url(document),
                document.total_minor,
            )

    def document(self, bill: Bill) -> Document:
        """The invoice as it stands."""
        with self.portal.scope():
            found = db.session.get_one(Document, bill.id)
            db.session.expunge(found)
            return found

    def payments(self, bill: Bill) -> list[Payment]:
        """Every attempt to pay an invoice, oldest first."""
        from portal.domain.invoices.models import Allocation

        with self.portal.scope():
            of_bill = sa.select(Allocation.payment_id).where(Allocation.document_id == bill.id)
            found = list(
                db.session.scalars(sa.select(Payment).where(Payment.id.in_(of_bill)).order_by(Payment.id))
            )
            for each in found:
                db.session.expunge(each)
            return found

    def paid_times(self, bill: Bill) -> int:
        """How many of its payments are paid."""
        return sum(payment.status is PaymentStatus.PAID for payment in self.payments(bill))

    def mail_of(self, bill: Bill) -> tuple[MailMessage, OutboxRow]:
        """The mail that brings an invoice, with its row in the outbox."""
        with self.portal.scope():
            mail = db.session.scalars(
                sa.select(MailMessage).where(MailMessage.related == f"document:{bill.public_id}")
            ).one()
            row = db.session.scalars(
                sa.select(OutboxRow).where(OutboxRow.job == "mail.send", OutboxRow.key == mail.public_id)
            ).one()
            db.session.expunge_all()
            return mail, row
