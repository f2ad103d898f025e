"""Orders, subscriptions, tickets, contacts, notices and many invoices for tests; the caller commits."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import sqlalchemy as sa

from portal.core import storage
from portal.core.audit import Actor
from portal.core.tables import Base
from portal.core.tenancy import every_shop
from portal.core.vat import VatCategory
from portal.domain.catalog.models import IntervalUnit, Product, ProductKind
from portal.domain.collections.models import CollectionCase
from portal.domain.invoices.crediting import credit_invoice
from portal.domain.invoices.drafts import LineInput
from portal.domain.invoices.models import Document, DocumentKind, DocumentStatus, ListState
from portal.domain.methods.models import MethodKind, MethodStatus, PaymentMethod
from portal.domain.notices.models import Audience, Notice, NoticeTarget
from portal.domain.orders.models import Download, Order, OrderLine, OrderStatus
from portal.domain.payments.models import Payment, PaymentMethodKind, PaymentStatus
from portal.domain.people.models import ContactPerson, ContactRole, Customer, CustomerKind, CustomerWord
from portal.domain.people.words import CUSTOMERS
from portal.domain.shops.models import Mode, Shop
from portal.domain.subscriptions.models import Subscription, SubscriptionPeriod, SubscriptionStatus
from portal.domain.tickets.models import AuthorKind, Ticket, TicketAttachment, TicketMessage
from portal.extensions import db
from tests.cast import START, make_invoice

#: What somebody types who wants to see whether we look.
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"

_numbers = count(1)


def make_order(
    customer_id: int, *, lines: int = 1, name: str = "Coffee beans, 1 kg", **options: Any
) -> Order:
    """An order of € 24.20 a line, VAT included."""
    number = next(_numbers)
    total = 2420 * lines
    order = Order(
        **{
            "mode": Mode.TEST,
            "customer_id": customer_id,
            "number": f"O-{number:05}",
            "status": OrderStatus.COMPLETED,
            "order_date": START.date(),
            "placed_at": START,
            "created_at": START,
            "currency": "EUR",
            "prices_include_vat": True,
            "net_minor": 2000 * lines,
            "vat_minor": 420 * lines,
            "total_minor": total,
            "vat_groups": [
                {"category": "standard", "rate": "21", "net_minor": 2000 * lines, "vat_minor": 420 * lines}
            ],
            **options,
        }
    )
    order.lines = [
        OrderLine(
            position=position,
            name=name,
            quantity=Decimal(1),
            unit_price=Decimal(2420),
            vat_category=VatCategory.STANDARD,
            vat_rate=Decimal(21),
            net_minor=2000,
            gross_minor=2420,
        )
        for position in range(1, lines + 1)
    ]
    db.session.add(order)
    db.session.flush()
    return order


def make_download(order: Order, *, expires_at: datetime, **options: Any) -> Download:
    """A file that came with the first line of an order."""
    download = Download(
        **{
            "order_line_id": order.lines[0].id,
            "name": "guide.pdf",
            "storage_key": "files/guide.pdf",
            "media_type": "application/pdf",
            "size_bytes": 1_300_000,
            "download_limit": 5,
            "expires_at": expires_at,
            "created_at": START,
            **options,
        }
    )
    db.session.add(download)
    db.session.flush()
    return download


def make_plan(**options: Any) -> Product:
    """A subscription that is sold for € 24.50 every two weeks."""
    product = Product(
        **{
            "name": "Coffee beans, 1 kg",
            "kind": ProductKind.SUBSCRIPTION,
            "unit_price": Decimal(2450),
            "vat_rate": Decimal(21),
            "interval_unit": IntervalUnit.WEEK,
            "interval_count": 2,
            "created_at": START,
            **options,
        }
    )
    db.session.add(product)
    db.session.flush()
    return product


def make_subscription(
    customer_id: int, *, plan: dict[str, Any] | None = None, **options: Any
) -> Subscription:
    """An active subscription of € 24.50 every two weeks, next billed two weeks after the start.

    ``plan`` are settings of its product.
    """
    product = make_plan(**(plan or {}))
    subscription = Subscription(
        **{
            "mode": Mode.TEST,
            "customer_id": customer_id,
            "product_id": product.id,
            "status": SubscriptionStatus.ACTIVE,
            "name": "Coffee beans, 1 kg",
            "unit_price": Decimal(2450),
            "vat_category": VatCategory.STANDARD,
            "vat_rate": Decimal(21),
            "currency": "EUR",
            "amount_minor": 2450,
            "interval_unit": IntervalUnit.WEEK,
            "interval_count": 2,
            "started_on": START.date(),
            "anchor_day": 1,
            "next_billing_on": START.date() + timedelta(days=14),
            "created_at": START,
            **options,
        }
    )
    db.session.add(subscription)
    db.session.flush()
    return subscription


def make_billed(customer_id: int, **options: Any) -> tuple[Subscription, Document]:
    """A subscription of € 30 a month, billed on the day of the cast for the thirty days of November."""
    first, last = START.date(), START.date() + timedelta(days=29)
    subscription = make_subscription(
        customer_id,
        **{
            "unit_price": Decimal(3000),
            "amount_minor": 3000,
            "interval_unit": IntervalUnit.MONTH,
            "interval_count": 1,
            "period_start": first,
            "period_end": last,
            "next_billing_on": last + timedelta(days=1),
            "periods_billed": 1,
            **options,
        },
    )
    invoice = make_invoice(
        customer_id,
        amount_minor=3000,
        subscription_id=subscription.id,
        prices_include_vat=subscription.prices_include_vat,
    )
    period = SubscriptionPeriod(
        subscription_id=subscription.id,
        starts_on=first,
        ends_on=last,
        document_id=invoice.id,
        created_at=START,
    )
    db.session.add(period)
    db.session.flush()
    return subscription, invoice


def make_method(customer_id: int, **options: Any) -> PaymentMethod:
    """A valid mandate."""
    method = PaymentMethod(
        **{
            "mode": Mode.TEST,
            "customer_id": customer_id,
            "provider": "sandbox",
            "provider_ref": f"mdt_{next(_numbers)}",
            "kind": MethodKind.SEPA,
            "status": MethodStatus.VALID,
            "masked": "NL•• •••• •••• 4300",
            "holder": "E. de Vries",
            "created_at": START,
            **options,
        }
    )
    db.session.add(method)
    db.session.flush()
    return method


def make_charge(customer_id: int, method_id: int, status: PaymentStatus, **options: Any) -> Payment:
    """A charge of € 24.50 of a saved method."""
    payment = Payment(
        **{
            "mode": Mode.TEST,
            "customer_id": customer_id,
            "payment_method_id": method_id,
            "provider": "sandbox",
            "provider_ref": f"sbp_{status.value}",
            "method": PaymentMethodKind.SEPA,
            "currency": "EUR",
            "amount_minor": 2450,
            "status": status,
            "idempotency_key": f"key-{status.value}",
            "created_at": START + timedelta(hours=1),
            **options,
        }
    )
    db.session.add(payment)
    db.session.flush()
    return payment


def make_ticket(customer_id: int, *, messages: int = 1, body: str = "Hello", **options: Any) -> Ticket:
    """A ticket with messages of the customer, an hour apart."""
    ticket = Ticket(
        **{
            "customer_id": customer_id,
            "number": f"T-{next(_numbers):05}",
            "subject": "Delivery day",
            "last_message_at": START,
            "created_at": START,
            **options,
        }
    )
    db.session.add(ticket)
    db.session.flush()
    for hour in range(messages):
        add_message(ticket, body=body, created_at=START + timedelta(hours=hour))
    return ticket


def add_message(ticket: Ticket, **options: Any) -> TicketMessage:
    """A message of the customer, unless it says otherwise."""
    message = TicketMessage(
        **{
            "ticket_id": ticket.id,
            "author_kind": AuthorKind.CUSTOMER,
            "author_name": "Emma de Vries",
            "created_at": START,
            **options,
        }
    )
    db.session.add(message)
    db.session.flush()
    return message


def make_case(customer_id: int, *, document: Document | None = None, **options: Any) -> CollectionCase:
    """A case at the reminder about an invoice of € 121.00, or about one that there is."""
    if document is None:
        document = make_invoice(customer_id)
    case = CollectionCase(
        **{
            "mode": Mode.TEST,
            "customer_id": customer_id,
            "document_id": document.id,
            "number": f"K-{next(_numbers):05}",
            "stage": 1,
            "opened_on": START.date(),
            "created_at": START,
            **options,
        }
    )
    db.session.add(case)
    db.session.flush()
    return case


def make_contact(customer_id: int, **options: Any) -> ContactPerson:
    """A bookkeeper who gets copies of billing mails."""
    contact = ContactPerson(
        **{
            "customer_id": customer_id,
            "name": "Anna Admin",
            "email": "anna@example.net",
            "role": ContactRole.BOOKKEEPING,
            "created_at": START,
            **options,
        }
    )
    db.session.add(contact)
    db.session.flush()
    return contact


def add_file(message: TicketMessage, *, data: bytes = b"A letter.", **options: Any) -> TicketAttachment:
    """A text that came with a message."""
    number = next(_numbers)
    file = TicketAttachment(
        **{
            "message_id": message.id,
            "name": "letter.txt",
            "media_type": "text/plain",
            "size_bytes": len(data),
            "storage_key": storage.put(f"shops/1/tickets/{number:032x}.txt", data),
            "created_at": START,
            **options,
        }
    )
    db.session.add(file)
    db.session.flush()
    return file


def make_notice(*, customers: tuple[int, ...] = (), tags: tuple[str, ...] = (), **options: Any) -> Notice:
    """A notice that shows now: for all, for these customers, or for these tags."""
    audience = Audience.SOME if customers else Audience.TAGS if tags else Audience.ALL
    notice = Notice(
        **{
            "title": "Closed on Monday",
            "body": "We are back on Tuesday.",
            "audience": audience,
            "starts_at": START - timedelta(days=1),
            "created_at": START,
            **options,
        }
    )
    db.session.add(notice)
    db.session.flush()
    db.session.add_all(
        [NoticeTarget(notice_id=notice.id, customer_id=customer) for customer in customers]
        + [NoticeTarget(notice_id=notice.id, tag=tag) for tag in tags]
    )
    return notice


def write_customers(shop_id: int, count: int, *, first: int = 0, **options: Any) -> list[int]:
    """So many customers at once, past the ORM, with the words that find them: C00000, c0@example.net. Their ids."""
    switches = {column.name: True for column in Customer.__table__.c if column.name.startswith("mail_")}
    empty = ("company", "phone", "street", "postal_code", "city", "vat_number", "chamber_number")
    made = [
        {
            **dict.fromkeys((*empty, "vat_check_reference"), ""),
            **switches,
            "shop_id": shop_id,
            "public_id": secrets.token_urlsafe(16),
            "kind": CustomerKind.CONSUMER,
            "name": f"C{number:05}",
            "email": f"c{number}@example.net",
            "country": "NL",
            "tax_exempt": False,
            "language": "auto",
            "tags": [],
            "version": 1,
            "created_at": START,
            **options,
        }
        for number in range(first, first + count)
    ]
    with db.engine.begin() as connection:
        customers, words = Customer.__table__, CustomerWord.__table__
        last = connection.scalar(sa.select(sa.func.coalesce(sa.func.max(customers.c.id), 0)))
        connection.execute(sa.insert(customers), made)
        rows = connection.execute(sa.select(customers).where(customers.c.id > last)).mappings().all()
        connection.execute(sa.insert(words), [word for row in rows for word in CUSTOMERS.rows_of(row)])
    return sorted(row["id"] for row in rows)


def write_invoices(shop_id: int, customer_id: int, count: int, *, first: int = 0) -> None:
    """So many invoices at once, past the ORM: forty to a day, every seventh paid and every tenth not due yet."""
    made = [_invoice(shop_id, customer_id, number) for number in range(first, first + count)]
    if made:
        with db.engine.begin() as connection:
            connection.execute(sa.insert(Document.__table__), made)


def _invoice(shop_id: int, customer_id: int, number: int) -> dict[str, Any]:
    today = START.date()
    day, paid = today - timedelta(days=number // 40), number % 7 == 0
    return {
        "shop_id": shop_id,
        "public_id": secrets.token_urlsafe(16),
        "mode": Mode.TEST,
        "kind": DocumentKind.INVOICE,
        "customer_id": customer_id,
        "status": DocumentStatus.SETTLED if paid else DocumentStatus.OPEN,
        "year": 2026,
        "sequence": number + 1,
        "number": f"2026-{number + 1:04d}",
        "reference": "",
        "issue_date": day,
        "due_date": today + timedelta(days=14) if number % 10 == 0 else day,
        "currency": "EUR",
        "language": "en",
        "prices_include_vat": True,
        "net_minor": 100,
        "vat_minor": 21,
        "total_minor": 121,
        "seller": {},
        "buyer": {},
        "note": "",
        "open_minor": 0 if paid else 121,
        "pending_minor": 0,
        "paid_minor": 121 if paid else 0,
        "credited_minor": 0,
        "list_state": ListState.PAID if paid else ListState.UNPAID,
        "link_version": 1,
        "version": 1,
        "created_at": START,
    }


def write_copies(row: Base, count: int, **varied: Callable[[int], Any]) -> None:
    """So many rows like one of another, past the ORM; ``varied`` says of a column how each differs, by its number."""
    db.session.flush()
    table = row.__table__
    assert isinstance(table, sa.Table)
    same = {column.key: getattr(row, column.key) for column in table.columns if column.key != "id"}
    own: dict[str, Callable[[int], Any]] = {"public_id": lambda number: secrets.token_urlsafe(16)}
    own = {name: made for name, made in own.items() if name in same} | varied
    made = [same | {name: each(number) for name, each in own.items()} for number in range(count)]
    if made:
        with every_shop():
            db.session.execute(sa.insert(table), made)


def make_credit_note(invoice: Document, amount_minor: int, *, note: str = "", rate: str = "21") -> Document:
    """A credit note on an issued invoice of so much, at one of its rates; the caller commits."""
    return credit_invoice(
        invoice,
        [LineInput("Taken back", Decimal(1), Decimal(amount_minor), Decimal(rate))],
        shop=db.session.get_one(Shop, invoice.shop_id),
        customer=db.session.get_one(Customer, invoice.customer_id),
        note=note,
        now=START,
        actor=Actor.system("test"),
    )
