"""The security mails of people: one function per mail, and the links that are made only as a mail leaves.

None of them repeats what a visitor typed: whoever registers somebody else's address must not be able to write
to them. Only an account's owners read the name of who belongs to it from now on, whom the shop or one of them let in.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from flask_babel import force_locale

from portal.core import links, mailer
from portal.core.letter import BadAddress
from portal.core.mailer import Category, Mail, MailMessage
from portal.domain.people import queries, tokens
from portal.domain.people.models import ContactPerson, Customer, Invitation, Person, Role, TokenPurpose
from portal.domain.people.naming import has_name
from portal.domain.people.recipients import account_language
from portal.domain.shops.models import Shop
from portal.extensions import db

log = logging.getLogger(__name__)

#: Where each kind of link leads.
PAGES = {
    TokenPurpose.CONFIRM: "auth.confirm",
    TokenPurpose.RESET: "auth.reset",
    TokenPurpose.CLAIM: "auth.claim",
    TokenPurpose.EMAIL_CHANGE: "auth.change_email",
    TokenPurpose.INVITATION: "auth.accept",
}


def confirm_address(person: Person, *, language: str, now: datetime) -> MailMessage:
    """Asks who registered to confirm the address; nobody can log in with it before."""
    return _queue("confirm_address", person, language=language, now=now, secret="confirm")  # noqa: S106


def claim_account(person: Person, *, language: str, now: datetime) -> MailMessage:
    """The same where the shop has an account for this address already, which nobody can log in to yet."""
    return _queue("claim_account", person, language=language, now=now, secret="confirm")  # noqa: S106


def account_exists(person: Person, *, now: datetime) -> MailMessage:
    """Tells the owner of an address that somebody tried to register with it, and how to log in."""
    return _queue(
        "account_exists", person, now=now, pages={"login_url": "auth.login", "forgot_url": "auth.forgot"}
    )


def reset_password(person: Person, *, now: datetime) -> MailMessage:
    """The link to choose a new password."""
    return _queue("reset_password", person, now=now, secret="reset")  # noqa: S106


def password_changed(person: Person, *, now: datetime) -> MailMessage:
    """Tells that the password was changed, in case it was somebody else."""
    return _queue("password_changed", person, now=now, pages={"forgot_url": "auth.forgot"})


def claim_requested(owner: Person, asker: Person, customer: Customer, *, now: datetime) -> MailMessage:
    """Asks an owner of an account whether somebody else, who reads the account's mail, may use it."""
    return _queue(
        "claim_requested",
        owner,
        now=now,
        secret="claim",  # noqa: S106
        values={"asker_email": asker.email, "asker_id": asker.public_id, "account": customer.name},
        customer_id=customer.id,
    )


def invitation(invited: Invitation, person: Person, customer: Customer, *, now: datetime) -> MailMessage:
    """Asks somebody to an account; until they accept, nothing is theirs."""
    return _queue(
        "invitation",
        person,
        now=now,
        secret="invitation",  # noqa: S106
        values={"account": customer.name, "invitation_id": invited.public_id},
        customer_id=customer.id,
    )


def access_granted(person: Person, customer: Customer, *, now: datetime) -> MailMessage:
    """Tells who asked for an account that an owner of it agreed."""
    return _queue(
        "access_granted",
        person,
        now=now,
        pages={"login_url": "auth.login"},
        values={"account": customer.name},
        customer_id=customer.id,
    )


def member_added(
    owner: Person, member: Person, customer: Customer, role: Role, *, granted_by: Person | None, now: datetime
) -> MailMessage:
    """Tells an owner of an account that somebody else can use it from now on, in case nobody should.

    ``granted_by`` is who of the account agreed; else the shop invited them.
    """
    shop = db.session.get_one(Shop, owner.shop_id)
    with force_locale(queries.mail_language(owner, shop.language)):
        can = str(role.label)
    return _queue(
        "member_added",
        owner,
        now=now,
        pages={"ask_url": "support.create"},
        values={
            "member_name": member.name if has_name(member) else "",
            "member_email": member.email,
            "account": customer.name,
            "role": can,
            "granted_by": granted_by.name if granted_by is not None else "",
            "since": now,
        },
        customer_id=customer.id,
    )


def change_email(person: Person, email: str, *, session_id: int | None, now: datetime) -> MailMessage:
    """Asks whoever reads a new address to confirm that it becomes this person's log-in."""
    return _queue(
        "change_email",
        person,
        to=email,
        now=now,
        secret="email_change",  # noqa: S106
        values={"session_id": session_id},
    )


def change_account_email(person: Person, customer: Customer, email: str, *, now: datetime) -> MailMessage:
    """Asks whoever reads a new address to confirm that an account's mail goes there."""
    return _queue(
        "change_account_email",
        person,
        to=email,
        now=now,
        secret="email_change",  # noqa: S106
        customer_id=customer.id,
    )


def email_taken(person: Person, *, now: datetime) -> MailMessage:
    """Tells the owner of an address that somebody else wanted to log in with it, and how they log in themselves."""
    return _queue(
        "email_taken", person, now=now, pages={"login_url": "auth.login", "forgot_url": "auth.forgot"}
    )


def email_changed(person: Person, old: str, *, with_account: bool, now: datetime) -> MailMessage:
    """Tells an address that it is no log-in any more, in case it was somebody else. The new one is not named."""
    return _queue("email_changed", person, to=old, now=now, values={"with_account": with_account})


def account_email_changed(person: Person, customer: Customer, old: str, *, now: datetime) -> MailMessage:
    """Tells an address that an account's mail does not go there any more."""
    return _queue("account_email_changed", person, to=old, now=now, customer_id=customer.id)


def account_email_moved(customer: Customer, old: str, *, now: datetime) -> MailMessage:
    """The same where the shop changed it, perhaps of an account to which nobody belongs."""
    shop = db.session.get_one(Shop, customer.shop_id)
    return mailer.queue(
        Mail(
            name="account_email_changed",
            category=Category.SECURITY,
            language=account_language(customer, shop),
            to=[old],
            context={"email": old, "shop_name": shop.name},
            related=f"customer:{customer.public_id}",
            customer_id=customer.id,
        ),
        now=now,
    )


def copies_begin(contact: ContactPerson, *, now: datetime) -> MailMessage | None:
    """Tells an account that somebody gets copies of its mails from now on. Of them the address only, never the name."""
    customer = queries.get_customer(contact.customer_id)
    shop = db.session.get_one(Shop, customer.shop_id)
    try:
        return mailer.queue(
            Mail(
                name="contact_added",
                category=Category.SECURITY,
                language=account_language(customer, shop),
                to=[customer.email],
                context={
                    "shop_name": shop.name,
                    "contact_email": contact.email,
                    "billing": contact.billing_mails,
                    "account": contact.account_mails,
                    "contacts_url": links.external(shop.id, "contacts.index"),
                },
                related=f"customer:{customer.public_id}",
                customer_id=customer.id,
            ),
            now=now,
        )
    except BadAddress:
        log.warning("customer %s has no address that a mail could go to", customer.id)
        return None


@mailer.secret("email_change")
def _email_change_link(mail: MailMessage, *, now: datetime) -> str | None:
    person, email = _person_of(mail), mail.to[0]
    if person is None or not can_log_in(person) or _was_asked_again(mail):
        return None
    if mail.customer_id is None and queries.find_person_by_email(email) is not None:
        return None
    tokens.revoke(TokenPurpose.EMAIL_CHANGE, person.id, now=now, customer_id=mail.customer_id)
    secret = tokens.issue(
        TokenPurpose.EMAIL_CHANGE,
        person.id,
        now=now,
        customer_id=mail.customer_id,
        data={"email": email, "session_id": mail.context.get("session_id")},
    )
    return links.external(mail.shop_id, PAGES[TokenPurpose.EMAIL_CHANGE], token=secret)


def _was_asked_again(mail: MailMessage) -> bool:
    """Whether a later mail asks the same for another address: of the two only that one may bring a link."""
    later = sa.select(MailMessage.id).where(
        MailMessage.related == mail.related,
        MailMessage.name == mail.name,
        MailMessage.customer_id.is_not_distinct_from(mail.customer_id),
        MailMessage.created_at >= mail.created_at,
        MailMessage.id > mail.id,
    )
    return db.session.scalar(later.limit(1)) is not None


@mailer.secret("confirm")
def _confirm_link(mail: MailMessage, *, now: datetime) -> str | None:
    person = _person_of(mail)
    if person is None or can_log_in(person):
        return None
    return link(person, TokenPurpose.CONFIRM, now=now)


@mailer.secret("invitation")
def _invitation_link(mail: MailMessage, *, now: datetime) -> str | None:
    invited = db.session.scalar(
        sa.select(Invitation).where(
            Invitation.public_id == mail.context["invitation_id"],
            Invitation.accepted_at.is_(None),
            Invitation.revoked_at.is_(None),
        )
    )
    if invited is None:
        return None
    # Sent again, the mail brings a new link, and the one before stops working.
    secret = tokens.issue(
        TokenPurpose.INVITATION,
        invited.person_id,
        now=now,
        customer_id=invited.customer_id,
        data={"invitation_id": invited.id},
    )
    invited.expires_at = now + tokens.LIFETIMES[TokenPurpose.INVITATION]
    return links.external(mail.shop_id, PAGES[TokenPurpose.INVITATION], token=secret)


@mailer.secret("reset")
def _reset_link(mail: MailMessage, *, now: datetime) -> str | None:
    person = _person_of(mail)
    return link(person, TokenPurpose.RESET, now=now) if person is not None else None


@mailer.secret("claim")
def _claim_link(mail: MailMessage, *, now: datetime) -> str | None:
    owner, asker = _person_of(mail), queries.find_person_by_public_id(mail.context["asker_id"])
    if owner is None or asker is None or mail.customer_id is None:
        return None
    membership = queries.find_membership(owner.id, mail.customer_id)
    if membership is None or membership.role is not Role.OWNER:
        return None
    if queries.find_membership(asker.id, mail.customer_id) is not None:
        return None
    secret = tokens.issue(
        TokenPurpose.CLAIM, asker.id, now=now, customer_id=mail.customer_id, data={"owner_id": owner.id}
    )
    return links.external(mail.shop_id, PAGES[TokenPurpose.CLAIM], token=secret)


def link(person: Person, purpose: TokenPurpose, *, now: datetime) -> str:
    """The address of a new link of a person; those of the same purpose before it stop working."""
    secret = tokens.issue(purpose, person.id, now=now)
    return links.external(person.shop_id, PAGES[purpose], token=secret)


def can_log_in(person: Person) -> bool:
    """Whether the person confirmed the address and has a password."""
    return person.confirmed_at is not None and person.password_hash is not None


def _queue(
    name: str,
    person: Person,
    *,
    now: datetime,
    language: str | None = None,
    secret: str | None = None,
    pages: dict[str, str] | None = None,
    values: dict[str, Any] | None = None,
    customer_id: int | None = None,
    to: str | None = None,
) -> MailMessage:
    shop = db.session.get_one(Shop, person.shop_id)
    addresses = {key: links.external(shop.id, endpoint) for key, endpoint in (pages or {}).items()}
    return mailer.queue(
        Mail(
            name=name,
            category=Category.SECURITY,
            language=language or queries.mail_language(person, shop.language),
            to=[to or person.email],
            context={"email": to or person.email, "shop_name": shop.name, **addresses, **(values or {})},
            related=f"person:{person.public_id}",
            customer_id=customer_id,
            secret=secret,
        ),
        now=now,
    )


def _person_of(mail: MailMessage) -> Person | None:
    return queries.find_person_by_public_id((mail.related or "").removeprefix("person:"))
