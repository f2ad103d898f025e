"""The worker off for nine days, the clock moved on and back, every run twice: each due thing once."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from portal.core import clock, schedule
from portal.core.mailer import MailMessage
from portal.core.outbox import OutboxRow, OutboxState
from portal.domain.payments.models import Payment, PaymentStatus
from portal.extensions import db
from soak import books
from soak.bank import Bank
from soak.books import Ledger
from soak.faults.mail import until
from soak.installation import DOCUMENTS, MAIL, SCHEDULER, Portal
from soak.report import Part
from soak.scene import Bill, Scene
from tests.services import SmtpService

AHEAD = timedelta(days=9)


def run(part: Part, folder: Path, server: SmtpService, seed: int, where: str, **settings: str) -> None:
    before = len(server.log())
    portal = Portal(folder, smtp_url=server.url, SOAK_LATER="60", **settings)
    with Bank(portal.port) as bank:
        portal.env["SOAK_BANK_URL"] = bank.url
        with portal:
            scene = Scene(portal)
            bills, lost = meanwhile(scene, bank, random.Random(seed))
            portal.kill_all()
            portal.env["SOAK_AHEAD"] = str(AHEAD.total_seconds())
            portal.start()
            nine_days_later(part, scene, where, bills, lost, server, before)
            twice(part, scene, where, server, before)
            backwards(part, scene, where, server, before)


def meanwhile(scene: Scene, bank: Bank, chance: random.Random) -> tuple[list[tuple[Bill, str]], Bill]:
    """Nine days on which only the web server works: what people did, and an attempt whose answer was lost."""
    for name in (MAIL, DOCUMENTS, SCHEDULER):
        for pid in scene.portal.named(name):
            os.kill(pid, signal.SIGSTOP)
    done = []
    cases = [
        (decision, notice)
        for decision in ("paid", "later", "failed")
        for notice in ("before", "after", "thrice", "never")
    ]
    chance.shuffle(cases)
    for decision, notice in cases:
        bill, payer = scene.bill(), scene.visitor()
        payer.decide(payer.pay(bill.link).location, decision, notice)
        done.append((bill, decision))
    emma = scene.emma()
    token = emma.token("/customer")
    for bill, _ in done[:3]:
        emma.post_with(token, f"/customer/invoices/{bill.public_id}/pdf", {"language": "nl"})
    scene.visitor().post("/forgot-password", {"email": "jan@example.com"})
    lost = scene.bill()
    bank.swallow = True
    scene.visitor().pay(lost.link)
    bank.honest()
    return done, lost


def ripe(scene: Scene) -> list[str]:
    """Waits until everything due by the portal's own clock is done; nothing is pushed."""
    # A mail whose PDF was not there yet comes again half a minute later.
    horizon = timedelta(minutes=1) + (AHEAD if "SOAK_AHEAD" in scene.portal.env else timedelta(0))

    def open_rows() -> int:
        with scene.portal.everything():
            return (
                db.session.scalar(
                    sa.select(sa.func.count(OutboxRow.id)).where(
                        OutboxRow.state.in_(books.OPEN), OutboxRow.due_at <= clock.now() + horizon
                    )
                )
                or 0
            )

    quiet = 0

    def calm() -> bool:
        nonlocal quiet
        quiet = quiet + 1 if open_rows() == 0 else 0
        return quiet > 60  # three seconds long

    return [] if until(calm, 120) else [f"{open_rows()} due rows are still open"]


def nine_days_later(
    part: Part,
    scene: Scene,
    where: str,
    bills: list[tuple[Bill, str]],
    lost: Bill,
    server: SmtpService,
    before: int,
) -> None:
    """All of it is due at once."""
    wrong = ripe(scene)
    # "Paid later" is due a minute after the click by the bank's clock; the question, at once for what is so old.
    with scene.portal.scope():
        asked = db.session.scalar(
            sa.select(sa.func.count(OutboxRow.id)).where(OutboxRow.job == "payments.ask")
        )
    if not asked:
        wrong.append("the scheduler did not ask the bank about payments nine days old")
    for bill, decision in bills:
        left, times = scene.document(bill).open_minor, scene.paid_times(bill)
        if (decision == "failed") is not bool(left) or times != (decision != "failed"):
            wrong.append(f"{bill.number}, {decision}: {left} open, paid {times} times")
    (payment,) = scene.payments(lost)
    if payment.status is not PaymentStatus.EXPIRED:
        wrong.append(f"an attempt sent nine days ago, whose answer was lost, is {payment.status}")
    ledger = Ledger(scene.portal, server.log()[before:])
    links = [mail for mail in ledger.mails if mail.name not in ("invoice_issued", "payment_confirmation")]
    tolerated = (f"{lost.number}", "is not in the portal's book")
    part.row(
        f"worker off for nine days ({where}): each due thing is done once",
        f"{ledger.told}, {len(links)} other mails, {asked} questions to the bank",
        [*wrong, *(each for each in ledger.everything_wrong() if not any(t in each for t in tolerated))],
    )


def counted(scene: Scene) -> Counter[str]:
    """How many rows there are of what must not come twice."""
    with scene.portal.everything():
        return Counter(
            {
                model.__tablename__: db.session.scalar(sa.select(sa.func.count()).select_from(model)) or 0
                for model in (MailMessage, Payment)
            }
        )


def twice(part: Part, scene: Scene, where: str, server: SmtpService, before: int) -> None:
    """Every run again, as of then and as of nine days after; and the scheduler started anew."""
    seen, mails = counted(scene), len(server.log())
    wrong: list[str] = []
    names = [function.name for function in schedule.registered()]
    then = clock.now() + AHEAD
    for now in (then, then, then + AHEAD, then + AHEAD):
        for name in names:
            if not schedule.run(scene.portal.app, name, now=now):
                wrong.append(f"{name} failed as of {now:%d %B}")
    for pid in scene.portal.named(SCHEDULER):
        os.kill(pid, signal.SIGKILL)
    time.sleep(3)
    wrong += ripe(scene)
    if counted(scene) != seen:
        wrong.append(f"there were {dict(seen)}, and are {dict(counted(scene))}")
    if len(server.log()) != mails:
        wrong.append(f"{len(server.log()) - mails} more lines in the mail server's log")
    part.row(f"every run twice ({where}): nothing more happens", f"{len(names)} runs, 4 times each", wrong)


def backwards(part: Part, scene: Scene, where: str, server: SmtpService, before: int) -> None:
    """The clock goes back nine days while a worker holds a row, which then is due in nine days."""
    portal = scene.portal
    for name in (MAIL, DOCUMENTS):
        for pid in portal.named(name):
            os.kill(pid, signal.SIGSTOP)
    held = scene.bill()
    # As a worker leaves it that is killed at its work.
    with portal.everything():
        db.session.execute(
            sa.update(OutboxRow)
            .where(OutboxRow.job == "invoices.build_pdf", OutboxRow.state == OutboxState.WAITING)
            .values(
                state=OutboxState.RUNNING,
                attempts=1,
                claimed_by="dead",
                lease_until=clock.now() + AHEAD + timedelta(seconds=30),
            ),
            execution_options={"synchronize_session": False},
        )
        db.session.commit()
    portal.kill_all()
    del portal.env["SOAK_AHEAD"]
    portal.start()
    wrong: list[str] = []
    bill, payer = scene.bill(), scene.visitor()
    payer.decide(payer.pay(bill.link).location, "paid", "before")
    if not until(lambda: scene.document(bill).open_minor == 0, 60):
        wrong.append("a payment of after the clock went back is not booked")
    wrong += ripe(scene)
    for each, name in ((held, "held while the clock went back"), (bill, "made after it")):
        _mail, row = scene.mail_of(each)
        if row.state is not OutboxState.DONE:
            wrong.append(f"the mail {name} is {row.state} ({row.last_error})")
    ledger = Ledger(portal, server.log()[before:])
    part.row(
        f"clock nine days back ({where}): work goes on, also what a dead worker held",
        ledger.told,
        [*wrong, *ledger.mails_twice(())[1], *ledger.files_missing(), *ledger.audit_missing()],
    )
