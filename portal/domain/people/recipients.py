"""Who gets a mail about an account, and in which language (product.md, "E-mails")."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import sqlalchemy as sa

from portal.domain.people.models import Customer, Membership, Person, Staff, StaffRole
from portal.domain.shops.models import Shop
from portal.extensions import db


class Switch(StrEnum):
    """The mail switches of an account; each names its column."""

    NEW_INVOICE = "mail_new_invoice"
    PAYMENT_CONFIRMATION = "mail_payment_confirmation"
    PAYMENT_REMINDERS = "mail_payment_reminders"
    RENEWAL_NOTICES = "mail_renewal_notices"
    STATUS_CHANGES = "mail_status_changes"
    ORDER_CONFIRMATION = "mail_order_confirmation"


@dataclass(frozen=True)
class Recipients:
    """To whom a mail goes and who gets a copy."""

    to: list[str]
    cc: list[str]


def billing_recipients(customer: Customer, switch: Switch | None) -> Recipients | None:
    """For a billing mail: the account, with copies to contacts with billing e-mails; none when nobody wants it.

    A switch governs the account's own address only: with it off the mail goes to those contacts.
    """
    return _recipients(
        customer, switch, [contact.email for contact in customer.contacts if contact.billing_mails]
    )


def account_recipients(customer: Customer, switch: Switch | None) -> Recipients | None:
    """The same for an account mail and contacts with account e-mails."""
    return _recipients(
        customer, switch, [contact.email for contact in customer.contacts if contact.account_mails]
    )


def contact_recipients(customer: Customer, *, but: str) -> Recipients | None:
    """Those same contacts alone, without ``but``, who gets a mail of their own; none where no other is left.

    For what also goes to one person: who asks something need not be allowed to see an account's contact persons.
    """
    copies = dict.fromkeys(contact.email for contact in customer.contacts if contact.account_mails)
    others = [each for each in copies if each.lower() != but.lower()]
    return Recipients(others, []) if others else None


def _recipients(customer: Customer, switch: Switch | None, copies: list[str]) -> Recipients | None:
    copies = [address for address in dict.fromkeys(copies) if address.lower() != customer.email.lower()]
    if switch is None or getattr(customer, switch.value):
        return Recipients([customer.email], copies)
    return Recipients(copies, []) if copies else None


def account_language(customer: Customer, shop: Shop) -> str:
    """The language of an account's mails and documents, ``en`` or ``nl``.

    With a single person it is that person's choice, else the account's; "auto" is what the last log-in used, else
    the shop's language.
    """
    choice = find_only_choice(customer) or customer.language
    if choice in ("en", "nl"):
        return choice
    return customer.last_language or shop.language


def find_only_choice(customer: Customer) -> str | None:
    """The language that the only person of an account chose, "auto" too; None where there is nobody, or several."""
    choices = db.session.scalars(
        sa.select(Person.language)
        .join(Membership, Membership.person_id == Person.id)
        .where(Membership.customer_id == customer.id)
        .limit(2)
    ).all()
    return choices[0] if len(choices) == 1 else None


#: Who may answer customers; the others only read.
ANSWER = (StaffRole.OWNER, StaffRole.MANAGER, StaffRole.SUPPORT)


def staff_recipients(shop: Shop) -> dict[str, list[str]]:
    """The addresses of those at the shop who may answer customers, by the language they read.

    While nobody of them is left, the shop's own address stands in, if it has one.
    """
    found: dict[str, list[str]] = {}
    rows = db.session.execute(
        sa.select(Staff.email, Staff.language)
        .where(Staff.role.in_(ANSWER), Staff.archived_at.is_(None))
        .order_by(Staff.id)
    )
    for email, language in rows:
        found.setdefault(language if language in ("en", "nl") else shop.language, []).append(email)
    if not found and shop.email:
        found[shop.language] = [shop.email]
    return found
