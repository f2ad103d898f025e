"""Contact persons of an account: who gets copies of its mails, without being able to log in."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from portal.core import audit
from portal.core.audit import Actor
from portal.core.errors import Conflict, DomainError, NotFound
from portal.domain.people import mails
from portal.domain.people.models import ContactPerson, ContactRole, Customer
from portal.domain.people.queries import normal_email
from portal.extensions import db

#: How many an account may have.
MOST = 10


@dataclass(frozen=True, kw_only=True)
class ContactDetails:
    """What is known of a contact person. The texts are stripped and fit their columns."""

    name: str
    email: str
    phone: str = ""
    role: ContactRole = ContactRole.GENERAL
    billing_mails: bool = True
    account_mails: bool = False


def list_contacts(customer_id: int) -> list[ContactPerson]:
    """The contact persons of an account, by address; they are few, so there are no pages of them."""
    return list(
        db.session.scalars(
            sa.select(ContactPerson)
            .where(ContactPerson.customer_id == customer_id)
            .order_by(ContactPerson.email)
        )
    )


def get_contact(public_id: str, *, customer_ids: list[int]) -> ContactPerson:
    """One of them, among those of some accounts; ``NotFound`` elsewhere."""
    found = db.session.scalar(
        sa.select(ContactPerson).where(
            ContactPerson.public_id == public_id, ContactPerson.customer_id.in_(customer_ids)
        )
    )
    if found is None:
        raise NotFound
    return found


def add_contact(customer_id: int, wanted: ContactDetails, *, actor: Actor, now: datetime) -> ContactPerson:
    """Puts somebody on an account's list, of which that is told. For whoever may change its contact persons.

    Raises ``DomainError`` when the list is full or the address is on it already, or is the account's own.
    """
    account = _hold(customer_id)
    others = list_contacts(customer_id)
    if len(others) >= MOST:
        raise DomainError(
            _l("An account has at most %(count)s contact persons. Remove one first.", count=MOST)
        )
    _check_address(wanted.email, account, others)
    contact = ContactPerson(customer_id=customer_id, created_at=now, **_columns(wanted))
    db.session.add(contact)
    audit.record("contact.added", contact, actor=actor, now=now, customer_id=customer_id)
    if contact.billing_mails or contact.account_mails:
        mails.copies_begin(contact, now=now)
    return contact


def change_contact(
    contact: ContactPerson, wanted: ContactDetails, *, version: int, actor: Actor, now: datetime
) -> None:
    """Stores what is known of somebody now. For whoever may change the account's contact persons.

    The account is told where copies go to another address, or of more mails, than before.

    ``version`` is that of the row when it was read; ``Conflict`` when somebody else changed it since. Raises
    ``DomainError`` as adding does, and ``NotFound`` when the contact person was removed meanwhile.
    """
    account = _hold(contact.customer_id)
    contact = _fresh(contact)
    if contact.version != version:
        raise Conflict(
            _l(
                "Somebody changed this contact person meanwhile. Save again to replace that with what is here."
            )
        )
    others = [other for other in list_contacts(account.id) if other.id != contact.id]
    _check_address(wanted.email, account, others)
    columns = _columns(wanted)
    gets_more = (wanted.billing_mails and not contact.billing_mails) or (
        wanted.account_mails and not contact.account_mails
    )
    moves = columns["email"] != contact.email and (wanted.billing_mails or wanted.account_mails)
    changed = [column for column, value in columns.items() if getattr(contact, column) != value]
    for column in changed:
        setattr(contact, column, columns[column])
    if changed:
        audit.record(
            "contact.changed", contact, actor=actor, now=now, customer_id=account.id, columns=changed
        )
    if gets_more or moves:
        mails.copies_begin(contact, now=now)


def remove_contact(contact: ContactPerson, *, actor: Actor, now: datetime) -> None:
    """Takes somebody off the list; mails that are written from now on do not go to them.

    For whoever may change the account's contact persons. ``NotFound`` when somebody else was first.
    """
    _hold(contact.customer_id)
    contact = _fresh(contact)
    audit.record("contact.removed", contact, actor=actor, now=now, customer_id=contact.customer_id)
    db.session.delete(contact)


def _hold(customer_id: int) -> Customer:
    """The account, held: its list is changed by one at a time, else two would find the last place free."""
    return db.session.get_one(Customer, customer_id, with_for_update=True)


def _fresh(contact: ContactPerson) -> ContactPerson:
    """The contact person as they are now that the account is held."""
    found = db.session.scalar(
        sa.select(ContactPerson)
        .where(ContactPerson.id == contact.id)
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise NotFound
    return found


def _check_address(email: str, account: Customer, others: list[ContactPerson]) -> None:
    if normal_email(email) == normal_email(account.email):
        raise DomainError(_l("The account itself gets its mails at this address already."), "email")
    if normal_email(email) in {normal_email(other.email) for other in others}:
        raise DomainError(_l("A contact person with this address is on the list already."), "email")


def _columns(wanted: ContactDetails) -> dict[str, object]:
    return {**asdict(wanted), "email": normal_email(wanted.email)}
