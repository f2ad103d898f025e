"""A walk over pages: each is looked at in the same way, and what is wrong on any of them is told at the end."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

from flask import Flask
from playwright.sync_api import Page, Response

from tests.browser import axe
from tests.browser.devices import Device
from tests.browser.window import Window

#: Pages that only the journey of one file leads to; that file's last test calls ``not_walked`` for them.
ELSEWHERE = {
    "auth.confirm": "test_accounts",
    "auth.reset": "test_accounts",
    "auth.claim": "test_accounts",
    "setup.create": "test_own_shop",
    "sandbox.mailbox": "test_mailbox",
    "sandbox.mail": "test_mailbox",
}
#: Paths of working pages that the walks of this process looked at, by screen.
SEEN: dict[str, set[str]] = {}

#: Whether to keep a picture of every page, for people to look at; else only of one with faults.
PICTURES = os.environ.get("LOKET_PICTURES") == "1"

#: Widths besides the device's own at which a page must not scroll sideways: the smallest phone, and 200 % zoom.
OTHER_WIDTHS = {360: [320], 1280: [640]}


class Walk:
    """One walk over the pages; what is wrong on any of them is told at the end."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self.wrong: list[str] = []
        self.seen: set[str] = set()
        self.looks = 0
        self.status = 0
        self.page.on("response", self._note)

    def _note(self, answer: Response) -> None:
        """The status of the page that the window shows from now on."""
        if answer.request.is_navigation_request() and answer.frame == self.page.main_frame:
            self.status = answer.status

    @property
    def page(self) -> Page:
        return self.window.page

    def open(self, path: str, name: str, *, status: int = 200) -> None:
        """Open a page and look at it."""
        target = path if "://" in path else self.window.url + path
        if status >= 400:
            self.window.may_fail.add(urlsplit(target).path)
        answer = self.page.goto(target)
        if answer is None or answer.status != status:
            self.wrong.append(f"{name} ({path}): {answer and answer.status} instead of {status}")
        self.look(name)

    def look(self, name: str) -> None:
        """The page as it is now. A form with its errors is the page, an error in place of the page is not.

        A name that ends in ``-errors`` says that there are some: otherwise what was pressed was done.
        """
        self.looks += 1
        self.page.wait_for_load_state()
        if self.status < 400 or self.status == 422:
            self.seen.add(urlsplit(self.page.url).path)
        problems = axe.findings(self.page)
        if self.page.locator("h1").count() != 1:
            problems.append(f"{self.page.locator('h1').count()} h1")
        if name.endswith("-errors") and not self.page.locator("[data-error-summary], .is-invalid").count():
            problems.append("no error is shown")
        problems += self.window.sideways()
        if problems or PICTURES:
            self.window.shot(name)
        size = self.page.viewport_size
        assert size
        for width in OTHER_WIDTHS[self.window.device.width]:
            self.page.set_viewport_size({**size, "width": width})
            problems += self.window.sideways()
        self.page.set_viewport_size(size)
        self.wrong += [f"{name} ({urlsplit(self.page.url).path}): {problem}" for problem in problems]

    def each_kind(self, path: str, name: str) -> None:
        """A list, and of each status in it the first object's page."""
        self.open(path, name)
        kinds: dict[str, str] = {}
        for _ in range(6):
            for status, url in self.page.evaluate(FIRST_OF_EACH):
                kinds.setdefault(status, url)
            older = self.page.locator("nav.pager a[rel=next]")
            if not older.count():
                break
            older.click()
        if not kinds:
            self.wrong.append(f"{name}: nothing in the list")
        for number, url in enumerate(kinds.values(), start=1):
            self.open(url, f"{name}-{number}")

    def done(self) -> None:
        """Fails with everything that was found."""
        print(f"axe looked at {self.looks} pages")
        SEEN.setdefault(self.window.device.name, set()).update(self.seen)
        assert not self.wrong, f"{len(self.wrong)} findings\n" + "\n".join(self.wrong)


def kinds_walked(app: Flask, device: str) -> set[str]:
    """The endpoints whose working page some walk of this process looked at on a screen."""
    adapter = app.url_map.bind("127.0.0.1")
    return {adapter.match(path)[0] for path in SEEN.get(device, ()) if adapter.test(path)}


def not_walked(app: Flask, file: str, device: Device | None = None) -> set[str]:
    """Pages that the walks of a file had to look at on a screen, or on any of them, and did not."""
    own = {endpoint for endpoint, place in ELSEWHERE.items() if place == Path(file).stem}
    assert own, f"nothing in ELSEWHERE is left to {file}"
    screens = [device.name] if device else list(SEEN)
    return own.difference(*(kinds_walked(app, screen) for screen in screens))


# [status, address] of every row of a list that leads somewhere.
FIRST_OF_EACH = """() => [...document.querySelectorAll("main :is(table.rows tbody tr, li)")].map((row) => [
    row.querySelector(".status")?.textContent ?? "",
    row.querySelector("a:is([href^='/customer/'], [href^='/office/'])")?.getAttribute("href"),
  ]).filter(([status, url]) => url && status)"""
