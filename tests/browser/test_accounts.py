"""Getting in: register, confirm from the mail, log in; forget, choose a new password; let somebody in.

Axe looks at every page on the way: the links in the mails lead to pages that no other walk can open.
"""

from __future__ import annotations

import itertools
import re
from email.message import EmailMessage

from flask import Flask
from playwright.sync_api import expect

from tests.browser import steps
from tests.browser.conftest import OpenWindow, on
from tests.browser.devices import DESKTOP, PHONE
from tests.browser.installation import Installation
from tests.browser.walk import Walk, not_walked
from tests.browser.window import Window
from tests.services import SmtpService

count = itertools.count(1)


def log_out(window: Window) -> None:
    """By the menu under the name."""
    window.page.click("details[data-menu] > summary")
    window.page.click("form[action$='/logout'] button")
    window.page.wait_for_url("**/login")


def submit(window: Window) -> None:
    """The one button of the page's form, and the page that comes of it: a password takes its time to be hashed."""
    with window.page.expect_navigation():
        window.page.click("main form button.btn-primary")


def register(window: Window, email: str, smtp_server: SmtpService) -> EmailMessage:
    """By the form, up to the mail with the link."""
    window.page.fill("input[name=given_name]", "Sanne")
    window.page.fill("input[name=family_name]", "Smit")
    window.page.fill("input[name=email]", email)
    submit(window)
    window.page.wait_for_url("**/register/sent")
    return steps.wait_for_mail(smtp_server, email, "/confirm/")


@on(PHONE)
def test_register_confirm_forget_reset(
    demo: Installation, visit: OpenWindow, smtp_server: SmtpService
) -> None:
    walk = Walk(visit())
    window = walk.window
    email = f"sanne{next(count)}@example.net"

    window.go("/")
    window.page.click("main a[href='/register']")
    submit(window)
    expect(window.page.locator("[data-error-summary]")).to_be_focused()
    walk.look("register-errors")
    mail = register(window, email, smtp_server)
    walk.look("register-sent")

    confirm = steps.link_in(mail, "/confirm/")
    walk.open(confirm, "confirm")
    refuse_short_password(walk, "confirm-errors")
    window.page.fill("input[name=password]", "a horse that knows a battery")
    submit(window)
    window.page.wait_for_url("**/customer")
    walk.look("home-nothing-yet")
    log_out(window)
    walk.open(confirm, "link-used-up", status=404)  # works once
    expect(window.page.locator("input[name=password]")).to_have_count(0)
    window.log_in(email, "a horse that knows a battery")
    log_out(window)

    window.page.click("main a[href='/forgot-password']")
    window.page.fill("input[name=email]", email)
    submit(window)
    window.page.wait_for_url("**/forgot-password/sent")
    walk.look("forgot-sent")
    mail = steps.wait_for_mail(smtp_server, email, "/reset-password/")
    walk.open(steps.link_in(mail, "/reset-password/"), "reset")
    refuse_short_password(walk, "reset-errors")
    window.page.fill("input[name=password]", "another horse, another stable")
    submit(window)
    window.page.wait_for_url("**/login")
    walk.look("reset-done")

    window.page.fill("input[name=email]", email)
    window.page.fill("input[name=password]", "a horse that knows a battery")
    submit(window)
    expect(window.page.locator("[data-error-summary]")).to_be_visible()
    assert window.page.input_value("input[name=email]") == email
    walk.look("log-in-refused")
    window.log_in(email, "another horse, another stable")
    walk.done()


def refuse_short_password(walk: Walk, name: str) -> None:
    """The page of a mailed link with a password that is too short."""
    walk.window.may_fail.add(walk.window.path)
    walk.page.fill("input[name=password]", "short")
    submit(walk.window)
    expect(walk.page.locator("[data-error-summary]")).to_be_visible()
    walk.look(name)


@on(DESKTOP)
def test_somebody_is_let_into_an_account(
    demo: Installation, visit: OpenWindow, smtp_server: SmtpService
) -> None:
    """An account is billed at an address whose reader is none of its people: its owner is asked."""
    email, owner = f"office{next(count)}@example.net", f"owner{next(count)}@example.net"
    demo.run("tests.browser.shared_mailbox", owner, email)
    walk = Walk(visit())
    window = walk.window
    window.go("/register")
    mail = register(window, email, smtp_server)
    walk.open(steps.link_in(mail, "/confirm/"), "confirm-asked")
    window.page.fill("input[name=password]", "a horse that knows a battery")
    submit(window)
    walk.look("confirmed-asked")
    asked = steps.wait_for_mail(smtp_server, owner, email, "/claim/")
    walk.open(steps.link_in(asked, "/claim/"), "claim-grant")
    window.may_fail.add(window.path)
    window.page.evaluate("document.querySelector('select[name=role] option').value = 'king'")
    window.page.select_option("select[name=role]", "king")
    submit(window)
    expect(window.page.locator("[data-error-summary]")).to_be_visible()
    walk.look("claim-grant-errors")
    window.page.select_option("select[name=role]", "read_only")
    submit(window)
    window.page.wait_for_url("**/login**")
    walk.look("claim-granted")
    walk.done()


def test_a_page_asked_for_before_logging_in_comes_after_it(demo: Installation, visit: OpenWindow) -> None:
    window = visit()
    window.go("/customer/invoices?status=paid")
    assert window.path == "/login"
    window.page.fill("input[name=email]", "emma@example.com")
    window.page.fill("input[name=password]", "loket-demo")
    submit(window)
    window.page.wait_for_url(re.compile(r"/customer/invoices\?status=paid$"))


def test_no_page_of_a_mailed_link_was_left_out(app: Flask) -> None:
    assert not not_walked(app, __file__), "run this whole file"
