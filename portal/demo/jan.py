"""Jan Jansen of Jansen Horeca, a business in Antwerp: prices without VAT, and no VAT since his number was checked."""

from __future__ import annotations

from datetime import date, datetime

from portal.demo import deeds, subscribing
from portal.demo.people import JAN
from portal.demo.selling import Item
from portal.demo.story import Story
from portal.domain.catalog.models import IntervalUnit
from portal.domain.orders.states import Move
from portal.domain.payments.models import PaymentMethodKind

ACCOUNT = "BE68 •••• 7034"
#: Since when no VAT is charged, in days before today.
CHECKED = 200
#: Everything was ordered at prices without VAT, in cents.
OFFICE_PRICE, SERVICE_PRICE = 8900, 6000


def plan(story: Story) -> None:
    """His orders, his coffee and the care of his machine."""
    _orders(story)
    _subscription(story, "office", "office_subscription", OFFICE_PRICE, IntervalUnit.MONTH, last=10, count=15)
    _subscription(
        story, "service", "service_subscription", SERVICE_PRICE, IntervalUnit.QUARTER, last=25, count=5
    )
    story.at(story.moment(CHECKED, "14:10"), lambda now: _check_number(story, now))


def _orders(story: Story) -> None:
    baskets = {
        470: (Item("grinder", 2, price=6500), Item("coffee", 6, price=2200)),
        290: (Item("cups", 12, price=1500),),
        120: (Item("speculaas", 10, price=1100), Item("filter", 12, price=790)),
        45: (Item("dripper", 4, price=1200), Item("coffee", 4, price=2200)),
    }
    for days_ago, items in baskets.items():
        key = f"jan-{days_ago}"
        at = story.moment(days_ago, "14:35")
        deeds.order(
            story,
            JAN,
            key,
            at,
            items,
            include_vat=False,
            reverse_charge=days_ago < CHECKED,
            note="Twee keer bellen.",
        )
        deeds.pay(story, [key], PaymentMethodKind.CARD, story.moment(days_ago, "14:41"))
        deeds.move_order(story, key, story.moment(days_ago - 2, "16:30"), Move.COMPLETE)


def _subscription(
    story: Story, key: str, product: str, price: int, unit: IntervalUnit, *, last: int, count: int
) -> None:
    """So many periods, the last of which began about so many days ago; its invoice is the only one open."""
    start = subscribing.nth_start(story.day(last), unit, 1, 1 - count)
    began = (story.today - start).days

    def begin(now: datetime) -> None:
        subscribing.begin(story, key, JAN, product, now=now, price=price, include_vat=False)

    story.at(story.moment(began, "06:45"), begin)
    starts: list[date] = [subscribing.nth_start(start, unit, 1, number) for number in range(count)]
    for number, day in enumerate(starts):
        invoice, days_ago = f"{key}-{number}", (story.today - day).days
        deeds.bill(story, JAN, key, invoice, story.moment(days_ago, "06:55"))
        if number < count - 1:
            deeds.transfer(story, invoice, story.moment(days_ago - 9, "10:20"), account=ACCOUNT)


def _check_number(story: Story, now: datetime) -> None:
    """The owner had his VAT number checked: from now on the VAT is reverse charged."""
    customer = story.customers[JAN]
    customer.vat_checked_on = story.local_day(now)
    customer.vat_check_reference = "WAPIAAAAY7H3QX2K"
    story.record("customer.vat_checked", customer, now=now)
    for key in ("office", "service"):
        subscribing.reverse_charge(story.subscriptions[key])
