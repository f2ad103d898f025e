"""The whole way from log-in to a paid invoice by keyboard alone, with the focus always to be seen."""

from __future__ import annotations

import re

import pytest

from tests.browser import steps
from tests.browser.conftest import OpenWindow
from tests.browser.devices import ALL, BOTH, DESKTOP
from tests.browser.installation import Installation, invoice_for
from tests.browser.window import PASSWORD, Window

JAN = "jan@example.com"

# What has the focus: whether a selector means it, and whether somebody looking at the screen finds it.
FOCUS = """(selector) => {
  const one = document.activeElement;
  if (!one || one === document.body) return {at: "body", wanted: false, seen: true};
  const ringed = (node) => [null, "::after"].some((part) => {
    const style = getComputedStyle(node, part);
    return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  });
  const box = one.getBoundingClientRect();
  const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
  const top = document.elementFromPoint(x, y);
  const labels = [...(one.labels ?? [])];
  const uncovered = !!top && (one.contains(top) || top.contains(one) || labels.some((label) => label.contains(top)));
  return {
    at: one.outerHTML.slice(0, 160),
    wanted: one.matches(selector),
    ringed: ringed(one) || labels.some(ringed),
    uncovered,
  };
}"""


class Keyboard:
    """Hands on the keys; every stop on the way is looked at."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self.page = window.page

    def to(self, selector: str, *, most: int = 150) -> None:
        """Tab until the element has the focus."""
        passed: list[str] = []
        for _ in range(most):
            self.page.keyboard.press("Tab")
            focus = self.page.evaluate(FOCUS, selector)
            passed.append(focus["at"])
            if focus["at"] != "body":
                assert focus["ringed"], f"the focus cannot be seen on {focus['at']}"
                assert focus["uncovered"], f"something covers {focus['at']}"
            if focus["wanted"]:
                return
        raise AssertionError(f"Tab never came to {selector}, but to\n" + "\n".join(passed))

    def press(self, key: str) -> None:
        """Press a key."""
        self.page.keyboard.press(key)

    def leads_to(self, key: str, address: str | re.Pattern[str]) -> None:
        """Press a key that leads to another page."""
        with self.page.expect_navigation(url=address):
            self.page.keyboard.press(key)


@pytest.mark.parametrize("device", BOTH if ALL else [DESKTOP], ids=str)
def test_pay_an_invoice_by_keyboard(demo: Installation, visit: OpenWindow) -> None:
    number = demo.issue(invoice_for(JAN))[0].number
    window = visit()
    keys = Keyboard(window)

    window.go("/login")
    keys.to(".skip-link", most=1)
    keys.press("Enter")
    assert window.page.evaluate("document.activeElement.id") == "main"
    keys.to("input[name=email]")
    window.page.keyboard.type(JAN)
    keys.to("input[name=password]")
    window.page.keyboard.type(PASSWORD)
    keys.leads_to("Enter", re.compile(r"/customer(#main)?$"))

    if window.device.phone:
        keys.to(".menu-toggle")
        keys.press("Enter")
        window.page.wait_for_selector("#sidebar:popover-open")
    keys.to("#sidebar a[href='/customer/invoices']")
    keys.leads_to("Enter", "**/customer/invoices")

    keys.to("nav.pills a[href*='status=unpaid']")
    keys.leads_to("Enter", "**status=unpaid*")
    keys.to("input[name=q]")
    window.page.keyboard.type(number)
    keys.leads_to("Enter", "**q=*")
    keys.to("main table.rows a.row-link")
    keys.leads_to("Enter", re.compile(r"/customer/invoices/[\w-]{22}$"))

    # The first way to pay is chosen already; the arrows choose among them.
    keys.to("input[name=method]")
    keys.press("ArrowDown")
    assert window.page.evaluate("document.activeElement.checked")
    window.page.keyboard.press("ArrowUp")
    assert window.page.evaluate("document.activeElement.value") == "ideal"
    keys.to("form.pay-form button.btn-primary")
    keys.leads_to("Space", "**/sandbox/sbp_*")

    keys.to("input[name=notice]")
    keys.to("button[name=decision][value=paid]")
    keys.leads_to("Enter", re.compile(r"/sandbox/|/customer/invoices/"))
    window.page.wait_for_url(re.compile(r"/customer/invoices/[\w-]{22}$"))
    steps.is_paid(window)
    keys.to("main a[href*='/pdf']")
