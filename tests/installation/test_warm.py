"""What is loaded before the forks, and in a worker before its first job."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from portal.core import pdf
from portal.core.locale import LANGUAGES
from portal.core.outbox import OutboxRow
from portal.domain.invoices import rendering
from portal.domain.invoices.models import Document, DocumentFile
from portal.domain.shops.models import Shop
from portal.extensions import db
from portal.installation import hooks
from tests.cast import Ids, make_invoice
from tests.services import IN_TURN

on_sqlite = pytest.mark.skipif(
    IN_TURN == ["postgres"], reason="of SQLite's one lock, or in a database of its own"
)


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


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The documents that were read as a job reads them."""
    seen: list[int] = []
    real = rendering.document_context

    def context(document: Document, shop: Shop, language: str) -> dict[str, Any]:
        seen.append(document.id)
        return real(document, shop, language)

    monkeypatch.setattr(rendering, "document_context", context)
    return seen


def test_it_reads_the_newest_document_and_renders_and_keeps_nothing_of_it(
    app: Flask,
    on_stage: Callable[..., Any],
    ids: Ids,
    read: list[int],
    rendered: list[tuple[str, str]],
) -> None:
    with on_stage():
        make_invoice(ids.emma_account)
        newest = make_invoice(ids.jan_account).id
        waiting = db.session.query(OutboxRow).count()
    hooks.settle(app, ("documents",))
    assert read == [newest] and len(rendered) == len(LANGUAGES)
    with on_stage():
        assert db.session.query(DocumentFile).count() == 0
        assert db.session.query(OutboxRow).count() == waiting


@on_sqlite
def test_reading_it_waits_for_nobody_who_writes(
    app: Flask, on_stage: Callable[..., Any], ids: Ids, read: list[int]
) -> None:
    """A worker that is stopped while it reads must not keep others from writing, nor wait for them."""
    with on_stage():
        make_invoice(ids.emma_account)
    with app.app_context():
        path = db.engine.url.database
    other = sqlite3.connect(str(path), isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        hooks.settle(app, ("documents",))
        took = time.monotonic() - began
    finally:
        other.close()
    assert len(read) == 1 and took < 5


@on_sqlite
def test_without_tables_a_worker_starts_all_the_same(
    app: Flask, caplog: pytest.LogCaptureFixture, read: list[int]
) -> None:
    with app.app_context():
        db.drop_all()
    hooks.settle(app, ("documents",))
    assert "the worker starts without it" in caplog.text and read == []


def test_a_template_that_cannot_be_rendered_keeps_nothing_from_starting(
    app: Flask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_arguments: object, **_named: object) -> bytes:
        raise pdf.PdfError("no such font")

    monkeypatch.setattr(pdf, "render", broken)
    hooks.warm(app)
    assert "the portal starts without it" in caplog.text
