"""Every page of a crawl validates: in both languages, by each of the cast, refused forms and error pages included."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from soak import tools
from soak.fuzzing.crawl import Crawl, Page, crawl
from soak.fuzzing.targets import Target, targets_of
from soak.fuzzing.world import VISITOR, Fuzzed, fuzzed
from soak.report import Part

SECONDS = 1200
LANGUAGES = ("en", "nl")


def run(seed: int) -> Part:
    part = Part()
    try:
        checker = tools.html_checker()
    except tools.Missing as missing:
        part.not_run("every page validates", str(missing))
        return part
    pages: list[Page] = []
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(prefix="loket-html-") as name:
        folder = Path(name)
        for empty in (False, True):
            (folder / f"shop-{empty}").mkdir()
            with fuzzed(folder / f"shop-{empty}", None, empty=empty) as made:
                for language in LANGUAGES:
                    found = crawl(
                        made, language=language, first=[f"/setup/{made.things.setup}"] if empty else None
                    )
                    pages += found.pages
                    wrong += found.wrong
                    pages += refused(made, found, language, setup=empty)
        wrong += [f"{page.status} at {page.path} as {page.who}" for page in pages if page.status >= 500]
        part.row("the crawl gets an answer everywhere, and never a 500", f"{len(pages)} pages", wrong)
        # What is put into a page later is judged there.
        different = {page.html: page for page in pages if page.html.lstrip().lower().startswith("<!doctype")}
        (folder / "pages").mkdir()
        named = {}
        for number, (html, page) in enumerate(different.items()):
            file = folder / "pages" / f"{number:05}.html"
            file.write_text(html, encoding="utf-8")
            named[file.name] = page
        found_wrong = check(checker, folder / "pages")
    short = Counter(f"{message['type']}: {message['message']}" for message in found_wrong)
    first = {f"{m['type']}: {m['message']}": named[Path(m["url"]).name] for m in reversed(found_wrong)}
    statuses = Counter(page.status for page in different.values())
    counts = ", ".join(f"{count} of {status}" for status, count in sorted(statuses.items()))
    part.row(
        "every page validates, without a warning",
        f"{len(different)} different pages ({counts})",
        [
            f"{count} × {text} (first on {first[text].path} as {first[text].who})"
            for text, count in short.items()
        ],
    )
    return part


def refused(made: Fuzzed, found: Crawl, language: str, *, setup: bool) -> list[Page]:
    """What each form answers when nothing is in it, with a token and without; and what a wrong address answers."""
    targets, _ = targets_of(made, [found], setup=setup)
    tokens = {} if setup else {who: client.token() for who, client in made.clients.items()}
    pages = []
    for target in targets:
        for who in made.clients:
            for token in (tokens.get(who), None):
                body = {"csrf_token": token} if token else {}
                pages += _send(made, target, who, language, body)
    return pages


def _send(made: Fuzzed, target: Target, who: str, language: str, body: dict[str, str]) -> list[Page]:
    other = {"GET": "PUT", "POST": "POST"}[target.method]
    path = target.paths[0]
    headers = {"Accept-Language": language, "Referer": f"https://{made.clients[who].host}/"}
    answer = made.open(who, path=path, method=other, data=body, headers=headers)
    if answer.status_code < 400:
        made.put_back()
    if answer.mimetype != "text/html" or 300 <= answer.status_code < 400:
        return []
    return [Page(who or VISITOR, f"{other} {path}", answer.status_code, answer.get_data(as_text=True))]


def check(checker: list[str], folder: Path) -> list[dict[str, Any]]:
    """What the checker says, its plain information aside."""
    done = subprocess.run(
        [*checker, "--format", "json", "--exit-zero-always", str(folder)],
        capture_output=True,
        text=True,
        check=True,
    )
    messages: list[dict[str, Any]] = json.loads(done.stderr)["messages"]
    return [
        message for message in messages if message["type"] != "info" or message.get("subType") == "warning"
    ]
