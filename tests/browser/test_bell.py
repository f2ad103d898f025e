"""The bell: a panel with scripts, the page without, and nothing unread after either."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenWindow
from tests.browser.devices import DESKTOP
from tests.browser.installation import Installation
from tests.browser.window import Window

JAN = "jan@example.com"


def unread(window: Window) -> int:
    return window.page.locator(".bell .tool-count").count()


def test_the_panel_opens_and_closes_like_a_menu_and_what_it_shows_is_read(
    demo: Installation, open_window: OpenWindow
) -> None:
    window = open_window(demo.url, DESKTOP)
    window.enter(JAN)
    window.go("/customer/orders")
    bell, panel = window.page.locator("[data-panel]"), window.page.locator("#bell-panel")
    expect(bell).to_have_attribute("aria-expanded", "false")
    bell.focus()
    window.page.keyboard.press("Enter")
    expect(panel.locator(".notices > li")).to_have_count(2)
    expect(panel).to_be_focused()
    assert window.path == "/customer/orders"
    assert unread(window) == 0
    window.page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(bell).to_be_focused()
    bell.click()
    expect(panel).to_be_visible()
    window.page.click("h1")
    expect(panel).to_be_hidden()
    window.page.reload()
    assert unread(window) == 0


def test_a_panel_that_cannot_be_filled_is_the_page(demo: Installation, open_window: OpenWindow) -> None:
    window = open_window(demo.url, DESKTOP)
    window.enter(JAN)
    window.go("/customer/orders")
    window.context.clear_cookies()
    window.page.click("[data-panel]")
    window.page.wait_for_url("**/login?next=**")


@pytest.mark.parametrize("path", ["/customer", "/customer/orders"])
def test_without_scripts_it_leads_to_the_page(demo: Installation, open_window: OpenWindow, path: str) -> None:
    window = open_window(demo.url, DESKTOP, scripts=False)
    window.enter(JAN)
    window.go(path)
    expect(window.page.locator("#bell-panel")).to_be_hidden()
    window.page.click(".bell a")
    expect(window.page).to_have_url(f"{demo.url}/customer/notifications")
    expect(window.page.locator(".notices > li")).to_have_count(2)
    window.go(path)
    assert unread(window) == 0
