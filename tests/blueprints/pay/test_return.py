"""Back from the bank: asked, booked and told, to whoever holds the address and not a word more."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portal.core import clock
from portal.core.audit import Actor
from portal.domain.invoices.actions import replace_link
from portal.domain.invoices.models import Document
from portal.domain.payments.models import Payment, PaymentStatus
from portal.extensions import db
from tests import cast
from tests.payments_world import START, World, text_of

S = PaymentStatus


def way_back(world: World) -> str:
    """The address that the bank was given for the newest payment."""
    return world.bank()[-1].return_url


@pytest.mark.parametrize(
    ("decision", "status", "says"),
    [
        ("paid", S.PAID, "has arrived"),
        ("failed", S.FAILED, "failed"),
        ("canceled", S.CANCELLED, "cancelled"),
        ("expired", S.EXPIRED, "too long"),
        ("later", S.PENDING, "Under way"),
    ],
)
def test_it_asks_the_bank_and_says_how_it_went(world: World, decision: str, status: S, says: str) -> None:
    invoice, browser = world.invoice(), world.browser()
    browser.decide(browser.pay(invoice), decision, "never")
    text = text_of(browser.get(way_back(world)))
    assert says in text
    assert world.payments() == [status]
    assert ("Try again" in text) == (decision in ("failed", "canceled", "expired"))
    assert "Emma" not in text


def test_while_the_bank_is_silent_it_waits_and_looks_again(world: World) -> None:
    invoice, browser = world.invoice(), world.browser()
    checkout = browser.pay(invoice)
    text = text_of(browser.get(way_back(world)))
    assert "Waiting for the bank" in text and "piece=1" in text
    browser.decide(checkout, "paid")
    world.app.test_client_class.checks = False
    try:
        piece = text_of(browser.get(way_back(world) + "?piece=1"))
    finally:
        world.app.test_client_class.checks = True
    assert "<html" not in piece and "has arrived" in piece and "piece=1" not in piece


def test_what_the_bank_decides_later_is_looked_at_too(world: World) -> None:
    invoice, browser = world.invoice(), world.browser()
    checkout = browser.pay(invoice)
    browser.decide(checkout, "later", "never")
    page = text_of(browser.get(way_back(world)))
    assert "Under way" in page and "look=1" in page and "Look again" in page
    world.app.test_client_class.checks = False
    try:
        waiting = browser.get(f"{invoice.link}?piece=1&look=1")
        assert "<html" not in waiting.text and "look=2" in waiting.text
        browser.decide(checkout, "paid")
        assert "has arrived" in text_of(browser.get(way_back(world) + "?piece=1&look=7"))
        assert browser.get(f"{invoice.link}?piece=1&look=2").headers["HX-Refresh"] == "true"
    finally:
        world.app.test_client_class.checks = True


def test_coming_back_twice_books_once(world: World) -> None:
    browser = world.browser()
    browser.decide(browser.pay(world.invoice()), "paid")
    for _ in range(3):
        browser.get(way_back(world))
    assert world.payments() == [S.PAID]
    world.check_books()


def test_a_bank_that_is_away_leaves_it_waiting(world: World) -> None:
    browser = world.browser()
    browser.decide(browser.pay(world.invoice()), "paid")

    def away(request: object) -> object:
        raise ConnectionRefusedError

    world.app.config["SANDBOX_TRANSPORT"] = away
    page = browser.get(way_back(world))
    assert page.status_code == 200 and "Waiting for the bank" in text_of(page)
    assert world.payments() == [S.OPEN]


def test_the_bank_tab_closed_and_started_again(world: World) -> None:
    """Somebody leaves the bank's page, comes back by the link, continues there, and pays."""
    invoice, browser = world.invoice(), world.browser()
    checkout = browser.pay(invoice)
    again = world.browser()
    assert checkout in text_of(again.get(invoice.link))
    again.return_to_shop(again.decide(checkout, "paid", "thrice"))
    world.work()
    assert (world.payments(), world.open_minor(invoice)) == ([S.PAID], 0)
    world.check_books()


def test_a_payment_given_up_that_was_paid_after_all_is_found_by_its_old_tab(world: World) -> None:
    invoice, browser = world.invoice(), world.browser()
    checkout = browser.pay(invoice)
    browser.post(invoice.link, {}, to=f"{invoice.link}/restart")
    second = browser.pay(invoice, "card")
    browser.return_to_shop(browser.decide(second, "paid"))
    old = world.bank()[0].return_url
    browser.decide(checkout, "paid")
    assert "has arrived" in text_of(browser.get(old))
    assert (world.payments(), world.credit()) == ([S.PAID, S.PAID], 10000)
    world.check_books()


@pytest.mark.parametrize("wrong", ["x" * 22, "x", "%00", "..", "x" * 300])
def test_a_wrong_id_is_404(world: World, wrong: str) -> None:
    assert world.browser().get(f"/pay/return/{wrong}").status_code == 404


def test_on_the_other_shops_host_it_is_404_and_books_nothing(world: World) -> None:
    browser = world.browser()
    browser.decide(browser.pay(world.invoice()), "paid")
    path = way_back(world).removeprefix(f"https://{cast.HOST}")
    assert world.browser(host=cast.OTHER_HOST).get(path).status_code == 404
    assert world.payments() == [S.OPEN]
    assert browser.get(path).status_code == 200


def test_it_ends_after_thirty_days(world: World) -> None:
    browser = world.browser()
    browser.pay(world.invoice())
    with clock.frozen(START + timedelta(days=30)):
        assert browser.get(way_back(world)).status_code == 200
    with clock.frozen(START + timedelta(days=30, seconds=1)):
        assert browser.get(way_back(world)).status_code == 404


def test_a_customer_goes_on_to_the_invoice_and_reads_how_it_went(world: World, login: object) -> None:
    invoice = world.invoice()
    browser = world.browser(login("emma"))  # type: ignore[operator]
    page = f"/customer/invoices/{invoice.public_id}"
    answer = browser.post(page, {"method": "ideal"}, to=f"{page}/pay")
    browser.decide(answer.headers["Location"], "paid")
    back = browser.get(way_back(world))
    assert (back.status_code, back.headers["Location"]) == (303, page)
    assert "has arrived" in text_of(browser.get(page))
    with world.scope():
        assert not db.session.query(Payment).one().via_link


def test_a_stranger_with_a_customers_address_sees_no_name_and_no_invoice(world: World, login: object) -> None:
    invoice = world.invoice()
    browser = world.browser(login("emma"))  # type: ignore[operator]
    page = f"/customer/invoices/{invoice.public_id}"
    answer = browser.post(page, {"method": "ideal"}, to=f"{page}/pay")
    browser.decide(answer.headers["Location"], "paid")
    with world.scope():
        number = db.session.get_one(Document, invoice.id).number
    text = world.browser().get(way_back(world)).get_data(as_text=True)
    assert "has arrived" in text and "Emma" not in text and number not in text and invoice.token not in text
    jan = world.browser(login("jan"))  # type: ignore[operator]
    assert jan.get(jan.get(way_back(world)).headers["Location"]).status_code == 404


def test_a_link_that_was_replaced_meanwhile_is_not_given_away(world: World) -> None:
    invoice, browser = world.invoice(), world.browser()
    browser.decide(browser.pay(invoice), "paid")
    with world.scope():
        replace_link(db.session.get_one(Document, invoice.id), now=START, actor=Actor.system())
        db.session.commit()
    text = text_of(browser.get(way_back(world)))
    assert "has arrived" in text
    assert f"/pay/{invoice.public_id}" not in text and "To the shop" in text
