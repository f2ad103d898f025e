"""The client of page tests: Flask's own, checking every page it gets like a strict reviewer."""

from __future__ import annotations

import re
import time
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

import html5lib
from flask import has_app_context
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

#: Errors of the HTML parser that are not errors of ours: it is older than these elements and attributes.
TOLERATED: frozenset[str] = frozenset()


class PageError(AssertionError):
    """A page that a reviewer would send back."""


class PageClient(FlaskClient):
    """Comes by https, and reads what it is given."""

    checks = True

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        """One request; a page that answers a GET is checked."""
        if has_app_context():
            # Flask-Login would answer as the user of the outer context, and an isolation test would pass falsely.
            raise PageError(
                "leave the app context before the client calls: `with on_stage()` is for setting up"
            )
        kwargs.setdefault("base_url", f"https://{self.host}")
        response = super().open(*args, **kwargs)
        is_page = response.mimetype == "text/html" and not 300 <= response.status_code < 400
        if self.checks and is_page and response.request.method == "GET":
            check_page(response.get_data(as_text=True), response.request.path)
        return response

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._tokens: dict[object, str] = {}

    host = "shop.example.test"
    #: Where it finds a token of its session.
    pages: tuple[str, ...] = ("/", "/customer")

    def token(self) -> str:
        """A CSRF token that fits this client's session: a visitor's stands in the footer, else at Log out."""
        # A test asks for many, and each is a page; a session that changes has another cookie.
        session = tuple(sorted((str(key), cookie.value) for key, cookie in (self._cookies or {}).items()))
        known = (self.host, session, int(time.time()) // 600)
        if known not in self._tokens:
            self._tokens[known] = self._fetch_token()
        return self._tokens[known]

    def _fetch_token(self) -> str:
        for path in self.pages:
            # Not by `get`: tests of these pages check them, and most posts of all tests come by here.
            page = super().open(path, base_url=f"https://{self.host}").get_data(as_text=True)
            found = _TOKEN.search(page)
            if found:
                return found[1]
        raise PageError("no page of this client has a form")

    def send(self, path: str, data: dict[str, Any] | None = None, **kwargs: Any) -> TestResponse:
        """A POST as a browser sends it: with the token and a referrer of this site."""
        form = {"csrf_token": self.token(), **(data or {})}
        headers = {"Referer": f"https://{self.host}/", **kwargs.pop("headers", {})}
        return self.post(path, data=form, headers=headers, **kwargs)


_TOKEN = re.compile(r'name="csrf_token"[^>]* value="([^"]+)"')


def parse(html: str) -> Element:
    """The tree of a page; not to be changed, as who asks for the same page gets the same tree."""
    return _read(html)[0]


@lru_cache(maxsize=8)
def _read(html: str) -> tuple[Element, list[Any]]:
    """A page's tree and what is wrong with its HTML; a page is checked when it comes and then read by its test."""
    parser = html5lib.HTMLParser(namespaceHTMLElements=False)
    return parser.parse(html), parser.errors


def find_all(page: Element, *tags: str) -> list[Element]:
    """Every element of these tags, in page order."""
    return [element for element in page.iter() if element.tag in tags]


def text_of(element: Element) -> str:
    """The text in an element, blanks folded."""
    return " ".join("".join(element.itertext()).split())


def check_page(html: str, path: str) -> None:
    """Raises ``PageError`` naming everything that is wrong with a page."""
    page, errors = _read(html)
    wrong = [
        f"invalid HTML: {code} {data} at {place}" for place, code, data in errors if code not in TOLERATED
    ]
    headings = find_all(page, "h1")
    if len(headings) != 1:
        wrong.append(f"{len(headings)} h1 elements; a page has one")
    wrong += _ids(page) + _labels(page) + _forms(page) + _inline(page) + _foreign(page)
    titles = find_all(page, "title")
    if not titles or not text_of(titles[0]):
        wrong.append("no title")
    if "None" in text_of(page).split():
        wrong.append("the word None is shown")
    if wrong:
        raise PageError(f"{path}:\n  " + "\n  ".join(wrong))


def _ids(page: Element) -> list[str]:
    ids = [element.attrib["id"] for element in page.iter() if "id" in element.attrib]
    twice = {id_ for id_ in ids if ids.count(id_) > 1}
    wrong = [f"the id {id_!r} stands twice" for id_ in sorted(twice)]
    for element in page.iter():
        for attribute in ("for", "aria-labelledby", "aria-describedby", "aria-controls", "popovertarget"):
            for id_ in element.attrib.get(attribute, "").split():
                if id_ not in ids:
                    wrong.append(f"{attribute}={id_!r} names no element")
    return wrong


def _labels(page: Element) -> list[str]:
    labelled = {element.attrib.get("for") for element in find_all(page, "label")}
    inside = {id(child) for label in find_all(page, "label") for child in label.iter()}
    wrong = []
    for control in find_all(page, "input", "select", "textarea"):
        if control.attrib.get("type") in ("hidden", "submit"):
            continue
        named = control.attrib.get("aria-label") or control.attrib.get("aria-labelledby")
        if not named and control.attrib.get("id") not in labelled and id(control) not in inside:
            wrong.append(f"the field {control.attrib.get('name')!r} has no label")
    for control in find_all(page, "button", "a"):
        has_text = text_of(control) or control.attrib.get("aria-label")
        if not has_text and not any(
            e.attrib.get("aria-label") or e.attrib.get("alt") for e in control.iter()
        ):
            wrong.append(f"a {control.tag} without a name: {control.attrib}")
    return wrong


def _forms(page: Element) -> list[str]:
    wrong = []
    for form in find_all(page, "form"):
        if form.attrib.get("method", "get").lower() != "post":
            continue
        action = form.attrib.get("action", "")
        if not any(e.attrib.get("name") == "csrf_token" for e in find_all(form, "input")):
            wrong.append(f"the form to {action!r} has no CSRF token")
    return wrong


def _inline(page: Element) -> list[str]:
    wrong = [f"an inline style on <{e.tag}>" for e in page.iter() if "style" in e.attrib]
    wrong += ["a <style> element" for _ in find_all(page, "style")]
    wrong += ["an inline script" for e in find_all(page, "script") if "src" not in e.attrib]
    wrong += [f"{name} on <{e.tag}>" for e in page.iter() for name in e.attrib if name.startswith("on")]
    return wrong


def _foreign(page: Element) -> list[str]:
    wrong = []
    for element in find_all(page, "link", "script", "img", "iframe"):
        address = element.attrib.get("src") or element.attrib.get("href") or ""
        if urlsplit(address).netloc:
            wrong.append(f"<{element.tag}> loads from elsewhere: {address}")
    return wrong
