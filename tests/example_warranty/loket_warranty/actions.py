"""The rules. Who calls them commits."""

from __future__ import annotations

from datetime import date, datetime

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l
from loket_warranty import mails
from loket_warranty.models import Registration, RegistrationStatus

from portal import api

YEARS = 2


def register(
    customer_id: int,
    *,
    product: str,
    serial: str,
    bought_on: date,
    today: date,
    actor: api.Actor,
    now: datetime,
) -> Registration:
    """A new registration, with its mail and its work; ``DomainError`` for what cannot be registered."""
    if bought_on > today:
        raise api.DomainError(_l("This day is still to come."), "bought_on")
    known = sa.select(Registration.id).where(
        Registration.customer_id == customer_id, Registration.serial == serial
    )
    if api.db.session.scalar(known) is not None:
        raise api.DomainError(_l("You have registered this serial number already."), "serial")
    row = Registration(
        customer_id=customer_id,
        product=product,
        serial=serial,
        bought_on=bought_on,
        ends_on=_later(bought_on),
        created_at=now,
    )
    api.db.session.add(row)
    api.record("warranty.registered", row, actor=actor, now=now)  # gives the row its id
    mails.registered(row, now=now)
    api.add_work("warranty.announce", {"id": row.id}, now=now, key=row.public_id)
    return row


def withdraw(row: Registration, *, actor: api.Actor, now: datetime) -> None:
    """Ends a registration; ``Conflict`` when it has ended. Of two at once one is told that it changed meanwhile."""
    if row.status is not RegistrationStatus.ACTIVE:
        raise api.Conflict(_l("This registration has ended already."))
    row.status = RegistrationStatus.WITHDRAWN
    api.record("warranty.withdrawn", row, actor=actor, now=now)


def _later(day: date) -> date:
    try:
        return day.replace(year=day.year + YEARS)
    except ValueError:  # 29 February
        return day.replace(year=day.year + YEARS, day=28)
