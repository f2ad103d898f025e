"""Redis emptied, gone, silent, slow and cut: pages work, work waits, and is done without anybody's help."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from portal.core.mailer import MailState
from soak import books
from soak.books import Ledger
from soak.installation import Portal
from soak.proxy import Line, Proxy
from soak.report import Part
from soak.scene import Bill, Scene
from soak.visitor import CutOff
from tests.services import RedisService, SmtpService, find_redis, wait_until

#: A page may be slower than with Redis by so much: a quarter of a second for each of the two that ask it, once.
SLOWER = 1.5
#: What a page takes that happens to wait for a processor of a busy machine.
NOISE = 2.0

LINES = (
    ("gone", Line.GONE, 0.0),
    ("silent: it accepts and never answers", Line.SILENT, 0.0),
    ("slow: each answer takes 2 s", Line.SLOW, 2.0),
    ("cut off again and again", Line.CUT, 0.0),
)


def run(part: Part, folder: Path, server: SmtpService, seed: int) -> None:
    before = len(server.log())
    with own_redis() as redis, Proxy(str(redis.server.socket_path), seed=seed) as proxy:
        url = f"redis://127.0.0.1:{proxy.port}/0"
        with Portal(folder, smtp_url=server.url, REDIS_URL=url) as portal:
            scene = Scene(portal)
            usual = max(visit(scene)[0] for _ in range(3))
            for name, line, delay in LINES:
                with_line(part, scene, proxy, name, line, delay, usual)
            emptied(part, scene, redis, usual)
            ledger = Ledger(portal, server.log()[before:])
            part.row(
                "Redis: afterwards nothing is lost or done twice", ledger.told, ledger.everything_wrong()
            )


def visit(scene: Scene) -> tuple[float, list[str]]:
    """A whole visit, from a new invoice to its payment; its slowest answer, and what was wrong."""
    slowest, wrong = 0.0, []
    try:
        bill, emma = scene.bill(), scene.emma()
        page = f"/customer/invoices/{bill.public_id}"
        steps = [emma.get("/customer"), emma.get("/customer/invoices"), emma.get(page)]
        started = emma.pay(bill.link)
        steps.append(started)
        if started.status == 303:
            decided = emma.decide(started.location, "paid", "never")
            steps += [decided, emma.get(decided.location)]
        steps.append(emma.post_with(emma.token("/customer"), f"{page}/pdf", {}))
        for step in steps:
            slowest = max(slowest, step.seconds)
            if step.status >= 400:
                wrong.append(f"a page answered {step.status}")
        if scene.document(bill).open_minor:
            wrong.append(f"{bill.number} was paid at the bank and is open here")
    except CutOff as cut:
        wrong.append(f"cut off: {cut}")
    return slowest, wrong


def with_line(
    part: Part, scene: Scene, proxy: Proxy, name: str, line: Line, delay: float, usual: float
) -> None:
    """Three visits while the line is like this, and what became of their work."""
    proxy.become(line, delay=delay)
    seen = [visit(scene) for _ in range(3)]
    slowest, wrong = max(each for each, _ in seen), [text for _, said in seen for text in said]
    if slowest > usual + SLOWER + NOISE:
        wrong.append(f"a page took {slowest:.1f} s, and {usual:.1f} s with Redis")
    waiting = books.count_open(scene.portal)
    if line in (Line.GONE, Line.SILENT) and not waiting:
        wrong.append("the work was done without Redis, so this shows nothing")
    proxy.become(Line.GOOD)
    wrong += unaided(scene)
    part.row(
        f"Redis {name}: pages work, work waits and is then done",
        f"3 visits, slowest answer {slowest:.2f} s ({usual:.2f} s before), {waiting} rows had to wait",
        wrong,
    )


def emptied(part: Part, scene: Scene, redis: RedisService, usual: float) -> None:
    """FLUSHALL, again and again, while people are served."""
    times, stop = [0], threading.Event()

    def empty() -> None:
        with Redis.from_url(redis.url) as client:
            while not stop.wait(0.15):
                client.flushall()
                times[0] += 1

    thread = threading.Thread(target=empty)
    thread.start()
    try:
        seen = [visit(scene) for _ in range(4)]
    finally:
        stop.set()
        thread.join()
    slowest, wrong = max(each for each, _ in seen), [text for _, said in seen for text in said]
    if slowest > usual + SLOWER + NOISE:
        wrong.append(f"a page took {slowest:.1f} s, and {usual:.1f} s with Redis in peace")
    wrong += unaided(scene)
    part.row(
        "Redis emptied under way: everything is done all the same",
        f"4 visits, emptied {times[0]} times, slowest answer {slowest:.2f} s",
        wrong,
    )


def unaided(scene: Scene) -> list[str]:
    """What is not done a minute and a half later, with no row pushed by us."""
    with contextlib.suppress(pytest.fail.Exception):
        wait_until(lambda: books.count_open(scene.portal) == 0, seconds=90)
        return []
    return [f"{books.count_open(scene.portal)} rows are still open after 90 s"]


def is_sent(scene: Scene, bill: Bill) -> bool:
    """Whether its mail has left."""
    return scene.mail_of(bill)[0].state is MailState.SENT


@contextlib.contextmanager
def own_redis() -> Iterator[RedisService]:
    """A Redis that nobody else uses."""
    program = find_redis()
    with tempfile.TemporaryDirectory(prefix=f"loket-soak-{os.getpid()}-") as folder:
        service = RedisService(Path(folder), program)
        service.start()
        try:
            yield service
        finally:
            service.stop()
