"""The example section, loaded as an installed package would be: it lives on ``portal.api`` alone."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import flask_migrate
import pytest
from flask import Flask

from portal.core import clock, sections
from portal.core.tenancy import shop_scope
from portal.extensions import db
from tests import cast
from tests.conftest import make_app
from tests.page_client import PageClient

HERE = Path(__file__).parent


@pytest.fixture
def extended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Flask, cast.Ids]]:
    point = EntryPoint("calendar", "loket_calendar:section", sections.ENTRY_POINTS)
    monkeypatch.syspath_prepend(str(HERE))
    monkeypatch.setattr(
        sections, "entry_points", lambda group: [point] if group == sections.ENTRY_POINTS else []
    )
    app = make_app(
        tmp_path, f"sqlite:///{tmp_path / 'extended.sqlite'}", SMTP_URL="smtp://127.0.0.1:9", PACKAGES=True
    )
    with app.app_context():
        flask_migrate.upgrade()
        ids = cast.put_on_stage()
        db.session.remove()
        db.engine.dispose()
    yield app, ids
    with app.app_context():
        db.engine.dispose()
    sys.modules.pop("loket_calendar", None)


def emma(app: Flask, ids: cast.Ids) -> PageClient:
    with app.app_context(), shop_scope(ids.shop):
        cast.sign_in(ids.emma, "t" * 43)
        db.session.commit()
    client: PageClient = app.test_client()  # type: ignore[assignment]
    client.set_cookie("__Host-loket_person", "t" * 43, domain=cast.HOST, secure=True, path="/")
    return client


def test_it_is_in_the_sidebar_on_home_and_has_a_page(extended: tuple[Flask, cast.Ids]) -> None:
    app, ids = extended
    with app.app_context(), shop_scope(ids.shop):
        mine = [cast.make_invoice(ids.emma_account, now=clock.now()).number for _ in range(2)]
        theirs = cast.make_invoice(ids.jan_account, now=clock.now()).number
        db.session.commit()
    client = emma(app, ids)
    page = client.get("/customer/calendar").get_data(as_text=True)
    assert 'href="/customer/calendar" aria-current="page"' in page
    assert all(str(number) in page for number in mine) and str(theirs) not in page
    assert "/customer/calendar" in client.get("/customer").get_data(as_text=True)
    visitor: PageClient = app.test_client()  # type: ignore[assignment]
    assert visitor.get("/customer/calendar").status_code == 303


def test_it_imports_the_public_api_and_nothing_else_of_the_portal() -> None:
    for node in ast.walk(ast.parse((HERE / "loket_calendar" / "__init__.py").read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("portal"):
            assert (node.module, [alias.name for alias in node.names]) == ("portal", ["api"])


def test_what_is_no_section_says_so_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("wrong", "pathlib:Path", sections.ENTRY_POINTS)
    monkeypatch.setattr(
        sections, "entry_points", lambda group: [point] if group == sections.ENTRY_POINTS else []
    )
    with pytest.raises(sections.BadSection, match=r"pathlib: the entry point wrong = pathlib:Path is not"):
        make_app(tmp_path, f"sqlite:///{tmp_path / 'x.sqlite'}", PACKAGES=True)
