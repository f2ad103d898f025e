"""The parts of a customer's page, in the words its template uses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from portal.domain.invoices.balance import badge
from portal.domain.invoices.models import Badge, DocumentKind
from portal.domain.people.models import ContactRole, Role


@dataclass(frozen=True)
class PersonRow:
    """Somebody who can log in, or is invited to; ``at`` is the last log-in, or the end of the invitation."""

    public_id: str
    name: str
    email: str
    role: Any
    is_invited: bool
    is_over: bool
    at: datetime | None


@dataclass(frozen=True)
class ContactRow:
    """An address that gets copies."""

    name: str
    email: str
    role: Any


@dataclass(frozen=True)
class InvoiceRow:
    """A document in a short list. The total is in minor units."""

    public_id: str
    number: str
    issue_date: date
    total_minor: int
    currency: str
    badge: Badge | None


def people(rows: Sequence[Any], *, now: datetime) -> list[PersonRow]:
    """Who logs in for an account first, then who is invited."""
    found = [
        PersonRow(
            public_id=row.public_id,
            name=row.name or row.email,
            email=row.email,
            role=Role(row.role).label,
            is_invited=row.kind == "invited",
            is_over=row.kind == "invited" and row.at is not None and row.at <= now,
            at=row.at,
        )
        for row in rows
        if row.kind != "contact"
    ]
    return sorted(found, key=lambda each: each.is_invited)


def contacts(rows: Sequence[Any]) -> list[ContactRow]:
    """The contact persons of an account."""
    return [
        ContactRow(row.name, row.email, ContactRole(row.role).label) for row in rows if row.kind == "contact"
    ]


def invoice(row: Any) -> InvoiceRow:
    """A document of a customer; a credit note takes back and has no state of its own."""
    is_note = row.kind is DocumentKind.CREDIT_NOTE
    return InvoiceRow(
        public_id=row.public_id,
        number=row.number,
        issue_date=row.issue_date,
        total_minor=-row.total_minor if is_note else row.total_minor,
        currency=row.currency,
        badge=None
        if is_note
        else badge(
            list_state=row.list_state,
            open_minor=row.open_minor,
            total_minor=row.total_minor,
            reversed_at=row.reversed_at,
            is_late=row.is_late,
        ),
    )
