"""What tickets are read by: an index each, whatever there is of everything, and never a sort."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.domain.invoices.models import Document
from portal.domain.people.models import Role
from portal.domain.people.permissions import permissions_of
from portal.domain.shops.models import Mode
from portal.domain.tickets import queries, related
from portal.domain.tickets.models import Ticket, TicketMessage, TicketStatus
from portal.domain.tickets.related import Kind
from portal.extensions import db
from tests.cast import START, make_invoice
from tests.rows import add_file, add_message, make_order, make_subscription, make_ticket, write_invoices
from tests.statements import plans

#: What a statement must not do whose cost may not grow with the shop.
SLOW = re.compile(r"TEMP B-TREE|SCAN |Sort|Seq Scan|Bitmap")
OWNER, ORDERS = permissions_of(Role.OWNER), permissions_of(Role.ORDERS)


@pytest.fixture
def crowd(on_stage: Any, ids: Any) -> Any:
    """A shop in which Emma has much of everything, and Jan as much again."""
    with on_stage():
        write_invoices(ids.shop, ids.emma_account, 300)
        write_invoices(ids.shop, ids.jan_account, 300, first=300)
        for account in (ids.emma_account, ids.jan_account):
            for number in range(60):
                make_order(account, order_date=START.date() - timedelta(days=number))
                make_subscription(account)
            for number in range(60):
                ticket = make_ticket(account, last_message_at=START + timedelta(hours=number))
            for number in range(60):
                message = add_message(ticket, body="x", is_internal=number % 3 == 0)
                add_file(message)
    return on_stage


def of_emma(ids: Any) -> Ticket:
    return db.session.scalars(
        sa.select(Ticket).where(Ticket.customer_id == ids.emma_account).order_by(Ticket.id.desc()).limit(1)
    ).one()


ASKED: dict[str, tuple[int, Callable[[Any, Ticket, Any], object]]] = {
    "newest": (3, lambda ids, t, f: related.list_newest(ids.emma_account, OWNER, mode=Mode.TEST)),
    "newest of the orders role": (
        3,
        lambda ids, t, f: related.list_newest(ids.emma_account, ORDERS, mode=Mode.TEST),
    ),
    "by number": (
        2,
        lambda ids, t, f: related.find_by_number("o-1", ids.emma_account, OWNER, mode=Mode.TEST),
    ),
    "tickets": (1, lambda ids, t, f: queries.list_tickets(ids.emma_account)),
    "tickets of a status": (
        1,
        lambda ids, t, f: queries.list_tickets(ids.emma_account, status=TicketStatus.OPEN),
    ),
    "messages": (1, lambda ids, t, f: queries.list_messages(t.id)),
    "older messages": (
        2,
        lambda ids, t, f: queries.list_messages(t.id, after=queries.list_messages(t.id).next_cursor),
    ),
    "files": (1, lambda ids, t, f: queries.list_files([f.message_id])),
    "a file": (
        1,
        lambda ids, t, f: queries.get_file(
            f.public_id, ticket=t.public_id, customer_ids=[ids.emma_account, ids.jan_account]
        ),
    ),
}


@pytest.mark.parametrize("what", ASKED)
def test_each_is_read_by_an_index(app: Flask, crowd: Any, ids: Any, what: str) -> None:
    count, ask = ASKED[what]
    with crowd():
        ticket = of_emma(ids)
        file = add_file(add_message(ticket, body="last"))
        with plans(app) as found:
            ask(ids, ticket, file)
        assert len(found) == count
        for plan in found:
            assert not SLOW.search(plan), plan


def test_the_newest_of_each_kind_first(crowd: Any, ids: Any) -> None:
    with crowd():
        order = make_order(ids.emma_account, order_date=START.date() + timedelta(days=1))
        invoice = make_invoice(ids.emma_account, now=START + timedelta(days=400), order_id=order.id)
        subscription = make_subscription(ids.emma_account)
        found = related.list_newest(ids.emma_account, OWNER, mode=Mode.TEST)
        assert [each.kind for each in found] == [Kind.INVOICE] * 10 + [Kind.ORDER] * 10 + [
            Kind.SUBSCRIPTION
        ] * 10
        assert (found[0].id, found[10].id, found[20].id) == (invoice.id, order.id, subscription.id)
        assert {each.customer_id for each in found} == {ids.emma_account}
        assert [each.id for each in related.list_newest(ids.emma_account, ORDERS, mode=Mode.TEST)] == [
            invoice.id,
            *(each.id for each in found[10:]),
        ]
        assert all(isinstance(db.session.get(Document, each.id), Document) for each in found[:10])


def test_a_conversation_has_no_notes(crowd: Any, ids: Any) -> None:
    with crowd():
        ticket = of_emma(ids)
        shown, cursor = 0, None
        while True:
            page = queries.list_messages(ticket.id, after=cursor)
            assert [row.id for row in page.rows] == sorted(row.id for row in page.rows)
            shown, cursor = shown + len(page.rows), page.next_cursor
            if cursor is None:
                break
        notes = sa.select(sa.func.count()).where(
            TicketMessage.ticket_id == ticket.id, TicketMessage.is_internal
        )
        assert db.session.scalar(notes) == 20 and shown == 41
