"""Every list of the portal with nothing, one, a page and one more, and ten thousand: rows, pages, statements, plans."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from portal.core import clock
from portal.domain.collections.models import CaseStatus
from portal.domain.orders.models import OrderStatus
from portal.domain.subscriptions.models import SubscriptionStatus
from portal.domain.tickets.models import TicketStatus
from portal.extensions import db
from tests.cast import START, Ids
from tests.page_client import find_all, parse
from tests.rows import (
    make_case,
    make_method,
    make_notice,
    make_order,
    make_subscription,
    make_ticket,
    write_copies,
    write_invoices,
)
from tests.statements import counted, plans

#: What a statement must not do whose cost may not grow: read a table whole, or sort what it found.
SLOW = re.compile(r"TEMP B-TREE|SCAN (?!anon_|CONSTANT|bell|in_instalments|\()|Sort|Seq Scan")
COUNTS = (0, 1, 26, 10_000)
PAGE = 25


@dataclass(frozen=True)
class Listed:
    """A list: who writes so many more of its rows, the class that its rows have on a page, and its filters."""

    write: Callable[[Ids, str, int], None]
    row: str = "row-link"
    filters: tuple[str, ...] = ()


def invoices(ids: Ids, lot: str, count: int) -> None:
    # Past the session, so what the session has is put down first.
    db.session.commit()
    write_invoices(ids.shop, ids.emma_account, count, first=int(lot))


def orders(ids: Ids, lot: str, count: int) -> None:
    statuses = list(OrderStatus)
    write_copies(
        make_order(ids.emma_account, number=f"O-{lot}"),
        count - 1,
        number=lambda n: f"O-{lot}-{n}",
        status=lambda n: statuses[n % len(statuses)],
        order_date=lambda n: START.date() - timedelta(days=n // 20),
    )


def subscriptions(ids: Ids, lot: str, count: int) -> None:
    shown = [status for status in SubscriptionStatus if status is not SubscriptionStatus.ARCHIVED]
    write_copies(make_subscription(ids.emma_account), count - 1, status=lambda n: shown[n % len(shown)])


def tickets(ids: Ids, lot: str, count: int) -> None:
    statuses = list(TicketStatus)
    write_copies(
        make_ticket(ids.emma_account, number=f"T-{lot}"),
        count - 1,
        number=lambda n: f"T-{lot}-{n}",
        status=lambda n: statuses[n % len(statuses)],
        last_message_at=lambda n: START - timedelta(minutes=n),
    )


def notices(ids: Ids, lot: str, count: int) -> None:
    write_copies(make_notice(), count - 1, starts_at=lambda n: START - timedelta(days=1, minutes=n))


def methods(ids: Ids, lot: str, count: int) -> None:
    write_copies(
        make_method(ids.emma_account, provider_ref=f"sbm-{lot}"),
        count - 1,
        provider_ref=lambda n: f"sbm-{lot}-{n}",
    )


def cases(ids: Ids, lot: str, count: int) -> None:
    """One that runs; all others are over."""
    write_copies(
        make_case(ids.emma_account, number=f"K-{lot}"),
        count - 1,
        number=lambda n: f"K-{lot}-{n}",
        status=lambda n: CaseStatus.CLOSED,
    )


LISTS: dict[str, Listed] = {
    "invoices": Listed(invoices, filters=("paid", "unpaid", "pending", "overdue")),
    "orders": Listed(orders, filters=tuple(status.value for status in OrderStatus)),
    "subscriptions": Listed(subscriptions, filters=("active",)),
    "support": Listed(tickets, filters=tuple(status.value for status in TicketStatus)),
    "notifications": Listed(notices, row="notice-title"),
    "payment-methods": Listed(methods, filters=("earlier",)),
    "collections": Listed(cases),
}


def rows(answer: Any, listed: Listed) -> int:
    """How many rows of a list a page shows."""
    assert answer.status_code == 200
    main = next(each for each in parse(answer.get_data(as_text=True)).iter() if each.tag == "main")
    return sum(listed.row in each.attrib.get("class", "").split() for each in main.iter())


def pager(answer: Any, which: str) -> str | None:
    """The address of the page beside this one."""
    links = find_all(parse(answer.get_data(as_text=True)), "a")
    return next((each.attrib["href"] for each in links if each.attrib.get("rel") == which), None)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("section", LISTS)
def test_it_holds_a_page_and_leads_to_the_next(
    login: Any, on_stage: Any, ids: Ids, section: str, count: int
) -> None:
    listed = LISTS[section]
    if count:
        with on_stage():
            listed.write(ids, "0", count)
    emma = login("emma", now=START)
    with clock.frozen(START):
        first = emma.get(f"/customer/{section}")
        assert rows(first, listed) == min(count, PAGE)
        following = pager(first, "next")
        assert (following is not None) == (count > PAGE) and pager(first, "prev") is None
        if following is not None:
            second = emma.get(following)
            assert rows(second, listed) == min(count - PAGE, PAGE)
            back = pager(second, "prev")
            assert back is not None and rows(emma.get(back), listed) == PAGE


@pytest.mark.parametrize("section", LISTS)
def test_ten_thousand_cost_what_one_does(
    app: Flask, login: Any, on_stage: Any, ids: Ids, section: str
) -> None:
    listed, address = LISTS[section], f"/customer/{section}"
    with on_stage():
        listed.write(ids, "0", 1)
    emma = login("emma", now=START)
    with clock.frozen(START):
        emma.get(address)
        with counted(app) as few:
            emma.get(address)
        with on_stage():
            listed.write(ids, "1", 9_999)
        with counted(app) as many:
            emma.get(address)
        assert len(few) == len(many) <= 5, "\n\n".join(many)
        for path in (address, *(f"{address}?status={each}" for each in listed.filters)):
            following = pager(emma.get(path), "next")
            with plans(app) as found:
                emma.get(path)
                if following is not None:
                    emma.get(following)
            # Who asks is one row, whose few memberships are sorted.
            for plan in (each for each in found if "sessions" not in each):
                assert not SLOW.search(plan), f"{path}\n{plan}"
