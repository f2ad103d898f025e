"""What Emma de Vries ordered since the shop opened: 38 orders, paid in every way, and some of them not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from portal.blueprints.sandbox.book import Decision
from portal.demo import deeds, selling
from portal.demo.people import EMMA
from portal.demo.selling import Item
from portal.demo.story import Story
from portal.domain.orders.states import Move
from portal.domain.payments.models import PaymentMethodKind

IDEAL, CARD = PaymentMethodKind.IDEAL, PaymentMethodKind.CARD
ACCOUNT = "NL20 •••• 4567"

#: What she buys when nothing happens that is worth a story.
BASKETS: tuple[tuple[Item, ...], ...] = (
    (Item("coffee"),),
    (Item("coffee", 2), Item("speculaas")),
    (Item("filter", 3),),
    (Item("decaf"), Item("rye", 2)),
    (Item("sourdough", 2), Item("croissants")),
    (Item("croissants", 2), Item("filter")),
    (Item("moka"), Item("coffee")),
    (Item("dripper"), Item("filter", 2)),
    (Item("cups", 2),),
    (Item("ebook"),),
    (Item("workshop"),),
    (Item("speculaas", 4), Item("decaf")),
)
#: How these orders were paid; "together" waits for the next one.
WAYS = (
    *["ideal"] * 17, *["card"] * 4, *["cancelled"] * 2, *["failed"] * 2, *["transfer"] * 2, "expired", "together",
)  # fmt: skip
ANSWERS = (("Maling", "Percolator"), ("Bezorgdag", "Zaterdag"))


def plan(story: Story) -> None:
    """All her orders."""
    _ordinary(story)
    _broken_cup(story)
    _not_delivered(story)
    _digital(story)
    _latest(story)


def _ordinary(story: Story) -> None:
    """Every three or four weeks, until half a year ago."""
    ways = list(WAYS)
    story.rng.shuffle(ways)
    if ways[-1] == "together":
        ways.reverse()
    waiting: list[str] = []
    for index, way in enumerate(ways):
        key = f"order-{index + 1}"
        days_ago = 885 - index * 124 // 5 - story.rng.randint(0, 8)
        at = story.moment(days_ago, f"{story.rng.randint(8, 21):02}:{story.rng.randint(0, 59):02}")
        answers = ANSWERS if index % 4 == 0 else ()
        deeds.order(story, EMMA, key, at, story.rng.choice(BASKETS), answers=answers)
        if way == "together":
            waiting = [key]
            continue
        keys = [*waiting, key]
        paid_at = _pay(story, keys, "ideal" if waiting else way, at)
        waiting = []
        for each in keys:
            deeds.move_order(story, each, paid_at + timedelta(days=2, hours=3), Move.COMPLETE)


def _pay(story: Story, keys: Sequence[str], way: str, ordered_at: datetime) -> datetime:
    """Plans the attempts on an order, or on two together; when the last of them is paid."""
    soon = ordered_at + timedelta(minutes=4)
    match way:
        case "card":
            deeds.pay(story, keys, CARD, soon)
        case "cancelled":
            deeds.attempt(story, keys, IDEAL, soon, Decision.CANCELED, soon + timedelta(minutes=2))
            soon += timedelta(minutes=6)
            deeds.pay(story, keys, IDEAL, soon)
        case "failed":
            deeds.attempt(story, keys, CARD, soon, Decision.FAILED, soon + timedelta(minutes=1))
            soon += timedelta(minutes=5)
            deeds.pay(story, keys, IDEAL, soon)
        case "expired":
            deeds.attempt(story, keys, IDEAL, soon, Decision.EXPIRED, soon + timedelta(minutes=30))
            soon += timedelta(hours=20)
            deeds.pay(story, keys, IDEAL, soon)
        case "transfer":
            soon += timedelta(days=3)
            deeds.transfer(story, keys[0], soon, account=ACCOUNT)
        case _:
            deeds.pay(story, keys, IDEAL, soon)
    return soon


def _broken_cup(story: Story) -> None:
    """A part was credited before the rest was paid."""
    items = (Item("cups"), Item("dripper"), Item("filter", 2))
    deeds.order(story, EMMA, "broken", story.moment(150, "18:20"), items)
    _credit(story, "broken", story.moment(147, "10:05"), Item("cups"), "Een van de kopjes kwam kapot aan.")
    deeds.pay(story, ["broken"], IDEAL, story.moment(146, "20:31"))
    deeds.move_order(story, "broken", story.moment(145, "16:00"), Move.COMPLETE)


def _not_delivered(story: Story) -> None:
    """One credited as a whole, and one that she cancelled before there was an invoice."""
    deeds.order(story, EMMA, "credited", story.moment(40, "09:26"), (Item("grinder"),))
    _credit(
        story, "credited", story.moment(37, "11:40"), Item("grinder"), "De molen wordt niet meer gemaakt."
    )
    deeds.move_order(story, "credited", story.moment(37, "11:41"), Move.CANCEL)

    def order_workshop(now: datetime) -> None:
        story.orders["cancelled"] = selling.place_order(story, EMMA, (Item("workshop"),), now=now)

    story.at(story.moment(24, "15:02"), order_workshop)
    deeds.move_order(story, "cancelled", story.moment(24, "17:10"), Move.CANCEL)


def _digital(story: Story) -> None:
    """Paid at once, with files that can still be fetched."""
    at = story.moment(20, "22:10")
    deeds.order(story, EMMA, "ebook", at, (Item("ebook"), Item("course")))
    deeds.pay(story, ["ebook"], IDEAL, at + timedelta(minutes=3))
    deeds.move_order(story, "ebook", at + timedelta(minutes=6), Move.COMPLETE)


def _latest(story: Story) -> None:
    """What is open or has just been paid: in collection, overdue, partly paid, paid, and new."""
    deeds.order(story, EMMA, "collection", story.moment(60, "13:48"), (Item("coffee", 2), Item("moka")))
    declined = story.moment(59, "21:14")
    deeds.attempt(story, ["collection"], CARD, declined, Decision.FAILED, declined + timedelta(minutes=1))

    three = (Item("coffee", 2), Item("sourdough", 3), Item("dripper"))
    deeds.order(story, EMMA, "overdue", story.moment(17, "08:15"), three, note="Graag afgeven op nummer 26.")
    tried = story.moment(2, "19:42")
    deeds.attempt(story, ["overdue"], IDEAL, tried, Decision.CANCELED, tried + timedelta(minutes=3))

    workshop = (Item("workshop", 2),)
    deeds.order(story, EMMA, "part", story.moment(6, "12:30"), workshop, answers=(("Vegetarisch", "Ja"),))
    deeds.pay(story, ["part"], IDEAL, story.moment(5, "09:12"), amount_minor=10_000)

    fresh = story.moment(3, "17:55")
    deeds.order(story, EMMA, "fresh", fresh, (Item("coffee"), Item("speculaas", 2)), answers=ANSWERS)
    deeds.pay(story, ["fresh"], IDEAL, fresh + timedelta(minutes=4))

    latest = (Item("rye", 2), Item("filter"), Item("croissants"))
    deeds.order(story, EMMA, "latest", story.moment(1, "11:20"), latest)


def _credit(story: Story, key: str, at: datetime, item: Item, why: str) -> None:
    def happen(now: datetime) -> None:
        lines = selling.lines_of(story, (item,))
        selling.credit(story, story.invoices[key], story.customers[EMMA], lines, now=now, note=why)

    story.at(at, happen)
