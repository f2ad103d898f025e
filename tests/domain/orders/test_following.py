"""An order follows its invoices: paid once all of them are, whoever paid them and however often it is said."""

from __future__ import annotations

import pytest

from portal.core import clock
from portal.core.audit import Actor, AuditEntry
from portal.domain.invoices import taking_back
from portal.domain.invoices.balance import rebalance
from portal.domain.invoices.links import payment_token
from portal.domain.invoices.models import Allocation, AllocationState, Document, ListState
from portal.domain.orders.models import Order, OrderStatus
from portal.domain.people.models import Customer
from portal.domain.shops.models import Shop
from portal.extensions import db
from tests import cast
from tests.domain.invoices.paying import attempt, book
from tests.payments_world import Invoice, World
from tests.rows import make_order

S = OrderStatus


def make(
    world: World, *, invoices: int = 1, status: OrderStatus = S.PENDING_PAYMENT
) -> tuple[int, list[Invoice]]:
    """An order with its invoices."""
    with world.scope():
        order_id = make_order(world.ids.emma_account, status=status).id
        made = []
        for _ in range(invoices):
            document = cast.make_invoice(world.ids.emma_account, now=clock.now(), order_id=order_id)
            made.append(Invoice(document.id, document.public_id, payment_token(document)))
        db.session.commit()
        return order_id, made


def status(world: World, order_id: int) -> OrderStatus:
    with world.scope():
        return db.session.get_one(Order, order_id).status


def pay(world: World, invoice: Invoice) -> str:
    browser = world.browser()
    checkout = browser.pay(invoice)
    browser.return_to_shop(browser.decide(checkout, "paid", "thrice"))
    world.work()
    return checkout


def test_it_is_paid_with_its_invoice(world: World) -> None:
    order_id, (invoice,) = make(world)
    pay(world, invoice)
    assert status(world, order_id) is S.PAID
    with world.scope():
        entry = db.session.query(AuditEntry).filter(AuditEntry.event == "order.paid").one()
        assert (entry.subject_id, entry.data["document_id"]) == (order_id, invoice.id)


def test_it_waits_for_the_last_of_them(world: World) -> None:
    order_id, (first, second) = make(world, invoices=2)
    pay(world, first)
    assert status(world, order_id) is S.PENDING_PAYMENT
    pay(world, second)
    assert status(world, order_id) is S.PAID


@pytest.mark.parametrize("before", [S.COMPLETED, S.CANCELLED, S.REFUNDED, S.PAID])
def test_one_that_has_got_further_stays(world: World, before: OrderStatus) -> None:
    order_id, (invoice,) = make(world, status=before)
    pay(world, invoice)
    assert status(world, order_id) is before


def test_a_chargeback_leaves_it_to_the_shop(world: World) -> None:
    order_id, (invoice,) = make(world)
    checkout = pay(world, invoice)
    world.browser().decide(checkout, "charge_back", "before")
    world.work()
    assert world.open_minor(invoice) > 0
    assert status(world, order_id) is S.PAID


def test_one_that_was_invoiced_anew_is_paid_by_the_new_invoice(world: World) -> None:
    """The first invoice was credited whole, as a correction is."""
    order_id, (wrong, right) = make(world, invoices=2)
    with world.scope():
        document = db.session.get_one(Document, wrong.id)
        db.session.add(
            Allocation(
                document_id=wrong.id,
                credit_note_id=document.id,
                amount_minor=document.total_minor,
                state=AllocationState.BOOKED,
            )
        )
        rebalance(document, now=clock.now())
        db.session.commit()
    assert status(world, order_id) is S.PENDING_PAYMENT
    pay(world, right)
    assert status(world, order_id) is S.PAID


@pytest.mark.parametrize(("lines", "expected"), [((1, 2), S.PENDING_PAYMENT), ((1,), S.PAID)])
def test_the_last_cent_of_one_that_was_taken_back_pays_for_nothing(
    world: World, lines: tuple[int, ...], expected: OrderStatus
) -> None:
    """What is paid for is a line that is left; money that was paid before the notes does not change that."""
    with world.scope():
        order_id = make_order(world.ids.emma_account, status=S.PENDING_PAYMENT).id
        document = cast.make_invoice(world.ids.emma_account, now=clock.now(), order_id=order_id, lines=2)
        book(attempt(world.ids.emma_account, (document, 100)), 100)
        parts = [taking_back.Part(position) for position in lines]
        taking_back.take_back(
            document.id,
            parts,
            told=taking_back.plan(document, parts).token,
            shop=db.session.get_one(Shop, world.ids.shop),
            customer=db.session.get_one(Customer, world.ids.emma_account),
            note="",
            now=clock.now(),
            actor=Actor.system("test"),
        )
        if document.open_minor:
            book(attempt(world.ids.emma_account, (document, document.open_minor)), document.open_minor)
        assert document.list_state is (ListState.CREDITED if len(lines) == 2 else ListState.PAID)
        db.session.commit()
    assert status(world, order_id) is expected
