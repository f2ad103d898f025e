"""200 SIGKILLs of web, workers, scheduler and Redis at random points under load: nothing lost, nothing twice."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from portal.core import clock, storage
from portal.domain.invoices.models import DocumentFile
from portal.domain.payments.models import PaymentStatus
from soak import books
from soak.books import Ledger
from soak.installation import DOCUMENTS, MAIL, REDIS, SCHEDULER, WEB, Portal
from soak.load import Load
from soak.report import Part
from soak.services import postgres, smtp
from tests.services import SmtpService, wait_until

SECONDS = 1800
KILLS = 200
#: Of each ten kills.
VICTIMS = [WEB, WEB, "web parent", MAIL, MAIL, DOCUMENTS, DOCUMENTS, SCHEDULER, REDIS, REDIS]
#: How often all of it dies at once, as by a power cut, and starts again.
BLACKOUTS = 2


def run(seed: int) -> Part:
    part = Part()
    with tempfile.TemporaryDirectory(prefix="loket-soak-") as folder, smtp(Path(folder) / "smtp") as server:
        on_database(part, "SQLite", Path(folder) / "sqlite", server, seed)
        with postgres() as cluster:
            url = cluster.new_database()
            on_database(part, "PostgreSQL", Path(folder) / "pg", server, seed + 1, DATABASE_URL=url)
    return part


def on_database(
    part: Part, where: str, folder: Path, server: SmtpService, seed: int, **settings: str
) -> None:
    """Half of the kills, on one database."""
    before = len(server.log())
    portal = Portal(
        folder, smtp_url=server.url, SOAK_RESTART="0.2", SOAK_LATER="3", OUTBOX_LEASE_SECONDS="3", **settings
    )
    with portal:
        load = Load(portal, seed, invoices=600, pause=0.35)
        load.start()
        wait_until(lambda: bool(load.said.decided), seconds=60, what="the first payment")
        kills = kill_at_random(portal, load, random.Random(seed), KILLS // 2)
        load.finish()
        kills += black_out(portal)
        # First what the workers have, then what only a question to the bank brings to light, then its mails.
        left = books.settle(portal)
        books.ask_the_bank(portal)
        left = left and books.settle(portal)
        left += books.settle(portal)
        said = load.said
        ledger = Ledger(portal, server.log()[before:])
        died = Counter(name for _, name in kills)
        part.row(
            f"{where}: SIGKILL at random points under load",
            f"{len(kills)} kills ({', '.join(f'{name}: {count}' for name, count in sorted(died.items()))}); "
            + ", ".join(f"{count} × {what}" for what, count in sorted(said.counts.items())),
            idle(kills, load),
        )
        part.row(
            f"{where}: nobody saw an error but a line that was cut",
            f"{sum(said.counts.values())} answers",
            [*said.wrong[:10], *dict.fromkeys(said.refused[:10]), *failures(portal)],
        )
        part.row(
            f"{where}: what was acknowledged is there",
            f"{len(said.issued)} invoices, {len(said.decided)} decisions at the bank, {len(said.pdfs)} PDFs",
            acknowledged(ledger, load),
        )
        part.row(f"{where}: work came to its end", "1", left)
        ledger.into(part, where, [kill for kill in kills if kill[1] in (MAIL, "everything")])
        status, said_check = portal.try_flask("invoice", "check", "--shop", "shop.example.test")
        part.row(
            f"{where}: flask invoice check", said_check.strip()[-80:], [said_check[-300:]] if status else []
        )
        part.row(f"{where}: no half files after the daily run", "1", half_files(portal))


def idle(kills: list[tuple[float, str]], load: Load) -> Iterator[str]:
    """What makes the rest say nothing: kills that hit nobody, and people who did nothing."""
    if len(kills) < KILLS // 2:
        yield f"{KILLS // 2 - len(kills)} kills found no process"
    for what, count in (("invoices", len(load.said.issued)), ("decisions", len(load.said.decided))):
        if count < KILLS // 8:
            yield f"only {count} {what}: too little was going on to be lost"
    if not load.said.pdfs:
        yield "nobody got to ask for a PDF"


def kill_at_random(portal: Portal, load: Load, chance: random.Random, count: int) -> list[tuple[float, str]]:
    """SIGKILL after SIGKILL, each of a part that is alive, and while people are served; when, and of what."""
    order = [VICTIMS[number % len(VICTIMS)] for number in range(count)]
    chance.shuffle(order)
    kills: list[tuple[float, str]] = []
    for victim in order:
        served = sum(load.said.counts.values())
        with contextlib.suppress(pytest.fail.Exception):
            wait_until(lambda seen=served: sum(load.said.counts.values()) > seen, seconds=5)
        time.sleep(chance.uniform(0.0, 0.9))
        with contextlib.suppress(ProcessLookupError):
            pid = _find(portal, victim, chance)
            os.kill(pid, signal.SIGKILL)
            kills.append((time.time(), victim))
    return kills


def _find(portal: Portal, victim: str, chance: random.Random) -> int:
    """A living process of the part; the first of the web's is the parent of the others."""
    found: list[int] = []

    def alive() -> bool:
        found[:] = portal.named(WEB if victim == "web parent" else victim)
        return len(found) > (1 if victim == WEB else 0)

    wait_until(alive, seconds=30, what=f"the return of {victim}")
    return chance.choice(found[1:]) if victim == WEB else found[0]


def black_out(portal: Portal) -> list[tuple[float, str]]:
    """Everything dies at once, and starts again on what is there."""
    kills = []
    for _ in range(BLACKOUTS):
        kills.append((time.time(), "everything"))
        portal.kill_all()
        portal.start()
        time.sleep(1)
    return kills


def acknowledged(ledger: Ledger, load: Load) -> Iterator[str]:
    """What somebody was told, and is not so."""
    numbers = {document.number for document in ledger.documents}
    for number in load.said.issued:
        if number not in numbers:
            yield f"{number} was issued, and is not there"
    at_bank = {payment.bank_id: payment for payment in ledger.bank}
    ours = {payment.provider_ref: payment for payment in ledger.payments}
    for bank_id, decision in load.said.decided.items():
        if bank_id not in at_bank:
            yield f"{bank_id} was decided, and the bank does not know it"
        elif decision in ("paid", "later") and (
            bank_id not in ours or ours[bank_id].status is not PaymentStatus.PAID
        ):
            yield f"{bank_id} was {decision}, and is {ours[bank_id].status if bank_id in ours else 'unknown'} here"
    by_id = {document.public_id: document.id for document in ledger.documents}
    files = {(file.document_id, file.language): file for file in ledger.files}
    for public_id, language in load.said.pdfs:
        file: DocumentFile | None = files.get((by_id[public_id], language))
        if file is None:
            yield f"the PDF of {public_id} in {language} was asked for, and is not there"


def failures(portal: Portal) -> list[str]:
    """Pages that failed, by the portal's own log: the request and the error."""
    told = [error.splitlines() for error in portal.tracebacks() if " failed\n" in error]
    return list(dict.fromkeys(f"{lines[0][24:]}: {lines[-1][:200]}" for lines in told))[:10]


def half_files(portal: Portal) -> list[str]:
    """What a writer that was killed left behind, and the daily run of the next day did not remove."""
    with portal.everything():
        storage.remove_unfinished(now=clock.now() + timedelta(days=1))
    return [path.name for path in (portal.config.files_dir).rglob("*.part")]
