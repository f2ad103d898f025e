"""The list of tickets and the page of one."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from portal.core import clock
from portal.domain.people.models import Membership, Role
from portal.domain.subscriptions.models import SubscriptionStatus
from portal.domain.tickets import actions
from portal.domain.tickets.models import (
    AuthorKind,
    Priority,
    TicketStatus,
    TicketType,
    TicketView,
)
from portal.extensions import db
from tests.cast import START, make_invoice
from tests.page_client import find_all, parse
from tests.pages import links, neighbour, row_headers, text, words
from tests.rows import HOSTILE, add_message, make_order, make_subscription, make_ticket
from tests.statements import counted

LIST = "/customer/support"


def test_without_tickets_the_page_says_what_will_be_there(login: Any) -> None:
    response = login("emma").get(LIST)
    assert row_headers(response) == []
    assert "No conversations yet" in text(response)


def test_one_ticket(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        make_ticket(ids.emma_account, type=TicketType.BILLING, status=TicketStatus.IN_REVIEW)
    with clock.frozen(START + timedelta(hours=2)):
        response = login("emma", now=START).get(LIST)
    assert re.search(r"Delivery day Billing \d+ \w+ 2026, \d\d:\d\d · 2 hours ago In review", text(response))


def test_a_colour_says_whose_turn_it_is(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        make_ticket(ids.emma_account, subject="ours")
        make_ticket(ids.emma_account, subject="theirs", waits_for_customer=True)
        make_ticket(ids.emma_account, subject="over", status=TicketStatus.CLOSED, waits_for_customer=True)
    page = parse(login("emma").get(LIST).text)
    (table,) = find_all(page, "table")
    badges = {}
    for row in find_all(find_all(table, "tbody")[0], "tr"):
        (badge,) = [e for e in find_all(row, "span") if e.attrib.get("class", "").startswith("status")]
        badges[words(find_all(row, "th")[0])] = (words(badge), badge.attrib["class"])
    assert badges == {
        "ours": ("Open", "status tone-azure"),
        "theirs": ("Waits for you", "status tone-yellow"),
        "over": ("Closed", "status tone-grey"),
    }


def test_who_is_waited_for_is_led_to_the_reply(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        waiting = make_ticket(ids.emma_account, waits_for_customer=True)
        mine = make_ticket(ids.emma_account)
        over = make_ticket(ids.emma_account, status=TicketStatus.RESOLVED, waits_for_customer=True)
        paths = [f"{LIST}/{ticket.public_id}" for ticket in (waiting, mine, over)]
    emma, bram = login("emma"), login("bram")
    page = emma.get(paths[0])
    assert "waits for your answer" in text(page) and links(page)["#reply"] == "Answer"
    assert "your answer" not in text(emma.get(paths[1])) and "has ended" not in text(emma.get(paths[1]))
    assert "your answer" not in text(emma.get(paths[2])) and "has ended" in text(emma.get(paths[2]))
    # Who may only read is not asked for anything.
    for path in paths:
        page = bram.get(path)
        assert "your answer" not in text(page) and "has ended" not in text(page)
        assert "textarea" not in page.text and "#reply" not in links(page)


def test_twenty_six_are_two_pages_the_latest_message_first(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        for hour in range(26):
            make_ticket(
                ids.emma_account,
                subject=f"hour {hour // 2} ticket {hour}",
                last_message_at=START + timedelta(hours=hour // 2),
            )
    emma = login("emma")
    first = emma.get(LIST)
    assert row_headers(first) == [f"hour {hour // 2} ticket {hour}" for hour in range(25, 0, -1)]
    second = emma.get(neighbour(first, "next"))
    assert row_headers(second) == ["hour 0 ticket 0"]
    assert row_headers(emma.get(neighbour(second, "prev"))) == row_headers(first)


def test_each_status_has_its_filter(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        for status in TicketStatus:
            make_ticket(ids.emma_account, subject=status.value, status=status)
    emma = login("emma")
    for status in TicketStatus:
        assert row_headers(emma.get(f"{LIST}?status={status.value}")) == [status.value]
    for odd in ("", "unknown", "OPEN", "%00"):
        assert len(row_headers(emma.get(f"{LIST}?status={odd}"))) == len(TicketStatus)


def test_everybody_sees_their_own_only(login: Any, on_stage: Any, ids: Any, client: Any) -> None:
    with on_stage():
        address = f"{LIST}/{make_ticket(ids.emma_account, subject='of Emma').public_id}"
        make_ticket(ids.jan_account, subject="of Jan")
    with on_stage(ids.other_shop):
        make_ticket(ids.dora_account, subject="of Dora")
    assert row_headers(login("emma").get(LIST)) == row_headers(login("bram").get(LIST)) == ["of Emma"]
    assert row_headers(login("jan").get(LIST)) == ["of Jan"]
    assert row_headers(login("dora").get(LIST)) == ["of Dora"]
    assert login("emma").get(address).status_code == login("bram").get(address).status_code == 200
    assert login("jan").get(address).status_code == 404
    assert login("dora").get(address).status_code == 404
    assert client.get(address).status_code == client.get(LIST).status_code == 303


def test_the_sidebar_lists_and_counts_tickets_without_an_end(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        for number in range(3):
            make_ticket(
                ids.emma_account, subject=f"open {number}", last_message_at=START + timedelta(hours=number)
            )
        make_ticket(
            ids.emma_account,
            subject="answered",
            status=TicketStatus.IN_REVIEW,
            last_message_at=START + timedelta(hours=9),
            last_staff_reply_at=START + timedelta(hours=9),
            waits_for_customer=True,
        )
        for status in (TicketStatus.RESOLVED, TicketStatus.REJECTED, TicketStatus.CLOSED):
            make_ticket(ids.emma_account, subject="ended", status=status)
        make_ticket(ids.jan_account, subject="of Jan")
    with clock.frozen(START + timedelta(hours=11)):
        page = parse(login("emma", now=START).get(LIST).get_data(as_text=True))
    sidebar = next(
        words(element) for element in find_all(page, "aside") if element.attrib.get("id") == "sidebar"
    )
    assert "Support 4" in sidebar
    assert "answered Waits for you answered 2 hours ago open 2 Open open 1 Open open 0 Open" in sidebar
    assert "ended" not in sidebar and "of Jan" not in sidebar


def test_the_support_role_has_no_other_section(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        make_ticket(ids.emma_account)
        bram = db.session.scalars(sa.select(Membership).where(Membership.person_id == ids.bram)).one()
        bram.role = Role.SUPPORT
    page = parse(login("bram").get(LIST).get_data(as_text=True))
    sidebar = next(
        words(element) for element in find_all(page, "aside") if element.attrib.get("id") == "sidebar"
    )
    assert "Support" in sidebar and "Delivery day" in sidebar
    assert "Orders" not in sidebar and "Subscriptions" not in sidebar and "Invoices" not in sidebar


def test_the_conversation(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        ticket = make_ticket(ids.emma_account, body="When do you **deliver**?", priority=Priority.HIGH)
        add_message(
            ticket,
            author_kind=AuthorKind.STAFF,
            author_name="",
            body="Jan is *away*",
            is_internal=True,
            created_at=START + timedelta(hours=1),
        )
        add_message(
            ticket,
            author_kind=AuthorKind.STAFF,
            author_name="Saskia",
            body="On Saturday.",
            created_at=START + timedelta(hours=2),
        )
        add_message(
            ticket, body="Thanks", by_mail=True, is_proved=False, created_at=START + timedelta(hours=3)
        )
        add_message(ticket, author_kind=AuthorKind.STAFF, author_name="", body="No name")
        add_message(ticket, author_kind=AuthorKind.SYSTEM, author_name="", body="Closed soon")
        address, number = f"{LIST}/{ticket.public_id}", ticket.number
    response = login("emma").get(address)
    seen = text(response)
    assert f"Number {number} Type General question Priority High" in seen
    order = [
        "When do you deliver ?",
        "Saskia",
        "On Saturday.",
        "sender not verified",
        "Thanks",
        "No name",
        "Closed soon",
    ]
    places = [seen.index(part) for part in order]
    assert places == sorted(places)
    assert "De Halve Maan 1 Nov 2026" in seen and "Automatic message" in seen
    assert "away" not in response.get_data(as_text=True)
    assert "<strong>deliver</strong>" in response.get_data(as_text=True)
    page = parse(response.get_data(as_text=True))
    sides = [
        li.attrib["class"] for li in find_all(page, "li") if li.attrib.get("class") in ("ours", "theirs")
    ]
    assert sides == ["theirs", "ours", "theirs", "ours", "ours"]


def test_what_a_ticket_is_about(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        invoice = make_invoice(ids.emma_account)
        order = make_order(ids.emma_account)
        running = make_subscription(ids.emma_account)
        archived = make_subscription(ids.emma_account, status=SubscriptionStatus.ARCHIVED)
        cases = {
            make_ticket(ids.emma_account, document_id=invoice.id).public_id: (
                f"/customer/invoices/{invoice.public_id}",
                f"Invoice {invoice.number}",
            ),
            make_ticket(ids.emma_account, order_id=order.id).public_id: (
                f"/customer/orders/{order.public_id}",
                f"Order {order.number}",
            ),
            make_ticket(ids.emma_account, subscription_id=running.id).public_id: (
                f"/customer/subscriptions/{running.public_id}",
                "Coffee beans, 1 kg",
            ),
        }
        hidden = [
            make_ticket(ids.emma_account, subscription_id=archived.id).public_id,
            make_ticket(ids.emma_account, order_id=make_order(ids.jan_account).id).public_id,
            make_ticket(ids.emma_account, document_id=make_invoice(ids.jan_account).id).public_id,
        ]
        bram = db.session.scalars(sa.select(Membership).where(Membership.person_id == ids.bram)).one()
        bram.role = Role.SUPPORT
    for public_id, (address, label) in cases.items():
        response = login("emma").get(f"{LIST}/{public_id}")
        assert links(response)[address] == label
        # Whoever may not open it gets no link to it.
        assert address not in links(login("bram").get(f"{LIST}/{public_id}"))
    for public_id in hidden:
        assert "About" not in text(login("emma").get(f"{LIST}/{public_id}"))


def test_an_invoice_of_an_order_is_named_to_whoever_sees_to_orders(
    login: Any, on_stage: Any, ids: Any
) -> None:
    """They may open it and ask about it; other invoices are none of theirs."""
    with on_stage():
        order, subscription = make_order(ids.emma_account), make_subscription(ids.emma_account)
        made = {
            make_invoice(ids.emma_account): False,
            make_invoice(ids.emma_account, order_id=order.id): True,
            make_invoice(ids.emma_account, subscription_id=subscription.id): True,
        }
        cases = {
            make_ticket(ids.emma_account, document_id=invoice.id).public_id: (invoice.public_id, is_linked)
            for invoice, is_linked in made.items()
        }
        bram = db.session.scalars(sa.select(Membership).where(Membership.person_id == ids.bram)).one()
        bram.role = Role.ORDERS
    for ticket, (invoice, is_linked) in cases.items():
        found = links(login("bram").get(f"{LIST}/{ticket}"))
        assert (f"/customer/invoices/{invoice}" in found) == is_linked


def test_hostile_text_is_shown_as_typed(login: Any, on_stage: Any, ids: Any) -> None:
    long = (HOSTILE * 10)[:200]
    with on_stage():
        ticket = make_ticket(
            ids.emma_account,
            subject=long,
            body=f"{HOSTILE}\n\n[x](javascript:alert(1)) ![y](https://evil.example/p.png) <svg/onload=alert(1)>",
        )
        add_message(ticket, author_name=long, body="# Heading\n\n" + "x" * 500)
        address = f"{LIST}/{ticket.public_id}"
    for path in (LIST, address):
        response = login("emma").get(path)
        html = response.get_data(as_text=True)
        assert "<script>alert" not in html and "<img" not in html and "<svg/" not in html
        assert 'href="javascript' not in html
        assert long in text(response)


def test_looking_is_noted_at_most_hourly_for_each_person(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        ticket = make_ticket(ids.emma_account)
        address, ticket_id = f"{LIST}/{ticket.public_id}", ticket.id

    def look(who: str, minutes: int) -> None:
        at = START + timedelta(minutes=minutes)
        with clock.frozen(at):
            login(who, now=at).get(address).close()

    def views() -> list[tuple[int, int]]:
        with on_stage():
            rows = db.session.execute(
                sa.select(TicketView.person_id, TicketView.viewed_at)
                .where(TicketView.ticket_id == ticket_id)
                .order_by(TicketView.id)
            ).all()
        return [(row.person_id, int((row.viewed_at - START).total_seconds() // 60)) for row in rows]

    look("emma", 0)
    assert views() == [(ids.emma, 0)]
    look("emma", 59)
    look("bram", 59)
    assert views() == [(ids.emma, 0), (ids.bram, 59)]
    look("emma", 60)
    assert views() == [(ids.emma, 0), (ids.bram, 59), (ids.emma, 60)]
    look("jan", 90)
    assert len(views()) == 3


def test_a_view_that_cannot_be_noted_is_no_error(
    login: Any, on_stage: Any, ids: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with on_stage():
        address = f"{LIST}/{make_ticket(ids.emma_account).public_id}"

    def fail(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("the database went away")

    monkeypatch.setattr(actions, "record_view", fail)
    response = login("emma").get(address)
    response.close()
    assert response.status_code == 200


def test_in_dutch(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        address = f"{LIST}/{make_ticket(ids.emma_account).public_id}"
    response = login("emma").get(address, headers={"Accept-Language": "nl"})
    assert '<html lang="nl"' in response.get_data(as_text=True)
    assert "1 nov 2026" in text(response)


@pytest.mark.parametrize(("page", "most"), [("list", 5), ("one", 6)])
def test_the_statements_of_a_page(
    app: Any, login: Any, on_stage: Any, ids: Any, page: str, most: int
) -> None:
    with on_stage():
        small = make_ticket(ids.emma_account)
        large = make_ticket(ids.emma_account, messages=25)
        addresses = [f"{LIST}/{ticket.public_id}" if page == "one" else LIST for ticket in (small, large)]
    emma = login("emma")
    emma.get(addresses[0])
    with counted(app) as few:
        emma.get(addresses[0])
    with on_stage():
        for _ in range(25):
            make_ticket(ids.emma_account)
    with counted(app) as many:
        emma.get(addresses[1])
    few, many = [[s for s in seen if "INSERT" not in s and "ticket_views" not in s] for seen in (few, many)]
    assert len(few) == len(many) <= most, "\n\n".join(many)
