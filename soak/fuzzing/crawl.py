"""What the pages really hold: each person follows every link, and notes the forms and queries on the way."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urljoin, urlsplit
from xml.etree.ElementTree import Element

from flask import Flask
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.routing import RequestRedirect

from soak.fuzzing.world import Fuzzed
from tests.page_client import find_all, parse
from tests.walk.cases import CUSTOMER, PUBLIC, STAFF, OpenCase, TokenCase

#: So many pages of one kind are opened by one person: a list of a thousand invoices is a page like the next.
OF_A_KIND = 12


@dataclass(frozen=True)
class Form:
    """A form on a page: who saw it, where it leads, and what it offers for each field."""

    who: str
    page: str
    method: str
    path: str
    fields: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Page:
    """A page as it was answered."""

    who: str
    path: str
    status: int
    html: str


@dataclass
class Crawl:
    """What was found."""

    pages: list[Page] = field(default_factory=list)
    forms: list[Form] = field(default_factory=list)
    addresses: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)


def endpoint_of(app: Flask, path: str, method: str = "GET") -> tuple[str, dict[str, str]] | None:
    """The endpoint of a path and the values in it; None where there is none."""
    try:
        endpoint, values = app.url_map.bind("localhost").match(urlsplit(path).path, method=method)
    except RequestRedirect as there:
        return endpoint_of(app, urlsplit(there.new_url).path, method)
    except (NotFound, HTTPException):
        return None
    return endpoint, {name: str(value) for name, value in values.items()}


def starts(made: Fuzzed) -> list[str]:
    """An address of each rule that answers GET, for those that nothing leads to."""
    cases = {**CUSTOMER, **STAFF, **PUBLIC}
    addresses = [case.path(made.things) for (_, method), case in cases.items() if method == "GET"]
    return ["/", "/nothing-here", *(address for address in addresses if address != "/setup")]


def crawl(made: Fuzzed, *, language: str = "en", first: list[str] | None = None) -> Crawl:
    """Every page that each of the people reaches."""
    found = Crawl()
    for who in made.clients:
        _walk(made, who, language, first if first is not None else starts(made), found)
    return found


def _walk(made: Fuzzed, who: str, language: str, first: list[str], found: Crawl) -> None:
    waiting, seen, kinds = deque(first), set(first), Counter[str]()
    while waiting:
        address = waiting.popleft()
        known = endpoint_of(made.app, address)
        kind = f"{known[0]}?{'&'.join(sorted(name for name, _ in _query(address)))}" if known else address
        kinds[kind] += 1
        if kinds[kind] > OF_A_KIND:
            continue
        answer = made.open(who, path=address, headers={"Accept-Language": language})
        found.addresses.add(address)
        if answer.status_code >= 500:
            found.wrong.append(f"{who} {address}: {answer.status}")
        if 300 <= answer.status_code < 400:
            targets = [answer.headers["Location"]]
        elif answer.mimetype == "text/html":
            html = answer.get_data(as_text=True)
            found.pages.append(Page(who, address, answer.status_code, html))
            tree = parse(html)
            found.forms += forms_of(tree, who, address)
            targets = [
                element.attrib[name]
                for element in tree.iter()
                for name in ("href", "hx-get")
                if name in element.attrib and element.tag != "link"
            ]
        else:
            continue
        host = made.clients[who].host
        for target in targets:
            place = urlsplit(urljoin(f"https://{host}{address}", target))
            local = place.path + (f"?{place.query}" if place.query else "")
            if place.netloc == host and local not in seen:
                seen.add(local)
                waiting.append(local)


def _query(address: str) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(address).query, keep_blank_values=True)


def forms_of(tree: Element, who: str, page: str) -> list[Form]:
    """Every form of a page with what its fields offer, those outside it that name it included."""
    forms = []
    controls = find_all(tree, "input", "select", "textarea", "button")
    for form in find_all(tree, "form"):
        inside = {id(element) for element in form.iter()}
        own = [
            c
            for c in controls
            if c.attrib.get("form", form.attrib.get("id", "")) == form.attrib.get("id", "")
        ]
        own = [c for c in own if id(c) in inside or "form" in c.attrib]
        fields = [(c.attrib["name"], value) for c in own if "name" in c.attrib for value in _values(c)]
        targets = {urljoin(page, form.attrib.get("action") or page)}
        targets |= {urljoin(page, c.attrib["formaction"]) for c in own if "formaction" in c.attrib}
        method = form.attrib.get("method", "get").upper()
        forms += [Form(who, page, method, urlsplit(target).path, tuple(fields)) for target in sorted(targets)]
    return forms


def _values(control: Element) -> list[str]:
    if control.tag == "select":
        return [option.attrib.get("value", "") for option in control.iter("option")]
    return [control.attrib.get("value", control.text or "")]


def cases_of() -> dict[tuple[str, str], OpenCase | TokenCase]:
    """The public cases, for their bodies and headers."""
    return dict(PUBLIC)
