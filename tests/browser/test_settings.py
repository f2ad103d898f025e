"""Settings: saved as they change, with an honest word when they were not, and by a button without scripts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Route, expect

from tests.browser.axe import findings
from tests.browser.conftest import OpenWindow
from tests.browser.devices import DESKTOP
from tests.browser.installation import Installation
from tests.browser.test_appearance import becomes, language
from tests.browser.window import Window

NEW = "new@example.com"
PAGE = "/customer/settings"
SAVED = {"en": "Saved", "nl": "Opgeslagen"}
NOT_SAVED = {"en": "That was not saved", "nl": "Dat is niet opgeslagen"}


@pytest.fixture
def window(visit: OpenWindow) -> Iterator[Window]:
    """The settings of somebody new, who leaves them as they were."""
    here = visit()
    here.enter(NEW)
    here.go(PAGE)
    yield here
    here.go(PAGE)
    everything = here.page.locator("form.settings input:is([type=checkbox], [id$=system], [id$=auto])")
    for one in [f"#{each}" for each in everything.evaluate_all("all => all.map((one) => one.id)")]:
        if not here.page.is_checked(one):
            with here.page.expect_response(f"**{PAGE}"):
                here.page.click(one)
            here.page.wait_for_load_state("networkidle")


def switch(window: Window, name: str = "mail_payment_reminders") -> Locator:
    return window.page.locator(f"#{name}")


def said(window: Window) -> Locator:
    return window.page.locator("#saved")


def test_a_switch_is_saved_as_it_changes(window: Window) -> None:
    reminders, spoken = switch(window), window.device.language
    expect(window.page.locator("[data-save]")).to_be_hidden()
    reminders.click()
    expect(said(window)).to_have_text(f"{SAVED[spoken]}: {reminders.get_attribute('data-says')}")
    expect(reminders).not_to_be_checked()
    assert not findings(window.page) and not window.sideways()
    window.shot("settings-saved")
    window.page.reload()
    expect(reminders).not_to_be_checked()
    # By keyboard, and the focus stays where it is.
    reminders.focus()
    window.page.keyboard.press("Space")
    expect(said(window)).not_to_be_empty()
    expect(reminders).to_be_focused()
    window.page.keyboard.press("Enter")
    window.page.reload()
    expect(reminders).to_be_checked()
    assert window.path == PAGE


def test_of_quick_changes_the_last_is_stored(window: Window) -> None:
    reminders = switch(window)
    slow = 0

    def wait(route: Route) -> None:
        nonlocal slow
        slow += 1
        window.page.wait_for_timeout(300 if slow == 1 else 0)
        route.continue_()

    window.page.route(f"**{PAGE}", wait)
    for _ in range(3):
        reminders.click()
    switch(window, "mail_new_invoice").click()
    expect(said(window)).to_contain_text(switch(window, "mail_new_invoice").get_attribute("data-says") or "")
    window.page.unroute(f"**{PAGE}")
    window.page.reload()
    expect(reminders).not_to_be_checked()
    expect(switch(window, "mail_new_invoice")).not_to_be_checked()


@pytest.mark.parametrize("trouble", ["the network", "the server", "the session"])
def test_what_was_not_saved_is_said_and_shown(window: Window, trouble: str) -> None:
    reminders = switch(window)
    window.may_fail.add(PAGE)
    if trouble == "the session":
        kept = window.context.cookies()
        window.context.clear_cookies()
    else:
        ends = {"the network": lambda r: r.abort("aborted"), "the server": lambda r: r.fulfill(status=500)}
        window.page.route(f"**{PAGE}", ends[trouble])
    reminders.click()
    expect(said(window)).to_contain_text(NOT_SAVED[window.device.language])
    expect(reminders).to_be_checked()
    window.page.locator("#theme-dark, #theme-light").first.click()
    expect(window.page.locator("#theme-system")).to_be_checked()
    assert not findings(window.page) and not window.sideways()
    window.shot("settings-not-saved")
    if trouble == "the session":
        window.context.add_cookies(kept)  # type: ignore[arg-type]
    else:
        window.page.unroute(f"**{PAGE}")
    reminders.click()
    expect(said(window)).to_contain_text(SAVED[window.device.language])


def test_theme_and_language_apply_at_once(window: Window) -> None:
    theme = "dark" if window.device.theme == "light" else "light"
    spoken = "nl" if window.device.language == "en" else "en"
    with window.page.expect_navigation():
        window.page.click(f"#theme-{theme}")
    assert becomes(window.page, theme)
    expect(window.page.locator(f"#theme-{theme}")).to_be_focused()
    expect(window.page.locator(f"#theme-{theme}")).to_be_checked()
    with window.page.expect_navigation():
        window.page.click(f"#language-{spoken}")
    expect(window.page.locator("html")).to_have_attribute("lang", spoken)
    expect(window.page.locator(f"#language-{spoken}")).to_be_focused()
    window.go("/customer/orders")
    assert becomes(window.page, theme) and language(window) == spoken
    assert window.page.locator("footer form").count() == 0


def test_the_button_saves_without_scripts(demo: Installation, open_window: OpenWindow) -> None:
    window = open_window(demo.url, DESKTOP, scripts=False)
    window.enter(NEW)
    for checked, theme, spoken in ((False, "dark", "nl"), (True, "system", "auto")):
        window.go(PAGE)
        switch(window).set_checked(checked)
        window.page.check(f"#theme-{theme}")
        window.page.check(f"#language-{spoken}")
        with window.page.expect_navigation():
            window.page.click("[data-save] button")
        assert window.path == PAGE and language(window) == ("nl" if spoken == "nl" else "en")
        assert becomes(window.page, "dark" if theme == "dark" else "light")
        text = "Je instellingen zijn opgeslagen." if spoken == "nl" else "Your settings were saved."
        expect(window.page.locator("#live")).to_have_text(text)
        expect(switch(window)).to_be_checked(checked=checked)
