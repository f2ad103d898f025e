"""What every table is made of: the declarative base, its naming convention, mixins and column types."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedColumn, declared_attr, mapped_column
from sqlalchemy.types import TypeDecorator

from portal.core import clock

#: Constraint names are part of the migrations, so they are made by one rule on every database.
NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

#: Stored words are at most this long; the length is fixed so that adding a word needs no migration.
WORD_LENGTH = 32


class LabelEnum(StrEnum):
    """A stored word with the label and the tone that people see.

    A member is written as ``PAID = "paid", _l("Paid"), "green"``. The word is what the database holds and never
    changes; the label is lazy and follows the reader's language; the tone is a colour of the status badge.
    """

    label: Any
    tone: str

    def __new__(cls, word: str, label: Any = "", tone: str = "grey") -> LabelEnum:
        member = str.__new__(cls, word)
        member._value_ = word
        member.label = label
        member.tone = tone
        return member


class UTCDateTime(TypeDecorator[datetime]):
    """An aware moment, stored in UTC. A naive datetime is a mistake and raises ``ValueError``."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a stored moment needs a time zone")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Scaled4(TypeDecorator[Decimal]):
    """A ``Decimal`` with at most four decimals, stored as an integer × 10⁴ (SQLite's Numeric is a float)."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | int | None, dialect: sa.Dialect) -> int | None:
        if value is None:
            return None
        scaled = Decimal(value).scaleb(4)
        if scaled != scaled.to_integral_value():
            raise ValueError(f"{value} has more than four decimals")
        return int(scaled)

    def process_result_value(self, value: int | None, dialect: sa.Dialect) -> Decimal | None:
        return None if value is None else Decimal(value).scaleb(-4)


def word(enum: type[StrEnum]) -> sa.Enum:
    """The column type of an enum: its stored words as plain text, checked by the application and not by a CHECK."""
    return sa.Enum(
        enum,
        native_enum=False,
        create_constraint=False,
        validate_strings=True,
        values_callable=lambda members: [member.value for member in members],
        length=WORD_LENGTH,
    )


def new_public_id() -> str:
    """An unguessable name of a row for addresses: 22 characters, 128 bits."""
    return secrets.token_urlsafe(16)


#: ``BigInteger`` on PostgreSQL, while SQLite only numbers rows of a plain INTEGER by itself.
BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def bytewise(length: int) -> sa.String:
    """A text that is compared and ordered by its bytes on every database: the beginning of one is a range."""
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


class Base(DeclarativeBase):
    """The base of every model of the portal and of third-party sections."""

    metadata = sa.MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map = {
        datetime: UTCDateTime(),
        dict[str, Any]: sa.JSON(none_as_null=True),
        list[str]: sa.JSON(none_as_null=True),
        list[Any]: sa.JSON(none_as_null=True),
    }


class Id:
    """A surrogate key, never shown to anybody."""

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)


class ShopOwned:
    """A row of one shop: the tenancy guard scopes every query on it and stamps every new one."""

    @declared_attr
    def shop_id(cls) -> Mapped[int]:
        return mapped_column(BigId, sa.ForeignKey("shops.id"), nullable=False, index=False)


class CustomerOwned(ShopOwned):
    """A row of one account of that shop: the key holds both, so that no row can name an account of another shop.

    The guard scopes queries to the shop only: whose account it is, each query says itself.
    """

    customer_id: Mapped[int] = mapped_column(BigId)

    @classmethod
    def __table_cls__(cls, *args: Any, **options: Any) -> sa.Table:
        key = sa.ForeignKeyConstraint(["shop_id", "customer_id"], ["customers.shop_id", "customers.id"])
        return sa.Table(*args, key, **options)


class PublicId:
    """A row that people reach by an address."""

    public_id: Mapped[str] = mapped_column(sa.String(22), unique=True, default=new_public_id)


class Versioned:
    """A row with a state: two writers at once end in one result and a ``StaleDataError``."""

    version: Mapped[int] = mapped_column(sa.Integer, default=1, nullable=False)

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:
        return {"version_id_col": cls.version}


class Timestamped:
    """A row that knows when it was made."""

    created_at: Mapped[datetime] = mapped_column(default=clock.now)


def minor(**options: Any) -> Mapped[int]:
    """A column of money in minor units (cents) of the row's currency."""
    options.setdefault("default", 0)
    return mapped_column(sa.BigInteger, **options)


#: How a column says that it holds the key of a stored file: a backup looks whether it has them all.
STORED_FILE = "stored_file"


def stored_file() -> MappedColumn[Any]:
    """A column with the key of a file in ``core.storage``; nullable when its annotation is."""
    return mapped_column(sa.String(200), info={STORED_FILE: True})
