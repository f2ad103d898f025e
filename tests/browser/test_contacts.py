"""A bookkeeper is added, gets the copy of the next invoice, and goes again: with scripts and without."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser import steps
from tests.browser.conftest import OpenWindow, crosswise
from tests.browser.installation import Installation, invoice_for
from tests.services import SmtpService

JAN, PETRA = "jan@example.com", "petra@example.net"


@crosswise
def test_a_bookkeeper_comes_and_goes(
    demo: Installation, visit: OpenWindow, smtp_server: SmtpService, scripts: bool
) -> None:
    window = visit(scripts=scripts)
    page, bookkeeper = window.page, f"books-{window.device.name}-{scripts}@example.net".lower()
    window.enter(JAN)
    window.go("/customer/contacts")
    page.click(".page-actions .btn-primary")
    page.fill("#name", "Bo Boeken")
    page.fill("#email", bookkeeper)
    page.select_option("#role", "bookkeeping")
    expect(page.locator("#billing_mails")).to_be_checked()
    page.click("main form .btn-primary")
    page.wait_for_url("**/customer/contacts")
    row = page.locator("main a.row-link", has_text="Bo Boeken")
    expect(row).to_be_visible()

    number = demo.issue(invoice_for(JAN))[0].number
    mail = steps.wait_for_mail(smtp_server, bookkeeper, number, attached=True)
    assert (mail["To"], sorted(mail["Cc"].split(", "))) == (JAN, sorted([bookkeeper, PETRA]))

    row.click()
    page.click("[data-dialog]")
    if scripts:
        expect(page.locator("dialog")).to_be_visible()
        window.shot("contact-dialog")
        page.click("dialog [data-close]")
        expect(page.locator("dialog")).to_be_hidden()
        page.click("[data-dialog]")
    page.click("dialog .btn-danger" if scripts else "main form .btn-danger")
    page.wait_for_url("**/customer/contacts")
    expect(row).to_have_count(0)
    expect(page.locator("#live")).to_contain_text("Bo Boeken")
