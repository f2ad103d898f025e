"""The mail of an invoice waits for its PDF without being a burden, and learns when there is none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.core import clock, mail_delivery, mailer, outbox, outbox_handlers, pdf, smtp
from portal.core.audit import Actor
from portal.core.mail_message import MailMessage, MailState
from portal.core.outbox import OutboxRow, OutboxState
from portal.core.outbox_runner import drain
from portal.domain.invoices import rendering
from portal.domain.invoices.actions import queue_pdf, send_invoice
from portal.domain.invoices.models import Document
from portal.domain.people.models import Customer
from portal.domain.shops.models import Shop
from portal.extensions import db
from tests.cast import START, Ids, make_invoice

Stage = Callable[..., Any]
BEFORE, LATER = START + timedelta(seconds=20), START + timedelta(seconds=21)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The mails that left."""
    left: list[bytes] = []

    def send(raw: bytes, *, sender: str, recipients: Sequence[str]) -> dict[str, smtp.Answer]:
        left.append(raw)
        return dict.fromkeys(recipients, smtp.Answer(250, "OK"))

    monkeypatch.setattr(smtp, "send", send)
    return left


@pytest.fixture
def document_id(on_stage: Stage, ids: Ids) -> int:
    """An invoice whose PDF and mail are queued."""
    with on_stage():
        document = make_invoice(ids.emma_account)
        shop, customer = db.session.get_one(Shop, ids.shop), db.session.get_one(Customer, ids.emma_account)
        send_invoice(document, shop=shop, customer=customer, now=START, actor=Actor.system("test"))
        return document.id


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """No PDF can be made, and it is tried once; call it to mend that."""
    handler = outbox_handlers._handlers[rendering.BUILD]
    monkeypatch.setitem(outbox_handlers._handlers, rendering.BUILD, replace(handler, attempts=1))
    real = pdf.render

    def render(*args: Any, **options: Any) -> bytes:
        raise pdf.PdfError

    monkeypatch.setattr(pdf, "render", render)
    return lambda: monkeypatch.setattr(pdf, "render", real)


def work(app: Flask, lane: str, at: datetime) -> None:
    with clock.frozen(at):
        drain(app, lane)


def look(on_stage: Stage) -> tuple[MailState, str | None, OutboxState, datetime]:
    with on_stage():
        mail = db.session.query(MailMessage).one()
        row = db.session.scalars(sa.select(OutboxRow).where(OutboxRow.job == mailer.SEND)).one()
        return mail.state, mail.error, row.state, row.due_at


def test_a_mail_that_waits_is_not_rendered(
    app: Flask, on_stage: Stage, document_id: int, sent: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    colours: list[str] = []
    monkeypatch.setattr(mail_delivery, "_colours", lambda colour: colours.append(colour))
    work(app, "mail", START)
    assert look(on_stage)[:3] == (MailState.QUEUED, None, OutboxState.WAITING)
    assert (sent, colours) == ([], [])


def test_it_leaves_as_soon_as_its_pdf_is_there(
    app: Flask, on_stage: Stage, document_id: int, sent: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[str] = []
    monkeypatch.setattr(outbox, "_ring", rung.append)
    for second in (0, 5, 10, 20):
        work(app, "mail", START + timedelta(seconds=second))
    assert look(on_stage)[3] == START + timedelta(seconds=40)
    work(app, "documents", LATER)
    assert look(on_stage) == (MailState.QUEUED, None, OutboxState.WAITING, LATER)
    assert rung == ["mail"]
    work(app, "mail", LATER)
    assert look(on_stage)[0] is MailState.SENT and b"application/pdf" in sent[0]


def test_a_translation_wakes_nobody(app: Flask, on_stage: Stage, document_id: int) -> None:
    work(app, "mail", START)
    with on_stage():
        document = db.session.get_one(Document, document_id)
        rendering.keep_file(document, "nl", b"%PDF-1.7 vertaald", now=START + timedelta(seconds=1))
    assert look(on_stage)[3] == START + timedelta(seconds=5)


def test_the_mail_of_another_invoice_goes_on_waiting(
    app: Flask, on_stage: Stage, ids: Ids, document_id: int
) -> None:
    work(app, "mail", START)
    with on_stage():
        rendering.keep_file(make_invoice(ids.emma_account), "en", b"%PDF-1.7 other", now=BEFORE)
    assert look(on_stage)[3] == START + timedelta(seconds=5)


def test_without_a_pdf_it_fails_for_the_reason_and_can_be_sent_when_there_is_one(
    app: Flask, on_stage: Stage, document_id: int, sent: list[bytes], broken: Callable[[], None]
) -> None:
    for second in (0, 5, 10):
        work(app, "mail", START + timedelta(seconds=second))
    work(app, "documents", LATER)
    assert look(on_stage)[2:] == (OutboxState.WAITING, LATER), "it is woken to learn of it"
    work(app, "mail", LATER)
    state, error, row_state, _ = look(on_stage)
    assert (state, row_state) == (MailState.FAILED, OutboxState.FAILED)
    assert error is not None and error.startswith("the PDF could not be built: PdfError")
    assert sent == []

    def again(at: datetime) -> None:
        with on_stage():
            mailer.resend(db.session.query(MailMessage).one(), now=at)
        work(app, "mail", at)

    again(LATER + timedelta(seconds=1))
    assert look(on_stage)[0] is MailState.FAILED and sent == [], "there is still none"
    broken()
    with on_stage():
        queue_pdf(db.session.get_one(Document, document_id), language="en", now=LATER)
    work(app, "documents", LATER + timedelta(seconds=2))
    again(LATER + timedelta(seconds=3))
    assert look(on_stage)[:2] == (MailState.SENT, None) and len(sent) == 1
