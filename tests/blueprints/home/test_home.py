"""The home page: what needs me, my numbers, my subscriptions, my latest orders."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from portal.core import clock
from portal.core.sections import Card
from portal.domain.invoices.models import ListState
from portal.domain.orders.models import OrderStatus
from portal.domain.people.models import Membership, Person, Role
from portal.domain.shops.models import Mode, Shop
from portal.domain.subscriptions.models import SubscriptionStatus
from portal.domain.tickets.models import TicketStatus
from portal.extensions import db
from tests.cast import START, make_invoice
from tests.page_client import find_all, parse
from tests.pages import links, row_headers, text, words
from tests.rows import HOSTILE, make_order, make_subscription, make_ticket, write_invoices
from tests.statements import counted

HOME = "/customer"
TODAY = START.date()


def visit(login: Any, who: str = "emma", at: datetime = START, **options: Any) -> Any:
    with clock.frozen(at):
        response = login(who, now=at).get(HOME, **options)
    assert response.status_code == 200
    return response


def needs(response: Any) -> list[str]:
    """What needs the customer, in order, each in its words."""
    page = parse(response.get_data(as_text=True))
    return [
        words(div) for div in find_all(page, "div") if div.attrib.get("class", "").startswith("alert-card")
    ]


def cards(response: Any) -> list[str]:
    page = parse(response.get_data(as_text=True))
    return [words(a) for a in find_all(page, "a") if "stat" in a.attrib.get("class", "").split()]


def test_a_new_customer_is_welcome(login: Any) -> None:
    response = visit(login)
    assert "Welcome to De Halve Maan. Your account is ready As soon as you order something" in text(response)
    assert links(response)["/customer/support/new"] == "Ask a question"
    assert "what is going on" not in text(response)
    assert needs(response) == []
    assert cards(response) == ["0 Orders", "0 Invoices", "0 Active subscriptions"]


def test_who_has_only_paid_invoices_is_not_new(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        make_invoice(ids.emma_account).list_state = ListState.PAID
    response = visit(login)
    assert cards(response) == ["0 Orders", "1 Invoices", "0 Active subscriptions"]
    assert "Your account is ready" not in text(response) and "Welcome to" not in text(response)


def test_what_waits_for_me_stands_above_what_waits_for_the_shop(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        make_ticket(ids.emma_account, subject="Mine to answer", waits_for_customer=True)
        for number in range(6):
            at = START + timedelta(minutes=number + 1)
            make_ticket(ids.emma_account, subject=f"The shop's {number}", last_message_at=at)
    shown = text(visit(login, at=START + timedelta(hours=1)))
    assert shown.index("Mine to answer", shown.index("Read it")) < shown.index("The shop's 5")
    assert "The shop's 0" not in shown, "the list is cut at its end"


@pytest.mark.parametrize(
    ("hour", "minute", "greeting"),
    [
        (3, 59, "Hello, Emma"),
        (4, 0, "Good morning, Emma"),
        (10, 59, "Good morning, Emma"),
        (11, 0, "Good afternoon, Emma"),
        (16, 59, "Good afternoon, Emma"),
        (17, 0, "Good evening, Emma"),
        (22, 59, "Good evening, Emma"),
        (23, 30, "Hello, Emma"),
    ],
)
def test_the_greeting_keeps_the_shops_time(login: Any, hour: int, minute: int, greeting: str) -> None:
    """Amsterdam is an hour ahead of UTC in November."""
    at = datetime(2026, 11, 2, hour, minute, tzinfo=UTC)
    page = parse(visit(login, at=at).get_data(as_text=True))
    assert [words(h1) for h1 in find_all(page, "h1")] == [greeting]


def test_the_shop_across_the_ocean_greets_by_its_own_clock(
    app: Any, login: Any, on_stage: Any, ids: Any
) -> None:
    with on_stage():
        db.session.get_one(Shop, ids.shop).time_zone = "America/New_York"
    app.extensions["shops"].forget()
    assert "Good morning, Emma" in text(visit(login, at=datetime(2026, 11, 2, 16, 59, tzinfo=UTC)))


def test_who_gave_no_name_is_greeted_without(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        db.session.get_one(Person, ids.emma).given_name = ""
    assert text(visit(login)).startswith("Good morning Welcome to")


def test_the_cards_count_and_lead_on(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        for status in OrderStatus:
            make_order(ids.emma_account, status=status)
        for status in SubscriptionStatus:
            make_subscription(ids.emma_account, status=status)
        make_invoice(ids.emma_account)
        make_order(ids.jan_account)
        make_order(ids.emma_account, mode=Mode.LIVE)
        make_subscription(ids.emma_account, mode=Mode.LIVE)
        make_subscription(ids.jan_account)
    with on_stage(ids.other_shop):
        make_order(ids.dora_account)
    response = visit(login)
    assert cards(response) == ["5 Orders", "1 Invoices", "2 Active subscriptions"]
    assert {"/customer/orders", "/customer/invoices", "/customer/subscriptions"} <= set(links(response))


def test_the_subscriptions_are_the_trial_active_and_paused_ones(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        for status in SubscriptionStatus:
            make_subscription(
                ids.emma_account,
                name=f"a {status.value} one",
                status=status,
                trial_ends_on=TODAY + timedelta(days=6) if status is SubscriptionStatus.TRIAL else None,
                next_billing_on=TODAY + timedelta(days=6 if status is SubscriptionStatus.TRIAL else 20),
            )
        make_subscription(ids.emma_account, name="tomorrow's", next_billing_on=TODAY + timedelta(days=1))
        make_subscription(ids.jan_account, name="of Jan")
    response = visit(login)
    page = parse(response.get_data(as_text=True))
    listed = [words(li) for ul in find_all(page, "ul") if ul.attrib.get("class") == "row-list" for li in ul]
    names = ["tomorrow's", "a trial one", "a active one", "a paused one"]
    assert [next(name for name in names if line.startswith(name)) for line in listed] == names
    assert "Trial ends in 5 days" in listed[1] and "€ 24.50 / 2 weeks" in listed[1]
    assert "Next 21 November 2026" in listed[2]
    assert "21 November" not in listed[3]


def test_the_recent_orders_are_the_five_newest(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        made = [
            make_order(ids.emma_account, order_date=TODAY - timedelta(days=7 - day)).number
            for day in range(7)
        ]
        make_order(ids.jan_account)
    response = visit(login)
    assert row_headers(response) == made[:1:-1]
    assert f"{made[-1]} 31 Oct 2026 Completed € 24.20" in text(response)


def test_overdue_comes_first_and_can_be_paid_at_once(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        invoice = make_invoice(ids.emma_account, amount_minor=8470)
        address = f"/customer/invoices/{invoice.public_id}"
        make_ticket(ids.emma_account, waits_for_customer=True)
    at = START + timedelta(days=17)
    response = visit(login, at=at)
    [first, second] = needs(response)
    assert first == "An invoice is 3 days overdue € 84.70 is to be paid. Pay € 84.70"
    assert second.startswith("1 conversation waits for your answer")
    assert address in links(response)
    # Bram may look and not pay.
    assert needs(visit(login, "bram", at=at))[0].endswith("Show invoice")


def test_several_invoices_are_summed(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        make_invoice(ids.emma_account, amount_minor=8470)
        make_invoice(ids.emma_account, amount_minor=5760, now=START + timedelta(days=10))
        make_invoice(ids.jan_account, amount_minor=99900)
    at = START + timedelta(days=17)
    response = visit(login, at=at)
    assert needs(response) == ["2 invoices are open, 1 is overdue Together: € 142.30 Show invoices"]
    assert "/customer/invoices?status=unpaid" in links(response)
    later = visit(login, at=START + timedelta(days=40))
    assert needs(later) == ["2 invoices are overdue Together: € 142.30 Show invoices"]
    assert "/customer/invoices?status=overdue" in links(later)


def test_open_and_not_due_yet_is_no_alarm(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        make_invoice(ids.emma_account)
        make_ticket(ids.emma_account, waits_for_customer=True)
    response = visit(login)
    [first, second] = needs(response)
    assert first.startswith("1 conversation waits")
    assert second == "1 invoice is open € 121.00 is to be paid. Pay € 121.00"
    assert "tone-orange" not in response.get_data(as_text=True)


def test_a_ticket_that_waits_for_me(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        longest = make_ticket(ids.emma_account, subject="Longest", waits_for_customer=True)
        address = f"/customer/support/{longest.public_id}"
        make_ticket(ids.emma_account, subject="Not mine to answer")
        make_ticket(ids.emma_account, subject="Over", waits_for_customer=True, status=TicketStatus.CLOSED)
        make_ticket(ids.jan_account, subject="Of Jan", waits_for_customer=True)
    response = visit(login)
    assert needs(response) == ["1 conversation waits for your answer Longest Read it"]
    assert address in links(response)
    with on_stage():
        make_ticket(ids.emma_account, waits_for_customer=True, last_message_at=START + timedelta(minutes=1))
    assert needs(visit(login)) == ["2 conversations wait for your answer Longest Show conversations"]


@pytest.mark.parametrize(
    ("status", "days", "told"),
    [
        (SubscriptionStatus.ACTIVE, -1, False),
        (SubscriptionStatus.ACTIVE, 0, True),
        (SubscriptionStatus.ACTIVE, 7, True),
        (SubscriptionStatus.ACTIVE, 8, False),
        (SubscriptionStatus.TRIAL, 7, True),
        (SubscriptionStatus.PAUSED, 3, False),
        (SubscriptionStatus.CANCELLED, 3, False),
        (SubscriptionStatus.FAILED, 3, False),
    ],
)
def test_what_renews_within_a_week_is_told(
    login: Any, on_stage: Any, ids: Any, status: SubscriptionStatus, days: int, told: bool
) -> None:
    with on_stage():
        make_subscription(ids.emma_account, status=status, next_billing_on=TODAY + timedelta(days=days))
    assert bool(needs(visit(login))) is told


def test_what_renews_is_told_when_late_bills_fill_the_page(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        for _ in range(12):
            make_subscription(ids.emma_account, next_billing_on=TODAY - timedelta(days=1))
        make_subscription(ids.emma_account, next_billing_on=TODAY + timedelta(days=3))
    assert needs(visit(login)) == ["A subscription renews within a week Show subscriptions"]


def test_renewals_are_named_with_price_and_day(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        # Its bill is late: the run has yet to catch up, and it renews no more than the others.
        make_subscription(ids.emma_account, name="Late", next_billing_on=TODAY - timedelta(days=1))
        coffee = make_subscription(ids.emma_account, next_billing_on=TODAY + timedelta(days=3))
        address = f"/customer/subscriptions/{coffee.public_id}"
    response = visit(login)
    assert needs(response) == [
        "A subscription renews within a week Coffee beans, 1 kg: € 24.50 on 4 November 2026 Show subscription"
    ]
    assert address in links(response)
    with on_stage():
        for _ in range(11):
            make_subscription(ids.emma_account, name="Bread", next_billing_on=TODAY + timedelta(days=2))
    [need] = needs(visit(login))
    assert need.startswith("12 subscriptions renew within a week Bread: € 24.50 on 3 November 2026;")


def test_open_invoices_and_tickets_are_there_for_the_phone(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        number = make_invoice(ids.emma_account, amount_minor=8470).number
        make_ticket(
            ids.emma_account,
            status=TicketStatus.IN_REVIEW,
            last_staff_reply_at=START,
            waits_for_customer=True,
        )
        make_ticket(
            ids.emma_account, subject="Asked again", status=TicketStatus.IN_REVIEW, last_staff_reply_at=START
        )
    with_cards = text(visit(login, at=START + timedelta(hours=2)))
    assert f"Invoice {number}" in with_cards
    assert "Delivery day answered 2 hours ago Waits for you" in with_cards
    # Whoever wrote again waits for the shop.
    assert "Asked again In review" in with_cards


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        (Role.OWNER, ["Orders", "Invoices", "Active subscriptions"]),
        (Role.BILLING, ["Orders", "Invoices", "Active subscriptions"]),
        (Role.READ_ONLY, ["Orders", "Invoices", "Active subscriptions"]),
        (Role.ORDERS, ["Orders", "Active subscriptions"]),
        (Role.SUPPORT, []),
    ],
)
def test_each_role_sees_its_part(
    login: Any, on_stage: Any, ids: Any, role: Role, expected: list[str]
) -> None:
    with on_stage():
        number = make_order(ids.emma_account).number
        make_invoice(ids.emma_account)
        make_subscription(ids.emma_account, name="Bread", next_billing_on=TODAY)
        make_ticket(ids.emma_account, waits_for_customer=True)
        db.session.scalars(sa.select(Membership).where(Membership.person_id == ids.bram)).one().role = role
    response = visit(login, "bram")
    assert [card.partition(" ")[2] for card in cards(response)] == expected
    html = response.get_data(as_text=True)
    assert (number in html) == ("Orders" in expected)
    assert ("Bread" in html) == ("Active subscriptions" in expected)
    assert ("€ 121.00".replace(" ", "\xa0") in html) == ("Invoices" in expected)
    assert "waits for your answer" in html


def test_a_visitor_is_led_to_the_log_in(client: Any) -> None:
    response = client.get(HOME)
    assert response.status_code == 303
    assert response.location.startswith("/login")


def test_hostile_text_is_shown_as_typed(login: Any, on_stage: Any, ids: Any) -> None:
    long = (HOSTILE * 10)[:200]
    with on_stage():
        make_order(ids.emma_account)
        make_subscription(ids.emma_account, name=long, next_billing_on=TODAY)
        make_ticket(ids.emma_account, subject=long, waits_for_customer=True)
        db.session.get_one(Person, ids.emma).given_name = HOSTILE
    response = visit(login)
    html = response.get_data(as_text=True)
    assert "<script>alert" not in html and "<img" not in html
    assert text(response).count(long) >= 3


@pytest.mark.parametrize(("count", "shown"), [(999, "999"), (1_000, "999+"), (1_001, "999+")])
def test_a_card_counts_to_nine_hundred_and_ninety_nine(
    login: Any, on_stage: Any, ids: Any, count: int, shown: str
) -> None:
    with on_stage():
        write_invoices(ids.shop, ids.emma_account, count)
    assert f"{shown} Invoices" in cards(visit(login))


def test_in_dutch(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        make_order(ids.emma_account)
        make_invoice(ids.emma_account, amount_minor=123456)
    response = visit(login, headers={"Accept-Language": "nl"})
    assert '<html lang="nl"' in response.get_data(as_text=True)
    assert "1 nov 2026" in text(response) and "€ 1.234,56" in text(response)


def test_seven_statements_however_much_there_is(app: Any, login: Any, on_stage: Any, ids: Any) -> None:
    def fill(times: int) -> None:
        with on_stage():
            for _ in range(times):
                make_order(ids.emma_account)
                make_subscription(ids.emma_account, next_billing_on=TODAY)
                make_ticket(ids.emma_account, waits_for_customer=True)
                make_invoice(ids.emma_account)

    emma = login("emma", now=START)
    fill(1)
    emma.get(HOME)
    with clock.frozen(START), counted(app) as few:
        emma.get(HOME)
    fill(24)
    with clock.frozen(START), counted(app) as many:
        emma.get(HOME)
    assert len(few) == len(many) <= 7, "\n\n".join(many)


def test_a_card_that_sums_no_rows_shows_nought(app: Any, login: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one of a package may: the page of everybody must not break over it."""
    sums = sa.select(sa.func.sum(Membership.id)).where(Membership.id < 0).scalar_subquery()
    card = Card("orders.index", "Points", "package", 1, "", lambda here: sums)
    monkeypatch.setattr(app.extensions["sections"], "_built", {})
    monkeypatch.setattr(app.extensions["sections"], "cards", lambda **_: [card])
    assert cards(visit(login)) == ["0 Points"]
