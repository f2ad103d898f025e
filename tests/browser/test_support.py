"""Asking the shop something, with a file, and answering: with scripts and without."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import expect

from tests.browser import axe, steps
from tests.browser.conftest import OpenWindow, crosswise
from tests.browser.devices import DESKTOP, Device
from tests.browser.installation import Installation
from tests.browser.window import PASSWORD, Window
from tests.services import SmtpService

EMMA = "emma@example.com"
BODY = "textarea[name=body]"


def ask(window: Window, subject: str, letter: Path) -> None:
    """A new question with a file, from the list on."""
    window.go("/customer/support")
    window.page.click(".page-actions .btn-primary")
    window.page.wait_for_url("**/customer/support/new")
    window.page.fill("input[name=subject]", subject)
    window.page.fill(BODY, "Is the **bread** still warm?")
    window.page.set_input_files("input[name=files]", letter)
    window.page.select_option("select[name=priority]", "high")
    window.page.click("main form .btn-primary")
    window.page.wait_for_url(re.compile(r"/customer/support/[\w-]{22}$"))


@crosswise
def test_a_question_with_a_file_and_a_reply(
    demo: Installation,
    open_window: OpenWindow,
    smtp_server: SmtpService,
    device: Device,
    tmp_path: Path,
    scripts: bool,
) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear baker")
    subject = f"Warm bread {device} {scripts}"
    window = open_window(demo.url, device, scripts=scripts)
    window.enter(EMMA)
    ask(window, subject, letter)
    expect(window.page.locator("h1")).to_have_text(subject)
    expect(window.page.locator(".messages strong").last).to_have_text("bread")
    with window.page.expect_download() as download:
        window.page.click(".messages .file-row a")
    assert download.value.suggested_filename == "letter.txt"
    assert Path(download.value.path()).read_text() == "Dear baker"
    mail = steps.wait_for_mail(smtp_server, "owner@example.com", subject)
    assert "Is the bread still warm?" in steps.plain(mail)

    window.page.fill(BODY, "It was *cold*.")
    window.page.click("#reply .btn-primary")
    expect(window.page.locator(".messages > li")).to_have_count(2)
    expect(window.page.locator(".messages em")).to_have_text("cold")
    steps.wait_for_mail(smtp_server, "owner@example.com", subject, "It was cold.")
    window.shot(f"support-{'scripts' if scripts else 'plain'}")

    # Logged out while one writes: what was typed is there after the log-in.
    window.page.fill(BODY, "One more thing:\nthe butter.")
    window.page.context.clear_cookies()
    window.may_fail.add(urlsplit(window.page.url).path + "/reply")
    window.page.click("#reply .btn-primary")
    window.page.fill("input[name=email]", EMMA)
    window.page.fill("input[name=password]", PASSWORD)
    window.page.click("main form .btn-primary")
    expect(window.page.locator("blockquote.kept")).to_have_text("One more thing:\nthe butter.")
    assert not window.sideways()
    if scripts:
        assert not axe.findings(window.page)
    window.shot(f"kept-{'scripts' if scripts else 'plain'}")
    window.page.click("main form .btn-primary")
    expect(window.page.locator(".messages > li")).to_have_count(3)


def test_marks_and_a_preview(demo: Installation, open_window: OpenWindow) -> None:
    window = open_window(demo.url, DESKTOP)
    window.enter(EMMA)
    window.go("/customer/support/new")
    page, area = window.page, window.page.locator(BODY)

    def select(first: int, last: int) -> None:
        area.evaluate("(area, [from, to]) => area.setSelectionRange(from, to)", [first, last])

    area.fill("warm bread")
    select(0, 4)
    page.click("[data-mark='**']")
    expect(area).to_have_value("**warm** bread")
    expect(area).to_be_focused()
    area.press("Control+i")
    expect(area).to_have_value("***warm*** bread")
    area.fill("one\ntwo")
    select(0, 7)
    page.click("[data-line='- ']")
    expect(area).to_have_value("- one\n- two")
    area.press("Control+z")
    expect(area).to_have_value("one\ntwo")
    area.fill("bread")
    select(0, 5)
    page.click("[data-link]")
    expect(area).to_have_value("[bread](https://)")
    area.press_sequentially("https://example.com")
    expect(area).to_have_value("[bread](https://example.com)")

    area.fill("**bread** <img src=x onerror=alert(1)>")
    page.click("[data-look]")
    shown = page.locator(".editor-shown")
    expect(shown.locator("strong")).to_have_text("bread")
    expect(shown.locator("img")).to_have_count(0)
    expect(area).to_be_hidden()
    page.click("[data-look]")
    expect(area).to_be_focused()
    expect(area).to_have_value("**bread** <img src=x onerror=alert(1)>")

    # The server away: what was written stays.
    window.may_fail.add("/customer/support/new/preview")
    page.route("**/preview", lambda route: route.fulfill(status=429, body=""))
    page.click("[data-look]")
    expect(shown).to_contain_text("still there")
    page.click("[data-look]")

    # Nor is the log-in page of a session that is over a preview.
    page.unroute("**/preview")
    page.context.clear_cookies()
    page.click("[data-look]")
    expect(shown).to_have_text("The preview could not be made. What you wrote is still there.")


def test_without_scripts_there_are_no_marks(demo: Installation, open_window: OpenWindow) -> None:
    window = open_window(demo.url, DESKTOP, scripts=False)
    window.enter(EMMA)
    window.go("/customer/support/new")
    expect(window.page.locator(BODY)).to_be_visible()
    expect(window.page.locator(".editor-bar")).to_be_hidden()
