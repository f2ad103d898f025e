"""A browser window of a test: a page with a memory of what went wrong in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, Response, expect

from tests.browser.devices import Device

RESULTS = Path(__file__).resolve().parents[2] / "test-results" / "browser"
PASSWORD = "loket-demo"

#: The session cookies of those who logged in on an installation.
LOGGED_IN: dict[tuple[str, str], list[Any]] = {}


class Window:
    """One tab. Whatever it asks of a foreign host, logs as an error or cannot load is a fault of the page."""

    def __init__(self, context: BrowserContext, device: Device, url: str, faults: list[str]) -> None:
        self.device = device
        self.url = url
        self.context = context
        self.page: Page = context.new_page()
        self.faults = faults
        #: Paths whose page may answer 4xx or 5xx, because the test asks for it.
        self.may_fail: set[str] = set()

    def go(self, path: str) -> None:
        """Open a page of the shop and wait until everything of it is there."""
        self.page.goto(path if "://" in path else self.url + path)

    def tab(self) -> Window:
        """Another tab of the same browser."""
        return Window(self.context, self.device, self.url, self.faults)

    @property
    def path(self) -> str:
        """Where the window is, without the host."""
        return urlsplit(self.page.url).path

    def shot(self, name: str) -> Path:
        """Keep a picture of the whole page."""
        path = RESULTS / self.device.name / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=path, full_page=True, animations="disabled")
        return path

    def log_in(self, email: str, password: str = PASSWORD) -> None:
        """Through the log-in page, as people do."""
        self.go("/login")
        self.page.fill("input[name=email]", email)
        self.page.fill("input[name=password]", password)
        self.page.click("main form button.btn-primary")
        expect(self.page, self.page.inner_text("main")).to_have_url(f"{self.url}/customer", timeout=30_000)

    def enter(self, email: str, password: str = PASSWORD) -> None:
        """To somebody's home, by a log-in that an earlier test made: they are limited to a few in a minute."""
        kept = LOGGED_IN.get((self.url, email))
        if kept is not None:
            self.context.add_cookies(kept)
            self.go("/customer")
            if self.path == "/customer":
                return
        self.log_in(email, password)
        LOGGED_IN[self.url, email] = [
            {"name": each["name"], "value": each["value"], "url": self.url}
            for each in self.context.cookies(self.url)
            if each["name"].endswith("person")
        ]

    def enter_office(self, email: str = "owner@example.com", password: str = PASSWORD) -> None:
        """Through the office's log-in page, in the language of the device."""
        self.go("/office/login")
        self.page.fill("input[name=email]", email)
        self.page.fill("input[name=password]", password)
        self.page.click("main form button.btn-primary")
        expect(self.page, self.page.inner_text("main")).to_have_url(f"{self.url}/office", timeout=30_000)

    def sideways(self) -> list[str]:
        """What sticks out of the page to the right, or that the page scrolls sideways for another reason."""
        return list(self.page.evaluate(SIDEWAYS))


SIDEWAYS = """() => {
  const root = document.documentElement, width = root.clientWidth;
  if (Math.max(root.scrollWidth, document.body.scrollWidth) <= width) return [];
  const out = [...document.body.querySelectorAll("*")].filter((one) => one.getBoundingClientRect().right > width + 0.5);
  return [`scrolls sideways at ${width}: ${out.slice(0, 3).map((one) => one.outerHTML.slice(0, 120)).join(" … ")}`];
}"""


def watch(context: BrowserContext, url: str, faults: list[str], may_fail: set[str]) -> None:
    """Write down every fault of any page in the context."""
    home = urlsplit(url)

    def is_ours(netloc: str) -> bool:
        # The test bank may stand on another name of this machine; the port says that it is ours.
        name, _, port = netloc.partition(":")
        return port == str(home.port) and (name in ("127.0.0.1", "localhost") or name.endswith(".localhost"))

    def on_request(request: Request) -> None:
        place = urlsplit(request.url)
        if place.scheme not in ("data", "blob", "about") and not is_ours(place.netloc):
            faults.append(f"a request left for {request.url}")

    def on_response(response: Response) -> None:
        path = urlsplit(response.url).path
        document = response.request.is_navigation_request()
        if response.status >= (500 if document else 400) and path not in may_fail:
            faults.append(f"{response.status} for {response.request.method} {response.url}")

    def on_console(message: ConsoleMessage) -> None:
        place = str(message.location.get("url"))
        # The status of a page stands in the console too; on_response knows which are meant. And Chromium asks for
        # an icon on behalf of a mail that is shown shut off from everything, which is refused as it should be.
        known = message.text.startswith("Failed to load resource: the server responded") or place.endswith(
            "/favicon.ico"
        )
        if message.type == "error" and not known:
            faults.append(f"console: {message.text} at {place}")

    def on_failed(request: Request) -> None:
        # Leaving a page ends what it was still asking for.
        if request.failure != "net::ERR_ABORTED":
            faults.append(f"{request.failure} for {request.url}")

    context.on("request", on_request)
    context.on("requestfailed", on_failed)
    context.on("response", on_response)
    context.on("console", on_console)
    context.on("weberror", lambda error: faults.append(f"script: {error.error}"))
