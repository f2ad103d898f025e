"""axe-core in a page. It comes with a package, so no test needs the network for it."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from playwright.sync_api import Page

SOURCE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")

# Every rule that is on by default, best practices included. Style sheets of our own need no second loading.
RUN = """async (without) => {
  const rules = Object.fromEntries(without.map((id) => [id, {enabled: false}]));
  const found = await axe.run(document, {resultTypes: ["violations"], preload: false, rules});
  return found.violations.map(({id, help, nodes}) => ({id, help, nodes: nodes.map(
    ({target, html, failureSummary}) => ({target: target.join(" "), html: html.slice(0, 200), why: failureSummary}))}));
}"""


#: Rules for pages that a mail, shown within the page of a mail program, cannot follow.
OF_PAGES = ("landmark-one-main", "region")


def findings(page: Page, *, without: tuple[str, ...] = ()) -> list[str]:
    """What axe finds on the page as it is, one line each; needs scripts."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(SOURCE)
    found: list[dict[str, Any]] = page.evaluate(RUN, list(without))
    return [
        f"{rule['id']} ({rule['help']}): {node['target']} {node['html']} {node['why']}"
        for rule in found
        for node in rule["nodes"]
    ]
