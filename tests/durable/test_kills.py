"""SIGKILL at random and at chosen points: every mail and file is there, none twice but what was taken before."""

from __future__ import annotations

import hashlib
import random
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from portal.core import mailer, storage
from portal.core.mailer import MailState
from portal.core.outbox import OutboxState
from portal.domain.invoices import rendering
from portal.domain.invoices.models import Document
from portal.extensions import db
from tests.durable.background import in_shop, marks, rows
from tests.durable.harness import KILLS, MAIL_AND_BILLING, PortalBench, bench, portal_bench
from tests.durable.repeats import LOG_LAG, repeats, unexcused
from tests.services import RedisService, SmtpService, wait_until

PER_KILL = 10
#: Invoices for each kill of their builder, long enough for it to fall in the middle; every fifth time the sender too.
PER_BUILD, LINES, MAILS_IN = 2, 25, 5
BUILD, SEND = "invoices.build_pdf", mailer.SEND

pytestmark = [pytest.mark.redis, pytest.mark.smtp, pytest.mark.slow]


def test_mails_survive_kills_of_their_worker(
    tmp_path: Path, redis_server: RedisService, smtp_server: SmtpService
) -> None:
    pause = random.Random(2026)
    with bench(tmp_path, redis_url=redis_server.url, smtp_url=smtp_server.url, lease=2) as it:
        before = len(smtp_server.log())
        it.start(MAIL_AND_BILLING)
        for number in range(KILLS):
            seen = len(smtp_server.log())
            for part in range(PER_KILL):
                it.queue_mail(f"{number}-{part}")
            it.until(lambda seen=seen: len(smtp_server.log()) > seen, what="a mail")
            time.sleep(pause.uniform(0, 0.06))
            it.kill(*MAIL_AND_BILLING)
        it.until(lambda: it.open_rows() == 0, seconds=60, what="the last mail")
        mails = it.mails()
        log = smtp_server.log()[before:]

    assert len(mails) == KILLS * PER_KILL
    assert {mail.state for mail in mails} == {MailState.SENT}
    sent = Counter(line["message_id"] for line in log if line["event"] == "answered")
    assert set(sent) == {f"<{mail.message_id}>" for mail in mails}
    twice = repeats(log)
    wrong = unexcused(log, it.kills_of(*MAIL_AND_BILLING))
    assert not wrong, f"sent again although no sender was killed right after the server had answered: {wrong}"
    print(f"{KILLS} kills, {len(mails)} mails, {len(twice)} answered just before a kill and repeated")


@pytest.mark.parametrize(("point", "times"), [("die-before", 1), ("die-half", 1), ("die-after", 2)])
def test_a_mail_survives_a_kill_at_each_point(
    tmp_path: Path, redis_server: RedisService, smtp_server: SmtpService, point: str, times: int
) -> None:
    with bench(tmp_path, redis_url=redis_server.url, smtp_url=smtp_server.url, lease=1) as it:
        it.queue_mail(point)
        it.start(MAIL_AND_BILLING)
        it.until(lambda: it.open_rows() == 0, what="the mail")
        (mail,) = it.mails()
        died_at = float((tmp_path / point).read_text())
    assert (mail.state, rows(it.app)[0].attempts) == (MailState.SENT, 2)
    answers = smtp_server.answered(f"<{mail.message_id}>")
    assert len(answers) == times
    if times == 2:
        assert answers[0]["at"] <= died_at + LOG_LAG, (
            "the server had answered before the kill, or this must not happen"
        )


def test_pdfs_and_the_mails_that_wait_for_them_survive_kills(
    tmp_path: Path, redis_server: RedisService, smtp_server: SmtpService
) -> None:
    """The portal's own invoices: each kill falls while xhtml2pdf renders one, or while a mail is handed over."""
    pause = random.Random(2027)
    before = len(smtp_server.log())
    with portal_bench(tmp_path, redis_url=redis_server.url, smtp_url=smtp_server.url, lease=2) as it:
        it.start(MAIL_AND_BILLING, ["documents"])
        issued = 0

        def issue() -> None:
            nonlocal issued
            it.issue(PER_BUILD, lines=LINES)
            issued += PER_BUILD

        for number in range(KILLS):
            issue()
            it.strike("documents", doing="render", after=pause.uniform(0, 0.04), more=issue)
            if number % MAILS_IN == 0:
                it.strike(*MAIL_AND_BILLING, doing="send", after=0, more=issue)
        it.until(lambda: it.open_rows() == 0, seconds=120, what="the last mail")
        work, mails, stored = rows(it.app), it.mails(), pdfs(it)
    log = smtp_server.log()[before:]

    assert {row.state for row in work} == {OutboxState.DONE}
    again = {job: sum(row.attempts - 1 for row in work if row.job == job) for job in (BUILD, SEND)}
    assert again[BUILD] >= KILLS, f"{again}: a kill hit nobody at work"
    assert again[SEND] >= len(range(0, KILLS, MAILS_IN)), f"{again}: a kill hit nobody at work"
    assert len(stored) == issued
    for number, data in stored.items():
        assert number in text_of(data), "the PDF of another invoice, or none"

    assert len(mails) == len(stored) and {mail.state for mail in mails} == {MailState.SENT}
    answered = [line for line in log if line["event"] == "answered"]
    assert {line["message_id"] for line in answered} == {f"<{mail.message_id}>" for mail in mails}
    for line in answered:
        ((name, data),) = smtp_server.attached(line["file"])
        number = name.removeprefix("invoice-").removesuffix(".pdf")
        assert data == stored[number], "the mail holds the PDF that is kept"
    wrong = unexcused(log, it.kills_of(*MAIL_AND_BILLING))
    assert not wrong, f"sent again although no sender was killed right after the server had answered: {wrong}"
    print(
        f"{len(it.kills)} kills for {KILLS} in the middle of a PDF, {len(stored)} PDFs; made again: {again}"
    )


def pdfs(it: PortalBench) -> dict[str, bytes]:
    """The kept PDF of every invoice, by number."""
    found = {}
    with in_shop(it.app, it.ids.shop):
        for document in db.session.query(Document):
            file = rendering.find_file(document, document.language)
            assert file is not None, f"invoice {document.number} has no PDF"
            data = storage.get(file.storage_key)
            assert hashlib.sha256(data).hexdigest() == file.sha256
            found[str(document.number)] = data
    return found


def text_of(data: bytes) -> str:
    """The words of a PDF."""
    run = subprocess.run(["pdftotext", "-", "-"], input=data, capture_output=True, check=True)
    return run.stdout.decode()


def test_a_worker_told_to_stop_finishes_its_row_and_begins_no_other(
    tmp_path: Path, redis_server: RedisService
) -> None:
    with bench(tmp_path, redis_url=redis_server.url) as it:
        it.add("probe.slow", "first")
        it.add("probe.slow", "second")
        it.start(MAIL_AND_BILLING)
        wait_until(lambda: rows(it.app)[0].state is OutboxState.RUNNING, what="the beginning")
        time.sleep(0.2)
        assert it.stop() == 0
        assert (tmp_path / "mail-billing.ended").read_text() == "0"
        assert marks(it.app) == ["first"]
        assert [row.state for row in rows(it.app)] == [OutboxState.DONE, OutboxState.WAITING]
