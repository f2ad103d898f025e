"""What is loaded before the forks, and in a worker before its first job."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from portal.core import pdf
from portal.core.locale import LANGUAGES
from portal.core.outbox import OutboxRow
from portal.domain.invoices.models import DocumentFile
from portal.extensions import db
from portal.installation import hooks
from tests.cast import Ids, make_invoice


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Which template was rendered in which language."""
    seen: list[tuple[str, str]] = []
    real = pdf.render

    def render(template: str, context: Any, *, locale: str) -> bytes:
        data = real(template, context, locale=locale)
        seen.append((template, locale))
        return data

    monkeypatch.setattr(pdf, "render", render)
    return seen


def test_the_parent_renders_an_invoice_and_opens_no_connection(
    app: Flask, rendered: list[tuple[str, str]]
) -> None:
    opened: list[object] = []

    def note(*arguments: object) -> None:
        opened.append(arguments)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "connect", note)
    try:
        hooks.warm(app)
    finally:
        event.remove(engine, "connect", note)
    assert rendered == [("pdf/invoice.html", language) for language in LANGUAGES]
    assert not opened, "a connection opened before the fork would be shared by all parts"


def test_only_the_worker_of_documents_renders_one_more(app: Flask, rendered: list[tuple[str, str]]) -> None:
    hooks.settle(app, ("mail", "billing"))
    assert not rendered
    hooks.settle(app, ("documents",))
    assert len(rendered) == len(LANGUAGES)


def test_it_rehearses_with_the_newest_document_and_keeps_nothing(
    app: Flask, on_stage: Callable[..., Any], ids: Ids, rendered: list[tuple[str, str]]
) -> None:
    with on_stage():
        make_invoice(ids.emma_account)
        make_invoice(ids.jan_account).language = "nl"
        db.session.flush()
        waiting = db.session.query(OutboxRow).count()
    hooks.settle(app, ("documents",))
    assert rendered[len(LANGUAGES) :] == [("pdf/invoice.html", "nl")]
    with on_stage():
        assert db.session.query(DocumentFile).count() == 0
        assert db.session.query(OutboxRow).count() == waiting


def test_what_keeps_the_rehearsal_from_going_on_keeps_no_worker_from_starting(
    app: Flask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_arguments: object, **_named: object) -> Any:
        raise OperationalError("select", {}, Exception("database is locked"))

    monkeypatch.setattr(db.session, "execute", broken)
    hooks.settle(app, ("documents",))
    assert "the worker starts without it" in caplog.text


def test_a_template_that_cannot_be_rendered_keeps_nothing_from_starting(
    app: Flask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_arguments: object, **_named: object) -> bytes:
        raise pdf.PdfError("no such font")

    monkeypatch.setattr(pdf, "render", broken)
    hooks.warm(app)
    assert "the portal starts without it" in caplog.text
