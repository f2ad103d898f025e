"""What is loaded before the forks, and in a worker before its first job."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from portal.core import pdf
from portal.core.locale import LANGUAGES
from portal.extensions import db
from portal.installation import hooks


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


def test_a_template_that_cannot_be_rendered_keeps_nothing_from_starting(
    app: Flask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_arguments: object, **_named: object) -> bytes:
        raise pdf.PdfError("no such font")

    monkeypatch.setattr(pdf, "render", broken)
    hooks.warm(app)
    assert "the portal starts without it" in caplog.text
