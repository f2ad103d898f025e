"""Catalogues: what is missing is named, what is compiled is found, and an update loses nothing."""

from __future__ import annotations

import gettext
import os
from pathlib import Path

import pytest

from portal.installation import translations

HEAD = (
    'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n'
    '"Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n\n'
)


@pytest.fixture
def portal(tmp_path: Path) -> Path:
    folder = tmp_path / "portal"
    (folder / "templates").mkdir(parents=True)
    (folder / "views.py").write_text('from x import _\n_("Pay")\n_l("Hello %(name)s", name=1)\n')
    (folder / "templates" / "page.html").write_text(
        "{{ _('Log in') }}{% trans %}  Two\n  lines {% endtrans %}"
    )
    return folder


def catalogue(portal: Path, body: str) -> Path:
    path = portal / "translations" / "nl" / "LC_MESSAGES" / "messages.po"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEAD + body)
    return path


FULL = (
    'msgid "Pay"\nmsgstr "Betalen"\n\nmsgid "Hello %(name)s"\nmsgstr "Dag %(name)s"\n\n'
    'msgid "Log in"\nmsgstr "Inloggen"\n\nmsgid "Two lines"\nmsgstr "Twee regels"\n'
)


def test_a_full_catalogue_has_no_complaints(portal: Path) -> None:
    catalogue(portal, FULL)
    assert translations.check(portal / "translations", portal) == []


@pytest.mark.parametrize(
    ("was", "becomes", "complaint"),
    [
        ('msgid "Pay"\nmsgstr "Betalen"\n\n', "", "nl: portal/views.py:2: 'Pay' is missing"),
        ('"Betalen"', '""', "nl: portal/views.py:2: 'Pay' is not translated"),
        (
            'msgid "Pay"',
            '#, fuzzy\nmsgid "Pay"',
            "nl: portal/views.py:2: 'Pay' is marked as doubtful (fuzzy)",
        ),
        ("Dag %(name)s", "Dag %(naam)s", "nl: portal/views.py:3: 'Hello %(name)s' has other placeholders"),
        ('msgid "Log in"', 'msgid "Log on"', "nl: 'Log on' is in the catalogue but nowhere in use"),
    ],
)
def test_each_fault_is_a_line(portal: Path, was: str, becomes: str, complaint: str) -> None:
    assert was in FULL
    catalogue(portal, FULL.replace(was, becomes))
    found = translations.check(portal / "translations", portal)
    assert any(line.startswith(complaint) for line in found), found


def test_compiles_what_changed_and_only_that(portal: Path) -> None:
    source = catalogue(portal, FULL)
    (target,) = translations.compile_changed(portal / "translations")
    assert gettext.GNUTranslations(target.open("rb")).gettext("Pay") == "Betalen"
    assert translations.compile_changed(portal / "translations") == []
    later = target.stat().st_mtime + 5
    os.utime(source, (later, later))
    assert translations.compile_changed(portal / "translations") == [target]
    assert [path.name for path in target.parent.iterdir() if path.name.startswith(".")] == []


def test_an_update_adds_and_takes_out_and_keeps(portal: Path) -> None:
    source = catalogue(portal, 'msgid "Pay"\nmsgstr "Betalen"\n\nmsgid "Gone"\nmsgstr "Weg"\n')
    translations.update(portal / "translations", portal)
    text = source.read_text()
    assert (
        'msgid "Pay"\nmsgstr "Betalen"' in text and 'msgid "Log in"\nmsgstr ""' in text and "Gone" not in text
    )
