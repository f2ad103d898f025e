"""What is special on a phone: a menu that needs no script, and what is open as cards on the home page."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenWindow
from tests.browser.devices import DESKTOP, PHONE, Device
from tests.browser.installation import Installation

EMMA = "emma@example.com"


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_the_menu_opens_and_closes(demo: Installation, open_window: OpenWindow, scripts: bool) -> None:
    window = open_window(demo.url, PHONE, scripts=scripts)
    window.enter(EMMA)
    menu = window.page.locator("#sidebar")
    expect(menu).to_be_hidden()
    window.page.click(".menu-toggle")
    expect(menu).to_be_visible()
    expect(menu.locator("nav a[aria-current=page]")).to_have_attribute("href", "/customer")
    window.page.screenshot(path=window.shot("menu").with_name("menu-open.png"))
    window.page.click(".sidebar-close")
    expect(menu).to_be_hidden()
    window.page.click(".menu-toggle")
    window.page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    window.page.click(".menu-toggle")
    menu.locator("nav a[href='/customer/orders']").click()
    window.page.wait_for_url("**/customer/orders")


def test_open_invoices_and_tickets_are_cards_on_a_phone(demo: Installation, open_window: OpenWindow) -> None:
    window = open_window(demo.url, PHONE)
    window.enter(EMMA)
    cards = window.page.locator("main .list-cards a.list-card")
    invoices = window.page.locator("main .list-cards a[href^='/customer/invoices/']")
    tickets = window.page.locator("main .list-cards a[href^='/customer/support/']")
    assert invoices.count() and tickets.count()
    for card in cards.all():
        expect(card).to_be_visible()
        box = card.bounding_box()
        assert box and box["height"] >= 44
    invoices.first.click()
    expect(window.page.locator("h1")).to_be_visible()


def test_they_stand_in_the_sidebar_on_a_desktop(demo: Installation, open_window: OpenWindow) -> None:
    window = open_window(demo.url, DESKTOP)
    window.enter(EMMA)
    expect(window.page.locator("#sidebar")).to_be_visible()
    expect(window.page.locator("#sidebar a[href^='/customer/invoices/']").first).to_be_visible()
    expect(window.page.locator("#sidebar a[href^='/customer/support/']").first).to_be_visible()
    expect(window.page.locator("main .list-cards")).to_be_hidden()
    expect(window.page.locator(".menu-toggle")).to_be_hidden()


def test_later_sections_of_a_long_page_are_folded(demo: Installation, open_window: OpenWindow) -> None:
    window = open_window(demo.url, PHONE)
    window.enter(EMMA)
    window.go("/customer/invoices?status=paid")
    window.page.locator("main a.row-link").first.click()
    story = window.page.locator("details#history")
    expect(story).not_to_have_attribute("open", "")
    story.locator("summary").click()
    expect(story.locator(".story")).to_be_visible()


@pytest.mark.parametrize("path", ["/customer", "/customer/orders", "/customer/invoices"])
def test_no_state_stands_on_what_is_beside_it(demo: Installation, open_window: OpenWindow, path: str) -> None:
    """In English, where the badge ‘Waiting for payment’ and a day in September are at their widest."""
    window = open_window(demo.url, Device(360, "light", "en"))
    window.enter(EMMA)
    window.go(path)
    states = window.page.locator("tr:has(time) td.state")
    overlaps = states.evaluate_all(
        """states => states.filter(state => {
            const badge = state.firstElementChild.getBoundingClientRect()
            return [...state.parentElement.querySelectorAll("time")].some(time => {
                const day = time.getBoundingClientRect()
                return day.width && day.right > badge.left && day.bottom > badge.top && day.top < badge.bottom
            })
        }).map(state => state.parentElement.textContent)"""
    )
    assert states.count() and overlaps == []
