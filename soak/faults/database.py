"""The database locked and gone, and the disk full: a clear error, pages that can be read, nothing half done."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from soak import books
from soak.books import Ledger
from soak.installation import Portal
from soak.report import Part
from soak.scene import Bill, Scene
from soak.visitor import Answer, CutOff, Visitor
from tests.services import PostgresService, SmtpService, wait_until

#: A writer waits thirty seconds for another one; whoever is told after that was told in time.
PATIENCE = 45.0
DISK = 48 << 20


def run(part: Part, folder: Path, server: SmtpService, cluster: PostgresService) -> None:
    locked(part, "SQLite", folder / "locked", server, lambda portal: lock_sqlite(portal.config.sqlite_path))
    url = cluster.new_database()
    locked(part, "PostgreSQL", folder / "locked-pg", server, lambda _: lock_postgres(url), DATABASE_URL=url)
    gone(part, folder / "gone", server, cluster)
    full(part, folder / "full", server)


def locked(
    part: Part,
    where: str,
    folder: Path,
    server: SmtpService,
    lock: Callable[[Portal], contextlib.AbstractContextManager[None]],
    **settings: str,
) -> None:
    """Somebody holds what every writer needs, for longer than anybody waits."""
    before = len(server.log())
    with Portal(folder, smtp_url=server.url, **settings) as portal:
        scene = Scene(portal)
        bill, other = scene.bill(), scene.bill()
        emma, payer = scene.emma(), scene.visitor()
        books.settle(portal)
        token, emmas = payer.token(bill.link), emma.token("/customer")
        asked: dict[str, Callable[[], Answer]] = {
            "pay": lambda: payer.post_with(token, bill.link, {"method": "ideal"}),
            "pay, signed in": lambda: emma.post_with(
                emmas, f"/customer/invoices/{other.public_id}/pay", {"method": "card"}
            ),
            "choose a theme": lambda: emma.post_with(emmas, "/preferences", {"theme": "dark"}),
        }
        with lock(portal):
            wrong, slowest = told_clearly(asked)
            if where == "SQLite":  # a reader on PostgreSQL waits for a table that is locked away altogether
                seen = [emma.get("/customer/invoices"), scene.visitor().get("/login")]
                wrong += [f"a page answered {each.status}" for each in seen if each.status != 200]
            status, said = portal.try_flask("invoice", "check", "--shop", "shop.example.test")
            wrong += one_sentence("flask invoice check", status, said)
        wrong += [f"{each.number} was touched" for each in (bill, other) if scene.payments(each)]
        wrong += pays(scene, bill) + pays(scene, other) + books.settle(portal)
        ledger = Ledger(portal, server.log()[before:])
        part.row(
            f"database locked ({where}): a clear error in time, nothing half done, and all works after it",
            f"{len(asked)} clicks and a command, told after {slowest:.0f} s at most; {ledger.told}",
            [*wrong, *ledger.everything_wrong()],
        )


def told_clearly(asked: dict[str, Callable[[], Answer]]) -> tuple[list[str], float]:
    """All of it at once; what was not answered by an error that people can read, and the slowest answer."""
    answers: dict[str, Answer | str] = {}

    def ask(name: str, send: Callable[[], Answer]) -> None:
        try:
            answers[name] = send()
        except CutOff as cut:
            answers[name] = str(cut)

    threads = [threading.Thread(target=ask, args=each) for each in asked.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wrong, slowest = [], 0.0
    for name, answer in answers.items():
        if isinstance(answer, str):
            wrong.append(f"{name}: {answer}")
            continue
        slowest = max(slowest, answer.seconds)
        if answer.status not in (500, 503) or "went wrong" not in answer.text:
            wrong.append(f"{name}: answered {answer.status} {answer.text[:60]!r}")
        if "Traceback" in answer.text or "sqlite" in answer.text.lower():
            wrong.append(f"{name}: shows its insides")
        if answer.seconds > PATIENCE:
            wrong.append(f"{name}: was told after {answer.seconds:.0f} s")
    return wrong, slowest


def one_sentence(what: str, status: int, said: str) -> list[str]:
    """A command that cannot work says so without a traceback."""
    lines = [line for line in said.strip().splitlines() if not re.match(r"\d{4}-\d\d-\d\d ", line)]
    if status == 0 or "Traceback" in said or len(lines) > 3:
        return [f"{what} ended with {status} and said {said.strip()[-300:]!r}"]
    return []


def pays(scene: Scene, bill: Bill) -> list[str]:
    """A payment from beginning to end, as if nothing had been."""
    try:
        payer = scene.visitor()
        started = payer.pay(bill.link)
        if started.status != 303:
            return [f"{bill.number}: paying answers {started.status}"]
        payer.go_back(payer.decide(started.location, "paid", "never").location)
    except CutOff as cut:
        return [f"{bill.number}: {cut}"]
    return [f"{bill.number} is still open"] if scene.document(bill).open_minor else []


@contextlib.contextmanager
def lock_sqlite(path: Path | None) -> Iterator[None]:
    """A writer that does not end."""
    assert path is not None
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


@contextlib.contextmanager
def lock_postgres(url: str) -> Iterator[None]:
    """Somebody who alters the tables of money, and does not end."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute("LOCK TABLE documents, payments, people IN ACCESS EXCLUSIVE MODE")
        yield
        connection.rollback()


def gone(part: Part, folder: Path, server: SmtpService, cluster: PostgresService) -> None:
    """PostgreSQL stops and comes back under a portal that goes on running."""
    url = cluster.new_database()
    before = len(server.log())
    with Portal(folder, smtp_url=server.url, DATABASE_URL=url) as portal:
        scene = Scene(portal)
        bill, payer = scene.bill(), scene.visitor()
        token = payer.token(bill.link)
        processes = portal.processes().keys()
        with stopped(cluster):
            wrong: list[str] = []
            health = payer.get("/health")
            if health.status != 503:
                wrong.append(f"/health answers {health.status}")
            for name, answer in (
                ("pay", payer.post_with(token, bill.link, {"method": "ideal"})),
                ("a page", payer.get(bill.link)),
            ):
                if answer.status not in (500, 503) or "went wrong" not in answer.text:
                    wrong.append(f"{name} answered {answer.status} {answer.text[:60]!r}")
            status, said = portal.try_flask("invoice", "check", "--shop", "shop.example.test")
            wrong += one_sentence("flask invoice check", status, said)
        wrong += pays(scene, bill) + books.settle(portal)
        died = processes - portal.processes().keys()
        if died:
            wrong.append(f"{len(died)} processes had died")
        ledger = Ledger(portal, server.log()[before:])
        part.row(
            "database gone and back (PostgreSQL): a clear error, 503 at /health, and work goes on by itself",
            ledger.told,
            [*wrong, *ledger.everything_wrong()],
        )


@contextlib.contextmanager
def stopped(cluster: PostgresService) -> Iterator[None]:
    """The cluster, stopped as by its administrator."""
    cluster.stop()
    try:
        yield
    finally:
        start_again(cluster)


def start_again(cluster: PostgresService) -> None:
    """On what is there."""
    from portal.installation.environment import find_program

    program = find_program("postgres")
    assert program is not None
    options = ("-c", f"port={cluster.port}", "-c", "listen_addresses=127.0.0.1")
    options += (
        "-c",
        f"unix_socket_directories={cluster.folder}",
        "-c",
        "fsync=off",
        "-c",
        "max_connections=100",
    )
    cluster.process = subprocess.Popen(
        [program, "-D", str(cluster.data), *options], cwd="/", stderr=subprocess.DEVNULL, **cluster.user
    )
    wait_until(cluster.answers, what="PostgreSQL")


def full(part: Part, folder: Path, server: SmtpService) -> None:
    """A disk of a few megabytes, and none of them left."""
    what = "disk full: a clear error, nothing half done, and all is done once there is room"
    with small_disk(folder / "disk") as disk:
        if disk is None:
            part.not_run(what, "a file system of its own needs root and the right to mount")
            return
        before = len(server.log())
        portal = Portal(folder, smtp_url=server.url, INSTANCE_DIR=str(disk))
        with portal:
            scene = Scene(portal)
            bills = [scene.bill() for _ in range(3)]
            books.settle(portal)
            asked: dict[str, Callable[[], Answer]] = {}
            for number, bill in enumerate(bills):
                payer = scene.visitor()
                asked[f"pay {number}"] = _paying(payer, payer.token(bill.link), bill.link)
            emma = scene.emma()
            token = emma.token("/customer")
            for number, bill in enumerate(bills):
                page = f"/customer/invoices/{bill.public_id}/pdf"
                asked[f"ask for a PDF {number}"] = _posting(emma, token, page, {"language": "nl"})
            with filled(disk):
                wrong, _ = told_clearly(asked)
                seen = [
                    emma.get("/customer/invoices"),
                    emma.get(f"/customer/invoices/{bills[0].public_id}/pdf"),
                ]
                wrong += [f"a page answered {each.status}" for each in seen if each.status != 200]
                wrong += [f"{bill.number} was touched" for bill in bills if scene.payments(bill)]
            for bill in bills:
                wrong += pays(scene, bill)
            made_late = scene.bill()
            wrong += books.settle(portal) + pays(scene, made_late) + books.settle(portal)
            ledger = Ledger(portal, server.log()[before:])
            wrong += ledger.everything_wrong()
            wrong += integrity(portal)
            part.row(what, f"{len(asked)} clicks on a full disk of {DISK >> 20} MB; {ledger.told}", wrong)


def _paying(payer: Visitor, token: str, link: str) -> Callable[[], Answer]:
    return _posting(payer, token, link, {"method": "ideal"})


def _posting(visitor: Visitor, token: str, url: str, data: dict[str, str]) -> Callable[[], Answer]:
    return lambda: visitor.post_with(token, url, data)


def integrity(portal: Portal) -> list[str]:
    """What SQLite itself says of its file."""
    path = portal.config.sqlite_path
    assert path is not None
    with contextlib.closing(sqlite3.connect(path)) as connection:
        found: list[Any] = connection.execute("PRAGMA integrity_check").fetchall()
        found += connection.execute("PRAGMA foreign_key_check").fetchall()
    return [] if found == [("ok",)] else [str(each) for each in found[:5]]


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path | None]:
    """A file system of its own in memory; None where this may not be."""
    folder.mkdir(parents=True)
    if os.geteuid() != 0:
        yield None
        return
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "loket-soak", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        yield None
        return
    try:
        yield folder
    finally:
        with contextlib.suppress(pytest.fail.Exception):
            wait_until(lambda: _unmounted(folder), seconds=30, what="the end of the small disk")


def _unmounted(folder: Path) -> bool:
    return subprocess.run(["umount", str(folder)], capture_output=True, check=False).returncode == 0


@contextlib.contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Not a byte is left."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        for size in (1 << 16, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"\0" * size)
    try:
        yield
    finally:
        filler.unlink()
