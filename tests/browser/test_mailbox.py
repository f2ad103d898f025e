"""`make run` as it is typed, without a mail server: what was sent is read in the demo's own mailbox."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Route, expect

from tests.browser import axe
from tests.browser.conftest import OpenWindow
from tests.browser.devices import ALL, EVERY, PHONE, Device
from tests.browser.installation import Installation, invoice_for
from tests.browser.steps import pdf_text
from tests.browser.walk import Walk, not_walked
from tests.services import wait_until

EMMA = "emma@example.com"


@pytest.fixture(params=EVERY if ALL else [PHONE], ids=str)
def device(request: pytest.FixtureRequest) -> Device:
    """The screens of this file."""
    chosen: Device = request.param
    return chosen


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The demo with nothing set but its port."""
    running = Installation(tmp_path_factory.mktemp("plain"), mode="demo", smtp_url=None)
    running.start()
    yield running
    running.stop()


def let_scripts_in(route: Route) -> None:
    """The same answer without its content policy."""
    answer = route.fetch()
    kept = {name: value for name, value in answer.headers.items() if name != "content-security-policy"}
    route.fulfill(response=answer, headers=kept)


def test_mails_are_read_in_the_mailbox(plain: Installation, open_window: OpenWindow, device: Device) -> None:
    number = plain.issue(invoice_for(EMMA))[0].number
    walk = Walk(open_window(plain.url, device))
    page = walk.page
    walk.open("/sandbox/", "bank-book")

    def arrived() -> bool:
        page.goto(plain.url + "/sandbox/mail")
        return page.get_by_text(number).count() > 0

    wait_until(arrived, seconds=30, what="the mail in the mailbox")
    walk.look("mailbox")
    page.locator("main a[href*='/sandbox/mail/']", has_text=number).first.click()
    page.wait_for_url(re.compile(r"/sandbox/mail/[^/]+$"))
    walk.look("mailbox-mail")
    attached = page.locator("main a[href*='/files/']").first
    expect(attached).to_be_visible()
    answer = walk.window.context.request.get(plain.url + str(attached.get_attribute("href")))
    assert number in pdf_text(answer.body())
    html = page.locator("main a[href$='/html']")
    expect(html).to_be_visible()
    page.goto(plain.url + str(html.get_attribute("href")))
    expect(page.get_by_text(number).first).to_be_visible()
    walk.window.shot("mailbox-html")
    assert walk.window.sideways() == []
    # The mailbox shuts a mail off from scripts, axe's too: so once without that.
    page.route("**/html", let_scripts_in)
    page.reload()
    walk.wrong += [f"the mail: {problem}" for problem in axe.findings(page, without=axe.OF_PAGES)]
    walk.done()


def test_no_page_of_the_mailbox_was_left_out(app: Flask, device: Device) -> None:
    assert not not_walked(app, __file__, device), "run this whole file"
