"""What the parts of the demo share: its shop, its people, its days, and what is to happen when."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from portal.blueprints.sandbox.models import SandboxPayment
from portal.core import audit, clock
from portal.core.audit import Actor
from portal.core.tables import Base
from portal.domain.catalog.models import Product, ProductFile
from portal.domain.invoices.models import Document
from portal.domain.methods.models import PaymentMethod
from portal.domain.orders.models import Order
from portal.domain.payments.models import Payment
from portal.domain.people.models import Customer, Person, Staff
from portal.domain.shops.models import Shop
from portal.domain.subscriptions.models import Subscription
from portal.domain.tickets.models import Ticket
from portal.extensions import db

TIME_ZONE = "Europe/Amsterdam"
#: How long ago the shop opened, in days; nothing of the story is older.
OPENED = 900

Deed = Callable[[datetime], object]
Row = TypeVar("Row", bound=Base)


@dataclass(frozen=True)
class Attempt:
    """A payment as the portal knows it and as the test bank does."""

    payment: Payment
    at_bank: SandboxPayment


@dataclass
class Story:
    """The shop with everybody and everything that later parts refer to by a short name."""

    now: datetime
    rng: random.Random
    port: int
    shop: Shop = field(init=False)
    owner: Staff = field(init=False)
    products: dict[str, Product] = field(default_factory=dict)
    files: dict[str, ProductFile] = field(default_factory=dict)
    customers: dict[str, Customer] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    methods: dict[str, PaymentMethod] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    invoices: dict[str, Document] = field(default_factory=dict)
    attempts: dict[str, Attempt] = field(default_factory=dict)
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    tickets: dict[str, Ticket] = field(default_factory=dict)
    _deeds: list[tuple[datetime, int, Deed]] = field(default_factory=list)

    @classmethod
    def begin(cls, now: datetime, rng: random.Random, port: int) -> Story:
        """An empty story that ends at ``now``."""
        return cls(now.astimezone(UTC).replace(microsecond=0), rng, port)

    @cached_property
    def today(self) -> date:
        """The day on which the story ends, where the shop is."""
        return clock.today(TIME_ZONE, self.now)

    @property
    def opened_at(self) -> datetime:
        """When the shop made its account here."""
        return self.moment(OPENED, "08:00")

    def day(self, days_ago: int) -> date:
        """A day of the past, or of the future when negative."""
        return self.today - timedelta(days=days_ago)

    def moment(self, days_ago: int, at: str) -> datetime:
        """``at`` as a clock at the shop shows it, so many days ago. Today's moments may still be to come."""
        local = datetime.combine(self.day(days_ago), time.fromisoformat(at), ZoneInfo(TIME_ZONE))
        return local.astimezone(UTC)

    def local_day(self, moment: datetime) -> date:
        """The day of a moment, where the shop is."""
        return clock.today(TIME_ZONE, moment)

    def at(self, moment: datetime, deed: Deed) -> None:
        """Has something happen at a moment of the past."""
        if not self.opened_at <= moment <= self.now:
            raise ValueError(f"{moment} is no moment of this story")
        self._deeds.append((moment, len(self._deeds), deed))

    def run(self, meanwhile: Deed) -> None:
        """Lets everything happen in its order, the clock standing at each moment.

        So numbers rise with the dates. ``meanwhile`` is called before each deed with its moment.
        """
        while self._deeds:
            due, self._deeds = sorted(self._deeds, key=lambda deed: deed[:2]), []
            for moment, _place, deed in due:
                meanwhile(moment)
                with clock.frozen(moment):
                    deed(moment)
                    db.session.flush()

    def add(self, row: Row) -> Row:
        """The row, written so that it has its id."""
        db.session.add(row)
        db.session.flush()
        return row

    def record(
        self, event: str, subject: Any, *, now: datetime, actor: Actor | None = None, **data: Any
    ) -> None:
        """An entry in the audit log, by the shop's owner when nobody else is named."""
        audit.record(event, subject, actor=actor or Actor.staff(self.owner), now=now, **data)
