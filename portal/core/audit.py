"""Who did what: a row beside every change of money, of a status, of access."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.core.tables import Base, BigId, Id, ShopOwned
from portal.extensions import db


class Named(Protocol):
    """A row that acts: a person or a member of staff."""

    @property
    def id(self) -> int: ...


@dataclass(frozen=True)
class Actor:
    """Who is behind a change: ``person``, ``staff``, ``system``, ``provider`` or ``visitor``."""

    kind: str
    id: int | None = None
    name: str = ""

    @classmethod
    def person(cls, person: Named) -> Actor:
        """A customer's person, signed in."""
        return cls("person", person.id)

    @classmethod
    def staff(cls, staff: Named) -> Actor:
        """Somebody of the shop."""
        return cls("staff", staff.id)

    @classmethod
    def system(cls, name: str = "") -> Actor:
        """The portal itself: a scheduled run or a command."""
        return cls("system", None, name)

    @classmethod
    def provider(cls, name: str) -> Actor:
        """A payment provider that told us something."""
        return cls("provider", None, name)

    @classmethod
    def visitor(cls) -> Actor:
        """Somebody who is not signed in, such as on a payment link."""
        return cls("visitor")


class AuditEntry(Id, ShopOwned, Base):
    """One change. Rows are only ever added; ``data`` holds identifiers and amounts, no personal details."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        sa.Index("ix_audit_entries_subject", "shop_id", "subject_type", "subject_id", "event", "at"),
        sa.Index("ix_audit_entries_at", "shop_id", "at"),
    )

    at: Mapped[datetime]
    event: Mapped[str] = mapped_column(sa.String(64))
    actor_kind: Mapped[str] = mapped_column(sa.String(16))
    actor_id: Mapped[int | None] = mapped_column(BigId)
    actor_name: Mapped[str] = mapped_column(sa.String(64), default="")
    subject_type: Mapped[str] = mapped_column(sa.String(64))
    subject_id: Mapped[int | None] = mapped_column(BigId)
    data: Mapped[dict[str, Any]] = mapped_column(sa.JSON, default=dict)


def record(event: str, subject: Any, *, actor: Actor, now: datetime, **data: Any) -> AuditEntry:
    """Adds the entry to the caller's transaction, flushing first when ``subject`` has no id yet.

    ``event`` is ``area.past_tense`` such as ``invoice.finalised``.
    """
    if subject.id is None:
        db.session.flush()
    entry = AuditEntry(
        at=now,
        event=event,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_name=actor.name,
        subject_type=subject.__tablename__,
        subject_id=subject.id,
        data=data,
    )
    db.session.add(entry)
    return entry


def last_at(event: str, subject: Any) -> datetime | None:
    """When something last happened to a row; None for never. The entries of one row are few, and found by an index."""
    return db.session.scalar(
        sa.select(sa.func.max(AuditEntry.at)).where(
            AuditEntry.subject_type == subject.__tablename__,
            AuditEntry.subject_id == subject.id,
            AuditEntry.event == event,
        )
    )
