"""A real installation from its set-up link on: a shop, a customer, an invoice paid at a bank on another origin."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import expect

from tests.browser import steps
from tests.browser.conftest import OpenWindow
from tests.browser.devices import CHECKED, DESKTOP, Device
from tests.browser.installation import Installation, invoice_for
from tests.browser.walk import Walk, not_walked
from tests.services import SmtpService

MILA = "mila@example.net"
PASSWORD = "three words for mila"
READY = re.compile("^(Your shop is ready|Je winkel is klaar)$")


@pytest.fixture(params=CHECKED, ids=str)
def device(request: pytest.FixtureRequest) -> Device:
    """All screens that are to be checked."""
    chosen: Device = request.param
    return chosen


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, smtp_server: SmtpService) -> Iterator[Installation]:
    """An installation without any shop, whose test bank stands on another origin."""
    running = Installation(
        tmp_path_factory.mktemp("own"),
        mode="serve",
        smtp_url=smtp_server.url,
        program=("-m", "tests.browser.second_bank"),
    )
    # The error that a test below asks for.
    running.expected = ("a test asked for this error",)
    running.start()
    yield running
    running.stop()


def test_a_shop_is_made_by_the_printed_link(own: Installation, open_window: OpenWindow) -> None:
    found = re.search(r"http://\S+/setup/\S+", own.printed())
    assert found, own.printed()
    link = found.group(0)
    walks: list[Walk] = []
    for device in CHECKED:
        walk = Walk(open_window(own.url, device))
        walk.window.may_fail.add(link.removeprefix(own.url))
        walk.open(link, "setup")
        walk.page.click("main form button.btn-primary")
        walk.look("setup-errors")
        walks.append(walk)
    page = walk.page
    page.fill("input[name=shop_name]", "Bakkerij Bloem")
    page.select_option("select[name=language]", "en")
    page.fill("input[name=owner_name]", "Bo Bloem")
    page.fill("input[name=email]", "bo@example.net")
    page.fill("input[name=password]", "a long enough password")
    page.click("main form button.btn-primary")
    expect(page.locator("h1")).to_have_text(READY)
    for each in walks:
        # Whoever opens the link again sees what was made of it.
        each.open(link, "setup-done")
        expect(each.page.locator("h1")).to_have_text(READY)
        each.open(f"{own.url}/setup/x", "setup-gone", status=404)
    walk.open(link, "setup-done")
    page.click("main a.btn-primary")
    page.fill("input[name=email]", "bo@example.net")
    page.fill("input[name=password]", "a long enough password")
    page.click("main form button.btn-primary")
    page.wait_for_url(f"{own.url}/office")
    expect(page.locator("h1")).to_contain_text("Bo Bloem")
    for each in walks:
        each.done()


def test_an_account_is_claimed_and_an_invoice_paid_at_a_bank_elsewhere(
    own: Installation, open_window: OpenWindow, smtp_server: SmtpService
) -> None:
    """Chromium blocks a form whose answer leads to an origin that the page did not name: this shows it is named."""
    own.flask("customer", "create", MILA, "--name", "Mila Maas", "--street", "Plein 1", "--city", "Delft")
    number = own.issue(invoice_for(MILA))[0].number
    steps.wait_for_mail(smtp_server, MILA, number, attached=True)

    walk = Walk(open_window(own.url, DESKTOP))
    window = walk.window
    window.go("/register")
    window.page.fill("input[name=given_name]", "Mila")
    window.page.fill("input[name=family_name]", "Maas")
    window.page.fill("input[name=email]", MILA)
    window.page.click("main form button.btn-primary")
    window.page.wait_for_url("**/register/sent")
    confirm = steps.link_in(steps.wait_for_mail(smtp_server, MILA, "/confirm/"), "/confirm/")
    for device in CHECKED:
        # An account that nobody could log in to so far: another page than that of a newcomer.
        other = Walk(open_window(own.url, device))
        other.open(confirm, "claim-account")
        other.done()
    window.go(confirm)
    window.page.fill("input[name=password]", PASSWORD)
    window.page.click("main form button.btn-primary")
    window.page.wait_for_url("**/customer")

    steps.open_invoice(window, number)
    invoice = window.page.url
    bank = steps.start_ideal(window)
    assert bank.startswith(f"http://localhost:{own.port}/sandbox/")
    steps.decide(window, "paid")
    window.page.wait_for_url(invoice)
    steps.is_paid(window)
    walk.look("invoice-paid-elsewhere")
    walk.done()


def test_another_name_of_this_machine_leads_to_the_shop(own: Installation, open_window: OpenWindow) -> None:
    """The bank's name is used up here, so a third one: whoever types it ends where their session works."""
    window = open_window(own.url, DESKTOP)
    window.page.goto(f"http://loket.localhost:{own.port}/login?next=/customer")
    assert window.page.url == f"{own.url}/login?next=/customer"


def test_error_pages(own: Installation, open_window: OpenWindow, screen: Device) -> None:
    """Each error as a visitor and as a customer sees it, in the frame."""
    walk = Walk(open_window(own.url, screen))
    walk.window.may_fail.add("/")
    for code in (400, 403, 404, 409, 413, 429, 500):
        walk.open(f"/?answer={code}", f"error-{code}-visitor", status=code)
    walk.window.enter(MILA, PASSWORD)
    walk.window.may_fail.add("/customer")
    for code in (400, 403, 404, 409, 413, 429, 500):
        walk.open(f"/customer?answer={code}", f"error-{code}", status=code)
        expect(walk.page.locator("header.topbar")).to_be_visible()
    walk.done()


def test_too_often_is_a_page(own: Installation, open_window: OpenWindow) -> None:
    """The real thing, counted in Redis for all processes: the eleventh wish for a link in an hour."""
    walk = Walk(open_window(own.url, DESKTOP))
    walk.window.may_fail.add("/forgot-password")
    walk.open("/forgot-password", "forgot-password")
    for number in range(10):
        walk.page.fill("input[name=email]", f"nobody{number}@example.net")
        walk.page.click("main form button.btn-primary")
        walk.page.wait_for_url("**/forgot-password/sent")
        walk.page.go_back()
    walk.page.fill("input[name=email]", "nobody@example.net")
    with walk.page.expect_response(lambda response: response.request.method == "POST") as answer:
        walk.page.click("main form button.btn-primary")
    assert answer.value.status == 429
    walk.look("error-429-real")
    walk.done()


def test_no_page_of_the_set_up_was_left_out(app: Flask, device: Device) -> None:
    assert not not_walked(app, __file__, device), "run this whole file"
