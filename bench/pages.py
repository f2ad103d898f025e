"""Pages: home, list and invoice, signed in, beside bare Flask and Flask with Jinja; and in a shop grown large."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from functools import partial
from statistics import median

from bench import machine, profiling, servers, shops
from bench.browsing import Visitor
from bench.rounds import Took, interleave, middle, ratios
from bench.run import Run
from bench.table import Bar, Row, measured, not_measured

HOME, LIST = "/customer", "/customer/invoices"
OFFICE = "/office"
#: The lists of the office with their filters, and searches that find many, one and none.
OFFICE_LISTS = {
    "home": "",
    "invoices": "/invoices",
    "invoices, unpaid": "/invoices?status=unpaid",
    "invoices, overdue": "/invoices?status=overdue",
    "invoices, paid": "/invoices?status=paid",
    "invoices, pending": "/invoices?status=pending",
    "invoices, drafts": "/invoices?status=draft",
    "invoices, credit notes": "/invoices?status=credit_notes",
    "invoices, a search that finds many": "/invoices?q=2025",
    "invoices, a search that finds one": "/invoices?q=2025-1234",
    "invoices, a search that finds none": "/invoices?q=nothing-like-it",
    "customers": "/customers",
    "customers, a search that finds many": "/customers?q=customer",
    "customers, a search that finds one": "/customers?q=emma@example.com",
    "customers, a search that finds none": "/customers?q=nothing-like-it",
    "tickets": "/tickets",
    "tickets that wait": "/tickets?status=waiting",
    "tickets of a rare type": "/tickets?type=complaint",
    "tickets of a rare priority": "/tickets?priority=urgent",
    "tickets, a search that finds one": "/tickets?q=Question+77777",
    "tickets, a search that finds none": "/tickets?q=nothing-like-it",
    "notifications": "/notifications",
}
MILLION = 1_000_000
#: What bare Flask did a second, and Flask with 60 rows in Jinja, when the bars were drawn (quality.md).
DRAWN_HELLO, DRAWN_LIMIT = 936, 260


def speed(run: Run) -> list[Row]:
    """The pages against the limit."""
    part, bar = "Pages", Bar("at least 0.5 × the limit", 0.5, least=True)
    small = shops.make(1_000, 50)
    with contextlib.ExitStack() as running:
        portal = _visit(running, small)
        hello = Visitor(running.enter_context(servers.gunicorn("bench.references.bare_flask:app", _env())))
        limit = Visitor(running.enter_context(servers.gunicorn("bench.references.flask_jinja:app", _env())))
        paths = {"home": HOME, "list": LIST, "invoice": portal.first_invoice()}
        _check_list(portal)
        times = run.either(20, 12)
        found = interleave(
            {
                "hello": partial(hello.again_and_again, "/", times * 2),
                "limit": partial(limit.again_and_again, "/", times),
                **{name: partial(portal.again_and_again, path, times) for name, path in paths.items()},
            },
            run.either(40, 12),
        )
    found["hello"] = [Took(each.wall / 2, each.cpu / 2) for each in found["hello"]]
    clock = {name: times / middle(each) for name, each in found.items()}
    busy = {name: times / middle(each, cpu=True) for name, each in found.items()}
    rows = [
        measured(
            part,
            f"{words}, against the limit",
            bar,
            ratios(found["limit"], found[name], cpu=True),
            note=f"{busy[name]:.0f} a second of processor time, the limit {busy['limit']:.0f}; "
            f"by the clock {median(ratios(found['limit'], found[name])):.2f} ×, {clock[name]:.0f} a second",
            by_the_clock=clock,
            by_processor=busy,
        )
        for name, words in (("home", "home"), ("list", "invoice list, 25 rows"), ("invoice", "invoice page"))
    ]
    rows.append(
        measured(
            part,
            "the limit, against bare Flask",
            None,
            ratios(found["hello"], found["limit"], cpu=True),
            note=f"{DRAWN_LIMIT / DRAWN_HELLO:.2f} by the clock when the bars were drawn; here by the clock "
            f"{median(ratios(found['hello'], found['limit'])):.2f}, {clock['hello']:.0f} and "
            f"{clock['limit']:.0f} a second",
        )
    )
    for row, path in zip(rows, paths.values(), strict=False):
        if row.verdict == "missed":
            run.profiles[row.what] = profiling.of_page(small, path)
    return rows


def growth(run: Run) -> list[Row]:
    """The same pages in a shop of a million invoices, 10,000 of them of this customer."""
    rows = _growth(run, None)
    if run.skip_postgres:
        return rows
    try:
        with servers.postgres(machine.KEPT / "postgres") as cluster:
            rows += _growth(run, cluster)
    except servers.Absent as absent:
        rows.append(not_measured("Growth", "pages on PostgreSQL", "at most 1.2 ×", str(absent)))
    return rows


def _growth(run: Run, cluster: servers.Postgres | None) -> list[Row]:
    part, bar = "Growth", Bar("at most 1.2 ×", 1.2)
    small = shops.make(1_000, 50, cluster)
    large = shops.make(_size(run, cluster), 10_000, cluster)
    with contextlib.ExitStack() as running:
        others = [cluster.pid] if cluster else []
        few, many = _visit(running, small, *others), _visit(running, large, *others)
        paths = {
            "home": (HOME, HOME),
            "invoice list": (LIST, LIST),
            "invoice page": (few.first_invoice(), many.first_invoice()),
            "list, the unpaid ones": (f"{LIST}?status=unpaid",) * 2,
            "list, search by number": (f"{LIST}?q=2025-01",) * 2,
        }
        times = run.either(10, 6)
        actions = {}
        for name, (here, there) in paths.items():
            actions[f"{name} few"] = partial(few.again_and_again, here, times)
            actions[f"{name} many"] = partial(many.again_and_again, there, times)
        found = interleave(actions, run.either(30, 10))
    where = "PostgreSQL" if cluster else "SQLite"
    rows = []
    for name in paths:
        a, b = found[f"{name} few"], found[f"{name} many"]
        rows.append(
            measured(
                part,
                f"{name}, {large.invoices:,} against {small.invoices:,} invoices, {where}",
                bar if name in ("home", "invoice list", "invoice page") else None,
                ratios(b, a, cpu=True),
                note=f"{large.listed:,} of them this customer's, against {small.listed}; "
                f"{middle(b, cpu=True) / times * 1000:.1f} and {middle(a, cpu=True) / times * 1000:.1f} ms of "
                f"processor time; by the clock {median(ratios(b, a)):.2f} ×",
            )
        )
        if rows[-1].verdict == "missed":
            run.profiles[rows[-1].what] = profiling.of_statements(large, paths[name][1])
    return rows


def _size(run: Run, cluster: servers.Postgres | None) -> int:
    """A million; in a quick run only where that shop was made before."""
    known = not run.quick or shops.is_made(MILLION, 10_000, cluster)
    return MILLION if known else MILLION // 10


def offices(run: Run) -> list[Row]:
    """The lists of the office at 100,000 customers and a million invoices, each beside the portal's list there."""
    rows = _offices(run, None)
    if run.skip_postgres:
        return rows
    try:
        with servers.postgres(machine.KEPT / "postgres") as cluster:
            rows += _offices(run, cluster)
    except servers.Absent as absent:
        rows.append(not_measured("Office", "lists on PostgreSQL", "p95 at most 2 ×", str(absent)))
    return rows


def _offices(run: Run, cluster: servers.Postgres | None) -> list[Row]:
    part, bar = "Office", Bar("p95 at most 2 × the portal's list", 2)
    large = shops.make(_size(run, cluster), 10_000, cluster)
    with contextlib.ExitStack() as running:
        others = [cluster.pid] if cluster else []
        customer = _visit(running, large, *others)
        staff = Visitor(running.enter_context(servers.gunicorn("app:app", large.env)), *others)
        staff.sign_in(shops.STAFF, at=f"{OFFICE}/login")
        actions = {"the portal's list": partial(customer.again_and_again, LIST, 1)}
        for name, path in OFFICE_LISTS.items():
            actions[name] = partial(staff.again_and_again, OFFICE + path, 1)
        found = interleave(actions, run.either(100, 20))
    where = "PostgreSQL" if cluster else "SQLite"
    portals = _late(found["the portal's list"])
    rows = []
    for name, path in OFFICE_LISTS.items():
        took = found[name]
        rows.append(
            measured(
                part,
                f"{name}, {large.invoices:,} invoices, {where}",
                bar,
                [_late(took) / portals],
                note=f"p95 {_late(took) * 1000:.1f} and {portals * 1000:.1f} ms of processor time, "
                f"the median {middle(took, cpu=True) * 1000:.1f} ms, of {len(took)} requests",
            )
        )
        if rows[-1].verdict == "missed":
            run.profiles[rows[-1].what] = profiling.of_statements(large, OFFICE + path)
    return rows


def _late(took: list[Took]) -> float:
    """What 95 of a hundred stay below."""
    return sorted(each.cpu for each in took)[int(len(took) * 0.95) - 1]


def _env() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}


def _visit(running: contextlib.ExitStack, shop: shops.MadeShop, *others: int) -> Visitor:
    visitor = Visitor(running.enter_context(servers.gunicorn("app:app", shop.env)), *others)
    visitor.sign_in()
    return visitor


def _check_list(visitor: Visitor) -> None:
    shown = visitor.text(LIST).count('class="row-link"')
    if shown != 25:
        raise RuntimeError(f"the list shows {shown} rows and not 25")


@contextlib.contextmanager
def signed_in(shop: shops.MadeShop) -> Iterator[Visitor]:
    """A signed-in visitor of a shop, for other parts."""
    with contextlib.ExitStack() as running:
        yield _visit(running, shop)
