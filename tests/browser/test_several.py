"""Several invoices in one payment, ticked in the list, with credit first: at both screens, and without scripts."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser import steps
from tests.browser.conftest import OpenWindow, crosswise
from tests.browser.installation import Installation, invoice_for
from tests.browser.walk import Walk

EMMA = "emma@example.com"


@crosswise
def test_two_are_ticked_and_paid(demo: Installation, visit: OpenWindow, scripts: bool) -> None:
    """The words of the button follow the tick: credit is left alone once it is taken away."""
    issued = demo.issue(invoice_for(EMMA), invoice_for(EMMA))
    demo.run("tests.browser.given_credit", "1000")
    try:
        window = visit(scripts=scripts)
        window.enter(EMMA)
        walk, page = Walk(window), window.page
        page.goto(f"{window.url}/customer/invoices")
        for each in issued:
            page.locator("tr", has_text=each.number).locator("input[name=invoice]").check()
        page.locator(".tick-foot button").click()
        page.wait_for_url("**/customer/invoices/pay?invoice=*")
        button = page.locator(".pay-form .btn-primary")
        with_credit = button.inner_text()
        expect(page.locator(".sums .by-credit").first).to_be_visible()
        if scripts:
            walk.look("pay-several-credit")
        page.locator("#credit").uncheck()
        assert button.inner_text() != with_credit
        expect(page.locator(".by-credit").first).to_be_hidden()
        steps.choose(window, "ideal")
        button.click()
        page.wait_for_url("**/sandbox/*")
        steps.decide(window, "paid")
        page.wait_for_url(re.compile(r"/customer/invoices$"))
        for each in issued:
            expect(page.locator("tr", has_text=each.number).locator("input[name=invoice]")).to_have_count(0)
        walk.done()
    finally:
        demo.run("tests.browser.given_credit", "-1000")
