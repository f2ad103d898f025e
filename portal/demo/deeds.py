"""What customers of the demo do, each planned for a moment: order, pay, try to pay, subscribe, be billed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from portal.blueprints.sandbox.book import Decision
from portal.demo import paying, selling, subscribing
from portal.demo.selling import Item
from portal.demo.story import Story
from portal.domain.orders.states import Move as OrderMove
from portal.domain.payments.models import PaymentMethodKind
from portal.domain.subscriptions.states import Move as SubscriptionMove


def order(
    story: Story,
    email: str,
    key: str,
    at: datetime,
    items: Sequence[Item],
    *,
    answers: Sequence[tuple[str, str]] = (),
    note: str = "",
    include_vat: bool = True,
    reverse_charge: bool = False,
) -> None:
    """An order with its invoice, both known as ``key`` from then on."""

    def happen(now: datetime) -> None:
        placed = selling.place_order(
            story,
            email,
            items,
            now=now,
            answers=answers,
            note=note,
            include_vat=include_vat,
            reverse_charge=reverse_charge,
        )
        story.orders[key] = placed
        story.invoices[key] = selling.bill_order(story, placed, now=now)

    story.at(at, happen)


def move_order(story: Story, key: str, at: datetime, move: OrderMove) -> None:
    """A legal step of an order."""
    story.at(at, lambda now: selling.move_order(story, story.orders[key], move, now=now))


def pay(
    story: Story,
    keys: Sequence[str],
    kind: PaymentMethodKind,
    at: datetime,
    *,
    saved: str | None = None,
    amount_minor: int | None = None,
) -> None:
    """A payment that the bank takes at once, of one invoice or of several together."""

    def happen(now: datetime) -> None:
        method = story.methods[saved] if saved else None
        invoices = [story.invoices[key] for key in keys]
        paying.pay(story, invoices, kind, now=now, saved=method, amount_minor=amount_minor)
        for key in keys:
            _follow(story, key, now)

    story.at(at, happen)


def attempt(
    story: Story,
    keys: Sequence[str],
    kind: PaymentMethodKind,
    at: datetime,
    decision: Decision,
    decided_at: datetime,
    *,
    saved: str | None = None,
) -> None:
    """A payment that the bank decides later; the attempt is known by the first of its invoices."""

    def happen(now: datetime) -> None:
        method = story.methods[saved] if saved else None
        invoices = [story.invoices[key] for key in keys]
        story.attempts[keys[0]] = paying.start(story, invoices, kind, now=now, saved=method)

    story.at(at, happen)
    decide(story, keys[0], decided_at, decision)


def decide(story: Story, key: str, at: datetime, decision: Decision) -> None:
    """What the bank decides about the latest attempt on an invoice."""

    def happen(now: datetime) -> None:
        paying.decide(story.attempts[key], decision, now=now)
        _follow(story, key, now)

    story.at(at, happen)


def transfer(story: Story, key: str, at: datetime, *, account: str) -> None:
    """A bank transfer, found and entered by the owner of the shop."""

    def happen(now: datetime) -> None:
        paying.transfer(story, story.invoices[key], account=account, now=now)
        _follow(story, key, now)

    story.at(at, happen)


def _follow(story: Story, key: str, now: datetime) -> None:
    """What follows for the order once its invoice is paid."""
    placed = story.orders.get(key)
    if placed is not None and story.invoices[key].paid_minor and story.invoices[key].open_minor == 0:
        selling.move_order(story, placed, OrderMove.PAY, now=now)
        selling.use_downloads(story, placed, used=2)


def bill(story: Story, email: str, key: str, invoice: str, at: datetime) -> None:
    """The next period of a subscription is billed."""

    def happen(now: datetime) -> None:
        subscription, customer = story.subscriptions[key], story.customers[email]
        story.invoices[invoice] = subscribing.bill_period(story, subscription, customer, now=now)

    story.at(at, happen)


def move_subscription(story: Story, key: str, at: datetime, move: SubscriptionMove) -> None:
    """A legal step of a subscription."""
    story.at(at, lambda now: subscribing.move(story, story.subscriptions[key], move, now=now))
