"""Paying when people do as people do: click twice, close the bank's tab, pay by transfer, or from a link."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser import steps
from tests.browser.conftest import OpenWindow
from tests.browser.devices import DESKTOP, PHONE
from tests.browser.installation import Installation, invoice_for
from tests.browser.window import Window
from tests.services import SmtpService

JAN = "jan@example.com"


@pytest.fixture(scope="module")
def numbers(demo: Installation) -> list[str]:
    """Open invoices of Jan's, one for each test that takes one."""
    wanted = [invoice_for(JAN, description=f"Coffee subscription, month {month}") for month in range(1, 11)]
    return [issued.number for issued in demo.issue(*wanted)]


@pytest.fixture
def jan(demo: Installation, open_window: OpenWindow) -> Window:
    """Jan, logged in on a desktop."""
    window = open_window(demo.url, DESKTOP)
    window.enter(JAN)
    return window


def at_the_bank(window: Window, number: str) -> int:
    """How many payments for an invoice stand in the bank's own book."""
    window.go("/sandbox/")
    return steps.rows(window).filter(has_text=number).count()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_a_double_click_starts_one_payment(
    demo: Installation, open_window: OpenWindow, numbers: list[str], scripts: bool
) -> None:
    number = numbers.pop()
    window = open_window(demo.url, DESKTOP, scripts=scripts)
    window.enter(JAN)
    steps.open_invoice(window, number)
    steps.choose(window, "ideal")
    window.page.dblclick("form.pay-form button.btn-primary")
    window.page.wait_for_url("**/sandbox/sbp_*")
    assert at_the_bank(window, number) == 1


def test_two_tabs_start_one_payment(jan: Window, numbers: list[str]) -> None:
    number = numbers.pop()
    steps.open_invoice(jan, number)
    other = jan.tab()
    other.go(jan.path)
    for window in (jan, other):
        steps.choose(window, "ideal")
    # The first click does not wait for the page that it leads to.
    jan.page.evaluate("document.querySelector('form.pay-form button.btn-primary').click()")
    steps.press_pay(other)
    for window in (jan, other):
        window.page.wait_for_url("**/sandbox/sbp_*")
    assert jan.path == other.path
    steps.decide(jan, "paid")
    jan.page.wait_for_url(re.compile(r"/customer/invoices/[\w-]{22}$"))
    steps.is_paid(jan)
    assert at_the_bank(other, number) == 1


def test_the_tab_of_the_bank_closed_and_continued(jan: Window, numbers: list[str]) -> None:
    steps.open_invoice(jan, numbers.pop())
    invoice = jan.path
    bank = steps.start_ideal(jan)
    again = jan.tab()
    jan.page.close()
    again.go(invoice)
    expect(again.page.locator("form.pay-form")).to_have_count(0)
    again.shot("attempt-open")
    again.page.click(".attempt a.btn-primary")
    again.page.wait_for_url(bank)
    steps.decide(again, "paid")
    again.page.wait_for_url(f"**{invoice}")
    steps.is_paid(again)


def test_the_tab_of_the_bank_closed_and_started_again(jan: Window, numbers: list[str]) -> None:
    number = numbers.pop()
    steps.open_invoice(jan, number)
    invoice = jan.path
    first = steps.start_ideal(jan)
    again = jan.tab()
    jan.page.close()
    again.go(invoice)
    again.page.click(".attempt form button")
    again.page.wait_for_url(f"**{invoice}")
    second = steps.start_ideal(again)
    assert second != first
    # Cancelled first, so that the way back shows the invoice with another try.
    steps.decide(again, "canceled")
    again.page.wait_for_url(f"**{invoice}")
    steps.start_ideal(again)
    steps.decide(again, "paid")
    again.page.wait_for_url(f"**{invoice}")
    steps.is_paid(again)
    assert at_the_bank(again, number) == 3
    again.go(first)
    expect(again.page.locator("button[name=decision][value=failed]")).to_have_count(0)


def test_the_page_sees_by_itself_how_a_payment_ended(jan: Window, numbers: list[str]) -> None:
    steps.open_invoice(jan, numbers.pop())
    place = jan.path
    bank = steps.start_ideal(jan)
    steps.decide(jan, "later")
    jan.page.wait_for_url(f"**{place}")
    expect(jan.page.locator("#payment .big-number")).to_be_visible()
    other = jan.tab()
    other.go(bank.removeprefix(jan.url))
    steps.decide(other, "paid")
    steps.is_paid(jan)
    assert jan.page.locator("[data-hx-trigger^=every]").count() == 0


def test_a_pdf_in_the_other_language_is_one_click(jan: Window, numbers: list[str]) -> None:
    steps.open_invoice(jan, numbers[-1])
    button = jan.page.locator(".page-actions form[data-stays] button")
    with jan.page.expect_download() as built:
        button.click()
    with jan.page.expect_download() as original:
        button.click()
    assert built.value.suggested_filename != original.value.suggested_filename
    assert {each.value.suggested_filename.partition("-")[0] for each in (built, original)} == {
        "invoice",
        "factuur",
    }


def test_details_of_a_bank_transfer(jan: Window, numbers: list[str]) -> None:
    number = numbers.pop()
    steps.open_invoice(jan, number)
    steps.choose(jan, "transfer")
    steps.press_pay(jan)
    jan.page.wait_for_url("**/transfer")
    expect(jan.page.get_by_text(re.compile(r"NL\d\d [A-Z]{4} \d{4} \d{4} \d\d"))).to_be_visible()
    code = jan.page.locator(".qr .qr-code")
    expect(code).to_be_visible()
    assert code.locator("svg path").count()
    jan.shot("bank-transfer")
    jan.page.go_back()
    expect(jan.page.locator("form.pay-form")).to_be_visible()
    assert at_the_bank(jan, number) == 0, "showing the details starts nothing"


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_pay_from_a_link_without_logging_in(
    demo: Installation, open_window: OpenWindow, smtp_server: SmtpService, numbers: list[str], scripts: bool
) -> None:
    number = numbers.pop()
    mail = steps.wait_for_mail(smtp_server, JAN, number, attached=True)
    link = steps.link_in(mail, "/pay/")
    window = open_window(demo.url, PHONE, scripts=scripts)
    window.go(link)
    assert window.page.locator("meta[name=robots]").get_attribute("content") == "noindex, nofollow"
    expect(window.page.locator("h1")).to_contain_text(number)
    assert not window.page.locator(".story, .sidebar, address").count(), "no history, no menu, no address"
    assert JAN not in window.page.content()
    bank = steps.start_ideal(window)
    steps.decide(window, "failed")
    window.page.wait_for_url("**/pay/return/*")
    expect(window.page.locator(".outcome-icon.tone-red")).to_be_visible()
    window.shot("link-failed")
    window.page.click("#outcome a.btn-primary")
    assert steps.start_ideal(window) != bank
    steps.decide(window, "paid")
    window.page.wait_for_url("**/pay/return/*")
    expect(window.page.locator(".outcome-icon.tone-green")).to_be_visible()
    window.shot("link-done")
    window.page.click("#outcome a.btn-primary")
    window.page.wait_for_url(link)
    expect(window.page.locator("form")).to_have_count(1)  # theme and language, in the footer
    window.shot("link-paid")
