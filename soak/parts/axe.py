"""axe on every page, in both themes and both languages, 1280 and 360 pixels wide: all eight combinations."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from soak.report import Part
from soak.suite import run_tests

SECONDS = 3600
#: The walks of every page, of the pages without a shop and the pages of errors, and of the mailbox; and the journeys
#: of which `make test` makes half.
WALKS = (
    "tests/browser/test_every_page.py",
    "tests/browser/test_own_shop.py",
    "tests/browser/test_mailbox.py",
    "tests/browser/test_accounts.py",
    "tests/browser/test_contacts.py",
    "tests/browser/test_core_journey.py",
    "tests/browser/test_keyboard.py",
    "tests/browser/test_several.py",
    "tests/browser/test_support.py",
)
_LOOKED = re.compile(r"axe looked at (\d+) pages")


def run(seed: int) -> Part:
    part = Part()
    with tempfile.TemporaryDirectory(prefix="loket-axe-") as folder:
        result = run_tests([*WALKS], Path(folder), LOKET_AXE_ALL="1", LOKET_REQUIRE_SERVICES="1")
    looked = sum(int(found[1]) for line in result.printed if (found := _LOOKED.search(line)))
    if not looked:
        result.failed.append("axe looked at no page")
    part.row(
        "axe finds nothing: every page in eight combinations, journeys in four",
        f"{looked} looks, {result.counts}",
        result.failed,
    )
    return part
