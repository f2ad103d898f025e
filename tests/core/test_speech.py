"""The language of a page is found once, and again as soon as another is forced or the page's own is refreshed."""

from __future__ import annotations

import flask_babel
import pytest
from flask import Flask, render_template_string
from flask_babel import force_locale, gettext, lazy_gettext, ngettext

from portal.core import speech
from portal.core.templating import language

LAZY = lazy_gettext("Invoices")


def said() -> tuple[str, ...]:
    template = "{{ _('Invoices') }} {{ ngettext('%(num)d day overdue', '%(num)d days overdue', 2) }}"
    return language(), gettext("Invoices"), str(LAZY), ngettext(
        "%(num)d day overdue", "%(num)d days overdue", 2
    ), render_template_string(template)  # fmt: skip


ENGLISH = ("en", "Invoices", "Invoices", "2 days overdue", "Invoices 2 days overdue")
DUTCH = ("nl", "Facturen", "Facturen", "2 dagen te laat", "Facturen 2 dagen te laat")


def test_a_forced_language_speaks_until_it_ends(app: Flask) -> None:
    with app.app_context():
        assert said() == ENGLISH
        with force_locale("nl"):
            assert said() == DUTCH
            with force_locale("en"):
                assert said() == ENGLISH
            assert said() == DUTCH
        assert said() == ENGLISH


def test_a_refreshed_page_asks_again(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = ["en"]
    monkeypatch.setattr(app.extensions["babel"], "locale_selector", lambda: chosen[0])
    with app.app_context():
        assert said() == ENGLISH
        chosen[0] = "nl"
        assert said() == ENGLISH
        flask_babel.refresh()
        assert said() == DUTCH


def test_each_page_has_its_own(app: Flask) -> None:
    for tongue, words in (("nl", DUTCH), ("en", ENGLISH)):
        with app.app_context(), force_locale(tongue):
            assert said() == words


def test_without_a_page_it_is_english() -> None:
    assert speech.spoken().language == "en"
    assert speech.texts.get_translations().gettext("Invoices") == "Invoices"


def test_it_is_looked_for_once(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(speech, "get_locale", lambda: asked.append(1) or flask_babel.get_locale())
    with app.app_context():
        said()
        said()
    assert asked == [1]
