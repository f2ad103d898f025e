"""The list of orders and the page of one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from portal.core import clock
from portal.core.audit import Actor
from portal.domain.invoices.models import Allocation, AllocationState
from portal.domain.orders.models import OrderStatus
from portal.domain.payments import undoing
from portal.domain.payments.models import Payment, PaymentMethodKind, PaymentStatus
from portal.domain.payments.registering import Received, register
from portal.domain.shops.models import Mode, Shop
from portal.extensions import db
from tests.cast import START, make_invoice
from tests.pages import links, neighbour, row_headers, text
from tests.rows import HOSTILE, make_download, make_order
from tests.statements import counted

LIST = "/customer/orders"


def test_without_orders_the_page_says_what_will_be_there(login: Any) -> None:
    response = login("emma").get(LIST)
    assert response.status_code == 200
    assert row_headers(response) == []
    assert "No orders yet" in text(response)


def test_one_order(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        number = make_order(ids.emma_account, lines=51).number
    response = login("emma").get(LIST)
    assert row_headers(response) == [number]
    assert f"{number} 1 Nov 2026 Completed € 1,234.20" in text(response)
    assert neighbour(response, "next") == neighbour(response, "prev") == ""


def test_twenty_six_orders_are_two_pages_newest_first(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        made = [
            make_order(ids.emma_account, order_date=START.date() + timedelta(days=day // 2)).number
            for day in range(26)
        ]
    emma = login("emma")
    first = emma.get(LIST)
    assert row_headers(first) == made[:0:-1]
    second = emma.get(neighbour(first, "next"))
    assert row_headers(second) == made[:1]
    assert neighbour(second, "next") == ""
    assert row_headers(emma.get(neighbour(second, "prev"))) == made[:0:-1]


def test_filters_are_links_and_an_unknown_one_means_all(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        paid = make_order(ids.emma_account, status=OrderStatus.PAID).number
        cancelled = make_order(ids.emma_account, status=OrderStatus.CANCELLED).number
    emma = login("emma")
    assert row_headers(emma.get(f"{LIST}?status=paid")) == [paid]
    assert row_headers(emma.get(f"{LIST}?status=cancelled")) == [cancelled]
    assert row_headers(emma.get(f"{LIST}?status=refunded")) == []
    assert "No order has this status" in text(emma.get(f"{LIST}?status=refunded"))
    for odd in ("unknown", "PAID", "%00", "a" * 500):
        assert row_headers(emma.get(f"{LIST}?status={odd}")) == [cancelled, paid]
    assert {f"{LIST}?status={status.value}" for status in OrderStatus} <= set(links(emma.get(LIST)))


def test_paging_keeps_the_filter(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        for _ in range(26):
            make_order(ids.emma_account, status=OrderStatus.PAID)
        make_order(ids.emma_account)
    emma = login("emma")
    first = emma.get(f"{LIST}?status=paid")
    assert "status=paid" in neighbour(first, "next")
    assert len(row_headers(emma.get(neighbour(first, "next")))) == 1


@pytest.mark.parametrize("cursor", ["x", "%00", "bnVsbA", "W10", "a" * 2000])
def test_a_cursor_of_somebody_else_means_the_first_page(
    login: Any, on_stage: Any, ids: Any, cursor: str
) -> None:
    with on_stage():
        number = make_order(ids.emma_account).number
    assert row_headers(login("emma").get(f"{LIST}?after={cursor}")) == [number]


def test_everybody_sees_their_own_only(login: Any, on_stage: Any, ids: Any, client: Any) -> None:
    with on_stage():
        emmas = make_order(ids.emma_account)
        number, address = emmas.number, f"{LIST}/{emmas.public_id}"
        jans = make_order(ids.jan_account).number
    with on_stage(ids.other_shop):
        doras = make_order(ids.dora_account).number
    assert row_headers(login("emma").get(LIST)) == row_headers(login("bram").get(LIST)) == [number]
    assert row_headers(login("jan").get(LIST)) == [jans]
    assert row_headers(login("dora").get(LIST)) == [doras]
    assert login("emma").get(address).status_code == login("bram").get(address).status_code == 200
    assert login("jan").get(address).status_code == 404
    assert login("dora").get(address).status_code == 404
    assert client.get(address).status_code == client.get(LIST).status_code == 303


def test_what_was_bought_in_the_other_mode_is_not_there(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        address = f"{LIST}/{make_order(ids.emma_account, mode=Mode.LIVE).public_id}"
    emma = login("emma")
    assert row_headers(emma.get(LIST)) == []
    assert emma.get(address).status_code == 404


def test_the_page_of_an_order(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        order = make_order(
            ids.emma_account, lines=2, answers=[{"label": "Grind", "value": "Fine"}], note="Ring twice"
        )
        make_download(order, expires_at=START + timedelta(days=30), downloads_used=2)
        invoice = make_invoice(ids.emma_account, amount_minor=4840, order_id=order.id)
        pay(invoice)
        unrelated = make_invoice(ids.emma_account).number
        address, number = f"{LIST}/{order.public_id}", order.number
        billed, billed_at = invoice.number, f"/customer/invoices/{invoice.public_id}"
    with clock.frozen(START):
        response = login("emma", now=START).get(address)
    seen = text(response)
    assert f"Order {number}" in seen
    assert seen.count("Coffee beans, 1 kg") == 2
    for part in (
        "€ 48.40",
        "VAT 21% over € 40.00",
        "€ 8.40",
        "Grind Fine",
        "Ring twice",
        "guide.pdf",
        "3 of 5 downloads left, up to and including 1 December 2026",
        "1.3 MB",
        "iDEAL | Wero",
        "tr_1",
    ):
        assert part in seen, part
    assert links(response)[billed_at] == billed
    assert unrelated not in seen


def test_what_is_left_of_a_download(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        order = make_order(ids.emma_account)
        later = START + timedelta(days=30)
        make_download(order, name="used.pdf", expires_at=later, downloads_used=5, size_bytes=900)
        make_download(order, name="old.pdf", expires_at=START - timedelta(days=1))
        make_download(order, name="last.pdf", expires_at=later, downloads_used=4)
        address = f"{LIST}/{order.public_id}"
    with clock.frozen(START):
        seen = text(login("emma", now=START).get(address))
    assert "used.pdf 1 KB All 5 downloads used Ask for more" in seen
    assert "old.pdf 1.3 MB Expired on 31 October 2026 Ask for more" in seen
    assert "last.pdf 1.3 MB 1 of 5 downloads left, up to and including 1 December 2026 Download" in seen
    assert seen.count("Coffee beans, 1 kg") == 1


def test_prices_without_vat_show_net_lines(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        order = make_order(
            ids.emma_account,
            prices_include_vat=False,
            vat_groups=[{"category": "reverse_charge", "rate": "0", "net_minor": 2000, "vat_minor": 0}],
        )
        address = f"{LIST}/{order.public_id}"
    seen = text(login("emma").get(address))
    assert "€ 20.00" in seen
    assert "VAT reverse charged € 0.00" in seen


def test_attempts_that_came_to_nothing_are_not_told(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        order = make_order(ids.emma_account)
        invoice = make_invoice(ids.emma_account, order_id=order.id)
        pay(invoice, status=PaymentStatus.FAILED, reference="tr_failed", state=AllocationState.RELEASED)
        address, number = f"{LIST}/{order.public_id}", invoice.number
    seen = text(login("emma").get(address))
    assert number in seen
    assert "tr_failed" not in seen


def test_hostile_text_is_shown_as_typed(login: Any, on_stage: Any, ids: Any) -> None:
    long = (HOSTILE * 10)[:200]
    with on_stage():
        order = make_order(
            ids.emma_account,
            name=long,
            note=HOSTILE,
            answers=[{"label": HOSTILE, "value": HOSTILE}],
        )
        make_download(order, name=long, expires_at=START + timedelta(days=30))
        address = f"{LIST}/{order.public_id}"
    response = login("emma").get(address)
    html = response.get_data(as_text=True)
    assert "<script>alert" not in html and "<img" not in html
    assert long in text(response)


def test_in_dutch(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        order = make_order(ids.emma_account, lines=51)
        address = f"{LIST}/{order.public_id}"
    emma = login("emma")
    for path in (LIST, address):
        response = emma.get(path, headers={"Accept-Language": "nl"})
        assert '<html lang="nl"' in response.get_data(as_text=True)
        seen = text(response)
        assert "€ 1.234,20" in seen and "1 nov 2026" in seen


@pytest.mark.parametrize(("page", "most"), [("list", 5), ("one", 6)])
def test_the_statements_of_a_page(
    app: Any, login: Any, on_stage: Any, ids: Any, page: str, most: int
) -> None:
    with on_stage():
        small = make_order(ids.emma_account)
        make_invoice(ids.emma_account, order_id=small.id)
        address = f"{LIST}/{small.public_id}" if page == "one" else LIST
    emma = login("emma")
    emma.get(address)
    with counted(app) as few:
        emma.get(address)
    with on_stage():
        for _ in range(25):
            make_order(ids.emma_account)
        large = make_order(ids.emma_account, lines=25)
        make_download(large, expires_at=START)
        for _ in range(5):
            pay(make_invoice(ids.emma_account, order_id=large.id), reference=None)
        address = f"{LIST}/{large.public_id}" if page == "one" else LIST
    with counted(app) as many:
        emma.get(address)
    assert len(few) == len(many) <= most, "\n\n".join(many)


def pay(
    invoice: Any,
    *,
    status: PaymentStatus = PaymentStatus.PAID,
    reference: str | None = "tr_1",
    state: AllocationState = AllocationState.BOOKED,
) -> None:
    payment = Payment(
        mode=Mode.TEST,
        customer_id=invoice.customer_id,
        provider="sandbox",
        provider_ref=reference,
        method=PaymentMethodKind.IDEAL,
        currency="EUR",
        amount_minor=invoice.total_minor,
        status=status,
        idempotency_key=f"key-{invoice.id}",
        created_at=START,
        paid_at=START,
    )
    db.session.add(payment)
    db.session.flush()
    db.session.add(
        Allocation(
            document_id=invoice.id,
            payment_id=payment.id,
            amount_minor=invoice.total_minor,
            state=state,
            created_at=START,
        )
    )


def test_a_payment_that_the_shop_booked_by_mistake_is_no_chargeback(
    login: Any, on_stage: Any, ids: Any
) -> None:
    with on_stage():
        order = make_order(ids.emma_account)
        invoice = make_invoice(ids.emma_account)
        invoice.order_id = order.id
        received = Received(
            amount_minor=500, method=PaymentMethodKind.CASH, paid_on=START.date(), reference="", key="k" * 22
        )
        shop, staff = db.session.get_one(Shop, ids.shop), Actor("staff", ids.saskia)
        payment = register(invoice.id, received, shop=shop, now=START, actor=staff)
        undoing.undo(payment.id, reason="Too early", actor=staff, now=START)
        address = f"{LIST}/{order.public_id}"
    page = text(login("emma").get(address))
    assert "Booked by mistake, taken back on 1 Nov 2026" in page
    assert "Reversed" not in page and "Too early" not in page
