"""The steps that several journeys share. They find things by role, address and name, never by words."""

from __future__ import annotations

import re
import subprocess
from email.message import EmailMessage
from pathlib import Path

from playwright.sync_api import Locator, expect

from tests.browser.window import Window
from tests.services import SmtpService, wait_until

PAID = re.compile("^(Paid|Betaald)$")


def open_invoice(window: Window, number: str) -> None:
    """From wherever the window is: the list, narrowed to what is unpaid, searched, and the row clicked."""
    if window.device.phone:
        window.page.click(".menu-toggle")
    window.page.click("#sidebar nav a[href='/customer/invoices']")
    window.page.click("nav.pills a[href*='status=unpaid']")
    expect(window.page.locator("nav.pills a[aria-current]")).to_have_attribute(
        "href", re.compile("status=unpaid")
    )
    window.page.fill("input[name=q]", number)
    window.page.press("input[name=q]", "Enter")
    window.page.wait_for_url("**q=*")
    expect(rows(window)).to_have_count(1)
    window.page.get_by_role("link", name=number, exact=True).locator("visible=true").first.click()
    window.page.wait_for_url(re.compile(r"/customer/invoices/[\w-]{22}$"))


def rows(window: Window) -> Locator:
    """The rows of the list on the page."""
    return window.page.locator("main table.rows tbody tr")


def choose(window: Window, method: str) -> None:
    """Choose a way to pay."""
    window.page.check(f"input[name=method][value={method}]")


def press_pay(window: Window) -> None:
    """The one button of the pay form."""
    window.page.click("form.pay-form button.btn-primary")


def start_ideal(window: Window) -> str:
    """Pay by iDEAL, as far as the bank's page; its address."""
    choose(window, "ideal")
    press_pay(window)
    window.page.wait_for_url("**/sandbox/sbp_*")
    return window.page.url


def decide(window: Window, decision: str, notice: str = "before") -> None:
    """At the bank: when to tell the shop, and the button."""
    window.page.check(f"input[name=notice][value={notice}]")
    window.page.click(f"button[name=decision][value={decision}]")


def is_paid(window: Window) -> None:
    """The invoice on the page is paid, says so, and asks for nothing more."""
    expect(window.page.locator(".page-head .status")).to_have_text(PAID)
    expect(window.page.locator(".settled")).to_be_visible()
    expect(window.page.locator("form.pay-form")).to_have_count(0)


def pdf_text(data: bytes) -> str:
    """The words of a PDF."""
    assert data.startswith(b"%PDF-"), data[:100]
    run = subprocess.run(["pdftotext", "-layout", "-", "-"], input=data, capture_output=True, check=True)
    return run.stdout.decode()


def keep_pdf(data: bytes, picture: Path) -> None:
    """A picture of a PDF's first page."""
    picture.parent.mkdir(parents=True, exist_ok=True)
    command = ["pdftoppm", "-png", "-r", "80", "-singlefile", "-", str(picture.with_suffix(""))]
    subprocess.run(command, input=data, check=True)


def fetch_pdf(window: Window) -> bytes:
    """The PDF behind the link on the page of an invoice, with the cookies of the visitor."""
    link = window.page.locator("main a[href*='/pdf']").first
    expect(link).to_be_visible()
    answer = window.context.request.get(window.url + str(link.get_attribute("href")))
    assert answer.status == 200 and answer.headers["content-type"] == "application/pdf"
    return answer.body()


def wait_for_mail(smtp: SmtpService, to: str, *words: str, attached: bool = False) -> EmailMessage:
    """The mail to an address whose subject and text hold the words; with a PDF when one must be attached."""
    found: list[EmailMessage] = []

    def there() -> bool:
        for mail in smtp.mails(to):
            whole = f"{mail['Subject']}\n{plain(mail)}"
            if all(word in whole for word in words) and (pdfs(mail) or not attached):
                found.append(mail)
                return True
        return False

    wait_until(there, seconds=30, what=f"a mail to {to} with {' and '.join(words)}")
    return found[0]


def plain(mail: EmailMessage) -> str:
    """The text part."""
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def html(mail: EmailMessage) -> str:
    """The HTML part."""
    part = mail.get_body(("html",))
    assert part is not None
    return str(part.get_content())


def pdfs(mail: EmailMessage) -> list[bytes]:
    """The PDFs attached."""
    return [
        bytes(part.get_payload(decode=True) or b"")
        for part in mail.iter_attachments()
        if part.get_content_type() == "application/pdf"
    ]


def link_in(mail: EmailMessage, path: str) -> str:
    """The address in the text part whose path starts like this."""
    found = re.search(rf"https?://[^/\s]+{re.escape(path)}\S*", plain(mail))
    assert found, plain(mail)
    return found.group(0)
