"""What a page weighs over the wire, as Chromium asks for it: the HTML, a first visit, a second one."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import brotli

from bench import shops
from bench.browsing import Visitor
from bench.chromium import QUIET, find
from bench.pages import HOME, LIST, signed_in
from bench.run import Run
from bench.table import Bar, Row, measured, not_measured

KB = 1024


@dataclass
class Visit:
    """What one visit of a page fetched: bytes over the wire by address, and where they came from."""

    bodies: dict[str, int] = field(default_factory=dict)
    heads: dict[str, int] = field(default_factory=dict)
    encodings: dict[str, str] = field(default_factory=dict)
    hosts: set[str] = field(default_factory=set)

    @property
    def total(self) -> int:
        """All bodies; the bar is about what a page is made of."""
        return sum(self.bodies.values())

    @property
    def of_heads(self) -> str:
        """What the headers of the answers come to beside it."""
        return f"{sum(self.heads.values()) / KB:.1f} KB of headers"


def weigh(run: Run) -> list[Row]:
    """Log-in, home, list and invoice."""
    part = "Weight"
    program = find()
    if program is None:
        return [
            not_measured(
                part,
                "weight of pages",
                "HTML 5 KB, first visit 45 KB, repeat visit the HTML alone",
                "no Chromium",
            )
        ]
    with signed_in(shops.make(1_000, 50)) as visitor:
        paths = {
            "log-in": "/login",
            "home": HOME,
            "invoice list": LIST,
            "invoice page": visitor.first_invoice(),
        }
        html = {name: _html(visitor, path) for name, path in paths.items()}
        found = _visits(visitor, program, paths)
    rows = []
    for name, (first, second) in found.items():
        size, encoding, with_brotli = html[name]
        how = (
            f"sent with {encoding}"
            if encoding
            else f"sent uncompressed; with Brotli it would be {with_brotli / KB:.1f} KB"
        )
        rows.append(measured(part, f"{name}: HTML", Bar("at most 5 KB", 5), [size / KB], unit="KB", note=how))
        kinds = ", ".join(
            f"{_name(url)} {size / KB:.1f}"
            for url, size in sorted(first.bodies.items(), key=lambda each: -each[1])[:6]
        )
        rows.append(
            measured(
                part,
                f"{name}: first visit",
                Bar("at most 45 KB", 45),
                [first.total / KB],
                unit="KB",
                note=f"{len(first.bodies)} files: {kinds}; beside them {first.of_heads}",
            )
        )
        again = {url: size for url, size in second.bodies.items() if size and _name(url) != "the page"}
        rows.append(
            measured(
                part,
                f"{name}: repeat visit, beside the HTML",
                Bar("nothing", 0),
                [sum(again.values()) / KB],
                unit="KB",
                note="; ".join(f"{_name(url)} again" for url in again) or f"{len(second.bodies)} request",
            )
        )
    foreign = sorted(
        set().union(*(visit.hosts for pair in found.values() for visit in pair))
        - {f"127.0.0.1:{visitor.port}"}
    )
    rows.append(
        measured(part, "foreign hosts", Bar("none", 0), [len(foreign)], unit="", note=" ".join(foreign))
    )
    return rows


def _html(visitor: Visitor, path: str) -> tuple[int, str, int]:
    """Bytes sent for somebody who takes Brotli, how they were encoded, and what Brotli would make of them."""
    as_visitor = Visitor.__new__(Visitor)
    as_visitor.port, as_visitor.cookies = visitor.port, {} if path == "/login" else dict(visitor.cookies)
    status, headers, body = as_visitor.ask(path, Accept_Encoding="br, gzip")
    if status != 200:
        raise RuntimeError(f"{path} answered {status}")
    encoding = headers.get("Content-Encoding", "")
    return len(body), encoding, len(body) if encoding else len(brotli.compress(body, quality=5))


def _name(url: str) -> str:
    path = urlsplit(url).path
    return path.rpartition("/")[2] if "." in path.rpartition("/")[2] else "the page"


def _visits(visitor: Visitor, program: str, paths: dict[str, str]) -> dict[str, tuple[Visit, Visit]]:
    from playwright.sync_api import sync_playwright

    base = f"http://127.0.0.1:{visitor.port}"
    arguments = QUIET + (["--no-sandbox"] if os.geteuid() == 0 else [])
    found = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        for name, path in paths.items():
            context = browser.new_context(locale="en-GB")
            if name != "log-in":
                context.add_cookies(
                    [{"name": key, "value": value, "url": base} for key, value in visitor.cookies.items()]
                )
            found[name] = (_visit(context, f"{base}{path}"), _visit(context, f"{base}{path}"))
            context.close()
        browser.close()
    return found


def _visit(context: Any, url: str) -> Visit:
    """A tab opened and closed; the browser's cache stays with the context."""
    visit, addresses, heads = Visit(), {}, {}
    page = context.new_page()
    devtools = context.new_cdp_session(page)
    devtools.send("Network.enable")

    def answered(event: dict[str, Any]) -> None:
        response = event["response"]
        if response.get("fromDiskCache") or response["url"].startswith("data:"):
            return
        addresses[event["requestId"]] = response["url"]
        heads[event["requestId"]] = int(response["encodedDataLength"])
        headers = {name.lower(): value for name, value in response["headers"].items()}
        visit.encodings[response["url"]] = headers.get("content-encoding", "")
        visit.hosts.add(urlsplit(response["url"]).netloc)

    def finished(event: dict[str, Any]) -> None:
        number = event["requestId"]
        if number in addresses:
            visit.bodies[addresses[number]] = max(0, int(event["encodedDataLength"]) - heads[number])
            visit.heads[addresses[number]] = heads[number]

    devtools.on("Network.responseReceived", answered)
    devtools.on("Network.loadingFinished", finished)
    devtools.on("Network.requestServedFromCache", lambda event: addresses.pop(event["requestId"], None))
    page.goto(url, wait_until="networkidle")
    page.close()
    return visit
