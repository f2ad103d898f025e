"""A statement of account: what somebody owed on a day, what came and went in a period, and what they owe after it.

Everything is worked out from the rows that moved money, never from balances. An amount is positive when it makes the
customer owe more, negative when less; a negative balance is credit. Today's closing balance is what is open minus the
credit, whatever happened before: a test holds it against both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask_babel import force_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import aliased

from portal.core import brand, clock, locale
from portal.core.errors import DomainError
from portal.domain.invoices import bundles
from portal.domain.invoices.bundles import Wanted
from portal.domain.invoices.models import (
    Allocation,
    AllocationState,
    Bundle,
    CreditEntry,
    CreditUse,
    Document,
    DocumentKind,
    DocumentStatus,
)
from portal.domain.invoices.rendering import logo_of
from portal.domain.payments.models import Payment, PaymentStatus, Refund
from portal.domain.people.models import Customer
from portal.domain.shops.models import Mode, Shop
from portal.extensions import db

#: The outbox job that makes one.
BUILD_STATEMENT = "payments.build_statement"
#: The most rows of one statement, some forty pages.
MOST = 2_000
#: How many of the invoices of a payment are named.
NAMED = 3


class Event(StrEnum):
    """What a row of a statement is about, in the order in which those of one day stand."""

    DOCUMENT = "document"
    CREDIT_NOTE = "credit_note"
    PAYMENT = "payment"
    CHARGEBACK = "chargeback"
    REFUND = "refund"


_ORDER = tuple(Event)
_SUMS = {
    Event.DOCUMENT: _l("Invoices and fees"),
    Event.CREDIT_NOTE: _l("Credit notes"),
    Event.PAYMENT: _l("Payments"),
    Event.CHARGEBACK: _l("Payments taken back"),
    Event.REFUND: _l("Refunds"),
}


@dataclass(frozen=True)
class Numbers:
    """The numbers of the first documents that money was for, and how many there are more."""

    first: tuple[str, ...] = ()
    more: int = 0


@dataclass(frozen=True)
class Entry:
    """A row: its day at the shop, what it is in words, and by how much the customer owes more, in minor units.

    ``reference`` is its own number, or that of whoever moved the money; ``numbers`` the documents it was for.
    """

    day: date
    event: Event
    label: Any
    reference: str
    amount_minor: int
    numbers: Numbers = Numbers()


@dataclass(frozen=True)
class Account:
    """Whose statement, in what, and where the shop's days begin."""

    customer_id: int
    mode: Mode
    currency: str
    time_zone: str


@dataclass(frozen=True)
class Statement:
    """The figures of a period, both days included, in minor units."""

    first_day: date
    last_day: date
    opening_minor: int
    entries: list[Entry]

    @property
    def closing_minor(self) -> int:
        """What is owed after the last day."""
        return self.opening_minor + sum(entry.amount_minor for entry in self.entries)

    def sum_of(self, event: Event) -> int:
        """What all rows of a kind come to."""
        return sum(entry.amount_minor for entry in self.entries if entry.event is event)


def request_statement(
    wanted: Wanted, shop: Shop, *, today: date, person_id: int | None, now: datetime
) -> Bundle:
    """Has a statement made; while one of the same period is being made it is that one.

    For members who may see invoices. Raises ``DomainError`` for a period that is none, or holds too much for one.
    """
    if wanted.first_day > wanted.last_day:
        raise DomainError(_l("This day is before the first one."), "last_day")
    if wanted.last_day > today:
        raise DomainError(_l("A statement ends today at the latest."), "last_day")
    account = Account(wanted.customer_id, wanted.mode, shop.currency, shop.time_zone)
    if count_entries(account, wanted.first_day, wanted.last_day) > MOST:
        raise DomainError(_l("That is too much for one statement. Choose a shorter period."), "last_day")
    return bundles.request(wanted, BUILD_STATEMENT, total=1, person_id=person_id, now=now)


def count_entries(account: Account, first_day: date, last_day: date) -> int:
    """How many rows a statement would have."""
    return sum(
        db.session.scalar(
            sa.select(sa.func.count()).select_from(source.within(first_day, last_day).subquery())
        )
        or 0
        for source in _sources(account)
    )


def get_statement(account: Account, first_day: date, last_day: date) -> Statement:
    """The statement of a period of an account that the caller may see."""
    opening, entries = 0, []
    paid_for = _paid_for(account, first_day, last_day)
    for source in _sources(account, paid_for):
        opening += int(db.session.scalar(source.sum_before(first_day)) or 0)
        entries += [source.entry(row) for row in db.session.execute(source.within(first_day, last_day))]
    entries.sort(key=lambda entry: (entry.day, _ORDER.index(entry.event), entry.reference))
    return Statement(first_day, last_day, opening, entries)


def _paid_for(account: Account, first_day: date, last_day: date) -> dict[int, Numbers]:
    """The documents that the payments of a period were for, by the payment; of each the first, in one statement."""
    zone = ZoneInfo(account.time_zone)
    begins = datetime.combine(first_day, time(), zone)
    ends = datetime.combine(last_day + timedelta(days=1), time(), zone)
    share = (
        sa.select(Allocation.payment_id, Document.number, sa.func.min(Allocation.id).label("place"))
        .select_from(Payment)
        .join(Allocation, Allocation.payment_id == Payment.id)
        .join(Document, Document.id == Allocation.document_id)
        .where(
            Payment.customer_id == account.customer_id,
            Payment.mode == account.mode,
            Payment.currency == account.currency,
            Payment.status.in_((PaymentStatus.PAID, PaymentStatus.REVERSED)),
            sa.or_(
                sa.and_(Payment.paid_at >= begins, Payment.paid_at < ends),
                sa.and_(Payment.reversed_at >= begins, Payment.reversed_at < ends),
            ),
        )
        .group_by(Allocation.payment_id, Document.id, Document.number)
        .subquery()
    )
    of_payment = share.c.payment_id
    ranked = sa.select(
        of_payment,
        share.c.number,
        sa.func.row_number().over(partition_by=of_payment, order_by=share.c.place).label("rank"),
        sa.func.count().over(partition_by=of_payment).label("total"),
    ).subquery()
    rows = db.session.execute(
        sa.select(ranked).where(ranked.c.rank <= NAMED).order_by(ranked.c.payment_id, ranked.c.rank)
    )
    found: dict[int, Numbers] = {}
    for row in rows:
        first = (*found.get(row.payment_id, Numbers()).first, row.number or "")
        found[row.payment_id] = Numbers(first, row.total - len(first))
    return found


@dataclass(frozen=True)
class _Source:
    """Rows that change what somebody owes: when, by how much, and what is said of them."""

    at: Any
    amount: Any
    criteria: tuple[sa.ColumnElement[bool], ...]
    said: tuple[Any, ...]
    entry: Callable[[Any], Entry]
    edge: Callable[[date], Any]

    def within(self, first_day: date, last_day: date) -> sa.Select[*tuple[Any, ...]]:
        """Its rows of a period."""
        after = self.edge(last_day + timedelta(days=1))
        columns = (self.at.label("at"), self.amount.label("amount"), *self.said)
        return sa.select(*columns).where(*self.criteria, self.at >= self.edge(first_day), self.at < after)

    def sum_before(self, first_day: date) -> sa.Select[tuple[int]]:
        """What all of its rows before a day come to."""
        total = sa.func.coalesce(sa.func.sum(self.amount), 0)
        return sa.select(total).where(*self.criteria, self.at < self.edge(first_day))


def _sources(account: Account, paid_for: Mapping[int, Numbers] | None = None) -> list[_Source]:
    """``paid_for``: what the payments were for, by their ids, where that is asked."""
    named = paid_for or {}
    zone = ZoneInfo(account.time_zone)

    def midnight(day: date) -> datetime:
        return datetime.combine(day, time(), zone)

    def local(at: datetime) -> date:
        return clock.today(account.time_zone, at)

    def of(model: Any) -> tuple[sa.ColumnElement[bool], ...]:
        return (
            model.customer_id == account.customer_id,
            model.mode == account.mode,
            model.currency == account.currency,
        )

    is_note = Document.kind == DocumentKind.CREDIT_NOTE
    documents = _Source(
        Document.issue_date,
        sa.case((is_note, -Document.total_minor), else_=Document.total_minor),
        (*of(Document), Document.status.in_((DocumentStatus.OPEN, DocumentStatus.SETTLED))),
        (Document.kind, Document.number),
        lambda row: Entry(
            row.at,
            Event.CREDIT_NOTE if row.kind is DocumentKind.CREDIT_NOTE else Event.DOCUMENT,
            row.kind.label,
            row.number or "",
            row.amount,
        ),
        lambda day: day,
    )
    paid = _Source(
        Payment.paid_at,
        -Payment.received_minor,
        (*of(Payment), Payment.status.in_((PaymentStatus.PAID, PaymentStatus.REVERSED))),
        (Payment.id, Payment.method, Payment.provider_ref),
        lambda row: Entry(
            local(row.at),
            Event.PAYMENT,
            row.method.label,
            row.provider_ref or "",
            row.amount,
            named.get(row.id, Numbers()),
        ),
        midnight,
    )
    taken_back = _Source(
        Payment.reversed_at,
        Payment.received_minor,
        (*of(Payment), Payment.status == PaymentStatus.REVERSED),
        (Payment.id, Payment.method, Payment.provider_ref),
        lambda row: Entry(
            local(row.at),
            Event.CHARGEBACK,
            _l("Payment taken back"),
            row.provider_ref or "",
            row.amount,
            named.get(row.id, Numbers()),
        ),
        midnight,
    )
    # Money on its way back is taken from the credit at once, and given back to it should it not arrive.
    refunds = _Source(
        CreditEntry.created_at,
        -CreditEntry.amount_minor,
        (*of(CreditEntry), CreditEntry.use.in_((CreditUse.REFUND, CreditUse.REFUND_RETURNED))),
        (
            CreditEntry.use,
            _number(CreditEntry.document_id),
            sa.select(sa.func.coalesce(Refund.provider_ref, Refund.reference))
            .where(Refund.id == CreditEntry.refund_id)
            .correlate(CreditEntry)
            .scalar_subquery()
            .label("reference"),
        ),
        lambda row: Entry(
            local(row.at),
            Event.REFUND,
            row.use.label,
            row.reference or "",
            row.amount,
            _of(row.number),
        ),
        midnight,
    )
    # What was settled before there was a portal, as an import says it.
    elsewhere = _Source(
        Allocation.created_at,
        -Allocation.amount_minor,
        (
            Allocation.document_id.in_(sa.select(Document.id).where(*of(Document))),
            Allocation.state == AllocationState.BOOKED,
            Allocation.payment_id.is_(None),
            Allocation.credit_note_id.is_(None),
            Allocation.credit_entry_id.is_(None),
        ),
        (_number(Allocation.document_id),),
        lambda row: Entry(local(row.at), Event.PAYMENT, _l("Payment"), "", row.amount, _of(row.number)),
        midnight,
    )
    return [documents, paid, taken_back, refunds, elsewhere]


def _number(document_id: Any) -> sa.Label[str | None]:
    whole = aliased(Document)
    return sa.select(whole.number).where(whole.id == document_id).scalar_subquery().label("number")


def _of(number: str | None) -> Numbers:
    return Numbers((number,)) if number else Numbers()


def _what(entry: Entry) -> str:
    """What a row is, in words: an invoice by its number, money by what it was for and by its reference."""
    if not entry.numbers.first:
        return f"{entry.label} {entry.reference}".strip()
    numbers = ", ".join(entry.numbers.first)
    if entry.numbers.more:
        numbers = _("%(numbers)s and %(count)s more", numbers=numbers, count=entry.numbers.more)
    what = _("%(what)s for %(numbers)s", what=entry.label, numbers=numbers)
    return f"{what} · {entry.reference}" if entry.reference else what


def statement_context(
    statement: Statement, customer: Customer, shop: Shop, account: Account, language: str
) -> dict[str, Any]:
    """What ``pdf/statement.html`` prints, in plain values of a language."""
    balance, rows = statement.opening_minor, []
    with force_locale(language):
        for entry in statement.entries:
            balance += entry.amount_minor
            rows.append(
                {
                    "day": entry.day,
                    "what": _what(entry),
                    "minor": entry.amount_minor,
                    "balance_minor": balance,
                }
            )
        sums = [(str(label), minor) for event, label in _SUMS.items() if (minor := statement.sum_of(event))]
    return {
        "statement": {
            "first_day": statement.first_day,
            "last_day": statement.last_day,
            "opening_minor": statement.opening_minor,
            "closing_minor": statement.closing_minor,
            "currency": account.currency,
            "rows": rows,
            "sums": sums,
            "test": account.mode is Mode.TEST,
        },
        "seller": {"name": shop.legal_name or shop.name, "lines": _lines(shop, language)},
        "buyer": {"name": customer.company or customer.name, "lines": _lines(customer, language)},
        "brand": {
            "accent": shop.colour,
            "text": brand.brand_colours(shop.colour)["--brand-l"],
            "logo": logo_of(shop),
        },
    }


def _lines(party: Shop | Customer, language: str) -> list[str]:
    place = f"{party.postal_code} {party.city}".strip()
    return [line for line in (party.street, place, locale.country(party.country, language)) if line]
