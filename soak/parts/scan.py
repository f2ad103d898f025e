"""A web scanner over the running demo, as a visitor and signed in: it finds nothing."""

from __future__ import annotations

import http.cookiejar
import json
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, Request, build_opener

from soak import tools
from soak.report import Part
from tests.browser.installation import Installation
from tests.browser.window import PASSWORD

SECONDS = 3600
#: All of the scanner's attacks that need nothing from outside this machine. Not the one on LDAP: nothing in the portal
#: speaks it, and it takes any two answers that differ, such as a page and the limit's 429, for a directory's.
ATTACKS = (
    "backup", "cookieflags", "crlf", "csp", "csrf", "exec", "file", "htaccess", "http_headers", "methods",
    "permanentxss", "redirect", "shellshock", "sql", "timesql", "upload", "xss",
)  # fmt: skip
#: Seconds for each attack and for finding the pages.
ATTACK, CRAWL = 120, 240
#: What is right at an address of this machine, where there is no TLS; tests/core/test_security.py holds it to be there
#: with https.
WITHOUT_TLS = {
    ("Secure Flag cookie", ""): "a cookie with Secure would not come back over plain http",
    ("HTTP Strict Transport Security (HSTS)", ""): "is for https",
    ("Strict Transport Security", ""): "is for https",
}
OWNER = "owner@example.com"
#: Where the scanner begins, as whom.
STARTS = {
    "": ["/login", "/register", "/office/login"],
    "emma@example.com": ["/customer", "/customer/invoices", "/customer/orders", "/sandbox/"],
    OWNER: ["/office", "/office/tickets", "/office/customers", "/office/invoices", "/office/notifications"],
}
_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


def run(seed: int) -> Part:
    part = Part()
    try:
        scanner = tools.scanner()
    except tools.Missing as missing:
        part.not_run("a scanner finds nothing", str(missing))
        return part
    with tempfile.TemporaryDirectory(prefix="loket-scan-") as name:
        demo = Installation(Path(name), mode="demo", smtp_url=None)
        demo.start()
        try:
            # Before the first attack, after which nobody may try to log in for a while.
            cookies = {who: _log_in(demo.url, who) if who else "" for who in STARTS}
            for who, cookie in cookies.items():
                _scan(part, scanner, demo, Path(name), who, cookie)
            part.row("no error in the log while it scanned", "all scans", [e[-600:] for e in demo.errors()])
        finally:
            demo.stop()
    return part


def _scan(part: Part, scanner: list[str], demo: Installation, folder: Path, who: str, cookie: str) -> None:
    report = folder / f"report-{who}.json"
    options = [
        "-u", f"{demo.url}/", "--scope", "domain", "-m", ",".join(ATTACKS), "-l", "2",
        "-f", "json", "-o", str(report),
        "--flush-session", "--no-bugreport", "-v", "1", "--max-files-per-dir", "8",
        "--max-scan-time", str(CRAWL),
        "--max-attack-time", str(ATTACK), "--tasks", "4", "-dr", "1",
        "--store-session", str(folder / f"kept-{who}"),
        "-x", f"{demo.url}/logout", "-x", f"{demo.url}/office/logout",
        *(part for path in STARTS[who] for part in ("-s", demo.url + path)),
    ]  # fmt: skip
    if cookie:
        options += ["-C", cookie]
    done = subprocess.run([*scanner, *options], cwd=folder, capture_output=True, text=True, check=False)
    if not report.exists():
        part.row(
            f"a scanner {_as(who)}", "0 pages", [f"it ended with {done.returncode}: {done.stdout[-500:]}"]
        )
        return
    found: dict[str, Any] = json.loads(report.read_text())
    pages = found["infos"].get("crawled_pages_nbr", 0)
    cut = [line for line in done.stdout.splitlines() if "Max attack time" in line or "Max scan time" in line]
    told = [
        f"{kind}: {each['info']} at {each['method']} {each['path']} {each.get('parameter') or ''}"
        for heading in ("vulnerabilities", "anomalies")
        for kind, each_kind in found[heading].items()
        for each in each_kind
        if not _expected(kind, each["info"])
    ]
    short = told if pages else ["it found no page"]
    if done.returncode:
        short.append(f"it ended with {done.returncode}: {done.stderr[-300:]}")
    if who and not _is_in(demo.url, who, cookie):
        short.append("the session had ended before the scan did")
    counts = f"{len(ATTACKS)} attacks on {pages} pages and forms"
    if cut:
        counts += f", {len(cut)} of them ended by the time they have"
    part.row(f"a scanner {_as(who)} finds nothing", counts, short)


def _as(who: str) -> str:
    return f"signed in as {who}" if who else "as a visitor"


def _expected(kind: str, info: str) -> bool:
    return any(kind == known and word in info for known, word in WITHOUT_TLS)


def _is_in(url: str, who: str, cookie: str) -> bool:
    """Whether these cookies still open the page of somebody who is logged in."""
    home = "/office" if who == OWNER else "/customer"
    answer = build_opener().open(Request(url + home, headers={"Cookie": cookie}))
    return bool(answer.url == url + home)


def _log_in(url: str, who: str) -> str:
    """The cookies of somebody who logged in, as a header."""
    jar = http.cookiejar.CookieJar()
    browser: OpenerDirector = build_opener(HTTPCookieProcessor(jar))
    home, door = ("/office", "/office/login") if who == OWNER else ("/customer", "/login")
    page = browser.open(url + door).read().decode()
    token = _TOKEN.search(page)
    assert token is not None
    body = urlencode({"email": who, "password": PASSWORD, "csrf_token": token[1]}).encode()
    answer = browser.open(Request(url + door, body, {"Referer": url + door}))
    assert answer.url.endswith(home), answer.url
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in jar)
