"""The client of page tests: Flask's own, checking every page it gets like a strict reviewer."""

from __future__ import annotations

import re
import time
from functools import lru_cache
from html import unescape
from typing import Any
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element, SubElement

import html5lib
from flask import has_app_context
from flask.testing import FlaskClient
from html5lib.constants import adjustSVGAttributes
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
    """A page's tree and what is wrong with its HTML; a page is checked when it comes and then read by its test.

    A parser that finds every fault is slow. What it finds depends on tags, on names of attributes and on where text
    stands, not on what the text says, as long as there is nothing special in it. So of pages that are alike in this it
    reads the first, and the others are read quickly, if the first came out the same in both ways.
    """
    plain = _read_plain(html)
    if plain is not None and plain[1] in _faultless:
        return plain[0], []
    parser = html5lib.HTMLParser(namespaceHTMLElements=False)
    tree = parser.parse(html)
    if plain is not None and not parser.errors and _are_equal(tree, plain[0]):
        _faultless.add(plain[1])
    return tree, parser.errors


#: The shapes of pages that the strict parser found nothing wrong with.
_faultless: set[str] = set()
_BEGIN = "<!doctype html>"
_SPACE = " \t\n\f"
_SVG = "{http://www.w3.org/2000/svg}"
_VALUE = r"""(?:"[^"]*"|'[^']*')"""
_NAME = r"[a-zA-Z_:@][a-zA-Z0-9_:@.-]*"
#: A tag and the text after it.
_TAG = re.compile(rf"<(/?)([a-z][a-z0-9]*)((?:[ \t\n]+{_NAME}(?:={_VALUE})?)*)[ \t\n]*(/?)>([^<]*)")
_ATTRIBUTE = re.compile(rf"({_NAME})(?:=({_VALUE}))?")
#: Characters and references that the parser may have something to say about.
_SPECIAL = re.compile(
    r"&(?!(?:amp|lt|gt|quot|nbsp|#34|#39);)|[^\n\t\x20-\x7e\xa0-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd]"
)
_VOID = frozenset(("area", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"))
#: A line that begins in these is left out.
_FIRST_NEWLINE = frozenset(("textarea", "pre", "listing"))
#: What stands in these is not read as text.
_RAW = frozenset(("script", "style", "iframe", "noembed", "noframes", "noscript", "plaintext", "xmp"))


def _read_plain(html: str) -> tuple[Element, str] | None:
    """The tree of a page that is written plainly, and its shape; None where it is not."""
    html = html.replace("\r\n", "\n")
    if not html.startswith(_BEGIN) or _SPECIAL.search(html):
        return None
    root: Element | None = None
    open_: list[Element] = []
    shape: list[str] = []
    place, in_svg = len(html) - len(html[len(_BEGIN) :].lstrip(_SPACE)), False
    while place < len(html):
        found = _TAG.match(html, place)
        if found is None:
            return None
        place = found.end()
        end, name, written, closed, text = found.groups()
        if text:
            stripped = text.lstrip(_SPACE)
            shape.append(f"{len(stripped) == len(text)}{bool(stripped)}")
        if end:
            shape.append(f"/{name}{written}{closed}")
            if name in ("body", "html"):
                # Blanks after them belong to the body, and those before the head to nothing.
                last = root[-1] if root is not None and len(root) else None
                if last is None or text.strip(_SPACE):
                    return None
                _add_text(last, text)
                continue
            if len(open_) < 2 or open_.pop().tag != (f"{_SVG}{name}" if in_svg else name):
                return None
            in_svg = in_svg and name != "svg"
            _add_text(open_[-1], unescape(text))
            continue
        attributes, told = _attributes(written)
        shape.append(f"{name}{told}{closed}")
        if name == "input":
            shape.append(repr(attributes.get("type")))
        in_svg = in_svg or name == "svg"
        if in_svg:
            name = f"{_SVG}{name}"
            attributes = {adjustSVGAttributes.get(each, each): value for each, value in attributes.items()}
        if root is None:
            root = element = Element(name, attributes)
        elif not open_:
            return None
        else:
            element = SubElement(open_[-1], name, attributes)
        if text and name in _RAW:
            return None
        if name in _FIRST_NEWLINE:
            text = text.removeprefix("\n")
        if name in _VOID or (closed and in_svg):
            _add_text(open_[-1], unescape(text))
            continue
        open_.append(element)
        if name != "html":
            _add_text(element, unescape(text))
    return None if root is None else (root, "\n".join(shape))


@lru_cache(maxsize=5000)
def _attributes(written: str) -> tuple[dict[str, str], str]:
    found = [(each[1], (each[2] or "")[1:-1]) for each in _ATTRIBUTE.finditer(written)]
    return {name.lower(): unescape(value) for name, value in found}, " ".join(("", *(n for n, _ in found)))


def _add_text(element: Element, text: str) -> None:
    """At the end of what is in it."""
    if not text:
        return
    if len(element):
        element[-1].tail = (element[-1].tail or "") + text
    else:
        element.text = (element.text or "") + text


def _are_equal(one: Element, other: Element) -> bool:
    same = (one.tag, one.attrib, one.text or "", one.tail or "")
    return (
        same == (other.tag, other.attrib, other.text or "", other.tail or "")
        and len(one) == len(other)
        and all(_are_equal(a, b) for a, b in zip(one, other, strict=True))
    )


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
