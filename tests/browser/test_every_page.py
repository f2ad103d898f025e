"""Every page: axe finds nothing, nothing scrolls sideways, one h1; on every screen in the soak.

`make test` makes each walk on one of the two screens of the journeys.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask
from playwright.sync_api import Route, expect

from tests.browser import steps
from tests.browser.conftest import OpenWindow, on
from tests.browser.devices import ALL, DESKTOP, PHONE, Device
from tests.browser.installation import Installation, invoice_for
from tests.browser.walk import ELSEWHERE, SEEN, Walk, kinds_walked
from tests.browser.window import Window

EMMA = "emma@example.com"
PROJECT = Path(__file__).resolve().parents[2]

#: Rules of the map that answer GET with something else than a page of their own.
NOT_PAGES = {
    "static": "files",
    "shop.brand_sheet": "a style sheet",
    "shop.tone_sheet": "a style sheet",
    "shop.logo": "a picture",
    "shop.check": "JSON",
    "sandbox.show_payment": "JSON of the test bank",
    "sandbox.show_method": "JSON of the test bank",
    "invoices.download": "the PDF; test_core_journey.py opens it",
    "payment_methods.mandate": "a PDF; tests/blueprints/payment_methods opens it",
    "payment_methods.back": "leads on at once; the walk of a customer goes by it",
    "invoices.progress": "a piece of the invoice's page",
    "invoices.paying": "a piece of the invoice's page; see test_paying.py",
    "invoices.fetch_bundle": "a file; see tests/blueprints/invoices/test_bundled.py",
    "invoices.bundle_progress": "a piece of the page of files",
    "download.fetch": "a bought file; see tests/blueprints/orders/test_downloads.py",
    "shop.favicon": "a picture",
    "office.invoices.download": "a PDF; tests/blueprints/office/test_invoices.py opens it",
    "office.tickets.download": "a file; tests/blueprints/office/test_tickets.py opens it",
    "office.tickets.unsent": "leads on at once; tests/blueprints/office/test_tickets.py goes by it",
    "office.tickets.unsent_note": "the same",
    "support.download": "a file; see tests/blueprints/support/test_files.py",
    "sandbox.mail_html": "a mail, not a page; test_mailbox.py has axe look at it",
    "sandbox.mail_file": "a file; see test_mailbox.py",
}


def speak(window: Window) -> None:
    """The language is the device's, whatever somebody chose before."""
    language = window.page.locator("html").get_attribute("lang")
    assert language == window.device.language


def stand_still(route: Route) -> None:
    """The page between bank and shop goes on by itself within a second; without that it can be looked at."""
    answer = route.fetch()
    route.fulfill(response=answer, body=re.sub(r'<meta http-equiv="refresh"[^>]*>', "", answer.text()))


@on(PHONE)
def test_pages_of_a_visitor(demo: Installation, visit: OpenWindow) -> None:
    link = demo.issue(invoice_for(EMMA))[0].link
    walk = Walk(visit())
    window = walk.window
    walk.open("/", "shop")
    speak(window)
    window.may_fail |= {"/login", "/register", "/forgot-password"}
    for path in ("/login", "/register", "/forgot-password"):
        walk.open(path, path[1:])
        window.page.click("main form button.btn-primary")
        walk.look(f"{path[1:]}-errors")
    for path in ("/register/sent", "/forgot-password/sent"):
        walk.open(path, path[1:].replace("/", "-"))
    for path in ("/confirm/", "/reset-password/", "/claim/", "/change-email/", "/invitation/"):
        walk.open(path + "A" * 43, f"no-such-link{path.replace('/', '-')}", status=404)
    for path in demo.run("tests.browser.mailed_links").split():
        walk.open(path, f"mailed-{path.split('/')[1]}")
    walk.open("/no-such-page", "404-visitor", status=404)

    walk.open(link, "link")
    walk.open(urlsplit(link).path + "/transfer", "link-transfer")
    walk.open(link, "link")
    bank = steps.start_ideal(window)
    walk.look("bank")
    back = window.page.locator("main p > a").last.get_attribute("href")
    assert back and "/pay/return/" in back
    walk.open(back, "back-waiting")
    walk.open(link, "link-attempt")
    walk.open(bank, "bank-again")
    steps.decide(window, "paid")
    window.page.wait_for_url("**/pay/return/*")
    window.page.route("**/returning", stand_still)
    walk.open(f"{bank}/returning", "bank-returning")
    window.page.unroute("**/returning")
    walk.open(back, "back-paid")
    walk.open(bank, "bank-paid")
    walk.open(link, "link-paid")
    walk.open("/sandbox/", "bank-book")
    mandate = f"/sandbox/{demo.run('tests.browser.waiting_mandate').strip()}"
    walk.open(mandate, "mandate")
    window.may_fail.add(mandate)
    window.page.click("form .btn-primary")
    expect(window.page.locator("[data-error-summary]")).to_be_visible()
    walk.look("mandate-errors")
    window.page.fill("input[name=iban]", "NL91ABNA0417164300")
    window.page.check("input[name=consent]")
    window.page.click("form .btn-primary")
    window.page.wait_for_url(f"{demo.url}/")
    walk.open(mandate, "mandate-signed")
    walk.done()


@on(DESKTOP)
def test_pages_of_a_customer(demo: Installation, visit: OpenWindow) -> None:
    number = demo.issue(invoice_for(EMMA))[0].number
    walk = Walk(visit())
    window = walk.window
    window.enter(EMMA)
    speak(window)
    walk.look("home")
    if window.device == DESKTOP:
        picture = window.shot("screenshot")
        window.page.screenshot(path=picture)
        if os.environ.get("LOKET_SCREENSHOT") == "1":
            shutil.copyfile(picture, PROJECT / "docs" / "screenshot.png")
    window.page.click("details[data-menu] > summary")
    walk.look("account-menu")
    window.page.click("[data-panel]")
    expect(window.page.locator("#bell-panel #notices")).to_be_visible()
    walk.look("bell")
    if window.device.phone:
        walk.open("/customer", "home")
        window.page.click(".menu-toggle")
        walk.look("menu")
    walk.each_kind("/customer/invoices", "invoices")
    for status in ("unpaid", "overdue", "pending", "paid"):
        walk.open(f"/customer/invoices?status={status}", f"invoices-{status}")
    look_at_a_credit_note(walk)
    walk.open("/customer/invoices?q=nothing-like-it", "invoices-none")
    walk.open("/customer/invoices/pay?all=1", "invoices-pay-several")
    walk.each_kind("/customer/orders", "orders")
    walk.each_kind("/customer/subscriptions", "subscriptions")
    walk.each_kind("/customer/support", "support")
    ticket = window.path
    window.may_fail |= {"/customer/support/new", f"{ticket}/reply"}
    window.page.click("#reply form .btn-primary")
    walk.look("support-reply-errors")
    walk.open("/customer/support/new", "support-new")
    window.page.click("main form .btn-primary")
    walk.look("support-new-errors")
    window.page.fill("textarea[name=body]", "**Bold**\n\n- one\n- two\n\n> quoted")
    window.page.click("[data-look]")
    expect(window.page.locator(".editor-shown strong")).to_be_visible()
    walk.look("support-preview")
    walk.open("/customer/contacts", "contacts")
    window.page.click("a.row-link")
    walk.look("contact")
    walk.open(f"{window.path}/remove", "contact-remove")
    walk.open("/customer/contacts/new", "contact-new")
    window.may_fail.add("/customer/contacts/new")
    window.page.click("main form button.btn-primary")
    walk.look("contact-errors")
    walk.open("/customer/settings", "settings")
    window.may_fail |= {"/customer/profile/email"}
    walk.open("/customer/profile/email", "details-email")
    window.page.click("main form button.btn-primary")
    walk.look("details-email-errors")
    walk.open("/customer/profile", "details")
    saving = window.page.locator("form:has([name=postal_code])").get_attribute("action")
    assert saving
    walk.open(saving, "details-account")
    window.may_fail.add(saving)
    window.page.fill("input[name=postal_code]", "nowhere")
    window.page.click("main form button.btn-primary")
    walk.look("details-errors")
    entries = window.page.locator("#sidebar nav a")
    for href in entries.evaluate_all("all => all.map((one) => one.getAttribute('href'))"):
        if href not in walk.seen:
            walk.open(href, f"section-{href.rpartition('/')[2]}")
    walk.open("/customer/no-such-page", "404", status=404)

    walk.open(f"/customer/invoices?q={number}", "invoices-found")
    steps.rows(window).locator("a.row-link").click()
    window.page.wait_for_url(re.compile(r"/customer/invoices/[\w-]{22}$"))
    invoice = window.path
    window.may_fail.add(f"{invoice}/pay")
    window.page.evaluate("document.querySelector('input[name=method]:checked').value = 'no-such-way'")
    steps.press_pay(window)
    walk.look("invoice-refused")
    walk.open(invoice + "/transfer", "invoice-transfer")
    walk.open(invoice, "invoice-open")
    steps.start_ideal(window)
    walk.look("bank-customer")
    steps.decide(window, "canceled")
    window.page.wait_for_url(re.compile(re.escape(invoice)))
    walk.look("invoice-cancelled")
    walk.done()


@on(PHONE)
def test_pages_that_ask_for_something(demo: Installation, visit: OpenWindow) -> None:
    number = demo.issue(invoice_for(EMMA))[0].number
    walk = Walk(visit())
    walk.window.enter(EMMA)
    speak(walk.window)
    look_at_subscriptions(walk)
    look_at_methods(walk)
    look_at_files(walk)
    look_at_cases(walk)
    walk.page.goto(f"{walk.window.url}/customer/invoices?q={number}")
    steps.rows(walk.window).locator("a.row-link").click()
    walk.page.wait_for_url(re.compile(r"/customer/invoices/[\w-]{22}$"))
    look_at_objections(walk, walk.window.path)
    walk.done()


def look_at_subscriptions(walk: Walk) -> None:
    """What changes a subscription: each page as it asks, with a day that cannot be, and with the difference shown."""
    page, section = walk.page, "/customer/subscriptions"
    walk.open(section, "subscriptions")
    coffee = page.get_by_role("link", name="Koffiebonen, 1 kg").first.get_attribute("href")
    letter = page.get_by_role("link", name="Bakkersbrief").first.get_attribute("href")
    walk.open(f"{coffee}/pause", "subscription-pause")
    walk.open(f"{coffee}/pause?until=2020-01-01", "subscription-pause-refused")
    walk.open(f"{coffee}/switch", "subscription-switch")
    page.check("input[name=plan] >> nth=1")
    page.click("main form[method=get] button")
    expect(page.locator("main form[method=post] .btn-primary")).to_be_visible()
    walk.look("subscription-difference")
    walk.open(f"{coffee}/method", "subscription-method")
    walk.open(f"{letter}/resume", "subscription-resume")
    walk.open(f"{letter}/cancel", "subscription-cancel-at-once")
    walk.open(f"{coffee}/cancel", "subscription-cancel")
    walk.window.may_fail.add(f"{coffee}/cancel")
    # No reason need be given: without one it would be cancelled, and other tests change it.
    page.evaluate("document.querySelector('select[name=reason] option:checked').value = 'no-such-reason'")
    page.click("main form .btn-danger")
    walk.look("subscription-cancel-errors")


def look_at_a_credit_note(walk: Walk) -> None:
    """The first of the list of what is paid or credited, which is on the page."""
    page = walk.page
    invoices = page.locator("th a.row-link").evaluate_all("all => all.map((one) => one.href)")
    for invoice in invoices:
        page.goto(invoice)
        notes = page.locator("#credit-notes a.row-link")
        if notes.count():
            walk.open(notes.first.get_attribute("href") or "", "invoices-credit-note")
            return
    raise AssertionError("the demo has no credit note of Emma's on its first page")


def look_at_crediting(walk: Walk, invoice: str) -> None:
    """The form with nothing in it and with a part of a line, the page that asks, the note, and then its invoice."""
    page = walk.page
    walk.open(f"{invoice}/credit", "office-credit")
    page.click("main form .btn-primary")
    walk.look("office-credit-errors")
    page.click("details.part summary >> nth=0")
    page.fill("details.part input[name^=amount] >> nth=0", "1")
    walk.look("office-credit-part")
    page.click("main form .btn-primary")
    expect(page.locator("input[name=told]")).to_have_count(1)
    walk.look("office-credit-sure")
    page.click("main form .btn-primary")
    page.wait_for_url(re.compile(r"/office/invoices/[\w-]{22}$"))
    walk.look("office-credit-note")
    page.click(".facts a >> nth=1")
    expect(page.locator("#credit-notes")).to_be_visible()
    walk.look("office-credited")


def look_at_files(walk: Walk) -> None:
    """The invoices of a year being made and ready, and a statement that cannot be."""
    page, files = walk.page, "/customer/invoices/files"
    walk.open(files, "files")
    walk.window.may_fail.add(files)
    page.fill("[name=last_day]", "2099-01-01")
    page.click("#statement .btn-primary")
    walk.look("files-errors")
    walk.open(files, "files")
    page.locator("form[action$='/files/year'] button").last.click()
    page.wait_for_url(re.compile(re.escape(files)))
    walk.look("files-making")
    expect(page.locator(f"a[href^='{files}/'][href$='/download']")).to_be_visible(timeout=60_000)
    walk.look("files-ready")


def look_at_objections(walk: Walk, invoice: str) -> None:
    """Objecting to an invoice and taking it back, and asking for the money of one that is paid."""
    page, window = walk.page, walk.window
    dispute = f"{invoice}/dispute"
    walk.open(dispute, "dispute")
    window.may_fail.add(dispute)
    page.click("main form .btn-primary")
    walk.look("dispute-errors")
    page.fill("textarea[name=body]", "Too much.")
    page.click("main form .btn-primary")
    page.wait_for_url(re.compile(re.escape(invoice) + "$"))
    walk.look("invoice-disputed")
    walk.open(f"{dispute}/withdraw", "dispute-withdraw")
    page.click("main form .btn-primary")
    page.wait_for_url(re.compile(re.escape(invoice) + "$"))
    walk.look("dispute-withdrawn")
    walk.open("/customer/invoices?status=paid", "invoices-paid")
    steps.rows(window).locator("a.row-link").first.click()
    page.locator("a[href$='/refund']").click()
    page.wait_for_url(re.compile("/refund$"))
    walk.look("refund")
    window.may_fail.add(window.path)
    page.click("main form .btn-primary")
    walk.look("refund-errors")


def look_at_cases(walk: Walk) -> None:
    """A case with a plan in progress and one without; asking for a plan, and what pays one."""
    page, section = walk.page, "/customer/collections"
    walk.open(section, "collections")
    places = steps.rows(walk.window).locator("a.row-link")
    unpaid, planned = (places.nth(number).get_attribute("href") for number in (0, 1))
    walk.open(str(unpaid), "case")
    walk.open(str(planned), "case-with-plan")
    walk.open(f"{planned}/method", "case-method")
    walk.open(f"{unpaid}/plan", "case-plan")
    page.click("main form .btn-primary")
    page.wait_for_url("**/plan?instalments=*")
    walk.look("case-plan-summary")
    walk.window.may_fail.add(f"{unpaid}/plan")
    page.evaluate("document.querySelector('input[name=total]').value = 'x'")
    page.click("main form .btn-primary")
    walk.look("case-plan-refused")


def look_at_methods(walk: Walk) -> None:
    """Each kind of method, taking one back, and saving a card, which is given up again."""
    page, section = walk.page, "/customer/payment-methods"
    walk.each_kind(section, "methods")
    walk.open(f"{section}?status=earlier", "methods-earlier")
    walk.open(section, "methods")
    places = steps.rows(walk.window).locator("a.row-link")
    mandate = places.last.get_attribute("href")
    walk.open(f"{mandate}/revoke", "method-revoke")
    walk.open(f"{section}/new", "method-new")
    page.check("input[value=card]")
    page.click("main form .btn-primary")
    page.wait_for_url("**/sandbox/*")
    walk.look("bank-card")
    page.click("main .pay-foot a")
    page.wait_for_url(re.compile(rf"{section}/[\w-]{{22}}$"))
    walk.look("method-pending")
    page.click("form[action$=stop] button")
    page.wait_for_url(f"**{section}")
    walk.look("methods-stopped")


@on(PHONE)
def test_pages_with_nothing_yet(demo: Installation, visit: OpenWindow) -> None:
    walk = Walk(visit())
    walk.window.enter("new@example.com")
    walk.look("empty-home")
    for section in (
        "invoices", "orders", "subscriptions", "payment-methods", "support", "contacts", "notifications",
    ):  # fmt: skip
        walk.open(f"/customer/{section}", f"empty-{section}")
    walk.open("/customer/support/new", "empty-support-new")
    walk.done()


@on(DESKTOP)
def test_pages_of_an_account_of_several(demo: Installation, visit: OpenWindow) -> None:
    """What only stands apart where more than one person belongs to the account."""
    demo.run("tests.browser.second_account", "in")
    try:
        walk = Walk(visit())
        walk.window.enter("jan@example.com")
        walk.open("/customer/profile", "several-details")
        saving = walk.page.locator("form:has([name=postal_code])").get_attribute("action")
        walk.open(f"{saving}/email", "several-account-email")
        assert walk.window.path == f"{saving}/email", "the two addresses are changed apart"
        walk.open("/customer/settings", "several-settings")
        # His are a business's: one ends on its date, of one the shop keeps the changes to itself.
        walk.open("/customer/subscriptions", "several-subscriptions")
        places = [
            walk.page.get_by_role("link", name=name).first.get_attribute("href")
            for name in ("Onderhoud espressomachine", "Koffie voor kantoor")
        ]
        walk.open(places[0] or "", "several-subscription-ending")
        walk.open(f"{places[1]}/cancel", "several-subscription-not-here", status=403)
        walk.done()
    finally:
        demo.run("tests.browser.second_account", "out")


@on(DESKTOP)
def test_pages_of_the_office(demo: Installation, visit: OpenWindow) -> None:
    demo.issue(invoice_for(EMMA))
    walk = Walk(visit())
    window, page = walk.window, walk.page
    walk.open("/office/login", "office-login")
    page.click("main form .btn-primary")
    walk.look("office-login-errors")
    window.enter_office()
    walk.look("office-home")
    if window.device.phone:
        page.click(".menu-toggle")
        walk.look("office-menu")
    walk.each_kind("/office/tickets", "office-tickets")
    page.click("#note form .btn")
    walk.look("office-ticket-errors")
    walk.open("/office/tickets?q=nothing-like-it", "office-tickets-none")
    look_at_decisions(walk, demo)
    walk.each_kind("/office/customers", "office-customers")
    customer = window.path
    walk.open(f"{customer}/invite", "office-invite")
    page.fill("input[name=email]", "no address")
    page.click("main form .btn-primary")
    walk.look("office-invite-errors")
    walk.open(f"{customer}/edit", "office-customer-edit")
    page.fill("input[name=email]", "no address")
    page.click("main form .btn-primary")
    walk.look("office-customer-edit-errors")
    walk.open("/office/customers/new", "office-customer-new")
    page.click("main form .btn-primary")
    walk.look("office-customer-errors")
    walk.each_kind("/office/invoices", "office-invoices")
    walk.open("/office/invoices?q=nothing-like-it", "office-invoices-none")
    walk.open("/office/invoices?status=unpaid", "office-invoices-unpaid")
    page.click("a.row-link >> nth=0")
    page.wait_for_url(re.compile(r"/office/invoices/[\w-]{22}$"))
    invoice = window.path
    for step in ("payment", "credit"):
        walk.open(f"{invoice}/{step}", f"office-{step}")
    look_at_crediting(walk, invoice)
    walk.open(f"{invoice}/payment", "office-payment")
    page.fill("input[name=amount]", "x")
    page.click("main form .btn-primary")
    walk.look("office-payment-errors")
    look_at_a_mistake(walk)
    look_at_a_draft(walk)
    walk.open("/office/notifications", "office-notifications")
    page.click("th a >> nth=0")
    walk.look("office-notification")
    walk.open("/office/notifications/new", "office-notification-new")
    page.fill("input[name=title]", "Closed on Monday")
    expect(page.locator("#preview .banner")).to_contain_text("Closed on Monday")
    walk.look("office-notification-preview")
    # A pasted address without end widens neither this page nor, once posted, every page of every customer and the list.
    page.fill("input[name=title]", "x" * 120)
    expect(page.locator("#preview .banner")).to_contain_text("x" * 120)
    walk.look("office-notification-long")
    page.fill("input[name=title]", "")
    page.click("main form .btn-primary")
    walk.look("office-notification-errors")
    walk.open("/office/no-such-page", "office-404", status=404)
    walk.done()


def look_at_decisions(walk: Walk, demo: Installation) -> None:
    """What tickets ask for, and the pages that ask for the words of a decision; nothing is decided."""
    page = walk.page
    plan, cancellation = demo.run("tests.browser.asking").split()[-2:]
    tickets = {"plan/agree": plan, "cancellation/approve": cancellation}
    for type_, step in (("dispute", "dispute/reject"), ("refund_request", "refund/refuse")):
        walk.open(f"/office/tickets?type={type_}", f"office-tickets-{type_}")
        # The oldest is the demo shop's own; younger ones may have been taken back by other walks.
        tickets[step] = page.get_attribute("a.row-link >> nth=-1", "href") or ""
    for step, ticket in tickets.items():
        name = f"office-ticket-{step.partition('/')[0]}"
        walk.open(ticket, name)
        walk.open(f"{ticket}/{step}", f"{name}-decide")
    # Its invoice was not credited, so the page says what comes first.
    page.goto(f"{walk.window.url}{tickets['refund/refuse']}")
    invoice = page.get_attribute("#matter a[href*='/credit?']", "href") or ""
    walk.open(invoice.replace("/credit?", "/refund?"), "office-refund")
    walk.open(f"{ticket}/{step}", "office-ticket-decide-again")
    page.fill("main textarea", "")
    page.click("main form .btn-danger")
    walk.look("office-decide-errors")


def look_at_a_mistake(walk: Walk) -> None:
    """A cent that is booked on the page of a payment, and taken back."""
    page = walk.page
    page.fill("input[name=amount]", "0,01")
    page.click("main form .btn-primary")
    page.wait_for_url(re.compile(r"/office/invoices/[\w-]{22}$"))
    if walk.window.device.phone:
        page.click("#history summary")
    page.click("#history a[href$='/undo']")
    walk.look("office-undo")
    page.click("main form .btn-danger")
    walk.look("office-undo-errors")
    page.fill("textarea[name=reason]", "The wrong customer")
    page.click("main form .btn-danger")
    page.wait_for_url(re.compile(r"/office/invoices/[\w-]{22}$"))
    walk.look("office-undone")


def look_at_a_draft(walk: Walk) -> None:
    """Whom it is for, typed wrongly, with a line more, and then each step on it; it is deleted in the end."""
    page = walk.page
    walk.open("/office/invoices/new", "office-choose")
    page.click("a.row-link >> nth=0")
    page.fill("input[name=lines-0-description]", "Coffee beans")
    page.click("main form .btn-primary")
    walk.look("office-draft-errors")
    page.fill("input[name=lines-0-unit_price]", "24")
    page.click("button[name=add]")
    walk.look("office-draft-lines")
    page.click("main form .btn-primary")
    page.wait_for_url(re.compile(r"/office/invoices/[\w-]{22}$"))
    walk.look("office-draft")
    draft = walk.window.path
    for step in ("edit", "finalise", "delete"):
        walk.open(f"{draft}/{step}", f"office-{step}")
    page.click("main form .btn-danger")
    page.wait_for_url("**/office/invoices")
    walk.look("office-draft-deleted")


@on(DESKTOP)
def test_no_page_was_left_out(app: Flask, device: Device) -> None:
    """Every rule of the map that answers GET was walked where it works, or says why it is no page."""
    screens = [device.name] if ALL else list(SEEN)
    found = set().union(*(kinds_walked(app, name) for name in screens))
    if not found:
        pytest.fail("run this whole file: the walks above were not made")
    pages = {rule.endpoint for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    missing = pages - found - set(NOT_PAGES) - set(ELSEWHERE)
    print(f"{len(found)} kinds of pages walked on {', '.join(screens)}, {len(ELSEWHERE)} in other files")
    assert not missing, f"no walk opens {sorted(missing)}"
    assert not (set(NOT_PAGES) | set(ELSEWHERE)) - pages
    assert not set(NOT_PAGES) & set(ELSEWHERE)
    for file in set(ELSEWHERE.values()):
        asked = Path(__file__).with_name(f"{file}.py").read_text()
        assert "assert not not_walked(app, __file__" in asked, (
            f"{file}.py does not look whether it walked its pages"
        )
