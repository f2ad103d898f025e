"""Why a bar was missed: where the time of a page or a piece of work goes, by library and by function."""

from __future__ import annotations

import cProfile
import pstats
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.aside import aside
from bench.machine import PROJECT
from bench.shops import EMAIL, STAFF, MadeShop

GROUPS = (
    ("sqlalchemy", "SQLAlchemy"), ("flask_sqlalchemy", "SQLAlchemy"), ("jinja2", "Jinja's own"), ("babel", "Babel"),
    ("flask_babel", "Babel"), ("werkzeug", "Flask and Werkzeug"), ("flask_login", "Flask's extensions"),
    ("flask_wtf", "Flask's extensions"), ("flask_limiter", "Flask's extensions"), ("wtforms", "Flask's extensions"),
    ("flask_mail", "Flask-Mail"), ("flask", "Flask and Werkzeug"), ("psycopg", "the database's driver"),
    ("xhtml2pdf", "xhtml2pdf"), ("reportlab", "ReportLab"), ("rq", "RQ"), ("redis", "redis-py"),
    ("email/", "Python's email"), ("smtplib", "smtplib"), ("portal/", "Loket's own code"), ("json/", "JSON"),
)  # fmt: skip


def profile(work: Callable[[], object], times: int) -> str:
    """The share of each library in the processor time of some work, and the functions that take most."""
    profiler = cProfile.Profile(time.process_time)  # others at work on the machine do not count
    profiler.enable()
    for _ in range(times):
        work()
    profiler.disable()
    return summary(profiler, times)


def summary(profiler: cProfile.Profile, times: int) -> str:
    """A finished profile as two short tables."""
    groups: Counter[str] = Counter()
    functions: list[tuple[float, float, str]] = []
    entries: dict[Any, Any] = pstats.Stats(profiler).stats  # type: ignore[attr-defined]
    for (file, line, name), (_primitive, calls, own, _whole, _callers) in entries.items():
        groups[_group(file, name)] += own
        functions.append((own, calls / times, f"{_short(file)}:{line} {name}" if line else name))
    whole = sum(groups.values()) or 1.0
    lines = [
        f"{whole / times * 1000:.1f} ms each under the profiler, which makes calls dearer than they are.",
        "",
    ]
    lines += ["| where | share |", "| --- | --- |"]
    lines += [f"| {name} | {own / whole:.0%} |" for name, own in groups.most_common(9) if own / whole >= 0.01]
    lines += ["", "| function | calls each | share |", "| --- | --- | --- |"]
    for own, calls, name in sorted(functions, reverse=True)[:10]:
        lines.append(f"| `{name.replace('|', '/')}` | {calls:.1f} | {own / whole:.0%} |")
    return "\n".join(lines)


@contextmanager
def commits(app: Any) -> Iterator[list[int]]:
    """Counts the transactions of an application that are committed inside and wait for the disk where they wrote."""
    from sqlalchemy import event

    from portal.extensions import db

    count = [0]

    def note(connection: Any) -> None:
        count[0] += connection.info.get("forced", True)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "commit", note)
    try:
        yield count
    finally:
        event.remove(engine, "commit", note)


def _group(file: str, name: str) -> str:
    if file == "~":
        if "sqlite3" in name:
            return "SQLite, forced writes included"
        if "posix.fsync" in name:
            return "files, forced writes included"
        if "socket" in name or "select" in name:
            return "waiting for the network"
        return "Python's built-ins"
    if file == "<template>" or "/templates/" in file:
        return "our templates"
    inside = file.partition("site-packages/")[2]
    for beginning, words in GROUPS:
        if inside.startswith(beginning) or (not inside and f"/{beginning}" in file):
            return words
    return "the rest"


def _short(file: str) -> str:
    for before in ("site-packages/", f"{PROJECT}/", "/lib/python3"):
        if before in file:
            return file.partition(before)[2]
    return Path(file).name


def of_page(shop: MadeShop, path: str) -> str:
    """The profile of a page, made in a process of its own."""
    return _aside("page", shop, path)


def of_statements(shop: MadeShop, path: str) -> str:
    """What each statement of a page takes, with its plan."""
    return _aside("statements", shop, path)


def _aside(what: str, shop: MadeShop, path: str) -> str:
    return aside("bench.profiling", shop.env, what, path)


def _page_profile(get: Callable[[str], object], path: str) -> str:
    for _ in range(10):
        get(path)
    return profile(lambda: get(path), 50)


def _statement_times(app: Any, get: Callable[[str], object], path: str) -> str:
    from sqlalchemy import event

    from portal.extensions import db

    get(path)
    seen: list[tuple[float, str, Any]] = []
    begun: list[float] = []
    with app.app_context():
        engine = db.engine

    def before(*_arguments: Any) -> None:
        begun.append(time.perf_counter())

    def after(connection: Any, cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        seen.append((time.perf_counter() - begun.pop(), statement, parameters))

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    get(path)
    event.remove(engine, "before_cursor_execute", before)
    event.remove(engine, "after_cursor_execute", after)
    lines = ["The statements of the page that take longest, without reading their rows:", ""]
    explain = "EXPLAIN QUERY PLAN" if engine.dialect.name == "sqlite" else "EXPLAIN"
    for seconds, statement, parameters in sorted(seen, key=lambda each: -each[0])[:3]:
        words = " ".join(statement.split())
        lines += [f"- {seconds * 1000:.2f} ms: `{words[:300]}`", ""]
        if words.startswith(("SELECT", "WITH")):
            with engine.connect() as connection:
                plan = connection.exec_driver_sql(f"{explain} {statement}", parameters).all()
            lines += ["  ```", *(f"  {row[-1]}" for row in plan[:14]), "  ```", ""]
    return "\n".join(lines)


def _main(what: str, path: str) -> None:
    from bench.inside import application, reader
    from portal.core.sessions import cookie_face

    app, face = application(), cookie_face(path)
    get = reader(app, STAFF if face == "staff" else EMAIL, face)
    print(_page_profile(get, path) if what == "page" else _statement_times(app, get, path))


if __name__ == "__main__":
    _main(*sys.argv[1:])
