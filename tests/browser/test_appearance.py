"""Theme and language: what the device asks for, without a flash and without scripts; a choice wins and stays."""

from __future__ import annotations

import base64
import io
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, Route

from tests.browser.conftest import OpenWindow
from tests.browser.devices import DESKTOP, PHONE, Device
from tests.browser.installation import Installation
from tests.browser.window import Window

#: A ground that no page of ours has.
MAGENTA = (255, 0, 255)


def corner(picture: bytes) -> tuple[int, int, int]:
    """The colour of a picture near its lower left corner, where a page shows its ground."""
    shot = Image.open(io.BytesIO(picture)).convert("RGB")
    return shot.getpixel((2, shot.height - 3))  # type: ignore[return-value]


def ground(page: Page) -> int:
    """How light the page's ground is, 0 to 255, as it is painted."""
    return max(corner(page.screenshot()))


def becomes(page: Page, theme: str) -> bool:
    """Whether the page's ground is painted light or dark, when a busy browser has got round to it."""
    for _ in range(50):
        lightness = ground(page)
        if lightness > 200 if theme == "light" else lightness < 60:
            return True
        page.wait_for_timeout(100)
    return False


def choose(window: Window, name: str, value: str) -> None:
    """Press a button of the footer; the answer is the page again."""
    with window.page.expect_navigation():
        window.page.click(f"footer button[name={name}][value={value}]")


def language(window: Window) -> str | None:
    """The language the page says it is in."""
    return window.page.locator("html").get_attribute("lang")


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_a_visitors_choice_applies_at_once_and_stays(
    demo: Installation, open_window: OpenWindow, scripts: bool
) -> None:
    """Who is signed in has settings: test_settings.py."""
    window = open_window(demo.url, DESKTOP, scripts=scripts)
    place, elsewhere = "/login", "/"
    window.go(place)
    assert becomes(window.page, "light") and language(window) == "en"
    choose(window, "theme", "dark")
    assert window.path == place and becomes(window.page, "dark")
    choose(window, "locale", "nl")
    assert window.path == place and language(window) == "nl"
    pressed = window.page.locator("footer button[aria-pressed=true]").evaluate_all(
        "all => all.map((one) => one.value)"
    )
    assert pressed == ["dark", "nl"]
    window.go(elsewhere)
    assert becomes(window.page, "dark") and language(window) == "nl"
    choose(window, "theme", "light")
    window.page.emulate_media(color_scheme="dark")
    assert becomes(window.page, "light"), "a choice wins over the device"
    choose(window, "theme", "system")
    choose(window, "locale", "auto")
    assert becomes(window.page, "dark") and language(window) == "en"


def test_system_follows_the_device_while_the_page_is_open(
    demo: Installation, open_window: OpenWindow
) -> None:
    window = open_window(demo.url, DESKTOP, scripts=False)
    window.go("/login")
    assert becomes(window.page, "light")
    window.page.emulate_media(color_scheme="dark")
    assert becomes(window.page, "dark")
    window.page.emulate_media(color_scheme="light")
    assert becomes(window.page, "light")


def watch_frames(window: Window) -> list[int]:
    """How light each frame of the next page is, in the order in which the browser paints them."""
    # A frame of the page before may arrive late: it is known by its colour.
    window.page.goto("about:blank")
    window.page.evaluate("document.documentElement.style.background = 'magenta'")
    session = window.context.new_cdp_session(window.page)
    painted: list[int] = []

    def on_frame(frame: dict[str, Any]) -> None:
        colour = corner(base64.b64decode(frame["data"]))
        if colour != MAGENTA:
            painted.append(max(colour))
        session.send("Page.screencastFrameAck", {"sessionId": frame["sessionId"]})

    session.on("Page.screencastFrame", on_frame)
    session.send("Page.startScreencast", {"format": "png"})
    return painted


@pytest.mark.parametrize("chosen", ["system", "dark"])
def test_a_dark_page_never_flashes(demo: Installation, open_window: OpenWindow, chosen: str) -> None:
    """The dark sheet is held back; whatever is painted meanwhile must be dark too."""
    device: Device = PHONE if chosen == "system" else DESKTOP
    before = open_window(demo.url, device)
    before.go("/login")
    choose(before, "theme", chosen)
    # The same visitor in a browser that has kept nothing else.
    window = open_window(demo.url, device, storage_state=before.context.storage_state())
    held: list[Route] = []
    window.page.route("**/portal-dark*", lambda route: held.append(route))
    painted = watch_frames(window)
    window.page.goto(window.url + "/login", wait_until="commit")
    window.page.wait_for_timeout(500)
    assert held, "the dark sheet was asked for"
    for route in held:
        route.continue_()
    window.page.wait_for_load_state()
    painted.append(ground(window.page))
    assert max(painted) < 60, painted
