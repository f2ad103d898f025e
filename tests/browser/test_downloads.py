"""A bought file is fetched with one click, even a hasty one, and the page says what is left; also without scripts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import OpenWindow
from tests.browser.installation import Installation

EMMA = "emma@example.com"


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_a_file_is_fetched(demo: Installation, visit: OpenWindow, scripts: bool) -> None:
    window = visit(scripts=scripts)
    page = window.page
    window.enter(EMMA)
    window.go("/customer/orders?status=completed")
    rows = [each.get_attribute("href") for each in page.locator("a.row-link").all()]
    for address in rows:
        window.go(address or "")
        if page.locator("#downloads").count():
            break
    # One file for each way, as there are but a few downloads.
    row = page.locator("#downloads .file-row").nth(0 if scripts else 1)
    before = left(row)
    with page.expect_download() as fetched:
        if scripts:
            row.locator("button").dblclick()
        else:
            row.locator("button").click()
    file = Path(fetched.value.path())
    assert file.read_bytes().startswith(b"%PDF" if scripts else b"PK")
    assert fetched.value.suggested_filename == row.locator(".file-name").inner_text()
    if not scripts:
        page.reload()
    expect(row).to_contain_text(re.compile(rf"\b{before - 1}\b"), timeout=10_000)
    assert left(row) == before - 1
    if scripts:
        expect(row.locator("button")).to_be_focused()


def left(row: Locator) -> int:
    """How many downloads the row says are left."""
    found = re.search(r"\d+", row.locator(".note").last.inner_text())
    assert found is not None
    return int(found[0])
