"""Who is billed (customers), who logs in for them (people), who gets copies (contacts), and who works here (staff)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.core.finding import LONGEST_WORD
from portal.core.tables import (
    Base,
    BigId,
    Id,
    LabelEnum,
    PublicId,
    ShopOwned,
    Timestamped,
    Versioned,
    bytewise,
    word,
)


class Role(LabelEnum):
    """What a person may do for an account."""

    OWNER = "owner", _l("Owner")
    BILLING = "billing", _l("Billing")
    ORDERS = "orders", _l("Orders")
    SUPPORT = "support", _l("Support")
    READ_ONLY = "read_only", _l("Read only")


class StaffRole(LabelEnum):
    """What somebody who works at the shop may do."""

    OWNER = "owner", _l("Owner")
    MANAGER = "manager", _l("Manager")
    SUPPORT = "support", _l("Support")
    READ_ONLY = "read_only", _l("Read only")


class ContactRole(LabelEnum):
    """What a contact person is there for; it has no effect on rights."""

    GENERAL = "general", _l("General")
    BILLING = "billing", _l("Billing")
    BOOKKEEPING = "bookkeeping", _l("Bookkeeping")
    TECHNICAL = "technical", _l("Technical")
    MANAGEMENT = "management", _l("Management")
    SUPPORT = "support", _l("Support")


class CustomerKind(LabelEnum):
    """Consumer law protects the one and not the other."""

    CONSUMER = "consumer", _l("Consumer")
    BUSINESS = "business", _l("Business")


class TokenPurpose(LabelEnum):
    """What a mailed link is for."""

    CONFIRM = "confirm", _l("Confirm e-mail address")
    RESET = "reset", _l("Reset password")
    CLAIM = "claim", _l("Claim account")
    LOGIN = "login", _l("Log-in link")
    INVITATION = "invitation", _l("Invitation")
    EMAIL_CHANGE = "email_change", _l("Change of e-mail address")
    SETUP = "setup", _l("Set up the shop")


class Customer(Id, ShopOwned, PublicId, Timestamped, Versioned, Base):
    """The account that is billed."""

    __tablename__ = "customers"
    __table_args__ = (
        sa.UniqueConstraint("shop_id", "id"),
        sa.Index("ix_customers_shop_id_email", "shop_id", "email"),
        sa.Index("ix_customers_shop_id_name", "shop_id", "name", "id"),
    )

    kind: Mapped[CustomerKind] = mapped_column(word(CustomerKind), default=CustomerKind.CONSUMER)
    name: Mapped[str] = mapped_column(sa.String(200))
    company: Mapped[str] = mapped_column(sa.String(200), default="")
    email: Mapped[str] = mapped_column(sa.String(254))
    phone: Mapped[str] = mapped_column(sa.String(40), default="")
    street: Mapped[str] = mapped_column(sa.String(200), default="")
    postal_code: Mapped[str] = mapped_column(sa.String(20), default="")
    city: Mapped[str] = mapped_column(sa.String(120), default="")
    country: Mapped[str] = mapped_column(sa.String(2), default="NL")
    vat_number: Mapped[str] = mapped_column(sa.String(20), default="")
    vat_checked_on: Mapped[date | None]
    vat_check_reference: Mapped[str] = mapped_column(sa.String(100), default="")
    chamber_number: Mapped[str] = mapped_column(sa.String(20), default="")
    tax_exempt: Mapped[bool] = mapped_column(default=False)
    language: Mapped[str] = mapped_column(sa.String(4), default="auto")
    last_language: Mapped[str | None] = mapped_column(sa.String(2))
    tags: Mapped[list[str]] = mapped_column(sa.JSON, default=list)
    archived_at: Mapped[datetime | None]

    mail_new_invoice: Mapped[bool] = mapped_column(default=True)
    mail_payment_confirmation: Mapped[bool] = mapped_column(default=True)
    mail_payment_reminders: Mapped[bool] = mapped_column(default=True)
    mail_renewal_notices: Mapped[bool] = mapped_column(default=True)
    mail_status_changes: Mapped[bool] = mapped_column(default=True)
    mail_order_confirmation: Mapped[bool] = mapped_column(default=True)

    contacts: Mapped[list[ContactPerson]] = relationship(order_by="ContactPerson.id")


class CustomerWord(ShopOwned, Base):
    """A word by which a customer is found. Kept by ``words`` in step with the customer, whoever changes that one."""

    __tablename__ = "customer_words"
    __table_args__ = (
        sa.PrimaryKeyConstraint("shop_id", "customer_id", "word"),
        sa.ForeignKeyConstraint(["shop_id", "customer_id"], ["customers.shop_id", "customers.id"]),
        sa.Index("ix_customer_words_word", "shop_id", "word", "customer_id"),
        {"sqlite_with_rowid": False},
    )

    customer_id: Mapped[int] = mapped_column(BigId)
    word: Mapped[str] = mapped_column(bytewise(LONGEST_WORD))


class Person(Id, ShopOwned, PublicId, Timestamped, Versioned, Base):
    """Somebody who logs in. Without a password nobody can."""

    __tablename__ = "people"
    __table_args__ = (sa.UniqueConstraint("shop_id", "email"), sa.UniqueConstraint("shop_id", "id"))

    email: Mapped[str] = mapped_column(
        sa.String(254), doc="Lower case, as people type it differently each time."
    )
    given_name: Mapped[str] = mapped_column(sa.String(100), default="")
    family_name: Mapped[str] = mapped_column(sa.String(100), default="")
    password_hash: Mapped[str | None] = mapped_column(sa.String(200))
    confirmed_at: Mapped[datetime | None]
    language: Mapped[str] = mapped_column(sa.String(4), default="auto")
    theme: Mapped[str] = mapped_column(sa.String(6), default="system")
    last_login_at: Mapped[datetime | None]

    memberships: Mapped[list[Membership]] = relationship(back_populates="person", order_by="Membership.id")

    @property
    def name(self) -> str:
        """The full name, or the address for who never gave one."""
        return f"{self.given_name} {self.family_name}".strip() or self.email

    @property
    def account_name(self) -> str:
        """What an account is called that is one with the person; a column is a letter short of both names."""
        return self.name[:200]


class Membership(Id, ShopOwned, Timestamped, Base):
    """A person's role for a customer."""

    __tablename__ = "memberships"
    __table_args__ = (
        sa.UniqueConstraint("person_id", "customer_id"),
        sa.ForeignKeyConstraint(["shop_id", "customer_id"], ["customers.shop_id", "customers.id"]),
        sa.ForeignKeyConstraint(["shop_id", "person_id"], ["people.shop_id", "people.id"]),
        sa.Index("ix_memberships_customer_id", "customer_id"),
    )

    person_id: Mapped[int] = mapped_column(BigId)
    customer_id: Mapped[int] = mapped_column(BigId)
    role: Mapped[Role] = mapped_column(word(Role), default=Role.OWNER)

    person: Mapped[Person] = relationship(back_populates="memberships", overlaps="customer")
    customer: Mapped[Customer] = relationship(overlaps="person,memberships")


class Invitation(Id, ShopOwned, PublicId, Timestamped, Versioned, Base):
    """Somebody was asked to an account: open until it is accepted, revoked, replaced, or has run out."""

    __tablename__ = "invitations"
    __table_args__ = (
        sa.ForeignKeyConstraint(["shop_id", "customer_id"], ["customers.shop_id", "customers.id"]),
        sa.ForeignKeyConstraint(["shop_id", "person_id"], ["people.shop_id", "people.id"]),
        sa.Index(
            "uq_invitations_open",
            "customer_id",
            "person_id",
            unique=True,
            sqlite_where=sa.text("accepted_at IS NULL AND revoked_at IS NULL"),
            postgresql_where=sa.text("accepted_at IS NULL AND revoked_at IS NULL"),
        ),
    )

    customer_id: Mapped[int] = mapped_column(BigId)
    person_id: Mapped[int] = mapped_column(BigId)
    role: Mapped[Role] = mapped_column(word(Role))
    expires_at: Mapped[datetime | None] = mapped_column(
        doc="That of its link, which is made when the mail leaves: none before."
    )
    accepted_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class ContactPerson(Id, ShopOwned, PublicId, Timestamped, Versioned, Base):
    """An address that gets copies and cannot log in."""

    __tablename__ = "contact_persons"
    __table_args__ = (
        sa.UniqueConstraint("customer_id", "email"),
        sa.ForeignKeyConstraint(["shop_id", "customer_id"], ["customers.shop_id", "customers.id"]),
    )

    customer_id: Mapped[int] = mapped_column(BigId)
    name: Mapped[str] = mapped_column(sa.String(200))
    email: Mapped[str] = mapped_column(
        sa.String(254), doc="Lower case, so that an address is on an account's list once."
    )
    phone: Mapped[str] = mapped_column(sa.String(40), default="")
    role: Mapped[ContactRole] = mapped_column(word(ContactRole), default=ContactRole.GENERAL)
    billing_mails: Mapped[bool] = mapped_column(default=True)
    account_mails: Mapped[bool] = mapped_column(default=False)


class Staff(Id, ShopOwned, PublicId, Timestamped, Versioned, Base):
    """Somebody who works at the shop; never logs in as a customer."""

    __tablename__ = "staff"
    __table_args__ = (sa.UniqueConstraint("shop_id", "email"),)

    email: Mapped[str] = mapped_column(sa.String(254))
    name: Mapped[str] = mapped_column(sa.String(200))
    role: Mapped[StaffRole] = mapped_column(word(StaffRole), default=StaffRole.SUPPORT)
    password_hash: Mapped[str | None] = mapped_column(sa.String(200))
    language: Mapped[str] = mapped_column(sa.String(4), default="auto")
    theme: Mapped[str] = mapped_column(sa.String(6), default="system")
    archived_at: Mapped[datetime | None]


class OneTimeToken(Id, ShopOwned, Timestamped, Base):
    """The hash of a link's secret; the link works once, until it expires or is revoked."""

    __tablename__ = "one_time_tokens"
    __table_args__ = (sa.Index("ix_one_time_tokens_person_id", "person_id"),)

    token_hash: Mapped[str] = mapped_column(sa.String(64), unique=True)
    purpose: Mapped[TokenPurpose] = mapped_column(word(TokenPurpose))
    person_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("people.id"))
    staff_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("staff.id"))
    customer_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("customers.id"))
    data: Mapped[dict[str, Any]] = mapped_column(sa.JSON, default=dict)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class LoginEvent(Id, ShopOwned, Timestamped, Base):
    """The log-in history of a person or somebody of the shop: when, how, and from which kind of device."""

    __tablename__ = "login_events"
    __table_args__ = (
        sa.Index("ix_login_events_person_id", "person_id", "created_at"),
        sa.Index("ix_login_events_staff_id", "staff_id", "created_at"),
    )

    person_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("people.id"))
    staff_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("staff.id"))
    succeeded: Mapped[bool]
    means: Mapped[str] = mapped_column(sa.String(32), default="password")
    device: Mapped[str] = mapped_column(sa.String(120), default="")
