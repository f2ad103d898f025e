"""A week of one customer, from the invitation on, with the shop answering in the office: everything meets everything.

Both are looked at by axe on the way. On both screens, and without scripts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from portal.core import clock
from tests.browser import steps
from tests.browser.conftest import OpenWindow, crosswise
from tests.browser.devices import Device
from tests.browser.installation import Installation, Issued, invoice_for
from tests.browser.walk import Walk
from tests.services import SmtpService

OWNER, IBAN = "owner@example.com", "NL91ABNA0417164300"
PASSWORD = "a horse that knows a battery"
TICKET = re.compile(r"/customer/support/[\w-]{22}$")


@dataclass
class Week:
    """Who takes part: a customer and the shop, each at a screen, and the mails between them."""

    demo: Installation
    mails: SmtpService
    customer: Walk
    shop: Walk
    email: str
    books: str
    scripts: bool

    @property
    def page(self) -> Page:
        """The customer's."""
        return self.customer.page

    @property
    def office(self) -> Page:
        """The shop's."""
        return self.shop.page

    def look(self, walk: Walk, name: str) -> None:
        """By axe, which is a script itself, and as a picture."""
        if self.scripts:
            walk.look(f"week-{name}")

    def open(self, path: str) -> None:
        """A page of the customer's."""
        self.customer.window.go(path)

    def mail(self, to: str, *words: str, attached: bool = False) -> EmailMessage:
        """The mail with these words."""
        return steps.wait_for_mail(self.mails, to, *words, attached=attached)

    def issue(self, count: int = 1) -> list[Issued]:
        """Invoices of this customer's."""
        return self.demo.issue(*[invoice_for(self.email) for _ in range(count)])


@crosswise
def test_a_week(
    demo: Installation,
    open_window: OpenWindow,
    smtp_server: SmtpService,
    device: Device,
    scripts: bool,
    tmp_path: Path,
) -> None:
    name = f"week-{device}-{scripts}".lower()
    week = Week(
        demo,
        smtp_server,
        Walk(open_window(demo.url, device, scripts=scripts)),
        Walk(open_window(demo.url, device, scripts=scripts)),
        f"{name}@example.net",
        f"books-{name}@example.net",
        scripts,
    )
    week.shop.window.enter_office()
    is_invited(week)
    subscription, order, card = demo.run("tests.browser.bought", week.email).split()
    pays_two_at_once(week)
    pauses_and_goes_on(week, f"/customer/subscriptions/{subscription}")
    cancels_and_thinks_again(week, f"/customer/subscriptions/{subscription}")
    adds_a_mandate(week, card)
    fetches_a_file_to_its_limit(week, f"/customer/orders/{order}")
    asks_and_answers_by_mail(week, tmp_path)
    adds_a_bookkeeper(week)
    is_not_reminded(week)
    objects_to_an_invoice(week)
    week.open("/customer")
    week.look(week.customer, "home-at-the-end")
    week.customer.done()
    week.shop.done()


def is_invited(week: Week) -> None:
    """The shop makes the customer; the customer takes the link, sees their name there, and chooses a password."""
    office, page = week.office, week.page
    week.shop.window.go("/office/customers/new")
    office.fill("input[name=name]", "Wilma Week")
    office.fill("input[name=email]", week.email)
    expect(office.locator("input[name=invites]")).to_be_checked()
    office.click("main form .btn-primary")
    office.wait_for_url(re.compile(r"/office/customers/[\w-]{22}$"))
    week.look(week.shop, "office-customer")
    week.open(steps.link_in(week.mail(week.email, "/invitation/"), "/invitation/"))
    expect(page.locator("input[name=given_name]")).to_have_value("Wilma")
    expect(page.locator("input[name=family_name]")).to_have_value("Week")
    page.fill("input[name=password]", PASSWORD)
    page.click("main form .btn-primary")
    page.wait_for_url("**/customer")
    assert page.locator("html").get_attribute("lang") == week.customer.window.device.language
    week.look(week.customer, "home-at-the-beginning")


def pays_two_at_once(week: Week) -> None:
    """Two invoices are ticked, paid in one payment, and confirmed in one mail."""
    page, issued = week.page, week.issue(2)
    for each in issued:
        week.mail(week.email, each.number, attached=True)
    week.open("/customer/invoices")
    for each in issued:
        page.locator("tr", has_text=each.number).locator("input[name=invoice]").check()
    page.locator(".tick-foot button").click()
    page.wait_for_url("**/customer/invoices/pay?invoice=*")
    week.look(week.customer, "pay-two")
    page.check("input[value=ideal]")
    page.click(".pay-form .btn-primary")
    page.wait_for_url("**/sandbox/*")
    steps.decide(week.customer.window, "paid")
    page.wait_for_url(re.compile(r"/customer/invoices$"))
    for each in issued:
        expect(page.locator("tr", has_text=each.number).locator("input[name=invoice]")).to_have_count(0)
    week.mail(week.email, issued[0].number, issued[1].number, "iDEAL")
    for each in issued:
        week.shop.window.go(f"/office/invoices?status=paid&q={each.number}")
        expect(steps.rows(week.shop.window)).to_have_count(1)


def pauses_and_goes_on(week: Week, subscription: str) -> None:
    """A pause until a day, which the page shows; then sooner than that."""
    page = week.page
    week.open(subscription)
    week.look(week.customer, "subscription")
    page.click(f"a[href='{subscription}/pause']")
    until = clock.today("Europe/Amsterdam") + timedelta(days=60)
    page.fill("input[name=until]", until.isoformat())
    page.click("main form[method=get] button")
    page.wait_for_url(re.compile(r"\?until="))
    week.look(week.customer, "pause")
    page.click("main form[method=post] .btn-primary")
    page.wait_for_url(f"**{subscription}")
    week.mail(week.email, "Coffee beans, 1 kg")
    page.click(f"a[href='{subscription}/resume']")
    week.look(week.customer, "resume")
    page.click("main form[method=post] .btn-primary")
    page.wait_for_url(f"**{subscription}")
    expect(page.locator(f"a[href='{subscription}/pause']")).to_be_visible()


def cancels_and_thinks_again(week: Week, subscription: str) -> None:
    """The shop sees the request, and that it was withdrawn."""
    page, office = week.page, week.office
    page.click(f"a[href='{subscription}/cancel']")
    page.wait_for_url(f"**{subscription}/cancel")
    page.select_option("select[name=reason]", "not_needed")
    week.look(week.customer, "cancel")
    page.click("main .btn-danger")
    page.wait_for_url(f"**{subscription}")
    week.look(week.customer, "cancellation-asked")
    week.shop.window.go(f"/office/tickets?type=cancel_subscription&q={week.email}")
    steps.rows(week.shop.window).locator("a.row-link").click()
    expect(office.locator("#decisions-title, #matter-title").first).to_be_visible()
    week.look(week.shop, "office-cancellation")
    page.click(f"form[action='{subscription}/withdraw'] button")
    page.wait_for_url(f"**{subscription}")
    expect(page.locator(f"a[href='{subscription}/cancel']")).to_be_visible()
    office.reload()
    expect(office.locator("#decisions-title")).to_have_count(0)


def adds_a_mandate(week: Week, card: str) -> None:
    """At the bank, with a made-up account; then it is what pays from now on."""
    page, section = week.page, "/customer/payment-methods"
    week.open(f"{section}/new")
    page.check("input[name=kind][value=sepa]")
    page.click("main form .btn-primary")
    page.wait_for_url("**/sandbox/*")
    page.fill("input[name=holder]", "W. Week")
    page.fill("input[name=iban]", "NL91ABNA0417164301")
    page.check("input[name=consent]")
    week.customer.window.may_fail.add(week.customer.window.path)
    page.click("main form .btn-primary")
    week.look(week.customer, "wrong-account-number")
    page.fill("input[name=iban]", IBAN)
    page.check("input[name=consent]")
    page.click("main form .btn-primary")
    page.wait_for_url(re.compile(rf"{section}/[\w-]{{22}}$"))
    mandate = week.customer.window.path
    page.click(f"form[action='{mandate}/default'] button")
    page.wait_for_url(re.compile(rf"{section}"))
    week.open(mandate)
    expect(page.locator(f"form[action='{mandate}/default']")).to_have_count(0)
    week.look(week.customer, "mandate")
    week.open(f"{section}/{card}")
    expect(page.locator(f"form[action='{section}/{card}/default']")).to_have_count(1)


def fetches_a_file_to_its_limit(week: Week, order: str) -> None:
    """Twice, and no more; asked for more, the shop grants it in one click, and it can be fetched again."""
    page, office = week.page, week.office
    week.open(order)
    file = page.locator("#downloads .file-row").first
    for _ in range(2):
        assert fetched(page, file).startswith(b"%PDF")
        page.reload()
    expect(file.locator("button")).to_have_count(0)
    week.look(week.customer, "order-used-up")
    file.locator("a").click()
    page.wait_for_url("**/customer/support/new?*")
    assert page.input_value("input[name=subject]") and page.input_value("textarea[name=body]")
    page.click("main form .btn-primary")
    page.wait_for_url(TICKET)
    week.shop.window.go(f"/office/tickets?q={week.email}&status=waiting")
    steps.rows(week.shop.window).locator("a.row-link").first.click()
    week.look(week.shop, "office-grant")
    office.click("#matter form[action$='/grant'] button")
    office.wait_for_load_state()
    week.mail(week.email, "guide.pdf")
    week.open(order)
    assert fetched(page, file).startswith(b"%PDF")


def fetched(page: Page, file: Locator) -> bytes:
    """The bytes of a bought file, by its button."""
    with page.expect_download() as download:
        file.locator("button").click()
    return Path(download.value.path()).read_bytes()


def asks_and_answers_by_mail(week: Week, folder: Path) -> None:
    """A question with a file; the shop answers; the customer's answer comes by mail, and stands on both pages."""
    page, office = week.page, week.office
    letter = folder / "letter.txt"
    letter.write_text("Dear baker")
    week.open("/customer/support/new")
    page.fill("input[name=subject]", f"Warm bread {week.email}")
    page.fill("textarea[name=body]", "Is the **bread** still warm?")
    page.set_input_files("input[name=files]", letter)
    page.click("main form .btn-primary")
    page.wait_for_url(TICKET)
    ticket = week.customer.window.path
    week.mail(OWNER, f"Warm bread {week.email}")
    week.shop.window.go(f"/office/tickets?q=Warm+bread+{week.email}")
    steps.rows(week.shop.window).locator("a.row-link").click()
    with office.expect_download() as download:
        office.click(".messages .file-row a")
    assert Path(download.value.path()).read_text() == "Dear baker"
    office.fill("#answer textarea[name=body]", "Until *eight*.")
    office.click("#answer .btn-primary")
    expect(office.locator(".messages em")).to_have_text("eight")
    answered = week.mail(week.email, f"Warm bread {week.email}", "Until eight.")
    reply = (
        f"From: Wilma <{week.email}>\nTo: {answered['Reply-To']}\nSubject: Re: {answered['Subject']}\n"
        f"Message-ID: <{week.email}>\nContent-Type: text/plain; charset=utf-8\n\n"
        "Then I come at seven.\n\nOn Monday the shop wrote:\n> Until eight.\n"
    )
    assert week.demo.flask("mail", "ingest", given=reply).strip() == "added"
    assert week.demo.flask("mail", "ingest", given=reply).strip() == "known"
    for window, path in ((week.customer.window, ticket), (week.shop.window, week.shop.window.path)):
        window.go(path)
        expect(window.page.locator(".messages li").last).to_contain_text("Then I come at seven.")
        expect(window.page.locator(".messages li").last).not_to_contain_text("Until eight")
    week.look(week.customer, "ticket")
    week.look(week.shop, "office-ticket")


def adds_a_bookkeeper(week: Week) -> None:
    """Who then gets a copy of each invoice."""
    page = week.page
    week.open("/customer/contacts")
    # With nobody there yet the step stands in the list's place.
    page.locator("main a[href='/customer/contacts/new']").first.click()
    page.fill("#name", "Bo Boeken")
    page.fill("#email", week.books)
    page.select_option("#role", "bookkeeping")
    week.look(week.customer, "contact")
    page.click("main form .btn-primary")
    page.wait_for_url("**/customer/contacts")
    number = week.issue()[0].number
    mail = week.mail(week.books, number, attached=True)
    assert (mail["To"], mail["Cc"]) == (week.email, week.books)


def is_not_reminded(week: Week) -> None:
    """Reminders are switched off; the shop sends one, and only the bookkeeper gets it."""
    page, office = week.page, week.office
    number = week.issue()[0].number
    week.mail(week.email, number, attached=True)
    week.open("/customer/settings")
    switch = page.locator("#mail_payment_reminders")
    if week.scripts:
        with page.expect_response("**/customer/settings"):
            switch.uncheck()
    else:
        switch.uncheck()
        page.click("[data-save] button")
    page.reload()
    expect(switch).not_to_be_checked()
    week.look(week.customer, "settings")
    week.shop.window.go(f"/office/invoices?q={number}")
    steps.rows(week.shop.window).locator("a.row-link").click()
    office.click("form[action$='/remind'] button")
    expect(office.locator("#live, .flash").first).to_be_visible()
    week.look(week.shop, "office-reminded")
    mail = week.mail(week.books, number, "/pay/", "Reminder" if english(week) else "Herinnering")
    assert (mail["To"], mail["Cc"]) == (week.books, None)


def english(week: Week) -> bool:
    """Whether the account reads English: the language in which its owner logged in."""
    return week.customer.window.device.language == "en"


def objects_to_an_invoice(week: Week) -> None:
    """To one that is open: nothing reminds of it until the shop has said no, with a reason."""
    page, office = week.page, week.office
    number = week.issue()[0].number
    steps.open_invoice(week.customer.window, number)
    invoice = week.customer.window.path
    page.locator(f"a[href='{invoice}/dispute']").click()
    page.fill("textarea[name=body]", "This is too much.")
    week.look(week.customer, "dispute")
    page.click("main form .btn-primary")
    page.wait_for_url(f"**{invoice}")
    week.shop.window.go(f"/office/invoices?q={number}")
    steps.rows(week.shop.window).locator("a.row-link").click()
    expect(office.locator("form[action$='/remind']")).to_have_count(0)
    week.shop.window.go(f"/office/tickets?type=dispute&q={week.email}")
    steps.rows(week.shop.window).locator("a.row-link").click()
    week.look(week.shop, "office-dispute")
    office.click("a[href$='/dispute/reject']")
    office.fill("main textarea", "It is what we agreed on.")
    office.click("main form .btn-danger")
    office.wait_for_url(re.compile(r"/office/tickets/[\w-]{22}$"))
    week.mail(week.email, number, "It is what we agreed on.")
    week.open(invoice)
    expect(page.locator(f"a[href='{invoice}/dispute/withdraw']")).to_have_count(0)
    week.look(week.customer, "dispute-answered")
