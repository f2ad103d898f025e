"""Somebody cancels a subscription, reads when it ends, and thinks again; somebody pauses one until a day."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from portal.core import clock
from tests.browser.conftest import OpenWindow
from tests.browser.window import Window

SECTION = "/customer/subscriptions"


def opened(visit: OpenWindow, name: str, *, scripts: bool = True) -> Window:
    window = visit(scripts=scripts)
    window.enter("emma@example.com")
    window.go(SECTION)
    window.page.get_by_role("link", name=name).first.click()
    window.page.wait_for_url(re.compile(rf"{SECTION}/[\w-]{{22}}$"))
    return window


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_a_cancellation_and_second_thoughts(visit: OpenWindow, scripts: bool) -> None:
    window = opened(visit, "Koffiebonen, 1 kg", scripts=scripts)
    page, address = window.page, window.path
    page.click(f"a[href='{address}/cancel']")
    page.wait_for_url(f"**{address}/cancel")
    page.select_option("select[name=reason]", "not_needed")
    page.fill("textarea[name=message]", "Thank you!")
    page.click("main .btn-danger")
    page.wait_for_url(f"**{address}")
    expect(page.locator(f"a[href='{address}/cancel']")).to_have_count(0)
    expect(page.locator(".alert-card a[href^='/customer/support/']")).to_be_visible()
    page.click(f"form[action='{address}/withdraw'] button")
    page.wait_for_url(f"**{address}")
    expect(page.locator(f"a[href='{address}/cancel']")).to_be_visible()


def test_a_pause_until_a_day_and_its_end(visit: OpenWindow) -> None:
    window = opened(visit, "Koffiebonen, 1 kg")
    page, address = window.page, window.path
    page.click(f"a[href='{address}/pause']")
    until = clock.today("Europe/Amsterdam") + timedelta(days=60)
    page.fill("input[name=until]", until.isoformat())
    page.click("main form[method=get] button")
    page.wait_for_url(re.compile(r"\?until="))
    page.click("main form[method=post] .btn-primary")
    page.wait_for_url(f"**{address}")
    page.click(f"a[href='{address}/resume']")
    page.click("main form[method=post] .btn-primary")
    page.wait_for_url(f"**{address}")
    expect(page.locator(f"a[href='{address}/pause']")).to_be_visible()
