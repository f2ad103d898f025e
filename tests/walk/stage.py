"""What the walk walks over: one of each thing of Emma's, and something of Jan's own."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from email.message import EmailMessage
from pathlib import Path

import sqlalchemy as sa

from portal.blueprints.sandbox.models import MandateStatus, SandboxMethod, SandboxPayment
from portal.blueprints.sandbox.settings import bank_key
from portal.core import clock, database, sessions, storage
from portal.core.audit import Actor
from portal.core.tables import Base
from portal.core.tenancy import shop_scope
from portal.core.vat import VatCategory
from portal.domain.collections.models import CaseStatus, CollectionCase, PaymentPlan, PlanStatus
from portal.domain.collections.queries import get_case_by_id
from portal.domain.invoices import booking, bundles, rendering
from portal.domain.invoices.balance import rebalance
from portal.domain.invoices.drafts import LineInput, create_draft
from portal.domain.invoices.links import payment_token
from portal.domain.invoices.models import (
    Allocation,
    AllocationState,
    Bundle,
    CreditEntry,
    CreditUse,
    Document,
)
from portal.domain.methods.models import MethodKind
from portal.domain.orders import downloads
from portal.domain.payments.models import Payment, PaymentMethodKind, PaymentStatus
from portal.domain.payments.registering import Received, register
from portal.domain.people import tokens
from portal.domain.people.models import Customer, Invitation, Person, Role, TokenPurpose
from portal.domain.shops.actions import setup_token
from portal.domain.shops.models import Mode, Shop
from portal.domain.subscriptions.cancelling import Reason
from portal.domain.subscriptions.models import SubscriptionStatus
from portal.domain.tickets import cancelling, disputes, plans, undecided
from portal.domain.tickets.actions import Said
from portal.domain.tickets.models import Ticket, TicketType
from portal.extensions import db
from tests import cast, rows
from tests.page_client import PageClient
from tests.payments_world import World

PDF = b"%PDF-1.7 not really\n%%EOF\n"
#: One white point.
GIF = b"GIF89a\x01\0\x01\0\x80\0\0\xff\xff\xff\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;"
#: The name of the mail that `catch_mail` leaves.
CAUGHT = "20261101T090000.000000Z-1-000001"
#: The public id of Emma's account: forms that make something carry it.
EMMAS_ACCOUNT = "account-of-Emma-000000"
#: The public ids of the product that Emma subscribed to, and of the method that she saved.
PLAN = "plan-of-Emma-000000000"
METHOD = "method-of-Emma-0000000"


@dataclass(frozen=True)
class Things:
    """Names of what there is, good in any session."""

    invoice: str
    invoice_number: str
    paid: str
    #: An invoice with a payment that was booked by hand.
    booked: str
    booked_payment: str
    disputed: str
    bundle: str
    order: str
    download: str
    download_token: str
    subscription: str
    paused: str
    ticket: str
    contact: str
    #: Of a case that no plan was asked for, and of one whose plan waits for its method.
    case: str
    case_number: str
    agreed_case: str
    #: Tickets that wait for a decision: on a file, a plan, a dispute, a cancellation and a refund.
    asks_file: str
    wanted_file: str
    asks_plan: str
    asks_dispute: str
    asks_cancellation: str
    asks_refund: str
    refundable: str
    ticket_file: str
    notice: str
    link: str
    payment: str
    bank_payment: str
    method: str
    bank_mandate: str
    bank_key: str
    other_bank_key: str
    confirm: str
    reset: str
    claim: str
    change_email: str
    #: To the address of a contact person, which is refused.
    refused_change: str
    account: str
    draft: str
    invitation: str
    accept: str
    setup: str
    logo: str

    def of_emma(self) -> tuple[str, ...]:
        """What no page of anybody else may hold."""
        return (
            self.invoice, self.invoice_number, self.order, self.download, self.subscription, self.paused, self.ticket,
            self.contact, self.case, self.case_number, self.agreed_case, self.ticket_file, self.notice, self.method,
            "Emma",
        )  # fmt: skip


@contextmanager
def writing(world: World, shop_id: int | None = None) -> Iterator[None]:
    """In the application and a shop, committed at the end."""
    database.set_reading(False)
    with world.app.app_context(), shop_scope(shop_id or world.ids.shop):
        yield
        db.session.commit()


def _booked_by_hand(document: Document, shop: Shop, now: datetime) -> Payment:
    received = Received(
        amount_minor=1000, method=PaymentMethodKind.CASH, paid_on=now.date(), reference="", key="b" * 22
    )
    return register(document.id, received, shop=shop, now=now, actor=Actor.system("walk"))


def put_things(world: World) -> Things:
    """Writes one of each thing; the clock stands at ``cast.START``."""
    ids, now = world.ids, clock.now()
    with writing(world, ids.other_shop):
        other_key = bank_key()
    with writing(world):
        document = cast.make_invoice(ids.emma_account, now=now)
        rendering.keep_file(document, document.language, PDF, now=now)
        paid = cast.make_invoice(ids.emma_account, now=now)
        _pay_with_credit(paid)
        disputed = cast.make_invoice(ids.emma_account, now=now)
        dispute = disputes.open_dispute(
            disputed.id,
            "Not what I ordered",
            Said("This is not what I ordered."),
            line=None,
            customer_id=ids.emma_account,
            author=db.session.get_one(Person, ids.emma),
            now=now,
        )
        bundle = _bundle(ids)
        order = rows.make_order(ids.emma_account)
        subscription = rows.make_subscription(ids.emma_account, plan={"public_id": PLAN, "most_quantity": 5})
        paused = rows.make_subscription(
            ids.emma_account, status=SubscriptionStatus.PAUSED, unused_days=3, next_billing_on=None
        )
        sold = storage.put(f"shops/{ids.shop}/files/walk.pdf", PDF)
        download = rows.make_download(
            order, storage_key=sold, download_limit=100, expires_at=now + timedelta(days=30)
        )
        db.session.get_one(Customer, ids.emma_account).public_id = EMMAS_ACCOUNT
        ticket = rows.make_ticket(ids.emma_account, subject="About my delivery")
        contact = rows.make_contact(ids.emma_account)
        case, agreed_case = _cases(ids)
        ticket_file = rows.add_file(rows.add_message(ticket, body="See the letter."))
        asked = _decisions(ids, now)
        notice = rows.make_notice(customers=(ids.emma_account,))
        cast.make_invoice(ids.jan_account, now=now)
        rows.make_order(ids.jan_account)
        rows.make_case(ids.jan_account)
        bank = _bank_payment()
        mandate = _mandate()
        method = rows.make_method(
            ids.emma_account, public_id=METHOD, mandate_text="I agree.", signed_on=cast.START.date()
        )
        payment = _payment(ids.emma_account, bank.bank_id)
        confirm, reset, claim, change_email, refused_change = _links(ids, contact.email)
        invited, accept = _invitation(ids.emma_account)
        shop = db.session.get_one(Shop, ids.shop)
        shop.logo_key = storage.put(storage.content_key("brand", GIF, "gif"), GIF)
        booked = cast.make_invoice(ids.emma_account, now=now)
        by_hand = _booked_by_hand(booked, shop, now)
        found = Things(
            invoice=document.public_id,
            invoice_number=document.number or "",
            paid=paid.public_id,
            booked=booked.public_id,
            booked_payment=by_hand.public_id,
            disputed=disputed.public_id,
            bundle=bundle.public_id,
            order=order.public_id,
            download=download.public_id,
            download_token=downloads.token_for(download.public_id, now=now),
            subscription=subscription.public_id,
            paused=paused.public_id,
            ticket=ticket.public_id,
            contact=contact.public_id,
            case=case.public_id,
            case_number=case.number,
            agreed_case=agreed_case.public_id,
            **asked,
            asks_dispute=dispute.public_id,
            ticket_file=ticket_file.public_id,
            notice=notice.public_id,
            link=payment_token(document),
            payment=payment.public_id,
            bank_payment=bank.bank_id,
            method=method.public_id,
            bank_mandate=mandate.bank_id,
            bank_key=bank_key(),
            other_bank_key=other_key,
            confirm=confirm,
            reset=reset,
            claim=claim,
            change_email=change_email,
            refused_change=refused_change,
            account=db.session.get_one(Customer, ids.emma_account).public_id,
            draft=_draft(ids.emma_account),
            invitation=invited.public_id,
            accept=accept,
            setup=setup_token(now=now),
            logo=shop.logo_key.rpartition("/")[2],
        )
    world.app.extensions["shops"].forget()
    return found


def _links(ids: cast.Ids, contact_email: str) -> tuple[str, str, str, str, str]:
    newcomer = Person(email="newcomer@example.com", given_name="New", created_at=cast.START)
    db.session.add(newcomer)
    db.session.flush()
    return (
        tokens.issue(TokenPurpose.CONFIRM, newcomer.id, now=cast.START),
        tokens.issue(TokenPurpose.RESET, ids.emma, now=cast.START),
        tokens.issue(
            TokenPurpose.CLAIM,
            newcomer.id,
            now=cast.START,
            customer_id=ids.emma_account,
            data={"owner_id": ids.emma},
        ),
        tokens.issue(
            TokenPurpose.EMAIL_CHANGE,
            ids.bram,
            now=cast.START,
            data={"email": "new@example.com", "session_id": None},
        ),
        tokens.issue(
            TokenPurpose.EMAIL_CHANGE,
            ids.emma,
            now=cast.START,
            customer_id=ids.emma_account,
            data={"email": contact_email, "session_id": None},
        ),
    )


def _cases(ids: cast.Ids) -> tuple[CollectionCase, CollectionCase]:
    """Two cases of Emma's; in one of them the shop agreed to a plan."""
    case, agreed = rows.make_case(ids.emma_account), rows.make_case(ids.emma_account)
    agreed.status = CaseStatus.WITH_PLAN
    db.session.add(
        PaymentPlan(
            case_id=agreed.id,
            status=PlanStatus.PENDING_MANDATE,
            instalment_count=2,
            currency="EUR",
            total_minor=12100,
            created_at=cast.START,
        )
    )
    return case, agreed


def _decisions(ids: cast.Ids, now: datetime) -> dict[str, str]:
    """Tickets of Emma's that wait for a decision of the shop."""
    emma = db.session.get_one(Person, ids.emma)
    order = rows.make_order(ids.emma_account)
    file = rows.make_download(order, expires_at=now)
    case = get_case_by_id(rows.make_case(ids.emma_account).id)
    plan = plans.request_plan(case, 3, "", total_minor=12100, language="en", author=emma, now=now)
    # Its subject is written in the words of the day, which a page in the other language shows as it is.
    asked = db.session.scalars(sa.select(Ticket).where(Ticket.public_id == plan.ticket_public_id)).one()
    asked.subject = "K-1"
    # With an agreed end, so that the shop may decide either way.
    subscription, _invoice = rows.make_billed(ids.emma_account, terms=24)
    change = cancelling.request_cancellation(
        subscription.id, reason=Reason.OTHER, message="", told=None, author=emma, now=now
    )
    return {
        "asks_file": rows.make_ticket(ids.emma_account, order_id=order.id).public_id,
        "wanted_file": file.public_id,
        "asks_plan": plan.ticket_public_id or "",
        "asks_cancellation": change.data[undecided.TICKET],
        **_asks_refund(),
    }


def _asks_refund() -> dict[str, str]:
    """Of an account of its own, that has a cent of credit: Emma's would be offered at each of her payments."""
    customer = Customer(
        name="Rika Terug",
        email="rika@example.com",
        street="Voorstraat 9",
        postal_code="3511 AA",
        city="Utrecht",
        created_at=cast.START,
    )
    db.session.add(customer)
    db.session.flush()
    db.session.add(
        CreditEntry(
            mode=Mode.TEST,
            customer_id=customer.id,
            currency="EUR",
            amount_minor=1,
            use=CreditUse.OVERPAID,
            created_at=cast.START,
        )
    )
    document = cast.make_invoice(customer.id)
    ticket = rows.make_ticket(customer.id, type=TicketType.REFUND_REQUEST, document_id=document.id)
    return {"asks_refund": ticket.public_id, "refundable": document.public_id}


def _draft(customer_id: int) -> str:
    customer = db.session.get_one(Customer, customer_id)
    shop = db.session.get_one(Shop, customer.shop_id)
    lines = [LineInput("Bread", Decimal(2), Decimal(350), Decimal(9), VatCategory.REDUCED)]
    return create_draft(shop, customer, lines, now=cast.START, actor=Actor.system("test")).public_id


def _invitation(customer_id: int) -> tuple[Invitation, str]:
    guest = Person(email="guest@example.com", created_at=cast.START)
    db.session.add(guest)
    db.session.flush()
    invited = Invitation(
        customer_id=customer_id, person_id=guest.id, role=Role.READ_ONLY, created_at=cast.START
    )
    db.session.add(invited)
    db.session.flush()
    secret = tokens.issue(
        TokenPurpose.INVITATION,
        guest.id,
        now=cast.START,
        customer_id=customer_id,
        data={"invitation_id": invited.id},
    )
    return invited, secret


def _bank_payment() -> SandboxPayment:
    bank = SandboxPayment(
        idempotency_key="walk",
        amount_minor=1000,
        currency="EUR",
        description="walk",
        reference="unknown",
        return_url=f"https://{cast.HOST}/",
        webhook_url=f"https://{cast.HOST}/hooks/sandbox",
        method="ideal",
        expires_at=clock.now() + timedelta(minutes=30),
    )
    db.session.add(bank)
    db.session.flush()
    return bank


def _mandate() -> SandboxMethod:
    mandate = SandboxMethod(
        idempotency_key="walk",
        kind=MethodKind.SEPA.value,
        customer="c",
        holder="E. de Vries",
        reference="unknown",
        return_url=f"https://{cast.HOST}/",
        webhook_url=f"https://{cast.HOST}/hooks/sandbox",
        status=MandateStatus.PENDING,
    )
    db.session.add(mandate)
    db.session.flush()
    return mandate


def _payment(customer_id: int, provider_ref: str) -> Payment:
    """A finished attempt of an invoice of its own, so that it stands in nobody's way."""
    other = cast.make_invoice(customer_id, now=clock.now())
    payment = Payment(
        mode=Mode.TEST,
        customer_id=customer_id,
        provider="sandbox",
        provider_ref=f"{provider_ref}x",
        method=PaymentMethodKind.IDEAL,
        currency="EUR",
        amount_minor=12100,
        status=PaymentStatus.FAILED,
        idempotency_key="walk",
        created_at=clock.now(),
    )
    db.session.add(payment)
    db.session.flush()
    booking.plan(payment.id, [booking.Share(other.id, 12100)])
    booking.release(payment.id, now=clock.now())
    return payment


def _bundle(ids: cast.Ids) -> Bundle:
    """The invoices of a year, made already."""
    wanted = bundles.year_of(2026, ids.emma_account, Mode.TEST, "en")
    bundle = bundles.request_year(wanted, person_id=ids.emma, now=clock.now())
    key = storage.put(bundles.key_of(bundle), b"PK")
    bundles.finish(bundle.id, key, 2, now=clock.now())
    return bundle


def _pay_with_credit(document: Document) -> None:
    """Paid, and to be refunded."""
    share = Allocation(
        document_id=document.id, amount_minor=document.total_minor, state=AllocationState.BOOKED
    )
    db.session.add(share)
    rebalance(document, now=clock.now())


def catch_mail(folder: Path) -> None:
    """A mail with a text, a page and a file in the folder of the demo's mailbox."""
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = "Invoice", "shop@example.com", "emma@example.com"
    message.set_content("Dear Emma")
    message.add_alternative("<p>Dear Emma</p>", subtype="html")
    message.add_attachment(PDF, maintype="application", subtype="pdf", filename="invoice.pdf")
    (folder / f"{CAUGHT}.eml").write_bytes(message.as_bytes())


def replace_link(world: World, things: Things) -> None:
    """The shop makes the payment link worthless."""
    with writing(world):
        db.session.query(Document).filter_by(public_id=things.invoice).one().link_version += 1


def remove_every_shop(world: World) -> None:
    """An installation as it is before set-up."""
    with world.app.app_context(), db.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            tables = ", ".join(f'"{table.name}"' for table in Base.metadata.sorted_tables)
            connection.execute(sa.text(f"TRUNCATE {tables} CASCADE"))
        else:
            connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
            for table in reversed(Base.metadata.sorted_tables):
                connection.execute(sa.delete(table))
    world.app.extensions["shops"].forget()


def signed_in(
    world: World, person_id: int | None, host: str = cast.HOST, *, staff_id: int | None = None
) -> PageClient:
    """A client with a session of this person, or of somebody of the shop, begun now."""
    token = secrets.token_urlsafe(32)
    with writing(world, world.ids.other_shop if host == cast.OTHER_HOST else world.ids.shop):
        now = clock.now()
        db.session.add(
            sessions.SessionRow(
                token_hash=sessions.token_hash(token),
                principal=f"person:{person_id}" if staff_id is None else f"staff:{staff_id}",
                person_id=person_id,
                staff_id=staff_id,
                csrf_secret=secrets.token_hex(32),
                started_at=now,
                last_seen_at=now,
                confirmed_at=now,
                expires_at=now + sessions.IDLE,
            )
        )
    client = world.app.test_client()
    assert isinstance(client, PageClient)
    client.host = host
    if staff_id is None:
        client.set_cookie("__Host-loket_person", token, domain=host, secure=True, path="/")
    else:
        client.pages = ("/office",)
        client.set_cookie("__Secure-loket_staff", token, domain=host, secure=True, path="/office")
    return client
