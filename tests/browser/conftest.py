"""Chromium and the running demo shop, for journeys that pass everything a visitor's click passes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from portal.installation.environment import find_program
from tests.browser.devices import ALL, BOTH, CHECKED, CROSSWISE, DESKTOP, EVERY, Device
from tests.browser.installation import Installation
from tests.browser.window import Window, watch
from tests.services import SmtpService, unavailable

LOCALES = {"en": "en-GB", "nl": "nl-NL"}

# A browser that only does what the tests ask of it.
QUIET = [
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
    "--disable-dev-shm-usage",
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A running browser. For one module only: while it runs, its event loop keeps others out of this thread."""
    program = find_program("chromium") or find_program("chromium-browser") or find_program("google-chrome")
    if program is None:
        unavailable("Chromium")
        return
    arguments = QUIET + (["--no-sandbox"] if os.geteuid() == 0 else [])
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory, smtp_server: SmtpService) -> Iterator[Installation]:
    """The demo shop, started as `make run` starts it, its mails going to a mail server of the tests."""
    running = Installation(tmp_path_factory.mktemp("demo"), mode="demo", smtp_url=smtp_server.url)
    running.env["INBOUND_MAIL"] = "answers@shop.example.net"
    running.start()
    yield running
    running.stop()


@pytest.fixture(params=BOTH, ids=str)
def device(request: pytest.FixtureRequest) -> Device:
    """Each screen of the journeys in turn."""
    chosen: Device = request.param
    return chosen


@pytest.fixture(params=CHECKED, ids=str)
def screen(request: pytest.FixtureRequest) -> Device:
    """Each screen on which every page is looked at, which may be more than those of the journeys."""
    chosen: Device = request.param
    return chosen


#: For a journey that is the same on both screens and without scripts.
crosswise = pytest.mark.parametrize(
    ("device", "scripts"),
    CROSSWISE,
    ids=lambda one: str(one) if isinstance(one, Device) else f"scripts {one}",
)


def on(device: Device) -> pytest.MarkDecorator:
    """The one screen of a walk in `make test`; every screen in the soak."""
    return pytest.mark.parametrize("device", EVERY if ALL else [device], ids=str)


OpenWindow = Callable[..., Window]


@pytest.fixture
def open_window(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[OpenWindow]:
    """``open_window(url, device, scripts=False)`` is a fresh visitor; any fault of a page fails the test."""
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def fresh(url: str, device: Device = DESKTOP, *, scripts: bool = True, **options: Any) -> Window:
        context = chromium.new_context(
            viewport={"width": device.width, "height": 740 if device.phone else 860},
            color_scheme=device.theme,
            locale=LOCALES[device.language],
            timezone_id="Europe/Amsterdam",
            java_script_enabled=scripts,
            has_touch=device.phone,
            reduced_motion="reduce",
            **options,
        )
        context.set_default_timeout(30_000)
        contexts.append(context)
        may_fail: set[str] = set()
        watch(context, url, faults, may_fail)
        window = Window(context, device, url, faults)
        window.may_fail = may_fail
        return window

    yield fresh
    for context in contexts:
        context.close()
    assert not faults, "\n".join(dict.fromkeys(faults))


@pytest.fixture
def visit(demo: Installation, open_window: OpenWindow, device: Device) -> OpenWindow:
    """``visit()`` is a visitor of the demo shop on the device of the test."""

    def fresh(**options: Any) -> Window:
        return open_window(demo.url, device, **options)

    return fresh


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in here needs Chromium and a whole installation."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
