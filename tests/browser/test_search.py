"""Looking an invoice up while typing, and by the button without scripts; the address says what is shown."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import OpenWindow
from tests.browser.devices import DESKTOP
from tests.browser.installation import Installation
from tests.browser.steps import rows
from tests.browser.window import Window

EMMA = "emma@example.com"
FIELD = "input[name=q]"


def listed(window: Window) -> list[str]:
    return rows(window).locator("th").all_inner_texts()


def test_the_list_follows_what_is_typed(demo: Installation, open_window: OpenWindow) -> None:
    window = open_window(demo.url, DESKTOP)
    window.enter(EMMA)
    window.go("/customer/invoices?status=paid")
    before = listed(window)
    number = before[-1]
    window.page.locator(FIELD).press_sequentially(number, delay=20)
    expect(rows(window)).to_have_count(1)
    assert listed(window) == [number]
    expect(window.page.locator(FIELD)).to_be_focused()
    expect(window.page).to_have_url(re.compile(rf"\?status=paid&q={number}$"))
    assert f"q={number}" in (window.page.locator("nav.pills a").first.get_attribute("href") or "")
    window.page.reload()
    assert listed(window) == [number]
    window.page.fill(FIELD, "")
    expect(rows(window)).to_have_count(len(before))
    expect(window.page).to_have_url(re.compile(r"\?status=paid$"))


def test_the_button_does_it_without_scripts(demo: Installation, open_window: OpenWindow) -> None:
    window = open_window(demo.url, DESKTOP, scripts=False)
    window.enter(EMMA)
    window.go("/customer/invoices")
    number = listed(window)[-1]
    window.page.fill(FIELD, number)
    button = window.page.locator(".search-go")
    expect(button).to_be_visible()
    button.click()
    expect(window.page).to_have_url(re.compile(f"q={number}"))
    assert listed(window) == [number]
