"""The portal's main job, nothing faked on the way: log in, see what is open, pay it, get the PDF and the mail."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser import steps
from tests.browser.conftest import OpenWindow, crosswise
from tests.browser.installation import Installation, invoice_for
from tests.browser.window import Window
from tests.services import SmtpService

EMMA = "emma@example.com"


@crosswise
def test_pay_what_is_open(
    demo: Installation, visit: OpenWindow, smtp_server: SmtpService, scripts: bool
) -> None:
    number = demo.issue(invoice_for(EMMA))[0].number

    issued = steps.wait_for_mail(smtp_server, EMMA, number, attached=True)
    assert number in steps.pdf_text(steps.pdfs(issued)[0])

    window: Window = visit(scripts=scripts)
    window.log_in(EMMA)
    assert window.page.locator("html").get_attribute("lang") == window.device.language
    assert window.page.locator("html").evaluate(
        "node => getComputedStyle(document.body).backgroundColor"
    ) == ("rgb(23, 23, 23)" if window.device.theme == "dark" else "rgb(250, 250, 250)")
    expect(window.page.locator("h1")).to_have_count(1)
    expect(window.page.locator("main .alert-card a[href*='/customer/invoices']")).to_be_visible()

    steps.open_invoice(window, number)
    steps.start_ideal(window)
    steps.decide(window, "paid")

    window.page.wait_for_url(re.compile(r"/customer/invoices/[\w-]{22}$"))
    steps.is_paid(window)
    invoice = window.path

    data = steps.fetch_pdf(window)
    assert number in steps.pdf_text(data)
    assert data == steps.pdfs(issued)[0], "the PDF on the page is the very one that was mailed"
    steps.keep_pdf(data, window.shot("invoice-paid").with_name("invoice-pdf.png"))

    confirmed = steps.wait_for_mail(smtp_server, EMMA, number, f"{demo.url}{invoice}", "iDEAL")
    assert not steps.pdfs(confirmed) and confirmed["Message-ID"] != issued["Message-ID"]

    for status, count in (("paid", 1), ("unpaid", 0)):
        window.go(f"/customer/invoices?status={status}&q={number}")
        expect(steps.rows(window)).to_have_count(count)
